// Draws many small marks into pixels. Marks are blended one by one, without a GPU: 70,000 of them
// in two planes take some milliseconds on any machine, and canvas paths ten times as long.

import type { Look } from "./data";

// A picture that is drawn into: what is seen, and around it room for marks that are cut off.
export interface Picture {
  image: ImageData;
  pixels: Int32Array; // 0xAABBGGRR; signed, since engines are fast on 31 bits
  width: number; // of what is seen; the image is wider by twice the margin
  height: number;
  margin: number;
}

// A mark, ready to be blended: where its pixels are, and what each adds.
interface Stamp {
  offsets: Int32Array;
  keep: Int32Array; // of 128: how much of what is below is left
  redBlue: Int32Array;
  green: Int32Array;
}

export function pictureOf(width: number, height: number, margin: number): Picture {
  const image = new ImageData(width + 2 * margin, height + 2 * margin);
  return { image, pixels: new Int32Array(image.data.buffer), width, height, margin };
}

// `#rrggbb` as a pixel.
export function pixelOf(color: string): number {
  const value = Number.parseInt(color.slice(1), 16);
  return (-0x1000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16));
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
  const parts = covered.map((place) => Math.round((mask[place] * alpha * 128) / 255));
  const half = Math.floor(size / 2);
  return {
    offsets: Int32Array.from(covered, (place) => (Math.floor(place / size) - half) * stride + (place % size) - half),
    keep: Int32Array.from(parts, (part) => 128 - part),
    redBlue: Int32Array.from(parts, (part) => (pixel & 0xff00ff) * part),
    green: Int32Array.from(parts, (part) => (pixel & 0xff00) * part),
  };
}

// Blends a mark at a point of what is seen, or of the margin around it.
export function blend(picture: Picture, stamp: Stamp, x: number, y: number): void {
  const { pixels, width, margin } = picture;
  const { offsets, keep, redBlue, green } = stamp;
  const base = (y + margin) * (width + 2 * margin) + x + margin;
  for (let place = 0; place < offsets.length; place++) {
    const at = base + offsets[place];
    const below = pixels[at];
    pixels[at] = -0x1000000
      | (((Math.imul(below & 0xff00ff, keep[place]) + redBlue[place]) >> 7) & 0xff00ff)
      | (((Math.imul(below & 0xff00, keep[place]) + green[place]) >> 7) & 0xff00);
  }
}

export interface Points {
  x: Int16Array; // of what is seen, in pixels; out of it where there is nothing to draw
  y: Int16Array;
  looks: Look[];
  of: Uint16Array; // the look of each image
  order: Uint32Array; // in which they are drawn
}

// Draws the points whose part, selected (1) or not (0), is wanted; all of them by default.
export function drawPoints(
  picture: Picture, points: Points, masks: Map<string, Uint8Array>, alpha: number,
  isSelected?: Uint8Array, wanted = 1,
): void {
  const { x, y, looks, of, order } = points;
  const half = picture.margin / 2;
  const [right, bottom] = [picture.width + half, picture.height + half];
  const stamps = looks.map(([color, marker]) => stampOf(masks.get(marker) as Uint8Array, color, alpha, picture));
  for (let place = 0; place < order.length; place++) {
    const image = order[place];
    const left = x[image];
    const top = y[image];
    if (left < -half || top < -half || left >= right || top >= bottom) continue;
    if (isSelected === undefined || isSelected[image] === wanted) blend(picture, stamps[of[image]], left, top);
  }
}

// Shades the ground where points are many, in the mean color of those that are there: `most` of the
// color where they are densest. Written with few objects, since it runs for every pixel of a frame.
export function shadeDensity(picture: Picture, points: Points, cell: number, most: number): void {
  const { width, height, margin, pixels } = picture;
  const [columns, rows] = [Math.ceil(width / cell) + 4, Math.ceil(height / cell) + 4];
  const [count, red, green, blue] = countCells(points, cell, columns, rows)
    .map((each) => blur(blur(each, columns, rows), columns, rows));
  const greatest = Math.log1p(count.reduce((one, other) => Math.max(one, other), 0));
  if (greatest === 0) return;
  const stride = width + 2 * margin;
  for (let row = 2; row < rows - 2; row++) {
    for (let column = 2; column < columns - 2; column++) {
      const place = row * columns + column;
      const there = count[place];
      if (there < 0.05) continue;
      const part = Math.round((128 * most * Math.log1p(there)) / greatest);
      const keep = 128 - part;
      const redBlue = ((blue[place] / there) << 16 | (red[place] / there)) * part;
      const middle = ((green[place] / there) << 8) * part;
      const [left, right] = [(column - 2) * cell, Math.min((column - 1) * cell, width)];
      for (let y = (row - 2) * cell, end = Math.min(y + cell, height); y < end; y++) {
        const start = (y + margin) * stride + margin;
        for (let at = start + left; at < start + right; at++) {
          const below = pixels[at];
          pixels[at] = -0x1000000 | (((Math.imul(below & 0xff00ff, keep) + redBlue) >> 7) & 0xff00ff)
            | (((Math.imul(below & 0xff00, keep) + middle) >> 7) & 0xff00);
        }
      }
    }
  }
}

// Of each cell, and two more around them: the number of points, and sums of red, green and blue.
function countCells(points: Points, cell: number, columns: number, rows: number): Float32Array[] {
  const { x, y, of } = points;
  const [count, red, green, blue] = [0, 1, 2, 3].map(() => new Float32Array(columns * rows));
  const colors = Int32Array.from(points.looks, ([color]) => pixelOf(color));
  for (let image = 0; image < x.length; image++) {
    const column = Math.floor(x[image] / cell) + 2;
    const row = Math.floor(y[image] / cell) + 2;
    if (column < 0 || row < 0 || column >= columns || row >= rows) continue;
    const place = row * columns + column;
    const color = colors[of[image]];
    count[place] += 1;
    red[place] += color & 0xff;
    green[place] += (color >> 8) & 0xff;
    blue[place] += (color >> 16) & 0xff;
  }
  return [count, red, green, blue];
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
