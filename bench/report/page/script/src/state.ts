// What the page shows now. Parts read it in effects and change it; none calls another.

import { batch, computed, effect, signal, type Signal } from "@preact/signals-core";
import type { Clustering } from "./clustering";
import type { Page, Run } from "./data";

export type Side = "a" | "b";
export const SIDES: readonly Side[] = ["a", "b"];

export class State {
  readonly pipeline: Record<Side, Signal<number>>;
  readonly run = { a: signal<Run | null>(null), b: signal<Run | null>(null) };
  readonly seed;
  readonly color = signal("label"); // what images are colored by, see colors.ts
  readonly selection = signal<readonly number[]>([]); // images, ascending
  readonly group = signal(""); // what the selection was chosen by, such as cluster:3; see groups.ts
  readonly pointed = signal<number | null>(null); // the image under the pointer, or reached by keys
  // Corrected clusterings by run, see runKey; one that is not here is as its pipeline found it.
  readonly corrected = signal<ReadonlyMap<string, Clustering>>(new Map());
  readonly tags = signal<ReadonlyMap<string, ReadonlySet<number>>>(new Map());
  readonly problem = signal(""); // what could not be read; "": nothing
  readonly isSelected;

  constructor(readonly page: Page, readonly labels: Int16Array | null) {
    const { pipelines, seed } = page.data;
    this.pipeline = { a: signal(0), b: signal(Math.min(1, pipelines.length - 1)) };
    this.seed = signal(seed);
    if (labels === null) this.color.value = "cluster";
    this.isSelected = computed(() => {
      const found = new Uint8Array(page.data.count);
      for (const image of this.selection.value) found[image] = 1;
      return found;
    });
    for (const side of SIDES) {
      effect(() => {
        const [number, wanted] = [this.pipeline[side].value, this.seed.value];
        void page.run(number, wanted).then((run) => {
          // Another may have been chosen meanwhile.
          if (this.pipeline[side].value === number && this.seed.value === wanted) this.run[side].value = run;
        }).catch(this.failed);
      });
    }
  }

  readonly failed = (error: Error): void => { this.problem.value = error.message; };

  // The clusters of a run: corrected, or as found.
  clustering(run: Run): Clustering {
    return this.corrected.value.get(runKey(run)) ?? run;
  }

  select(images: Iterable<number>, group = ""): void {
    batch(() => {
      this.selection.value = [...images].sort((one, other) => one - other);
      this.group.value = group;
    });
  }

  isKnown(image: number): boolean {
    return this.labels !== null && this.labels[image] >= 0;
  }

  isWrong(of: Clustering, image: number): boolean {
    return this.isKnown(image) && of.labelOf.get(of.clusters[image]) !== this.labels?.[image];
  }

  labelName(image: number): string {
    return this.isKnown(image) ? this.page.data.classes[this.labels?.[image] as number] : "not known";
  }
}

export const runKey = (run: Run): string => `${run.pipeline.name} ${run.seed}`;
