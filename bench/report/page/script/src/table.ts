// The table of pipelines: sorted, filtered, with the columns that are chosen.

import { effect } from "@preact/signals-core";
import { html, render, type TemplateResult } from "lit-html";
import { byId, download, plural } from "./dom";
import { toCsv, toLatex } from "./export";
import { STATUS, TableState } from "./table_state";

// The state of the table; null where the page has none.
export function mountTable(): TableState | null {
  const table = document.querySelector<HTMLTableElement>("#table");
  if (!table) return null;
  const state = new TableState(table);
  for (const head of state.heads) {
    head.element.querySelector(".sort")?.addEventListener("click", () => state.sortBy(head));
  }
  effect(() => order(state));
  effect(() => filter(state));
  effect(() => { render(controls(state), byId("filters")); });
  const style = byId("table-style");
  const layOut = () => {
    const text = rules(state);
    if (text !== style.textContent) style.textContent = text;
  };
  effect(layOut);
  // Where columns stay depends on their widths.
  const watch = new ResizeObserver(() => requestAnimationFrame(layOut));
  for (const { element } of state.heads) watch.observe(element);
  watch.observe(table.parentElement as HTMLElement);
  return state;
}

function order(state: TableState): void {
  for (const { key, element } of state.heads) {
    const { value } = state.sort;
    element.ariaSort = value?.key === key && key ? (value.down ? "descending" : "ascending") : null;
  }
  // Each group is sorted by itself.
  for (const { body, lines } of state.groups) body.append(...state.ordered(lines).map(({ element }) => element));
}

function filter(state: TableState): void {
  const found = state.found.value;
  for (const line of state.lines) line.element.hidden = !found.has(line);
  for (const { body, lines } of state.groups) body.hidden = !lines.some((line) => found.has(line));
}

// Hides columns, and has the names of pipelines stay while the others move sideways. Headings stay
// within the table's region where it is moved sideways, and else within the window.
function rules(state: TableState): string {
  const { table } = state;
  const region = table.parentElement as HTMLElement;
  region.classList.toggle("fits", table.offsetWidth <= region.clientWidth);
  const cells = (place: number) => `tr:not(.group) > :nth-child(${place + 1})`;
  let left = 0;
  return state.heads.map((head, place) => {
    if (!state.isShown(head)) return `#table ${cells(place)} { display: none; }`;
    const width = head.element.offsetWidth;
    // On a narrow screen there must be room beside them.
    if (!head.stays || left + width > 0.5 * region.clientWidth) return "";
    left += width;
    return `#table ${cells(place)} { position: sticky; left: ${left - width}px; z-index: 1; }\n`
      + `#table thead > ${cells(place)} { z-index: 3; }`;
  }).join("\n");
}

const FINISHED: Record<string, string> = { ok: "finished" };

function controls(state: TableState): TemplateResult {
  const { error } = state.conditions.value;
  const left = state.found.value.size;
  const escapes = () => JSON.parse(state.table.dataset.tex ?? "{}") as Record<string, string>;
  return html`
    <label>Show pipelines with <input id="filter" type="search" autocomplete="off" placeholder="names or words"
      aria-describedby="filter-how" .value=${state.find.value} @input=${typed(state.find)}></label>
    <label>and <input id="where" type="search" autocomplete="off" placeholder="accuracy &gt; 0.8, seconds &lt;= 5" aria-describedby="where-error"
      aria-label="Conditions on numbers" aria-invalid=${error ? "true" : "false"} .value=${state.where.value} @input=${typed(state.where)}></label>
    ${chooser(state, STATUS, "status")}
    ${state.heads.map(({ key, title }) => chooser(state, key, title))}
    <button type="button" popovertarget="columns">Columns</button>
    <div popover id="columns" role="group" aria-label="Columns">
      ${state.heads.filter(({ key, stays }) => key && !stays).map((head) => html`
        <label><input type="checkbox" name="column" value=${head.key} .checked=${state.isShown(head)}
          @change=${(event: Event) => state.show(head, (event.target as HTMLInputElement).checked)}> ${head.title}</label>`)}
    </div>
    <span>Save as
      <button type="button" id="save-csv" @click=${() => download("pipelines.csv", toCsv(state.shown), "text/csv")}>CSV</button>
      <button type="button" id="save-tex" @click=${() => download("pipelines.tex", toLatex(state.shown, escapes()), "text/x-tex")}>LaTeX</button></span>
    <output id="shown">${left} of ${plural(state.lines.length, "pipeline")}</output>
    <p id="filter-how" class="hint">Each word must be found; a whole name, such as <code>cnn</code>, finds no other that contains it, such as
      <code>cnn-plain</code>, and quotes ask for whole names.</p>
    <p id="where-error" class="hint error" role="status">${error}</p>`;
}

const typed = (into: { value: string }) => (event: Event) => { into.value = (event.target as HTMLInputElement).value; };

// A list of what rows have in a column, where they differ.
function chooser(state: TableState, key: string, title: string): TemplateResult | null {
  const values = [...new Set(state.lines.map(({ choices }) => choices.get(key) ?? ""))].filter(Boolean);
  if (values.length < 2) return null;
  const chosen = state.only.value[key] ?? "";
  const choose = (event: Event) => {
    const { [key]: _, ...others } = state.only.value;
    const { value } = event.target as HTMLSelectElement;
    state.only.value = value ? { ...others, [key]: value } : others;
  };
  return html`<label>${title} <select id="only-${key}" @change=${choose}>
    <option value="" .selected=${!chosen}>any</option>
    ${values.map((value) => html`<option value=${value} .selected=${value === chosen}>${FINISHED[value] ?? value}</option>`)}
  </select></label>`;
}
