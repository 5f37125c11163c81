"""Measures how often verdicts are wrong, and how much they find; what docs/verdicts.md says.

``python docs/verdicts.py grid``, verdicts on the pipelines of one grid, in a quarter of an hour;
``runs``, those on two runs of a grid; ``margins``, how often thresholds fall short by themselves;
``ranks``, pipelines ranked over several data sets. A number behind it is that of studies.
``draws``, how accuracy varies if images are drawn anew;
``range`` writes bench/analysis/studentized_range.csv anew.

The truth is known: a study draws some seeds, and images with replacement, from a population that
has many seeds, and the population's means are the truth. docs/verdicts/population.npz is of real
pipelines: 24 × 60 seeds × 300 digits, the per-image correctness of::

    python -m bench.grid --models pixels,untrained-dnn,untrained-cnn,hog --limit 300 --seeds 60 \
        --reducers none,pca16,pca128+tsne2,pca64+umap2 --no-baselines --threads 1

and of eight more, by ``--clusterers agglomerative`` and of the model histogram. On holdout.npz,
28 × 100 seeds × 300 other digits with clusterers that start once, no part of the rule was chosen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from bench.analysis import ranks, thresholds
from bench.analysis.confidence_set import Scores, confidence_set
from bench.analysis.correctness import Correctness
from bench.analysis.inference import compare_pairs
from bench.analysis.studentized_range import FILE, LEVEL

Array = NDArray[Any]
Draw = Callable[[np.random.Generator, int], "Study"]

HERE = Path(__file__).with_suffix("")
SEEDS = (2, 3, 5, 10)
GAPS = (0.05, 0.1)
IMAGES = 600  # that a study draws
# Levels of pipelines, behind those that are best.
STEPS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Study:
    """One draw of seeds and images, and the truth."""

    values: Array  # (K, S, n), per-image correctness
    fixed: Array  # (K,), whether a pipeline does not depend on the seed
    truth: Array  # (K,), expected scores
    shift: Array | float = 0.0  # (K,), added to the scores
    independent: bool = True  # whether images were drawn

    def scores(self) -> Scores:
        """Return what the rule sees."""
        found = Scores.of(zip(self.values, self.fixed, strict=True), self.independent)
        return replace(found, means=np.round(found.means + self.shift, 9))  # ties stay ties


# ------------------------------------------------------------------------------------- populations


def of_hits(
    hits: Array, fixed: Array, truth: Array | None = None, clones: int = 1, drawn: bool = True
) -> Draw:
    """Draw pipelines of finished grids: seeds without replacement, images with.

    Parameters
    ----------
    hits : ndarray of bool, shape (K, seeds, images)
    truth : ndarray or None
        Scores to which pipelines are moved, in an order that is drawn, as are those that take part
        if there are fewer scores than pipelines.
    clones : int
        How often each pipeline takes part, with seeds of its own.
    drawn : bool
        Whether images are drawn, or are those that are there.
    """
    own = hits.mean(axis=(1, 2))

    def draw(rng: np.random.Generator, seeds: int) -> Study:
        images = rng.integers(hits.shape[2], size=IMAGES) if drawn else np.arange(hits.shape[2])
        if truth is None:
            which = np.repeat(np.arange(len(hits)), clones)
            target = own[which]
        else:
            which, target = rng.permutation(len(hits))[: len(truth)], truth
        apart = clones > 1
        one = rng.permutation(hits.shape[1])[:seeds]
        values = np.array(
            [hits[k][rng.permutation(hits.shape[1])[:seeds] if apart else one] for k in which]
        )[:, :, images]
        return Study(values.astype(float), fixed[which], target, target - own[which], drawn)

    return draw


def synthetic(truth: Array, noise: Callable[..., Array], fixed: Array | None = None) -> Draw:
    """Draw hits by probit: images are hard for all pipelines, for one, or by chance.

    ``noise`` gives the deviations of seeds from the truth, (K, S), of mean 0.
    """
    still = np.zeros(len(truth), bool) if fixed is None else fixed

    def draw(rng: np.random.Generator, seeds: int) -> Study:
        moved = truth[:, None] + np.where(still[:, None], 0, noise(rng, seeds))
        level = special.ndtri(np.clip(moved, 0.001, 0.999))
        size = len(truth), seeds, IMAGES
        hard = np.sqrt(0.5) * rng.standard_normal(IMAGES)
        hard = hard + np.sqrt(0.3) * rng.standard_normal((len(truth), IMAGES))
        chance = rng.standard_normal(size)
        chance[still] = chance[still][:, :1]  # one result over again
        hits = level[:, :, None] > hard[:, None] + np.sqrt(0.2) * chance
        return Study(hits.astype(float), still, truth)

    return draw


def normal(sd: Array, rng: np.random.Generator, seeds: int) -> Array:
    """Return normal deviations."""
    return sd[:, None] * rng.standard_normal((len(sd), seeds))


def two_optima(gap: Array, good: Array, rng: np.random.Generator, seeds: int) -> Array:
    """Return deviations of a good optimum, found with chance ``good``, and of one behind by gap."""
    found = rng.random((len(gap), seeds)) < good[:, None]
    apart = np.where(found, (gap * (1 - good))[:, None], -(gap * good)[:, None])
    return apart + 0.005 * rng.standard_normal(found.shape)


def mixed(sd: Array, gap: Array, good: Array, rng: np.random.Generator, seeds: int) -> Array:
    """Return deviations of two optima for every second pipeline, normal ones for the others."""
    even = (np.arange(len(sd)) % 2 == 0)[:, None]
    return np.where(even, two_optima(gap, good, rng, seeds), normal(sd, rng, seeds))


def of_models(sd: Array, rng: np.random.Generator, seeds: int) -> Array:
    """Return deviations of which four pipelines each share 80 in 100, as those of one encoder."""
    shared = normal(sd, rng, seeds)[np.arange(len(sd)) // 4 * 4]
    return np.sqrt(0.2) * normal(sd, rng, seeds) + np.sqrt(0.8) * shared


def real(name: str) -> Iterator[tuple[str, Draw]]:
    """Yield the populations made from a file of finished grids."""
    held = np.load(HERE / f"{name}.npz")
    hits, fixed = held["hits"], held["fixed"]
    level, spread = hits.mean(axis=(1, 2)), hits.mean(axis=2).std(axis=1, ddof=1)
    noisy = [k for k in np.argsort(-level) if not fixed[k]]
    loud = [max(noisy, key=lambda k: spread[k])]
    able = [k for k in np.argsort(-level) if level[k] > 0.5][:24]
    moved = partial(of_hits, hits[able], fixed[able])
    five = np.r_[np.zeros(5), STEPS]
    one = np.r_[0, 0.015, 0.025, 0.035, 0.07, STEPS]
    yield f"{name}: as it is", of_hits(hits, fixed)
    yield f"{name}: the best × 20", of_hits(hits[noisy[:1]], fixed[noisy[:1]], clones=20)
    yield f"{name}: the noisiest × 20", of_hits(hits[loud], fixed[loud], clones=20)
    yield f"{name}: the ten best × 2", of_hits(hits[noisy[:10]], fixed[noisy[:10]], clones=2)
    yield f"{name}: 20 tied", moved(np.full(20, 0.8))
    yield f"{name}: 5 of 20 tied best", moved(0.8 - five)
    yield f"{name}: 1 of 20 best", moved(0.8 - one)
    yield f"{name}: 20 tied, these images", moved(np.full(20, 0.8), drawn=False)
    yield f"{name}: 5 of 20 tied best, these images", moved(0.8 - five, drawn=False)
    for count in (2, 3, 5):
        yield f"{name}: {count} tied", moved(np.full(count, 0.8))
        yield f"{name}: 1 of {count} best", moved(0.8 - np.r_[0, 0.04, 0.08, 0.15, 0.3][:count])


def made() -> Iterator[tuple[str, Draw]]:
    """Yield the synthetic populations."""
    rng = np.random.default_rng(7)
    sd = np.geomspace(0.004, 0.04, 20)[rng.permutation(20)]
    gap, good = rng.uniform(0.04, 0.16, 20), rng.uniform(0.3, 0.9, 20)
    even = np.arange(20) % 2 == 0
    tied = np.full(20, 0.8)
    five = np.r_[np.full(5, 0.85), np.linspace(0.84, 0.4, 15)]
    ladder = np.r_[0.916, 0.889, 0.889, 0.881, 0.876, 0.876, 0.852, 0.845, 0.767, 0.752]
    ladder = np.r_[ladder, 0.743, 0.731, 0.73, 0.724, 0.703, 0.7, 0.358, 0.351, 0.333, 0.333]
    optima, both = partial(two_optima, gap, good), partial(mixed, sd, gap, good)
    yield "tied: equal spreads", synthetic(tied, partial(normal, np.full(20, 0.02)))
    yield "tied: spreads × 10", synthetic(tied, partial(normal, sd))
    yield "tied: two optima", synthetic(tied, optima)
    fixed = np.arange(20) % 4 == 0
    yield "tied: two optima, a quarter deterministic", synthetic(tied, optima, fixed)
    still = partial(normal, np.where(even, 0.001, 0.04))
    yield "tied: half nearly still, half noisy", synthetic(tied, still)
    yield "tied: normal and two optima", synthetic(tied, both)
    yield "5 tied best: normal and two optima", synthetic(five, both)
    yield "ladder: spreads × 10", synthetic(ladder, partial(normal, sd))
    yield "ladder: normal and two optima", synthetic(ladder, both)
    yield "ladder: seeds shared by models", synthetic(ladder, partial(of_models, sd))
    for count in (2, 3, 5):
        few = partial(normal, np.geomspace(0.004, 0.04, count))
        apart = partial(
            two_optima,
            np.full(count, 0.1),
            np.random.default_rng(8).uniform(0.4, 0.85, count),
        )
        steps = 0.85 - np.r_[0, np.linspace(0.03, 0.3, count - 1)]
        yield f"{count} tied: spreads × 10", synthetic(np.full(count, 0.8), few)
        yield f"{count} tied: two optima", synthetic(np.full(count, 0.8), apart)
        yield f"ladder of {count}: spreads × 10", synthetic(steps, few)


# ------------------------------------------------------------------------------------------- rules


def former(study: Study, scores: Scores) -> Array:
    """Apply the rule of the release before: sign flips over seeds, Holm, and images."""
    best = int(scores.means.argmax())
    by_seed = study.values.mean(axis=2) + np.broadcast_to(study.shift, len(study.truth))[:, None]
    differences = by_seed[best] - by_seed
    seeds = differences.shape[1]
    signs = np.array(np.meshgrid(*[[-1, 1]] * seeds)).reshape(seeds, -1)
    flipped = np.abs(differences @ signs) / seeds
    p = (flipped >= np.abs(differences.mean(axis=1))[:, None] - 1e-12).mean(axis=1)
    p[study.fixed & study.fixed[best]] = 1
    p[best] = np.inf
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p) - 1, -1, -1.0).clip(1))
    worse = np.zeros(len(p), bool)
    worse[order] = adjusted <= LEVEL
    return worse & (scores.means[best] - scores.means > _by_images(scores, best))


def _by_images(scores: Scores, best: int) -> Array:
    images = np.zeros(len(scores.means)) if scores.images is None else scores.images[best]
    return 1.959964 * np.sqrt(images)


def dunnett(study: Study, scores: Scores) -> Array:
    """Apply Dunnett's test, with the best as the control and one variance for all, and images."""
    best, varies = int(scores.means.argmax()), ~study.fixed
    seeds = study.values.shape[1]
    pooled = scores.variances[varies].mean() if varies.any() else 0.0
    critical = _dunnett_point(len(study.truth) - 1, max(int(varies.sum()), 1) * (seeds - 1))
    gap = scores.means[best] - scores.means
    enough = np.maximum(critical * np.sqrt(2 * pooled / seeds), _by_images(scores, best))
    return (gap > enough) & (gap > 1e-12)


