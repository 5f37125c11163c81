import { ScatterplotLayer } from "@deck.gl/layers";
import { COLORS, DOT } from "./common";
import { planes } from "./deck-planes";

const bytes = COLORS.map((color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)));

planes((positions, groups) => {
  const colors = new Uint8Array(4 * groups.length);
  groups.forEach((group, image) => colors.set([...bytes[group], 204], 4 * image));
  return new ScatterplotLayer({
    id: "points", pickable: false, radiusUnits: "pixels", getRadius: DOT / 2,
    data: { length: groups.length, attributes: {
      getPosition: { value: positions, size: 2 }, getFillColor: { value: colors, size: 4 },
    } },
  });
});
