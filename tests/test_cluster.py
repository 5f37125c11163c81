"""A grid on Dask's workers, real processes on the loopback interface, and what goes wrong there."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pandas as pd
import pytest

from bench import run_grid
from bench.base.errors import RunError, UsageError
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.store import Store
from tests.conftest import HANGING, ROOT, without_progress
from tests.conftest import run_grid_process as run_command
from tests.dask_cluster import DaskCluster, wait_for

pytest.importorskip("distributed", reason="needs Dask: pip install 'dask[distributed]'")
connection = pytest.importorskip("bench.execution.engines.dask.connection")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")

SETTINGS = {
    "dataset": "digits", "limit": 60, "models": "pixels", "reducers": "pca5", "seeds": 1,
    "epochs": 1, "device": "cpu", "threads": 1, "baselines": False, "null": False,
}  # fmt: skip
FLAGS = [
    "--dataset", "digits", "--limit", "60", "--models", "pixels", "--reducers", "pca5", "--seeds",
    "1", "--epochs", "1", "--device", "cpu", "--threads", "1", "--no-baselines", "--no-null",
]  # fmt: skip
STAGES = ["reference", "train", "encode", "rank", "reduce", "cluster", "measure", "score"]


def lasting(records):
    """Records without their times and memory, as text."""
    columns = [c for c in records if "seconds" not in c and "memory" not in c]
    return records[columns].to_csv(index=False)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    return lasting(run_grid(**SETTINGS, out=folder / "out", store=folder / "store"))


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """A scheduler and two workers that most tests share."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    for _ in range(2):
        cluster.start_worker()
    yield cluster
    cluster.end()


@pytest.fixture
def cluster(two_workers):
    two_workers.reset()
    return two_workers


@pytest.fixture
def lonely(tmp_path):
    """A scheduler without workers, of a test's own."""
    folder = tmp_path / "dask"
    folder.mkdir()
    own = DaskCluster(folder)
    yield own
    own.end()


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "bench.grid", *FLAGS, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run_here(folder, cluster):
    """Run the grid in this process, with the store that a command in the folder has."""
    return run_grid(**SETTINGS, out=folder / "out", store=folder / ".store", engine=cluster.engine)


def finish(process):
    out, error = process.communicate(timeout=HANGING)
    assert process.returncode == 0, error
    return out, error


def results(folder):
    return lasting(pd.read_csv(folder / "results" / "results.csv"))


def test_a_cluster_of_ours_gives_the_same_results(tmp_path, expected, capfd):
    found = run_grid(
        **SETTINGS, out=tmp_path / "out", store=tmp_path / "store", engine="dask", workers=2
    )
    assert lasting(found) == expected
    said = without_progress(capfd.readouterr().err)
    assert re.fullmatch(
        r"dask: 2 tasks at once, up to 1 thread each; see http://127\.0\.0\.1:\d+/status\n", said
    )


def test_a_cluster_of_ours_listens_on_the_loopback_interface_only():
    import psutil

    from bench.execution.engines.dask.connection import Connection

    before = set(psutil.Process().net_connections("inet"))
    connection = Connection(None, workers=2)
    try:
        opened = set(psutil.Process().net_connections("inet")) - before
        assert {c.laddr.ip for c in opened if c.status == "LISTEN"} <= {"127.0.0.1"}
    finally:
        connection.close()


@pytest.mark.slow
def test_a_task_that_another_grid_is_at_gives_its_place_to_others(tmp_path, expected):
    where = {"out": tmp_path / "out", "store": tmp_path / "store"}
    asked = {**SETTINGS, **where, "engine": "dask", "workers": 1}
    store, tasks = Store(tmp_path / "store"), Session(resolve(asked)).tasks().values()
    store.prepare()
    (place,) = [task for task in tasks if task.stage == "reference"]
    others = [(t.stage, t.key) for t in tasks if t.stage in ("encode", "rank")]
    found = []
    with store.lock(place.key):  # as another grid would hold it
        thread = threading.Thread(target=lambda: found.append(run_grid(**asked)))
        thread.start()
        wait_for(lambda: all(other in store for other in others))
        assert ("reference", place.key) not in store
    thread.join()
    assert lasting(found[0]) == expected