@cache
def _dunnett_point(comparisons: int, df: int) -> float:
    rng = np.random.default_rng(1)
    z = rng.standard_normal((100_000, comparisons + 1))
    t = np.abs(z[:, 1:] - z[:, :1]).max(axis=1) / np.sqrt(2 * rng.chisquare(df, 100_000) / df)
    return float(np.quantile(t, 1 - LEVEL))


# ------------------------------------------------------------------------------------ the pipelines


@dataclass
class Count:
    """What rules said in many studies of one population, with one number of seeds."""

    studies: int
    false: Array  # (rules,), studies with a false statement
    found: Array  # (rules, gaps), pipelines worse by more than each of `GAPS` that were found
    there: Array  # (gaps,)
    group: float  # pipelines in the group of the best
    covered: int  # studies in which all intervals of this release's rule hold the truth

    def false_in_100(self) -> Array:
        """Return the studies with a false statement, in 100."""
        return 100 * self.false / self.studies

    def found_in_100(self) -> Array:
        """Return the pipelines that were found, in 100; NaN where there are none."""
        return 100 * self.found / np.where(self.there, self.there, np.nan)


def measure(draw: Draw, seeds: int, studies: int, name: int = 0) -> Count:
    """Draw studies and apply the former rule, Dunnett's test and the rule of this release."""
    count = Count(studies, np.zeros(3), np.zeros((3, len(GAPS))), np.zeros(len(GAPS)), 0.0, 0)
    for number in range(studies):
        study = draw(np.random.default_rng([name, seeds, number]), seeds)
        scores, truth = study.scores(), study.truth
        found = confidence_set(scores)
        behind = truth[found.best] - truth
        worse = np.array([former(study, scores), dunnett(study, scores), ~found.group])
        # False: said to be worse than the named best, and is not.
        count.false += (worse & (behind <= 1e-9)).any(axis=1)
        far = truth.max() - truth > np.array(GAPS)[:, None] + 1e-9  # (gaps, K)
        count.there += far.sum(axis=1)
        count.found += (worse[:, None] & far[None]).sum(axis=2)
        count.group += found.group.sum() / studies
        count.covered += bool((np.abs(found.behind - behind) <= found.half + 1e-9).all())
    return count


