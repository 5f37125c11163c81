import numpy as np
import pytest

from bench.clusterers.kmeans import KMeans
from bench.stages.cluster import cluster
from bench.stages.encode import encode
from bench.stages.reduce import reduce
from bench.stages.score import score
from bench.stages.train import train
from bench.stages.training.core import Recipe
from models import autoencoders
from models.dnn import DNN
from models.pixels import Pixels
from reducers.chain import Chain
from reducers.reducer import Reducer
from tests.conftest import make_images

NONE = np.empty((0, 0), np.int32)  # no neighbors were measured


@pytest.fixture(scope="module")
def data():
    return make_images(60)


def test_train_then_encode(data):
    images, _ = data
    trained = train(DNN, images, Recipe(2, 1e-4, 16), 1, 2, "cpu")
    assert len(trained.values["history"]) == 2
    assert sum(array.size for array in trained.arrays.values()) == 10_493_952
    encoded = encode(DNN, trained.arrays, images, images[:7], "cpu")
    assert encoded.arrays["train"].shape == (60, 1024)
    np.testing.assert_allclose(encoded.arrays["validation"], encoded.arrays["train"][:7], atol=1e-5)
    assert encoded.values["code_size"] == 1024
    assert encoded.values["reconstruction_loss"] > 0
    assert encoded.arrays["reconstructions"].shape == (60, 32, 32, 3)
    assert encoded.arrays["pictured"].tolist() == list(range(60))
    loss = encoded.values["reconstruction_loss"]
    assert encoded.arrays["errors"].mean() == pytest.approx(loss, rel=1e-6)


def test_models_that_do_not_train_keep_their_first_weights(data):
    images, _ = data
    recipe = Recipe(0, 0, 1)
    one = train(autoencoders["untrained-dnn"], images, recipe, 1, 2, "cpu")
    assert one.values["history"] == []
    fresh = train(DNN, images, Recipe(1, 1e-30, 60), 1, 2, "cpu")
    for name, array in one.arrays.items():
        np.testing.assert_allclose(array, fresh.arrays[name], atol=1e-20)


def test_pixels_lose_nothing_and_come_back(data):
    images, _ = data
    encoded = encode(Pixels, {}, images, images[:0], "cpu")
    assert encoded.values["reconstruction_loss"] == 0
    assert "validation" not in encoded.arrays
    np.testing.assert_array_equal(encoded.arrays["reconstructions"], images)


def test_a_loss_that_is_not_finite_is_an_error(data):
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        train(DNN, data[0], Recipe(3, 1e30, 16), 1, 2, "cpu")


def test_reduce_places_validation_where_it_can():
    points = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    reducer = Chain.parse("pca3").links[0].build()
    found = reduce(reducer, points, points[:5]).arrays
    np.testing.assert_allclose(found["validation"], found["train"][:5], atol=1e-5)
    assert "validation" not in reduce(reducer, points, None).arrays

    class Closed(Reducer):
        def fit_transform(self, X):
            return X

    assert "validation" not in reduce(Closed(), points, points[:5]).arrays


def test_reduce_refuses_what_is_not_finite():
    class Broken:
        def fit_transform(self, X):
            return X * np.nan

    with pytest.raises(FloatingPointError, match="not finite"):
        reduce(Broken(), np.ones((3, 3), np.float32), None)


def test_cluster_finds_groups_and_places_new_points():
    random = np.random.default_rng(0)
    centers = np.array([[0, 0], [9, 0], [0, 9]])
    groups = np.arange(90) % 3
    points = (centers[groups] + random.normal(size=(90, 2))).astype(np.float32)
    found = cluster(KMeans(3, random_state=0), points[:60], points[60:])
    assert found.values["clusters_found"] == 3
    scored = score(
        found.arrays["train"], NONE, groups[:60], found.arrays["validation"], groups[60:]
    )
    assert scored.values["accuracy"] == 1
    assert scored.values["validation_accuracy"] == 1
    again = cluster(KMeans(3, random_state=0), points[:60], points[60:])
    np.testing.assert_array_equal(found.arrays["train"], again.arrays["train"])


def test_private_accuracy_is_under_the_public_assignment():
    """Clusters that turn round between the halves: right in public is wrong in private."""
    from bench.stages.metrics.clustering import public_half

    labels = np.arange(40) % 2
    public = public_half(labels)
    clusters = np.where(public, labels, 1 - labels)
    values = score(clusters, NONE, labels, None, None).values
    assert values["public_accuracy"] == 1
    assert values["private_accuracy"] == 0
    assert values["accuracy"] == 0.5


def test_validation_is_under_the_training_images_assignment():
    labels = np.array([0, 0, 1, 1])
    values = score(1 - labels, NONE, labels, np.array([1, 1, 0, 0]), labels).values
    assert values["accuracy"] == values["validation_accuracy"] == 1
    values = score(labels, NONE, labels, 1 - labels, labels).values
    assert values["validation_accuracy"] == 0


def test_validation_finds_its_own_assignment_without_training_labels():
    labels = np.array([0, 0, 1, 1])
    values = score(labels, NONE, None, 1 - labels, labels).values
    assert values["validation_accuracy"] == 1
    assert "accuracy" not in values


def test_images_without_a_label_are_not_scored():
    clusters = np.array([0, 0, 1, 1, 2, 2, 0, 1])
    labels = np.array([1, 1, 0, -1, 2, 2, -1, 0])
    known = labels >= 0
    near = np.zeros((8, 3), np.int64)
    found = score(clusters, near, labels, None, None)
    alone = score(clusters[known], near[:0], labels[known], None, None)
    assert found.values == alone.values
    np.testing.assert_array_equal(found.arrays["correct"], alone.arrays["correct"])
    assert found.arrays["correct"].shape == (6,)
    assert "knn_label_purity" not in found.values


def test_nothing_to_score_by():
    assert score(np.zeros(4, int), NONE, None, None, None).values == {"assignment": []}
