"""Shares of the variance: known designs have known shares, and chance has none."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.correctness import Correctness
from bench.analysis.effects import PARTS, SEED, complete, effects, variances


def pipelines(values, repeated=True):
    """Values (S, encoders, chains, clusterers, n) as what pipelines achieved on images."""
    values = np.asarray(values)
    return {
        (f"m{e}", f"r{c}", f"k{k}"): Correctness(dict(enumerate(values[:, e, c, k])), repeated)
        for e, c, k in itertools.product(*map(range, values.shape[1:4]))
    }


def design(encoders, chains, clusterers=(0.0,), both=0.0, seeds=4, images=50):
    """Scores without chance: effects are added up; all images have the same."""
    e, c, k = np.ix_(encoders, chains, clusterers)
    scores = 0.5 + e + c + k + both * np.sign(e) * np.sign(c)
    return np.broadcast_to(scores[None, ..., None], (seeds, *scores.shape, images))


def shares(found):
    return {part.name: part.share.mean for part in found.parts}


def test_known_shares():
    found = effects(pipelines(design((-0.3, 0.3), (-0.1, 0.1), both=0.2)))
    assert shares(found) == pytest.approx({
        "encoder": 9 / 14, "reducer chain": 1 / 14, "encoder × reducer chain": 4 / 14, SEED: 0,
    }, abs=1e-6)  # fmt: skip
    assert {part.name: part.deviation for part in found.parts} == pytest.approx(
        {"encoder": 0.3, "reducer chain": 0.1, "encoder × reducer chain": 0.2, SEED: 0}, abs=1e-3
    )
    assert found.deviation == pytest.approx(math.sqrt(0.14))
    assert found.leads
    assert [part.name for part in found.ranked][:2] == ["encoder", "encoder × reducer chain"]
    assert (found.runs, found.seeds, found.left_out) == (16, 4, ())


def test_three_factors():
    found = effects(pipelines(design((-0.2, 0.2), (-0.1, 0.1), (-0.2, 0, 0.2))))
    of_clusterer = 0.08 / 3
    total = 0.04 + 0.01 + of_clusterer
    assert shares(found) == pytest.approx({
        "encoder": 0.04 / total, "reducer chain": 0.01 / total, "clusterer": of_clusterer / total,
        "encoder × reducer chain": 0, "other interactions": 0, SEED: 0,
    }, abs=1e-6)  # fmt: skip
    assert [part.levels for part in found.parts] == [2, 2, 3, 0, 0, 4]


def test_a_seed_that_moves_everything_is_the_seeds():
    values = design((-0.1, 0.1), (0.0, 0.0)) + np.array([-0.1, 0, 0, 0.1]).reshape(4, 1, 1, 1, 1)
    found = effects(pipelines(values))
    of_seed = 0.02 / 3  # the sample variance
    assert shares(found)[SEED] == pytest.approx(of_seed / (of_seed + 0.01), abs=1e-5)
    assert shares(found)["reducer chain"] == 0


def by_projections(scores):
    """The parts, by matrices that project on each effect, and all pairs of seeds one by one."""
    seeds, *levels = scores.shape
    count = math.prod(levels)
    flat = scores.reshape(seeds, count)

    def projection(kept):
        found = np.eye(1)
        for size, keep in zip(levels, kept, strict=True):
            mean = np.full((size, size), 1 / size)
            found = np.kron(found, np.eye(size) - mean if keep else mean)
        return found

    def part(*sets):
        projected = sum(projection(kept) for kept in sets)
        pairs = itertools.permutations(range(seeds), 2)
        return np.mean([flat[s] @ projected @ flat[t] for s, t in pairs]) / count

    return [
        part((1, 0, 0)),
        part((0, 1, 0)),
        part((0, 0, 1)),
        part((1, 1, 0)),
        part((1, 0, 1), (0, 1, 1), (1, 1, 1)),
        flat.var(axis=0, ddof=1).mean(),
    ]


@given(st.integers(0, 1000), st.tuples(*[st.integers(1, 4)] * 3), st.integers(2, 4))
def test_parts_are_those_of_projections(seed, levels, seeds):
    values = np.random.default_rng(seed).normal(size=(seeds, *levels, 5)).astype(np.float32)
    expected = by_projections(values.mean(axis=-1, dtype=np.float64))
    found, _ = variances(values, draws=2)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_parts_are_sums_of_squares_less_their_expected_chance():
    """Two factors: SS of an effect, less that of its interaction with seeds by S - 1, by means."""
    values = np.random.default_rng(0).normal(size=(3, 4, 5, 1, 6)).astype(np.float32)
    y = values.mean(axis=-1, dtype=np.float64)[..., 0]
    of_encoder = y.mean(axis=(0, 2)) - y.mean()
    with_seed = y.mean(axis=2) - y.mean(axis=(1, 2))[:, None] - of_encoder[None]
    expected = 15 * np.square(of_encoder).sum() - 5 * np.square(with_seed).sum() / 2
    assert variances(values, draws=2)[0][0] == pytest.approx(expected / 60)


def simulate(random, encoders, chains, seeds, images, of_seed, of_training):
    """Truth values of runs: a training is one for all chains, as in a grid."""
    e, c = np.ix_(encoders, chains)
    trained = random.normal(0, of_training, (seeds, len(encoders), 1))
    chance = 0.6 + e + c + trained + random.normal(0, of_seed, (seeds, len(encoders), len(chains)))
    hard = random.normal(0, 0.1, images)
    chance = np.clip(chance[..., None, None] + hard, 0, 1)
    return random.random(chance.shape) < chance


def test_what_is_due_to_chance_is_no_ones():
    """Encoders that differ by their training alone: classical shares give them the most."""
    random = np.random.default_rng(1)
    found = np.mean(
        [
            variances(
                simulate(random, [0] * 4, [0] * 3, 3, 200, 0.01, 0.05).astype(np.float32), draws=2
            )[0]
            for _ in range(300)
        ],
        axis=0,
    )
    assert np.abs(found[:5]).max() < 0.05 * found[5]


@pytest.mark.parametrize("seeds", [3, 6])
def test_intervals_cover_as_often_as_they_say(seeds):
    """95 in 100 or more: with few seeds they are wide."""
    random = np.random.default_rng(2)
    encoders, chains = np.array([-0.08, -0.02, 0.04, 0.06]), np.array([-0.03, 0, 0.03])
    # A run's images are right or wrong by chance as well, which is the seed's too: p (1 - p).
    of_images = (0.6 * 0.4 - np.var(encoders) - np.var(chains) - 0.01) / 200
    parts = np.array([encoders.var(), chains.var(), 0.02**2 + 0.02**2 + of_images])
    truth = parts / parts.sum()
    covered = np.zeros(3)
    for _ in range(80):
        values = simulate(random, encoders, chains, seeds, 200, 0.02, 0.02)
        found = {part.name: part.share for part in effects(pipelines(values)).parts}
        limits = [found[name] for name in ("encoder", "reducer chain", SEED)]
        covered += [each.low <= t <= each.high for each, t in zip(limits, truth, strict=True)]
    assert (covered / 80 >= 0.92).all()


@given(st.integers(0, 1000))
def test_shares_sum_to_1_and_do_not_depend_on_any_order(seed):
    random = np.random.default_rng(seed)
    values = random.random((3, 3, 2, 2, 8)) < 0.6
    found = pipelines(values)
    one = effects(found)
    assert sum(shares(one).values()) == pytest.approx(1)
    assert all(0 <= part.share.low <= part.share.mean <= part.share.high <= 1 for part in one.parts)
    names = list(found)
    random.shuffle(names)
    images = random.permutation(8)
    shuffled = {
        name: Correctness({2 - s: v[images] for s, v in found[name].by_seed.items()}, True)
        for name in names
    }
    assert shares(effects(shuffled)) == pytest.approx(shares(one))


def test_the_same_intervals_every_time():
    found = pipelines(np.random.default_rng(0).random((3, 2, 2, 1, 30)) < 0.6)
    assert effects(found) == effects(found)


def test_one_factor():
    values = simulate(np.random.default_rng(0), [-0.2, 0, 0.2], [0], 4, 100, 0.01, 0.0)
    found = effects(pipelines(values))
    assert [part.name for part in found.parts] == ["encoder", SEED]
    assert found.leads
    assert sum(shares(found).values()) == pytest.approx(1)


def test_one_seed_is_in_every_part_and_has_no_interval():
    found = effects(pipelines(design((-0.3, 0.3), (-0.1, 0.1), both=0.2, seeds=1)))
    assert shares(found) == pytest.approx(
        {"encoder": 9 / 14, "reducer chain": 1 / 14, "encoder × reducer chain": 4 / 14}, abs=1e-6
    )
    assert all(math.isnan(part.share.low) for part in found.parts)
    assert not found.leads


def test_two_seeds_have_shares_and_no_interval():
    found = effects(pipelines(design((-0.3, 0.3), (-0.1, 0.1), seeds=2)))
    assert SEED in shares(found)
    assert all(math.isnan(part.share.low) for part in found.parts)


def test_where_all_seeds_are_one_result_intervals_are_over_images():
    random = np.random.default_rng(0)
    one = simulate(random, [-0.2, 0.2], [-0.1, 0.1], 1, 100, 0, 0)
    found = effects(pipelines(np.repeat(one, 3, axis=0), repeated=False))
    assert SEED not in shares(found)
    assert (found.seeds, found.repeated) == (1, False)
    assert all(part.share.low < part.share.high for part in found.parts)


def test_images_that_are_no_sample_have_no_part_in_intervals():
    random = np.random.default_rng(0)
    values = simulate(random, [-0.1, 0.1], [-0.05, 0.05], 5, 40, 0.01, 0.01)
    with_images, without = effects(pipelines(values)), effects(pipelines(values), False)
    assert shares(with_images) == shares(without)

    def width(found):
        share = found.parts[0].share
        return share.high - share.low

    assert width(without) < width(with_images)
    same = effects(pipelines(design((-0.3, 0.3), (-0.1, 0.1))), False)
    assert all(part.share.high - part.share.low < 1e-5 for part in same.parts)


def test_scores_below_0_as_modularity_has_them():
    random = np.random.default_rng(0)
    values = design((-0.3, 0.3), (-0.1, 0.1)) - 0.6 + random.normal(0, 0.1, 50)
    assert shares(effects(pipelines(values)))["encoder"] == pytest.approx(0.9, abs=1e-4)


@pytest.mark.parametrize("encoders", [(0.0,), (0.0, 0.0)])
def test_nothing_to_take_apart(encoders):
    """One pipeline, or scores that are all the same."""
    assert effects(pipelines(design(encoders, (0.0,)))) is None


def test_what_lacks_most_of_its_runs_is_left_out():
    every = set(itertools.product("abc", "xy", ["k"], range(4)))
    assert complete(every) == ([["a", "b", "c"], ["x", "y"], ["k"], [0, 1, 2, 3]], ())
    lacking = every - {("b", "y", "k", seed) for seed in range(4)} - {("a", "x", "k", 3)}
    levels, left_out = complete(lacking)
    assert left_out == ("encoder b", "seed 3")
    assert levels == [["a", "c"], ["x", "y"], ["k"], [0, 1, 2]]
    kept = set(itertools.product(*levels))
    assert kept <= lacking


@given(
    st.sets(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.just("k"), st.integers(0, 3)),
        min_size=1,
    )
)
def test_every_combination_of_what_is_kept_has_a_run(runs):
    levels, _ = complete(runs)
    assert all(levels)
    assert levels[2] == ["k"]
    assert set(itertools.product(*levels)) <= runs


def test_a_failed_run_leaves_the_rest_balanced():
    found = pipelines(design((-0.3, 0, 0.3), (-0.1, 0.1)))
    del found["m1", "r0", "k0"].by_seed[0]
    got = effects(found)
    assert got.left_out == ("seed 0",)
    assert got.runs == 18
    assert set(shares(got)) <= set(PARTS)
