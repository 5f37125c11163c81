// The images most similar to one: its nearest neighbors in the codes of an encoder.

import { effect, signal } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { Neighbors, Run } from "./data";
import { byId } from "./dom";
import { neighborsOf } from "./neighbors";
import { type Side, SIDES, type State } from "./state";
import { toggle } from "./tilekeys";
import { described, fileAddress, picture, tile } from "./tiles";

const SIZE = 64; // pixels a side

export function mount(state: State): void {
  const [at, side] = [signal<number | null>(null), signal<Side>("a")];
  const kept = { a: neighborsOf(state, "a"), b: neighborsOf(state, "b") };
  effect(() => {
    const [first] = state.selection.value;
    if (first !== undefined) at.value = first;
  });
  document.addEventListener("click", (event) => {
    const image = (event.target as Element).closest<HTMLElement>("[data-image]")?.dataset.image;
    if (image !== undefined) at.value = Number(image);
  });
  effect(() => {
    const [run, image] = [state.run.a.value, at.value];
    render(html`<h3>Similar images</h3>${run === null || image === null
      ? html`<p>Select an image, or click on one, to see those most similar to it.</p>`
      : view(state, run, image, side, kept[side.value].value)}`, byId("similar"));
  });
}

function view(state: State, run: Run, image: number, side: { value: Side }, kept: Neighbors | string | null): TemplateResult {
  const models = SIDES.map((each) => state.run[each].value?.pipeline.model);
  const isChosen = state.selection.value.includes(image);
  return html`<div class="one">${tile(state, state.page.data.thumbs, image, SIZE, described(state, run, image))}
    <div><p>${state.page.data.names[image]}</p><div class="row">
    <button type="button" @click=${() => toggle(state, image)}>${isChosen ? "Unselect" : "Select"}</button>${opening(state, image)}</div></div></div>
    <label>Nearest in the codes of <select id="similar-in" @change=${(event: Event) => { side.value = (event.target as HTMLSelectElement).value as Side; }}>
      ${SIDES.map((each, which) => html`<option value=${each} .selected=${side.value === each}>${each.toUpperCase()}: ${models[which]}</option>`)}</select></label>
    ${typeof kept === "string" ? html`<p>${kept}</p>` : kept === null ? html`<p>Reading the neighbors.</p>` : nearest(state, run, image, kept)}`;
}

function nearest(state: State, run: Run, image: number, kept: Neighbors): TemplateResult {
  const { near } = state.page.data;
  const images = Array.from(kept.images.subarray(image * near, (image + 1) * near));
  const distances = kept.distances.subarray(image * near, (image + 1) * near);
  return html`<ul class="tiles near" tabindex="0" aria-label="Similar images, nearest first">
    ${images.map((each, place) => picture(state, run, each, SIZE, html`<span>${distances[place].toPrecision(3)}</span>${opening(state, each)}`))}</ul>
    <button type="button" @click=${() => state.select(new Set([image, ...images]))}>Select these ${images.length + 1}</button>`;
}

function opening(state: State, image: number): TemplateResult | typeof nothing {
  const address = fileAddress(state, image);
  if (address === null) return nothing;
  return html`<a href=${address} target="_blank" rel="noopener" aria-label=${`Open file ${state.page.data.names[image]}`} @click=${(event: Event) => event.stopPropagation()}>open file</a>`;
}
