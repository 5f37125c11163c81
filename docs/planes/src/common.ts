// The points, and what is measured, the same for all.

export const COUNT = 70_000;
export const SIDE = 600; // CSS pixels of a plane
export const DOT = 5; // CSS pixels of a mark
export const COLORS = [
  "#0173b2", "#d55e00", "#7824c0", "#546060", "#cc789c",
  "#84480c", "#9c78f0", "#f0003c", "#a8906c", "#a80090",
];
export const SHAPES = [
  ["circle", "M8 3a5 5 0 1 0 .01 0z"],
  ["square", "M3 3h10v10H3z"],
  ["triangle", "M8 2l6 11H2z"],
  ["diamond", "M8 1l5 7-5 7-5-7z"],
  ["inverted_triangle", "M8 14L2 3h12z"],
  ["plus", "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z"],
  ["hex", "M4 2.5h8L15 8l-3 5.5H4L1 8z"],
  ["star", "M8 1l2 5h5l-4 3 2 6-5-4-5 4 2-6-4-3h5z"],
  ["triangle_pin", "M8 1q1 7 7 12q-7-2-14 0q6-5 7-12z"],
  ["square_pin", "M2 2q6 3 12 0q-3 6 0 12q-6-3-12 0q3-6 0-12z"],
];

export interface Positions { x: Float32Array; y: Float32Array } // 0 to 1, y upwards

export interface View { x: number; y: number; width: number } // center, and how much is seen

/** Two planes of the same images. */
export interface Candidate {
  // Both may return a promise of the drawing, where it is not made before or at the next frame.
  view(plane: number, view: View): unknown;
  color(groups: Uint8Array): unknown; // of both
  finish(): void; // returns when all that was asked for is drawn
}

export type Make = (
  elements: HTMLElement[], positions: Positions[], groups: Uint8Array, whole: View,
) => Promise<Candidate>;

function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ten groups, each a disk of its own size, which overlap as those of t-SNE do. */
function positions(seed: number): Positions {
  const random = generator(seed);
  const centers = COLORS.map(() => [0.15 + 0.7 * random(), 0.15 + 0.7 * random(), 0.06 + 0.08 * random()]);
  const [x, y] = [new Float32Array(COUNT), new Float32Array(COUNT)];
  for (let image = 0; image < COUNT; image++) {
    const [centerX, centerY, radius] = centers[image % COLORS.length];
    const [angle, distance] = [2 * Math.PI * random(), radius * Math.sqrt(random())];
    x[image] = centerX + distance * Math.cos(angle);
    y[image] = centerY + distance * Math.sin(angle);
  }
  return { x, y };
}

const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));

/** Milliseconds from one frame to the next while every frame draws something new. */
async function frames(count: number, draw: (step: number) => unknown, finish: () => void) {
  finish();
  const times: number[] = [];
  let last = await frame();
  for (let step = 0; step < count; step++) {
    await draw(step);
    const now = await frame();
    times.push(now - last);
    last = now;
  }
  const began = performance.now();
  finish();
  return { times, late: performance.now() - began };
}

const WHOLE: View = { x: 0.5, y: 0.5, width: 1.1 };

function moved(step: number): View {
  const turn = step / 20;
  return { x: 0.5 + 0.1 * Math.cos(turn), y: 0.5 + 0.1 * Math.sin(turn), width: 0.7 + 0.4 * Math.cos(turn / 2) };
}

export async function measure(make: Make): Promise<void> {
  const groups = Uint8Array.from({ length: COUNT }, (_, image) => image % COLORS.length);
  const both = [positions(1), positions(2)];
  const candidate = await make([...document.querySelectorAll<HTMLElement>(".plane")], both, groups, WHOLE);
  await frame();
  candidate.finish();
  await frame();
  const finish = () => candidate.finish();
  const weigh = {
    first: performance.now() / 1000,
    pan: (count: number) => frames(count, (step) => candidate.view(0, moved(step)), finish),
    color: (count: number) => {
      const drawn = (step: number) => candidate.color(groups.map((group) => (group + step + 1) % COLORS.length));
      return frames(count, drawn, finish);
    },
  };
  Object.assign(window, { weigh });
}

/** Waits for what WebGL was asked for: reading a pixel back needs it drawn. */
export function drained(gl: WebGLRenderingContext | WebGL2RenderingContext | null): void {
  gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}
