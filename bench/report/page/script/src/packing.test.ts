import fc from "fast-check";
import { expect, it } from "vitest";
import { pack, unpack } from "./packing";

const COUNT = 3000;
const some = fc.uniqueArray(fc.nat(COUNT - 1)).map((images) => images.sort((one, other) => one - other));
const dense = fc.array(fc.boolean(), { maxLength: COUNT }).map((bits) => bits.flatMap((bit, image) => (bit ? [image] : [])));

it("comes back", () => {
  fc.assert(fc.property(fc.oneof(some, dense), (images) => {
    const text = pack(images);
    expect(text).toMatch(/^[rb][\w.-]*$/);
    expect(unpack(text, COUNT)).toEqual(images);
  }));
});

it("is short", () => {
  const all = Array.from({ length: 70_000 }, (_, image) => image);
  expect(pack([])).toBe("r");
  expect(pack(all)).toBe("r0-1i0f");
  expect(pack([3, 4, 5, 40])).toBe("r3-5.14");
  expect(pack(all.filter((image) => image % 2)).length).toBeLessThan(70_000 / 6 + 2);
});

it.each(["", "x1", "r1-", "r5-3", "r3.3", "r3.1", "r-", "rzzzzzzzz", `r0-${COUNT.toString(36)}`, "b!", "bAAAAA", `b${"_".repeat(800)}`])(
  "%s is ignored", (text) => expect(unpack(text, COUNT)).toBeNull());

it("takes any text", () => {
  fc.assert(fc.property(fc.string(), fc.constantFrom("", "r", "b"), (text, kind) => {
    const images = unpack(kind + text, COUNT);
    expect(images === null || images.every((image, place) => image < COUNT && image > (images[place - 1] ?? -1))).toBe(true);
  }));
});
