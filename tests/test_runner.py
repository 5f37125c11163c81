"""The parts of a run that a machine without a GPU does not reach by itself."""

import itertools
import mmap
import sys
from dataclasses import replace

import pytest
import torch

from bench.base import stopwatch
from bench.base.errors import UsageError
from bench.base.processors import find_device
from bench.datasets.dataset import load
from bench.execution.engines.engine import in_turn
from bench.execution.progress import Watch
from bench.execution.runner import Outcome, run_plan
from bench.execution.worker.messages import Done, Raised, Setup
from bench.execution.worker.process import environment
from bench.execution.worker.tasks import Worker
from bench.planning.mode import Mode
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.stages import stage_of
from bench.stages.stage import Data, Result, Task, no_steps
from bench.stages.train import Train
from bench.store import Store
from models import autoencoders
from models.dnn import DNN


@pytest.fixture
def planned():
    asked = resolve(
        {"models": "dnn,pixels", "reducers": "pca5", "limit": 60, "epochs": 1, "seeds": 1,
         "dataset": "digits", "device": "cpu", "threads": 1, "null": False, "baselines": False}
    )  # fmt: skip
    data = load("digits", limit=60)
    return plan(asked, data), data


def data_of(dataset):
    return Data(
        dataset.images, dataset.validation_images, dataset.labels, dataset.validation_labels
    )


def done(planned, tmp_path, mode=Mode.MISSING, fails=()):
    """Run a plan in this process, with stages that fail."""
    found, data = planned
    store = Store(tmp_path)
    store.prepare()
    worker, watch, outcome = Worker(data_of(data), store), Watch({}), Outcome()

    def do(order):
        if order.task.stage in fails:
            return Raised("Oh: no", "Traceback: Oh: no")
        return Done(worker.do(order.task, no_steps, order.force))

    run_plan(found, store, lambda orders: in_turn(orders, do), watch, mode, outcome)
    return outcome


def test_a_run_does_each_task_once_and_then_none(planned, tmp_path):
    every = set(planned[0].tasks)
    first = done(planned, tmp_path)
    assert (first.computed, first.reused, first.failures) == (every, set(), {})
    again = done(planned, tmp_path)
    assert (again.computed, again.reused) == (set(), every)
    assert done(planned, tmp_path, Mode.ALWAYS).computed == every


def test_a_failure_stops_what_is_behind_it_and_nothing_else(planned, tmp_path):
    found = done(planned, tmp_path, fails=("encode",))
    # The two trainings, the images' places, and what the loss is compared with.
    assert len(found.computed) == 4
    assert len(found.failures) == 12
    assert {failure.stage for failure in found.failures.values()} == {"encode"}
    assert all("Oh: no" in f.traceback.read_text() for f in found.failures.values())
    # Not kept as a result: tried again.
    assert len(done(planned, tmp_path).computed) == 12


def test_fail_fast_leaves_out_the_rest_and_says_why(planned, tmp_path):
    found = done(planned, tmp_path, Mode.MISSING_FAIL_FAST, fails=("reduce",))
    assert len(found.failures) == 4  # reduce, cluster, measure and score of the first cell
    assert len(found.computed) == 4
    assert len(found.skipped) == 8
    assert set(found.skipped.values()) == {"stopped after the first failure, in reduce (fail-fast)"}


def test_only_cached_does_nothing(planned, tmp_path):
    done(planned, tmp_path, fails=("cluster",))
    found = done(planned, tmp_path, Mode.CACHED)
    assert not found.computed
    assert len(found.reused) == 10
    assert len(found.skipped) == 6
    assert set(found.skipped.values()) == {"its cluster is not in the store (only-cached)"}


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=3)))
def test_every_mode_is_what_its_flags_say_and_contradictions_are_none(flags):
    force, only_cached, fail_fast = flags
    if only_cached and (force or fail_fast):
        with pytest.raises(UsageError, match="--only-cached computes nothing, and --f"):
            Mode.of(*flags)
    else:
        mode = Mode.of(*flags)
        assert (mode.force, mode.only_cached, mode.fail_fast) == flags


def test_devices_warm_up_once_for_each_model_outside_of_the_clock(planned, tmp_path, monkeypatch):
    """The same way a GPU goes, with a warm-up that is counted and the CPU doing the work."""
    found, data = planned
    warmed = []
    monkeypatch.setattr(
        "bench.stages.training.core.warm_up", lambda model, *rest: warmed.append(model.__name__)
    )
    monkeypatch.setattr(stopwatch, "synchronize", lambda device: None)
    monkeypatch.setattr("bench.stages.train.train", lambda *a: Result(values={"history": []}))
    worker = Worker(data_of(data), Store(tmp_path))
    for task in [task for task in found.tasks.values() if task.stage == "train"] * 2:
        pretended = replace(task, settings=task.settings | {"device": "pretended"})
        worker.do(pretended, no_steps, force=True)
    assert warmed == ["DNN"]  # pixels does not train


