import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, encode, type View } from "./link";

const text = fc.string({ unit: "grapheme", minLength: 1 });
const key = fc.stringMatching(/^[a-z_][a-z0-9_]*$/).filter((name) => name !== "__proto__");
const count = fc.nat(999_999_999);
const views: fc.Arbitrary<View> = fc.record({
  anchor: fc.constantFrom("pipelines", "look"), a: text, b: text, seed: count, color: text, group: text, images: text,
  image: count, theme: text, find: text, where: text, sort: fc.record({ key, down: fc.boolean() }),
  only: fc.dictionary(key, text, { minKeys: 1, noNullPrototype: true }),
  columns: fc.dictionary(key, fc.boolean(), { minKeys: 1, noNullPrototype: true }),
}, { requiredKeys: [] });

describe("a view in the address", () => {
  it("comes back", () => {
    fc.assert(fc.property(views, (view) => {
      const address = new URL("file:///index.html");
      address.hash = encode(view);
      expect(decode(address.hash)).toEqual(view);
    }));
  });

  it("is nothing where nothing differs", () => {
    expect(encode({})).toBe("");
    expect(encode({ anchor: "look", find: "", only: {}, columns: {} })).toBe("look");
  });

  it("is readable", () => {
    const view = { a: "cnn, pca5", seed: 1, only: { model: "cnn" }, sort: { key: "accuracy", down: true }, columns: { nmi: true, ari: false } };
    expect(encode(view)).toBe("view?a=cnn%2C+pca5&seed=1&only.model=cnn&down=accuracy&show=nmi&hide=ari");
  });

  it.each([
    ["#pipelines", { anchor: "pipelines" }],
    ["#view?seed=x&image=-1&other=2&only.=a&a=", {}],
    ["#?find=a?b", { find: "a?b" }],
    ["#view?%E0%A4%A=1&seed=2", { seed: 2 }],
  ])("%s", (address, view) => expect(decode(address)).toEqual(view));

  it("takes any text", () => {
    fc.assert(fc.property(fc.string(), fc.constantFrom("", "view?"), (start, rest) => { decode(start + rest); }));
  });
});
