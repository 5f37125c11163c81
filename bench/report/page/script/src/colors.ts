// What images are colored by: their label, cluster or mistake, or a number that each has.

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { clusterName, clustersOf, tally, type Clustering } from "./clustering";
import { ABSENT, FINE, NO_CLUSTER, type Look, type Run } from "./data";
import { SIDES, type Side, type State } from "./state";

// The looks of all images of a plane, and what they mean.
export interface Coloring {
  looks: Look[];
  of: Uint16Array; // the look of each image
  legend: Entry[];
}

export interface Entry {
  text: string;
  name?: string; // of a label or a cluster; entries with names come in the order of looks
  look?: Look;
  group?: string; // the images that it stands for, see groups.ts
  wanted?: (image: number) => boolean; // the same
  ramp?: boolean; // the scale of numbers comes before the text
}

// A number that each image has.
interface Metric {
  title: string;
  values: (state: State, run: Run) => Promise<Float32Array | null> | Float32Array;
  scale?: "shared"; // by both embeddings: the same color is the same number
}

const fraction = (values: Uint16Array) => Float32Array.from(values, (value) => value / FINE);

export const METRICS: Record<string, Metric> = {
  error: {
    title: "reconstruction error",
    values: (state, run) => state.page.errors(run.pipeline.model, run.seed),
    scale: "shared",
  },
  ambiguity: { title: "ambiguity", values: (_, run) => fraction(run.ambiguity), scale: "shared" },
  distance: { title: "distance to the cluster's mean", values: (_, run) => fraction(run.distance), scale: "shared" },
  outlier: {
    title: "distance to the nearest images",
    values: async (state, run) => {
      const found = await state.page.neighbors(run.pipeline.model, run.seed);
      const { near } = state.page.data;
      return found && found.distances.filter((_, place) => place % near === near - 1);
    },
  },
};

const GROUPED = { label: "label", cluster: "cluster", mistake: "mistake" };

export function titleOf(color: string): string {
  return GROUPED[color as keyof typeof GROUPED] ?? METRICS[color].title;
}

// What there is to color by.
export function choices(state: State): string[] {
  const { models } = state.page.data;
  const has = (what: "errors" | "neighbors") =>
    Object.values(models).some((model) => Object.values(model.runs).some((run) => run[what] !== null));
  const labeled = state.labels === null ? [] : ["label"];
  return [
    ...labeled, "cluster", ...(labeled.length ? ["mistake"] : []), "ambiguity", "distance",
    ...(has("errors") ? ["error"] : []), ...(has("neighbors") ? ["outlier"] : []),
  ];
}

// The colorings of both planes, anew whenever what they depend on changes.
export function colorings(state: State): Record<Side, ReadonlySignal<Coloring | null>> {
  const values = { a: signal<Float32Array | null>(null), b: signal<Float32Array | null>(null) };
  for (const side of SIDES) {
    effect(() => {
      const [run, metric] = [state.run[side].value, METRICS[state.color.value]];
      values[side].value = null;
      if (!run || !metric) return;
      void Promise.resolve(metric.values(state, run)).then((found) => {
        if (state.run[side].value === run && METRICS[state.color.value] === metric) values[side].value = found;
      }, state.failed);
    });
  }
  const one = (side: Side) => computed(() => {
    const run = state.run[side].value;
    if (!run) return null;
    const metric = METRICS[state.color.value];
    if (!metric) return GROUPINGS[state.color.value as keyof typeof GROUPED](state, run);
    if (!values[side].value) return byCluster(state, run, `No ${metric.title}; by cluster:`);
    const sides: readonly Side[] = metric.scale === "shared" ? SIDES : [side];
    const all = sides.map((each) => values[each].value).filter((each) => each !== null);
    return byNumber(state, run, values[side].value, Math.max(...all.map(most)));
  });
  return { a: one("a"), b: one("b") };
}

// What all but one in fifty are below: one outlier grays the others.
function most(values: Float32Array): number {
  const sorted = values.filter(Number.isFinite).sort();
  return sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 0;
}

