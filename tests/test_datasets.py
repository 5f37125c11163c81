import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.base.registry import UnknownNameError
from bench.base.sampling import stratified
from bench.datasets import photos
from bench.datasets.dataset import load
from tests.conftest import refused


def test_digits_are_all_there_and_look_like_digits():
    data = load("digits")
    assert data.images.shape == (1797, 32, 32, 3)
    assert data.clusters == 10
    assert data.class_names == tuple("0123456789")
    assert (data.images[..., 0] == data.images[..., 2]).all()
    # Shrunk back to 8×8 they are the digits of scikit-learn.
    from sklearn.datasets import load_digits

    small = data.images[..., 0].reshape(1797, 8, 4, 8, 4).mean((2, 4)) * 16 / 255
    assert np.corrcoef(small.ravel(), load_digits().images.ravel())[0, 1] > 0.97


def test_photos_split_without_overlap():
    data = load("photos")
    assert data.images.shape == (1550, 32, 32, 3)
    assert data.validation_images.shape == (350, 32, 32, 3)
    assert data.clusters == 2
    # Patches of a picture whose pixels are its column numbers tell where they were cut.
    columns = np.broadcast_to(np.arange(640)[None, :, None], (427, 640, 3))
    train = photos._patches(columns, 0, photos.SPLIT)
    held_out = photos._patches(columns, photos.SPLIT, 640)
    assert train.max() < held_out.min()
    assert len(train) * 2 == len(data.images)
    assert "not independent" in " ".join(data.notes)


# subsets and fingerprints


@given(
    hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 5)),
    st.integers(1, 200),
    st.integers(0, 99),
)
def test_stratified_keeps_each_labels_share(labels, count, seed):
    count = min(count, len(labels))
    chosen = stratified(labels, count, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == count
    for label in np.unique(labels):
        share = (labels == label).sum() * count / len(labels)
        assert abs((labels[chosen] == label).sum() - share) < 1


def test_limit_is_the_same_for_the_same_seed_and_only_then():
    one = load("digits", limit=100, seed=3)
    assert one.fingerprint == load("digits", limit=100, seed=3).fingerprint
    assert one.fingerprint != load("digits", limit=100, seed=4).fingerprint
    assert (np.diff(one.indices) > 0).all()
    assert np.bincount(one.labels).min() >= 9
    np.testing.assert_array_equal(one.images, load("digits").images[one.indices])
    assert load("digits", limit=5000).fingerprint == load("digits").fingerprint


def test_fingerprint_of_images_does_not_know_the_labels(npy_folder):
    before = load(f"npy:{npy_folder}")
    labels = np.load(npy_folder / "trainY.npy")
    np.save(npy_folder / "trainY.npy", labels[::-1].copy())
    after = load(f"npy:{npy_folder}")
    assert after.fingerprint == before.fingerprint
    assert after.labels_fingerprint != before.labels_fingerprint
    images = np.load(npy_folder / "trainX.npy")
    images[0, 0, 0, 0] += 1
    np.save(npy_folder / "trainX.npy", images)
    assert load(f"npy:{npy_folder}").fingerprint != before.fingerprint


def test_unknown_data_sets_and_arguments():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load("digit")
    refused("digits:8", "takes no argument")
    refused("photos:8", "takes no argument")
    refused("digits", "allowed are 1 to 20", limit=20, clusters=21)


def test_scenes_are_read_whole(scenes):
    data = load(f"npy:{scenes}")
    assert data.images.shape == (8500, 32, 32, 3)
    assert data.validation_images.shape == (500, 32, 32, 3)
    assert np.bincount(data.labels).tolist() == [4250, 4250]
