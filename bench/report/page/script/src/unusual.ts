// Images to look at: identical ones, nearly identical ones, and outliers.

import { effect } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { Neighbors, Run } from "./data";
import { byId, plural } from "./dom";
import { imagesOf } from "./groups";
import { nearDuplicates, outliers } from "./nearness";
import { neighborsOf } from "./neighbors";
import type { State } from "./state";
import { picture } from "./tiles";

const MOST_GROUPS = 20;
const PER_GROUP = 24;
const OUTLIERS = 24;

export function mount(state: State): void {
  const kept = neighborsOf(state, "a");
  effect(() => {
    const run = state.run.a.value;
    if (run === null) return;
    render(html`<h3>Unusual images</h3>${identical(state, run)}${byDistance(state, run, kept.value)}`, byId("unusual"));
  });
}

function identical(state: State, run: Run): TemplateResult {
  const { duplicates } = state.page.data;
  const names = (number: number | "") => `duplicates:${number}`;
  return list(state, run, "Identical images", "Their pixels are the same at the size that models are given.",
    duplicates, (number) => state.select(imagesOf(state, names(number)), names(number)));
}

function byDistance(state: State, run: Run, kept: Neighbors | string | null): TemplateResult | typeof nothing {
  if (kept === null) return nothing;
  const [{ near, duplicates }, { model }] = [state.page.data, run.pipeline];
  if (typeof kept === "string") return html`<p>Nearly identical images and outliers: ${kept}</p>`;
  const [groups, far] = [nearDuplicates(kept, near, duplicates), outliers(kept, near, OUTLIERS)];
  return html`${list(state, run, "Nearly identical images",
      `In the codes of ${model}, two of them are nearer than 0.13 times the median distance to a nearest neighbor.`,
      groups, (number) => state.select(number === "" ? groups.flat() : groups[number]))}
    <h4>Outliers</h4><p class="quiet">The distance to the ${ordinal(near)} neighbor in the codes of ${model} is the greatest of all images.</p>
    ${group(state, run, far, "the outliers", () => state.select(far))}`;
}

const ordinal = (number: number) => `${number}${["th", "st", "nd", "rd"][number % 100 > 10 && number % 100 < 14 ? 0 : number % 10] ?? "th"}`;

// Groups under a heading; select is told which, or "": all of them.
function list(state: State, run: Run, title: string, meaning: string, groups: number[][], select: (number: number | "") => void): TemplateResult {
  const rest = groups.length - MOST_GROUPS;
  const all = groups.flat().length;
  return html`<h4>${title}</h4>${!groups.length ? html`<p>None.</p>` : html`
    <p class="quiet">${plural(groups.length, "group")} of ${plural(all, "image")}. ${meaning}
    <button type="button" @click=${() => select("")}>Select all ${all}</button></p>
    ${groups.slice(0, MOST_GROUPS).map((images, number) => group(state, run, images, `group ${number + 1}`, () => select(number)))}
    ${rest > 0 ? html`<p>and ${plural(rest, "group")} more</p>` : nothing}`}`;
}

function group(state: State, run: Run, images: number[], name: string, select: () => void): TemplateResult {
  return html`<div class="together"><button type="button" aria-label=${`Select ${images.length}: ${name}`} @click=${select}>Select ${images.length}</button>
    <ul class="tiles" tabindex="0" aria-label=${`Images of ${name}`}>${images.slice(0, PER_GROUP).map((image) => picture(state, run, image))}</ul></div>`;
}
