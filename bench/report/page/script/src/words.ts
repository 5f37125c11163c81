// Terms and headings of columns show what they mean: elements of the page that their buttons open
// without a script (popovertarget). Here they are put beside the buttons.

export function mountWords(): void {
  let button: Element | null = null;
  // What opens by keys is clicked as well.
  addEventListener("click", ({ target }) => { button = (target as Element).closest("[popovertarget]"); }, true);
  addEventListener("beforetoggle", ({ target, newState }) => {
    if (newState === "open" && button) place(target as HTMLElement, button.getBoundingClientRect());
  }, true);
}

const EDGE = 8; // pixels

function place(shown: HTMLElement, at: DOMRect): void {
  const width = Math.min(24 * 16, document.documentElement.clientWidth - 2 * EDGE);
  const left = Math.max(EDGE, Math.min(at.left, document.documentElement.clientWidth - EDGE - width));
  Object.assign(shown.style, {
    position: "absolute", margin: "0", width: "max-content", maxWidth: `${width}px`, inset: "auto",
    left: `${left + scrollX}px`, top: `${at.bottom + scrollY + 4}px`,
  });
}
