"""What a grid is asked to do comes out the same by every engine; and the engines' small parts.

`tests.test_cluster` has workers that are processes, and what goes wrong with those.
"""

import contextlib
import io
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from rich.console import Console

from bench.analysis.folder import settings_of
from bench.base.errors import RunError, UsageError
from bench.base.memory import free_megabytes, resident_megabytes
from bench.clusterers import clusterers
from bench.execution.engines.choose import choose
from bench.execution.engines.dask.pool import Permits
from bench.execution.engines.engine import Needs, Queue, in_turn
from bench.execution.engines.local import Local, _side_by_side
from bench.execution.progress import Watch
from bench.execution.worker.messages import Done, Order, Raised, Setup
from bench.execution.worker.process import WorkerProcess
from bench.planning import engines
from bench.planning.mode import Mode
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.stages.stage import Task
from bench.store import Store, StoreError
from bench.store.upkeep import DAY, prune
from models import autoencoders
from reducers import reducers
from tests.conftest import HANGING, ROOT

DASK = pytest.importorskip("distributed", reason="needs Dask: pip install 'dask[distributed]'")
proof = pytest.importorskip("bench.execution.engines.dask.proof")

ENGINES = {
    "inline": {"engine": "inline"},
    "local": {"engine": "local"},
    "workers": {"engine": "local", "workers": 2},
    "dask": {"engine": "dask", "workers": 1},
}
STAGES = ["reference", "train", "encode", "rank", "reduce", "cluster", "measure", "score"]

# Two models that fail, one reducer that counts how often it was called.
PLUGIN = """
import os
import pathlib

from torch import nn

from models import autoencoders
from models.autoencoder import Autoencoder
from reducers import reducers
from reducers.reducer import Reducer

FOLDER = pathlib.Path(__file__).parent


class Raising(Autoencoder):
    def __init__(self, shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 3072), nn.Unflatten(1, shape))

    def forward(self, x):
        if self.training:
            raise ValueError(f"on purpose, {type(self).__name__}")
        return super().forward(x)


@autoencoders.register("raising", "raises while it trains")
class First(Raising):
    pass


@autoencoders.register("raising-again", "raises while it trains")
class Second(Raising):
    pass


@reducers.register("counted", "the first columns; leaves a line each time")
class Counted(Reducer):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit_transform(self, X, y=None):
        with open(FOLDER / "calls", "a") as calls:
            calls.write("x")
        return X[:, : self.n_components]

    def transform(self, X):
        return X[:, : self.n_components]
"""


class Kept(WorkerProcess):
    """A process that `local` has, kept for the next grid with the same setup."""

    idle: ClassVar[dict[Setup, list[WorkerProcess]]] = defaultdict(list)

    def __enter__(self):
        self.lent = self.idle[self.setup].pop() if self.idle[self.setup] else self
        started = self.lent.started
        if started is not None and started.process.poll() is not None:
            self.lent.end()  # it was killed when nobody needed it any more: another one starts
        self.lent.waiting = self.waiting
        return self.lent

    def __exit__(self, *raised):
        """Leave it running."""
        self.idle[self.setup].append(self.lent)


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Spare grids what takes longest and is tested elsewhere: reports, and to start processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.report.write.write", lambda *given: [])
        patch.setattr("bench.report.several.write", lambda *given: [])
        patch.setattr("bench.execution.engines.local.WorkerProcess", Kept)
        # Left to themselves, they end when nobody has needed them for a while.
        kept = SimpleNamespace(end=lambda: None)
        patch.setattr("bench.execution.engines.dask.connection.children", kept)
        yield
    for process in (process for some in Kept.idle.values() for process in some):
        process.end()


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(PLUGIN)
    yield path
    # Other files' tests in this process are not to find them.
    for registry, name in (
        (autoencoders, "raising"), (autoencoders, "raising-again"), (reducers, "counted")
    ):  # fmt: skip
        if name in registry:
            registry.unregister(name)


@pytest.fixture(scope="module")
def runs(plugin, tmp_path_factory):
    """A cell that works and two whose models fail, in a folder that each engine has."""
    root = tmp_path_factory.mktemp("engines")

    def make(engine, mode=None, **settings):
        folder = root / engine
        given = {
            "dataset": "digits", "limit": 60, "models": "pixels,raising,raising-again",
            "reducers": "counted5", "seeds": 1, "epochs": 1, "threads": 1, "baselines": False,
            "null": False, "device": "cpu", "plugins": plugin, "out": folder / "out",
            "store": folder / "store",
        }  # fmt: skip
        return Session(resolve(given | ENGINES[engine] | settings), Mode.of(**(mode or {})))

    make.root = root
    return make


