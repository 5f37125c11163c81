"""What makes the training core fast changes none of its numbers."""

import platform
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv_transpose2d

from bench.stages.training import convolution, core
from models.autoencoder import Autoencoder
from models.cnn import CNN
from models.dnn import DNN
from models.idec import IDEC
from models.residual import Masked
from tests.benchmarks import eager, naive
from tests.benchmarks.together import train_together
from tests.conftest import ROOT, make_images
from tests.test_checkpoints import Draws, Killed, keeper, same
from tests.test_training import SHAPE, Small

CPU = torch.device("cpu")
RECIPE = core.Recipe(epochs=3, lr=1e-3, batch_size=16)


FAULTS = """
import resource
from contextlib import nullcontext

import numpy as np

from bench.base.memory import kept_memory

for context in (nullcontext(), kept_memory()):
    with context:
        np.ones(2**23)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(4):
            np.ones(2**23)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is of glibc")
def test_memory_is_kept_for_the_next_array():
    """Pages that the system has to hand out, of four arrays of 64 MiB one after the other.

    In a new process: in this one, earlier tests may have left memory that is free.
    """
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    without, kept = map(int, done.stdout.split())
    assert kept < without / 10


@pytest.mark.parametrize("model", [pytest.param(CNN, marks=pytest.mark.slow), DNN])
def test_core_and_eager_follow_naive(model):
    """Issue: within 1e-5 relative over 3 epochs of 512 images, at the report's learning rate."""
    images = make_images(512)[0]
    recipe = core.Recipe(epochs=3, lr=1e-5, batch_size=64)
    resident = core.to_device(images, CPU)
    expected = naive.train(core.build(model, SHAPE, 1), naive.load(images, 64, seed=2), recipe)
    found = core.train(core.build(model, SHAPE, 1), resident, recipe, 2)
    plain = eager.train(core.build(model, SHAPE, 1), core.normalize(resident), recipe, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(plain, expected, rtol=1e-5)


def test_naive_encodes_as_the_core_does():
    images = make_images(70)[0]
    model = core.build(DNN, SHAPE, 1)
    codes, _ = core.encode(model, core.to_device(images, CPU))
    torch.testing.assert_close(naive.encode(model, naive.load(images, 32)), codes)


sizes = st.integers(1, 6)


@settings(max_examples=60, deadline=None)
@given(n=sizes, inputs=sizes, outputs=sizes, h=sizes, w=sizes, kh=sizes, kw=sizes)
def test_spectral_convolutions_are_convolutions(n, inputs, outputs, h, w, kh, kw):
    """Values and both gradients, at any size, against torch's own."""
    torch.manual_seed(n)
    x = torch.randn(n, inputs, h, w, requires_grad=True)
    weight = torch.randn(inputs, outputs, kh, kw, requires_grad=True)
    bias = torch.randn(outputs, requires_grad=True)
    found = convolution.spectral_conv_transpose2d(x, weight, bias)
    expected = conv_transpose2d(x, weight, bias)
    close = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(found, expected, **close)
    towards = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, (x, weight, bias), towards),
        torch.autograd.grad(expected, (x, weight, bias), towards),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **close)


def test_spectra_are_as_exact_as_direct_sums():
    """At the report's layer, against double precision: no further off than torch's own."""
    torch.manual_seed(0)
    x, weight = torch.rand(4, 128, 8, 8) * 2 - 1, torch.rand(128, 64, 9, 9) * 0.1 - 0.05
    exact = conv_transpose2d(x.double(), weight.double())
    direct = (conv_transpose2d(x, weight) - exact).abs().max()
    spectral = (convolution.spectral_conv_transpose2d(x, weight) - exact).abs().max()
    assert spectral < 4 * direct


def test_spectra_are_used_where_they_save_arithmetic():
    assert convolution.pays(64, 128, 64, (8, 8), (9, 9))
    assert not convolution.pays(1, 128, 64, (8, 8), (9, 9))  # the kernel's transform alone
    assert not convolution.pays(64, 64, 3, (16, 16), (17, 17))
    # By hand: 3 · 64 · 64 · 81 · 128 · 64 multiplications directly.
    assert convolution.arithmetic(64, 128, 64, (8, 8), (9, 9))[0] == 8_153_726_976


class Upsampler(Autoencoder):
    """Every transposed convolution that must be left alone, and one that is taken."""

    def __init__(self, image_shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 64, 4, 4), nn.Flatten())
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (64, 8, 8)),
            nn.ConvTranspose2d(64, 64, 9),
            nn.ConvTranspose2d(64, 64, 9, padding=4),
            nn.ConvTranspose2d(64, 8, 4, stride=2, padding=1, groups=2),
            nn.ConvTranspose2d(8, 3, 3, dilation=2, padding=2),
            nn.Tanh(),
        )


