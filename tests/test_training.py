import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from bench.stages.training import core
from bench.stages.training.schedule import share
from bench.stages.training.state import Training
from models import autoencoders
from models.autoencoder import Autoencoder
from models.cnn import CNN
from models.dnn import DNN
from models.named import find
from tests.benchmarks import eager
from tests.conftest import make_images

SHAPE = (3, 32, 32)


class Small(Autoencoder):
    """One linear layer each way: fast, and its gradients are easy to check."""

    def __init__(self, image_shape):
        super().__init__()
        size = math.prod(image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, 8))
        self.decoder = nn.Sequential(nn.Linear(8, size), nn.Tanh(), nn.Unflatten(1, image_shape))


@pytest.fixture(scope="module")
def images():
    return core.to_device(make_images(70)[0], torch.device("cpu"))


def test_values_are_scaled_as_in_the_homework():
    x = torch.arange(256, dtype=torch.uint8)
    expected = np.arange(256) / 255 * 2 - 1
    np.testing.assert_allclose(core.normalize(x).numpy(), expected, atol=1e-6)
    assert core.normalize(x).dtype == torch.float32


def test_images_arrive_channels_first():
    found = core.to_device(make_images(4)[0], torch.device("cpu"))
    assert found.shape == (4, 3, 32, 32)
    assert found.dtype == torch.uint8


def by_torch(optimizer, schedule, steps):
    """Return torch's own scheduler of a learning rate, to step after each step of training."""
    if schedule == "constant":
        return lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    rising = max(round(0.1 * steps), 1)
    parts = [
        lr_scheduler.LinearLR(optimizer, start_factor=1 / rising, total_iters=max(rising - 1, 1)),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - rising),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[rising])


