// Buttons that show a pipeline in an embedding: in the table of pipelines and in the heat map.

import { effect } from "@preact/signals-core";
import { byId } from "./dom";
import { SIDES, type Side, type State } from "./state";

export function mountLook(state: State): void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>(".look")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      state.pipeline[button.dataset.side as Side].value = Number(button.dataset.pipeline);
      byId("look").scrollIntoView();
    });
  }
  for (const side of SIDES) {
    effect(() => {
      for (const button of buttons.filter(({ dataset }) => dataset.side === side)) {
        const chosen = Number(button.dataset.pipeline) === state.pipeline[side].value;
        button.classList.toggle("chosen", chosen);
        button.ariaPressed = String(chosen);
      }
    });
  }
}
