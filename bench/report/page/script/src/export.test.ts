import fc from "fast-check";
import { expect, it } from "vitest";
import { type Shown, toCsv, toLatex } from "./export";

const field = (text: string, value = text) => ({ text, value });
const SHOWN: Shown = {
  columns: [{ title: "model", isNumber: false }, { title: "R²", isNumber: true }],
  groups: [
    { heading: "Not pretrained", rows: [[field('a "b", c'), field("0.812 ± 0.013", "0.8123456")]] },
    { heading: "Pretrained", rows: [[field("100%_x"), field("–", "")]] },
  ],
};

it("writes CSV with numbers in full", () => {
  expect(toCsv(SHOWN)).toBe(
    'group,model,R²\r\nNot pretrained,"a ""b"", c",0.8123456\r\nPretrained,100%_x,\r\n');
});

// The same as in tests/test_tables.py.
const EVIL = ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", " =1", "'=1", "''=1", "-1+2", "=", "＝1"];
const PLAIN = ["cat", "'cat", "''", "", "a=b", "–", "1-2", "x\ty", "'1", "it's", "cat's=paw", "-1", "+1", "-0.5", "-.5", "-1e-05"];
const written = (value: string) => {
  const groups = [{ heading: "", rows: [[field("x", value), field("y")]] }];
  return read(toCsv({ ...SHOWN, groups }))[1][0];
};

it.each(EVIL)("has spreadsheets take %s for text", (value) => expect(written(value)).toBe(`'${value}`));
it.each(PLAIN)("leaves %s as it is", (value) => expect(written(value)).toBe(value));

it("writes LaTeX", () => {
  const escapes = { "%": "\\%", _: "\\_", "±": "$\\pm$", "–": "--" };
  expect(toLatex(SHOWN, escapes).split("\n")).toEqual([
    "% \\usepackage{booktabs}", "\\begin{tabular}{lr}", "\\toprule", "model & R² \\\\",
    "\\midrule", "\\multicolumn{2}{l}{\\emph{Not pretrained}} \\\\", 'a "b", c & 0.812 $\\pm$ 0.013 \\\\',
    "\\midrule", "\\multicolumn{2}{l}{\\emph{Pretrained}} \\\\", "100\\%\\_x & -- \\\\",
    "\\bottomrule", "\\end{tabular}", "",
  ]);
});

// By RFC 4180, section 2.
function read(text: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    (lines.at(-1) as string[]).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ",") lines.push([]);
  }
  return lines.slice(0, -1);
}

it("is read again by RFC 4180, whatever the fields hold", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.string(), fc.string())), (rows) => {
    const groups = [{ heading: "", rows: rows.map((row) => row.map((text) => field(text))) }];
    const plain = (row: string[]) => row.map((text) => text.replace(/^'+/, ""));
    expect(read(toCsv({ ...SHOWN, groups })).map(plain)).toEqual([["model", "R²"], ...rows].map(plain));
  }));
});
