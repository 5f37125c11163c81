// K-means in the plane: k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's algorithm. The
// same points always give the same parts.

const RESTARTS = 5;
const MOST_ROUNDS = 100;

type Axis = ArrayLike<number>;

interface Found {
  parts: Uint8Array;
  inertia: number; // sum of squared distances to the parts' means
}

// Mulberry32: small, and good enough to choose starts by.
function generator(seed: number): () => number {
  let at = seed;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The part of each point, 0 to k - 1 at most: fewer where points lie at fewer places. The largest
// part comes first.
export function kmeans(x: Axis, y: Axis, k: number, seed = 0): Uint8Array {
  const random = generator(seed);
  let best: Found = { parts: new Uint8Array(x.length), inertia: Infinity };
  for (let restart = 0; restart < RESTARTS && x.length; restart++) {
    const found = lloyd(x, y, starts(x, y, k, random));
    if (found.inertia < best.inertia) best = found;
  }
  return bySize(best.parts);
}

// Starts are chosen with chances proportional to the squared distance to the nearest one before.
function starts(x: Axis, y: Axis, k: number, random: () => number): [number, number][] {
  const first = Math.floor(random() * x.length);
  const centers: [number, number][] = [[x[first], y[first]]];
  const nearest = new Float64Array(x.length).fill(Infinity);
  while (centers.length < k) {
    const [cx, cy] = centers[centers.length - 1];
    let total = 0;
    for (let i = 0; i < x.length; i++) {
      nearest[i] = Math.min(nearest[i], (x[i] - cx) ** 2 + (y[i] - cy) ** 2);
      total += nearest[i];
    }
    if (total === 0) break; // every place is a start already
    let left = random() * total;
    let chosen = nearest.findIndex((value) => (left -= value) < 0);
    if (chosen < 0) chosen = nearest.findIndex((value) => value > 0); // rounding
    centers.push([x[chosen], y[chosen]]);
  }
  return centers;
}

function lloyd(x: Axis, y: Axis, centers: [number, number][]): Found {
  const parts = new Uint8Array(x.length);
  let inertia = Infinity;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const sums = centers.map(() => [0, 0, 0]);
    let now = 0;
    for (let i = 0; i < x.length; i++) {
      let [part, least] = [0, Infinity];
      for (let c = 0; c < centers.length; c++) {
        const apart = (x[i] - centers[c][0]) ** 2 + (y[i] - centers[c][1]) ** 2;
        if (apart < least) [part, least] = [c, apart];
      }
      parts[i] = part;
      now += least;
      sums[part][0] += x[i];
      sums[part][1] += y[i];
      sums[part][2] += 1;
    }
    if (now >= inertia) break;
    inertia = now;
    sums.forEach(([sx, sy, size], c) => { if (size) centers[c] = [sx / size, sy / size]; });
  }
  return { parts, inertia };
}

function bySize(parts: Uint8Array): Uint8Array {
  const sizes = new Map<number, number>();
  for (const part of parts) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  const order = [...sizes.keys()].sort((one, other) => sizes.get(other)! - sizes.get(one)! || one - other);
  const place = new Map(order.map((part, position) => [part, position]));
  return parts.map((part) => place.get(part)!);
}
