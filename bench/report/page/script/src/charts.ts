// The two charts: score against time, and loss by epoch; drawn by Observable Plot.

import * as Plot from "@observablehq/plot";
import type { ChartData, PageData } from "./data";

const DASHES = ["none", "6 3", "2 2", "6 3 2 3", "10 3"];
const LOOK = {
  style: { background: "none", fontSize: "13px", overflow: "visible" },
  height: 340, marginLeft: 56, marginTop: 30, marginBottom: 44,
};

export function mountCharts(data: PageData): void {
  const frames = document.querySelectorAll<HTMLElement>("[data-chart]");
  for (const frame of frames) {
    const name = frame.dataset.chart as string;
    const width = Math.max(320, frame.clientWidth);
    const chart = name === "time" ? againstTime(data.charts, width) : losses(data, name, width);
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-labelledby", frame.dataset.caption ?? "");
    // Within an image, nothing has a name of its own.
    for (const part of chart.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");
    frame.replaceChildren(chart);
  }
}

function againstTime({ score, time }: ChartData, width: number): SVGElement | HTMLElement {
  const front = time.filter((each) => each.front).sort((one, other) => one.seconds - other.seconds);
  const tip = (each: ChartData["time"][number]) =>
    `${each.name}\n${score} ${each.mean.toFixed(3)}\n${each.seconds.toPrecision(3)} s`;
  return Plot.plot({
    ...LOOK,
    width,
    x: { type: "log", label: "seconds for one run, from images to clusters →", tickFormat: ".3~r", grid: true },
    y: { label: `↑ ${score}`, grid: true, nice: true, domain: around(time.map(({ mean }) => mean)) },
    marks: [
      Plot.line(front, { x: "seconds", y: "mean", curve: "step-after", stroke: "var(--mark)" }),
      Plot.dot(time, {
        x: "seconds", y: "mean", r: 5, title: tip, tip: true,
        symbol: (each: { front: boolean }) => (each.front ? "diamond" : "circle"),
        fill: (each: { front: boolean }) => (each.front ? "var(--mark)" : "var(--quiet)"),
      }),
    ],
    symbol: { type: "identity" } as Plot.ScaleOptions,
    color: { type: "identity" },
  });
}

// The range of an axis; of one value alone, it has room on both sides.
function around(values: number[]): [number, number] {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  return least < greatest ? [least, greatest] : [least - 0.05, greatest + 0.05];
}

function losses({ charts, marks, shapes }: PageData, size: string, width: number): SVGElement | HTMLElement {
  const rows = charts.losses.filter((row) => row.images === size);
  const models = [...new Set(rows.map((row) => row.model))];
  const look = (model: string) => marks[models.indexOf(model) % marks.length];
  const lines = models.flatMap((model, number) => {
    const of = rows.filter((row) => row.model === model);
    const color = look(model)[0];
    return [
      Plot.areaY(of, { x: "epoch", y1: "low", y2: "high", fill: color, fillOpacity: 0.2 }),
      Plot.line(of, { x: "epoch", y: "mean", stroke: color, strokeWidth: 2, strokeDasharray: DASHES[number % DASHES.length] }),
      symbols(of, color, shapes[look(model)[1]]),
      Plot.text(of.slice(-1), { x: "epoch", y: "mean", text: "model", textAnchor: "start", dx: 8, fill: "currentColor" }),
    ];
  });
  const across = charts.marks.filter((mark) => mark.images === size).flatMap((mark, number) => [
    Plot.ruleY([mark], { y: "loss", stroke: "var(--quiet)", strokeWidth: 1.5, strokeDasharray: number ? "2 3" : "6 4" }),
    Plot.text([mark], { y: "loss", text: "name", frameAnchor: "right", dx: -4, dy: 9, textAnchor: "end", fill: "var(--quiet)" }),
  ]);
  return Plot.plot({
    ...LOOK,
    width,
    marginRight: 110,
    x: { label: "epoch →", ticks: epochs(rows), tickFormat: "d" },
    y: { type: "log", label: "↑ MSE per pixel value", tickFormat: "~g", grid: true },
    marks: [
      ...across, ...lines,
      Plot.tip(rows, Plot.pointer({ x: "epoch", y: "mean", title: (row) => `${row.model}, epoch ${row.epoch}\nMSE ${row.mean.toPrecision(3)}` })),
    ],
  });
}

// Whole epochs, ten at most.
function epochs(rows: ChartData["losses"]): number[] {
  const last = Math.max(...rows.map((row) => row.epoch));
  const step = Math.ceil(last / 10);
  return Array.from({ length: Math.floor((last - 1) / step) + 1 }, (_, tick) => 1 + tick * step);
}

// A model's mark is that of the figures, which Plot does not have.
function symbols(rows: ChartData["losses"], fill: string, path: string): Plot.Dot {
  return Plot.dot(rows, {
    x: "epoch",
    y: "mean",
    render(index, _scales, { x = [], y = [] }) {
      const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
      group.setAttribute("fill", fill);
      for (const place of index) {
        const one = document.createElementNS("http://www.w3.org/2000/svg", "path");
        one.setAttribute("d", path);
        one.setAttribute("transform", `translate(${x[place] - 5} ${y[place] - 5}) scale(0.625)`);
        group.append(one);
      }
      return group;
    },
  });
}
