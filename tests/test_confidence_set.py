"""The rule that names the pipelines that may be the best: by hand, at its edges, by counting."""

import importlib.util
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import polygamma

from bench.analysis.confidence_set import Scores, confidence_set, variance_of_differences
from bench.analysis.moderation import Prior, trigamma_inverse
from bench.analysis.studentized_range import quantile
from tests.conftest import ROOT


def scores(means, sd=0.02, seeds=3, images=0.0, **changed):
    """Scores of pipelines with one spread over seeds, and one variance of differences by images."""
    count = len(means)
    found = {
        "means": np.array(means, float),
        "variances": np.full(count, sd**2) * np.ones(count),
        "seeds": np.full(count, seeds),
        "deterministic": np.zeros(count, bool),
        "images": np.full((count, count), images) * (1 - np.eye(count)),
        "same": np.arange(count),
    }
    return Scores(**found | changed)


# The studentized range


def test_the_table_is_that_of_scipy():
    random = np.random.default_rng(0)
    groups = np.exp(random.uniform(math.log(2), math.log(500), 6)).astype(int)
    df = 1 / random.uniform(0.001, 1, 6)
    for m, nu in zip(groups, df, strict=True):
        expected = stats.studentized_range.ppf(0.95, m, nu)
        assert quantile(m, nu) == pytest.approx(expected, rel=5e-5)


def test_two_groups_are_students_t_and_the_normal():
    for df in (1, 1.5, 2, 3.7, 10, 120):
        expected = math.sqrt(2) * stats.t.ppf(0.975, df)
        assert quantile(2, df) == pytest.approx(expected, rel=5e-5)
    assert quantile(2, math.inf) == pytest.approx(math.sqrt(2) * stats.norm.ppf(0.975), rel=5e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9999), st.floats(1, 1e6))
def test_it_grows_with_groups_and_falls_with_degrees_of_freedom(groups, df):
    assert quantile(groups + 1, df) > quantile(groups, df)
    assert quantile(groups, df * 1.1) <= quantile(groups, df)


# Moderated variances


@given(st.floats(1e-4, 1e4))
def test_the_inverse_of_the_trigamma_function(value):
    assert polygamma(1, trigamma_inverse(value)) == pytest.approx(value, rel=1e-6)


def test_the_prior_of_drawn_variances_is_found():
    """10,000 variances of 4 df, drawn around a scaled inverse χ² with 6 df and scale 0.5."""
    random = np.random.default_rng(0)
    true = 0.5 * 6 / random.chisquare(6, 10_000)
    drawn = true * random.chisquare(4, 10_000) / 4
    prior = Prior.of(drawn, np.full(10_000, 4.0))
    assert prior.df == pytest.approx(6, rel=0.1)
    assert prior.variance == pytest.approx(0.5, rel=0.05)
    assert prior.total == 40_000
    error = [
        np.abs(each - true).mean() for each in (drawn, prior.moderate(drawn, 4, prior.variance))
    ]
    assert error[1] < 0.75 * error[0]


def test_variances_that_differ_by_chance_alone_become_one():
    random = np.random.default_rng(1)
    drawn = random.chisquare(2, 50) / 2
    prior = Prior.of(drawn, np.full(50, 2.0))
    if math.isinf(prior.df):
        assert set(prior.moderate(drawn, 2, prior.pooled)) == {prior.pooled}
    even = Prior.of(np.full(9, 0.3), np.full(9, 2.0))
    assert math.isinf(even.df)
    assert even.moderated_df(np.full(9, 2.0)) == pytest.approx(18)


def test_a_weighted_mean_by_hand():
    prior = Prior(df=3.0, variance=1.0, pooled=2.0, total=8.0)
    found = prior.moderate(np.array([0.0, 4.0]), np.array([2.0, 2.0]), prior.pooled)
    assert found == pytest.approx([6 / 5, (6 + 8) / 5])
    assert prior.moderated_df(np.array([2.0, 7.0])) == pytest.approx([5, 8])


def test_one_variance_stays_as_it_is():
    prior = Prior.of(np.array([0.2]), np.array([2.0]))
    assert prior.moderate(np.array([0.2]), np.array([2.0]), prior.pooled) == pytest.approx([0.2])
    assert prior.moderated_df(np.array([2.0])) == [2]
    assert Prior.of(np.array([]), np.array([])).df == 0


# The rule