@pytest.mark.parametrize("schedule", ["constant", "warmup-cosine"])
@pytest.mark.parametrize("steps", [2, 9, 20, 37, 190])
def test_learning_rates_are_those_of_torchs_schedulers(schedule, steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=3e-3)
    scheduler, expected = by_torch(optimizer, schedule, steps), []
    for _ in range(steps):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    found = [3e-3 * share(schedule, step, steps) for step in range(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert all(0 < rate <= 3e-3 for rate in found)


def test_a_schedule_of_one_step_has_the_whole_rate():
    assert share("warmup-cosine", 0, 1) == 1


def test_a_constant_learning_rate_gives_the_bits_of_a_loop_that_never_sets_it(images):
    recipe = core.Recipe(epochs=2, lr=1e-3, batch_size=32)
    found, plain = core.build(Small, SHAPE, 5), core.build(Small, SHAPE, 5)
    history = core.train(found, images, recipe, seed=7)
    assert eager.train(plain, core.normalize(images), recipe, 7) == history
    for a, b in zip(found.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_rate_that_lies_on_the_device_is_set_in_place():
    """As for a CUDA graph, which reads the same memory at every step."""
    training = Training(core.build(Small, SHAPE, 0), 1e-3, 0, torch.device("cpu"))
    (group,) = training.optimizer.param_groups
    group["lr"] = rate = torch.tensor(1e-3)
    training.set_rate(0.25)
    assert group["lr"] is rate
    assert rate == 0.25


@pytest.mark.parametrize("schedule", ["constant", "warmup-cosine"])
def test_core_follows_a_plain_loop_batch_by_batch(images, schedule):
    """Same weights, same order of batches, plain unfused Adam: the same printed losses."""
    recipe = core.Recipe(epochs=3, lr=1e-3, batch_size=32, schedule=schedule)
    history = core.train(core.build(Small, SHAPE, 5), images, recipe, seed=7)

    plain = core.build(Small, SHAPE, 5)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=False)
    scheduler = by_torch(optimizer, schedule, steps=9)
    order = torch.Generator().manual_seed(7)
    x = images.float() / 255 * 2 - 1
    expected = []
    for _ in range(3):
        total = 0.0
        for batch in torch.randperm(len(x), generator=order).split(32):
            loss = nn.functional.mse_loss(plain(x[batch])[1], x[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        expected.append(total)
    np.testing.assert_allclose(history, expected, rtol=1e-5)
    assert history[-1] < history[0]


def test_the_two_losses_on_a_ragged_last_batch(images):
    """70 images in batches of 32: 32, 32 and 6. By hand: one weighs batches, one images."""
    model = core.build(Small, SHAPE, 0)
    frozen = core.Recipe(epochs=1, lr=1e-30, batch_size=32)  # so small that nothing moves
    (reported,) = core.train(model, images, frozen, seed=3)
    x = core.normalize(images)
    with torch.no_grad():
        each = (model(x)[1] - x).square().flatten(1).mean(1).double()
    order = torch.randperm(70, generator=torch.Generator().manual_seed(3))
    by_hand = sum(float(each[batch].mean()) for batch in order.split(32))
    assert reported == pytest.approx(by_hand, rel=1e-5)
    _, loss = core.encode(model, images, batch_size=32)
    assert loss == pytest.approx(float(each.mean()), rel=1e-6)
    assert reported / 3 != pytest.approx(loss, rel=1e-6)  # the mean of means is another number


def test_the_batches_of_encoding_do_not_shape_the_loss(images):
    model = core.build(Small, SHAPE, 0)
    losses = [core.encode(model, images, batch_size=size)[1] for size in (1, 7, 70, 500)]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-7)


@pytest.mark.parametrize("model", [Small, DNN, CNN])
def test_same_seed_same_weights_to_the_bit(model, images):
    recipe = core.Recipe(epochs=1, lr=1e-3, batch_size=35)
    first, second = core.build(model, SHAPE, 1), core.build(model, SHAPE, 1)
    assert core.train(first, images, recipe, 2) == core.train(second, images, recipe, 2)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_seeds_matter(images):
    recipe = core.Recipe(epochs=1, lr=1e-3, batch_size=8)
    one = core.train(core.build(Small, SHAPE, 1), images, recipe, 2)
    assert core.train(core.build(Small, SHAPE, 1), images, recipe, 3) != one
    assert core.train(core.build(Small, SHAPE, 9), images, recipe, 2) != one


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    core.build(Small, SHAPE, 99)
    assert torch.equal(torch.rand(3), expected)


def test_trained_and_untrained_start_from_the_same_weights():
    one, other = core.build(CNN, SHAPE, 4), core.build(autoencoders["untrained-cnn"], SHAPE, 4)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_progress_counts_every_step(images):
    seen = []
    core.train(
        core.build(Small, SHAPE, 0),
        images,
        core.Recipe(2, 1e-3, 32),
        0,
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(i, 6) for i in range(1, 7)]


def test_reconstructions_come_back_as_pixels(images):
    from models.pixels import Pixels

    shown = []
    core.encode(Pixels(SHAPE), images[:5], look=lambda rebuilt, errors: shown.append(rebuilt))
    rebuilt = torch.from_numpy(core.to_images(shown[0])).permute(0, 3, 1, 2)
    assert torch.equal(rebuilt, images[:5])


def test_codes_do_not_depend_on_batches(images):
    model = core.build(Small, SHAPE, 0)
    whole, _ = core.encode(model, images, batch_size=70)
    parts, _ = core.encode(model, images, batch_size=9)
    torch.testing.assert_close(whole, parts)
    assert whole.shape == (70, 8)


def test_warming_up_asks_no_model_to_prepare_for_an_epoch():
    """A batch has fewer images than there may be clusters."""
    core.warm_up(find("idec(alone=0)", 10), SHAPE, core.Recipe(50, 1e-3, 4), "cpu")


def test_warming_up_leaves_no_trace():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    core.warm_up(Small, SHAPE, core.Recipe(50, 1e-3, 8), "cpu")
    assert torch.equal(torch.rand(3), expected)
