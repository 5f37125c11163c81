"""The losses of the mean image and of PCA, by which a model that learned nothing is seen."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from bench.datasets.dataset import load
from bench.datasets.pieces import ImageSet, Piece
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.stages import linear as stage
from bench.stages.encode import encode
from bench.stages.linear import linear
from bench.stages.metrics.reconstruction import r2
from models import autoencoders
from models.dnn import DNN
from models.pixels import Pixels


@pytest.fixture(scope="module")
def digits():
    return np.asarray(load("digits", limit=120).images)


def scaled(images):
    return images.reshape(len(images), -1) / 127.5 - 1


def explained(images, components):
    values = linear(images, components).values
    return r2(values["pca_loss"], values["mean_image_loss"])


def small(images, side):
    """Fewer values than images: the corner of each image."""
    return np.ascontiguousarray(images[:, 12 : 12 + side, 12 : 12 + side])


def test_the_mean_image_by_hand():
    images = np.zeros((4, 1, 1, 3), np.uint8)
    images[1:, 0, 0, 0] = 255, 255, 255  # one channel of three varies: its mean is 0.5
    found = linear(images, 1)
    np.testing.assert_allclose(found.arrays["errors"], [0.75, *[1 / 12] * 3], rtol=1e-6)
    assert found.values == {
        "mean_image_loss": pytest.approx(0.25), "pca_loss": pytest.approx(0, abs=1e-12),
        "pca_exact": True,
    }  # fmt: skip


@pytest.mark.parametrize("components", [1, 7, 40])
@pytest.mark.parametrize("side", [4, 32])  # more images than values, and fewer
@pytest.mark.parametrize("exact", [True, False])
def test_pca_explains_what_scikit_learns_does(digits, components, side, exact, monkeypatch):
    images = small(digits, side) if side < 32 else digits
    if not exact:
        monkeypatch.setattr(stage, "EXACT", 10)
    monkeypatch.setattr(stage, "NUMBERS", 17 * images[0].size)  # 17 images at a time
    expected = PCA(components, svd_solver="full").fit(scaled(images))
    found = linear(images, components).values
    ours = r2(found["pca_loss"], found["mean_image_loss"])
    assert found["pca_exact"] is exact
    assert ours == pytest.approx(expected.explained_variance_ratio_.sum(), abs=1e-4)
    back = expected.inverse_transform(expected.transform(scaled(images)))
    loss = np.square(back - scaled(images)).mean()
    assert found["pca_loss"] == pytest.approx(loss, abs=1e-4 * found["mean_image_loss"])


@pytest.mark.parametrize("components", [1, 40])
@pytest.mark.parametrize("side", [4, 32])
@pytest.mark.parametrize("exact", [True, False])
def test_pca_reconstructs_the_images_shown_as_scikit_learns_does(
    digits, components, side, exact, monkeypatch
):
    images = small(digits, side) if side < 32 else digits
    if not exact:
        monkeypatch.setattr(stage, "EXACT", 10)
    fitted = PCA(components, svd_solver="full").fit(scaled(images))
    found = linear(images, components).arrays
    some = scaled(images[found["pictured"]])
    back = fitted.inverse_transform(fitted.transform(some))
    rebuilt = scaled(found["reconstructions"])
    # Whole bytes, and no step more where PCA is not exact.
    assert np.abs(rebuilt - back.clip(-1, 1)).max() <= (0.51 if exact else 1.6) / 127.5
    errors = np.square(back - some).mean(axis=1)
    np.testing.assert_allclose(found["pca_errors"], errors, atol=1e-6 if exact else 2e-4)
    assert len(found["pictured"]) == 10


def test_subspace_iteration_is_close_where_no_component_stands_out(monkeypatch):
    """Noise: the eigenvalues that are kept are hardly greater than those that are not."""
    images = np.random.default_rng(0).integers(0, 256, (300, 12, 12, 3), dtype=np.uint8)
    exact = explained(images, 20)
    monkeypatch.setattr(stage, "EXACT", 10)
    assert exact - 0.02 < explained(images, 20) <= exact + 1e-6


@pytest.mark.parametrize("exact", [True, False])
def test_images_in_pieces_give_the_same(digits, exact, monkeypatch):
    if not exact:
        monkeypatch.setattr(stage, "EXACT", 10)
    cuts = [slice(0, 50), slice(50, 51), slice(51, 120)]
    pieces = tuple(
        Piece(str(n), cut.stop - cut.start, "", functools.partial(digits.__getitem__, cut))
        for n, cut in enumerate(cuts)
    )
    one, other = linear(digits, 5), linear(ImageSet(32, pieces), 5)
    assert one.values == pytest.approx(other.values, rel=1e-6)
    np.testing.assert_allclose(one.arrays["errors"], other.arrays["errors"], rtol=1e-6)


def test_the_same_images_give_the_same_bits(digits, monkeypatch):
    monkeypatch.setattr(stage, "EXACT", 10)
    assert linear(digits, 5).values == linear(digits, 5).values


def test_as_many_components_as_images_leave_nothing(digits):
    assert linear(digits, 119).values["pca_loss"] == 0
    assert 0 < linear(digits, 60).values["pca_loss"] < linear(digits, 59).values["pca_loss"]


def test_images_that_are_all_the_same_leave_nothing():
    values = linear(np.full((5, 2, 2, 3), 7, np.uint8), 1).values
    assert values == {"mean_image_loss": 0, "pca_loss": 0, "pca_exact": True}
    assert r2(0.0, 0.0) is None


@given(st.floats(0, 10), st.floats(0.01, 10))
def test_r2_is_1_for_no_loss_and_0_for_that_of_the_mean_image(loss, by_mean):
    assert r2(0.0, by_mean) == 1
    assert r2(by_mean, by_mean) == 0
    assert (r2(loss, by_mean) < 0) == (loss > by_mean)


class MeanImage(Pixels):
    """Reconstructs every image as one."""

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.register_buffer("mean", torch.zeros(image_shape))

    def forward(self, x):
        return x.flatten(1)[:, :4], self.mean.expand_as(x)


def test_a_model_that_returns_the_mean_image_has_r2_0(digits):
    mean = np.moveaxis(digits.astype(np.float64).mean(axis=0), -1, 0) / 127.5 - 1
    encoded = encode(MeanImage, {"mean": mean.astype(np.float32)}, digits, digits[:0], "cpu")
    compared = linear(digits, 4)
    loss = encoded.values["reconstruction_loss"]
    assert r2(loss, compared.values["mean_image_loss"]) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(encoded.arrays["errors"], compared.arrays["errors"], rtol=1e-4)


def tasks_of(models, own_sizes=()):
    settings = {"models": models, "reducers": "pca5", "seeds": 2, "limit": 60, "null": False}
    spec = resolve(
        settings | {"dataset": "digits", "device": "cpu", "threads": 1, "baselines": False}
    )
    made = plan(spec, load("digits", limit=60, own_sizes=own_sizes))
    found = [task for task in made.tasks.values() if task.stage == "linear"]
    return made, found


def test_one_task_for_a_number_of_components():
    made, found = tasks_of("pixels,hand-crafted,dnn(code=9),untrained-dnn(code=9),dnn(code=8)")
    assert sorted(task.settings["components"] for task in found) == [8, 9]
    of = {run.pipeline.model: run.linear for run in made.runs}
    # What has no decoder, or no weights, is compared with nothing.
    assert of["pixels"] == of["hand-crafted"] == ()
    assert of["dnn(code=9)"] == of["untrained-dnn(code=9)"]


def test_a_model_on_images_of_its_own_size_is_compared_at_that_size():
    @autoencoders.register("own", "asks for a size")
    class Own(DNN):
        image_size = 24

    try:
        _, found = tasks_of("own(code=9),dnn(code=9)", own_sizes={24})
    finally:
        autoencoders.unregister("own")
    assert sorted(task.settings.get("size", 32) for task in found) == [24, 32]
    assert sorted(task.features for task in found) == [3 * 24**2, 3 * 32**2]


def test_an_estimate_of_large_images_grows_with_them():
    _, (task,) = tasks_of("dnn(code=64)")
    one = stage.Linear(64)
    large = replace(task, samples=20_000, features=3 * 224**2)
    assert one.seconds(task, (3, 32, 32)) < 1 < one.seconds(large, (3, 224, 224)) < 3600
