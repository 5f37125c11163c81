// What distances to nearest neighbors tell: images that are nearly the same, and outliers.

import type { Neighbors } from "./data";

// The rule of cleanlab's Datalab (NearDuplicateIssueManager): two images are nearly the same if
// their distance is below 0.13 times the median distance of images to their nearest neighbor.
const NEARLY = 0.13;

export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Groups of images that are nearly the same, the largest first; none that are identical only.
export function nearDuplicates({ images, distances }: Neighbors, near: number, identical: number[][]): number[][] {
  const count = images.length / near;
  const nearest = Float32Array.from({ length: count }, (_, image) => distances[image * near]);
  const limit = NEARLY * median(nearest);
  const root = Int32Array.from({ length: count }, (_, image) => image);
  const find = (image: number): number => {
    while (root[image] !== image) image = root[image] = root[root[image]];
    return image;
  };
  for (let place = 0; place < images.length; place++) {
    if (distances[place] < limit) root[find(images[place])] = find(Math.floor(place / near));
  }
  const groups = new Map<number, number[]>();
  for (let image = 0; image < count; image++) {
    const first = find(image);
    groups.set(first, [...groups.get(first) ?? [], image]);
  }
  const same = new Map(identical.flatMap((group, number) => group.map((image) => [image, number] as const)));
  const isIdentical = (group: number[]) => same.has(group[0]) && new Set(group.map((image) => same.get(image))).size === 1;
  return [...groups.values()].filter((group) => group.length > 1 && !isIdentical(group)).sort((one, other) => other.length - one.length);
}

// The images whose last kept neighbor is farthest (Ramaswamy, Rastogi and Shim 2000).
export function outliers({ images, distances }: Neighbors, near: number, most: number): number[] {
  const last = (image: number) => distances[image * near + near - 1];
  const all = Array.from({ length: images.length / near }, (_, image) => image);
  return all.sort((one, other) => last(other) - last(one) || one - other).slice(0, most);
}
