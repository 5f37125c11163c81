"""Intervals cover as often as they say, and no winner is named without a significant difference."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.correctness import Correctness
from bench.analysis.inference import (
    compare_pairs,
    correct,
    score_interval,
    seeds_needed,
    sign_flips,
)


def against_best(best, others, independent=True):
    return compare_pairs([(best, other) for other in others], independent)


def simulate(random, accuracies, seeds, images, between_seeds=0.03, between_images=0.3):
    """Hits of cells: images have their own difficulty, shared by all, and seeds their own luck.

    Logistic: an image's chance is its cell's, raised or lowered by both.
    """
    hard = random.normal(0, between_images * 5, images)
    found = []
    for accuracy in accuracies:
        luck = random.normal(0, between_seeds * 5, (seeds, 1))
        chance = 1 / (1 + np.exp(-(math.log(accuracy / (1 - accuracy)) + luck + hard)))
        found.append(random.random((seeds, images)) < chance)
    return found


def truth(accuracy, between_seeds=0.03, between_images=0.3):
    """The expected accuracy over new seeds and new images."""
    random = np.random.default_rng(99)
    noise = random.normal(0, 1, 400_000) * 5 * math.hypot(between_seeds, between_images)
    return float((1 / (1 + np.exp(-(math.log(accuracy / (1 - accuracy)) + noise)))).mean())


@pytest.mark.parametrize(
    ("seeds", "images", "between_seeds"),
    [(3, 200, 0.03), (5, 200, 0.1), (5, 1000, 0.03), (10, 500, 0.0)],
)
def test_intervals_cover_as_often_as_they_say(seeds, images, between_seeds):
    """95 in 100 of 600 simulated cells, give or take what 600 allow; never far too rarely."""
    random = np.random.default_rng(0)
    expected = truth(0.8, between_seeds)
    covered = 0
    for _ in range(600):
        (hits,) = simulate(random, [0.8], seeds, images, between_seeds)
        found = score_interval(hits)
        covered += found.low <= expected <= found.high
    assert 0.92 <= covered / 600 <= 0.995


def test_resampling_images_within_seeds_covers_too_rarely():
    """The mistake that the formula avoids: all seeds share the images."""
    random = np.random.default_rng(1)
    expected = truth(0.8)
    covered = 0
    for _ in range(300):
        (hits,) = simulate(random, [0.8], 5, 200)
        half = 1.96 * hits.std() / math.sqrt(hits.size)  # as if 1,000 images had been seen
        covered += abs(hits.mean() - expected) <= half
    assert covered / 300 < 0.85


def test_interval_by_hand():
    """Two seeds, four images: means 0.75 and 0.25; image means 1, 0.5, 0.5, 0."""
    hits = np.array([[1, 1, 1, 0], [1, 0, 0, 0]])
    found = score_interval(hits)
    seeds = 12.706204736**2 * 0.125 / 2  # t of one degree of freedom; variance of the means
    images = 1.959964**2 * (0.25 + 0 + 0 + 0.25) / 3 / 4
    assert found.mean == 0.5
    assert found.high - found.mean == pytest.approx(math.sqrt(seeds + images))
    alone = score_interval(hits, repeated=False)
    assert alone.high - alone.mean == pytest.approx(math.sqrt(images))
    dependent = score_interval(hits, independent=False)
    assert dependent.high - dependent.mean == pytest.approx(math.sqrt(seeds))


def test_one_seed_has_no_interval():
    assert math.isnan(score_interval(np.array([[1, 0, 1]])).low)
    assert not math.isnan(score_interval(np.array([[1, 0, 1]]), repeated=False).low)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 20).filter(bool), min_size=2, max_size=9))
def test_sign_flips_are_all_of_them(whole):
    """Against counting, in whole numbers."""
    differences = np.array(whole) / 128  # sums are exact
    flips = itertools.product((1, -1), repeat=len(whole))
    sums = [sum(s * d for s, d in zip(signs, whole, strict=True)) for signs in flips]
    upper = sum(s >= sum(whole) for s in sums) / len(sums)
    lower = sum(s <= sum(whole) for s in sums) / len(sums)
    assert sign_flips(differences) == pytest.approx(min(1.0, 2 * min(upper, lower)))


def test_the_least_p_that_seeds_can_reach():
    for seeds in range(2, 11):
        assert sign_flips(np.linspace(0.1, 0.2, seeds)) == pytest.approx(2 / 2**seeds)
    assert sign_flips(np.array([0.1])) == 1.0


def test_seeds_needed_for_so_many_comparisons():
    assert [seeds_needed(m) for m in (1, 2, 4, 11)] == [6, 7, 8, 9]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_is_at_least_the_p_and_at_most_bonferroni(values):
    adjusted = correct(values)
    for p, after in zip(values, adjusted, strict=True):
        assert min(p, 1) <= after <= min(1, p * len(values)) + 1e-12
    assert [a for _, a in sorted(zip(values, adjusted, strict=True))] == sorted(adjusted)


def test_holm_by_hand():
    """Holm 1979: 0.01 · 3, 0.02 · 2, and 0.03 raised to what came before."""
    assert correct([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert np.allclose(stats.false_discovery_control([0.02]), correct([0.02]))


def cell(hits, repeated=True):
    return Correctness(dict(enumerate(hits)), repeated)


@pytest.mark.parametrize("seeds", [3, 9])
def test_no_winner_among_equals(seeds):
    """Four equal cells, 300 grids: the first is called better than all others at most 5 in 100."""
    random = np.random.default_rng(2)
    named = 0
    for _ in range(300):
        cells = simulate(random, [0.8] * 4, seeds, 200)
        cells.sort(key=lambda hits: -hits.mean())
        comparisons = against_best(cell(cells[0]), [cell(hits) for hits in cells[1:]])
        named += all(each.significant for each in comparisons)
    assert named / 300 <= 0.05


def test_a_real_difference_is_found_with_enough_seeds_and_not_before():
    random = np.random.default_rng(3)
    cells = simulate(random, [0.9, 0.6, 0.9], 9, 500)
    far, near = against_best(cell(cells[0]), [cell(cells[1]), cell(cells[2])])
    assert far.significant
    assert not near.significant
    assert far.difference.low > 0
    few = against_best(cell(cells[0][:3]), [cell(cells[1][:3])])
    assert few[0].p == pytest.approx(0.25)
    assert not few[0].significant


def test_the_same_result_in_all_seeds_counts_once():
    """Deterministic cells: nine copies of one run."""
    random = np.random.default_rng(4)
    one, other = (np.repeat(hits[:1], 9, axis=0) for hits in simulate(random, [0.9, 0.5], 1, 500))
    (found,) = against_best(cell(one, repeated=False), [cell(other, repeated=False)])
    assert found.p == 1.0
    assert not found.significant


def test_the_difference_must_be_significant_by_images_too():
    """Nine seeds agree on a difference of one image in a hundred."""
    best = np.ones((9, 100), bool)
    other = best.copy()
    other[:, 0] = False
    (found,) = against_best(cell(best), [cell(other)])
    assert found.adjusted < 0.05
    assert not found.significant_by_images
    assert not found.significant
    (alone,) = against_best(cell(best), [cell(other)], independent=False)
    assert alone.significant


def test_only_seeds_that_both_have_are_compared():
    best, other = np.ones((3, 50), bool), np.zeros((2, 50), bool)
    (found,) = against_best(
        Correctness({0: best[0], 1: best[1], 2: best[2]}, True),
        [Correctness({1: other[0], 5: other[1]}, True)],
    )
    assert found.seeds == 1
