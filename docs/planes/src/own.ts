// The page's own plane: its drawing, with what `plane.ts` does for every frame of so many images.
import { COLORS, COUNT, measure, type Positions, SHAPES, SIDE, type View } from "./common";
import { drawPoints, masksOf, pictureOf, pixelOf, type Points, shadeDensity } from "./page/draw";

const MARK = 7; // pixels of the square that a mark is in
const looks = COLORS.map((color, group) => [color, SHAPES[group][0]] as [string, string]);
const order = Uint32Array.from({ length: COUNT }, (_, image) => image);

class Plane {
  private readonly context: CanvasRenderingContext2D;
  private readonly picture = pictureOf(SIDE, SIDE, 2 * MARK);

  constructor(element: HTMLElement, private readonly positions: Positions, private view: View) {
    const canvas = element.appendChild(document.createElement("canvas"));
    canvas.width = canvas.height = SIDE;
    this.context = canvas.getContext("2d")!;
  }

  draw(of: Uint16Array, view = this.view): void {
    this.view = view;
    const { picture, picture: { image, margin } } = this;
    const points = this.points(of);
    picture.pixels.fill(pixelOf("#ffffff"));
    shadeDensity(picture, points, 4, 0.5);
    drawPoints(picture, points, masks, 0.45);
    this.context.putImageData(image, -margin, -margin, margin, margin, SIDE, SIDE);
  }

  private points(of: Uint16Array): Points {
    const { positions, view } = this;
    const scale = SIDE / view.width;
    const [x, y] = [new Int16Array(COUNT), new Int16Array(COUNT)];
    for (let image = 0; image < COUNT; image++) {
      x[image] = Math.round(SIDE / 2 + (positions.x[image] - view.x) * scale);
      y[image] = Math.round(SIDE / 2 - (positions.y[image] - view.y) * scale);
    }
    return { x, y, looks, of, order };
  }
}

const masks = masksOf(Object.fromEntries(SHAPES), MARK);

measure(async (elements, positions, groups, whole) => {
  const planes = elements.map((element, side) => new Plane(element, positions[side], whole));
  let shown = Uint16Array.from(groups);
  for (const plane of planes) plane.draw(shown);
  return {
    view: (plane, view) => planes[plane].draw(shown, view),
    color: (given) => {
      shown = Uint16Array.from(given);
      for (const plane of planes) plane.draw(shown);
    },
    finish: () => undefined,
  };
});
