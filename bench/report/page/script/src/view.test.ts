import { describe, expect, test } from "vitest";
import { ABSENT, FINE, type Run } from "./data";
import { contains, densest, middle, nearest, next, PADDING, placing, within } from "./view";

const identity = { k: 1, x: 0, y: 0 };

function runOf(points: [number, number][], clusters = points.map(() => 0)): Run {
  const column = (axis: 0 | 1) => Uint16Array.from(points, (point) => Math.round(point[axis] * FINE));
  return {
    pipeline: {} as Run["pipeline"], seed: 0, x: column(0), y: column(1), clusters: Int16Array.from(clusters),
    distance: new Uint16Array(points.length), ambiguity: new Uint16Array(points.length),
    numbers: [0], labelOf: new Map(), nameOf: new Map(),
  };
}

const corners = runOf([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]);

test("greater numbers are further right and further up", () => {
  const to = placing(100, identity);
  expect([to.x(0), to.x(FINE), to.y(0), to.y(FINE)]).toEqual([PADDING, 100 - PADDING, 100 - PADDING, PADDING]);
});

test("the nearest image is found within reach, through a transform", () => {
  expect(nearest(corners, 100, identity, [PADDING + 1, 100 - PADDING], 12)).toBe(0);
  expect(nearest(corners, 100, identity, [30, 30], 5)).toBeNull();
  expect(nearest(corners, 100, { k: 2, x: 10, y: 0 }, [110, 100], 12)).toBe(4);
  expect(nearest(runOf([[0, 0]], [ABSENT]), 100, identity, [PADDING, 86], 12)).toBeNull();
});

describe("a polygon", () => {
  test("holds what is inside, by the even-odd rule", () => {
    const square: [number, number][] = [[0, 0], [10, 0], [10, 10], [0, 10]];
    expect(contains(square, 5, 5)).toBe(true);
    expect(contains(square, 15, 5)).toBe(false);
    const crossed: [number, number][] = [[0, 0], [10, 10], [10, 0], [0, 10]];
    expect([contains(crossed, 2, 5), contains(crossed, 5, 2)]).toEqual([true, false]);
  });

  test("selects the images in it", () => {
    expect(within(corners, 100, identity, [[0, 0], [40, 0], [40, 100], [0, 100]])).toEqual([0, 2]);
    expect(within(corners, 100, identity, [[0, 0], [1, 1]])).toEqual([]);
  });
});

test("arrows lead to the nearest image that is further ahead than aside", () => {
  expect(next(corners, 4, 1, 0)).toBe(3); // 0.5 is rounded up, so this one is nearer
  expect(next(corners, 0, 0, 1)).toBe(4);
  expect(next(corners, 3, 1, 0)).toBe(3); // nothing further right
  expect(middle(corners)).toBe(4);
});

test("a group's name stands where its images are densest", () => {
  const run = runOf([[0.1, 0.1], [0.9, 0.9], [0.91, 0.9], [0.9, 0.91], [0.5, 0.5]]);
  const found = densest(run, [0, 0, 0, 0, 1], 2);
  const [x, y] = found.get(0) as [number, number];
  expect(Math.abs(x / FINE - 0.9)).toBeLessThan(0.04);
  expect(Math.abs(y / FINE - 0.9)).toBeLessThan(0.04);
  expect([...found.keys()]).toEqual([0, 1]);
  expect(densest(run, [9, 9, 9, 9, 9], 2).size).toBe(0);
});
