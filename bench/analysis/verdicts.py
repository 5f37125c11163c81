"""Verdicts: which pipelines of a grid may be the best on its images, and which are worse.

`bench.analysis.confidence_set` is the rule; here it is applied to a grid's records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.confidence_set import ConfidenceSet, Scores, confidence_set
from bench.analysis.correctness import Correctness, collect
from bench.analysis.inference import score_interval
from bench.analysis.results import VERDICT_COLUMNS, Key, Results, key_of
from bench.base.naming import pipeline_name
from bench.store import Store

BEST, WORSE, GROUP = "best", "significantly worse", "in the group of the best"
# Struck out only after others were, or by another pipeline than the best: its interval includes 0.
STEP_DOWN = "worse (step-down)"
NOT_TESTED = "not tested"
STRUCK_OUT = WORSE, STEP_DOWN

Verdicts = dict[Key, dict[str, Any]]


def add_verdicts(records: pd.DataFrame, store: Store, equivalence: float) -> pd.DataFrame:
    """Return records with the columns `VERDICT_COLUMNS`, the same for all seeds of a pipeline.

    Parameters
    ----------
    store : Store
        With the per-image correctness of every scored pipeline.
    equivalence : float
        A pipeline is equivalent to the best if the whole interval of the difference lies within
        plus and minus so much.
    """
    records = records.drop(columns=[*VERDICT_COLUMNS], errors="ignore")
    verdicts = _verdicts(Results(records), store, equivalence)
    rows = [verdicts.get(key_of(row), {}) for _, row in records.iterrows()]
    columns = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS), index=records.index)
    return pd.concat([records, columns], axis=1)


def _verdicts(results: Results, store: Store, equivalence: float) -> Verdicts:
    if results.best is None:
        return {}
    independent = results.over_images
    found = {name: each for name, each in collect(results, store).items() if each.by_seed}
    # Nothing lies beyond 1, and no accuracy below 0.
    least = 0 if results.labeled else -1
    verdicts: Verdicts = {}
    for name, each in found.items():
        interval = score_interval(each.values(), each.repeated, independent)
        low, high = np.clip([interval.low, interval.high], least, 1)
        verdicts[name] = {"interval_low": low, "interval_high": high, "equivalence": equivalence}
    rows, best = results.by_pipeline(), results.best.pipeline
    whole = {n: each for n, each in found.items() if (rows[n]["status"] == "ok").all()}
    if best in whole:
        for name, said in compare_with_best(whole, best, independent, equivalence).items():
            verdicts[name] |= said
    return verdicts


def compare_with_best(
    found: dict[Key, Correctness], best: Key, independent: bool, equivalence: float
) -> Verdicts:
    """Compare pipelines, all finished with all seeds, with the best; see `confidence_set`.

    Returns
    -------
    dict
        Of each pipeline some of `VERDICT_COLUMNS`: ``verdict``, and of all but the best
        ``behind_best``.
    """
    if min(len(each.by_seed) for each in found.values()) < 2:
        # How much the result of one seed varies is not known.
        means = {name: float(each.values().mean()) for name, each in found.items()}
        rest = {
            name: {"verdict": NOT_TESTED, "behind_best": means[best] - mean}
            for name, mean in means.items()
        }
        return rest | {best: {"verdict": BEST}}
    names = list(found)
    pipelines = ((each.values(), not each.repeated) for each in found.values())
    chosen = confidence_set(Scores.of(pipelines, independent), names.index(best))
    said = {name: _verdict(chosen, number, names) for number, name in enumerate(names)}
    for each in said.values():
        if "behind_best_half" in each:
            reach = abs(each["behind_best"]) + each["behind_best_half"]
            each["equivalent"] = bool(reach <= equivalence)
    return said


def _verdict(chosen: ConfidenceSet, number: int, names: list[Key]) -> dict[str, Any]:
    if number == chosen.best:
        return {"verdict": BEST}
    behind, half, rival = chosen.behind[number], chosen.half[number], chosen.rival[number]
    said = {"behind_best": float(behind)}
    if np.isfinite(half):
        said["behind_best_half"] = float(half)
    if rival >= 0 and not chosen.worse[number]:
        return said | {"verdict": STEP_DOWN, "worse_than": pipeline_name(*names[rival])}
    if not np.isfinite(half):
        return said | {"verdict": NOT_TESTED}
    return said | {
        "verdict": WORSE if chosen.worse[number] else GROUP,
        "seeds_needed": float(chosen.seeds_needed[number]),
    }
