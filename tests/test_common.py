"""The common space, and clusters compared in it."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import common, neighbours, stages
from bench.datasets.dataset import load
from tests.conftest import make_images


@given(st.integers(4, 40), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_coherence_is_networkx_modularity(count, degree, groups, seed):
    random = np.random.default_rng(seed)
    near = np.array(
        [random.choice(np.delete(np.arange(count), i), degree, replace=False) for i in range(count)]
    )
    clusters = random.integers(0, groups, count)
    graph = nx.DiGraph((i, int(j)) for i, line in enumerate(near) for j in line)
    parts = [set(np.flatnonzero(clusters == c).tolist()) for c in np.unique(clusters)]
    expected = nx.community.modularity(graph, parts)
    assert common.coherence(near, clusters).mean() == pytest.approx(expected)


def test_coherence_by_hand():
    near = np.array([[1], [0], [3], [2]])
    assert common.coherence(near, np.array([0, 0, 1, 1])).tolist() == [0.5] * 4
    assert common.coherence(near, np.array([0, 1, 0, 1])).tolist() == [-0.5] * 4
    assert common.coherence(near, np.array([0, 0, 0, 1])).tolist() == [0.375, 0.375, -0.625, -0.625]
    assert (common.coherence(near, np.zeros(4, int)) == 0).all()


def test_features_depend_on_the_image_alone():
    images = make_images(300)[0]
    together = common.features(images)
    assert together.shape == (300, 2048)
    assert together.dtype == np.float32
    np.testing.assert_allclose(common.features(images[7:8]), together[7:8], rtol=1e-4, atol=1e-5)


def test_neighbours_in_the_common_space_tell_digits_apart():
    digits = load("digits", limit=500)
    near = stages.place(digits.images).arrays["near"]
    assert near.shape == (500, 10)
    assert neighbours.label_agreement(near, digits.labels) > 0.8
    assert common.coherence(near, digits.labels).mean() > 0.7
    shuffled = np.random.default_rng(0).permutation(digits.labels)
    assert abs(common.coherence(near, shuffled).mean()) < 0.03
