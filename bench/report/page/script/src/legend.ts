// What colors mean: entries that are clicked to select their images, and the choice of coloring.

import { effect, type ReadonlySignal } from "@preact/signals-core";
import { html, render, svg, type TemplateResult } from "lit-html";
import { choices, titleOf, type Coloring, type Entry } from "./colors";
import type { Look } from "./data";
import { byId } from "./dom";
import type { Side, State } from "./state";

const MOST = 40; // entries

export function key(state: State, [color, marker]: Look): TemplateResult {
  return html`<svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
    ${svg`<path d=${state.page.data.shapes[marker]} fill=${color}></path>`}</svg>`;
}

export function mountLegend(state: State, side: Side, coloring: ReadonlySignal<Coloring | null>): void {
  effect(() => {
    const entries = coloring.value?.legend ?? [];
    const rest = entries.length - MOST;
    render(html`${entries.slice(0, MOST).map((entry) => html`<li>${item(state, entry)}</li>`)}
      ${rest > 0 ? html`<li>and ${rest} more</li>` : ""}`, byId(`legend-${side}`));
  });
}

function item(state: State, entry: Entry): TemplateResult | string {
  const { look, text, wanted, group = "" } = entry;
  if (entry.ramp) {
    const colors = state.page.data.ramp.map(([color]) => color).join(",");
    return html`<span class="ramp" style="background:linear-gradient(to right,${colors})"></span>${text}`;
  }
  if (!look || !wanted) return text;
  const choose = () => state.select([...Array(state.page.data.count).keys()].filter(wanted), group);
  return html`<button type="button" title="Select these images" @click=${choose}>${key(state, look)}${text}</button>`;
}

export function mountColors(state: State): void {
  const offered = choices(state);
  effect(() => void render(html`<legend>Color by</legend>${offered.map((color) => html`<label>
    <input type="radio" name="color" value=${color} .checked=${state.color.value === color}
      @change=${() => { state.color.value = color; }}> ${titleOf(color)}</label>`)}`, byId("color")));
}
