// Two planes of deck.gl, of whatever layer.
import { Deck, type Layer, OrthographicView } from "@deck.gl/core";
import { drained, measure, type Positions, SIDE, type View } from "./common";

export type MakeLayer = (positions: Float32Array, groups: Uint8Array) => Layer;

// World units are thousandths of the plane, y downwards.
const pairs = ({ x, y }: Positions) => Float32Array.from({ length: 2 * x.length }, (_, at) => 1000 * (at % 2 ? 1 - y[at >> 1] : x[at >> 1]));
const viewState = ({ x, y, width }: View) => ({ target: [1000 * x, 1000 * (1 - y), 0], zoom: Math.log2(SIDE / (1000 * width)) });

export function planes(layer: MakeLayer): void {
  measure(async (elements, positions, groups, whole) => {
    const places = positions.map(pairs);
    const decks = await Promise.all(elements.map((element, side) => new Promise<Deck<any>>((resolve) => {
      const deck: Deck<any> = new Deck<any>({
        parent: element as HTMLDivElement, width: SIDE, height: SIDE, useDevicePixels: true,
        views: new OrthographicView({}), viewState: viewState(whole), controller: true,
        layers: [layer(places[side], groups)], onLoad: () => resolve(deck),
      });
    })));
    const loaded = () => decks.every((deck) => (deck.props.layers as Layer[]).every((each) => each.isLoaded));
    while (!loaded()) await new Promise(requestAnimationFrame);
    return {
      view: (plane, view) => decks[plane].setProps({ viewState: viewState(view) }),
      color: (given) => decks.forEach((deck, side) => deck.setProps({ layers: [layer(places[side], given)] })),
      finish: () => decks.forEach((deck) => drained((deck as any).device.gl)),
    };
  });
}
