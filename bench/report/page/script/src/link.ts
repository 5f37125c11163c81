// What the page shows, as the part of its address behind #: `pipelines?a=cnn%2C+none&seed=1`, an
// anchor and then parameters. Without an anchor it is `view?...`.

export interface View {
  anchor?: string;
  a?: string; // pipelines, by name
  b?: string;
  seed?: number;
  color?: string;
  group?: string; // that is selected, or
  images?: string; // as packing.ts writes them
  image?: number; // that is pointed at
  theme?: string;
  find?: string; // in the table
  where?: string;
  only?: Readonly<Record<string, string>>;
  sort?: { key: string; down: boolean };
  columns?: Readonly<Record<string, boolean>>; // shown or not, where not as at first
}

const TEXTS = ["a", "b", "color", "group", "images", "theme", "find", "where"] as const;
const COUNTS = ["seed", "image"] as const;

export function encode(view: View): string {
  const found = new URLSearchParams();
  for (const name of TEXTS) if (view[name]) found.set(name, view[name]);
  for (const name of COUNTS) if (view[name] !== undefined) found.set(name, String(view[name]));
  for (const [key, value] of Object.entries(view.only ?? {})) if (value) found.set(`only.${key}`, value);
  if (view.sort) found.set(view.sort.down ? "down" : "up", view.sort.key);
  for (const [key, shown] of Object.entries(view.columns ?? {})) found.append(shown ? "show" : "hide", key);
  const parameters = String(found);
  return parameters ? `${view.anchor ?? "view"}?${parameters}` : view.anchor ?? "";
}

// Parameters that are unknown or broken are left out; whether there is what they name is for
// address.ts to say.
export function decode(text: string): View {
  const [anchor, ...rest] = text.replace(/^#/, "").split("?");
  const found = new URLSearchParams(rest.join("?"));
  const view: View = {};
  if (anchor && anchor !== "view") view.anchor = anchor;
  for (const name of TEXTS) if (found.get(name)) view[name] = found.get(name) as string;
  for (const name of COUNTS) if (/^\d{1,9}$/.test(found.get(name) ?? "")) view[name] = Number(found.get(name));
  const only = [...found].filter(([name, value]) => /^only\../.test(name) && value);
  if (only.length) view.only = Object.fromEntries(only.map(([name, value]) => [name.slice(5), value]));
  const key = found.get("up") ?? found.get("down");
  if (key) view.sort = { key, down: !found.has("up") };
  const columns = (["show", "hide"] as const).flatMap((what) => found.getAll(what).map((each) => [each, what === "show"]));
  if (columns.length) view.columns = Object.fromEntries(columns);
  return view;
}
