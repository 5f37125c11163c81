// Selected images as files: a table, or their names.

import type { Run } from "./data";
import { namesOf, type Edits } from "./edits";
import { tagsAmong } from "./groups";
import type { State } from "./state";

// As RFC 4180 has it.
export const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export function csvOf(state: State, run: Run, edits: Edits, images: readonly number[]): string {
  const names = namesOf(run, edits.list);
  const rows = images.map((image) => [
    state.page.data.names[image],
    names.get(edits.clusters[image]) ?? "",
    state.isKnown(image) ? state.labelName(image) : "",
    tagsAmong(state, [image]).map(([tag]) => tag).join(";"),
  ]);
  return [["image", "cluster", "label", "tags"], ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

export const namesList = (state: State, images: readonly number[]): string =>
  images.map((image) => `${state.page.data.names[image]}\n`).join("");
