"""Metrics of an embedding, against scikit-learn's, by brute force and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness as reference
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from bench.stages.measure import measure
from bench.stages.metrics import neighbors
from bench.stages.rank import rank
from bench.stages.score import score


def ranks(points):
    return neighbors.ranks(neighbors.distances(np.asarray(points, dtype=np.float64)))


def points(count, seed=0, features=6):
    return np.random.default_rng(seed).normal(size=(count, features))


@st.composite
def embedded(draw):
    """Codes, an embedding of them and a number of neighbors that scikit-learn allows."""
    count = draw(st.integers(5, 40))
    codes, embedding = points(count, draw(st.integers(0, 99))), points(count, 100, 2)
    mixed = codes[:, :2] + draw(st.floats(0, 3)) * embedding
    return codes, mixed, draw(st.integers(1, (count - 1) // 2))


@settings(deadline=None, max_examples=40)
@given(embedded())
def test_trustworthiness_and_continuity_are_scikit_learns(case):
    codes, embedding, count = case
    above, below = ranks(codes), ranks(embedding)
    found = neighbors.trustworthiness(above, below, count)
    assert found == pytest.approx(reference(codes, embedding, n_neighbors=count))
    turned = neighbors.continuity(above, below, count)
    assert turned == pytest.approx(reference(embedding, codes, n_neighbors=count))


@settings(deadline=None, max_examples=40)
@given(embedded())
def test_nearest_and_kept_by_brute_force(case):
    codes, embedding, count = case
    near = [
        NearestNeighbors(n_neighbors=count).fit(X).kneighbors(return_distance=False)
        for X in (codes, embedding)
    ]
    np.testing.assert_array_equal(neighbors.nearest(ranks(codes), count), near[0])
    both = [len(set(a) & set(b)) for a, b in zip(*near, strict=True)]
    kept = neighbors.knn_preservation(ranks(codes), ranks(embedding), count)
    assert kept == pytest.approx(sum(both) / (len(codes) * count))


def test_by_hand_five_points_on_a_line():
    """Of 0 1 2 3 4 in the codes, the embedding puts the last beside the first: 0 4 1 2 3."""
    codes, embedding = ranks([[0], [1], [2], [3], [4]]), ranks([[0], [2.1], [3.3], [4.6], [1]])
    # Nearest in the embedding: of 0 it is 4 (rank 4 among the codes), of 4 it is 0 (rank 4), of 1
    # it is 4 (rank 4); of 2 it is 1 and of 3 it is 2 (rank 1).
    assert neighbors.nearest(embedding, 1).ravel().tolist() == [4, 4, 1, 2, 0]
    assert neighbors.trustworthiness(codes, embedding, 1) == pytest.approx(
        1 - 2 / (5 * 1 * (2 * 5 - 3 - 1)) * (3 + 3 + 3)
    )
    assert neighbors.knn_preservation(codes, embedding, 1) == pytest.approx(2 / 5)


def test_an_embedding_that_changes_nothing_keeps_everything():
    found = ranks(points(30))
    assert neighbors.trustworthiness(found, found, 10) == 1
    assert neighbors.knn_preservation(found, found, 10) == 1


def test_points_in_one_place_are_neighbors_and_never_their_own():
    found = ranks(np.zeros((6, 2)))
    assert (np.diag(found) == 0).all()
    assert (np.sort(found, axis=1) == np.arange(6)).all()


def test_label_purity_by_hand():
    near = np.array([[1, 2], [0, 2], [1, 0]])
    assert neighbors.knn_label_purity(near, np.array([0, 0, 1])) == pytest.approx(2 / 6)


def test_silhouette_is_scikit_learns():
    X, groups = points(80), np.arange(80) % 3
    found = neighbors.silhouette(neighbors.distances(X), groups)
    assert found == pytest.approx(silhouette_score(X, groups))


@pytest.mark.parametrize("groups", [np.zeros(5, int), np.arange(5)])
def test_no_silhouette_of_one_cluster_or_of_single_images(groups):
    assert neighbors.silhouette(neighbors.distances(np.eye(5)), groups) is None


@pytest.mark.parametrize(("count", "expected"), [(2, 0), (3, 1), (9, 4), (21, 10), (5000, 10)])
def test_neighbors_are_ten_or_fewer_than_half(count, expected):
    assert neighbors.neighborhood(count) == expected


def test_a_sample_beyond_2000_is_always_the_same_and_close_to_the_whole():
    X = points(2600).astype(np.float32)
    X[:1300, 0] += 4
    groups = (np.arange(2600) < 1300).astype(np.int64)
    assert len(neighbors.sample(2600)) == 2000
    np.testing.assert_array_equal(neighbors.sample(2600), neighbors.sample(2600))
    ranked = rank(X).arrays["ranks"]
    assert ranked.shape == (2000, 2000)
    placed = {"between": np.ones((2000, 2000)), "near": neighbors.nearest(ranked, 10)}
    np.fill_diagonal(placed["between"], 0)
    found = measure(X[:, :2], groups, ranked, placed)
    assert found.values["reference_silhouette"] == 0  # all are as far from each other
    whole = reference(X, X[:, :2], n_neighbors=10)
    assert found.values["trustworthiness"] == pytest.approx(whole, abs=0.02)
    assert found.values["silhouette"] == pytest.approx(silhouette_score(X[:, :2], groups), abs=0.02)
    scored = score(groups, found.arrays["near"], groups, None, None)
    assert scored.values["knn_label_purity"] > 0.85


def test_two_images_have_no_neighborhoods():
    X = np.array([[0.0], [1.0]], np.float32)
    ranked = rank(X).arrays["ranks"]
    placed = {"between": np.array([[0.0, 1], [1, 0]]), "near": neighbors.nearest(ranked, 0)}
    found = measure(X, np.array([0, 1]), ranked, placed)
    assert {*found.values.values()} <= {None}
    labels = np.array([0, 1])
    assert "knn_label_purity" not in score(labels, found.arrays["near"], labels, None, None).values
