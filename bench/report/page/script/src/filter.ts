// Which rows of the table are found by words, and by conditions on numbers.

export interface Row {
  names: ReadonlySet<string>; // of its parts, in lower case
  text: string; // all that it says, in lower case
  numbers: ReadonlyMap<string, number>; // by the column's key
}

export type Test = (row: Row) => boolean;

// Each word must be found. One in quotes, or that is a whole name, finds that name alone: with a
// model cnn there, it does not find cnn-plain.
export function byWords(query: string, rows: readonly Row[]): Test {
  const words = [...query.toLowerCase().matchAll(/"([^"]+)"|"?([^\s"]+)"?/g)];
  const isName = (word: string) => rows.some((row) => row.names.has(word));
  const tests = words.map(([, quoted, word]): Test => {
    if (quoted !== undefined) return (row) => row.names.has(quoted.trim());
    return isName(word) ? (row) => row.names.has(word) : (row) => row.text.includes(word);
  });
  return (row) => tests.every((test) => test(row));
}

const COMPARE: Record<string, (value: number, limit: number) => boolean> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

const CONDITION = /^([^<>≤≥]+)(<=|>=|<|>|≤|≥)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/i;

export interface Column {
  key: string;
  title: string;
}

// Conditions such as `accuracy > 0.8 and seconds <= 5` on columns, which are named by their
// headings or keys. What is not understood is an error, and the test then holds for every row.
export function byNumbers(query: string, columns: readonly Column[]): { test: Test; error: string } {
  const keys = new Map(columns.flatMap(({ key, title }) =>
    [[title.toLowerCase(), key] as const, [key.toLowerCase(), key] as const]));
  const tests: Test[] = [];
  for (const part of query.split(/,|\s+and(?:\s+|$)/i).map((each) => each.trim()).filter(Boolean)) {
    const [, name, sign, number] = CONDITION.exec(part) ?? [];
    const key = keys.get(name?.trim().toLowerCase() ?? "");
    if (name !== undefined && key === undefined) return failed(unknown(name.trim(), columns));
    if (key === undefined) return failed(malformed(part));
    const [compare, limit] = [COMPARE[sign.replace("≤", "<=").replace("≥", ">=")], Number(number)];
    tests.push(({ numbers }) => numbers.has(key) && compare(numbers.get(key) as number, limit));
  }
  return { test: (row) => tests.every((test) => test(row)), error: "" };
}

const failed = (error: string) => ({ test: () => true, error });

const malformed = (part: string) =>
  `“${part}” is no condition: write a column, one of < <= > >= and a number, such as accuracy > 0.8;`
  + " join several by “and” or a comma.";

const unknown = (name: string, columns: readonly Column[]) =>
  `No column “${name}” has numbers. Those that have: ${columns.map(({ title }) => title).join(", ")}.`;
