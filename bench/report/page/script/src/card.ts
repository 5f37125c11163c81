// The card of one image: the one under the pointer, reached by keys, or clicked.

import { effect } from "@preact/signals-core";
import { html, render, type TemplateResult } from "lit-html";
import { clusterName } from "./clustering";
import type { Run, Sheets } from "./data";
import { byId } from "./dom";
import { SIDES, type State } from "./state";
import { fileAddress, share, tile } from "./tiles";
import type { Place } from "./view";

const LARGE = 112; // pixels a side

export type Show = (image: number | null, at: Place | null, pinned?: boolean) => void;

// A card that is pinned stays until another image is clicked, or something else is.
export function mountCard(state: State): Show {
  const card = byId("card");
  const errors = new Map<string, Float32Array | null>();
  const draw = () => {
    const image = state.pointed.value;
    card.hidden = image === null;
    if (image !== null) render(about(state, image, errors), card);
  };
  effect(() => {
    for (const side of SIDES) {
      const run = state.run[side].value;
      if (!run) continue;
      const { model } = run.pipeline;
      void state.page.errors(model, run.seed).then((found) => { errors.set(model, found); }, state.failed);
    }
  });
  effect(draw);
  document.addEventListener("pointerdown", (event) => {
    if (!(event.target as Element).closest(".keys, [data-image], .card")) show(null, null, true);
  });
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") show(null, null, true); });
  const show: Show = (image, at, pinned = false) => {
    if (!pinned && card.classList.contains("pinned") && at !== null) return;
    if (!pinned && image === null && card.classList.contains("pinned")) return;
    card.classList.toggle("pinned", pinned && image !== null);
    state.pointed.value = image;
    if (image !== null) put(card, at);
  };
  return show;
}

function put(card: HTMLElement, at: Place | null): void {
  const [x, y] = at ?? beside();
  const right = x + 20 + card.offsetWidth < window.innerWidth;
  const left = right ? x + 20 : Math.max(4, x - 20 - card.offsetWidth);
  const top = Math.min(Math.max(4, y - card.offsetHeight / 2), window.innerHeight - card.offsetHeight - 4);
  Object.assign(card.style, { left: `${left}px`, top: `${top}px`, right: "auto", bottom: "auto" });
}

// Over the other embedding, where keys lead.
function beside(): Place {
  const side = document.activeElement?.id === "keys-a" ? "b" : "a";
  const frame = byId(`keys-${side}`).getBoundingClientRect();
  return [frame.left, Math.max(frame.top, 0) + 140];
}

function about(state: State, image: number, errors: Map<string, Float32Array | null>): TemplateResult {
  const { data } = state.page;
  const runs = SIDES.map((side) => state.run[side].value).filter((run) => run !== null);
  const models = [...new Set(runs.map((run) => run.pipeline.model))];
  const file = fileAddress(state, image);
  const tagged = [...state.tags.value].filter(([, images]) => images.has(image)).map(([tag]) => tag);
  const rows: [string, string][] = [["image", data.names[image]]];
  if (state.labels !== null) rows.push(["label", state.labelName(image)]);
  runs.forEach((run, which) => rows.push([`in ${SIDES[which].toUpperCase()}`, inRun(state, run, image)]));
  for (const model of models) {
    const found = errors.get(model);
    if (found) rows.push([`error by ${model}`, found[image].toPrecision(3)]);
  }
  if (tagged.length) rows.push(["tags", tagged.join(", ")]);
  return html`<div class="two">${pictured(state, data.thumbs, image, "original")}
    ${models.map((model) => rebuilt(state, model, image))}</div>
    <dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    ${file ? html`<a href=${file} target="_blank" rel="noopener">Open the file</a>` : ""}`;
}

function pictured(state: State, sheets: Sheets, image: number, text: string): TemplateResult {
  return html`<div>${tile(state, sheets, image, LARGE, text)}<span>${text}</span></div>`;
}

function rebuilt(state: State, model: string, image: number): TemplateResult | string {
  const found = state.page.data.models[model]?.reconstructions;
  if (!found) return "";
  // Without sheets of its own it gives every image back.
  return pictured(state, found.sheets.length ? found : state.page.data.thumbs, image, `by ${model}`);
}

function inRun(state: State, run: Run, image: number): string {
  const of = state.clustering(run);
  const wrong = state.isWrong(of, image) ? ", wrong" : "";
  return `${clusterName(of, of.clusters[image])}${wrong}, ambiguity ${share(run.ambiguity[image])}`;
}
