// Where images are in a plane: pure geometry, in CSS pixels of the plane.

import { ABSENT, FINE, type Run } from "./data";

export interface Transform { k: number; x: number; y: number } // as d3-zoom has it
export type Place = [x: number, y: number];

export const PADDING = 14; // around all images

// The functions that bring whole numbers of a run to a square plane of a side.
export function placing(size: number, { k, x, y }: Transform): { x: (value: number) => number; y: (value: number) => number } {
  const scale = (size - 2 * PADDING) / FINE;
  return {
    x: (value) => k * (PADDING + value * scale) + x,
    y: (value) => k * (PADDING + (FINE - value) * scale) + y,
  };
}

export const isThere = (run: Run, image: number): boolean => run.clusters[image] !== ABSENT;

// The nearest image to a place, within so many pixels; null where there is none.
export function nearest(run: Run, size: number, transform: Transform, [left, top]: Place, within: number): number | null {
  const to = placing(size, transform);
  let [found, least]: [number | null, number] = [null, within ** 2];
  for (let image = 0; image < run.x.length; image++) {
    const [dx, dy] = [to.x(run.x[image]) - left, to.y(run.y[image]) - top];
    if (dx * dx + dy * dy < least && isThere(run, image)) [found, least] = [image, dx * dx + dy * dy];
  }
  return found;
}

// The images within a polygon; by the even-odd rule, as SVG fills one that crosses itself.
export function within(run: Run, size: number, transform: Transform, corners: Place[]): number[] {
  const to = placing(size, transform);
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found: number[] = [];
  for (let image = 0; image < run.x.length; image++) {
    const [x, y] = [to.x(run.x[image]), to.y(run.y[image])];
    if (x < left || x > right || y < top || y > bottom || !isThere(run, image)) continue;
    if (contains(corners, x, y)) found.push(image);
  }
  return found;
}

export function contains(corners: Place[], x: number, y: number): boolean {
  let inside = false;
  for (let one = 0, other = corners.length - 1; one < corners.length; other = one++) {
    const [[ax, ay], [bx, by]] = [corners[one], corners[other]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

// The nearest image in a direction: no further aside than ahead. `up` and `right` are -1, 0 or 1.
export function next(run: Run, from: number, right: number, up: number): number {
  let [found, least] = [from, Infinity];
  for (let image = 0; image < run.x.length; image++) {
    if (!isThere(run, image)) continue;
    const [dx, dy] = [run.x[image] - run.x[from], run.y[image] - run.y[from]];
    const [ahead, aside] = [dx * right + dy * up, Math.abs(dx * up) + Math.abs(dy * right)];
    if (ahead > 0 && aside <= ahead && Math.hypot(dx, dy) < least) [found, least] = [image, Math.hypot(dx, dy)];
  }
  return found;
}

// The image nearest to the mean of all.
export function middle(run: Run): number {
  const there = [...run.x.keys()].filter((image) => isThere(run, image));
  const mean = (values: Uint16Array) => there.reduce((sum, image) => sum + values[image], 0) / there.length;
  const [x, y] = [mean(run.x), mean(run.y)];
  const away = (image: number) => Math.hypot(run.x[image] - x, run.y[image] - y);
  return there.reduce((best, image) => (away(image) < away(best) ? image : best), there[0]);
}

const CELLS = 48; // across, of the grid that density is counted in

// Where each group's images are densest, in numbers of the run; groups without images are left out.
export function densest(run: Run, of: ArrayLike<number>, groups: number): Map<number, Place> {
  const counts = new Map<number, Uint32Array>();
  const cell = (value: number) => Math.min(CELLS - 1, Math.floor((value * CELLS) / FINE));
  for (let image = 0; image < run.x.length; image++) {
    const group = of[image];
    if (group >= groups || !isThere(run, image)) continue;
    if (!counts.has(group)) counts.set(group, new Uint32Array(CELLS * CELLS));
    const grid = counts.get(group) as Uint32Array;
    // A point counts for its cell and the eight around it.
    for (let row = cell(run.y[image]) - 1, last = row + 2; row <= last; row++) {
      for (let column = cell(run.x[image]) - 1, end = column + 2; column <= end; column++) {
        if (row >= 0 && column >= 0 && row < CELLS && column < CELLS) grid[row * CELLS + column] += 1;
      }
    }
  }
  const center = (place: number): Place =>
    [(((place % CELLS) + 0.5) * FINE) / CELLS, ((Math.floor(place / CELLS) + 0.5) * FINE) / CELLS];
  return new Map([...counts].map(([group, grid]) =>
    [group, center(grid.reduce((best, value, place) => (value > grid[best] ? place : best), 0))]));
}
