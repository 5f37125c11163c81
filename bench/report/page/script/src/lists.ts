// Selected images as files: a table, or their names.

import type { Run } from "./data";
import { type Edits, namesOf } from "./edits";
import { quoted } from "./export";
import { tagsAmong } from "./groups";
import type { State } from "./state";

export function csvOf(state: State, run: Run, edits: Edits, images: readonly number[]): string {
  const names = namesOf(run, edits.list);
  const rows = images.map((image) => [
    state.page.data.names[image],
    names.get(edits.clusters[image]) ?? "",
    state.isKnown(image) ? state.labelName(image) : "",
    tagsAmong(state, [image]).map(([tag]) => tag).join(";"),
  ]);
  return [["image", "cluster", "label", "tags"], ...rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

export const namesList = (state: State, images: readonly number[]): string =>
  images.map((image) => `${state.page.data.names[image]}\n`).join("");
