// clusters.json: corrected clusters as a file, which `latentgrid apply` and `assign` read.

import { ABSENT, NO_CLUSTER, type PageData, type Run } from "./data";
import { type Cluster, type Edits, inOrder, namesOf, UNCLUSTERED, unmoved } from "./edits";

const FORMAT = "latentgrid-clusters";
const VERSION = 1;

export type Tags = ReadonlyMap<string, ReadonlySet<number>>;

export interface ClustersFile {
  format: string;
  version: number;
  dataset: string;
  fingerprint: string;
  key: string;
  pipeline: { model: string; chain: string; clusterer: string; seed_index: number };
  clusters: { name: string; of: string[] }[];
  parts: Record<string, string[]>;
  images: Record<string, string>;
  tags: Record<string, string[]>;
}

export function toFile(data: PageData, run: Run, edits: Edits, tags: Tags): ClustersFile {
  const names = namesOf(run, edits.list);
  const files = (images: Iterable<number>) => Array.from(images, (image) => data.names[image]);
  const { model, chain, clusterer } = run.pipeline;
  return {
    format: FORMAT,
    version: VERSION,
    dataset: data.dataset.name,
    fingerprint: data.dataset.fingerprint,
    key: data.key,
    pipeline: { model, chain, clusterer, seed_index: run.seed },
    clusters: edits.list.map(({ id, of }) => ({ name: names.get(id)!, of: [...of] })),
    // From entries: a file may be named __proto__.
    parts: Object.fromEntries([...edits.parts].map(([part, images]) => [part, files(images)])),
    images: Object.fromEntries(data.names.flatMap((file, image) => {
      const cluster = edits.clusters[image];
      return cluster === ABSENT ? [] : [[file, names.get(cluster)!]];
    })),
    tags: Object.fromEntries([...tags].map(([tag, images]) => [tag, files(images)])),
  };
}

// The same without the images that stand where clusters and parts place them: for the browser's
// memory, which is small.
export function movedOnly(file: ClustersFile, data: PageData, run: Run, edits: Edits): ClustersFile {
  const there = unmoved(run, edits);
  const moved = data.names.filter((name, image) =>
    Object.hasOwn(file.images, name) && there[image] !== edits.clusters[image]);
  return { ...file, images: Object.fromEntries(moved.map((name) => [name, file.images[name]])) };
}

// Reads a file's text; throws an error of one line where it does not fit this page.
export function parse(text: string, data: PageData): ClustersFile {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON: choose a clusters.json that a page made.");
  }
  if (!isRecord(found) || found.format !== FORMAT) throw new Error("This file does not hold clusters: choose a clusters.json that a page made.");
  if (found.version !== VERSION) throw new Error(`This clusters.json has version ${String(found.version)}; this page reads version ${VERSION}.`);
  const wrong = misshapen(found);
  if (wrong) throw new Error(`This clusters.json is damaged: ${wrong}.`);
  const file = found as unknown as ClustersFile;
  if (file.fingerprint !== data.dataset.fingerprint) {
    throw new Error(`This clusters.json is of another data set: ${file.dataset}, fingerprint ${file.fingerprint.slice(0, 12)}; this page has ${data.dataset.name}, fingerprint ${data.dataset.fingerprint.slice(0, 12)}.`);
  }
  return file;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isOf = (value: unknown, check: (value: unknown) => boolean) => isRecord(value) && Object.values(value).every(check);

function misshapen(found: Record<string, unknown>): string | null {
  const { pipeline, clusters, parts, images, tags } = found;
  if (!["dataset", "fingerprint", "key"].every((name) => isText(found[name]))) return "dataset, fingerprint or key is no text";
  if (!isRecord(pipeline) || !["model", "chain", "clusterer"].every((name) => isText(pipeline[name])) || !Number.isInteger(pipeline.seed_index)) return "pipeline has not the form model, chain, clusterer, seed_index";
  if (!Array.isArray(clusters) || !clusters.every((each) => isRecord(each) && isText(each.name) && isTexts(each.of))) return "clusters are no list of name and of";
  const names = clusters.map(({ name }) => name as string);
  if (new Set(names).size < names.length) return "two clusters have the same name";
  if (!isOf(parts, isTexts)) return "parts are no lists of images";
  if (!isOf(tags, isTexts)) return "tags are no lists of images";
  if (!isOf(images, isText)) return "images have no names of clusters";
  const unknown = Object.values(images as object).find((name) => !names.includes(name));
  return unknown === undefined ? null : `an image is in ${unknown}, which is none of the clusters`;
}

