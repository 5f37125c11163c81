// Assets: base64 in the page, or files in a folder beside it, which scripts and images can load
// from file:// where nothing can be fetched.

declare global {
  interface Window {
    latentgrid: Record<string, unknown> & { asset: (name: string, text: string) => void };
  }
}

const arrived = new Map<string, (text: string) => void>();

// What a file of an asset calls.
export const asset = (name: string, text: string): void => arrived.get(name)?.(text);

const decode = (text: string): ArrayBuffer =>
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

const inPage = (name: string) => document.getElementById(`asset-${name}`)?.textContent?.trim();

export async function bytesOf(name: string, folder: string | null): Promise<ArrayBuffer> {
  if (folder === null) return decode(inPage(name) ?? "");
  const text = await new Promise<string>((resolve, reject) => {
    arrived.set(name, resolve);
    const script = document.createElement("script");
    script.src = `${folder}${name}.js`;
    script.onerror = () => reject(new Error(`${script.src} is missing: keep the folder ${folder} beside this page`));
    document.head.append(script);
  });
  arrived.delete(name);
  return decode(text);
}

const addresses = new Map<string, string>();

// The address of an image, for a background or an image element.
export function addressOf(name: string, folder: string | null): string {
  if (folder !== null) return `${folder}${name}.webp`;
  let address = addresses.get(name);
  if (address === undefined) {
    address = URL.createObjectURL(new Blob([decode(inPage(name) ?? "")], { type: "image/webp" }));
    addresses.set(name, address);
  }
  return address;
}
