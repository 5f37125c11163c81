// What somebody has done to clusters and tags: kept in this browser, also for a page that is made
// again. Corrections belong to the clusters that a run found, tags to the images of the data set.

import { batch, effect, signal } from "@preact/signals-core";
import { fromFile, movedOnly, parse, tagsOf, toFile } from "./clusters_file";
import type { Run } from "./data";
import { asFound, begun, changed, clusteringOf, type Edits, type History, redone, undone } from "./edits";
import { runKey, SIDES, type State } from "./state";

export class Work {
  readonly histories = signal<ReadonlyMap<string, History>>(new Map());
  readonly said = signal(""); // one line, on what was done or could not be
  private readonly found = new Map<string, Edits>(); // without corrections
  private isFull = false;

  constructor(private readonly state: State) {
    const tags = this.restored("tags", (text) => tagsOf(parse(text, state.page.data), state.page.data));
    if (tags) state.tags.value = tags;
    for (const side of SIDES) {
      effect(() => {
        const run = state.run[side].value;
        if (run !== null && !this.histories.peek().has(runKey(run))) this.begin(run);
      });
    }
  }

  history(run: Run): History {
    return this.histories.value.get(runKey(run)) ?? begun(this.asFound(run));
  }

  edits(run: Run): Edits {
    return this.history(run).now;
  }

  change(run: Run, edits: Edits): void {
    this.set(run, changed(this.history(run), edits));
  }

  undo(run: Run): void {
    this.set(run, undone(this.history(run)));
  }

  redo(run: Run): void {
    this.set(run, redone(this.history(run)));
  }

  discard(run: Run): void {
    this.change(run, this.asFound(run));
  }

  isCorrected(run: Run): boolean {
    return this.edits(run) !== this.asFound(run);
  }

  // Gives images a tag, or takes it from them.
  tag(name: string, images: Iterable<number>, has: boolean): void {
    const tagged = new Set(this.state.tags.value.get(name));
    for (const image of images) has ? tagged.add(image) : tagged.delete(image);
    this.setTags([[name, tagged]]);
  }

  // Adds the tags of a file to those that there are.
  addTags(more: ReadonlyMap<string, ReadonlySet<number>>): void {
    this.setTags([...more].map(([name, images]) => [name, new Set([...this.state.tags.value.get(name) ?? [], ...images])]));
  }

  private setTags(tagged: [string, Set<number>][]): void {
    const all = new Map([...this.state.tags.value, ...tagged]);
    const tags = new Map([...all].filter(([, images]) => images.size > 0));
    this.state.tags.value = tags;
    const run = this.state.run.a.value;
    if (run === null) return;
    const file = toFile(this.state.page.data, run, this.asFound(run), tags);
    this.keep("tags", tags.size ? JSON.stringify({ ...file, clusters: [], images: {} }) : null);
  }

  private asFound(run: Run): Edits {
    const found = this.found.get(runKey(run)) ?? asFound(run);
    this.found.set(runKey(run), found);
    return found;
  }

  private begin(run: Run): void {
    const { data } = this.state.page;
    const restored = this.restored(contentOf(run), (text) => {
      const { ids } = JSON.parse(text) as { ids: number[] };
      return fromFile(parse(text, data), data, run, ids);
    });
    const history = begun(this.asFound(run));
    this.set(run, restored === null ? history : changed(history, restored), false);
  }

  private set(run: Run, history: History, isNew = true): void {
    const [key, { page, labels, corrected }] = [runKey(run), this.state];
    const isFound = history.now === this.asFound(run);
    const others = new Map(corrected.peek());
    if (isFound) others.delete(key);
    else others.set(key, clusteringOf(run, history.now, labels));
    batch(() => {
      this.histories.value = new Map(this.histories.peek()).set(key, history);
      corrected.value = others;
    });
    if (!isNew) return;
    const file = movedOnly(toFile(page.data, run, history.now, new Map()), page.data, run, history.now);
    this.keep(contentOf(run), isFound ? null : JSON.stringify({ ...file, ids: history.now.list.map(({ id }) => id) }));
  }

  private place(name: string): string {
    return `latentgrid ${this.state.page.data.dataset.fingerprint} ${name}`;
  }

  private keep(name: string, text: string | null): void {
    try {
      if (text === null) localStorage.removeItem(this.place(name));
      else localStorage.setItem(this.place(name), text);
    } catch {
      // A browser may keep nothing for pages from files, or its room may be full.
      if (!this.isFull) this.said.value = "This browser does not keep corrections and tags: download clusters.json before you leave the page.";
      this.isFull = true;
    }
  }

  private restored<T>(name: string, read: (text: string) => T): T | null {
    try {
      const text = localStorage.getItem(this.place(name));
      return text === null ? null : read(text);
    } catch {
      return null; // kept by another version, or not at all
    }
  }
}

// The name of an asset is a hash of what is in it.
const contentOf = (run: Run): string => `${runKey(run)} ${run.pipeline.runs[run.seed].asset}`;

const works = new WeakMap<State, Work>();

// The work on a page, which several of its parts change.
export function workOf(state: State): Work {
  const work = works.get(state) ?? new Work(state);
  works.set(state, work);
  return work;
}
