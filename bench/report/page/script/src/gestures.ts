// What is done to a plane: drawing around images, moving and zooming, clicks, keys.

import { effect, signal } from "@preact/signals-core";
import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent } from "d3-zoom";
import { html, render } from "lit-html";
import { byId } from "./dom";
import type { Plane } from "./plane";
import { toggle } from "./tilekeys";
import { middle, nearest, next, within, type Place } from "./view";

const TOOLS = { lasso: "Lasso", box: "Box", move: "Move" };
type Tool = keyof typeof TOOLS | ""; // none: pointers only point, and fingers scroll the page
const tool = signal<Tool>(window.matchMedia("(pointer: coarse)").matches ? "" : "lasso"); // of both planes

const REACH = 12; // pixels from an image that a pointer still means it
const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

// `show` shows an image's card at a place of the window, or beside the plane.
export function mountGestures(plane: Plane, show: (image: number | null, at: Place | null, pinned?: boolean) => void): void {
  const { frame, state, side } = plane;
  const behavior = zoom<HTMLElement, unknown>()
    .scaleExtent([1, 200])
    .filter((event) => zooms(event, frame))
    .on("zoom", ({ transform }: D3ZoomEvent<HTMLElement, unknown>) => {
      const { k, x, y } = transform;
      plane.transform.value = { k, x, y };
    });
  const selection = select(frame).call(behavior).on("dblclick.zoom", null);
  effect(() => {
    const size = plane.size.value;
    behavior.extent([[0, 0], [size, size]]).translateExtent([[0, 0], [size, size]]);
    frame.dataset.tool = tool.value;
  });
  const zoomBy = (factor: number, at?: Place) => selection.call(behavior.scaleBy, factor, at);
  const reset = () => selection.call(behavior.transform, zoomIdentity);
  toolbar(plane, zoomBy, reset);
  drawing(plane, show);
  hovering(plane, show);
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = state.pointed.value;
    const here = () => (at === null ? undefined : plane.place(at));
    const toggleIt = () => { if (at !== null) toggle(state, at); };
    const actions: Record<string, () => void> = {
      "+": () => zoomBy(1.4, here()), "=": () => zoomBy(1.4, here()), "-": () => zoomBy(1 / 1.4, here()), 0: reset,
      Escape: () => { state.select([]); show(null, null); },
      " ": toggleIt, Enter: toggleIt,
    };
    if (STEPS[event.key]) step(plane, STEPS[event.key], show, (by) => selection.call(behavior.translateBy, ...by));
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  });
  frame.addEventListener("blur", () => show(null, null));
  frame.dataset.side = side;
}

// The wheel scrolls the page until the plane was clicked.
function zooms(event: WheelEvent & TouchEvent, frame: HTMLElement): boolean {
  if (event.type === "wheel") return event.ctrlKey || document.activeElement === frame;
  if (event.type.startsWith("touch")) return event.touches.length > 1 || tool.value === "move";
  return tool.value === "move" && !event.button;
}

function toolbar(plane: Plane, zoomBy: (factor: number) => void, reset: () => void): void {
  const save = () => {
    const link = document.createElement("a");
    link.href = (plane.frame.querySelector("canvas") as HTMLCanvasElement).toDataURL();
    link.download = `embedding-${plane.side}.png`;
    link.click();
  };
  effect(() => void render(html`
    ${Object.entries(TOOLS).map(([name, text]) => html`<button type="button" aria-pressed=${tool.value === name}
      @click=${() => { tool.value = tool.value === name ? "" : name as Tool; }}>${text}</button>`)}
    <button type="button" aria-label="Zoom in" @click=${() => zoomBy(1.4)}>+</button>
    <button type="button" aria-label="Zoom out" @click=${() => zoomBy(1 / 1.4)}>−</button>
    <button type="button" @click=${reset}>Show all</button>
    <button type="button" @click=${save}>Save picture</button>`, byId(`tools-${plane.side}`)));
}

const placeIn = (frame: HTMLElement, event: MouseEvent): Place => {
  const { left, top } = frame.getBoundingClientRect();
  return [event.clientX - left - frame.clientLeft, event.clientY - top - frame.clientTop];
};

function imageAt(plane: Plane, at: Place): number | null {
  const run = plane.state.run[plane.side].value;
  return run && nearest(run, plane.size.value, plane.transform.value, at, REACH);
}

function drawing(plane: Plane, show: (image: number | null, at: Place | null, pinned?: boolean) => void): void {
  const { frame, outline } = plane;
  let start: Place | null = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    start = placeIn(frame, event);
    if (tool.value === "move" || tool.value === "") return;
    frame.setPointerCapture(event.pointerId);
    outline.value = [start];
  });
  frame.addEventListener("pointermove", (event) => {
    if (!start || outline.value.length === 0) return;
    const at = placeIn(frame, event);
    outline.value = tool.value === "lasso" ? [...outline.value, at]
      : [start, [at[0], start[1]], at, [start[0], at[1]]];
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [from, at, corners] = [start, placeIn(frame, event), outline.value];
    [start, outline.value] = [null, []];
    if (Math.hypot(at[0] - from[0], at[1] - from[1]) < 5 && corners.length < 20) click(plane, event, at, show);
    else if (corners.length > 2) choose(plane, event, corners);
  });
  frame.addEventListener("pointercancel", () => { start = null; outline.value = []; });
}

function choose({ state, side, size, transform }: Plane, event: PointerEvent, corners: Place[]): void {
  const run = state.run[side].value;
  if (!run) return;
  const found = within(run, size.value, transform.value, corners);
  const before = new Set(state.selection.value);
  if (event.shiftKey) state.select(new Set([...before, ...found]));
  else if (event.altKey) state.select([...before].filter((image) => !found.includes(image)));
  else state.select(found);
}

function click(plane: Plane, event: PointerEvent, at: Place, show: (image: number | null, at: Place | null, pinned?: boolean) => void): void {
  const image = imageAt(plane, at);
  if (event.shiftKey && image !== null) toggle(plane.state, image);
  else plane.state.select(image === null ? [] : [image]);
  show(image, [event.clientX, event.clientY], true);
}

function hovering(plane: Plane, show: (image: number | null, at: Place | null) => void): void {
  const { frame, state, outline } = plane;
  frame.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch" || event.buttons || outline.value.length) return;
    const image = imageAt(plane, placeIn(frame, event));
    if (image !== state.pointed.value || image !== null) show(image, [event.clientX, event.clientY]);
  });
  frame.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") show(null, null);
  });
}

// To the next image in a direction; the picture moves so that it is seen.
function step(
  plane: Plane, [right, up]: [number, number], show: (image: number | null, at: Place | null) => void,
  move: (by: Place) => void,
): void {
  const { state, side, size, transform } = plane;
  const run = state.run[side].value;
  if (!run) return;
  const at = state.pointed.value;
  const image = at === null ? middle(run) : next(run, at, right, up);
  const [x, y] = plane.place(image);
  const room = 0.05 * size.value;
  const aside = (value: number) => Math.min(0, size.value - room - value) + Math.max(0, room - value);
  const { k } = transform.value;
  if (aside(x) || aside(y)) move([aside(x) / k, aside(y) / k]);
  show(image, null);
}
