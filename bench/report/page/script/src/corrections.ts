// The clusters of embedding A, to be named, merged and split, and clusters.json.

import { effect, signal } from "@preact/signals-core";
import { html, render, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { tally } from "./clustering";
import { fromFile, parse, pipelineOf, tagsOf, toFile } from "./clusters_file";
import { NO_CLUSTER, type Run } from "./data";
import { byId, download, plural } from "./dom";
import { type Cluster, merge, namesOf, rename, split } from "./edits";
import { imagesOf } from "./groups";
import type { State } from "./state";
import { type Work, workOf } from "./work";

const PARTS = [2, 3, 4, 5, 6, 7, 8, 9, 10];

interface Part {
  state: State;
  work: Work;
  run: Run;
  checked: { value: ReadonlySet<number> };
}

export function mount(state: State): void {
  const [work, checked] = [workOf(state), signal<ReadonlySet<number>>(new Set())];
  let before: Run | null = null;
  effect(() => {
    const run = state.run.a.value;
    if (run === null) return;
    if (run !== before) checked.value = new Set();
    before = run;
    render(view({ state, work, run, checked }), byId("corrections"));
  });
}

function view(part: Part): TemplateResult {
  const { work, run } = part;
  const { list, clusters } = work.edits(run);
  const [names, sizes] = [namesOf(run, list), tally(clusters)];
  return html`<h3>Correct the clusters</h3>
    <p>Name clusters, merge those that belong together, and split those that do not. Selected images can be moved: see above.
    This browser keeps the corrections; to use them elsewhere, download clusters.json.</p>
    <ul class="corrected" aria-label="Clusters">
    ${repeat(list, ({ id }) => id, (cluster) => row(part, cluster, names.get(cluster.id)!, sizes.get(cluster.id) ?? 0))}</ul>
    ${tools(part, names)} ${files(part)}
    <p class="said" role="status">${work.said.value}</p>
    <p class="quiet"><code>latentgrid apply clusters.json --sort-into DIR</code> sorts the images into a folder for each cluster;
    <code>latentgrid assign BUNDLE DIR --clusters clusters.json</code> gives new images the corrected names.</p>`;
}

const numbered = (id: number) => (id === NO_CLUSTER ? "images in no cluster" : `cluster ${id}`);

function row(part: Part, { id }: Cluster, name: string, size: number): TemplateResult {
  const { state, checked } = part;
  const check = (event: Event) => {
    const now = new Set(checked.value);
    (event.target as HTMLInputElement).checked ? now.add(id) : now.delete(id);
    checked.value = now;
  };
  const group = `cluster:${id}`;
  return html`<li>
    <label><input type="checkbox" .checked=${live(checked.value.has(id))} @change=${check} aria-label=${`Check ${numbered(id)}`}> ${id === NO_CLUSTER ? "none" : id}</label>
    <input type="text" class="name" maxlength="200" aria-label=${`Name of ${numbered(id)}`} .value=${live(name)} ?disabled=${id === NO_CLUSTER}
      @change=${(event: Event) => give(part, id, name, event.target as HTMLInputElement)}>
    <span class="size">${plural(size, "image")}</span>
    <button type="button" aria-label=${`Select ${numbered(id)}`} @click=${() => state.select(imagesOf(state, group), group)}>Select</button></li>`;
}

function give({ work, run }: Part, id: number, before: string, field: HTMLInputElement): void {
  const [edits, wanted] = [work.edits(run), field.value.trim()];
  const holder = edits.list.find((each) => each.id !== id && namesOf(run, edits.list).get(each.id) === wanted);
  if (holder) {
    field.value = before;
    work.said.value = `${wanted} is the name of ${numbered(holder.id)}: choose another name, or merge the two.`;
    return;
  }
  work.said.value = "";
  work.change(run, rename(run, edits, id, wanted));
  field.value = namesOf(run, work.edits(run).list).get(id)!;
}

function tools(part: Part, names: Map<number, string>): TemplateResult {
  const { work, run, checked } = part;
  const { past, future } = work.history(run);
  const chosen = [...names.keys()].filter((id) => checked.value.has(id));
  const into = (id: number) => html`<option value=${id}>${id === NO_CLUSTER ? "" : `${id}: `}${names.get(id)}</option>`;
  const field = (id: string) => byId<HTMLSelectElement>(id).value;
  return html`<div class="filters" role="group" aria-label="Corrections">
    <span><label>Merge checked into <select id="merge-into"><option value="">one cluster</option>${[...names.keys()].map(into)}</select></label>
    <button type="button" id="merge" @click=${() => mergeChecked(part, chosen, field("merge-into"))}>Merge</button></span>
    <span><label>Split checked into <select id="split-into">${PARTS.map((k) => html`<option value=${k}>${k} parts</option>`)}</select></label>
    <button type="button" id="split" title="By k-means on the positions in embedding A's plane" @click=${() => splitChecked(part, chosen, Number(field("split-into")))}>Split</button></span>
    <span><button type="button" id="undo" ?disabled=${!past.length} @click=${() => work.undo(run)}>Undo</button>
    <button type="button" id="redo" ?disabled=${!future.length} @click=${() => work.redo(run)}>Redo</button>
    <button type="button" id="discard" ?disabled=${!work.isCorrected(run)} @click=${() => work.discard(run)}>Discard all</button></span></div>`;
}

function mergeChecked({ work, run, checked }: Part, chosen: number[], into: string): void {
  const edits = work.edits(run);
  const merged = merge(run, edits, chosen, into === "" ? null : Number(into));
  work.said.value = merged === edits ? "Check the clusters that you want to merge: two at least, or one and another that it is merged into." : "";
  work.change(run, merged);
  if (merged !== edits) checked.value = new Set();
}

function splitChecked({ work, run, checked }: Part, chosen: number[], k: number): void {
  let edits = work.edits(run);
  const whole: number[] = [];
  for (const id of chosen) {
    const parts = split(run, edits, id, k);
    if (parts === null) whole.push(id);
    edits = parts ?? edits;
  }
  work.said.value = !chosen.length ? "Check the clusters that you want to split."
    : whole.length ? `Not split, because its images have one position in the plane, or it has fewer than two: ${whole.map(numbered).join(", ")}.` : "";
  work.change(run, edits);
  checked.value = new Set(whole);
}

function files({ state, work, run }: Part): TemplateResult {
  const { data } = state.page;
  const save = () => download("clusters.json",
    JSON.stringify(toFile(data, run, work.edits(run), state.tags.value), null, 1), "application/json");
  const open = async ({ target }: Event) => {
    const field = target as HTMLInputElement;
    const [file] = field.files ?? [];
    if (file) await load(state, work, await file.text());
    field.value = ""; // the same file can be chosen again
  };
  return html`<div class="filters"><button type="button" id="save-clusters" @click=${save}>Download clusters.json</button>
    <label>Load clusters.json <input type="file" id="load-clusters" accept=".json,application/json" @change=${open}></label></div>`;
}

// Shows the pipeline that a file is of in embedding A, corrected as the file says.
export async function load(state: State, work: Work, text: string): Promise<void> {
  const { page } = state;
  try {
    const file = parse(text, page.data);
    const [number, seed] = [pipelineOf(file, page.data), file.pipeline.seed_index];
    const run = await page.run(number, seed);
    work.change(run, fromFile(file, page.data, run));
    work.addTags(tagsOf(file, page.data));
    state.pipeline.a.value = number;
    state.seed.value = seed;
    const tags = Object.keys(file.tags).length;
    work.said.value = `Loaded: ${plural(file.clusters.length, "cluster")}${tags ? `, ${plural(tags, "tag")}` : ""}.`;
  } catch (error) {
    work.said.value = (error as Error).message;
  }
}
