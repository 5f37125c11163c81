// Which pipelines and which seed the planes show, chosen from lists.

import { effect } from "@preact/signals-core";
import { html, render } from "lit-html";
import { titleOf } from "./colors";
import { byId, plural } from "./dom";
import { SIDES, type State } from "./state";

export function mountPipelines(state: State): void {
  const { pipelines, seeds, count } = state.page.data;
  for (const side of SIDES) {
    const list = byId<HTMLSelectElement>(`pipeline-${side}`);
    render(html`${pipelines.map(({ name, score }, number) => html`<option value=${number}>${name} (${score})</option>`)}`, list);
    list.addEventListener("change", () => { state.pipeline[side].value = Number(list.value); });
    effect(() => { list.value = String(state.pipeline[side].value); });
    effect(() => {
      const run = state.run[side].value;
      if (!run) return;
      const { name, score, kind } = run.pipeline;
      const other = run.seed === state.seed.value ? "" : ` Seed ${state.seed.value} is not on this page.`;
      byId(`caption-${side}`).textContent =
        `${name}: ${score}. Shown: ${kind}, seed ${run.seed}.${other} ${plural(count, "image")}, by ${titleOf(state.color.value)}.`;
      byId(`keys-${side}`).setAttribute("aria-label", `Embedding ${side.toUpperCase()}: ${name}`);
    });
  }
  const list = byId<HTMLSelectElement>("seed");
  byId("seed-part").hidden = seeds.length < 2;
  render(html`${seeds.map((seed) => html`<option value=${seed}>${seed}</option>`)}`, list);
  list.addEventListener("change", () => { state.seed.value = Number(list.value); });
  effect(() => { list.value = String(state.seed.value); });
}
