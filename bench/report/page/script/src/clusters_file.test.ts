import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClustersFile, fromFile, movedOnly, parse, pipelineOf, tagsOf, toFile } from "./clusters_file";
import { asFound, type Edits, merge, move, namesOf, rename, split } from "./edits";
import { COUNT, data, runOf } from "./testing/page";

const page = data();
const run = runOf(page);
const tags = new Map([["blurred", new Set([3, 5])]]);
const file = (edits: Edits) => toFile(page, run, edits, tags);
const text = (edits: Edits) => JSON.stringify(file(edits));

// What matters of clusters, whatever their numbers: names, and what and whom they hold.
function told(edits: Edits) {
  const names = namesOf(run, edits.list);
  return {
    clusters: edits.list.map(({ id, of }) => [names.get(id), [...of].sort()]).sort(),
    images: Array.from(edits.clusters, (id) => names.get(id) ?? "absent"),
    parts: [...edits.parts].sort(),
  };
}

test("a file has the form that other programs read", () => {
  const edits = rename(run, move(run, split(run, found(), 1, 2)!, [0], 4), 0, "tabby");
  const made = file(edits);
  expect(made).toMatchObject({
    format: "latentgrid-clusters", version: 1, dataset: "folder:album", fingerprint: page.dataset.fingerprint, key: "made",
    pipeline: { model: "cnn", chain: "pca2", clusterer: "kmeans", seed_index: 0 },
    tags: { blurred: [page.names[3], "5.png"] },
  });
  expect(made.clusters).toContainEqual({ name: "tabby", of: ["0"] });
  expect(made.clusters).toContainEqual({ name: "dogs, part 1", of: ["1/0"] });
  expect(Object.keys(made.parts)).toEqual(["1/0", "1/1"]);
  expect(made.images["0.png"]).toBe("dogs, part 1");
  expect(made.images["1.png"]).toBe("tabby");
  expect(Object.keys(made.images)).toHaveLength(COUNT);
});

const found = () => asFound(run);

// Any sequence of corrections.
type Step = (edits: Edits) => Edits;
const pick = (edits: Edits, place: number) => edits.list[place % edits.list.length].id;
const place = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(place, fc.constantFrom("tabby", "cluster 1", "cats", "#2", "__proto__", "cats 0")).map(([which, name]): Step =>
    (edits) => ([...namesOf(run, edits.list).values()].includes(name) ? edits : rename(run, edits, pick(edits, which), name))),
  fc.tuple(place, place).map(([one, other]): Step => (edits) => merge(run, edits, [pick(edits, one), pick(edits, other)])),
  fc.tuple(place, fc.integer({ min: 2, max: 4 })).map(([which, k]): Step => (edits) => split(run, edits, pick(edits, which), k) ?? edits),
  fc.tuple(place, fc.uniqueArray(fc.nat(COUNT - 1), { minLength: 1 })).map(([which, images]): Step =>
    (edits) => move(run, edits, images, which % 5 ? pick(edits, which) : null)),
);
const corrected = fc.array(step, { maxLength: 8 }).map((steps) => steps.reduce((edits, each) => each(edits), found()));

describe("whatever was corrected", () => {
  test("is read back from a file as it was", () => {
    fc.assert(fc.property(corrected, (edits) => {
      const back = fromFile(parse(text(edits), page), page, run);
      expect(told(back)).toEqual(told(edits));
      expect(file(back).images).toEqual(file(edits).images);
    }));
  });

  test("is in the file: every image has a cluster, every found cluster is in one", () => {
    fc.assert(fc.property(corrected, (edits) => {
      const made = file(edits);
      const names = made.clusters.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(Object.values(made.images).every((name) => names.includes(name))).toBe(true);
      const of = made.clusters.flatMap((cluster) => cluster.of);
      expect(new Set(of).size).toBe(of.length);
      for (const number of [0, 1, 2, 3, -1]) {
        expect(of.some((atom) => atom.split("/")[0] === String(number))).toBe(true);
      }
      expect(of.every((atom) => !atom.includes("/") || Object.hasOwn(made.parts, atom))).toBe(true);
      // What was split is in no cluster itself, and each of its last parts is in one.
      const inner = new Set(Object.keys(made.parts).map((part) => part.slice(0, part.lastIndexOf("/"))));
      expect(of.filter((atom) => inner.has(atom))).toEqual([]);
      expect(Object.keys(made.parts).filter((part) => !inner.has(part) && !of.includes(part))).toEqual([]);
    }));
  });

  test("is kept whole in the browser, with its numbers", () => {
    fc.assert(fc.property(corrected, (edits) => {
      const kept = movedOnly(file(edits), page, run, edits);
      const back = fromFile(parse(JSON.stringify(kept), page), page, run, edits.list.map(({ id }) => id));
      expect([...back.clusters]).toEqual([...edits.clusters]);
      expect(told(back)).toEqual(told(edits));
    }));
  });
});

