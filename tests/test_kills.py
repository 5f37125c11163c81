"""kill -9 at random moments: the next run finishes, with the same numbers byte for byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from tests.conftest import HANGING, ROOT, without_progress

# Trained long enough for checkpoints to be written and taken up.
GRID = [
    sys.executable, "-m", "bench.grid", "--dataset", "digits", "--limit", "120", "--models",
    "pixels,dnn", "--reducers", "pca5,pca9+tsne2(iterations=60)", "--seeds", "1", "--epochs", "12",
    "--checkpoint", "0.3", "--no-baselines", "--no-null",
]  # fmt: skip


def start(folder):
    return subprocess.Popen(
        GRID,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(folder):
    process = start(folder)
    _, stderr = process.communicate(timeout=HANGING)
    assert process.returncode == 0, stderr
    assert without_progress(stderr) == ""
    return lasting(folder)


def lasting(folder):
    """results.csv without its time and memory columns, as text."""
    frame = pd.read_csv(folder / "results" / "results.csv", dtype=str)
    columns = [c for c in frame if "seconds" not in c and "memory" not in c]
    return frame[columns].to_csv(index=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    expected = finish(folder)
    return expected, time.monotonic() - began


def kill_and_finish(folder, moment, whole_group):
    process = start(folder)
    time.sleep(moment)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)  # as a machine's power does
    else:
        process.kill()  # its worker is left behind, and has to notice
    process.communicate()
    found = finish(folder)
    leftovers = list((folder / ".store").glob("checkpoint/*"))
    return found, leftovers


def check(tmp_path, undisturbed, count, seed):
    expected, seconds = undisturbed
    dice = random.Random(seed)
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        # In equal parts of the run, so that few kills come to every stage as well.
        moment = seconds * (number + dice.random()) / count
        found, leftovers = kill_and_finish(folder, moment, whole_group=bool(number % 2))
        assert found == expected, f"killed after {moment:.2f} s (seed {seed})"
        assert leftovers == []
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_grid_ends_with_the_same_numbers(tmp_path, undisturbed):
    check(tmp_path, undisturbed, count=2, seed=random.randrange(10**6))


@pytest.mark.soak
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_fifty_kills(tmp_path, undisturbed):
    check(tmp_path, undisturbed, count=50, seed=random.randrange(10**6))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_two_grids_at_once_do_each_task_once(tmp_path, undisturbed):
    expected, _ = undisturbed
    one, other = start(tmp_path), start(tmp_path)
    outputs = [process.communicate(timeout=HANGING) for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], outputs
    assert lasting(tmp_path) == expected
    done = [int(out.split(" tasks done")[0].rsplit("\n", 1)[-1]) for out, _ in outputs]
    manifests = [
        m
        for m in (tmp_path / ".store").glob("*/*/manifest.json")
        if m.parts[-3] not in ("data", "images", "neighbors", "rebuilt", "thumbnails")
    ]
    assert sum(done) == len(manifests)
