// Light or dark: as the system is (auto), or as chosen.

import { computed, effect, signal } from "@preact/signals-core";
import { html, render } from "lit-html";
import { byId } from "./dom";

export const THEMES = ["auto", "light", "dark"];
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => { systemIsDark.value = system.matches; });

// head.html has set the one that was kept, before anything was drawn.
export const theme = signal(root.dataset.theme ?? "auto");
export const isDark = computed(() => theme.value === "dark" || (theme.value === "auto" && systemIsDark.value));

export function mountTheme(): void {
  effect(() => { root.dataset.theme = theme.value; });
  effect(() => { render(html`<label>Theme <select id="theme" @change=${choose}>
    ${THEMES.map((name) => html`<option .selected=${name === theme.value}>${name}</option>`)}
  </select></label>`, byId("theme-part")); });
}

function choose(event: Event): void {
  theme.value = (event.target as HTMLSelectElement).value;
  try {
    localStorage.setItem("latentgrid-theme", theme.value);
  } catch { /* Nothing can be kept here. */ }
}
