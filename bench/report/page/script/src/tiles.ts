// Images, and what models made of them, cut from sheets.

import { html, nothing, type TemplateResult } from "lit-html";
import { addressOf } from "./assets";
import { clusterName } from "./clustering";
import { FINE, type Run, type Sheets } from "./data";
import type { State } from "./state";

// A tile of so many pixels a side.
export function tile(state: State, sheets: Sheets, image: number, size: number, description: string): TemplateResult {
  const { count, folder } = state.page.data;
  const { perRow } = sheets;
  const [sheet, place] = [Math.floor(image / perRow ** 2), image % perRow ** 2];
  const inSheet = Math.min(count - sheet * perRow ** 2, perRow ** 2);
  const [columns, rows] = [Math.min(inSheet, perRow), Math.ceil(inSheet / perRow)];
  const style = `width:${size}px;height:${size}px;`
    + `background-image:url("${addressOf(sheets.sheets[sheet], folder)}");`
    + `background-size:${columns * size}px ${rows * size}px;`
    + `background-position:${-(place % perRow) * size}px ${-Math.floor(place / perRow) * size}px;`
    + (sheets.tile < size ? "image-rendering:pixelated" : "");
  return html`<span class="tile" role="img" title=${description} aria-label=${description} style=${style}></span>`;
}

export function described(state: State, run: Run, image: number): string {
  const of = state.clustering(run);
  const parts = [state.page.data.names[image]];
  if (state.labels !== null) parts.push(`label ${state.labelName(image)}`);
  parts.push(clusterName(of, of.clusters[image]), `ambiguity ${share(run.ambiguity[image])}`);
  return parts.join(", ");
}

export const share = (value: number): string => (value / FINE).toFixed(2);

// An image as a button of a list: chosen by a click (main.ts), outlined where its cluster is wrong.
// What `more` holds stands below it.
export function picture(state: State, run: Run, image: number, size = 48, more: unknown = nothing): TemplateResult {
  const wrong = state.isWrong(state.clustering(run), image);
  return html`<li class=${wrong ? "wrong" : ""} data-image=${image}>
    ${tile(state, state.page.data.thumbs, image, size, described(state, run, image))}${more}</li>`;
}

// Where an image's file is, as the page may open it; null where images are no files.
export function fileAddress(state: State, image: number): string | null {
  const { files, names } = state.page.data;
  return files === null ? null : files + names[image].split("/").map(encodeURIComponent).join("/");
}
