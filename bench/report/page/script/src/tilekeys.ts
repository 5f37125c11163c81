// Images in lists by keyboard: a list is one stop of the Tab key, arrows go from image to image,
// Enter does what a click does, Space selects or unselects. So does a click with Control or Shift.

import type { State } from "./state";

const imageOf = (event: Event): HTMLElement | null => (event.target as Element).closest<HTMLElement>("[data-image]");

export function mountTileKeys(state: State): void {
  document.addEventListener("click", (event) => {
    const tile = imageOf(event);
    if (!tile || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    toggle(state, Number(tile.dataset.image));
  }, true);
  document.addEventListener("keydown", (event) => {
    const list = (event.target as Element).closest<HTMLElement>("ul.tiles");
    if (!list || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.target as Element).closest("button, a")) return;
    if (act(state, event, list)) event.preventDefault();
  });
}

function act(state: State, { key, target }: KeyboardEvent, list: HTMLElement): boolean {
  const tiles = [...list.querySelectorAll<HTMLElement>("[data-image]")];
  const place = tiles.indexOf(target as HTMLElement);
  const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tiles.length - 1, ...upAndDown(tiles, place) }[key];
  if (next !== undefined) {
    const tile = tiles[Math.max(0, Math.min(next, tiles.length - 1))];
    if (tile) tile.tabIndex = -1;
    tile?.focus();
    return true;
  }
  if (place < 0 || (key !== "Enter" && key !== " ")) return false;
  if (key === "Enter") tiles[place].click();
  else toggle(state, Number(tiles[place].dataset.image));
  return true;
}

// In the row below or above, the one in the same column.
function upAndDown(tiles: HTMLElement[], place: number): Record<string, number> {
  const columns = tiles.filter((tile) => tile.offsetTop === tiles[0]?.offsetTop).length;
  return { ArrowDown: place < 0 ? 0 : place + columns, ArrowUp: place - columns };
}

export function toggle(state: State, image: number): void {
  const now = state.selection.value;
  state.select(now.includes(image) ? now.filter((each) => each !== image) : [...now, image]);
}
