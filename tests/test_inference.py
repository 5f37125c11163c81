"""Intervals cover as often as they say, and no winner is named without a significant difference."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.correctness import Correctness
from bench.analysis.inference import (
    adjust_jointly,
    compare_pairs,
    correct,
    p_value,
    score_interval,
)


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


def run(hits, repeated=True):
    return Correctness(dict(enumerate(hits)), repeated)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1), st.floats(1e-6, 1e-2), st.floats(1, 50))
def test_p_is_that_of_students_t_where_images_add_nothing(difference, of_seeds, df):
    expected = 2 * stats.t.sf(difference / math.sqrt(of_seeds), df)
    assert p_value(difference, of_seeds, df, 0.0) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 0.3), st.floats(1e-4, 1e-2))
def test_p_is_that_of_the_normal_where_seeds_add_nothing(difference, of_images):
    expected = 2 * stats.norm.sf(difference / math.sqrt(of_images))
    assert p_value(difference, 0.0, math.inf, of_images) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 1), st.floats(1e-5, 1e-2), st.floats(1, 50), st.floats(1e-5, 1e-2))
def test_the_interval_of_level_p_ends_at_0(difference, of_seeds, df, of_images):
    p = p_value(difference, of_seeds, df, of_images)
    t, z = stats.t.isf(p / 2, df), stats.norm.isf(p / 2)
    assert t**2 * of_seeds + z**2 * of_images == pytest.approx(difference**2, rel=1e-6)


def test_p_without_a_difference_or_anything_to_test_by():
    assert p_value(0.0, 0.01, 2, 0.0) == 1.0
    assert math.isnan(p_value(0.1, 0.0, 2, 0.0))
    assert math.isnan(p_value(0.1, math.nan, 0, 0.01))


def runs(random, count, seeds, gain=0.0, images=600, between_seeds=0.03):
    """Pairs of two runs of so many pipelines, the second run better by a gain."""
    after, before = (
        simulate(random, [0.8 + each] * count, seeds, images, between_seeds) for each in (gain, 0)
    )
    return [(run(a), run(b)) for a, b in zip(after, before, strict=True)]


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_without_a_change_none_is_found(seeds):
    """A false statement in about 5 of 100 pairs of runs of ten pipelines, or fewer."""
    random = np.random.default_rng(seeds)
    false = sum(
        any(each.significant for each in compare_pairs(runs(random, 10, seeds))) for _ in range(200)
    )
    assert false / 200 <= 0.08


def test_a_change_is_found_with_three_seeds():
    """Each of ten pipelines alone would need t of 2 degrees of freedom."""
    random = np.random.default_rng(3)
    found = [compare_pairs(runs(random, 10, 3, gain=0.13, between_seeds=0.01)) for _ in range(40)]
    share = np.mean([each.significant for run in found for each in run])
    assert share > 0.8
    assert all(each.difference.low < 0.13 + 0.1 for run in found for each in run)


def test_a_pipeline_that_did_not_change_is_not_counted():
    random = np.random.default_rng(4)
    pairs = runs(random, 4, 3, gain=0.1)
    alone = compare_pairs(pairs)
    same = [(pairs[0][0], pairs[0][0])] * 30
    beside = compare_pairs([*pairs, *same])
    assert [each.adjusted for each in beside[:4]] == [each.adjusted for each in alone]
    assert all(each.identical and not each.significant for each in beside[4:])
    assert {each.p for each in beside[4:]} == {1.0}


def test_one_seed_is_not_tested():
    random = np.random.default_rng(5)
    found = compare_pairs(runs(random, 3, 1, gain=0.15))
    assert not any(each.tested or each.significant for each in found)
    assert all(math.isnan(each.difference.low) for each in found)
    assert found[0].difference.mean == pytest.approx(0.1, abs=0.1)


def test_deterministic_pipelines_are_compared_by_images_alone():
    random = np.random.default_rng(6)
    one, other = (np.repeat(h, 3, axis=0) for h in simulate(random, [0.9, 0.5], 1, 500))
    pair = [(run(one, repeated=False), run(other, repeated=False))]
    (found,) = compare_pairs(pair)
    assert found.significant
    v = (one[0].astype(float) - other[0]).var(ddof=1)
    half = found.difference.high - found.difference.mean
    assert half == pytest.approx(1.959964 * math.sqrt(v / 500), rel=1e-6)
    (alone,) = compare_pairs(pair, independent=False)
    assert not alone.tested


def test_only_seeds_that_both_have_are_compared():
    best, other = np.ones((3, 50), bool), np.zeros((2, 50), bool)
    (found,) = compare_pairs(
        [
            (
                Correctness({0: best[0], 1: best[1], 2: best[2]}, True),
                Correctness({1: other[0], 5: other[1]}, True),
            )
        ]
    )
    assert found.seeds == 1


def test_comparisons_are_corrected_together_across_data_sets():
    random = np.random.default_rng(7)
    sets = [compare_pairs(runs(random, 3, 3, gain=0.05)) for _ in range(2)]
    both = adjust_jointly([each for found in sets for each in found])
    expected = correct([each.p for found in sets for each in found])
    assert [each.adjusted for each in both] == pytest.approx(expected)
