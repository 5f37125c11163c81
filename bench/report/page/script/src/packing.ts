// A set of images in as few letters as an address needs.

// Ascending images as the shorter of ranges in base 36, such as r0-4.a, and of a bitmap in base64url.
export function pack(images: readonly number[]): string {
  const [ranges, bitmap] = [`r${toRanges(images)}`, `b${toBitmap(images)}`];
  return ranges.length <= bitmap.length ? ranges : bitmap;
}

// The images below `count`, ascending; null where the text is none that `pack` writes.
export function unpack(text: string, count: number): number[] | null {
  const found = text[0] === "r" ? fromRanges(text.slice(1), count) : text[0] === "b" ? fromBitmap(text.slice(1)) : null;
  const last = found?.at(-1) ?? -1;
  return found !== null && last < count ? found : null;
}

function toRanges(images: readonly number[]): string {
  const parts: string[] = [];
  for (let first = 0, last = 0; first < images.length; first = last + 1) {
    for (last = first; images[last + 1] === images[last] + 1;) last += 1;
    const [from, to] = [images[first], images[last]].map((image) => image.toString(36));
    parts.push(first === last ? from : `${from}-${to}`);
  }
  return parts.join(".");
}

function fromRanges(text: string, count: number): number[] | null {
  const images: number[] = [];
  for (const part of text === "" ? [] : text.split(".")) {
    if (!/^[0-9a-z]{1,7}(-[0-9a-z]{1,7})?$/.test(part)) return null;
    const [from, to = from] = part.split("-").map((number) => parseInt(number, 36));
    if (from > to || to >= count || from <= (images.at(-1) ?? -1)) return null;
    for (let image = from; image <= to; image += 1) images.push(image);
  }
  return images;
}

function toBitmap(images: readonly number[]): string {
  const bytes = new Uint8Array(((images.at(-1) ?? -1) >> 3) + 1);
  for (const image of images) bytes[image >> 3] |= 1 << (image & 7);
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBitmap(text: string): number[] | null {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const images: number[] = [];
  for (let image = 0; image < 8 * letters.length; image += 1) {
    if (letters.charCodeAt(image >> 3) & (1 << (image & 7))) images.push(image);
  }
  return images;
}
