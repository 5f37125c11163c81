"""Two runs compared pipeline by pipeline, before and after a change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis import correctness
from bench.analysis.correctness import Correctness
from bench.analysis.inference import ALIKE, Comparison, Interval, adjust_jointly, compare_pairs
from bench.analysis.record_columns import FINGERPRINTS
from bench.analysis.records import read
from bench.analysis.results import Key, Results
from bench.analysis.verdicts import NOT_TESTED, WORSE
from bench.base.errors import UsageError

BETTER = "significantly better"
ONLY_BEFORE, ONLY_AFTER, UNPAIRED = "only before", "only after", "no seed in common"
ORDER = [WORSE, BETTER, ALIKE, NOT_TESTED, UNPAIRED, ONLY_BEFORE, ONLY_AFTER]

NEEDED = ("base_seed", "independent_images", "validation_images", "cluster_artifacts")


@dataclass(frozen=True)
class Change:
    """How a pipeline's accuracy changed."""

    dataset: str
    pipeline: Key
    # Mean accuracy over the seeds that both runs have, or of the one run that has the pipeline.
    before: float | None
    after: float | None
    gain: Interval | None  # paired by seeds and images; None where nothing can be paired
    p: float | None  # after the correction; None where nothing is tested
    seeds: int  # that both have
    verdict: str  # one of ORDER


@dataclass(frozen=True)
class Pair:
    """Per-image correctness of two runs on the same images of one data set, by pipeline."""

    dataset: str
    before: dict[Key, Correctness]
    after: dict[Key, Correctness]
    independent: bool = True  # the images

    @property
    def pipelines(self) -> list[Key]:
        """The pipelines of either run."""
        return list(dict.fromkeys([*self.before, *self.after]))

    @property
    def paired(self) -> list[Key]:
        """The pipelines of both runs that have a seed in common."""
        both = [name for name in self.pipelines if name in self.before and name in self.after]
        return [name for name in both if self.before[name].shared(self.after[name])]


def compare(pairs: list[Pair]) -> list[Change]:
    """Compare two runs pipeline by pipeline on each data set, paired by seeds and images.

    A change is significant if the moderated paired test over seeds and images says so, after the
    correction for the pipelines on all data sets. A pipeline with the same result in both, on every
    image with every seed, has not changed: it is not tested, and not counted.
    """
    found: list[Comparison] = []
    for pair in pairs:
        both = [(pair.after[name], pair.before[name]) for name in pair.paired]
        found += compare_pairs(both, pair.independent)
    names = [(pair.dataset, name) for pair in pairs for name in pair.paired]
    compared = dict(zip(names, adjust_jointly(found), strict=True))
    return [
        _change(pair, name, compared.get((pair.dataset, name)))
        for pair in pairs
        for name in pair.pipelines
    ]


def _change(pair: Pair, name: Key, found: Comparison | None) -> Change:
    before, after = pair.before.get(name), pair.after.get(name)
    if before is None or after is None or found is None:
        verdict = ONLY_AFTER if before is None else ONLY_BEFORE if after is None else UNPAIRED
        return Change(pair.dataset, name, _mean(before), _mean(after), None, None, 0, verdict)
    seeds = before.shared(after)
    means, gain = (_mean(before, seeds), _mean(after, seeds)), found.difference
    p = found.adjusted if found.tested else None
    verdict = ALIKE if found.tested or found.identical else NOT_TESTED
    if found.significant:
        verdict = BETTER if gain.mean > 0 else WORSE
    return Change(pair.dataset, name, *means, gain, p, found.seeds, verdict)


def _mean(found: Correctness | None, seeds: list[int] | None = None) -> float | None:
    return None if found is None else float(found.values(seeds).mean())


def exit_code(changes: list[Change]) -> int:
    """Return 1 if a pipeline is significantly worse, else 0."""
    return int(any(change.verdict == WORSE for change in changes))


def read_pairs(before: Path, after: Path) -> tuple[list[Pair], list[str]]:
    """Pair two runs on each data set, and say which data sets only one of them has.

    Data sets are paired by name. Two runs on one each are paired whatever it is called: a folder
    may have moved.

    Raises
    ------
    UsageError
        If they have no data set in common, or one of them is not the same data any more.
    """
    one, other = (
        Results(read(path, (*FINGERPRINTS, *NEEDED))).by_dataset() for path in (before, after)
    )
    if len(one) == len(other) == 1:
        other = dict(zip(one, other.values(), strict=True))
    shared = [name for name in one if name in other]
    if not shared:
        raise UsageError(
            f"the two results have no data set in common: before {', '.join(one)}; after "
            f"{', '.join(other)}"
        )
    several = len(one) + len(other) > 2
    pairs = []
    for name in shared:
        first, second = one[name].records, other[name].records
        _check(first, second, several)
        found = correctness.read(first, before.with_name(correctness.FILE))
        then = correctness.read(second, after.with_name(correctness.FILE))
        if int(first["base_seed"].iloc[0]) != int(second["base_seed"].iloc[0]):
            # Other base seeds match no seed of the other run's.
            then = {key: each.renumbered() for key, each in then.items()}
        _check_counts(found, then)
        pairs.append(Pair(name, found, then, one[name].over_images))
    notes = [f"{name}: only in the results before" for name in one if name not in other]
    notes += [f"{name}: only in the results after" for name in other if name not in one]
    notes += [
        f"{p.dataset}: no pipeline was scored in either results" for p in pairs if not p.pipelines
    ]
    return pairs, notes


def _check_counts(before: dict[Key, Correctness], after: dict[Key, Correctness]) -> None:
    """Refuse results of other numbers of images, which no image pairs."""
    counts = [
        {len(values) for found in every.values() for values in found.by_seed.values()}
        for every in (before, after)
    ]
    if len(counts[0] | counts[1]) > 1:
        one, other = (", ".join(map(str, sorted(each))) or "none" for each in counts)
        raise UsageError(
            f"the two results are of {one} and {other} labeled images: they are not comparable"
        )


def _check(before: pd.DataFrame, after: pd.DataFrame, several: bool) -> None:
    """Refuse runs that were not on the same images."""
    halves = [Results(frame).subsampled for frame in (before, after)]
    if halves[0] != halves[1]:
        raise UsageError(
            f"each seed is on half of the images (--subsample-images) only in the results "
            f"{'before' if halves[0] else 'after'}: their accuracies are not comparable"
        )
    for column in FINGERPRINTS:
        one, other = (str(frame[column].iloc[0])[:16] for frame in (before, after))
        if one != other:
            raise UsageError(
                f"the two results are not on the same data ({column} {one} and {other}"
                + (f", {before['dataset'].iloc[0]}" if several else "")
                + "): their accuracies are not comparable"
            )