def test_the_interval_by_hand():
    """Three equal spreads: they are pooled, with 6 degrees of freedom."""
    found = confidence_set(scores([0.9, 0.8, 0.6], images=1e-4))
    q, z = stats.studentized_range.ppf(0.95, 3, 6), stats.studentized_range.ppf(0.95, 3, np.inf)
    expected = math.sqrt((q**2 * 2 * 0.02**2 / 3 + z**2 * 1e-4) / 2)
    assert found.half[1:] == pytest.approx([expected] * 2, rel=1e-4)
    assert found.behind == pytest.approx([0, 0.1, 0.3])
    assert found.worse.tolist() == [False, True, True]
    assert found.rival.tolist() == [-1, 0, 0]


def test_two_pipelines_are_compared_by_students_t():
    """Pooled variances of two pipelines: the t test of equal variances."""
    pair = scores([0.9, 0.8], sd=0.03, seeds=4)
    half = stats.t.ppf(0.975, 6) * 0.03 * math.sqrt(2 / 4)
    assert confidence_set(pair).half[1] == pytest.approx(half, rel=1e-4)


def test_stepping_down_strikes_out_what_the_interval_does_not_show():
    """With all nine in m the half interval is wider than among the three that remain."""
    means = [0.9, 0.88, 0.84, *[0.3] * 6]
    all_nine = confidence_set(scores(means))
    three = confidence_set(scores(means[:3]))
    gap = float(np.mean([all_nine.half[2], three.half[2]]))
    found = confidence_set(scores([0.9, 0.9 - gap / 2, 0.9 - gap, *[0.3] * 6]))
    assert not found.worse[2]
    assert found.rival[2] == 0
    assert not found.group[2]
    assert found.group[1]


def test_another_pipeline_than_the_best_may_strike_out():
    """The best is noisy by images; the second is told from the third by the same images."""
    images = np.array([[0, 0.01, 0.01], [0.01, 0, 0], [0.01, 0, 0]])
    found = confidence_set(scores([0.9, 0.89, 0.79], images=images, sd=0.01))
    assert found.rival.tolist() == [-1, -1, 1]
    assert not found.worse.any()


def test_deterministic_pipelines_are_compared_by_images_alone():
    fixed = np.array([True, True, False])
    of_seeds = np.array([0, 0, 0.02**2])
    pair = scores([0.9, 0.8, 0.5], images=1e-4, deterministic=fixed, variances=of_seeds)
    z = stats.studentized_range.ppf(0.95, 3, np.inf)
    assert confidence_set(pair).half[1] == pytest.approx(z * math.sqrt(1e-4 / 2), rel=1e-4)
    # They are no part of the prior: with the third alone, its own variance stays, with its 2 df.
    q = stats.studentized_range.ppf(0.95, 3, 2)
    expected = math.sqrt((q**2 * 0.02**2 / 3 + z**2 * 1e-4) / 2)
    assert confidence_set(pair).half[2] == pytest.approx(expected, rel=1e-4)


def test_without_independent_images_deterministic_pipelines_are_not_told_apart():
    fixed = np.array([True, True, False])
    of_seeds = np.array([0, 0, 0.02**2])
    apart = scores([0.9, 0.1, 0.2], deterministic=fixed, variances=of_seeds)
    assert confidence_set(apart).worse.tolist() == [False, True, True]  # images that agree
    found = confidence_set(replace(apart, images=None))
    assert math.isinf(found.half[1])
    assert not found.worse[1]
    assert math.isnan(found.seeds_needed[1])
    assert found.worse[2]


def test_no_spread_of_different_results_has_that_of_the_others():
    """Three seeds that happen to agree, beside pipelines whose seeds do not."""
    spread = np.array([0.0, 0.02, 0.03, 0.025, 0.015]) ** 2
    found = confidence_set(scores([0.9, 0.89, 0.88, 0.87, 0.86], variances=spread))
    assert found.half[1] > 0.02
    fixed = np.array([True, *[False] * 4])
    less = confidence_set(
        scores([0.9, 0.89, 0.88, 0.87, 0.86], variances=spread, deterministic=fixed)
    )
    assert less.half[1] < found.half[1]


def test_equal_results_count_once():
    means, spread = [0.9, 0.8, 0.7], np.array([0.01, 0.02, 0.03]) ** 2
    images = np.full((3, 3), 1e-4) * (1 - np.eye(3))
    alone = confidence_set(scores(means, variances=spread, images=images))
    twice = np.array([0, 1, 2, 2])
    found = confidence_set(
        scores(
            [means[k] for k in twice], variances=spread[twice], images=images[np.ix_(twice, twice)],
            same=twice,
        )
    )  # fmt: skip
    assert found.half[:3] == pytest.approx(alone.half)
    assert found.rival.tolist() == [*alone.rival, alone.rival[2]]


