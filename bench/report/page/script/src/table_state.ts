// The table of pipelines as it was rendered, and what of it is shown.

import { computed, signal } from "@preact/signals-core";
import type { Shown } from "./export";
import { byNumbers, byWords, type Row } from "./filter";

export interface Head {
  key: string; // "" where there are buttons only
  title: string;
  isNumber: boolean; // aligned as numbers are
  hasOrder: boolean;
  down: boolean; // sorted from the greatest first
  hidden: boolean; // at first
  stays: boolean; // where the table is moved sideways
  element: HTMLTableCellElement;
}

export interface Line extends Row {
  element: HTMLTableRowElement;
  choices: ReadonlyMap<string, string>; // by the column's key, and the status
}

export interface Sort {
  key: string;
  down: boolean;
}

const NAMES = ["model", "chain", "clusterer"];
export const STATUS = "status";

export class TableState {
  readonly heads: Head[];
  readonly groups: { body: HTMLTableSectionElement; heading: string; lines: Line[] }[];
  readonly lines: Line[];
  readonly find = signal(""); // words
  readonly where = signal(""); // conditions on numbers
  readonly only = signal<Readonly<Record<string, string>>>({}); // choices, by their keys
  readonly sort;
  readonly columns = signal<Readonly<Record<string, boolean>>>({}); // shown or not, where not as at first
  readonly conditions = computed(() => byNumbers(this.where.value, this.heads.filter(({ hasOrder }) => hasOrder)));
  readonly found;

  constructor(readonly table: HTMLTableElement) {
    this.heads = [...(table.tHead as HTMLTableSectionElement).rows[0].cells].map(headOf);
    this.groups = [...table.tBodies].map((body) => {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      const heading = body.querySelector(".group")?.textContent?.trim() ?? "";
      return { body, heading, lines: rows.map((row) => lineOf(row, this.heads)) };
    });
    this.lines = this.groups.flatMap(({ lines }) => lines);
    const sorted = this.heads.find(({ element }) => element.ariaSort);
    this.sort = signal<Sort | null>(sorted ? { key: sorted.key, down: false } : null);
    this.found = computed(() => {
      const [words, numbers, only] = [byWords(this.find.value, this.lines), this.conditions.value.test, this.only.value];
      const chosen = Object.entries(only).filter(([, value]) => value);
      return new Set(this.lines.filter((line) =>
        words(line) && numbers(line) && chosen.every(([key, value]) => line.choices.get(key) === value)));
    });
  }

  isShown(head: Head): boolean {
    return this.columns.value[head.key] ?? !head.hidden;
  }

  show(head: Head, shown: boolean): void {
    const { [head.key]: _, ...others } = this.columns.value;
    this.columns.value = shown === !head.hidden ? others : { ...others, [head.key]: shown };
  }

  // A click on a heading: its better side first, then the other.
  sortBy(head: Head): void {
    const { value } = this.sort;
    this.sort.value = { key: head.key, down: value?.key === head.key ? !value.down : head.down };
  }

  // What is shown, in its order, without the buttons.
  get shown(): Shown {
    const heads = this.heads.filter((head) => head.key && this.isShown(head));
    const places = heads.map((head) => this.heads.indexOf(head));
    const found = this.found.value;
    const fields = (row: HTMLTableRowElement) => places.map((place, number) => {
      const text = textOf(row.cells[place]);
      const { order } = row.cells[place].dataset;
      const inFull = heads[number].isNumber && order !== undefined;
      return { text, value: inFull ? String(order && Number(order)) : text };
    });
    const groups = this.groups.map(({ heading, lines }) => ({
      heading,
      rows: this.ordered(lines).filter((line) => found.has(line)).map(({ element }) => fields(element)),
    }));
    return { columns: heads, groups: groups.filter(({ rows }) => rows.length) };
  }

  // Lines of one group in the order that is asked for.
  ordered(lines: readonly Line[]): Line[] {
    const { value } = this.sort;
    const place = this.heads.findIndex(({ key }) => key === value?.key);
    if (!value || place < 0) return [...lines];
    const { hasOrder, key } = this.heads[place];
    const sign = value.down ? -1 : 1;
    const cell = (line: Line) => line.element.cells[place];
    // Losses are in order among images of one size.
    const within = (line: Line) => Number(cell(line).dataset.within ?? 0);
    return [...lines].sort((one, other) => {
      if (!hasOrder) return sign * textOf(cell(one)).localeCompare(textOf(cell(other)), "en", { numeric: true });
      const [a, b] = [one.numbers.get(key), other.numbers.get(key)];
      // Those without a number come last.
      if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
      return within(one) - within(other) || sign * (a - b);
    });
  }
}

const textOf = (cell: HTMLTableCellElement): string => (cell.dataset.text ?? cell.textContent ?? "").trim();

function headOf(element: HTMLTableCellElement): Head {
  const { key = "", number, down, hidden, stays } = element.dataset;
  const title = element.querySelector(".sort")?.textContent ?? "";
  return {
    key, title, element, isNumber: element.classList.contains("number"),
    hasOrder: number !== undefined, down: down !== undefined, hidden: hidden !== undefined,
    stays: stays !== undefined,
  };
}

function lineOf(element: HTMLTableRowElement, heads: readonly Head[]): Line {
  const [numbers, choices, names] = [new Map<string, number>(), new Map<string, string>(), new Set<string>()];
  heads.forEach(({ key }, place) => {
    const { order, choice } = element.cells[place].dataset;
    if (order) numbers.set(key, Number(order));
    if (choice === undefined) return;
    choices.set(key, choice);
    // The reducers of a chain have names as well.
    if (NAMES.includes(key)) for (const name of [choice, ...choice.split("+")]) names.add(name.toLowerCase());
  });
  choices.set(STATUS, element.dataset.status ?? "");
  const said = heads.map(({ key, isNumber }, place) => (key && !isNumber ? element.cells[place].textContent : ""));
  return { element, numbers, choices, names, text: said.join(" ").toLowerCase() };
}
