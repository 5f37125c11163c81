// The page's script: reads the data and mounts every part that there is something for.

import { effect } from "@preact/signals-core";
import { mountAddress } from "./address";
import { asset } from "./assets";
import { mountCard } from "./card";
import { mountCharts } from "./charts";
import { choices, colorings } from "./colors";
import { mount as mountConfusion } from "./confusion";
import { mountCommand } from "./copy";
import { mount as mountCorrections } from "./corrections";
import { Page, type PageData } from "./data";
import { byId } from "./dom";
import { mountGestures } from "./gestures";
import { mountColors, mountLegend } from "./legend";
import { mountLook } from "./look";
import { mountPipelines } from "./pipelines";
import { Plane } from "./plane";
import { mount as mountSelection } from "./selection";
import { mount as mountSheets } from "./sheets";
import { mount as mountSimilar } from "./similar";
import { SIDES, State } from "./state";
import { mountTable } from "./table";
import { mountTheme } from "./theme";
import { mount as mountUnusual } from "./unusual";
import { mountWords } from "./words";

// What assets beside the page call, and what those find who look into the page.
window.latentgrid = { asset, ready: false };

const data = JSON.parse(byId("data").textContent ?? "{}") as Partial<PageData>;

// What a page lacks whose folder of assets was left behind.
const tell = (text: string) => { byId("missing").textContent = text; };

async function lookInside(page: Page): Promise<State> {
  const state = new State(page, await page.labels);
  const colors = colorings(state);
  const show = mountCard(state);
  mountPipelines(state);
  mountLook(state);
  mountColors(state);
  const planes = SIDES.map((side) => {
    const plane = new Plane(state, side, byId(`keys-${side}`), colors[side]);
    mountGestures(plane, show);
    mountLegend(state, side, colors[side]);
    return plane;
  });
  for (const mount of [mountSelection, mountCorrections, mountSimilar, mountConfusion, mountSheets, mountUnusual]) mount(state);
  document.addEventListener("click", (event) => {
    const chosen = (event.target as Element).closest<HTMLElement>("[data-image]")?.dataset.image;
    if (chosen !== undefined) show(Number(chosen), [event.clientX, event.clientY], true);
  });
  effect(() => tell(state.problem.value));
  Object.assign(window.latentgrid, { state, planes: { a: planes[0], b: planes[1] } });
  while (planes.some((plane) => plane.drawn === 0) && !state.problem.value) await new Promise(requestAnimationFrame);
  return state;
}

async function start(): Promise<void> {
  mountWords();
  mountTheme();
  mountCommand(data.command);
  const table = mountTable();
  if (data.charts) mountCharts(data as PageData);
  const state = data.pipelines?.length
    ? await lookInside(new Page(data as PageData)).catch((error: Error) => { tell(error.message); return null; }) : null;
  mountAddress({ state, table, colors: state ? choices(state) : [] });
  Object.assign(window.latentgrid, { table, ready: true });
}

void start();