test("the browser keeps only images that were moved", () => {
  const edits = move(run, found(), [7], 0);
  expect(movedOnly(file(edits), page, run, edits).images).toEqual({ "7.png": "cats 0" });
});

describe("a file that does not fit", () => {
  const changed = (changes: object) => JSON.stringify({ ...file(found()), ...changes });

  test.each([
    ["", "not JSON"],
    ["[]", "does not hold clusters"],
    [changed({ format: "other" }), "does not hold clusters"],
    [changed({ version: 2 }), "has version 2; this page reads version 1"],
    [changed({ fingerprint: "0".repeat(64), dataset: "folder:zoo" }), "another data set: folder:zoo, fingerprint 000000000000; this page has folder:album"],
    [changed({ clusters: {} }), "clusters are no list"],
    [changed({ clusters: [{ name: "a", of: [] }, { name: "a", of: [] }] }), "same name"],
    [changed({ images: { "0.png": "unheard of" } }), "in unheard of, which is none"],
    [changed({ parts: { "0/0": [1] } }), "parts are no lists"],
    [changed({ tags: [] }), "tags are no lists"],
    [changed({ pipeline: {} }), "pipeline"],
  ])("says in one line why: %#", (content, why) => {
    expect(() => parse(content, page)).toThrow(why);
    try { parse(content, page); } catch (error) { expect((error as Error).message).not.toContain("\n"); }
  });

  test("never breaks the page", () => {
    fc.assert(fc.property(fc.json(), (content) => { expect(() => parse(content, page)).toThrow(/^This (file|clusters.json) /); }));
    const odd = fc.record({
      clusters: fc.array(fc.record({ name: fc.string(), of: fc.array(fc.constantFrom("0", "1", "9", "-1", "0/0", "1/0/1", "x")) })),
      parts: fc.dictionary(fc.constantFrom("0/0", "1/0", "7/7"), fc.array(fc.constantFrom("0.png", "5.png", "none.png"))),
      images: fc.constant({}),
    });
    fc.assert(fc.property(odd, (changes) => {
      let read: ClustersFile;
      try { read = parse(changed(changes), page); } catch { return; }
      const edits = fromFile(read, page, run);
      expect(edits.list.map(({ id }) => id)).toEqual(expect.arrayContaining([...new Set(edits.clusters)]));
      expect(new Set(edits.list.map(({ id }) => id)).size).toBe(edits.list.length);
    }));
  });

  test("names the pipeline that the page does not show", () => {
    expect(pipelineOf(file(found()), page)).toBe(0);
    const elsewhere = { ...file(found()), pipeline: { model: "cnn", chain: "pca2", clusterer: "kmeans", seed_index: 1 } };
    expect(() => pipelineOf(elsewhere, page)).toThrow("of cnn, pca2, kmeans at seed 1, which this page does not show");
  });

  test("may leave clusters and images out, which stay as they were found", () => {
    const back = fromFile(parse(changed({ clusters: [{ name: "all", of: ["0", "1"] }], images: { "8.png": "all" } }), page), page, run);
    expect(Array.from(back.clusters)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, -1]);
  });
});

test("tags are read, and images that the page does not show left out", () => {
  expect(tagsOf(parse(text(found()), page), page)).toEqual(tags);
  expect(tagsOf({ ...file(found()), tags: { a: ["none.png"] } }, page)).toEqual(new Map([["a", new Set()]]));
});