def lasting(finished):
    """Records without their times and memory, as text; errors' files by their names."""
    records = finished.records
    columns = [c for c in records if "seconds" not in c and "memory" not in c]
    return re.sub(r"[^,]*/store/errors/", "", records[columns].to_csv(index=False))


@pytest.fixture(scope="module")
def did(runs, plugin, tmp_path_factory):
    """By engine: what the grid left, and a copy of its store."""
    found = {}
    for engine in ENGINES:
        calls = plugin.with_name("calls")
        calls.write_text("")
        finished = runs(engine).execute()
        copy = tmp_path_factory.mktemp("did") / engine
        shutil.copytree(runs.root / engine, copy)
        found[engine] = SimpleNamespace(
            copy=copy, finished=finished, text=lasting(finished), calls=calls.read_text()
        )
    return found


@pytest.fixture
def again(did, runs):
    """Give an engine its folder as the grid had left it, without some stages; return the store."""

    def copy(engine, *lost):
        shutil.rmtree(runs.root / engine, ignore_errors=True)
        shutil.copytree(did[engine].copy, runs.root / engine)
        for stage in lost:
            shutil.rmtree(runs.root / engine / "store" / stage)
        return runs.root / engine / "store"

    return copy


@pytest.fixture
def empty(did, runs):
    """Give engines empty folders, once they had others."""
    for engine in ENGINES:
        shutil.rmtree(runs.root / engine, ignore_errors=True)


def test_a_model_that_fails_fails_its_cells_alone_by_every_engine(did):
    assert {found.text for found in did.values()} == {did["local"].text}
    records = did["dask"].finished.records.set_index("model")
    assert records["status"].to_dict() == {
        "pixels": "ok", "raising": "failed", "raising-again": "failed"
    }  # fmt: skip
    assert records["error"]["raising"] == "ValueError: on purpose, First"
    for found in did.values():
        (run,) = found.finished.each
        assert len(run.outcome.computed) == 9
        assert found.calls == "x"
    for path in (did["dask"].copy / "store" / "errors").iterdir():
        assert "Traceback" in path.read_text()


def test_only_cached_on_an_empty_store_is_one_line(empty, runs):
    said = []
    for engine in ENGINES:
        with pytest.raises(UsageError) as error:
            runs(engine, {"only_cached": True}).execute()
        said.append(str(error.value).replace(f"/{engine}/", ""))
        assert not (runs.root / engine / "store").exists()
    assert len(set(said)) == 1
    assert said[0].startswith("no result of this grid is in ")


@pytest.mark.parametrize(
    ("lost", "status"),
    [([], "ok"), (["reduce", "cluster"], "ok"), (["score"], "skipped"), (STAGES[:7], "ok"),
     (STAGES[1:], "skipped")],
)  # fmt: skip
def test_only_cached_tells_what_is_there_and_starts_nothing(again, runs, monkeypatch, lost, status):
    monkeypatch.setattr("bench.execution.engines.dask.cluster.Connection", None)
    monkeypatch.setattr("bench.execution.engines.local.WorkerProcess.do", None)
    monkeypatch.setattr("bench.execution.engines.inline.Here.do", None)
    texts = []
    for engine in ENGINES:
        again(engine, *lost)
        found = runs(engine, {"only_cached": True}).execute()
        texts.append(lasting(found))
        (run,) = found.each
        assert not run.outcome.computed
        assert list(found.records["status"]) == [status, "skipped", "skipped"]
    assert len(set(texts)) == 1


