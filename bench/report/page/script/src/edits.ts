// Clusters of one run as somebody corrects them. Nothing here changes what it is given.

import { type Clustering, membersOf, tally } from "./clustering";
import { ABSENT, NO_CLUSTER, type Run } from "./data";
import { kmeans } from "./kmeans";

export interface Cluster {
  id: number;
  name: string | null; // given by hand; null: as it was found, see namesOf
  of: readonly string[]; // found clusters, "3", and parts of split ones, "3/1", "3/1/0"
}

export interface Edits {
  list: readonly Cluster[]; // by id; last the images in no cluster, where there are such
  clusters: Int16Array; // the id of each image's cluster
  parts: ReadonlyMap<string, readonly number[]>; // images that a split put into each part
}

export const UNCLUSTERED = "in no cluster"; // the name of what is there where a method leaves images out

// ---- as found ----

export function asFound(run: Run): Edits {
  const ids = run.clusters.includes(NO_CLUSTER) ? [...run.numbers, NO_CLUSTER] : run.numbers;
  return { list: ids.map((id) => ({ id, name: null, of: [String(id)] })), clusters: run.clusters, parts: new Map() };
}

// What a found cluster is named by its labels, without the share behind it.
function labelName(run: Run, id: number): string | null {
  return run.nameOf.get(id)?.replace(/ \(\d+%\)$/, "") ?? null;
}

// The names of clusters, each of which only one has.
export function namesOf(run: Run, list: readonly Cluster[]): Map<number, string> {
  const shared = tally(run.numbers.map((id) => labelName(run, id)));
  const asFound = (id: number) => {
    const label = labelName(run, id);
    if (id === NO_CLUSTER) return UNCLUSTERED;
    if (label === null) return `cluster ${id}`;
    return (shared.get(label) ?? 0) > 1 ? `${label} ${id}` : label;
  };
  const taken = new Set(list.map(({ name }) => name).filter((name) => name !== null));
  return new Map(list.map(({ id, name }) => {
    const own = name ?? free(asFound(id), taken);
    taken.add(own);
    return [id, own];
  }));
}

function free(name: string, taken: ReadonlySet<string>): string {
  let [own, more] = [name, 2];
  while (taken.has(own)) own = `${name} #${more++}`;
  return own;
}

// ---- corrections ----

export function rename(run: Run, edits: Edits, id: number, name: string): Edits {
  const wanted = name.trim() || null;
  const asIs = namesOf(run, edits.list.map((each) => (each.id === id ? { ...each, name: null } : each))).get(id);
  const given = wanted === asIs ? null : wanted;
  return { ...edits, list: edits.list.map((each) => (each.id === id ? { ...each, name: given } : each)) };
}

// Merges clusters, whose name is that of `into`, or the first that was given by hand.
export function merge(run: Run, edits: Edits, ids: readonly number[], into: number | null = null): Edits {
  const wanted = new Set(into === null ? ids : [...ids, into]);
  const merged = edits.list.filter(({ id }) => wanted.has(id));
  if (merged.length < 2) return edits;
  const id = merged[0].id; // the smallest; images in no cluster stand last
  const named = merged.find((each) => (into === null ? each.name !== null : each.id === into)) ?? merged[0];
  const name = named.name ?? (named.id === id ? null : namesOf(run, edits.list).get(named.id)!);
  const one = { id, name, of: merged.flatMap(({ of }) => of) };
  return {
    ...edits,
    list: inOrder([...edits.list.filter((each) => !wanted.has(each.id)), one]),
    clusters: edits.clusters.map((cluster) => (wanted.has(cluster) ? id : cluster)),
  };
}

// Splits a cluster by k-means on its images' positions; returns null where they have only one.
export function split(run: Run, edits: Edits, id: number, k: number): Edits | null {
  const cluster = edits.list.find((each) => each.id === id);
  const members = membersOf(edits, id);
  const found = kmeans(members.map((image) => run.x[image]), members.map((image) => run.y[image]), k);
  const count = new Set(found).size;
  if (cluster === undefined || count < 2) return null;
  const first = nextId(run, edits);
  const clusters = edits.clusters.slice();
  members.forEach((image, place) => { clusters[image] = first + found[place]; });
  const atoms = atomsOf(run, edits.parts);
  const parts = new Map(edits.parts);
  const names = namesOf(run, edits.list);
  const made = Array.from({ length: count }, (_, part) => ({
    id: first + part,
    name: free(`${names.get(id)}, part ${part + 1}`, new Set(names.values())),
    of: [] as string[],
  }));
  for (const atom of cluster.of) {
    // Images moved here from elsewhere belong to no atom of this cluster, and stay moved.
    const inside = members.map((image, place) => ({ image, part: found[place] })).filter(({ image }) => atoms[image] === atom);
    for (const part of [...new Set(inside.map((each) => each.part))].sort()) {
      parts.set(`${atom}/${part}`, inside.filter((each) => each.part === part).map(({ image }) => image));
      made[part].of.push(`${atom}/${part}`);
    }
    if (!inside.length) made[0].of.push(atom); // as a whole: nothing says how to split it
  }
  return { list: inOrder([...edits.list.filter((each) => each.id !== id), ...made]), clusters, parts };
}

