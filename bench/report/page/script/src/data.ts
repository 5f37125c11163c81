// What the page is told: its data, written by bench/report/page, and how assets are read.

import { bytesOf } from "./assets";

export interface Sheets {
  tile: number; // pixels a side of an image
  perRow: number;
  sheets: string[]; // assets
}

export interface PackedRun {
  asset: string;
  numbers: number[];
  assignment: [number, number][];
  clusterNames: [number, string][];
}

export interface PipelineData {
  model: string;
  chain: string;
  clusterer: string;
  name: string;
  score: string;
  kind: string;
  runs: Record<string, PackedRun>;
}

export interface ModelData {
  reconstructions: (Sheets & { seed: number }) | null;
  runs: Record<string, { errors: string | null; neighbors: string | null }>;
}

export type Look = [color: string, marker: string];

export interface ChartData {
  score: string;
  time: { name: string; mean: number; seconds: number; front: boolean }[];
  losses: { images: string; model: string; epoch: number; mean: number; low: number; high: number }[];
  marks: { images: string; name: string; loss: number }[];
}

export interface PageData {
  key: string;
  dataset: { name: string; fingerprint: string };
  command: string;
  count: number;
  names: string[];
  files: string | null;
  classes: string[];
  labels: string | null;
  duplicates: number[][];
  thumbs: Sheets;
  seeds: number[];
  seed: number;
  models: Record<string, ModelData>;
  near: number;
  pipelines: PipelineData[];
  folder: string | null;
  marks: Look[];
  right: Look;
  wrong: Look;
  none: Look;
  shapes: Record<string, string>; // SVG paths in a square of 16 by 16
  ramp: Look[]; // color, and that of text on it
  charts: ChartData;
}

export const FINE = 65535; // the greatest whole number that positions and shares are rounded to
export const NO_CLUSTER = -1;
export const ABSENT = -32768; // the cluster of an image that is not in a run

// One pipeline at one seed: where each image is, and in which cluster.
export interface Run {
  pipeline: PipelineData;
  seed: number;
  x: Uint16Array;
  y: Uint16Array;
  clusters: Int16Array;
  distance: Uint16Array; // to its cluster's mean, of the greatest
  ambiguity: Uint16Array; // of 1
  numbers: number[]; // of its clusters
  labelOf: Map<number, number>; // the label that a cluster is assigned to
  nameOf: Map<number, string>;
}

export interface Neighbors {
  images: Uint16Array; // count × near, nearest first
  distances: Float32Array;
}

export function unpackRun(buffer: ArrayBuffer, count: number, pipeline: PipelineData, seed: number): Run {
  const packed = pipeline.runs[seed];
  const part = (place: number) => new Uint16Array(buffer, 2 * place * count, count);
  return {
    pipeline,
    seed,
    x: part(0),
    y: part(1),
    clusters: new Int16Array(buffer, 4 * count, count),
    distance: part(3),
    ambiguity: part(4),
    numbers: packed.numbers,
    labelOf: new Map(packed.assignment),
    nameOf: new Map(packed.clusterNames),
  };
}

export function unpackNeighbors(buffer: ArrayBuffer, count: number, near: number): Neighbors {
  // Their sizes differ, and numbers of four bytes must begin at a multiple of four.
  const images = new Uint16Array(buffer.slice(0, 2 * count * near));
  return { images, distances: new Float32Array(buffer.slice(2 * count * near)) };
}

// Everything of a page, with its assets once they were asked for.
export class Page {
  readonly labels: Promise<Int16Array | null>;
  private readonly runs = new Map<string, Promise<Run>>();
  private readonly known = new Map<string, Promise<unknown>>();

  constructor(readonly data: PageData) {
    this.labels = data.labels === null
      ? Promise.resolve(null)
      : bytesOf(data.labels, data.folder).then((buffer) => new Int16Array(buffer));
  }

  // The seed that a pipeline is shown at: the one wanted, or one that it has.
  seedOf(pipeline: PipelineData, wanted: number): number {
    return wanted in pipeline.runs ? wanted : Number(Object.keys(pipeline.runs)[0]);
  }

  run(number: number, wanted: number): Promise<Run> {
    const pipeline = this.data.pipelines[number];
    const seed = this.seedOf(pipeline, wanted);
    return kept(this.runs, `${number} ${seed}`, async () =>
      unpackRun(await bytesOf(pipeline.runs[seed].asset, this.data.folder), this.data.count, pipeline, seed));
  }

  errors(model: string, seed: number): Promise<Float32Array | null> {
    const asset = this.data.models[model]?.runs[seed]?.errors ?? null;
    return this.read(asset, (buffer) => new Float32Array(buffer));
  }

  neighbors(model: string, seed: number): Promise<Neighbors | null> {
    const asset = this.data.models[model]?.runs[seed]?.neighbors ?? null;
    return this.read(asset, (buffer) => unpackNeighbors(buffer, this.data.count, this.data.near));
  }

  private read<T>(asset: string | null, unpack: (buffer: ArrayBuffer) => T): Promise<T | null> {
    if (asset === null) return Promise.resolve(null);
    return kept(this.known, asset, async () => unpack(await bytesOf(asset, this.data.folder))) as Promise<T>;
  }
}

function kept<T>(among: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const found = among.get(name) ?? make();
  among.set(name, found);
  return found;
}