def populations() -> Iterator[tuple[str, Draw]]:
    """Yield all populations."""
    yield from real("population")
    yield from real("holdout")
    yield from made()


def grid(studies: int = 800) -> None:
    """Print what the rules say of the pipelines of a grid, as Markdown tables."""
    names = [name for name, _ in populations()]
    with ProcessPoolExecutor() as pool:
        counts = dict(
            zip(names, pool.map(_counts, range(len(names)), repeat(studies)), strict=True)
        )
    false = {name: [c.false_in_100() for c in each] for name, each in counts.items()}
    print("\nStudies with a false statement, of 100 (former rule / Dunnett / this rule):\n")
    _print_table(false, 1, {"**the most**": np.max, "**mean**": np.mean})
    for place, gap in enumerate(GAPS):
        print(f"\nFound of the pipelines that are worse by more than {gap}, of 100 (the same):\n")
        found = {
            name: [c.found_in_100()[:, place] for c in each]
            for name, each in counts.items()
            if each[0].there[place]
        }
        _print_table(found, 0, {"**the fewest**": np.min, "**mean**": np.mean})
    print("\nThis rule: studies in which all intervals cover, of 100 / mean size of the group:\n")
    also = {
        n: [np.array([100 * c.covered / studies, c.group]) for c in e] for n, e in counts.items()
    }
    _print_table(also, 1, {})