// Moves images to a cluster, null: a new one. Images that are not in the run stay out of it.
export function move(run: Run, edits: Edits, images: readonly number[], to: number | null): Edits {
  const id = to ?? nextId(run, edits);
  const clusters = edits.clusters.slice();
  for (const image of images) if (clusters[image] !== ABSENT) clusters[image] = id;
  const list = to === null ? inOrder([...edits.list, { id, name: null, of: [] }]) : edits.list;
  // One that was made by hand is gone with its last image.
  return { ...edits, clusters, list: list.filter((each) => each.of.length > 0 || clusters.includes(each.id)) };
}

export const nextId = (run: Run, { list }: Pick<Edits, "list">): number =>
  Math.max(NO_CLUSTER, ...run.numbers, ...list.map(({ id }) => id)) + 1;

export const inOrder = (list: readonly Cluster[]): Cluster[] =>
  [...list].sort((one, other) => Number(one.id < 0) - Number(other.id < 0) || one.id - other.id);

// ---- what follows from them ----

// The found cluster, or the part of a split one, that each image came from.
export function atomsOf(run: Run, parts: Edits["parts"]): string[] {
  const atoms = Array.from(run.clusters, String);
  const depth = (key: string) => key.split("/").length;
  for (const [key, images] of [...parts].sort(([one], [other]) => depth(one) - depth(other))) {
    for (const image of images) atoms[image] = key;
  }
  return atoms;
}

// The clusters that images are in without moves; undefined for those that only moves place.
export function unmoved(run: Run, { list, parts }: Pick<Edits, "list" | "parts">): (number | undefined)[] {
  const owner = new Map(list.flatMap(({ id, of }) => of.map((atom) => [atom, id] as const)));
  owner.set(String(ABSENT), ABSENT);
  return atomsOf(run, parts).map((atom) => owner.get(atom));
}

export function clusteringOf(run: Run, edits: Edits, labels: Int16Array | null): Clustering {
  const changed = new Set<number>();
  run.clusters.forEach((found, image) => {
    const now = edits.clusters[image];
    if (now !== found) changed.add(now).add(found);
  });
  const numbers = edits.list.map(({ id }) => id).filter((id) => id !== NO_CLUSTER);
  const [labelOf, nameOf] = [new Map<number, number>(), new Map<number, string>()];
  for (const { id, name } of edits.list) {
    const label = changed.has(id) ? mostFrequent(edits, id, labels) : run.labelOf.get(id);
    if (label !== undefined && id !== NO_CLUSTER) labelOf.set(id, label);
    // The share of a label is no longer true of a changed cluster.
    const own = name ?? (changed.has(id) ? labelName(run, id) : run.nameOf.get(id));
    if (own != null) nameOf.set(id, own);
  }
  return { clusters: edits.clusters, numbers, labelOf, nameOf };
}

function mostFrequent(edits: Edits, id: number, labels: Int16Array | null): number | undefined {
  if (labels === null) return undefined;
  const counts = tally(membersOf(edits, id).map((image) => labels[image]).filter((label) => label >= 0));
  return [...counts].sort(([one, n], [other, m]) => m - n || one - other)[0]?.[0];
}

// ---- undo and redo ----

export interface History {
  past: readonly Edits[];
  now: Edits;
  future: readonly Edits[];
}

const MOST_STEPS = 50; // each holds the cluster of every image

export const begun = (now: Edits): History => ({ past: [], now, future: [] });

export const changed = (history: History, now: Edits): History =>
  now === history.now ? history : { past: [...history.past, history.now].slice(-MOST_STEPS), now, future: [] };

export function undone({ past, now, future }: History): History {
  const last = past.at(-1);
  return last === undefined ? { past, now, future } : { past: past.slice(0, -1), now: last, future: [now, ...future] };
}

export function redone({ past, now, future }: History): History {
  const [next] = future;
  return next === undefined ? { past, now, future } : { past: [...past, now], now: next, future: future.slice(1) };
}
