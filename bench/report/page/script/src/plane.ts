// One plane: its pixels, and above them what is drawn as SVG: names of groups, the ring of the image
// that is pointed at, and what the user draws around.

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { html, render, svg } from "lit-html";
import type { Coloring } from "./colors";
import type { Run } from "./data";
import { drawPoints, masksOf, pictureOf, pixelOf, shadeDensity, type Picture, type Points } from "./draw";
import type { Side, State } from "./state";
import { isDark } from "./theme";
import { densest, isThere, placing, type Place, type Transform } from "./view";

const MANY = 5000; // images; the density of more is shaded
const FEW = 1000; // images; so few have large marks
const OUT = -30_000; // where an image is put that is not drawn
const MOST_NAMES = 40;
const PAPER = pixelOf("#ffffff");
const FAINT = 0.15; // how strong images are that are not selected

export class Plane {
  readonly transform = signal<Transform>({ k: 1, x: 0, y: 0 });
  readonly outline = signal<Place[]>([]); // what the user draws around now
  readonly size = signal(0); // CSS pixels a side
  private readonly canvas: HTMLCanvasElement;
  private readonly above: HTMLElement;
  private picture: Picture | null = null;
  private masks = new Map<string, Uint8Array>();
  private waiting = 0;
  private readonly order: Uint32Array;
  private readonly names = computed(() => namesOf(this.state.run[this.side].value, this.coloring.value));
  drawn = 0; // times that points were drawn

  constructor(
    readonly state: State, readonly side: Side, readonly frame: HTMLElement,
    readonly coloring: ReadonlySignal<Coloring | null>,
  ) {
    render(html`<canvas></canvas><div class="above"></div>`, frame);
    this.canvas = frame.querySelector("canvas") as HTMLCanvasElement;
    this.above = frame.querySelector(".above") as HTMLElement;
    this.order = shuffled(state.page.data.count);
    new ResizeObserver(() => this.resize()).observe(frame);
    effect(() => this.drawAbove());
    effect(() => {
      // Whatever is read here is drawn anew at the next frame.
      void [this.coloring.value, state.isSelected.value, this.transform.value, this.size.value, isDark.value];
      this.later();
    });
    // At once: what is drawn at the next frame comes too late for paper. Its colors do not hold yet.
    window.addEventListener("beforeprint", () => this.draw(PAPER));
    window.addEventListener("afterprint", () => this.draw());
  }

  private resize(): void {
    this.picture = null;
    this.size.value = this.frame.clientWidth;
  }

  later(): void {
    this.waiting ||= requestAnimationFrame(() => this.draw());
  }

  // The place of an image, in CSS pixels of the plane.
  place(image: number): Place {
    const run = this.state.run[this.side].value;
    if (!run) return [OUT, OUT];
    const to = placing(this.size.value, this.transform.value);
    return [to.x(run.x[image]), to.y(run.y[image])];
  }

  private draw(ground = groundOf(this.frame)): void {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    const coloring = this.coloring.value;
    if (!coloring || this.size.value < 10) return;
    this.drawn += 1;
    const ratio = window.devicePixelRatio || 1;
    const points = this.points(coloring, ratio);
    const picture = this.ready(ratio, points);
    picture.pixels.fill(ground);
    this.drawAll(picture, points, ratio);
    const { image, margin, width, height } = picture;
    this.canvas.getContext("2d")?.putImageData(image, -margin, -margin, margin, margin, width, height);
  }

  private drawAll(picture: Picture, points: Points, ratio: number): void {
    const chosen = this.state.isSelected.value;
    const many = points.order.length > MANY;
    if (many) shadeDensity(picture, points, Math.round(4 * ratio), 0.5);
    const strength = many ? 0.45 : 0.85;
    if (this.state.selection.value.length === 0) {
      drawPoints(picture, points, this.masks, strength);
      return;
    }
    drawPoints(picture, points, this.masks, FAINT, chosen, 0);
    drawPoints(picture, points, this.masks, 1, chosen, 1);
  }