def kill_in(stages, cluster, folder, expected):
    """Kill a worker in each of these stages, once; its task goes to another."""
    cluster.want_held(*stages)
    process = start(folder, "--engine", cluster.engine)
    killed = set()
    while process.poll() is None and len(killed) < len(stages):
        for marker in set(cluster.hold.glob("*.pid")) - killed:
            worker, _ = cluster.held(marker.stem)
            os.kill(worker, signal.SIGKILL)
            cluster.let_go(marker.stem)
            killed.add(marker)
        time.sleep(0.05)
    finish(process)
    assert len(killed) == len(stages)
    assert results(folder) == expected


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(cluster, tmp_path, expected):
    kill_in(["train", "reduce"], cluster, tmp_path, expected)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_any_stage_changes_nothing(cluster, tmp_path, expected):
    kill_in(STAGES, cluster, tmp_path, expected)


@pytest.mark.slow
def test_a_stop_leaves_the_cluster_clean_and_the_same_command_goes_on(cluster, tmp_path, expected):
    cluster.want_held("reduce")
    process = start(tmp_path, "--engine", cluster.engine)
    _, child = cluster.held("reduce")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=HANGING)
    assert process.returncode == 130
    assert re.fullmatch(
        r"dask: .*\ninterrupted: [2-5] of 8 tasks are in \.store; the same command continues\n",
        without_progress(said),
    )
    wait_for(lambda: not os.path.exists(f"/proc/{child}"))
    assert tasks_of(cluster) == 0
    cluster.let_go("reduce")
    assert lasting(run_here(tmp_path, cluster)) == expected


def tasks_of(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))


@pytest.mark.slow
def test_two_grids_at_once_do_each_task_once(cluster, tmp_path, expected):
    cluster.want_held("train")
    processes = [
        start(tmp_path, "--engine", cluster.engine, "--out", name) for name in ("one", "other")
    ]
    cluster.held("train")
    wait_for(lambda: tasks_of(cluster) and clients_of(cluster) >= 2)
    cluster.let_go("train")
    outputs = [finish(process)[0] for process in processes]
    done = [int(out.split(" tasks done")[0].rsplit("\n", 1)[-1]) for out in outputs]
    assert sum(done) == 8
    for name in ("one", "other"):
        frame = pd.read_csv(tmp_path / name / "results.csv")
        assert lasting(frame) == expected


