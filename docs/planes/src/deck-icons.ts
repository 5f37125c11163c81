import { IconLayer } from "@deck.gl/layers";
import { COLORS, SHAPES } from "./common";
import { planes } from "./deck-planes";

const MARK = 7; // pixels of the square that a mark is in
const ICON = 32; // pixels of a shape in the atlas
const bytes = COLORS.map((color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)));
const atlas = document.createElement("canvas");
[atlas.width, atlas.height] = [ICON * SHAPES.length, ICON];
const context = atlas.getContext("2d")!;
SHAPES.forEach(([, path], shape) => {
  context.setTransform(ICON / 16, 0, 0, ICON / 16, ICON * shape, 0);
  context.fill(new Path2D(path));
});
const iconMapping = Object.fromEntries(SHAPES.map(([name], shape) => [name, { x: ICON * shape, y: 0, width: ICON, height: ICON, mask: true }]));
const iconAtlas = atlas.toDataURL();

planes((positions, groups) => {
  const colors = new Uint8Array(4 * groups.length);
  groups.forEach((group, image) => colors.set([...bytes[group], 204], 4 * image));
  return new IconLayer({
    id: "points", pickable: false, iconAtlas, iconMapping, getSize: MARK, billboard: false,
    getIcon: (_: unknown, { index }: { index: number }) => SHAPES[groups[index]][0],
    updateTriggers: { getIcon: groups },
    data: { length: groups.length, attributes: {
      getPosition: { value: positions, size: 2 }, getColor: { value: colors, size: 4 },
    } },
  } as any);
});