// The pipeline of the page that a file is of, which must have the file's seed.
export function pipelineOf(file: ClustersFile, data: PageData): number {
  const { model, chain, clusterer, seed_index: seed } = file.pipeline;
  const number = data.pipelines.findIndex((each) =>
    each.model === model && each.chain === chain && each.clusterer === clusterer && seed in each.runs);
  if (number < 0) throw new Error(`This clusters.json is of ${model}, ${chain}, ${clusterer} at seed ${seed}, which this page does not show.`);
  return number;
}

export function fromFile(file: ClustersFile, data: PageData, run: Run, ids: readonly number[] | null = null): Edits {
  const numberOf = new Map(data.names.map((name, image) => [name, image]));
  const known = (names: string[]) => names.flatMap((name) => numberOf.get(name) ?? []);
  const parts = new Map(Object.entries(file.parts).map(([part, names]) => [part, known(names)]));
  const given = ids ?? idsOf(file, run);
  const list: Cluster[] = file.clusters.map(({ name, of }, place) => ({ id: given[place], name, of }));
  const idOf = new Map(list.map(({ id, name }) => [name, id]));
  // A file that was changed by hand may have left clusters out: they stay as they were found.
  const covered = new Set(list.flatMap(({ of }) => of.map((atom) => Number(atom.split("/")[0]))));
  for (const id of new Set(run.clusters)) {
    if (id !== ABSENT && !covered.has(id)) list.push({ id, name: null, of: [String(id)] });
  }
  const there = unmoved(run, { list, parts });
  const clusters = run.clusters.map((found, image) => {
    const name = Object.hasOwn(file.images, data.names[image]) ? file.images[data.names[image]] : null;
    return found === ABSENT ? ABSENT : (name === null ? undefined : idOf.get(name)) ?? there[image] ?? list[0].id;
  });
  return { list: inOrder(asGiven(run, list)), clusters, parts };
}

// Clusters keep the smallest number of what they are made of; others have the numbers in their
// names, or new ones.
function idsOf(file: ClustersFile, run: Run): number[] {
  const used = new Set<number>();
  const claimed = file.clusters.map(({ name, of }) => {
    const numbers = of.map(Number).filter((number) => run.numbers.includes(number)).sort((one, other) => one - other);
    const written = Number(/^cluster (\d{1,4})$/.exec(name)?.[1] ?? NaN);
    if (!Number.isNaN(written) && !run.numbers.includes(written)) numbers.push(written);
    if (name === UNCLUSTERED && of.includes(String(NO_CLUSTER))) numbers.push(NO_CLUSTER);
    const id = numbers.find((each) => !used.has(each));
    if (id !== undefined) used.add(id);
    return id;
  });
  let next = Math.max(-1, ...run.numbers);
  return claimed.map((id) => {
    if (id !== undefined) return id;
    do next += 1; while (used.has(next));
    return next;
  });
}

// Names that clusters have anyway were not given by hand.
function asGiven(run: Run, list: readonly Cluster[]): readonly Cluster[] {
  return list.reduce((given, { id, name }) => {
    const without = given.map((each) => (each.id === id ? { ...each, name: null } : each));
    const names = namesOf(run, without);
    return names.get(id) === name && given.every((each) => each.name === null || names.get(each.id) === each.name) ? without : given;
  }, list);
}

export function tagsOf(file: ClustersFile, data: PageData): Map<string, Set<number>> {
  const numberOf = new Map(data.names.map((name, image) => [name, image]));
  return new Map(Object.entries(file.tags).map(([tag, names]) =>
    [tag, new Set(names.flatMap((name) => numberOf.get(name) ?? []))]));
}
