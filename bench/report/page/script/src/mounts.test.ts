// @vitest-environment jsdom
// Parts of the page in a document, as somebody uses them; tests/test_page_work.py does so in a browser.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mount as confusion } from "./confusion";
import { mount as corrections } from "./corrections";
import { isEverywhere } from "./groups";
import { mount as selection } from "./selection";
import { mount as sheets } from "./sheets";
import { mount as similar } from "./similar";
import type { State } from "./state";
import { stateOf } from "./testing/page";
import { mount as unusual } from "./unusual";

const PLACES = ["corrections", "confusion-part", "sheets", "unusual", "clusters-of", "work", "similar", "selection-count"];
let state: State;
const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
const one = <T extends HTMLElement = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
const settled = () => new Promise((resolve) => setTimeout(resolve));
const images = () => all("#selection [data-image]").map(({ dataset }) => Number(dataset.image));
const enter = (selector: string, text: string) => {
  one<HTMLInputElement>(selector).value = text;
  one(selector).dispatchEvent(new Event("change", { bubbles: true }));
};

// The document outlives a test: what listens to it must not.
let listening = new AbortController();
const listen = document.addEventListener.bind(document);
document.addEventListener = (type: string, act: EventListener, capture?: boolean) =>
  listen(type, act, { capture, signal: listening.signal });
afterEach(() => {
  listening.abort();
  listening = new AbortController();
});

beforeEach(async () => {
  localStorage.clear();
  document.body.innerHTML = `${PLACES.map((id) => `<div id="${id}"></div>`).join("")}
    <table id="confusion"></table><ul id="selection" class="tiles"></ul><select id="select"></select><button id="clear"></button>`;
  vi.stubGlobal("IntersectionObserver", class { observe() {} disconnect() {} });
  URL.createObjectURL = () => "blob:none";
  state = await stateOf();
  for (const mount of [corrections, selection, similar, unusual, confusion, sheets]) mount(state);
  await settled();
});

test("a group is chosen from the list; another selection leaves the list", () => {
  enter("#select", "mistakes:");
  expect(images()).toEqual([3, 8, 9, 11]);
  state.select([1]);
  expect(one<HTMLSelectElement>("#select").value).toBe("");
  one("#clear").click();
  expect(one("#selection-count").textContent).toMatch(/^None/);
  expect(one("#work").textContent).toBe("");
});

test("a group is forgotten once a correction or another pipeline gives it other images", async () => {
  enter("#select", "cluster:1");
  enter("#corrections .name", "pets");
  expect(state.group.value).toBe("cluster:1");
  state.pipeline.a.value = 1;
  await settled();
  expect([state.group.value, images()]).toEqual(["", [4, 5, 6, 7]]);
  enter("#select", "cluster:1");
  one("#move").click();
  expect([state.group.value, images()]).toEqual(["", [5, 6, 7]]);
});

test("links name a group only where every browser has the same images in it", () => {
  expect(isEverywhere(state, "cluster:1")).toBe(true);
  expect(isEverywhere(state, "tag:blurred")).toBe(false);
  enter("#select", "cluster:1");
  one("#move").click();
  expect(isEverywhere(state, "cluster:1")).toBe(false);
});

test("fields and headings of the table of labels select", () => {
  one("#confusion td button").click();
  expect(state.group.value).toBe("cell:0,0");
  expect(images()).toEqual([0, 1, 2]);
  one("#confusion tbody th button").click();
  expect(state.group.value).toBe("label:0");
  one("#confusion thead th button").click();
  expect(images()).toEqual([0, 1, 2, 3]);
});

test("the selection is tagged, and a tag taken away", () => {
  state.select([1, 3]);
  enter("#tag", "blurred ");
  one("#work form").dispatchEvent(new Event("submit", { cancelable: true }));
  expect(one(".tagged").textContent).toMatch(/blurred\s+2 of 2/);
  state.select([3, 4]);
  expect(one(".tagged").textContent).toMatch(/blurred\s+1 of 2/);
  one(".tagged button").click();
  expect(state.tags.value).toEqual(new Map([["blurred", new Set([1])]]));
});