def test_layers_get_their_own_forward_back_and_others_are_left_alone():
    model = core.build(Upsampler, SHAPE, 0)
    x = torch.rand(32, *SHAPE) * 2 - 1
    _, expected = model(x)
    with convolution.spectral(model, CPU):
        taken = [i for i, layer in enumerate(model.decoder) if "forward" in vars(layer)]
        _, found = model(x)
    assert taken == [1]
    torch.testing.assert_close(found, expected)
    assert not any("forward" in vars(layer) for layer in model.modules())
    with convolution.spectral(model, torch.device("meta")):
        assert not any("forward" in vars(layer) for layer in model.modules())


def fake_graph(work):
    """Stands for a CUDA graph: work is done once to warm up, and again by each playing."""
    work()
    return work


@pytest.fixture(scope="module")
def images():
    return core.to_device(make_images(70)[0], CPU)  # 4 batches of 16, and one of 6


def train(model, images, recipe=RECIPE, **options):
    network = core.build(model, SHAPE, 1)
    return core.train(network, images, recipe, 2, **options), network.state_dict()


@pytest.mark.parametrize("model", [Draws, DNN, IDEC, Masked])
def test_recorded_steps_are_the_queued_steps(model, images):
    """Weights, losses, running means and what the model draws: to the bit."""
    core.warm_up(model, SHAPE, RECIPE, "cpu")
    same(train(model, images, record=fake_graph), train(model, images))


def test_recorded_steps_have_the_rates_of_the_queued_steps(images):
    recipe = replace(RECIPE, schedule="warmup-cosine")
    same(train(Small, images, recipe, record=fake_graph), train(Small, images, recipe))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_graph_reads_the_rate_of_each_step(images):
    recipe = replace(RECIPE, schedule="warmup-cosine")
    device = images.to("cuda")
    found, expected = (
        core.train(core.build(Small, SHAPE, 1).to("cuda"), device, recipe, 2, record=record)
        for record in (None, fake_graph)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("after", [1, 5, 7, 15])
def test_recorded_steps_go_on_from_a_checkpoint(after, images, tmp_path):
    from bench.store import Store

    store = Store(tmp_path)
    store.prepare()
    expected = train(Draws, images)
    with pytest.raises(Killed):
        train(Draws, images, keeper=keeper(store, after=after), record=fake_graph)
    same(train(Draws, images, keeper=keeper(store), record=fake_graph), expected)


def test_each_size_of_batch_is_recorded_once(images):
    recordings, played = [], []

    def record(work):
        recordings.append(work)
        return lambda: (played.append(recordings.index(work)), work())

    train(Small, images, record=record)
    assert len(recordings) == 2
    assert played == [1, 1, 1, 1, 0] * RECIPE.epochs  # the smaller size was recorded first


def test_what_cannot_be_recorded_is_queued_and_said(images):
    def record(work):
        work()
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.warns(
        UserWarning, match="cannot be recorded as a CUDA graph: operation not permitted"
    ):
        found = train(Draws, images, record=record)
    same(found, train(Draws, images))


def test_no_memory_for_a_recording_is_not_hidden(images):
    def record(work):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError):
        train(Small, images, record=record)


def test_the_loss_is_read_once_an_epoch(images, monkeypatch):
    """Reading a number waits for the device: three epochs, three reads."""
    reads = []
    original = torch.Tensor.__float__
    monkeypatch.setattr(torch.Tensor, "__float__", lambda t: reads.append(1) or original(t))
    train(Small, images)
    assert len(reads) == RECIPE.epochs


def test_precision_is_set_and_named():
    try:
        core.set_precision("tf32")
        assert torch.backends.cudnn.allow_tf32
        assert core.kernels("cpu")["precision"] == "high"
    finally:
        core.set_precision("float32")
    assert core.kernels("cpu")["precision"] == "highest"
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("record", [None, fake_graph])
def test_trained_together_is_trained_alone(images, record):
    seeds = (2, 3, 4)
    models = [core.build(Small, SHAPE, seed) for seed in seeds]
    trainers = [
        core.Trainer(model, images, RECIPE, seed, record)
        for model, seed in zip(models, seeds, strict=True)
    ]
    together = train_together(trainers)
    for model, seed, history in zip(models, seeds, together, strict=True):
        alone = core.build(Small, SHAPE, seed)
        expected = core.train(alone, images, RECIPE, seed)
        same((history, model.state_dict()), (expected, alone.state_dict()))