def workers_of(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return list(client.scheduler_info(n_workers=-1)["workers"])


def clients_of(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return client.run_on_scheduler(
            lambda dask_scheduler: sum(bool(c.wants_what) for c in dask_scheduler.clients.values())
        )


PLUGIN = """
import os, time
from models import autoencoders
from models.autoencoder import Autoencoder
from torch import nn
from reducers import reducers
from reducers.reducer import Reducer

SHIFT = 1.0  # travels with the class


@autoencoders.register("dying", "ends its process")
class Dying(Autoencoder):
    def __init__(self, shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 3072), nn.Unflatten(1, shape))

    def forward(self, x):
        if self.training:
            os.kill(os.getpid(), 9)
        return super().forward(x)


@reducers.register("shifted", "the first columns, moved")
class Shifted(Reducer):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit_transform(self, X, y=None):
        return X[:, : self.n_components] + SHIFT

    transform = fit_transform
"""


@pytest.mark.slow
def test_plugins_travel_and_a_model_that_kills_its_process_fails_its_cell_alone(cluster, tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    found = run_command(
        tmp_path, *FLAGS, "--models", "pixels,dying", "--reducers", "shifted2", "--plugin",
        "mine.py", "--engine", cluster.engine,
    )  # fmt: skip
    assert found.returncode == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv").set_index("model")
    assert records["status"].to_dict() == {"pixels": "ok", "dying": "failed"}
    assert "killed by signal 9" in records["error"]["dying"]


KILLER = PLUGIN.replace("os.kill(os.getpid(), 9)", "os.kill(os.getppid(), 9) or time.sleep(60)")


@pytest.mark.slow
def test_a_model_that_kills_one_worker_after_the_other_fails_its_cell_alone(cluster, tmp_path):
    (tmp_path / "mine.py").write_text(KILLER)
    found = run_command(
        tmp_path, *FLAGS, "--models", "pixels,dying", "--plugin", "mine.py", "--engine",
        cluster.engine,
    )  # fmt: skip
    assert found.returncode == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv").set_index("model")
    assert records["status"].to_dict() == {"pixels": "ok", "dying": "failed"}
    assert records["failed_stage"]["dying"] == "train"
    assert "WorkersDied" in records["error"]["dying"]


@contextmanager
def meanwhile(what):
    """Do something in another thread."""
    thread = threading.Thread(target=what)
    thread.start()
    yield
    thread.join()


@pytest.mark.slow
def test_a_worker_may_join_late(lonely, tmp_path, expected, capfd):
    def join():
        wait_for(lambda: tasks_of(lonely))
        lonely.start_worker()

    with meanwhile(join):
        found = run_here(tmp_path, lonely)
    assert "0 tasks at once, up to 1 thread each, waiting for a worker" in capfd.readouterr().err
    assert lasting(found) == expected


@pytest.mark.slow
def test_a_scheduler_that_is_started_again_is_found_again(lonely, tmp_path, expected):
    def restart():
        lonely.held("reduce")
        lonely.scheduler.kill()
        lonely.scheduler.wait()
        lonely.let_go("reduce")
        lonely.start_scheduler()
        lonely.start_worker()

    lonely.start_worker()
    lonely.want_held("reduce")
    with meanwhile(restart):
        found = run_here(tmp_path, lonely)
    assert lasting(found) == expected


GREEDY = """
import time
import numpy as np
from reducers import reducers
from reducers.reducer import Reducer


@reducers.register("greedy", "takes 800 MB")
class Greedy(Reducer):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit_transform(self, X, y=None):
        taken = np.ones(100_000_000)
        time.sleep(2)
        return X[:, : self.n_components] * np.float32(taken[0])

    def transform(self, X):
        return X[:, : self.n_components]
"""


@pytest.mark.slow
def test_a_worker_that_is_too_small_is_told_and_a_larger_one_does_it(lonely, tmp_path):
    (tmp_path / "mine.py").write_text(GREEDY)
    settings = [*FLAGS, "--reducers", "greedy2", "--plugin", "mine.py", "--engine", lonely.engine]
    lonely.start_worker(memory="700MB")
    found = run_command(tmp_path, *settings)
    assert found.returncode == 1
    assert re.search(r"failed: .*MemoryError: tcp://\S+ has 0\.7 GB for a task", found.stderr)
    lonely.start_worker(memory="2GB")
    again = run_command(tmp_path, *settings)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_a_worker_with_other_kernels_is_refused_in_one_line(lonely, tmp_path):
    lonely.start_worker(ATEN_CPU_CAPABILITY="default")
    wait_for(lambda: workers_of(lonely))
    found = run_command(tmp_path, *FLAGS, "--engine", lonely.engine)
    assert found.returncode == 2
    assert re.fullmatch(
        r"error: worker tcp://\S+ cannot work for this grid: it computes with .*\n", found.stderr
    )


def test_no_scheduler_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 0.5)
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        run_grid(**SETTINGS | {"engine": "dask:tcp://127.0.0.1:9", "device": "auto"})


@pytest.mark.slow
def test_a_scheduler_that_is_lost_for_good_is_one_line(lonely, tmp_path, monkeypatch):
    def kill():
        lonely.held("train")
        lonely.scheduler.kill()

    monkeypatch.setattr(connection, "RETURN", 1.0)
    lonely.start_worker()
    lonely.want_held("train")
    lost = "was lost, and did not come back within 1 s; finished tasks are kept"
    with meanwhile(kill), pytest.raises(RunError, match=lost):
        run_here(tmp_path, lonely)


def test_without_a_worker_what_is_to_be_found_out_is_asked_for(lonely):
    settings = SETTINGS | {"engine": lonely.engine}
    with pytest.raises(UsageError, match=r"no worker yet, .* GPUs: .* give --device cpu or"):
        run_grid(**settings | {"device": "auto"})


@pytest.mark.slow
def test_who_proves_unfit_late_is_left_out_and_others_go_on(lonely, tmp_path, expected, capfd):
    def join():
        lonely.held("train")
        lonely.start_worker(ATEN_CPU_CAPABILITY="default")
        wait_for(lambda: len(workers_of(lonely)) == 2)
        lonely.let_go("train")

    lonely.start_worker()
    wait_for(lambda: workers_of(lonely))
    lonely.want_held("train")
    with meanwhile(join):
        found = run_here(tmp_path, lonely)
    assert lasting(found) == expected
    said = without_progress(capfd.readouterr().err).splitlines()[1:]
    assert all(re.match(r"dask: worker tcp://\S+ gets no tasks: it computes with", s) for s in said)
    assert len(said) <= 1  # it may have been asked for nothing


@pytest.mark.parametrize("lacking", ["scheduler", "worker"])
def test_where_latentgrid_is_missing_is_one_line(lonely, lacking):
    if lacking == "scheduler":
        lonely.scheduler.kill()
        lonely.scheduler.wait()
        lonely.start_scheduler(WITHOUT="bench")
        lonely.start_worker()
    else:
        lonely.start_worker(WITHOUT="bench")
    wait_for(lambda: workers_of(lonely))
    told = rf"{lacking} tcp://\S+ .*No module named 'bench'.*latentgrid has to be installed on all"
    with pytest.raises(UsageError, match=told):
        run_grid(**SETTINGS, engine=lonely.engine)
