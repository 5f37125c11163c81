import { describe, expect, test } from "vitest";
import { membersOf } from "./clustering";
import { ABSENT } from "./data";
import { asFound, begun, changed, clusteringOf, merge, move, namesOf, redone, rename, split, undone } from "./edits";
import { kmeans } from "./kmeans";
import { labels, runOf } from "./testing/page";

const run = runOf();
const found = asFound(run);
const named = (edits = found) => Object.fromEntries(namesOf(run, edits.list));
const made = (edits = found) => edits.list.map(({ id, of }) => [id, of]);

describe("names", () => {
  test("come from labels, and two clusters never have the same", () => {
    expect(named()).toEqual({ 0: "cats 0", 1: "dogs", 2: "cats 2", 3: "cluster 3", "-1": "in no cluster" });
  });

  test("are those given; an empty one gives the found name back", () => {
    const one = rename(run, found, 0, " tabby ");
    expect(named(one)[0]).toBe("tabby");
    expect(clusteringOf(run, one, labels).nameOf.get(0)).toBe("tabby");
    expect(rename(run, one, 0, "").list).toEqual(found.list);
    expect(rename(run, one, 0, "cats 0").list).toEqual(found.list);
  });
});

describe("merge", () => {
  const both = merge(run, found, [1, 2]);

  test("keeps the smallest number, and the others as they are", () => {
    expect(made(both)).toEqual([[0, ["0"]], [1, ["1", "2"]], [3, ["3"]], [-1, ["-1"]]]);
    expect(membersOf(both, 1)).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(membersOf(both, 0)).toEqual([0, 1, 2, 3]);
  });

  test("keeps the name of the one merged into", () => {
    expect(named(merge(run, found, [0], 1))[0]).toBe("dogs");
    expect(named(merge(run, rename(run, found, 2, "tabby"), [0, 2]))[0]).toBe("tabby");
  });

  test("takes images in no cluster into one", () => {
    expect(made(merge(run, found, [-1, 2]))).toContainEqual([2, ["2", "-1"]]);
  });

  test("of one cluster is nothing", () => {
    expect(merge(run, found, [1])).toBe(found);
  });

  test("leaves what was found untouched", () => {
    expect([...found.clusters]).toEqual([...runOf().clusters]);
  });
});

describe("split", () => {
  const parts = split(run, found, 1, 2)!;

  test("makes new clusters by the images' places, and remembers the parts", () => {
    expect(made(parts)).toEqual([[0, ["0"]], [2, ["2"]], [3, ["3"]], [4, ["1/0"]], [5, ["1/1"]], [-1, ["-1"]]]);
    expect([membersOf(parts, 4), membersOf(parts, 5)].sort()).toEqual([[4, 6], [5, 7]]);
    expect(parts.parts.get("1/0")).toEqual(membersOf(parts, 4));
    expect([named(parts)[4], named(parts)[5]]).toEqual(["dogs, part 1", "dogs, part 2"]);
  });

  test("splits parts again, and keeps the inner ones", () => {
    const again = split(run, parts, 4, 2)!;
    expect(made(again).filter(([id]) => (id as number) > 5)).toEqual([[6, ["1/0/0"]], [7, ["1/0/1"]]]);
    expect([...again.parts.keys()]).toEqual(["1/0", "1/1", "1/0/0", "1/0/1"]);
  });

  test("of a merged cluster splits everything that it is made of", () => {
    const both = split(run, merge(run, found, [0, 1]), 0, 2)!;
    const ofs = both.list.slice(-3, -1).flatMap(({ of }) => of);
    expect(ofs.every((atom) => /^[01]\/[01]$/.test(atom))).toBe(true);
    expect(ofs.flatMap((atom) => both.parts.get(atom)!).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("keeps what no image belongs to, as a whole", () => {
    const both = split(run, merge(run, found, [0, 3]), 0, 2)!;
    expect(both.list.flatMap(({ of }) => of).sort()).toEqual(["-1", "0/0", "0/1", "1", "2", "3"]);
  });

  test("of moved images leaves them out of the parts", () => {
    const moved = split(run, move(run, found, [0], 1), 1, 2)!;
    expect([...moved.parts.values()].flat().sort()).toEqual([4, 5, 6, 7]);
    expect(moved.clusters[0]).toBeGreaterThan(3);
  });

  test("of one place is none", () => {
    expect(split(run, found, 3, 2)).toBeNull();
    expect(split(run, found, -1, 2)).toBeNull();
  });
});

describe("move", () => {
  test("puts images into another cluster, or a new one", () => {
    expect(membersOf(move(run, found, [0, 11], 2), 2)).toEqual([0, 8, 9, 10, 11]);
    const one = move(run, found, [0, 5], null);
    expect(membersOf(one, 4)).toEqual([0, 5]);
    expect(made(one)).toContainEqual([4, []]);
    expect(made(move(run, one, [0, 5], 1))).toEqual(made());
  });

  test("leaves images alone that the run does not have", () => {
    const some = runOf(undefined, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, ABSENT]);
    expect(move(some, asFound(some), [10, 11], 0).clusters[11]).toBe(ABSENT);
  });
});

test("labels of changed clusters are those of most images; others keep their assignment", () => {
  const of = clusteringOf(run, move(run, found, [4, 5, 6, 7], 2), labels);
  expect([...of.labelOf]).toEqual([[0, 0], [2, 1]]);
  expect(of.nameOf.get(0)).toBe("cats (75%)");
  expect(of.nameOf.get(2)).toBe("cats"); // the share is no longer true
  expect(of.numbers).toEqual([0, 1, 2, 3]);
  expect(clusteringOf(run, move(run, found, [0], 1), null).labelOf.size).toBe(0);
});

test("undo and redo go through the steps; a new one ends redo", () => {
  const [one, two] = [merge(run, found, [0, 1]), rename(run, found, 0, "a")];
  const history = changed(changed(begun(found), one), two);
  expect(undone(history).now).toBe(one);
  expect(undone(undone(undone(history))).now).toBe(found);
  expect(redone(undone(history)).now).toBe(two);
  expect(redone(redone(history)).now).toBe(two);
  expect(changed(undone(undone(history)), two).future).toEqual([]);
});

describe("k-means", () => {
  const x = [0, 1, 0, 100, 101, 100, 50, 51];
  const y = [0, 0, 1, 0, 1, 1, 90, 91];

  test("finds what lies apart, the largest first, the same each time", () => {
    const found = kmeans(x, y, 3);
    expect(kmeans(x, y, 3)).toEqual(found);
    expect(found[6]).toBe(2);
    expect(new Set([found.slice(0, 3), found.slice(3, 6), found.slice(6)].map((part) => new Set(part).size))).toEqual(new Set([1]));
  });

  test("makes fewer parts of fewer places", () => {
    expect(new Set(kmeans([1, 1, 2], [1, 1, 2], 5))).toEqual(new Set([0, 1]));
    expect(kmeans([], [], 3)).toHaveLength(0);
  });
});