def test_what_libraries_of_a_worker_read_is_set(monkeypatch, tmp_path):
    def found(deterministic):
        setup = Setup(tmp_path, "k", "cpu", 3, deterministic, "float32", 60.0, (), b"")
        return environment(setup)

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert found(False)["OMP_NUM_THREADS"] == "3"
    assert found(False)["OMP_WAIT_POLICY"] == "passive"
    assert "CUBLAS_WORKSPACE_CONFIG" not in found(False)
    assert found(True)["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")  # the user's own wish
    assert found(False)["OMP_WAIT_POLICY"] == "active"


def test_clocks_wait_for_the_device(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(1))
    with stopwatch.Stopwatch("cuda") as watch:
        assert waits == [1]
    assert waits == [1, 1]
    assert watch.seconds >= 0
    if sys.platform == "linux" and watch.peak_memory_mb is not None:
        assert 1 < watch.peak_memory_mb < 1e6


def test_memory_is_that_of_the_stretch_of_time():
    with stopwatch.Stopwatch("cpu") as large, mmap.mmap(-1, 400 * 2**20) as pages:
        # Not malloc's: it may hand out pages that are resident already.
        pages.write(b"1" * (400 * 2**20))
    if large.peak_memory_mb is None:
        pytest.skip("this system cannot measure a stretch of time")
    with stopwatch.Stopwatch("cpu") as small:
        pass
    assert large.peak_memory_mb - small.peak_memory_mb > 200


@pytest.mark.parametrize(("cuda", "mps", "found"), [(1, 0, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_the_best_device_is_found(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert find_device() == found


def test_estimates_know_what_is_more_work(planned):
    found, _ = planned
    train = {t.settings["model"]: t for t in found.tasks.values() if t.stage == "train"}
    seconds = {name: stage_of(task).seconds(task, (3, 32, 32)) for name, task in train.items()}
    assert 0 < seconds["pixels"] < seconds["dnn"] < 600
    assert stage_of(train["dnn"]).megabytes(train["dnn"], (3, 32, 32)) == pytest.approx(42, abs=1)


def test_flops_are_those_counted_by_hand():
    """21.0 million operations forward for the DNN, 256 million for the CNN."""
    from bench.stages.training.probe import forward_flops

    shape = (3, 32, 32)
    by_hand = 2 * (2 * 3072 * 1024 + 4 * 1024 * 1024)
    assert forward_flops("dnn", shape) == by_hand == 20_971_520
    assert forward_flops("cnn", shape) == pytest.approx(256e6, rel=0.01)
    assert forward_flops("pixels", shape) == 0


def test_a_step_of_our_models_is_measured_and_that_of_others_estimated(monkeypatch):
    """Products of spectra take a quarter of the arithmetic that is counted for the CNN."""
    from bench.stages.training import probe

    shape, large = (3, 32, 32), (3, 128, 128)
    once = probe.step_seconds("cnn", shape, 8)
    assert probe.step_seconds("cnn", shape, 8) == once > 0  # it is measured once
    monkeypatch.setattr(probe, "_step_seconds", lambda item, shape, batch, threads: 0.5)
    traffic = probe.SECONDS_TO_STEP * probe.probe("cnn", shape).parameters
    assert probe.step_seconds("cnn", shape, 8) == pytest.approx(0.5)
    assert probe.step_seconds("cnn", shape, 64) == pytest.approx(1.0 - traffic)  # of 32 images
    assert probe.fitting_batch(large) == 8
    task = Task("train", "", (), {"model": "cnn"}, {}, "", 100, 4096, 4096)
    stage = Train("cnn", "cpu", epochs=3, batch_size=10, lr=1e-3)
    assert stage.seconds(task, shape) == pytest.approx(3 * 10 * 0.5, rel=0.05)

    def fails(*given):
        raise MemoryError

    monkeypatch.setattr(probe, "_step_seconds", fails)
    monkeypatch.setattr(probe, "_forward_seconds", lambda *given: 0.002)
    assert probe.step_seconds("contrastive", shape, 8) == pytest.approx(8 * 5 * 0.002, rel=0.05)
    monkeypatch.setattr(probe, "_forward_seconds", fails)
    assert probe.forward_seconds("cnn", shape, 8) > 0  # the arithmetic is counted


def test_contrastive_says_truly_what_a_step_costs():
    from torch.utils.flop_counter import FlopCounterMode

    from models.contrastive import Contrastive

    network, x = Contrastive((3, 32, 32)).train(), torch.zeros(8, 3, 32, 32)
    counts = []
    for work in (network.forward, lambda x: network.objective(x).backward()):
        with FlopCounterMode(display=False) as counter:
            work(x)
        counts.append(counter.get_total_flops())
    assert counts[1] / counts[0] == pytest.approx(network.training_cost, rel=0.1)


def test_an_objective_is_not_run_to_plan_by():
    from bench.stages.training.probe import step_seconds

    class Harmful(DNN):
        """Ends the process that trains it."""

        def objective(self, x):
            sys.exit("on purpose")

    autoencoders.register("harmful", "for a test")(Harmful)
    try:
        assert 0 < step_seconds("harmful", (3, 32, 32), 8) < 5
    finally:
        autoencoders.unregister("harmful")