def test_results_are_equal_only_if_they_are_so_for_every_image_and_seed():
    random = np.random.default_rng(0)
    one = (random.random((3, 50)) < 0.5).astype(float)
    shuffled = one[:, ::-1].copy()
    found = Scores.of([(one, False), (shuffled, False), (one.copy(), False)])
    assert found.same.tolist() == [0, 1, 0]
    assert found.means[0] == pytest.approx(found.means[1])


def test_scores_by_hand():
    """Two seeds, four images, and a pipeline whose seeds are one result."""
    first = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], float)
    second = np.array([[1, 1, 0, 0], [1, 1, 0, 0]], float)
    found = Scores.of([(first, False), (second, True)])
    assert found.means.tolist() == [0.5, 0.5]
    assert found.variances.tolist() == [0.125, 0]
    difference = np.array([0, -0.5, 0.5, 0])
    assert found.images == pytest.approx(difference.var(ddof=1) / 4 * (1 - np.eye(2)))
    assert Scores.of([(first, False), (second, True)], independent=False).images is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_variances_of_differences_are_those_of_each_pair(seed, count):
    values = np.random.default_rng(seed).random((count, 30))
    found = variance_of_differences(values)
    for i in range(count):
        for j in range(count):
            expected = (values[i] - values[j]).var(ddof=1) / 30
            assert found[i, j] == pytest.approx(expected, abs=1e-12)


def test_the_smaller_degrees_of_freedom_of_two_count():
    """Unequal numbers of seeds; spreads so different that nothing is borrowed from the prior."""
    spread = np.array([1e-4, 1e-12, 1e-2])
    found = confidence_set(scores([0.9, 0.8, 0.1], variances=spread, seeds=np.array([9, 9, 2])))
    other = confidence_set(scores([0.9, 0.8, 0.1], variances=spread, seeds=np.array([9, 9, 9])))
    assert found.half[2] > 2 * other.half[2]


def test_seeds_needed_are_the_fewest_that_do():
    pair = scores([0.9, 0.87, 0.86, 0.5], sd=0.02, seeds=3, images=1e-5)
    found = confidence_set(pair)
    needed = found.seeds_needed[1]
    assert found.group[1]
    assert 4 <= needed <= 40
    assert math.isnan(found.seeds_needed[0])
    assert math.isnan(found.seeds_needed[3])

    def told(seeds):  # spreads are equal: infinite degrees of freedom
        q, m = stats.studentized_range.ppf(0.95, int(found.group.sum()), np.inf), 2 * 0.02**2
        half = math.sqrt((q**2 * m / seeds + q**2 * 1e-5) / 2)
        return half + 0.84 * math.sqrt(m / seeds) < 0.03

    assert told(needed)
    assert not told(needed - 1)


def test_more_seeds_will_not_tell_where_images_are_too_few():
    found = confidence_set(scores([0.9, 0.87], images=1e-3))
    assert math.isinf(found.seeds_needed[1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([2, 3, 5]))
def test_the_order_of_pipelines_does_not_matter(seed, count, seeds):
    random = np.random.default_rng(seed)
    values = random.random((count, seeds, 40)) < random.uniform(0.2, 1, count)[:, None, None]
    fixed = random.random(count) < 0.2
    values[fixed] = values[fixed][:, :1]
    order = random.permutation(count)
    pairs = list(zip(values.astype(float), fixed, strict=True))
    found = confidence_set(Scores.of(pairs))
    again = confidence_set(Scores.of([pairs[k] for k in order]))
    assert again.group.tolist() == found.group[order].tolist()
    assert found.group[found.best]
    assert not (found.worse & found.group).any()


# How often it is wrong, and how much it finds


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("verdicts_study", ROOT / "docs" / "verdicts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TIED = [
    "population: 20 tied", "population: the best × 20", "holdout: 20 tied", "tied: spreads × 10",
    "tied: two optima", "5 tied best: normal and two optima",
]  # fmt: skip


@pytest.mark.parametrize("name", TIED)
def test_false_statements_are_rare(study, name):
    """At most 5 in 100 are meant; of 100 studies 9 or fewer are so by chance."""
    draw = dict(study.populations())[name]
    for seeds in (3, 10):
        count = study.measure(draw, seeds, 100, name=1)
        former, _, this = count.false
        assert this <= 9
        assert count.covered >= 91
        if seeds == 10 and name == "population: the best × 20":
            assert this < former


@pytest.mark.parametrize(
    ("name", "least"), [("population: 1 of 20 best", 70), ("ladder: spreads × 10", 85)]
)
def test_differences_over_a_tenth_are_found_with_three_seeds(study, name, least):
    draw = dict(study.populations())[name]
    former, _, this = study.measure(draw, 3, 40, name=2).found_in_100()[:, 1]
    assert former == 0
    assert this >= least
