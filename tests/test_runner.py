"""The parts of a run that a machine without a GPU does not reach by itself."""

import sys

import pytest
import torch

from bench import estimate, measure, runner, spec
from bench.datasets.dataset import load
from bench.plan import plan
from bench.spec import resolve
from bench.stages import no_steps
from bench.store import Store


class Deaf:
    """A watcher that does not listen."""

    def begin(self, task):
        return no_steps

    def end(self, task):
        pass


@pytest.fixture
def planned():
    settings = resolve(
        {"models": "dnn,pixels", "reducers": "pca5", "limit": 60, "epochs": 1, "seeds": 1,
         "device": "cpu", "threads": 1}
    )  # fmt: skip
    data = load("digits", limit=60)
    return plan(settings, data), data


def test_a_run_does_each_task_once_and_then_none(planned, tmp_path):
    found, data = planned
    store = Store(tmp_path)
    store.prepare()
    first = runner.run(found, data, store, Deaf())
    assert (first.computed, first.reused, first.failures) == (len(found.tasks), 0, {})
    again = runner.run(found, data, store, Deaf())
    assert (again.computed, again.reused) == (0, len(found.tasks))


def test_threads_are_held_and_given_back(planned, tmp_path):
    before = torch.get_num_threads()
    seen = []

    class Looks(Deaf):
        def begin(self, task):
            seen.append(torch.get_num_threads())
            return no_steps

    store = Store(tmp_path)
    store.prepare()
    runner.run(*planned, store, Looks())
    assert set(seen) == {1}
    assert torch.get_num_threads() == before


def test_devices_warm_up_once_for_each_model_outside_of_the_clock(planned, tmp_path, monkeypatch):
    """The same way a GPU goes, with a warm-up that is counted and the CPU doing the work."""
    found, data = planned
    warmed = []
    monkeypatch.setattr(
        "bench.training.core.warm_up", lambda model, *rest: warmed.append(model.__name__)
    )
    monkeypatch.setattr(measure, "synchronise", lambda device: None)
    monkeypatch.setattr(runner.stages, "train", lambda *a: runner.Result(values={"history": []}))
    store = Store(tmp_path)
    store.prepare()
    worker = runner._Worker(data, store, "pretended")
    for task in [task for task in found.tasks.values() if task.stage == "train"] * 2:
        worker.do(task, no_steps)
    assert warmed == ["DNN"]  # pixels does not train


def test_clocks_wait_for_the_device(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(1))
    with measure.Stopwatch("cuda") as watch:
        assert waits == [1]
    assert waits == [1, 1]
    assert watch.seconds >= 0
    if sys.platform == "linux" and watch.peak_memory_mb is not None:
        assert 1 < watch.peak_memory_mb < 1e6


def test_memory_is_that_of_the_stretch_of_time():
    with measure.Stopwatch("cpu") as large:
        bytearray(400 * 2**20)
    if large.peak_memory_mb is None:
        pytest.skip("this system cannot measure a stretch of time")
    with measure.Stopwatch("cpu") as small:
        pass
    assert large.peak_memory_mb - small.peak_memory_mb > 200


@pytest.mark.parametrize(("cuda", "mps", "found"), [(1, 0, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_the_best_device_is_found(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert spec.find_device() == found


def test_estimates_know_what_is_more_work(planned):
    found, _ = planned
    train = {t.settings["model"]: t for t in found.tasks.values() if t.stage == "train"}
    seconds = {name: estimate.seconds(task, (3, 32, 32), 10, "cpu") for name, task in train.items()}
    assert 0 < seconds["pixels"] < seconds["dnn"] < 600
    assert estimate.megabytes(train["dnn"], (3, 32, 32)) == pytest.approx(42, abs=1)


def test_flops_are_those_counted_by_hand():
    """21.0 million operations forward for the DNN, 256 million for the CNN."""
    from bench.probe import forward_flops

    shape = (3, 32, 32)
    by_hand = 2 * (2 * 3072 * 1024 + 4 * 1024 * 1024)
    assert forward_flops("dnn", shape) == by_hand == 20_971_520
    assert forward_flops("cnn", shape) == pytest.approx(256e6, rel=0.01)
    assert forward_flops("pixels", shape) == 0
