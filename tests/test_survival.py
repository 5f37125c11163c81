"""A run that is stopped, or whose disk fails it, loses nothing that was done."""

import os
import re
import resource
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from tests.conftest import (
    HANGING,
    ROOT,
    SMALL,
    run_grid,
    run_grid_process,
    without_progress,
)


@pytest.mark.slow
def test_a_damaged_store_is_mended(tmp_path):
    """Whatever is altered, the next run notices, sets it aside and ends with the same numbers."""
    arguments = [
        "--models", "untrained-dnn", "--reducers", "pca2", "--seeds", "1", "--limit", "60",
        "--no-null", "--no-baselines",
    ]  # fmt: skip
    assert run_grid(tmp_path, *arguments).returncode == 0
    once = pd.read_csv(tmp_path / "results" / "results.csv")["accuracy"]
    files = sorted((tmp_path / ".store").glob("*/*/arrays.safetensors"))
    assert len(files) == 14
    for file in files:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    (score,) = (tmp_path / ".store").glob("score/*/manifest.json")
    score.write_text(score.read_text().replace("accuracy", "acurracy"))
    for path in (tmp_path / "results" / "figures").glob("*.png"):
        path.unlink()  # so that they are read again
    found = run_grid_process(tmp_path, *arguments)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("was damaged") >= 3
    assert "set aside in .store/damaged/" in found.stdout
    assert pd.read_csv(tmp_path / "results" / "results.csv")["accuracy"].equals(once)


@pytest.mark.slow
def test_force_does_it_all_again_and_only_cached_reports_what_is_there(tmp_path):
    run_grid(tmp_path, *SMALL, "--limit", "60")
    forced = run_grid(tmp_path, *SMALL, "--limit", "60", "--force")
    assert "8 tasks done, 0 were in .store" in forced.stdout
    found = run_grid(
        tmp_path, "--models", "pixels,dnn", *SMALL[2:], "--limit", "60", "--only-cached"
    )
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["ok", "skipped"]
    assert records["skip_reason"][1] == "its train is not in the store (only-cached)"


def test_the_store_of_the_environment_serves_two_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTGRID_STORE", str(tmp_path / "shared"))
    for name, done in (("a", 8), ("b", 0)):
        (tmp_path / name).mkdir()
        found = run_grid(tmp_path / name, *SMALL, "--limit", "60")
        assert f"{done} tasks done" in found.stdout
        assert not (tmp_path / name / ".store").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_and_keeps_what_was_done(tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    arguments = ["--models", "pixels,dnn", *SMALL[2:], "--limit", "60", "--epochs", "1"]
    found = run_grid_process(tmp_path, *arguments, preexec_fn=small_files)
    assert found.returncode == 1
    assert found.stderr.startswith(
        "error: store .store could not be written (File too large): free"
    )
    assert found.stderr.count("\n") == 1
    again = run_grid(tmp_path, *arguments)
    assert "8 tasks done, 8 were in .store" in again.stdout


SLOW = """
import functools, pathlib, time
import importlib

def slowly(stage):
    @functools.wraps(stage)
    def slow(*arguments, **options):
        pathlib.Path("reached").touch()
        time.sleep(3600)
    return slow

module = importlib.import_module("bench.stages.{stage}")
module.{stage} = slowly(module.{stage})
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("stage", "number", "kept"),
    [
        ("train", signal.SIGINT, 1),
        pytest.param("encode", signal.SIGINT, 2, marks=pytest.mark.slow),
        ("reduce", signal.SIGINT, 4),
        pytest.param("cluster", signal.SIGINT, 5, marks=pytest.mark.slow),
        pytest.param("measure", signal.SIGINT, 6, marks=pytest.mark.slow),
        ("score", signal.SIGTERM, 7),
    ],
)
def test_a_stop_in_any_stage_is_one_line_and_loses_nothing(tmp_path, stage, number, kept):
    assert stopped_in(tmp_path, stage, number) == (
        f"interrupted: {kept} of 8 tasks are in .store; the same command continues\n"
    )
    if number == signal.SIGTERM:
        again = run_grid(tmp_path, *SMALL, "--limit", "60")
        assert f"{8 - kept} tasks done, {kept} were in .store" in again.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_stop_of_two_workers_is_one_line_and_loses_nothing(tmp_path):
    said = stopped_in(tmp_path, "reduce", signal.SIGINT, "--workers", "2", "--threads", "1")
    found = re.fullmatch(r"interrupted: ([2-4]) of 8 tasks are in \.store; the same .*\n", said)
    assert found, said
    again = run_grid_process(tmp_path, *SMALL, "--limit", "60", "--workers", "2", "--threads", "1")
    assert f"{8 - int(found[1])} tasks done, {found[1]} were in .store" in again.stdout


def stopped_in(tmp_path, stage, number, *more):
    """Stop a grid in a stage; return what it says."""
    (tmp_path / "slow.py").write_text(SLOW.format(stage=stage))
    grid = [*SMALL, "--limit", "60", "--plugin", "slow.py", *more]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.grid", *grid],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores SIGINT, and its children would as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (tmp_path / "reached").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=HANGING)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    return without_progress(stderr)
