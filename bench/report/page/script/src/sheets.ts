// Contact sheets: the most typical and the most ambiguous images of each cluster of embedding A.

import { effect, signal } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { type Clustering, clusterName, clustersOf } from "./clustering";
import type { Run } from "./data";
import { byId, plural } from "./dom";
import { imagesOf } from "./groups";
import type { State } from "./state";
import { picture } from "./tiles";

const AT_ONCE = 40; // sheets; those of more clusters are made when they come into view
const PER_STRIP = 24;

export function mount(state: State): void {
  const seen = signal<ReadonlySet<number>>(new Set());
  const coming = new IntersectionObserver((entries) => {
    const near = entries.filter((entry) => entry.isIntersecting).map(({ target }) => Number((target as HTMLElement).dataset.cluster));
    if (near.some((cluster) => !seen.peek().has(cluster))) seen.value = new Set([...seen.peek(), ...near]);
  }, { rootMargin: "600px" });
  effect(() => {
    const run = state.run.a.value;
    if (run === null) return;
    byId("clusters-of").textContent = `${run.pipeline.name}. Typical images are the nearest to their cluster's mean.`
      + " Ambiguous images are nearly as near to another cluster's mean."
      + (state.labels === null ? "" : " Mistakes are outlined.");
    const of = state.clustering(run);
    const [clusters, members] = [clustersOf(of), grouped(of)];
    const isSeen = (cluster: number) => clusters.length <= AT_ONCE || seen.value.has(cluster);
    render(clusters.map((cluster) => sheet(state, run, of, cluster, members.get(cluster) ?? [], isSeen(cluster))), byId("sheets"));
    coming.disconnect();
    if (clusters.length > AT_ONCE) for (const each of byId("sheets").querySelectorAll("[data-cluster]")) coming.observe(each);
  });
}

function grouped({ clusters }: Clustering): Map<number, number[]> {
  const members = new Map<number, number[]>();
  clusters.forEach((cluster, image) => {
    const there = members.get(cluster);
    if (there) there.push(image);
    else members.set(cluster, [image]);
  });
  return members;
}

function sheet(state: State, run: Run, of: Clustering, cluster: number, images: number[], isSeen: boolean): TemplateResult {
  const group = `cluster:${cluster}`;
  return html`<section class="cluster" data-cluster=${cluster}>
    <h3><button type="button" class="heading" title="Select these images" @click=${() => state.select(imagesOf(state, group), group)}>${clusterName(of, cluster)}: ${plural(images.length, "image")}</button></h3>
    ${guard([of, cluster, isSeen], () => (isSeen && images.length ? strips(state, run, images) : nothing))}</section>`;
}

function strips(state: State, run: Run, images: number[]): TemplateResult {
  const typical = [...images].sort((one, other) => run.distance[one] - run.distance[other]);
  const ambiguous = [...images].sort((one, other) => run.ambiguity[other] - run.ambiguity[one]);
  return html`<div class="strips">${strip(state, run, "Most typical", typical)}${strip(state, run, "Most ambiguous", ambiguous)}</div>`;
}

const strip = (state: State, run: Run, title: string, images: number[]) => html`<div><p>${title}</p>
  <ul class="tiles" tabindex="0" aria-label=${`${title} images`}>${images.slice(0, PER_STRIP).map((image) => picture(state, run, image))}</ul></div>`;
