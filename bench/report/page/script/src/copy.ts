// Buttons that copy a text.

import { effect, signal } from "@preact/signals-core";
import { html, render } from "lit-html";
import { byId } from "./dom";

export function mountCopy(place: HTMLElement, label: string, text: () => string): void {
  const said = signal("");
  const copy = async () => {
    said.value = "";
    said.value = (await copied(text(), place)) ? "Copied." : "Selected: copy it by Ctrl+C.";
  };
  effect(() => { render(html`<button type="button" @click=${copy}>${label}</button>
    <output aria-live="polite">${said.value}</output>`, place); });
}

// The command that made the run, where it is known.
export function mountCommand(command: string | undefined): void {
  if (!command) return;
  const [place, code, button] = [byId("command-part"), document.createElement("code"), document.createElement("span")];
  code.textContent = command;
  place.append(code, " ", button);
  mountCopy(button, "Copy the command", () => command);
}

// Browsers refuse some pages the clipboard; what cannot be copied is left selected, in a field.
async function copied(text: string, place: HTMLElement): Promise<boolean> {
  place.querySelector("textarea")?.remove();
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    Object.assign(field, { value: text, readOnly: true, rows: 2, ariaLabel: "To copy" });
    place.append(field);
    field.select();
    const done = document.execCommand("copy");
    if (done) field.remove();
    return done;
  }
}