function byNumber(state: State, run: Run, values: Float32Array, greatest: number): Coloring {
  const { ramp, none } = state.page.data;
  const steps = ramp.length - 1;
  const looks: Look[] = [...ramp.map(([color]): Look => [color, "circle"]), none];
  const of = Uint16Array.from(values, (value, image) =>
    run.clusters[image] === ABSENT || !Number.isFinite(value) ? steps + 1
      : Math.round(steps * Math.min(greatest > 0 ? value / greatest : 0, 1)));
  const title = titleOf(state.color.value);
  const text = greatest > 0 ? `${greatest.toPrecision(2)} or more` : "0 in every image";
  return { looks, of, legend: [{ text: `${title} 0` }, { text, ramp: true }] };
}

const counted = (count = 0) => `(${count.toLocaleString("en")})`;

function byLabel(state: State): Coloring {
  const { classes, marks, none, count } = state.page.data;
  const labels = state.labels as Int16Array;
  const counts = tally(labels);
  const looks = [...classes.map((_, label) => marks[label % marks.length]), none];
  const of = Uint16Array.from({ length: count }, (_, image) => (labels[image] < 0 ? classes.length : labels[image]));
  const legend: Entry[] = classes.map((name, label) =>
    ({ name, look: looks[label], text: `${name} ${counted(counts.get(label))}`, group: `label:${label}`, wanted: (image) => labels[image] === label }));
  return { looks, of, legend: [...legend, ...unknown(state)] };
}

function unknown(state: State): Entry[] {
  const count = state.labels?.reduce((sum, label) => sum + Number(label < 0), 0) ?? 0;
  const wanted = (image: number) => !state.isKnown(image);
  return count ? [{ look: state.page.data.none, text: `label not known ${counted(count)}`, wanted }] : [];
}

function byMistake(state: State, run: Run): Coloring {
  const { right, wrong, none, count } = state.page.data;
  const clustering = state.clustering(run);
  const kind = (image: number) => (!state.isKnown(image) ? 2 : Number(state.isWrong(clustering, image)));
  const of = Uint16Array.from({ length: count }, (_, image) => kind(image));
  const counts = tally(of);
  const legend = [["right", right], ["wrong", wrong]].map(([text, look], which): Entry => ({
    look: look as Look, text: `${text} ${counted(counts.get(which))}`, wanted: (image) => of[image] === which,
  }));
  return { looks: [right, wrong, none], of, legend: [...legend, ...unknown(state)] };
}

// A cluster has the color of the label that it is assigned to, if there is one.
export function clusterLook(state: State, of: Clustering, cluster: number): Look {
  const { marks, none } = state.page.data;
  return cluster < 0 ? none : marks[(of.labelOf.get(cluster) ?? cluster) % marks.length];
}

function byCluster(state: State, run: Run, note = ""): Coloring {
  const of = state.clustering(run);
  const [clusters, counts] = [clustersOf(of), tally(of.clusters)];
  const place = new Map([...clusters, ABSENT].map((cluster, number) => [cluster, number]));
  const legend = clusters.map((cluster): Entry => ({
    name: cluster < 0 ? undefined : clusterName(of, cluster),
    look: clusterLook(state, of, cluster),
    text: `${clusterName(of, cluster)} ${counted(counts.get(cluster))}`,
    // Groups are those of embedding A.
    group: run === state.run.a.value ? `cluster:${cluster}` : undefined,
    wanted: (image) => of.clusters[image] === cluster,
  }));
  return {
    looks: [...clusters.map((cluster) => clusterLook(state, of, cluster)), state.page.data.none],
    of: Uint16Array.from(of.clusters, (cluster) => place.get(cluster) ?? place.get(NO_CLUSTER) ?? clusters.length),
    legend: note ? [{ text: note }, ...legend] : legend,
  };
}

const GROUPINGS = { label: byLabel, cluster: (state: State, run: Run) => byCluster(state, run), mistake: byMistake };
