import { expect, test } from "vitest";
import type { Neighbors } from "./data";
import { median, nearDuplicates, outliers } from "./nearness";

// Of points on a line; all distances, by sorting.
function neighborsOf(points: number[], near: number): Neighbors {
  const rows = points.map((point, own) => points
    .map((other, image) => ({ image, distance: Math.abs(point - other) }))
    .filter(({ image }) => image !== own)
    .sort((one, other) => one.distance - other.distance || one.image - other.image)
    .slice(0, near));
  return {
    images: Uint16Array.from(rows.flat().map(({ image }) => image)),
    distances: Float32Array.from(rows.flat().map(({ distance }) => distance)),
  };
}

test("the median of an even and of an odd number of values", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test("images nearer than 0.13 times the median are nearly the same, in chains too", () => {
  // The nearest neighbors lie at 0.1, 0.1, 0.1, 1, 1, 1, 1: the median is 1.
  const found = neighborsOf([0, 0.1, 0.2, 10, 11, 20, 21], 2);
  expect(nearDuplicates(found, 2, [])).toEqual([[0, 1, 2]]);
  expect(nearDuplicates(neighborsOf([0, 0.14, 10, 11, 20, 21], 2), 2, [])).toEqual([]);
});

test("groups that are identical are not listed as nearly the same", () => {
  const found = neighborsOf([0, 0, 5, 5.05, 10, 11, 20, 21, 30, 31], 2);
  expect(nearDuplicates(found, 2, [[0, 1]])).toEqual([[2, 3]]);
  expect(nearDuplicates(found, 2, [[0, 9]])).toEqual([[0, 1], [2, 3]]);
});

test("outliers are those whose last neighbor is farthest", () => {
  expect(outliers(neighborsOf([0, 1, 2, 3, 50, 4], 2), 2, 2)).toEqual([4, 0]);
});