  private points({ looks, of }: Coloring, ratio: number): Points {
    const run = this.state.run[this.side].value;
    const [x, y] = [new Int16Array(of.length).fill(OUT), new Int16Array(of.length).fill(OUT)];
    if (run) {
      const to = placing(this.size.value, this.transform.value);
      for (let image = 0; image < of.length; image++) {
        if (!isThere(run, image)) continue;
        x[image] = Math.max(OUT, Math.min(-OUT, Math.round(to.x(run.x[image]) * ratio)));
        y[image] = Math.max(OUT, Math.min(-OUT, Math.round(to.y(run.y[image]) * ratio)));
      }
    }
    return { x, y, looks, of, order: this.order };
  }

  // Marks grow where few images are seen, so that their shapes can be told apart.
  private ready(ratio: number, points: Points): Picture {
    const side = Math.round(this.size.value * ratio);
    const seen = countWithin(points, side);
    const across = seen > 4 * MANY ? 4 : seen > MANY ? 6 : seen > FEW ? 8 : 12;
    const mark = 2 * Math.round((across * ratio) / 2) + 1;
    if (this.picture?.width !== side || this.picture.margin !== 2 * mark) {
      Object.assign(this.canvas, { width: side, height: side });
      this.picture = pictureOf(side, side, 2 * mark);
      this.masks = masksOf(this.state.page.data.shapes, mark);
    }
    return this.picture;
  }

  private drawAbove(): void {
    const { state, side } = this;
    const [run, coloring, at, size] = [state.run[side].value, this.coloring.value, state.pointed.value, this.size.value];
    const outline = this.outline.value;
    if (!run || !coloring || size === 0) return;
    const [x, y] = at === null || !isThere(run, at) ? [OUT, OUT] : this.place(at);
    render(html`<svg viewBox="0 0 ${size} ${size}" aria-hidden="true">
      ${placed(this.names.value, placing(size, this.transform.value), size)}
      <circle class="ring" cx=${x} cy=${y} r="9"></circle>
      <polygon class="outline" points=${outline.map((corner) => corner.join(",")).join(" ")}></polygon>
    </svg>`, this.above);
  }

}

// The color behind an element, which the scheme decides, as a pixel.
function groundOf(frame: HTMLElement): number {
  const parts = getComputedStyle(frame).backgroundColor.match(/\d+/g)?.slice(0, 3).map(Number) ?? [255, 255, 255];
  return pixelOf(`#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`);
}

function countWithin({ x, y }: Points, side: number): number {
  let count = 0;
  for (let image = 0; image < x.length; image++) {
    if (x[image] >= 0 && x[image] < side && y[image] >= 0 && y[image] < side) count += 1;
  }
  return count;
}

interface Name { text: string; at: Place }

// The names of labels or clusters, where their images are densest; none for other colorings.
function namesOf(run: Run | null, coloring: Coloring | null): Name[] {
  const named = coloring?.legend.filter(({ name }) => name !== undefined) ?? [];
  if (!run || !coloring || named.length > MOST_NAMES) return [];
  return [...densest(run, coloring.of, named.length)].map(([group, at]) => ({ text: named[group].name as string, at }));
}

// Names that would cover one before them are left out.
function placed(all: Name[], to: ReturnType<typeof placing>, size: number): unknown[] {
  const taken: [number, number, number][] = [];
  return all.flatMap(({ text, at }) => {
    const short = text.length > 24 ? `${text.slice(0, 23)}…` : text;
    const half = 3.6 * short.length;
    const [x, y] = [Math.max(half, Math.min(size - half, to.x(at[0]))), to.y(at[1])];
    if (y < 0 || y > size || to.x(at[0]) < 0 || to.x(at[0]) > size) return [];
    if (taken.some(([left, top, reach]) => Math.abs(left - x) < half + reach && Math.abs(top - y) < 16)) return [];
    taken.push([x, y, half]);
    return [svg`<text x=${x} y=${y + 4}>${short}</text>`];
  });
}

// All images in an order that is the same every time and has nothing to do with their own.
function shuffled(count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, image) => image);
  let state = 1;
  for (let last = count - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
