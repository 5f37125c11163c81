// The table that is shown as a file: CSV, or LaTeX with the rules of the package booktabs.

export interface Shown {
  columns: { title: string; isNumber: boolean }[];
  groups: { heading: string; rows: Field[][] }[];
}

export interface Field {
  text: string;
  value: string; // a number in full, where it is one
}

// RFC 4180. The headings of groups are a column, as in the files of a run.
export function toCsv({ columns, groups }: Shown): string {
  const named = groups.some(({ heading }) => heading);
  const lines = [[...(named ? ["group"] : []), ...columns.map(({ title }) => title)]];
  for (const { heading, rows } of groups) {
    for (const row of rows) lines.push([...(named ? [heading] : []), ...row.map(({ value }) => value)]);
  }
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

export const quoted = (text: string) => {
  const safe = shielded(text);
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

// What a spreadsheet would take for a formula, as bench/base/tables.py writes it.
function shielded(text: string): string {
  const formula = /^'*(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/.test(text);
  return formula && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? `'${text}` : text;
}

// `escapes` are what TeX would take for commands, and what is written for them.
export function toLatex({ columns, groups }: Shown, escapes: Record<string, string>): string {
  const tex = (text: string) => [...text].map((letter) => escapes[letter] ?? letter).join("");
  const line = (fields: string[]) => `${fields.map(tex).join(" & ")} \\\\`;
  const body = groups.flatMap(({ heading, rows }) => [
    "\\midrule",
    ...(heading ? [`\\multicolumn{${columns.length}}{l}{\\emph{${tex(heading)}}} \\\\`] : []),
    ...rows.map((row) => line(row.map(({ text }) => text))),
  ]);
  return [
    "% \\usepackage{booktabs}",
    `\\begin{tabular}{${columns.map(({ isNumber }) => (isNumber ? "r" : "l")).join("")}}`,
    "\\toprule", line(columns.map(({ title }) => title)), ...body, "\\bottomrule", "\\end{tabular}", "",
  ].join("\n");
}
