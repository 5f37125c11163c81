// The table of labels by clusters, whose fields select images.

import { effect } from "@preact/signals-core";
import { html, render, type TemplateResult } from "lit-html";
import { type Clustering, clusterName, clustersOf } from "./clustering";
import { byId } from "./dom";
import { imagesOf } from "./groups";
import type { State } from "./state";

export function mount(state: State): void {
  byId("confusion-part").hidden = state.labels === null;
  effect(() => {
    const run = state.run.a.value;
    if (run && state.labels) render(table(state, state.clustering(run), state.labels), byId("confusion"));
  });
}

// How many images of each label are in each cluster; without those not in the run or not labeled.
export function countsOf(of: Clustering, labels: Int16Array, classes: number, clusters: number[]): number[][] {
  const counts = Array.from({ length: classes }, () => clusters.map(() => 0));
  const place = new Map(clusters.map((cluster, column) => [cluster, column]));
  labels.forEach((label, image) => {
    const column = place.get(of.clusters[image]);
    if (label >= 0 && column !== undefined) counts[label][column] += 1;
  });
  return counts;
}

function table(state: State, of: Clustering, labels: Int16Array): TemplateResult {
  const { classes, ramp } = state.page.data;
  // Clusters stand in the order of their labels, so that what is right is the diagonal.
  const place = (cluster: number) => of.labelOf.get(cluster) ?? classes.length;
  const clusters = [...clustersOf(of)].sort((one, other) => place(one) - place(other));
  const counts = countsOf(of, labels, classes.length, clusters);
  const choose = (group: string) => () => state.select(imagesOf(state, group), group);
  const button = (group: string, text: string | number, label = "") =>
    html`<button type="button" aria-label=${label || `Select ${text}`} @click=${choose(group)}>${text}</button>`;
  const cell = (label: number, column: number, total: number) => {
    const value = counts[label][column];
    const [color, ink] = ramp[Math.round((value / total) * (ramp.length - 1))];
    const name = clusterName(of, clusters[column]);
    return html`<td style=${`background:${color};color:${ink}`}>${value === 0 ? 0
      : button(`cell:${label},${clusters[column]}`, value, `${value}: select label ${classes[label]} in ${name}`)}</td>`;
  };
  return html`<thead><tr><td></td>${clusters.map((cluster) =>
    html`<th scope="col">${button(`cluster:${cluster}`, clusterName(of, cluster))}</th>`)}</tr></thead>
    <tbody>${classes.map((name, label) => {
    const total = counts[label].reduce((sum, value) => sum + value, 0) || 1;
    return html`<tr><th scope="row">${button(`label:${label}`, name)}</th>${clusters.map((_, column) => cell(label, column, total))}</tr>`;
  })}</tbody>`;
}
