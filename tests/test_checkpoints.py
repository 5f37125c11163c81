"""A training that was killed ends at the same bits as one that was not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench.stages.training import core
from bench.store import ARRAYS, Store
from bench.store.checkpoints import STAGE, Checkpoints
from models.dnn import DNN
from models.idec import IDEC
from models.residual import Masked
from tests.conftest import make_images
from tests.test_training import SHAPE, Small

RECIPE = core.Recipe(epochs=3, lr=1e-3, batch_size=16)  # 70 images: 5 batches, a ragged one


class Draws(Small):
    """A model that draws while it trains, and keeps running means."""

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.encoder.append(nn.BatchNorm1d(8)).append(nn.Dropout(0.5))


class Killed(BaseException):
    """Stands for the end of the process."""


class KillsItself(Checkpoints):
    """Checkpoints, and the end of the process after some steps."""

    def __init__(self, *arguments, after):
        super().__init__(*arguments)
        self.left = after

    def step(self, training):
        super().step(training)
        self.left -= 1
        if not self.left:
            raise Killed


@pytest.fixture(scope="module")
def images():
    return core.to_device(make_images(70)[0], torch.device("cpu"))


@pytest.fixture(scope="module", autouse=True)
def warm():
    """As a worker does: without it, a process's first training may end at other bits."""
    for model in (Draws, DNN, IDEC, Masked):
        core.warm_up(model, SHAPE, RECIPE, "cpu")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def train(model, images, keeper=None, recipe=RECIPE):
    network = core.build(model, SHAPE, 1)
    history = core.train(network, images, recipe, 2, keeper=keeper)
    return history, network.state_dict()


def same(one, other):
    assert one[0] == other[0]
    for name, value in one[1].items():
        assert torch.equal(value, other[1][name]), name


def keeper(store, every=0.0, kernels=None, after=None):
    arguments = (store, "key", every, kernels or core.kernels("cpu"))
    return Checkpoints(*arguments) if after is None else KillsItself(*arguments, after=after)


@pytest.mark.parametrize(
    ("model", "after"),
    [*((Draws, after) for after in (1, 3, 5, 6, 14, 15)), (DNN, 7), (IDEC, 7), (Masked, 9)],
)
def test_a_killed_training_ends_at_the_same_bits(model, after, images, store):
    undisturbed = train(model, images)
    with pytest.raises(Killed):
        train(model, images, keeper(store, after=after))
    torch.rand(7)  # whatever a process did before it took the training up
    second = keeper(store)
    same(train(model, images, second), undisturbed)
    assert second.earlier_seconds > 0
    second.discard()
    assert not list((store.root / STAGE).iterdir())


@pytest.mark.parametrize("after", [1, 5, 7])
def test_a_schedule_goes_on_where_it_was(after, images, store):
    recipe = replace(RECIPE, schedule="warmup-cosine")
    undisturbed = train(Draws, images, recipe=recipe)
    assert undisturbed[0] != train(Draws, images)[0]
    with pytest.raises(Killed):
        train(Draws, images, keeper(store, after=after), recipe)
    same(train(Draws, images, keeper(store), recipe), undisturbed)


def test_killed_again_and_again(images, store):
    undisturbed = train(Draws, images)
    for _ in range(7):
        with pytest.raises(Killed):
            train(Draws, images, keeper(store, after=2))
    same(train(Draws, images, keeper(store)), undisturbed)


def test_one_checkpoint_is_kept_and_the_one_before_serves_if_it_is_damaged(images, store):
    undisturbed = train(Draws, images)
    with pytest.raises(Killed):
        train(Draws, images, keeper(store, after=4))
    (only,) = (store.root / STAGE).iterdir()
    assert only.name == "key.000000000004"
    (only / ARRAYS).write_bytes(b"nonsense")
    same(train(Draws, images, keeper(store)), undisturbed)
    assert any((store.root / "damaged").iterdir())


def test_a_checkpoint_of_other_kernels_is_not_taken_up(images, store):
    with pytest.raises(Killed):
        train(Draws, images, keeper(store, kernels={"device": "another GPU"}, after=4))
    second = keeper(store)
    same(train(Draws, images, second), train(Draws, images))
    assert second.earlier_seconds == 0


def test_nothing_is_written_before_it_is_time(images, store):
    train(Draws, images, keeper(store, every=3600.0))
    assert not (store.root / STAGE).exists()


def test_what_models_draw_depends_on_the_seed_alone(images):
    torch.manual_seed(1)
    one = train(Draws, images)
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    same(train(Draws, images), one)
    assert torch.equal(torch.rand(3), expected)  # and the caller's generator is left alone


def test_kernels_name_what_shapes_the_bits():
    found = core.kernels("cpu")
    assert found["threads"] == torch.get_num_threads()
    assert found["deterministic"] is False


def test_deterministic_asks_torch_for_it():
    try:
        core.be_deterministic()
        assert core.kernels("cpu")["deterministic"] is True
    finally:
        torch.use_deterministic_algorithms(False)


def test_numbers_survive_exactly(images, store):
    """The loss so far and the history go through a file of text: no digit may be lost."""
    with pytest.raises(Killed):
        train(Draws, images, keeper(store, after=8))
    (only,) = (store.root / STAGE).iterdir()
    found = store.load(STAGE, only.name)
    assert found.values["epoch"] == 1
    assert found.values["batch"] == 3
    assert found.values["history"] == train(Draws, images)[0][:1]
    assert found.require("total").dtype == np.float32
