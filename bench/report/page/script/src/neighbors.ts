// The nearest neighbors in the codes of the encoder in an embedding, once they are read.

import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { Neighbors } from "./data";
import type { Side, State } from "./state";

const MOST = 20_000; // images of which neighbors are kept

// A text says why there are none; null: not read yet.
export function neighborsOf(state: State, side: Side): ReadonlySignal<Neighbors | string | null> {
  const found = signal<Neighbors | string | null>(null);
  effect(() => {
    const run = state.run[side].value;
    found.value = null;
    if (run === null) return;
    const [{ model }, { count }] = [run.pipeline, state.page.data];
    const none = count > MOST
      ? `Nearest neighbors are kept for up to ${MOST.toLocaleString("en")} images; there are ${count.toLocaleString("en")}.`
      : `No nearest neighbors were kept in the codes of ${model}.`;
    const set = (result: Neighbors | string) => { if (state.run[side].value === run) found.value = result; };
    state.page.neighbors(model, run.seed).then((kept) => set(kept ?? none), (error: Error) => set(error.message));
  });
  return found;
}
