import { expect, test, vi } from "vitest";
import { drawPoints, pictureOf, pixelOf, shadeDensity, type Points } from "./draw";
import type { Look } from "./data";

vi.stubGlobal("ImageData", class {
  data: Uint8ClampedArray;
  constructor(readonly width: number, readonly height: number) { this.data = new Uint8ClampedArray(4 * width * height); }
});

const WHITE = pixelOf("#ffffff");
const looks: Look[] = [["#ff0000", "dot"], ["#0000ff", "dot"]];
const masks = new Map([["dot", new Uint8Array([0, 255, 0, 255, 255, 255, 0, 255, 0])]]); // a cross of 3 by 3

function blank(size: number) {
  const picture = pictureOf(size, size, 6);
  picture.pixels.fill(WHITE);
  return picture;
}

function at(picture: ReturnType<typeof blank>, x: number, y: number): number[] {
  const value = picture.pixels[(y + picture.margin) * (picture.width + 2 * picture.margin) + x + picture.margin];
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff];
}

const points = (places: [number, number][], of: number[]): Points => ({
  x: Int16Array.from(places, ([x]) => x), y: Int16Array.from(places, ([, y]) => y), looks,
  of: Uint16Array.from(of), order: Uint32Array.from(places, (_, image) => image),
});

test("a mark covers the pixels of its mask and no others", () => {
  const picture = blank(10);
  drawPoints(picture, points([[4, 5]], [0]), masks, 1);
  expect(at(picture, 4, 5)).toEqual([255, 0, 0]);
  expect(at(picture, 3, 5)).toEqual([255, 0, 0]);
  expect(at(picture, 3, 4)).toEqual([255, 255, 255]);
});

test("colors are blended as source over does", () => {
  const picture = blank(10);
  drawPoints(picture, points([[4, 5], [4, 5]], [0, 1]), masks, 0.5);
  // White, half red: (255, 127.5, 127.5); half blue: (127.5, 63.75, 191.25).
  const [red, green, blue] = at(picture, 4, 5);
  for (const [found, right] of [[red, 127.5], [green, 63.75], [blue, 191.25]]) expect(Math.abs(found - right)).toBeLessThan(3);
});

test("what is selected is drawn apart, and what is out of the picture not at all", () => {
  const picture = blank(10);
  const two = points([[2, 2], [7, 7]], [0, 0]);
  drawPoints(picture, two, masks, 1, Uint8Array.from([1, 0]), 1);
  expect([at(picture, 2, 2), at(picture, 7, 7)]).toEqual([[255, 0, 0], [255, 255, 255]]);
  const before = picture.pixels.slice();
  drawPoints(picture, points([[-30_000, 5], [40, 40], [5, -9]], [0, 0, 0]), masks, 1);
  expect(picture.pixels).toEqual(before);
});

test("a mark at the edge is cut off and stays in its row", () => {
  const picture = blank(10);
  drawPoints(picture, points([[0, 5]], [0]), masks, 1);
  expect(at(picture, 1, 5)).toEqual([255, 0, 0]);
  expect(at(picture, 9, 4)).toEqual([255, 255, 255]);
});

test("density shades the ground in the mean color of the points", () => {
  const picture = blank(40);
  const many = points(Array.from({ length: 200 }, (_, i): [number, number] => [18 + (i % 5), 18 + (i % 4)]), Array(200).fill(1));
  shadeDensity(picture, many, 4, 0.5);
  const [red, green, blue] = at(picture, 20, 20);
  expect(blue).toBeGreaterThan(250);
  expect(red).toBe(green);
  expect(red).toBeLessThan(150);
  expect(at(picture, 38, 2)).toEqual([255, 255, 255]);
});
