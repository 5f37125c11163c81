"""What the script of a page looks into: images, models, and the pipelines' embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.results import PIPELINE, Key, Results, key_of
from bench.base.naming import pipeline_name
from bench.base.progress import Progress, silent
from bench.report.inputs import Inputs
from bench.report.page import models, runs, shown, thumbnails
from bench.report.page.assets import Assets
from bench.report.page.shown import Shown
from bench.report.tables import mean_and_spread
from bench.report.templates import paragraphs

MOST_PIPELINES = 40
# Points of all pipelines at the seed that is shown first; bytes of the runs of all seeds.
MOST_POINTS, MOST_BYTES = 1_500_000, 15_000_000


@dataclass(frozen=True)
class Embeddings:
    """The images of a page, and their embeddings."""

    seed_index: int  # that is shown first
    data: dict[str, Any]  # for the page's script; JSON
    assets: Assets  # that the data name
    left_out: list[str]  # what there was no room for, in words


def collect(inputs: Inputs, progress: Progress = silent) -> Embeddings | None:
    """Collect the embeddings of a run, best first.

    All pipelines are shown at the same seed first, the median one of the best; other seeds are
    added while there is room for the runs of all. Return None where no run was finished.
    """
    results, store = inputs.results, inputs.store
    done = results.done
    if done.empty:
        return None
    best = results.best
    seed = int(done["seed_index"].min()) if best is None else best.seed_index
    images, assets = Shown.of(inputs.dataset), Assets()
    at_seed = _in_order(done[done["seed_index"] == seed], results)
    there = [key_of(row) for _, row in at_seed.iterrows()]
    chosen = there[: pipelines_with_room(len(images))]
    records = _in_order(done[[key_of(row) in chosen for _, row in done.iterrows()]], results)
    seeds = seeds_with_room(records, seed, images)
    steps = len(seeds) + 2
    by_seed: dict[int, runs.Runs] = {}
    for number, each in enumerate(seeds):
        progress("making the page", number, steps)
        some = records[records["seed_index"] == each]
        by_seed[each] = runs.collect(some, images, store, assets)
    progress("making the page", len(seeds), steps)
    sheets = thumbnails.of_originals(images, store)
    progress("making the page", len(seeds) + 1, steps)
    made = models.Models(images, store, assets)
    data = {
        **_images(images, inputs),
        "labels": None if images.labels is None else assets.array((images.labels, "<i2")),
        "thumbs": thumbnails.placed(assets, thumbnails.tile_of(images), sheets),
        "seeds": sorted(seeds),
        "seed": seed,
        "models": made.collect(records, seeds),
        "near": models.near_of(images),
        "pipelines": [_pipeline(key, by_seed, results) for key in chosen],
    }
    progress("making the page", steps, steps)
    counts = {
        "images": len(inputs.dataset),
        "pictured": len(images),
        "pipelines": len(results.summary),
        "there": len(there),
        "shown": len(chosen),
        "seeds": done["seed_index"].nunique(),
        "seeds_shown": len(seeds),
    }
    notes = paragraphs("page_room.md", "page_room", counts, made.without)
    return Embeddings(seed, data, assets, notes)


def pipelines_with_room(images: int) -> int:
    """Return how many pipelines there is room for; two at least, to compare."""
    return max(2, min(MOST_PIPELINES, MOST_POINTS // images))


def seeds_with_room(records: pd.DataFrame, first: int, images: Shown) -> list[int]:
    """Return the seeds that are shown, ``first`` and then those whose runs have room."""
    near = models.near_of(images) if models.has_neighbors(images) else 0

    def size(seed: int) -> int:
        some = records[records["seed_index"] == seed]
        encoded = some["model"].nunique() * models.bytes_of(near)
        return len(images) * (len(some) * runs.BYTES + encoded)

    found, room = [first], MOST_BYTES - size(first)
    for seed in sorted(set(records["seed_index"]) - {first}):
        room -= size(seed)
        if room < 0:
            break
        found.append(int(seed))
    return found


def _in_order(records: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return records in the order of their pipelines, the best first, then of their seeds."""
    order = {key_of(row): place for place, (_, row) in enumerate(results.summary.iterrows())}
    places = np.array([order[key_of(row)] for _, row in records.iterrows()], int)
    return records.iloc[np.lexsort((records["seed_index"].to_numpy(int), places))]


def _images(images: Shown, inputs: Inputs) -> dict[str, Any]:
    return {
        "dataset": {"name": inputs.dataset.name, "fingerprint": inputs.dataset.fingerprint},
        "count": len(images),
        "names": images.names,
        "files": shown.address(inputs.dataset, inputs.out),
        "classes": list(inputs.dataset.class_names),
        "duplicates": images.duplicates(),
    }


def _pipeline(key: Key, by_seed: dict[int, runs.Runs], results: Results) -> dict[str, Any]:
    found = {str(seed): some[key].copy() for seed, some in by_seed.items() if key in some}
    kinds = [each.pop("kind") for each in found.values()]
    return {
        **dict(zip(PIPELINE, key, strict=True)),
        "name": pipeline_name(*key),
        "score": mean_and_spread(results.row(key), results.metric) if results.has_scores else "",
        "kind": kinds[0],
        "runs": found,
    }
