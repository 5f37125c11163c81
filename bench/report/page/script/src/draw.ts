// Draws many small marks into pixels. Marks are blended one by one, without a GPU: 70,000 of them
// in two planes take some milliseconds on any machine, and canvas paths ten times as long.

import type { Look } from "./data";

// A picture that is drawn into: what is seen, and around it room for marks that are cut off.
export interface Picture {
  image: ImageData;
  pixels: Uint32Array; // 0xAABBGGRR
  width: number; // of what is seen; the image is wider by twice the margin
  height: number;
  margin: number;
}

// A mark, ready to be blended: where its pixels are, and what each adds.
interface Stamp {
  offsets: Int32Array;
  keep: Uint16Array; // of 256: how much of what is below is left
  redBlue: Float64Array;
  green: Float64Array;
}

export function pictureOf(width: number, height: number, margin: number): Picture {
  const image = new ImageData(width + 2 * margin, height + 2 * margin);
  return { image, pixels: new Uint32Array(image.data.buffer), width, height, margin };
}

// `#rrggbb` as a pixel.
export function pixelOf(color: string): number {
  const value = Number.parseInt(color.slice(1), 16);
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

// How much of each pixel a marker covers, 0 to 255, in a square of `size` pixels.
export function masksOf(shapes: Record<string, string>, size: number): Map<string, Uint8Array> {
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const masks = new Map<string, Uint8Array>();
  if (!context) return masks;
  for (const [name, path] of Object.entries(shapes)) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, size, size);
    context.scale(size / 16, size / 16);
    context.fill(new Path2D(path));
    masks.set(name, context.getImageData(0, 0, size, size).data.filter((_, place) => place % 4 === 3) as unknown as Uint8Array);
  }
  return masks;
}

export function stampOf(mask: Uint8Array, color: string, alpha: number, picture: Picture): Stamp {
  const size = Math.sqrt(mask.length);
  const pixel = pixelOf(color);
  const stride = picture.width + 2 * picture.margin;
  const covered = [...mask.keys()].filter((place) => mask[place] * alpha >= 1);
  const parts = covered.map((place) => Math.round((mask[place] * alpha * 256) / 255));
  const half = Math.floor(size / 2);
  return {
    offsets: Int32Array.from(covered, (place) => (Math.floor(place / size) - half) * stride + (place % size) - half),
    keep: Uint16Array.from(parts, (part) => 256 - part),
    redBlue: Float64Array.from(parts, (part) => (pixel & 0xff00ff) * part),
    green: Float64Array.from(parts, (part) => (pixel & 0xff00) * part),
  };
}

// Blends a mark at a point of what is seen, or of the margin around it.
export function blend(picture: Picture, stamp: Stamp, x: number, y: number): void {
  const { pixels, width, margin } = picture;
  const { offsets, keep, redBlue, green } = stamp;
  const base = (y + margin) * (width + 2 * margin) + x + margin;
  for (let place = 0; place < offsets.length; place++) {
    const at = base + offsets[place];
    const [below, left] = [pixels[at], keep[place]];
    pixels[at] = 0xff000000
      | ((((below & 0xff00ff) * left + redBlue[place]) >>> 8) & 0xff00ff)
      | ((((below & 0xff00) * left + green[place]) >>> 8) & 0xff00);
  }
}

export interface Points {
  x: Int16Array; // of what is seen, in pixels; out of it where there is nothing to draw
  y: Int16Array;
  looks: Look[];
  of: Uint16Array; // the look of each image
  order: Uint32Array; // in which they are drawn
}

// Draws the points that a test lets through.
export function drawPoints(
  picture: Picture, points: Points, masks: Map<string, Uint8Array>, alpha: number,
  wanted: (image: number) => boolean,
): void {
  const { x, y, looks, of, order } = points;
  const { width, height, margin } = picture;
  const half = margin / 2;
  const stamps = looks.map(([color, marker]) => stampOf(masks.get(marker) as Uint8Array, color, alpha, picture));
  for (const image of order) {
    const [left, top] = [x[image], y[image]];
    if (left < -half || top < -half || left >= width + half || top >= height + half) continue;
    if (wanted(image)) blend(picture, stamps[of[image]], left, top);
  }
}

// Shades the ground where points are many, in the mean color of those that are there.
export function shadeDensity(picture: Picture, points: Points, cell: number, most: number): void {
  const { width, height, margin, pixels } = picture;
  const [columns, rows] = [Math.ceil(width / cell) + 4, Math.ceil(height / cell) + 4];
  const sums = [0, 1, 2, 3].map(() => new Float32Array(columns * rows)); // count, red, green, blue
  const colors = points.looks.map(([color]) => pixelOf(color));
  for (const image of points.order) {
    const [column, row] = [Math.floor(points.x[image] / cell) + 2, Math.floor(points.y[image] / cell) + 2];
    if (column < 0 || row < 0 || column >= columns || row >= rows) continue;
    const [place, color] = [row * columns + column, colors[points.of[image]]];
    sums[0][place] += 1;
    sums[1][place] += color & 0xff;
    sums[2][place] += (color >> 8) & 0xff;
    sums[3][place] += (color >> 16) & 0xff;
  }
  const [count, red, green, blue] = sums.map((each) => blur(blur(each, columns, rows), columns, rows));
  const greatest = Math.log1p(count.reduce((one, other) => Math.max(one, other), 0));
  if (greatest === 0) return;
  const stride = width + 2 * margin;
  for (let y = 0; y < height; y++) {
    const row = (Math.floor(y / cell) + 2) * columns + 2;
    for (let x = 0; x < width; x++) {
      const place = row + Math.floor(x / cell);
      const there = count[place];
      if (there < 0.05) continue;
      const at = (y + margin) * stride + x + margin;
      const [below, part] = [pixels[at], (most * Math.log1p(there)) / greatest];
      const mix = (under: number, sum: number) => Math.round(under * (1 - part) + (sum / there) * part);
      pixels[at] = 0xff000000 | (mix((below >> 16) & 0xff, blue[place]) << 16)
        | (mix((below >> 8) & 0xff, green[place]) << 8) | mix(below & 0xff, red[place]);
    }
  }
}

// The mean of each cell and its eight neighbors, in two passes; the border stays as it is.
function blur(values: Float32Array, columns: number, rows: number): Float32Array {
  const across = values.slice();
  for (let place = 1; place < values.length - 1; place++) {
    across[place] = (values[place - 1] + values[place] + values[place + 1]) / 3;
  }
  const found = across.slice();
  for (let place = columns; place < columns * (rows - 1); place++) {
    found[place] = (across[place - columns] + across[place] + across[place + columns]) / 3;
  }
  return found;
}
