// A small page for tests: twelve images in three clusters, at three places of the plane.

import { type PackedRun, Page, type PageData, type Run, unpackRun } from "../data";
import { State } from "../state";

export const COUNT = 12;
const FOUND = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, -1];
const LABELS = [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, -1, 0];
const HTML = "<img src=x onerror=alert(1)>";

const base64 = (array: ArrayBufferView) =>
  btoa(String.fromCharCode(...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)));

// Images of a cluster lie at two places, so that k-means splits them as one expects.
const packedRun = (found: number[]) => {
  const buffer = new ArrayBuffer(10 * COUNT);
  const [x, y] = [new Uint16Array(buffer, 0, COUNT), new Uint16Array(buffer, 2 * COUNT, COUNT)];
  found.forEach((cluster, image) => {
    x[image] = 10_000 * (cluster + 2) + (image % 2) * 3000;
    y[image] = 30_000 + image;
  });
  new Int16Array(buffer, 4 * COUNT, COUNT).set(found);
  new Uint16Array(buffer, 6 * COUNT, COUNT).set(found.map((_, image) => image * 100));
  new Uint16Array(buffer, 8 * COUNT, COUNT).set(found.map((_, image) => 65535 - image * 100));
  return new Uint8Array(buffer);
};

// Image 0 is nearest to image 1, and so on in order; images 6 and 7 are nearly the same.
const neighbors = () => {
  const images = Uint16Array.from({ length: 2 * COUNT }, (_, place) => {
    const image = place >> 1;
    return (image % 2 ? image - 1 : image + 1) + (place % 2 ? (image < COUNT / 2 ? 2 : -2) : 0);
  });
  const distances = Float32Array.from({ length: 2 * COUNT }, (_, place) =>
    (place >> 1 === 6 || place >> 1 === 7) && place % 2 === 0 ? 0.01 : 1 + place);
  const both = new Uint8Array(images.byteLength + distances.byteLength);
  both.set(new Uint8Array(images.buffer));
  both.set(new Uint8Array(distances.buffer), images.byteLength);
  return both;
};

function keep(name: string, content: ArrayBufferView): string {
  const script = document.createElement("script");
  Object.assign(script, { type: "text/plain", id: `asset-${name}`, textContent: base64(content) });
  document.getElementById(script.id)?.remove();
  document.body.append(script);
  return name;
}

export function data(changes: Partial<PageData> = {}): PageData {
  const runs: Record<string, PackedRun> = { 0: { asset: "run-a", numbers: [0, 1, 2, 3], assignment: [[0, 0], [1, 1]], clusterNames: [[0, "cats (75%)"], [1, "dogs (100%)"], [2, "cats (100%)"]] } };
  const pipeline = { model: "cnn", chain: "pca2", clusterer: "kmeans", name: "cnn, pca2, kmeans", score: "0.9", kind: "as embedded", runs };
  const other = { ...pipeline, model: "dnn", name: "dnn, pca2, kmeans", runs: { 0: { ...runs[0], asset: "run-b" }, 1: { ...runs[0], asset: "run-b" } } };
  return {
    key: "made", dataset: { name: "folder:album", fingerprint: "f".repeat(64) },
    command: "latentgrid album", count: COUNT,
    names: Array.from({ length: COUNT }, (_, image) => (image === 3 ? `a, "b"/${HTML}.png` : `${image}.png`)),
    files: "../album/", classes: ["cats", `dogs ${HTML}`], labels: "labels", duplicates: [[0, 1], [8, 9, 10]],
    thumbs: { tile: 8, perRow: 4, sheets: ["thumbs"] }, seeds: [0, 1], seed: 0,
    models: {
      cnn: { reconstructions: null, runs: { 0: { errors: null, neighbors: "near" } } },
      dnn: { reconstructions: null, runs: { 0: { errors: null, neighbors: null } } },
    },
    near: 2, pipelines: [pipeline, other], folder: "beside/",
    marks: [], right: ["", ""], wrong: ["", ""], none: ["", ""], shapes: {}, ramp: [["#fff", "#000"], ["#000", "#fff"]],
    charts: { score: "accuracy", time: [], losses: [], marks: [] },
    ...changes,
  };
}

export function runOf(pageData = data(), found = FOUND, pipeline = 0): Run {
  return unpackRun(packedRun(found).buffer as ArrayBuffer, pageData.count, pageData.pipelines[pipeline], 0);
}

// A page whose runs are loaded. Sheets are never: jsdom draws nothing.
export async function stateOf(changes: Partial<PageData> = {}): Promise<State> {
  keep("run-a", packedRun(FOUND));
  keep("run-b", packedRun(FOUND.map((cluster, image) => (image === 4 ? 0 : cluster))));
  keep("near", neighbors());
  const page = new Page({ ...data(), folder: null, ...changes });
  // Labels and sheets need no asset here.
  const state = new State(page, Int16Array.from(LABELS));
  while (!state.run.a.value || !state.run.b.value) await Promise.resolve();
  return state;
}

export const labels = Int16Array.from(LABELS);