test("the selection is moved to a new cluster", () => {
  state.select([8, 9]);
  one("#move").click();
  expect(state.clustering(state.run.a.value!).clusters[8]).toBe(4);
  expect(one("#work .said").textContent).toBe("2 images moved to cluster 4.");
  expect(all(".corrected li").map((row) => row.querySelector<HTMLInputElement>(".name")!.value))
    .toEqual(["cats 0", "dogs", "cats 2", "cluster 3", "cluster 4", "in no cluster"]);
});

test("checked clusters are merged and split, names given, all undone", () => {
  const check = (id: number) => one(`[aria-label="Check cluster ${id}"]`).click();
  check(0); check(2);
  one("#merge").click();
  expect(all(".corrected li")).toHaveLength(4);
  expect(all(".corrected input:checked")).toHaveLength(0);
  check(1);
  one("#split").click();
  expect(all(".corrected .name").map((field) => (field as HTMLInputElement).value)).toEqual(["cats 0", "cluster 3", "dogs, part 1", "dogs, part 2", "in no cluster"]);
  enter('[aria-label="Name of cluster 0"]', "cluster 3");
  expect(one("#corrections .said").textContent).toMatch(/cluster 3 is the name of cluster 3/);
  expect(one<HTMLInputElement>('[aria-label="Name of cluster 0"]').value).toBe("cats 0");
  enter('[aria-label="Name of cluster 0"]', "<b>tabby");
  expect(one("#sheets .heading").textContent).toBe("cluster 0: <b>tabby: 7 images");
  for (const _ of [1, 2, 3]) one("#undo").click();
  expect(state.corrected.value.size).toBe(0);
  expect(one<HTMLButtonElement>("#undo").disabled).toBe(true);
  check(3);
  one("#split").click();
  expect(one("#corrections .said").textContent).toMatch(/^Not split.*cluster 3/);
});

test("similar images are those of the first selected, and of the one clicked", () => {
  const near = () => all("#similar li").map(({ dataset }) => Number(dataset.image));
  state.select([5, 6]);
  expect(near()).toEqual([4, 6]);
  expect(one("#similar li").textContent).toMatch(/11\.0.*open file/s);
  expect(one<HTMLAnchorElement>("#similar li a").getAttribute("href")).toBe("../album/4.png");
  all("#similar li")[1].click();
  expect(near()).toEqual([7, 5]);
  enter("#similar-in", "b");
  expect(one("#similar").textContent).toContain("No nearest neighbors were kept in the codes of dnn.");
});

test("identical and nearly identical images and outliers are listed and selected", () => {
  const headings = all("#unusual h4").map(({ textContent }) => textContent);
  expect(headings).toEqual(["Identical images", "Nearly identical images", "Outliers"]);
  one('#unusual [aria-label="Select 3: group 2"]').click();
  expect(images()).toEqual([8, 9, 10]);
  expect(state.group.value).toBe("duplicates:1");
  one("#unusual h4:nth-of-type(2) ~ .together button").click();
  expect(images()).toEqual([6, 7]);
});

test("images in lists are reached, shown and selected by keys", () => {
  state.select([0, 1, 2]);
  const list = one("#selection");
  const press = (key: string) => (document.activeElement ?? list).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  list.focus();
  press("ArrowRight"); press("ArrowRight");
  expect((document.activeElement as HTMLElement).dataset.image).toBe("1");
  press("Enter");
  expect(one("#similar .one p").textContent).toBe("1.png");
  press(" ");
  expect(state.selection.value).toEqual([0, 2]);
});

test("a long selection is shown in steps", () => {
  state.select(Array.from({ length: 700 }, (_, place) => place % 12));
  expect(images()).toHaveLength(300);
  one("#selection .more button").click();
  expect(images()).toHaveLength(600);
  expect(one("#selection .more").textContent).toBe("Show 100 more of 100");
});