def _counts(number: int, studies: int) -> list[Count]:
    """Measure one of all populations, with each number of seeds."""
    _, draw = next(islice(populations(), number, None))
    return [measure(draw, seeds, studies, number) for seeds in SEEDS]


def _print_table(rows: dict[str, list[Array]], digits: int, also: dict[str, Any]) -> None:
    """Print a row a population, a column a number of seeds, and rows that sum up."""
    print(_row(["population", *(f"{seeds} seeds" for seeds in SEEDS)]))
    print(_row(["---", *["---:"] * len(SEEDS)]))
    for name, how in also.items():
        rows = rows | {name: list(how([e for n, e in rows.items() if n[0] != "*"], axis=0))}
    for name, each in rows.items():
        print(_row([name, *(_slashed(numbers, digits) for numbers in each)]))


def _row(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _slashed(numbers: Array, digits: int) -> str:
    return " / ".join(f"{number:.{digits}f}" for number in numbers)


# -------------------------------------------------------------------------------- runs and margins


def runs(studies: int = 800) -> None:
    """Print what `compare` says of two runs: no change of most pipelines, of some .05 and .1."""
    for name in ("population", "holdout"):
        held = np.load(HERE / f"{name}.npz")
        hits = held["hits"][~held["fixed"]][:18]
        for seeds in SEEDS:
            false, found = 0.0, np.zeros(2)
            for number in range(studies):
                rng = np.random.default_rng([21, seeds, number])
                images = rng.integers(hits.shape[2], size=IMAGES)
                order = rng.permutation(hits.shape[1])
                one, two = hits[:, order[:seeds]], hits[:, order[seeds : 2 * seeds]]
                one, two = (each[:, :, images].astype(float) for each in (one, two))
                one[::6] += 0.05
                one[1::6] += 0.1
                said = compare_pairs(
                    [(_correctness(a), _correctness(b)) for a, b in zip(one, two, strict=True)]
                )
                worse = np.array([each.significant for each in said])
                false += worse[[k for k in range(len(hits)) if k % 6 > 1]].any()
                found += worse[::6].mean(), worse[1::6].mean()
            print(
                f"{name}, {seeds} seeds: false {100 * false / studies:.1f} of 100; found of "
                f"changes of .05 and .1 {_slashed(100 * found / studies, 0)}"
            )


def _correctness(values: Array) -> Correctness:
    return Correctness(dict(enumerate(values)), True)


def margins(studies: int = 1500) -> None:
    """Print how often a threshold of `check` falls short of as many new seeds, by itself."""
    for name in ("population", "holdout"):
        held = np.load(HERE / f"{name}.npz")
        scores = held["hits"][~held["fixed"]].mean(axis=2)
        for seeds in SEEDS:
            short, width = 0.0, 0.0
            for number in range(studies):
                rng = np.random.default_rng([22, seeds, number])
                order = rng.permuted(scores, axis=1)
                first, second = order[:, :seeds], order[:, seeds : 2 * seeds]
                margin = thresholds.bounds(first.var(axis=1, ddof=1), np.full(len(first), seeds))
                short += (second.mean(axis=1) < first.mean(axis=1) - margin).mean()
                width += float(np.median(margin))
            print(
                f"{name}, {seeds} seeds: falls short by itself {100 * short / studies:.1f} in 100; "
                f"median margin {width / studies:.3f}"
            )


# ------------------------------------------------------------------------------------ several sets


RANK_NOISE: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "normal": lambda rng, count, sets: rng.standard_normal((count, sets)),
    "Student's t, 3 df": lambda rng, count, sets: rng.standard_t(3, (count, sets)) / np.sqrt(3),
    "sets × 10": lambda rng, count, sets: (
        rng.standard_normal((count, sets)) * np.exp(rng.uniform(-1.15, 1.15, sets))
    ),
    "pipelines × 10": lambda rng, count, sets: (
        rng.standard_normal((count, sets))
        * np.geomspace(0.3, 3, count)[rng.permutation(count)][:, None]
    ),
    "half × 15": lambda rng, count, sets: (
        rng.standard_normal((count, sets)) * np.where(np.arange(count) % 2, 1.5, 0.1)[:, None]
    ),
    "families of four": lambda rng, count, sets: (
        np.sqrt(0.2) * rng.standard_normal((count, sets))
        + np.sqrt(0.8) * rng.standard_normal((count, sets))[np.arange(count) // 4]
    ),
}
RANK_MEANS: dict[str, Callable[[int], Array]] = {
    "all tied": lambda count: np.zeros(count),
    "half tied": lambda count: np.r_[np.zeros(count // 2), -np.linspace(1, 4, count - count // 2)],
    "ladder": lambda count: -np.linspace(0, 4, count),
}


def over_sets(studies: int = 200) -> None:
    """Print how often ranks over data sets name a pipeline worse that is not, and what they find.

    Scores differ between data sets by noise of standard deviation 1; found are pipelines that are
    worse by 1.5 or more.
    """
    for sets in (6, 8, 12):
        for name, noise in RANK_NOISE.items():
            false, power = [], []
            for count in (3, 5, 10, 20):
                for place, means in enumerate(RANK_MEANS.values()):
                    wrong = 0
                    for number in range(studies):
                        rng = np.random.default_rng([31, sets, count, place, number])
                        truth = means(count)[rng.permutation(count)]
                        values = truth[:, None] + noise(rng, count, sets)
                        order = np.argsort(stats.rankdata(-values, axis=0).mean(axis=1))
                        worse = ranks.against_first(values[order]) <= LEVEL
                        behind = truth[order[0]] - truth[order[1:]]
                        wrong += (worse & (behind <= 0)).any()
                        far = truth.max() - truth[order[1:]] >= 1.5
                        power += [worse[far].mean()] if far.any() else []
                    false.append(100 * wrong / studies)
            print(
                f"{sets} data sets, {name}: false at most {max(false):.1f}, mean "
                f"{np.mean(false):.1f} of 100; found {100 * np.mean(power):.0f}",
                flush=True,
            )


def draws(count: int = 40, images: int = 600) -> None:
    """Print how accuracy varies if images are drawn and clustered anew, digits by agglomeration."""
    X, y = load_digits(return_X_y=True)
    codes = {
        "pixels": lambda Z: Z,
        "pca8": PCA(8, svd_solver="full").fit_transform,
        "root": np.sqrt,
    }
    for name, code in codes.items():
        found = []
        for number in range(count):
            which = np.random.default_rng([11, number]).permutation(len(X))[:images]
            clusters = AgglomerativeClustering(10).fit_predict(code(X[which] / 16))
            table = np.zeros((10, 10))
            np.add.at(table, (clusters, y[which]), 1)
            found.append(table[linear_sum_assignment(-table)].sum() / images)
        means = np.array(found)
        # Draws share images, the more the greater their part.
        spread = means.std(ddof=1) / np.sqrt(1 - images / len(X))
        formula = np.sqrt((means * (1 - means)).mean() / images)
        print(f"{name}: standard deviation {spread:.3f}, by the images of one draw {formula:.3f}")


def write_range() -> None:
    """Write the table of the studentized range anew, with SciPy, in a minute."""
    groups = (*range(2, 7), 8, 11, 15, 20, 30, 45, 70, 110, 180, 300, 500, 1000, 2000, 5000, 10000)
    reciprocals = (0, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2)
    reciprocals = (*reciprocals, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    lines = [",".join(["groups", *(f"{x:g}" for x in reciprocals)])]
    for count in groups:
        df = [1 / x if x else np.inf for x in reciprocals]
        points = [stats.studentized_range.ppf(1 - LEVEL, count, each) for each in df]
        lines.append(",".join([str(count), *(f"{point:.5f}" for point in points)]))
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


COMMANDS = {
    "grid": grid,
    "runs": runs,
    "margins": margins,
    "ranks": over_sets,
    "draws": draws,
    "range": write_range,
}

if __name__ == "__main__":
    what, *count = sys.argv[1:]
    COMMANDS[what](*map(int, count))
