// Clusters of images: those that a pipeline found, or what became of them.

import { ABSENT, NO_CLUSTER } from "./data";

export interface Clustering {
  clusters: Int16Array; // of each image
  numbers: number[]; // of clusters, in order
  labelOf: Map<number, number>; // the label that a cluster is assigned to
  nameOf: Map<number, string>;
}

export function clusterName(of: Clustering, cluster: number): string {
  if (cluster === ABSENT) return "not in this run";
  if (cluster === NO_CLUSTER) return "in no cluster";
  return `cluster ${cluster}` + (of.nameOf.has(cluster) ? `: ${of.nameOf.get(cluster)}` : "");
}

// The clusters that there are, and last the place of images in none.
export const clustersOf = (of: Clustering): number[] =>
  of.clusters.includes(NO_CLUSTER) ? [...of.numbers, NO_CLUSTER] : of.numbers;

export function tally<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

export function membersOf(of: Pick<Clustering, "clusters">, cluster: number): number[] {
  const found: number[] = [];
  of.clusters.forEach((each, image) => { if (each === cluster) found.push(image); });
  return found;
}
