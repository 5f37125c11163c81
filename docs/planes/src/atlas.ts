import { EmbeddingView } from "embedding-atlas";
import { COLORS, DOT, measure, SIDE, type View } from "./common";

const state = ({ x, y, width }: View) => ({ x, y, scale: 2 / width });

// It draws by WebGPU alone, and says nowhere when it has drawn.
let submitted = 0;
if ("GPUQueue" in window) {
  const { prototype } = (window as any).GPUQueue;
  const { submit } = prototype;
  prototype.submit = function counted(...buffers: unknown[]) {
    submitted += 1;
    return submit.apply(this, buffers);
  };
}

measure(async (elements, positions, groups, whole) => {
  const views = elements.map((element, side) => new EmbeddingView(element, {
    data: { ...positions[side], category: groups } as any, categoryColors: COLORS, labels: [],
    width: SIDE, height: SIDE, pixelRatio: 1, viewportState: state(whole),
    theme: { statusBar: false, brandingLink: null } as any,
    config: { mode: "points", pointSize: DOT, autoLabelEnabled: false, colorScheme: "light" },
  }));
  while (submitted < 2) await new Promise(requestAnimationFrame);
  return {
    view: (plane, view) => views[plane].update({ viewportState: state(view) }),
    color: (given) => views.forEach((view, side) => view.update({ data: { ...positions[side], category: given } as any })),
    finish: () => undefined,
  };
});