def test_an_artifact_whose_damage_a_worker_finds_is_set_aside_and_made_again(again, did, runs):
    """The look that a run takes beforehand sees manifests alone."""
    store = again("dask", "reduce", "score")
    (encoded,) = (store / "encode").iterdir()
    for array in encoded.glob("*.safetensors"):
        content = bytearray(array.read_bytes())
        content[len(content) // 2] ^= 1
        array.write_bytes(content)
    found = runs("dask").execute()
    (run,) = found.each
    assert encoded.name in run.outcome.computed
    assert re.search(f"encode {encoded.name} was damaged .*, set aside in ", run.notes[0])
    assert [path.name[:6] for path in (store / "damaged").iterdir()] == ["encode"]
    assert lasting(found) == did["local"].text


def test_force_does_every_task_again_and_once(again, did, runs, plugin):
    store = again("dask")
    calls = plugin.with_name("calls")
    calls.write_text("")
    before = {path: path.stat().st_mtime_ns for path in store.glob("*/*/*.json")}
    found = runs("dask", {"force": True}).execute()
    assert lasting(found) == did["local"].text
    assert calls.read_text() == "x"
    (run,) = found.each
    assert len(run.outcome.computed) == 9
    assert not run.outcome.reused
    made = {path.parts[-3] for path, then in before.items() if path.stat().st_mtime_ns > then}
    assert made == {*STAGES, "linear"}


def test_fail_fast_stops_at_the_first_failure(again, runs):
    for engine in ENGINES:
        again(engine, "reference", "reduce")
        finished = runs(engine, {"fail_fast": True}).execute()
        (run,) = finished.each
        assert len({failure.error for failure in run.outcome.failures.values()}) == 1
        records = finished.records.set_index("model")
        status = records["status"].to_dict()
        assert sorted((status["raising"], status["raising-again"])) == ["failed", "skipped"]
        assert set(records["skip_reason"].dropna()) == {
            "stopped after the first failure, in train (fail-fast)"
        }


def test_a_store_that_cannot_be_written_any_more_is_the_same_line(again, runs):
    said = []
    for engine in ENGINES:
        store = again(engine, "score")
        (store / "score").touch()
        with pytest.raises(RunError) as error:
            runs(engine).execute()
        said.append(str(error.value).replace(str(store), ""))
    assert len(set(said)) == 1
    assert "could not be written" in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_that_is_a_file_is_refused_before_anything_starts(
    engine, runs, tmp_path, monkeypatch
):
    monkeypatch.setattr("bench.execution.engines.dask.cluster.Connection", None)
    monkeypatch.setattr("bench.execution.engines.local.WorkerProcess.do", None)
    monkeypatch.setattr("bench.execution.engines.inline.Here.do", None)
    (tmp_path / "store").touch()
    with pytest.raises(UsageError, match=r"store .* cannot be written"):
        runs(engine, store=tmp_path / "store").execute()


@pytest.mark.slow
def test_several_data_sets_within_a_budget_stop_after_whole_repetitions(empty, runs, monkeypatch):
    monkeypatch.setattr("bench.planning.budget.Clock.has", lambda *given: False)
    found = {
        engine: runs(engine, dataset="digits,photos", seeds=3, budget="1h").execute()
        for engine in ENGINES
    }
    one, *others = (lasting(finished).splitlines() for finished in found.values())
    for other in others:
        assert other == one
    for finished in found.values():
        for name in ("digits", "photos"):
            records = finished.records[finished.records["dataset"] == name].set_index("model")
            assert records["seed_index"].max() == 0
            assert list(records["status"]) == ["ok", "failed", "failed"]
        for run in finished.each:
            assert "1 of 3 seeds finished: the budget of 1 h 00 min had" in " ".join(run.notes)


def test_a_suggested_number_of_clusters_is_the_same(empty, runs):
    by = {engine: runs(engine, clusters="auto") for engine in ENGINES}
    found = {engine: made.execute() for engine, made in by.items()}
    assert len(set(map(lasting, found.values()))) == 1
    assert len({tuple(finished.each[0].notes) for finished in found.values()}) == 1
    for made in by.values():
        assert "suggested by kNN modularity from 2 to 15" in made.grids[0].dataset.notes[-1]


@pytest.mark.slow
def test_null_references_and_resamples_are_the_same(empty, runs):
    several = {"models": "pixels,raising,untrained-dnn", "reducers": "counted5,pca3+counted2",
               "clusterers": "kmeans,gmm", "null": True, "resamples": 2, "seeds": 2}  # fmt: skip
    found = [runs(engine, **several).execute() for engine in ("inline", "local", "workers")]
    assert len(set(map(lasting, found))) == 1
    assert found[0].records["stability"].notna().sum() == 2 * 2 * 2 * 2
    assert found[0].records["null_silhouette"].notna().any()


# Workers on this machine


DYING = """
import os
from reducers import reducers
from reducers.reducer import Reducer

@reducers.register("dying", "ends its process")
class Dying(Reducer):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit_transform(self, X, y=None):
        os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_task_alone(empty, runs, tmp_path):
    (tmp_path / "dying.py").write_text(DYING)
    settings = {"plugins": tmp_path / "dying.py", "reducers": "pca2,dying2,pca3", "seeds": 2}
    try:
        found = runs("workers", models="pixels,untrained-dnn", **settings).execute()
    finally:
        reducers.unregister("dying")
    failed = found.records["chain"] == "dying2"
    assert set(found.records["status"][failed]) == {"failed"}
    assert set(found.records["status"][~failed]) == {"ok"}
    assert set(found.records["failed_stage"][failed]) == {"reduce"}
    assert found.records["error"][failed].str.contains("killed by signal 9").all()


@pytest.mark.parametrize("processors", [1, 8])
def test_a_task_has_one_thread_on_every_machine_and_there_is_a_worker_for_each_processor(
    processors, monkeypatch
):
    monkeypatch.setattr("bench.execution.engines.local.available_threads", lambda: processors)
    spec = resolve({"dataset": "digits"})
    engine = choose(spec)
    assert engine.fit(spec).threads == 1
    assert (engine.workers, engine.processors) == (processors, processors)
    asked = choose(resolve({"dataset": "digits", "workers": 3, "threads": 5}))
    assert (asked.workers, asked.processors) == (3, math.inf)


def test_workers_have_the_memory_for_their_imports_by_default(monkeypatch):
    monkeypatch.setattr("bench.execution.engines.local.available_threads", lambda: 64)
    for megabytes, workers in ((100, 1), (1250, 3), (1e6, 64)):
        monkeypatch.setattr("bench.execution.engines.local.memory", lambda b=megabytes: b * 1e6)
        assert Local().workers == workers


def test_memory_that_a_process_takes_is_not_counted_twice(monkeypatch):
    """By hand: 80% of 1,000 MB that are free and of 300 MB that the one process takes."""
    ours, watch = Local(2), SimpleNamespace(seconds={})
    monkeypatch.setattr("bench.execution.engines.local.free_megabytes", lambda: 1000.0)
    monkeypatch.setattr("bench.execution.engines.local.resident_megabytes", lambda pid: 300.0)
    process = SimpleNamespace(started=SimpleNamespace(process=SimpleNamespace(pid=1)))
    processes = [process, SimpleNamespace(started=None)]
    assert ours._needs([], None, watch, processes).memory == pytest.approx(1040)


def test_a_process_that_has_ended_takes_no_memory():
    assert resident_megabytes(os.getpid()) > 10
    assert resident_megabytes(2**30) == 0


def order(key, *parents, device="cpu", threads=1):
    places = tuple(("", parent) for parent in parents)
    task = Task("reduce", key, places, {"device": device}, {}, key, 1, 1, 1, threads)
    return Order(task, False)


def take_all(queue, **how):
    """Take what can be taken now; return the keys."""
    taken = []
    while (found := queue._next(how.get("has_gpu"))) is not None:
        task = queue.orders[found].task
        queue.at_work[task.key] = task
        taken.append(task.key)
    return taken


def test_the_longest_path_comes_first():
    orders = [order("short"), order("a"), order("b", "a"), order("c", "b"), order("long")]
    seconds = {"short": 1.0, "a": 1.0, "b": 2.0, "c": 3.0, "long": 5.0}
    queue = Queue(orders, Needs(seconds))
    assert take_all(queue) == ["a", "long", "short"]
    queue.end(orders[1].task, Done(True))
    assert take_all(queue) == ["b"]


def test_a_task_waits_for_processors_and_smaller_ones_go_ahead():
    orders = [order("a"), order("b", threads=2), order("c")]
    queue = Queue(orders, Needs({"a": 3.0, "b": 2.0, "c": 1.0}, processors=2))
    assert take_all(queue) == ["a", "c"]
    queue.end(orders[0].task, Done(True))
    assert take_all(queue) == []
    queue.end(orders[2].task, Done(True))
    assert take_all(queue) == ["b"]


def test_a_task_waits_for_memory_but_not_for_more_than_there_is():
    orders = [order("a"), order("b"), order("c")]
    needs = Needs(megabytes={"a": 600.0, "b": 500.0, "c": 300.0}, memory=1000.0)
    queue = Queue(orders, needs)
    assert take_all(queue) == ["a", "c"]
    for number in (0, 2):
        queue.end(orders[number].task, Done(True))
    assert take_all(queue) == ["b"]
    alone = Queue([order("large")], Needs(megabytes={"large": 5000.0}, memory=1000.0))
    assert take_all(alone) == ["large"]


def test_tasks_on_a_gpu_are_for_the_one_that_has_it():
    orders = [order("a"), order("1", device="cuda"), order("b")]
    queue = Queue(orders)
    assert take_all(queue, has_gpu=False) == ["a", "b"]
    assert take_all(queue, has_gpu=True) == ["1"]
    for each in orders:
        queue.end(each.task, Done(True))
    assert queue.take(True) is None
    assert take_all(Queue(orders[:1]), has_gpu=True) == ["a"]


def test_who_has_the_gpu_does_other_tasks_once_those_on_it_cannot_be_done():
    orders = [order("a"), order("b"), order("on a", "a", device="cuda")]
    orders += [order("on both", "on a", "b", device="cuda"), order("c"), order("d")]
    queue = Queue(orders)
    assert take_all(queue, has_gpu=True) == []
    for number, left in ((0, 0), (1, 0)):  # what waits for both is given up once
        queue._next(False)
        queue.at_work[orders[number].task.key] = orders[number].task
        queue.end(orders[number].task, Raised("ValueError", ""))
        assert queue.left_on_gpu == left
    assert take_all(queue, has_gpu=True) == ["c", "d"]


def test_estimates_of_memory_are_of_the_size_of_what_tasks_take():
    """Of all pairs of 8,500 images kernel PCA has a matrix, the agglomerative clusterer another."""
    assert reducers["kpca"](2).memory(8500, 128) > 8e-6 * 8500**2
    assert clusterers["agglomerative"](2).memory(8500, 2) >= 8e-6 * 8500**2
    assert reducers["pca"](2).memory(8500, 3072) > 8e-6 * 8500 * 3072
    assert 0 < free_megabytes() < 1e9


class Pretended:
    """Processes that pretend: each says which tasks are at work while it does one."""

    def __init__(self, behave=lambda key: Done(True)):
        self.behave = behave
        self.at_work, self.beside, self.killed = set(), {}, threading.Event()

    def do(self, order, steps):
        key = order.task.key
        self.at_work.add(key)
        self.beside[key] = set(self.at_work)
        end = self.behave(key)
        self.at_work.discard(key)
        return end

    def kill(self):
        self.killed.set()


def side_by_side(orders, process, count=2, needs=None):
    return _side_by_side(orders, [process] * count, Watch({}), needs or Needs())


def test_taken_by_one_tasks_are_in_the_order_of_the_plan():
    orders = [order("a"), order("b", "a"), order("c"), order("d", "c", "b"), order("e")]
    assert [task.key for task, _ in in_turn(orders, lambda order: Done(True))] == list("abcde")


def test_what_is_behind_a_failure_is_not_done():
    orders = [order("a"), order("b", "a"), order("c", "b"), order("d"), order("e", "d", "c")]
    failed = Raised("Oh: no", "")
    process = Pretended(lambda key: failed if key == "a" else Done(True))
    alone = in_turn(orders, lambda order: process.do(order, None))
    for ends in (alone, side_by_side(orders, process)):
        assert {task.key: end for task, end in ends} == {"a": failed, "d": Done(True)}


def test_tasks_are_side_by_side_as_soon_as_their_parents_are_done():
    meet = threading.Barrier(2)  # passes when two are at work
    process = Pretended(lambda key: Done(key == "a" or bool(meet.wait() + 1)))
    orders = [order("a"), order("b", "a"), order("c", "a")]
    ended = [task.key for task, _ in side_by_side(orders, process)]
    assert ended[0] == "a"
    assert set(ended) == {"a", "b", "c"}
    assert process.beside["a"] == {"a"}


def test_a_gpu_has_one_task_of_the_workers_at_a_time():
    free = threading.Event()

    def behave(key):
        if key == "1":
            assert free.wait(60)  # until tasks on the processor went on beside it
        if key == "b":
            free.set()
        return Done(True)

    process = Pretended(behave)
    orders = [order("1", device="cuda"), order("2", device="cuda"), order("a"), order("b", "a")]
    ended = [task.key for task, _ in side_by_side(orders, process)]
    assert sorted(ended) == ["1", "2", "a", "b"]
    assert "1" not in process.beside["2"]


def test_who_stops_early_waits_for_no_task():
    process = Pretended(lambda key: Done(key == "a" or process.killed.wait(60)))
    orders = [order("a"), order("b"), order("c", "b")]
    ends = side_by_side(orders, process)
    assert next(ends)[0].key == "a"
    ends.close()
    assert process.killed.is_set()
    assert "c" not in process.beside


def test_a_process_that_cannot_start_ends_the_grid():
    def behave(key):
        raise RunError("could not start")

    with pytest.raises(RunError, match="could not start"):
        list(side_by_side([order("a"), order("b", "a")], Pretended(behave)))


# Names


@pytest.mark.parametrize(
    "wrong",
    ["", "Dask", "spark", "dask:", "dask:HOST:8786", "dask:tcp://HOST", "dask:tcp://HOST:0",
     "dask:tcp://HOST:65536", "dask:tcp://:8786", "dask:http://HOST:8786", "dask:tcp://HOST:8786/x",
     "dask:tcp://A B:8786", "dask:tcp://HOST:8786\n"],
)  # fmt: skip
def test_what_is_no_engine_is_refused_in_one_line(wrong):
    with pytest.raises(UsageError) as error:
        resolve({"engine": wrong})
    assert str(error.value) == (
        "engine: must be local, inline, dask or dask:tcp://HOST:PORT (a running scheduler), found "
        f"{wrong!r}"
    )


@pytest.mark.parametrize(
    ("engine", "address"),
    [
        ("local", None),
        ("dask", None),
        ("dask:tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("dask:tls://node-1.cluster:1", "tls://node-1.cluster:1"),
        ("dask:tcp://[::1]:65535", "tcp://[::1]:65535"),
    ],
)
def test_engines_are_known_by_name(engine, address):
    assert engines.check(engine) == engine
    assert engines.scheduler_of(engine) == address


@pytest.mark.parametrize("engine", ["inline", "dask:tcp://10.0.0.1:8786"])
def test_workers_are_for_engines_with_processes_of_ours(engine):
    with pytest.raises(UsageError) as error:
        resolve({"engine": engine, "workers": 2})
    assert str(error.value) == (
        f"workers: applies to the engines local and dask only, found 2 for engine {engine}"
    )


@pytest.mark.parametrize("workers", ["0", "-1", "two", True])
def test_workers_are_a_number(workers):
    with pytest.raises(UsageError, match=r"^workers: "):
        resolve({"engine": "dask", "workers": workers})


def test_settings_of_a_cluster_are_read_where_there_is_no_dask(tmp_path, monkeypatch):
    """To export what it has computed, for instance."""
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "grid.toml").write_text('engine = "dask:tcp://10.0.0.1:8786"')
    spec = settings_of(tmp_path)
    assert spec.engine == "dask:tcp://10.0.0.1:8786"
    with pytest.raises(
        UsageError, match=r"^engine: dask:tcp\S+ needs Dask, which is not installed"
    ):
        choose(spec)
    engines.require("local")


def test_a_cluster_is_left_if_a_grid_cannot_be_planned(monkeypatch):
    left = []
    engine = SimpleNamespace(
        start=print, fit=lambda spec: spec, __exit__=lambda *raised: left.append(raised)
    )
    monkeypatch.setattr("bench.session.session.choose", lambda spec: engine)
    for dataset in ("npy:/nosuch", "digits,npy:/nosuch"):
        with pytest.raises(UsageError, match="nosuch"):
            Session(resolve({"dataset": dataset}))
    assert len(left) == 2
    Session(resolve({"dataset": "digits", "limit": 60, "models": "pixels", "reducers": "pca5"}))
    assert len(left) == 2


def command(code, folder, *paths, **variables):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*paths, ROOT]))} | variables,
        capture_output=True,
        text=True,
        timeout=HANGING,
    )


def test_without_dask_the_command_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['distributed'] = None; from bench.grid import main; main({})"
    found = command(code.format(["--engine", "dask"]), tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        "error: engine: dask needs Dask, which is not installed: pip install 'dask[distributed]' "
        "(latentgrid's extra [cluster])\n"
    )


# In every process that Python starts: what is bound to an address, and what was imported.
TELL = """
import atexit, os, sys

def tell(text):
    with open(os.environ["TELL"], "a") as file:
        file.write(text + "\\n")

sys.addaudithook(lambda event, given: tell("bound") if event == "socket.bind" else None)
atexit.register(lambda: tell(f"dask {bool({'dask', 'distributed'} & set(sys.modules))}"))
"""


@pytest.mark.slow
def test_local_opens_no_port_and_imports_no_dask(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(TELL)
    told = tmp_path / "told"
    small = [
        "--limit", "60", "--models", "pixels", "--reducers", "pca5", "--seeds", "1", "--threads",
        "1", "--no-null", "--no-baselines",
    ]  # fmt: skip
    code = (
        "import bench.report.write as w; w.write = lambda *given: [w.Path('results.md')]; "
        f"from bench.grid import main; main({small})"
    )
    found = command(code, tmp_path, tmp_path, TELL=str(told))
    assert found.returncode == 0, found.stderr
    assert set(told.read_text().splitlines()) == {"dask False"}
    # It would have been noticed.
    command("import socket, dask; socket.socket().bind(('127.0.0.1', 0))", tmp_path, tmp_path,
            TELL=str(told))  # fmt: skip
    assert told.read_text().splitlines()[-2:] == ["bound", "dask True"]


# Proof


@pytest.fixture
def store(tmp_path):
    Store(tmp_path).prepare()
    return tmp_path


@pytest.fixture
def asked(store, monkeypatch):
    """A proof that holds here, and was not asked for before."""
    monkeypatch.setattr(proof, "_proven", set())
    monkeypatch.setattr(proof.keys, "processor", lambda: "these kernels")
    monkeypatch.setattr(proof, "_kernels", lambda: "these kernels")
    with proof.asked(store, ["numpy", "filelock"]) as found:
        yield found


def test_what_is_the_same_is_proven_and_leaves_nothing(store, asked):
    assert proof.misfit(asked) == ""
    assert dict(asked.versions)["Python"] == "{}.{}".format(*sys.version_info)


def changed(asked, **what):
    return SimpleNamespace(**(vars(asked) | what))


def test_another_version_is_named(asked):
    versions = tuple((n, "0.1" if n == "filelock" else v) for n, v in asked.versions)
    there = dict(asked.versions)["filelock"]
    versions = (("nosuch", "1"), *versions)
    assert proof._why_not(changed(asked, versions=versions)) == (
        f"its libraries differ (nosuch not installed there, 1 here; filelock {there} there, 0.1 "
        "here): install the same versions on all machines"
    )


def test_other_sources_are_said(asked):
    assert proof._why_not(changed(asked, sources="0")) == (
        "its version of latentgrid differs: install the same version on all machines"
    )


def test_every_source_file_counts(monkeypatch):
    read, read_bytes = set(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.add(path) or read_bytes(path))
    proof.sources.__wrapped__()
    every = {p for name in ("bench", "models", "reducers") for p in (ROOT / name).rglob("*.py")}
    assert read == every


@pytest.mark.parametrize("what", ["store", "token"])
def test_a_store_that_is_not_seen_is_said(asked, tmp_path, what):
    other = {"store": tmp_path / "elsewhere", "token": "another"}
    found = proof._why_not(changed(asked, **{what: other[what]}))
    place = other["store"] if what == "store" else asked.store
    assert found == (
        f"it does not see the store {place} of this grid: --store must name a folder that all "
        "machines share under the same path"
    )


def test_a_lock_that_is_not_held_there_is_said(asked):
    shutil.copy(*(asked.store / "drafts" / f"token-{name}" for name in (asked.token, "copy")))
    (asked.store / "drafts" / "token-copy").write_text("copy")
    found = proof._why_not(changed(asked, token="copy"))
    assert found.startswith(f"locks on the store {asked.store} do not work there: ")
    assert found.endswith("such as NFS 4")


def test_a_store_that_cannot_be_written_there_is_said(asked, monkeypatch):
    def refuse(*given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Store, "is_locked", refuse)
    assert proof._why_not(asked) == (
        f"it cannot write to the store {asked.store} of this grid (Permission denied): all "
        "machines need permission to write there"
    )


def test_other_kernels_are_said(asked, monkeypatch):
    monkeypatch.setattr(proof, "_kernels", lambda: "others")
    assert proof._why_not(asked) == (
        "it computes with others and not with these kernels, which changes last digits: set "
        "the same OPENBLAS_CORETYPE and ATEN_CPU_CAPABILITY on all machines"
    )


def test_kernels_are_found_in_a_process_of_their_own():
    """The same that are found where the libraries are loaded."""
    from bench.base import keys

    assert proof._kernels() == keys.processor()


def test_what_was_proven_is_not_asked_again_and_what_was_not_is(asked, monkeypatch):
    calls = []
    monkeypatch.setattr(proof, "_why_not", lambda given: calls.append(given) or "no")
    assert proof.misfit(asked) == proof.misfit(asked) == "no"
    assert len(calls) == 2
    monkeypatch.setattr(proof, "_why_not", lambda given: calls.append(given) or "")
    assert proof.misfit(asked) == proof.misfit(asked) == ""
    assert len(calls) == 3


def left(store):
    """What proofs left in a store."""
    return {p.name for room in ("drafts", "locks") for p in (store / room).iterdir()}


def test_a_token_goes_with_its_command(store):
    with contextlib.suppress(KeyError), proof.asked(store, []) as found:
        assert left(store) == {f"token-{found.token}", f"{found.token}.lock"}
        raise KeyError
    assert left(store) == set()


KILLED = """
import pathlib, sys
from bench.execution.engines.dask import proof
with proof.asked(pathlib.Path(sys.argv[1]), []):
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed(store):
    """The token of a command that was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == b"there\n"
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    (token,) = (store / "drafts").glob("token-*")
    return token


def test_a_token_whose_command_was_killed_goes_with_the_next(store, killed):
    with proof.asked(store, []) as one, proof.asked(store, []) as other:
        assert not killed.exists()
        assert left(store) >= {f"token-{one.token}", f"token-{other.token}"}
        assert proof._why_not(changed(one, processor=proof._kernels())) == ""
    assert left(store) == set()


def test_pruning_takes_old_tokens_but_those_of_commands_at_work(store, killed):
    old = time.time() - 2 * DAY
    with proof.asked(store, []) as at_work:
        shutil.copy(__file__, store / "drafts" / f"token-{'0' * 32}")
        for path in (store / "drafts").iterdir():
            os.utime(path, (old, old))
        prune(Store(store), dry_run=False, progress=lambda *given: None)
        assert left(store) == {f"token-{at_work.token}", f"{at_work.token}.lock"}


def test_a_token_that_cannot_be_written_is_one_line(store):
    shutil.rmtree(store / "drafts")
    (store / "drafts").touch()
    with pytest.raises(StoreError, match=r"^store \S+ could not be written \(.*\)$"):
        proof.asked(store, []).__enter__()


# GPUs


def test_gpus_are_lent_one_by_one():
    permits = Permits(3)

    def lend(gpus):
        return permits.lend(1, gpus)

    with lend(2) as first, lend(2) as second, lend(2) as third:
        assert (first.gpu, second.gpu, third.gpu) == (0, 1, None)
    with lend(2) as first:
        with contextlib.suppress(KeyError), lend(2) as second:
            assert (first.gpu, second.gpu) == (0, 1)
            raise KeyError
        with lend(2) as again:
            assert again.gpu == 1
    with lend(0) as none:
        assert none.gpu is None
    assert permits.gpus == set()


# Progress


@pytest.fixture
def watch(monkeypatch):
    """Four tasks, by two at once, and a clock that is told what to say."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    found = Watch(dict.fromkeys("abcd", 10.0), Console(file=io.StringIO()))
    found.at_once = 2
    found.now = now
    return found


def bar(watch):
    return next(task for task in watch.progress.tasks if task.id == watch.grid)


def end(watch, key):
    watch.end(SimpleNamespace(key=key))


def test_time_left_goes_from_the_estimate_to_nothing(watch):
    watch.now[0] += 30  # to connect
    with watch:
        assert bar(watch).description == "grid, 0 of 4 tasks"
        assert watch._grid_left() == pytest.approx(20.0)  # 40 seconds of work, two at once
        watch.now[0] += 5
        assert watch._grid_left() == pytest.approx(15.0)
        lefts = []
        for key in "abcd":
            watch.now[0] += 10  # twice as slow as was estimated
            end(watch, key)
            lefts.append(watch._grid_left())
        assert lefts == [30 * 20 / 20, 20 * 30 / 30, 10 * 40 / 40, 0]
        watch.now[0] += 1000
        assert watch._grid_left() == 0


def test_time_left_is_that_of_tasks_of_the_same_kind(watch):
    """Others, and the first of a kind, which may have to compile, say little about the rest."""
    every = {
        f"{link}{number}": Task("reduce", f"{link}{number}", (), {"link": link}, {}, "", 1, 1, 1)
        for link in ("umap2", "tsne2")
        for number in range(6)
    }
    found = Watch(dict.fromkeys(every, 1.0), watch.console, every.values())
    for link, times in (("umap2", (30, 2, 2)), ("tsne2", (0.5, 0.5, 0.5))):
        for number, took in enumerate(times):
            found.begin(every[f"{link}{number}"])
            watch.now[0] += took
            found.end(every[f"{link}{number}"])
    assert found._grid_left() == pytest.approx(3 * 2 + 3 * 0.5)
    assert found.expected({"new": 10.0}, [replace(every["umap20"], key="new")]) == 20.0
    long = [replace(every["umap20"], key=key, settings={"link": "umap8"}) for key in "ab"]
    found = Watch(dict.fromkeys("ab", 10.0), watch.console, long)
    found.begin(long[0])
    watch.now[0] += 50
    found.end(long[0])
    assert found._grid_left() == 50.0


def test_no_time_is_told_once_the_estimate_is_overrun(watch):
    watch.step("a", 1, 2)
    watch.now[0] += 1000
    assert watch._grid_left() is None
    watch.step("a", 1, 2)
    assert watch._grid_left() > 1000


def test_steps_move_the_bar_and_count_no_more_once_a_task_has_ended(watch):
    watch.step("a", 1, 2)
    assert bar(watch).completed == 5
    watch.step("a", 1, 4)  # begun anew, by another worker
    watch.step("b", 0, 0)
    assert bar(watch).completed == 2.5
    end(watch, "a")
    assert bar(watch).completed == 10
    watch.step("a", 1, 2)
    watch.step("nobody's", 1, 2)
    assert bar(watch).completed == 10
    assert watch.partly == {"b": 0}


def test_ends_of_tasks_count_once(watch):
    for key in ("a", "a", "b", "nobody's"):
        end(watch, key)
    assert bar(watch).description == "grid, 2 of 4 tasks"
    assert bar(watch).completed == 20
    for key in "cd":
        end(watch, key)
    assert bar(watch).finished
    assert bar(watch).description == "grid, 4 of 4 tasks"


def test_progress_is_silent_where_there_is_no_terminal(watch):
    with watch:
        end(watch, "a")
    assert watch.console.file.getvalue() == ""
