import numpy as np
import pytest

from bench.datasets.dataset import load
from tests.canned_openml import CannedOpenML
from tests.conftest import refused


@pytest.fixture
def openml(monkeypatch, tmp_path):
    """Make a replayed openml.org answer scikit-learn, with an empty cache."""

    def start(name, number, rows, labels):
        canned = CannedOpenML(name, number, rows, labels)
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))
        monkeypatch.setattr("sklearn.datasets._openml.urlopen", canned.urlopen)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)
        return canned

    return start


def test_openml_by_name_then_from_the_cache_without_a_network(openml):
    rows = np.tile(np.arange(784) % 256, (6, 1))
    canned = openml("Fashion-MNIST", 40996, rows, list("012012"))
    first = load("openml:Fashion-MNIST")
    assert first.images.shape == (6, 32, 32, 3)
    assert first.class_names == ("0", "1", "2")
    assert first.clusters == 3
    asked = len(canned.requests)
    canned.unplug()
    again = load("openml:Fashion-MNIST")
    assert again.fingerprint == first.fingerprint
    assert load("openml:fashion-mnist").fingerprint == first.fingerprint
    assert len(canned.requests) == asked


def test_openml_by_number_with_channels_first(openml):
    planes = np.stack([np.full((32, 32), value) for value in (10, 20, 255)])
    openml("CIFAR_10", 40927, np.tile(planes.ravel(), (4, 1)), list("abab"))
    data = load("openml:40927")
    assert (data.images == [10, 20, 255]).all()


def test_openml_without_a_network_says_so_in_one_line(openml):
    openml("mnist_784", 554, np.zeros((1, 784), int), ["0"]).unplug()
    refused("openml:mnist_784", "needs the network")
    refused("openml", "needs a name or number")


def test_openml_refuses_tables_that_are_no_images(openml):
    openml("iris", 61, np.zeros((3, 5), int), list("aab"))
    refused("openml:iris", "rows of 5 values are not square images")


def test_openml_refuses_values_and_labels_that_mean_nothing(openml):
    rows = np.zeros((4, 9), int)
    rows[3, 3] = 300
    openml("loud", 1, rows / 100 + 0.5, list("aabb"))
    refused("openml:loud", "openml:loud holds values from 0.5 to 3.5, whose brightness")
    openml("gaps", 2, rows // 300, ["a", "b", "a", "?"])
    refused("openml:gaps", "openml:gaps: some of its labels are missing")
    openml("real", 3, rows // 300, ["0.5", "1.5", "2", "3"])
    refused("openml:real", "2 values cannot be a class (the first is 0.5, of image 0)")


def test_openml_values_from_0_to_1_are_no_black_images(openml):
    openml("ink", 4, np.tile([0, 1], (4, 8)), list("aabb"))
    assert load("openml:ink").images.max() == 255
