// The page's script: reads the data and mounts every part that there is something for.

import { asset } from "./assets";
import { mountCard } from "./card";
import { mountCharts } from "./charts";
import { colorings } from "./colors";
import { Page, type PageData } from "./data";
import { byId } from "./dom";
import { mountGestures } from "./gestures";
import { mountColors, mountLegend } from "./legend";
import { mountPipelines } from "./pipelines";
import { Plane } from "./plane";
import { SIDES, State } from "./state";

// What assets beside the page call, and what those find who look into the page.
window.latentgrid = { asset, ready: false };

const data = JSON.parse(byId("data").textContent ?? "{}") as Partial<PageData>;

async function lookInside(page: Page): Promise<void> {
  const state = new State(page, await page.labels);
  const colors = colorings(state);
  const show = mountCard(state);
  mountPipelines(state);
  mountColors(state);
  const planes = SIDES.map((side) => {
    const plane = new Plane(state, side, byId(`keys-${side}`), colors[side]);
    mountGestures(plane, show);
    mountLegend(state, side, colors[side]);
    return plane;
  });
  document.addEventListener("click", (event) => {
    const chosen = (event.target as Element).closest<HTMLElement>("[data-image]")?.dataset.image;
    if (chosen !== undefined) show(Number(chosen), [event.clientX, event.clientY], true);
  });
  Object.assign(window.latentgrid, { state, planes: { a: planes[0], b: planes[1] } });
  while (planes.some((plane) => plane.drawn === 0)) await new Promise(requestAnimationFrame);
}

if (data.charts) mountCharts(data as PageData);
void (data.pipelines?.length ? lookInside(new Page(data as PageData)) : Promise.resolve())
  .then(() => { window.latentgrid.ready = true; });
