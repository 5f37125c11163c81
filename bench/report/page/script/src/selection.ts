// The selected images, and what can be done with them.

import { effect, signal } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { ABSENT, NO_CLUSTER, type Run } from "./data";
import { byId, download, plural } from "./dom";
import { move, namesOf } from "./edits";
import { groupsOf, imagesOf, mountForgetting, tagsAmong } from "./groups";
import { csvOf, namesList } from "./lists";
import type { State } from "./state";
import { mountTileKeys } from "./tilekeys";
import { picture } from "./tiles";
import { type Work, workOf } from "./work";

const MORE = 300; // tiles that are shown at first, and at each demand

export function mount(state: State): void {
  const [work, most, said] = [workOf(state), signal(MORE), signal("")];
  mountTileKeys(state);
  mountGroups(state);
  mountForgetting(state);
  byId("clear").addEventListener("click", () => state.select([]));
  effect(() => {
    void state.selection.value; // another one begins with its first images
    [most.value, said.value] = [MORE, ""];
  });
  effect(() => {
    const [run, images] = [state.run.a.value, state.selection.value];
    byId("selection-count").textContent = images.length ? `${plural(images.length, "image")}.`
      : "None. Draw around images in an embedding, or choose from the list above.";
    byId("selection").tabIndex = images.length ? 0 : -1;
    if (run) render(tiles(state, run, images, most), byId("selection"));
  });
  effect(() => {
    const [run, images] = [state.run.a.value, state.selection.value];
    render(run && images.length ? tools({ state, work, run, images, said }) : nothing, byId("work"));
  });
}

function mountGroups(state: State): void {
  const list = byId<HTMLSelectElement>("select");
  effect(() => {
    const offered = groupsOf(state);
    render(html`<option value="">images by group</option>
      ${offered.map(({ heading, groups }) => html`<optgroup label=${heading}>
        ${groups.map(({ value, text }) => html`<option value=${value}>${text}</option>`)}</optgroup>`)}`, list);
    const group = state.group.value;
    list.value = offered.some(({ groups }) => groups.some(({ value }) => value === group)) ? group : "";
  });
  list.addEventListener("change", () => state.select(imagesOf(state, list.value), list.value));
}

function tiles(state: State, run: Run, images: readonly number[], most: { value: number }): TemplateResult {
  const left = images.length - most.value;
  return html`${images.slice(0, most.value).map((image) => picture(state, run, image))}
    ${left > 0 ? html`<li class="more"><button type="button" @click=${() => { most.value += MORE; }}>Show ${Math.min(left, MORE)} more of ${left.toLocaleString("en")}</button></li>` : nothing}`;
}

interface Part {
  state: State;
  work: Work;
  run: Run;
  images: readonly number[];
  said: { value: string };
}

function tools(part: Part): TemplateResult {
  return html`${tagging(part)} ${moving(part)} ${exporting(part)}<p class="said" role="status">${part.said.value}</p>`;
}

function tagging({ state, work, images, said }: Part): TemplateResult {
  const add = (event: Event) => {
    event.preventDefault();
    const field = byId<HTMLInputElement>("tag");
    const name = field.value.trim();
    if (!name) return;
    work.tag(name, images, true);
    said.value = `${plural(images.length, "image")} tagged ${name}.`;
    field.value = "";
  };
  const there = tagsAmong(state, images);
  return html`<form class="row" @submit=${add}><label>Tag <input id="tag" type="text" maxlength="200" list="tags" autocomplete="off" size="12"></label>
    <datalist id="tags">${[...state.tags.value.keys()].map((tag) => html`<option value=${tag}></option>`)}</datalist>
    <button type="submit">Add tag</button></form>
    ${there.length ? html`<ul class="tagged" aria-label="Tags of the selected images">${there.map(([tag, count]) => html`<li>
      ${tag} <span class="quiet">${count.toLocaleString("en")} of ${images.length.toLocaleString("en")}</span>
      <button type="button" aria-label=${`Remove the tag ${tag} from the selected images`} @click=${() => work.tag(tag, images, false)}>Remove</button></li>`)}</ul>` : nothing}`;
}

function moving({ work, run, images, said }: Part): TemplateResult {
  const names = namesOf(run, work.edits(run).list);
  const go = () => {
    const wanted = byId<HTMLSelectElement>("move-to").value;
    const there = images.filter((image) => run.clusters[image] !== ABSENT);
    if (!there.length) {
      said.value = "None of these images is in the run of embedding A.";
      return;
    }
    const before = work.edits(run);
    const after = move(run, before, there, wanted === "" ? null : Number(wanted));
    const target = wanted === "" ? after.clusters[there[0]] : Number(wanted);
    work.change(run, after);
    said.value = `${plural(there.length, "image")} moved to ${namesOf(run, after.list).get(target)}.`;
  };
  return html`<div class="row"><label>Move to <select id="move-to"><option value="">a new cluster</option>
    ${[...names].map(([id, name]) => html`<option value=${id}>${id === NO_CLUSTER ? "" : `${id}: `}${name}</option>`)}</select></label>
    <button type="button" id="move" @click=${go}>Move</button>
    <button type="button" ?disabled=${!work.history(run).past.length} @click=${() => { work.undo(run); said.value = ""; }}>Undo</button></div>`;
}

function exporting({ state, work, run, images, said }: Part): TemplateResult {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(namesList(state, images));
      said.value = `${plural(images.length, "name")} copied.`;
    } catch {
      said.value = "This browser does not let the page copy: download the list of files.";
    }
  };
  return html`<div class="row">
    <button type="button" id="selection-csv" @click=${() => download("selection.csv", csvOf(state, run, work.edits(run), images), "text/csv")}>Download CSV</button>
    <button type="button" id="selection-list" @click=${() => download("selection.txt", namesList(state, images), "text/plain")}>Download list of files</button>
    <button type="button" id="selection-copy" @click=${copy}>Copy names</button></div>`;
}
