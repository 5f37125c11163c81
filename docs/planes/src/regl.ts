import createScatterplot from "regl-scatterplot";
import { COLORS, DOT, drained, measure, type View, SIDE } from "./common";

function matrix({ x, y, width }: View): Float32Array {
  const zoom = 1 / width;
  const [right, up] = [-(2 * x - 1) * zoom, -(2 * y - 1) * zoom];
  return Float32Array.of(zoom, 0, 0, 0, 0, zoom, 0, 0, 0, 0, zoom, 0, right, up, 0, 1);
}

measure(async (elements, positions, groups, whole) => {
  const clip = (values: Float32Array) => values.map((value) => 2 * value - 1);
  const places = positions.map(({ x, y }) => ({ x: clip(x), y: clip(y) }));
  const plots = await Promise.all(elements.map(async (element, side) => {
    const canvas = element.appendChild(document.createElement("canvas"));
    const plot = createScatterplot({
      canvas, width: SIDE, height: SIDE, pointSize: DOT, opacity: 0.8, backgroundColor: "#ffffff",
      pointColor: COLORS, colorBy: "valueA", cameraView: matrix(whole),
    } as any);
    await plot.draw({ ...places[side], z: groups } as any, { zDataType: "categorical" } as any);
    return plot;
  }));
  const indexes = plots.map((plot) => plot.get("spatialIndex" as any));
  return {
    view: (plane, view) => void plots[plane].set({ cameraView: matrix(view) } as any),
    color: (given) => Promise.all(plots.map((plot, side) => (
      plot.draw({ ...places[side], z: given } as any, { zDataType: "categorical", spatialIndex: indexes[side] } as any)
    ))),
    finish: () => plots.forEach((plot) => drained((plot.get("renderer" as any) as any).regl._gl)),
  };
});
