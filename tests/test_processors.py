"""How many processors a task is given, and that libraries keep to it."""

import threading
import time
from dataclasses import replace

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from bench.base.errors import RunError
from bench.execution.engines.dask.batches import LONGEST, batches
from bench.execution.engines.dask.pool import Permits
from bench.execution.worker.messages import Damaged, Done, Order, Setup, Stuck
from bench.execution.worker.process import WorkerProcess
from bench.execution.worker.tasks import Worker
from bench.stages import stage_of
from bench.stages.stage import Data, Task
from bench.store import Store
from tests.conftest import HANGING
from tests.conftest import run_grid_process as run_command
from tests.test_plan import planned

PLUGIN = """
import numba, sklearn.cluster, torch
from pathlib import Path
from threadpoolctl import threadpool_info
from bench.clusterers import clusterers
from bench.clusterers.kmeans import KMeans
from reducers import reducers
from reducers.reducer import Reducer


def tell(name):
    pools = {str(pool["num_threads"]) for pool in threadpool_info()}
    found = [torch.get_num_threads(), numba.get_num_threads(), *sorted(pools)]
    with open(Path(__file__).with_name(name), "a") as file:
        file.write(" ".join(map(str, found)) + "\\n")


@reducers.register("telling", "tells how many threads it has")
class Telling(Reducer):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit_transform(self, X, y=None):
        tell("reduce.txt")
        return X[:, : self.n_components]

    transform = fit_transform


@clusterers.register("told", "tells how many threads it has")
class Told(KMeans):
    def fit_predict(self, X, y=None):
        tell("cluster.txt")
        return super().fit_predict(X)
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", [[], ["--engine", "dask", "--workers", "2"]])
def test_libraries_keep_to_the_threads_of_each_stage(tmp_path, engine):
    (tmp_path / "mine.py").write_text(PLUGIN)
    found = run_command(
        tmp_path, "--plugin", "mine.py", "--limit", "60", "--models", "pixels", "--reducers",
        "telling9,telling9+telling2", "--clusterers", "told", "--seeds", "1", "--threads", "2",
        "--no-baselines", "--no-null", *engine,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert set(records["status"]) == {"ok"}
    assert set((tmp_path / "reduce.txt").read_text().splitlines()) == {"2 2 2"}
    assert set((tmp_path / "cluster.txt").read_text().splitlines()) == {"1 1 1"}


def test_long_stages_are_given_all_threads_and_others_one():
    tasks = planned(models="dnn,pixels", reducers="pca9,tsne2", threads=3, resamples=1).tasks
    for task in tasks.values():
        alone = not stage_of(task).parallel or task.key_inputs["threads"] is None
        assert task.threads == (1 if alone else 3), task
    long = {"train", "encode", "reduce", "linear"}
    assert {t.stage for t in tasks.values() if t.threads == 3} == long


def at_work(permits, wanted, log, name, over):
    with permits.lend(wanted):
        log.append(name)
        over.wait(HANGING)


def test_processors_are_lent_in_order_and_never_more_than_there_are():
    permits, log = Permits(2), []
    names = ["one", "both", "another"]
    overs = {name: threading.Event() for name in names}
    threads = []
    for name, wanted in zip(names, [1, 2, 1], strict=True):
        threads.append(
            threading.Thread(target=at_work, args=(permits, wanted, log, name, overs[name]))
        )
        threads[-1].start()
        while len(permits.queue) + len(log) < len(threads):
            time.sleep(0.01)  # until it has asked
    assert log == ["one"]  # there is a processor for another, whose turn it is not
    for name, then in (("one", ["one", "both"]), ("both", names)):
        overs[name].set()
        deadline = time.monotonic() + HANGING
        while log != then and time.monotonic() < deadline:
            time.sleep(0.01)
        assert log == then
    overs["another"].set()
    for thread in threads:
        thread.join()
    assert permits.free == 2


def test_who_asks_for_more_processors_than_there_are_gets_all_and_may_give_them_back_early():
    permits = Permits(2)
    with permits.lend(8) as loan:
        assert permits.free == 0
        loan.give_back()
        assert permits.free == 2
    assert permits.free == 2


def order(stage, key, *reads):
    return Order(Task(stage, key, tuple(("", read) for read in reads), {}, {}, "", 1, 1, 1), False)


def keys(made):
    return ["".join(one.task.key for one in batch) for batch in made]


CELL = [
    order("train", "t"), order("encode", "e", "t"), order("rank", "r", "e"), order("place", "p"),
    order("reduce", "1", "e"), order("cluster", "c", "1"),
    order("measure", "m", "1", "c", "r", "p"), order("score", "s", "c", "m"),
]  # fmt: skip


def test_tasks_that_follow_one_another_are_a_batch():
    assert keys(batches(CELL)) == ["te", "r", "p", "1cms"]
    assert keys(batches(CELL[6:])) == ["ms"]  # what is not asked for is there


def test_nothing_long_waits_for_what_it_does_not_need():
    second = [order("reduce", "2", "1"), order("cluster", "d", "2")]
    assert keys(batches([*CELL, *second])) == ["te", "r", "p", "1", "cms", "2d"]
    other = [order("encode", "f", "t")]
    assert keys(batches([*CELL, *other])) == ["t", "e", "r", "p", "1cms", "f"]


def test_a_batch_is_on_a_gpu_or_on_none():
    asked = [replace(one, task=replace(one.task, settings={"device": "cuda"})) for one in CELL[:2]]
    follows = order("reduce", "1", "e")
    assert keys(batches([*asked, follows])) == ["te", "1"]


def test_batches_are_bounded_and_read_from_earlier_ones_only():
    shared = [order("place", "p"), *(order("measure", str(n), "p") for n in range(8))]
    made = batches(shared)
    assert max(map(len, made)) == LONGEST
    assert keys(made)[1:] == ["4", "5", "6", "7"]  # side by side

    plan = planned(models="dnn,pixels,hog", reducers="pca9,tsne2", resamples=2, null=True, seeds=2)
    orders = [Order(task, False) for task in plan.tasks.values()]
    made = batches(orders)
    where = {one.task.key: number for number, batch in enumerate(made) for one in batch}
    assert len(where) == len(orders)
    for number, batch in enumerate(made):
        for place, one in enumerate(batch):
            own = [other.task.key for other in batch[:place]]
            for _, key in one.task.parents:
                assert key in own or where[key] < number


def test_a_gpu_has_one_task_at_a_time_and_reductions_go_on_beside_it(monkeypatch, tmp_path):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'dask[distributed]'")
    from bench.execution.engines.dask.connection import Connection
    from bench.execution.engines.dask.doing import Doing, Job
    from bench.execution.engines.dask.rounds import Rounds

    spans, seen, trained = {}, {}, []
    begun = {key: threading.Event() for key in "12ab"}
    reading, other = {"1": "a", "2": "b"}, {"1": "2", "2": "1"}

    def ask(doing, child, asked):
        key, start = asked.task.key, time.monotonic()
        begun[key].set()
        if key in "12":
            trained.append(key)
            time.sleep(0.2)  # if the other were let in, it would be seen
        # The first one's reduction and the other's training each wait until both have begun.
        first = trained[0]
        if key == reading[first]:
            assert begun[other[first]].wait(HANGING)
        if key == other[first]:
            assert begun[reading[first]].wait(HANGING)
        spans[key] = (start, time.monotonic())
        seen[key] = child.process.more.get("CUDA_VISIBLE_DEVICES")
        return Done(True)

    def on_gpu(key):
        asked = order("train", key)
        return replace(asked, task=replace(asked.task, settings={"device": "cuda"}))

    monkeypatch.setattr(Doing, "_ask", ask)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    setup = Setup(tmp_path, "d", "cuda", 1, False, "float32", 60.0, (), b"")
    orders = [on_gpu("1"), on_gpu("2"), order("reduce", "a", "1"), order("reduce", "b", "2")]
    connection = Connection(None, workers=3, gpus=1)
    try:
        rounds = Rounds(connection, Job("run", setup, None, 3), print)
        ended = {task.key for task, _ in rounds.run(orders)}
    finally:
        connection.close()
    assert ended == {"1", "2", "a", "b"}
    assert seen == {"1": "0", "2": "0", "a": None, "b": None}

    def overlap(one, other):
        return spans[one][0] < spans[other][1] and spans[other][0] < spans[one][1]

    assert not overlap("1", "2")
    first, second = sorted(["1", "2"], key=lambda key: spans[key][0])
    assert overlap({"1": "a", "2": "b"}[first], second)


def test_tasks_on_the_cpu_need_no_gpu_where_others_have_one(tmp_path):
    asked = planned(models="pixels", reducers="pca9")
    place = next(task for task in asked.tasks.values() if task.stage == "reference")
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3)).astype(np.uint8)
    store = Store(tmp_path)
    store.prepare()
    assert Worker(Data(images, images[:0], None, None), store).do(place, lambda *_: None)


def test_a_process_that_cannot_be_set_up_is_not_kept(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    setup = Setup(tmp_path, "absent", "cpu", 1, False, "float32", 60.0, (), cloudpickle.dumps([]))
    with WorkerProcess(setup) as process:
        assert isinstance(process.do(order("place", "p")), Damaged | Stuck)
        assert process.started is None


class Workers:
    """A connection, as far as it is asked for its workers."""

    def __init__(self, **workers):
        self.known = workers

    def workers(self):
        return self.known


def worker(status="running", **resources):
    return {"status": status, "resources": resources}


@pytest.fixture
def health(monkeypatch):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'dask[distributed]'")
    from bench.execution.engines.dask import connection

    monkeypatch.setattr(connection, "LOOK", 0.0)
    monkeypatch.setattr(connection, "OUT_OF_MEMORY", 0.0)
    return connection.Health


def test_who_is_missing_is_said_once(health):
    said, connection = [], Workers(a=worker())
    looks = health(connection, "cuda", said.append)
    for known in ({"a": worker()}, {"a": worker()}, {"a": worker(GPU=1)}, {}, {}):
        connection.known = known
        assert looks.look([])
    assert said == [
        'no worker declares a GPU (dask worker --resources "GPU=1"); waiting for one',
        "there is no worker; waiting for one",
    ]


def test_that_all_workers_are_out_of_memory_is_the_end(health):
    connection = Workers(a=worker("paused"), b=worker())
    looks = health(connection, "cpu", print)
    assert looks.look([])
    connection.known = {"a": worker("paused"), "b": worker("paused")}
    with pytest.raises(RunError, match="no worker has memory left for a task"):
        looks.look([])


def test_tasks_whose_only_workers_are_gone_are_noticed(health):
    looks = health(Workers(a=worker(), b=worker()), "cpu", print)
    assert looks.look([["a", "c"], ["b"]])
    assert not looks.look([["a"], ["c"]])
