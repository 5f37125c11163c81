// The view in the page's address: a link opens the same one. See link.ts for how it is written.

import { batch, computed, effect, signal } from "@preact/signals-core";
import { mountCopy } from "./copy";
import { byId } from "./dom";
import { imagesOf, isEverywhere } from "./groups";
import { decode, encode, type View } from "./link";
import { pack, unpack } from "./packing";
import { SIDES, type State } from "./state";
import type { TableState } from "./table_state";
import { theme, THEMES } from "./theme";

const OURS = "view"; // what the browser keeps with an address that was written here
const PAUSE = 300; // milliseconds: browsers allow so many changes of the address

interface Parts {
  state: State | null; // of what is looked into, where there is something
  table: TableState | null;
  colors: readonly string[]; // that can be chosen
}

export function mountAddress(parts: Parts): void {
  // A group of images is known once the runs of both embeddings are there.
  const awaited = signal("");
  const packed = computed(() => pack(parts.state?.selection.value ?? []));
  const now = (): View => ({ ...ofState(parts.state, awaited.value, packed), ...ofTable(parts.table), theme: theme.value });
  const first = { ...now(), theme: "auto" };
  let anchor = decode(location.hash).anchor;

  const write = () => {
    const view = changed(now(), first);
    const text = encode({ ...view, anchor });
    if (text === location.hash.slice(1) && history.state === OURS) return;
    try {
      history.replaceState(OURS, "", text ? `#${text}` : location.href.split("#")[0]);
    } catch { /* A page within another has no address of its own. */ }
  };
  const read = () => {
    const view = decode(location.hash);
    anchor = view.anchor;
    // A link within the page is an anchor alone, and leaves the view as it is; going back does not.
    if (location.hash.includes("?") || history.state === OURS) {
      apply({ ...first, theme: theme.value, ...view }, parts, awaited);
      if (anchor) document.getElementById(anchor)?.scrollIntoView();
    }
  };

  read();
  if (parts.state) awaitRuns(parts.state, awaited);
  let waiting = 0;
  effect(() => {
    now();
    waiting ||= window.setTimeout(() => { waiting = 0; write(); }, PAUSE);
  });
  theme.subscribe(write); // at once: a page that is loaded again has the theme chosen last
  addEventListener("hashchange", () => { read(); write(); });
  mountCopy(byId("link-part"), "Copy link", () => { write(); return location.href; });
}

// What of a view is not as at first.
const changed = (view: View, first: View): View => Object.fromEntries(Object.entries(view).filter(
  ([name, value]) => JSON.stringify(value) !== JSON.stringify(first[name as keyof View])));

function ofState(state: State | null, awaited: string, packed: { value: string }): View {
  if (!state) return {};
  const [a, b] = SIDES.map((side) => state.page.data.pipelines[state.pipeline[side].value].name);
  const group = awaited || (isEverywhere(state, state.group.value) ? state.group.value : "");
  return {
    a, b, group, seed: state.seed.value, color: state.color.value, images: group ? "" : packed.value,
    image: state.pointed.value ?? undefined,
  };
}

function ofTable(table: TableState | null): View {
  if (!table) return {};
  return {
    find: table.find.value, where: table.where.value, only: table.only.value,
    sort: table.sort.value ?? undefined, columns: table.columns.value,
  };
}

// What a view names and the page lacks is ignored.
function apply(view: View, { state, table, colors }: Parts, awaited: { value: string }): void {
  batch(() => {
    if (view.theme && THEMES.includes(view.theme)) theme.value = view.theme;
    if (table) applyToTable(view, table);
    if (!state) return;
    const { pipelines, seeds, count } = state.page.data;
    for (const side of SIDES) {
      const found = pipelines.findIndex(({ name }) => name === view[side]);
      if (found >= 0) state.pipeline[side].value = found;
    }
    if (view.seed !== undefined && seeds.includes(view.seed)) state.seed.value = view.seed;
    if (view.color && colors.includes(view.color)) state.color.value = view.color;
    state.pointed.value = view.image !== undefined && view.image < count ? view.image : null;
    awaited.value = view.group ?? "";
    if (!view.group) state.select(unpack(view.images ?? "", count) ?? []);
  });
}

function applyToTable(view: View, table: TableState): void {
  const known = (key: string) => table.heads.some((head) => head.key === key);
  const those = <T>(values: Readonly<Record<string, T>> = {}, wanted: (key: string, value: T) => boolean) =>
    Object.fromEntries(Object.entries(values).filter(([key, value]) => wanted(key, value)));
  [table.find.value, table.where.value] = [view.find ?? "", view.where ?? ""];
  if (!view.sort || known(view.sort.key)) table.sort.value = view.sort ?? null;
  table.only.value = those(view.only, (key, value) => table.lines.some(({ choices }) => choices.get(key) === value));
  table.columns.value = those(view.columns, known);
}

function awaitRuns(state: State, awaited: { value: string }): void {
  effect(() => {
    const loaded = SIDES.every((side) =>
      state.run[side].value?.pipeline === state.page.data.pipelines[state.pipeline[side].value]);
    if (!awaited.value || !loaded) return;
    const images = imagesOf(state, awaited.value);
    if (images.length) state.select(images, awaited.value);
    awaited.value = "";
  });
}
