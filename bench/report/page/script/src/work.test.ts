// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { load } from "./corrections";
import { toFile } from "./clusters_file";
import { merge, move, rename } from "./edits";
import { groupsOf, imagesOf } from "./groups";
import { csvOf, namesList } from "./lists";
import { type State } from "./state";
import { stateOf } from "./testing/page";
import { workOf } from "./work";

let state: State;
const run = () => state.run.a.value!;

beforeEach(async () => {
  localStorage.clear();
  state = await stateOf();
});
afterEach(() => vi.restoreAllMocks());

test("corrections are seen by all parts, and undone", () => {
  const work = workOf(state);
  work.change(run(), merge(run(), work.edits(run()), [0, 1]));
  expect(state.clustering(run()).numbers).toEqual([0, 2, 3]);
  work.undo(run());
  expect(state.corrected.value.size).toBe(0);
  expect(work.isCorrected(run())).toBe(false);
  work.redo(run());
  work.discard(run());
  expect(state.clustering(run()).numbers).toEqual([0, 1, 2, 3]);
  work.undo(run()); // what was discarded comes back
  expect(state.clustering(run()).numbers).toEqual([0, 2, 3]);
});

describe("kept in the browser", () => {
  test("are corrections and tags, for the next visit", async () => {
    const work = workOf(state);
    work.change(run(), move(run(), rename(run(), work.edits(run()), 0, "tabby"), [4], null));
    work.tag("blurred", [1, 3], true);
    const later = await stateOf();
    const there = workOf(later).edits(later.run.a.value!);
    expect(there).toEqual(work.edits(run()));
    expect(later.tags.value).toEqual(new Map([["blurred", new Set([1, 3])]]));
    expect(later.clustering(later.run.a.value!).nameOf.get(0)).toBe("tabby");
  });

  test("belongs to the clusters and the images, and not to the page", async () => {
    const work = workOf(state);
    work.change(run(), merge(run(), work.edits(run()), [0, 1]));
    work.tag("blurred", [1], true);
    const again = await stateOf({ key: "made again" });
    expect(workOf(again).isCorrected(again.run.a.value!)).toBe(true);
    const { pipelines: [first, second], dataset } = state.page.data;
    const found = { ...first.runs[0], asset: "run-b" };
    const changed = await stateOf({ pipelines: [{ ...first, runs: { 0: found } }, second] });
    expect(workOf(changed).isCorrected(changed.run.a.value!)).toBe(false);
    expect(changed.tags.value.get("blurred")).toEqual(new Set([1]));
    const other = await stateOf({ dataset: { ...dataset, fingerprint: "0" } });
    expect(workOf(other).isCorrected(other.run.a.value!)).toBe(false);
    expect(other.tags.value.size).toBe(0);
  });

  test("is nothing once all was taken back", () => {
    const work = workOf(state);
    work.tag("a", [1], true);
    work.tag("a", [1], false);
    work.change(run(), merge(run(), work.edits(run()), [0, 1]));
    work.discard(run());
    expect(localStorage).toHaveLength(0);
  });

  test("may fail, which is said once", () => {
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => { throw new Error("full"); });
    const work = workOf(state);
    work.tag("a", [1], true);
    expect(work.said.value).toMatch(/does not keep/);
    work.said.value = "";
    work.tag("a", [2], true);
    expect(work.said.value).toBe("");
    expect(state.tags.value.get("a")).toEqual(new Set([1, 2]));
  });

  test("may be damaged, which changes nothing", async () => {
    const work = workOf(state);
    work.tag("blurred", [1], true);
    work.change(run(), merge(run(), work.edits(run()), [0, 1]));
    expect(localStorage).toHaveLength(2);
    for (const name of Object.keys(localStorage)) localStorage.setItem(name, "{");
    const later = await stateOf();
    expect(later.tags.value.size).toBe(0);
    expect(workOf(later).isCorrected(later.run.a.value!)).toBe(false);
  });
});

test("a file is loaded into its pipeline and seed", async () => {
  const work = workOf(state);
  const run1 = await state.page.run(1, 1);
  const edits = rename(run1, work.edits(run1), 1, "tabby");
  const file = toFile(state.page.data, run1, edits, new Map([["b", new Set([2])]]));
  work.tag("b", [1], true);
  await load(state, work, JSON.stringify(file));
  expect(work.said.value).toBe("Loaded: 5 clusters, 1 tag.");
  expect([state.pipeline.a.value, state.seed.value]).toEqual([1, 1]);
  expect(state.clustering(run1).nameOf.get(1)).toBe("tabby");
  expect(state.tags.value.get("b")).toEqual(new Set([1, 2]));
  await load(state, work, JSON.stringify({ ...file, fingerprint: "" }));
  expect(work.said.value).toMatch(/another data set/);
});

describe("groups", () => {
  test.each([
    ["cluster:1", [4, 5, 6, 7]], ["cluster:-1", [11]], ["label:0", [0, 1, 2, 8, 9, 11]], ["label:-1", [10]],
    // Cluster 2 is assigned to no label.
    ["mistakes:", [3, 8, 9, 11]], ["differ:", [4]], ["cell:0,2", [8, 9]], ["tag:a:b", [5]],
    ["duplicates:", [0, 1, 8, 9, 10]], ["duplicates:1", [8, 9, 10]], ["duplicates:7", []],
    ["", []], ["unheard:1", []], ["toString:", []], ["cluster", []],
  ])("%s", (group, images) => {
    workOf(state).tag("a:b", [5], true);
    expect(imagesOf(state, group)).toEqual(images);
  });

  test("are of corrected clusters", () => {
    const work = workOf(state);
    work.change(run(), merge(run(), work.edits(run()), [0, 1]));
    expect(imagesOf(state, "cluster:0")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(imagesOf(state, "cluster:1")).toEqual([]);
  });

  test("that are offered have images, but for empty clusters", () => {
    workOf(state).tag("blurred", [1], true);
    const offered = groupsOf(state).flatMap(({ groups }) => groups);
    expect(offered.filter(({ value }) => !imagesOf(state, value).length).map(({ text }) => text)).toEqual(["cluster 3 in A"]);
    expect(offered.map(({ text }) => text)).toContain("tag blurred (1)");
  });
});

test("a selection as CSV is quoted where it has to be", () => {
  const work = workOf(state);
  work.tag("x,y", [3], true);
  work.tag("blurred", [3], true);
  expect(csvOf(state, run(), work.edits(run()), [3, 10])).toBe(
    'image,cluster,label,tags\r\n"a, ""b""/<img src=x onerror=alert(1)>.png",cats 0,dogs <img src=x onerror=alert(1)>,"x,y;blurred"\r\n10.png,cats 2,,\r\n');
  expect(namesList(state, [0, 10])).toBe("0.png\n10.png\n");
});
