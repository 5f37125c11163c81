import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byNumbers, byWords, type Row } from "./filter";

const row = (names: string[], numbers: Record<string, number> = {}, more = ""): Row => ({
  names: new Set(names),
  text: [...names, more].join(" "),
  numbers: new Map(Object.entries(numbers)),
});

const ROWS = [row(["cnn", "pca5"]), row(["cnn-plain", "pca5+tsne2", "pca5", "tsne2"]), row(["dnn", "none"], {}, "worse")];
const found = (query: string) => ROWS.map(byWords(query, ROWS));

describe("words", () => {
  it.each([
    ["", [true, true, true]],
    ["cnn", [true, false, false]],
    ["CN", [true, true, false]],
    ["cnn-", [false, true, false]],
    ["pca5", [true, true, false]],
    ["pca5 tsne", [false, true, false]],
    ['"cnn"', [true, false, false]],
    ['"cn"', [false, false, false]],
    ['"cn', [true, true, false]], // not closed yet
    ["worse", [false, false, true]],
    ["nothing", [false, false, false]],
  ])("%s", (query, expected) => expect(found(query)).toEqual(expected));

  it("takes any text", () => {
    fc.assert(fc.property(fc.string(), (query) => { found(query); }));
  });
});

const COLUMNS = [
  { key: "rank", title: "rank" }, { key: "accuracy", title: "accuracy" },
  { key: "knn_modularity", title: "kNN modularity" }, { key: "reconstruction_r2", title: "R²" },
];
const SIGNS: Record<string, (a: number, b: number) => boolean> = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "≤": (a, b) => a <= b, "≥": (a, b) => a >= b,
};
const number = fc.double({ noNaN: true, noDefaultInfinity: true });

describe("numbers", () => {
  it("holds what is asked for", () => {
    const condition = fc.record({
      column: fc.constantFrom(...COLUMNS), sign: fc.constantFrom(...Object.keys(SIGNS)), limit: number,
      byTitle: fc.boolean(), space: fc.constantFrom("", " "),
    });
    fc.assert(fc.property(
      fc.array(condition), fc.array(number, { minLength: 4, maxLength: 4 }), fc.constantFrom(" and ", ",", " , ", " AND "),
      (conditions, values, join) => {
        const query = conditions.map(({ column, sign, limit, byTitle, space }) =>
          `${byTitle ? column.title : column.key}${space}${sign}${space}${limit}`).join(join);
        const numbers = Object.fromEntries(COLUMNS.map(({ key }, place) => [key, values[place]]));
        const { test, error } = byNumbers(query, COLUMNS);
        expect(error).toBe("");
        expect(test(row([], numbers))).toBe(
          conditions.every(({ column, sign, limit }) => SIGNS[sign](numbers[column.key], limit)));
      }));
  });

  it("finds no row without the number", () => {
    for (const sign of ["<", ">"]) expect(byNumbers(`accuracy ${sign} 0.5`, COLUMNS).test(row([]))).toBe(false);
  });

  it.each([
    ["accuracy", "“accuracy” is no condition: write a column, one of < <= > >= and a number, such as accuracy > 0.8; join several by “and” or a comma."],
    ["accuracy > 0.8 and rank <", "“rank <” is no condition: write a column, one of < <= > >= and a number, such as accuracy > 0.8; join several by “and” or a comma."],
    ["accuracy = 1", "“accuracy = 1” is no condition: write a column, one of < <= > >= and a number, such as accuracy > 0.8; join several by “and” or a comma."],
    ["speed > 1", "No column “speed” has numbers. Those that have: rank, accuracy, kNN modularity, R²."],
  ])("%s: an error of one line, and no filter", (query, message) => {
    const { test, error } = byNumbers(query, COLUMNS);
    expect(error).toBe(message);
    expect(test(row([]))).toBe(true);
  });

  it("takes any text", () => {
    fc.assert(fc.property(fc.string(), (query) => { byNumbers(query, COLUMNS).test(ROWS[0]); }));
  });
});
