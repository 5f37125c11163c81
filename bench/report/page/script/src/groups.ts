// Groups of images that can be selected as a whole. A group is a text such as `cluster:3`, which
// the address of the page holds.

import { effect } from "@preact/signals-core";
import { clusterName, clustersOf } from "./clustering";
import { ABSENT, type Run } from "./data";
import { runKey, type Side, SIDES, type State } from "./state";

type Test = (image: number) => boolean;

export interface Group {
  value: string;
  text: string;
}

const shown = (state: State, side: Side) => state.clustering(state.run[side].value as Run);

const KINDS: Record<string, (state: State, rest: string) => Test> = {
  cluster: (state, cluster) => {
    const { clusters } = shown(state, "a");
    return (image) => clusters[image] === Number(cluster);
  },
  label: (state, label) => (image) => state.labels?.[image] === Number(label),
  cell: (state, cell) => {
    const [[label, cluster], { clusters }] = [cell.split(",").map(Number), shown(state, "a")];
    return (image) => state.labels?.[image] === label && clusters[image] === cluster;
  },
  mistakes: (state) => {
    const of = shown(state, "a");
    return (image) => of.clusters[image] !== ABSENT && state.isWrong(of, image);
  },
  // Numbers of clusters are arbitrary in each pipeline; the labels that they are assigned to are not.
  differ: (state) => {
    const [a, b] = [shown(state, "a"), shown(state, "b")];
    const isThere: Test = (image) => a.clusters[image] !== ABSENT && b.clusters[image] !== ABSENT;
    return (image) => isThere(image) && a.labelOf.get(a.clusters[image]) !== b.labelOf.get(b.clusters[image]);
  },
  tag: (state, tag) => (image) => state.tags.value.get(tag)?.has(image) ?? false,
  duplicates: (state, number) => {
    const { duplicates } = state.page.data;
    const wanted = new Set(number === "" ? duplicates.flat() : duplicates[Number(number)]);
    return (image) => wanted.has(image);
  },
};

// The images of a group; none where there is no such group, or its run is not loaded yet.
export function imagesOf(state: State, group: string): number[] {
  const end = group.indexOf(":");
  const kind = group.slice(0, end);
  if (end < 0 || !Object.hasOwn(KINDS, kind) || !state.run.a.value || !state.run.b.value) return [];
  const test = KINDS[kind](state, group.slice(end + 1));
  return Array.from({ length: state.page.data.count }, (_, image) => image).filter(test);
}

// Forgets what the selection was chosen by once that has other images: after a correction, or in
// another pipeline.
export function mountForgetting(state: State): void {
  effect(() => {
    const [group, selection] = [state.group.value, state.selection.value];
    if (!group) return;
    const images = imagesOf(state, group);
    if (images.length !== selection.length || images.some((image, place) => image !== selection[place])) state.group.value = "";
  });
}

// Whether a group has the same images in every browser: corrections and tags are kept by one.
export function isEverywhere(state: State, group: string): boolean {
  const runs = SIDES.map((side) => state.run[side].value);
  return !group.startsWith("tag:") && !runs.some((run) => run && state.corrected.value.has(runKey(run)));
}

// All groups that there are now, under headings.
export function groupsOf(state: State): { heading: string; groups: Group[] }[] {
  const [run, { classes, duplicates }] = [state.run.a.value, state.page.data];
  const clusters: Group[] = [];
  if (run) {
    const of = state.clustering(run);
    for (const cluster of clustersOf(of)) clusters.push({ value: `cluster:${cluster}`, text: `${clusterName(of, cluster)} in A` });
  }
  const labels = state.labels === null ? [] : classes.map((name, label) => ({ value: `label:${label}`, text: `label ${name}` }));
  if (state.labels?.includes(-1)) labels.push({ value: "label:-1", text: "label not known" });
  const more: Group[] = [];
  if (state.labels !== null) more.push({ value: "mistakes:", text: "mistakes in A" }, { value: "differ:", text: "assigned to another label in B" });
  if (duplicates.length) more.push({ value: "duplicates:", text: `identical images (${duplicates.flat().length.toLocaleString("en")})` });
  const tags = [...state.tags.value].map(([tag, images]) => ({ value: `tag:${tag}`, text: `tag ${tag} (${images.size.toLocaleString("en")})` }));
  return [
    { heading: "Clusters", groups: clusters },
    { heading: "Labels", groups: labels },
    { heading: "Comparisons", groups: more },
    { heading: "Tags", groups: tags },
  ].filter(({ groups }) => groups.length > 0);
}

// The tags of some images, and how many of them have each.
export function tagsAmong(state: State, images: readonly number[]): [string, number][] {
  return [...state.tags.value]
    .map(([tag, tagged]): [string, number] => [tag, images.filter((image) => tagged.has(image)).length])
    .filter(([, count]) => count > 0);
}
