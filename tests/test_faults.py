"""Whatever goes wrong is one line that says what to do, and loses nothing."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import grid
from tests.conftest import ROOT, make_images

SMALL = ["--models", "pixels", "--reducers", "pca5", "--seeds", "1"]


def save_npy(folder, labels=None, **arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with every bad input that a case below names, and what it must not lose."""
    monkeypatch.chdir(tmp_path)
    images, labels = make_images(30)
    save_npy(tmp_path / "good", trainX=images, trainY=labels)
    save_npy(tmp_path / "same", trainX=np.full((30, 32, 32, 3), 7, np.uint8))
    save_npy(tmp_path / "one", trainX=images[:1])
    save_npy(tmp_path / "short", trainX=images, trainY=labels[:-1])
    save_npy(tmp_path / "nan", trainX=np.full((4, 32, 32, 3), np.nan, np.float32))
    save_npy(tmp_path / "dtype", trainX=images.astype(np.int32))
    save_npy(tmp_path / "complex", trainX=images.astype(np.complex64))
    save_npy(tmp_path / "shape", trainX=images[..., :2])
    save_npy(tmp_path / "none", trainX=images[:0])
    save_npy(tmp_path / "scalar", trainX=np.uint8(3))
    save_npy(tmp_path / "object", trainX=np.array([print, 1], object))
    save_npy(tmp_path / "labels", trainX=images, trainY=np.full(30, 1.5))
    save_npy(tmp_path / "half", trainX=images, valX=images)
    save_npy(tmp_path / "other", trainX=images, trainY=labels, valX=images, valY=labels + 9)
    save_npy(tmp_path / "cut", trainX=images)
    data = (tmp_path / "cut" / "trainX.npy").read_bytes()
    (tmp_path / "cut" / "trainX.npy").write_bytes(data[:-1000])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "trainX.npy").write_text("no array")
    header = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 99999, 99999, 3), }".ljust(117)
        + b"\n"
    )
    (tmp_path / "bomb").mkdir()
    with open(tmp_path / "bomb" / "trainX.npy", "wb") as file:
        file.write(header)
        file.truncate(len(header) + 2 * 99999 * 99999 * 3)  # sparse: takes no disk
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"\x89PNG nonsense")
    (tmp_path / "file").write_text("")
    (tmp_path / "typo.toml").write_text("epocs = 3\n")
    (tmp_path / "wrong.toml").write_text("epochs = [\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    return tmp_path


MISUSE = [
    # data
    (["--dataset", "npy:same"], "all 30 images are the same: there is nothing to tell apart"),
    (["--dataset", "npy:one", "--clusters", "1"], "1 image to group: at least 2 are needed"),
    (
        ["--dataset", "npy:good", "--clusters", "31"],
        "31 clusters of 30 images: allowed are 1 to 30",
    ),
    (["--dataset", "npy:short"], "shape (29,): expected (30,)"),
    (["--dataset", "npy:nan"], "holds values from nan to nan: allowed are 0..1 or 0..255, no NaN"),
    (["--dataset", "npy:dtype"], "dtype int32: allowed are uint8, or float"),
    (["--dataset", "npy:complex"], "dtype complex64: allowed are uint8, or float"),
    (["--dataset", "npy:shape"], "shape (30, 32, 32, 2): allowed are (n, height, width, 3)"),
    (["--dataset", "npy:none"], "is empty: its shape is (0, 32, 32, 3)"),
    (["--dataset", "npy:scalar"], "has shape (): allowed are"),
    (["--dataset", "npy:object"], "it holds pickled objects, which are refused"),
    (["--dataset", "npy:labels"], "dtype float64: allowed are whole numbers, booleans and text"),
    (["--dataset", "npy:half"], "holds valX.npy without valY.npy"),
    (["--dataset", "npy:other"], "none of the validation labels (9, 10) is a label"),
    (["--dataset", "npy:cut"], "it is not a whole .npy array"),
    (["--dataset", "npy:text"], "it is not a whole .npy array"),
    (["--dataset", "npy:bomb"], "holds images of 99999×99999 pixels: allowed are"),
    (["--dataset", "npy:nowhere"], "no trainX.npy in nowhere"),
    (["--dataset", "npy"], "needs a folder"),
    (["--dataset", "folder:empty"], "no readable image in empty: 0 files found"),
    (["--dataset", "folder:broken"], "no readable image in broken: 1 files found"),
    (["--dataset", "folder:nowhere"], "no such folder: nowhere"),
    (["--dataset", "digits:3"], "takes no argument"),
    # names
    (["--dataset", "digit"], "unknown data set 'digit': did you mean 'digits'?"),
    (["--models", "cnm"], "unknown model 'cnm': did you mean 'cnn'?"),
    (["--reducers", "tnse2"], "unknown reducer 'tnse': did you mean 'tsne'?"),
    (["--preset", "quik"], "unknown preset 'quik': did you mean 'quick'?"),
    (["--device", "tpu"], "device: should be 'auto', 'cpu', 'cuda' or 'mps', found 'tpu'"),
    # chains
    (["--reducers", "pca700"], "'pca700' cannot work on pixels, digits: pca700:"),
    (["--reducers", "pca5+none"], "none stands alone"),
    (["--reducers", "tsne5"], "embeds in 1 to 3 dimensions"),
    (["--reducers", "pca5(whiten=)"], "cannot read 'whiten='; a parameter looks like key=value"),
    (["--reducers", "pca"], "pca needs a number of dimensions, such as pca64"),
    # settings
    (["--seeds", "0"], "seeds: should be greater than or equal to 1, found '0'"),
    (["--epochs", "-1"], "epochs: should be greater than or equal to 1, found '-1'"),
    (["--lr", "0"], "lr: should be greater than 0, found '0'"),
    (["--lr", "inf"], "lr: should be a finite number, found 'inf'"),
    (["--batch-size", "0"], "batch_size: should be greater than or equal to 1"),
    (["--limit", "0"], "limit: must be a whole number from 1, or all; found 0"),
    (["--limit", "1", "--clusters", "1"], "1 image to group"),
    (["--threads", "0"], "threads: should be greater than or equal to 1"),
    (["--checkpoint", "0"], "checkpoint: should be greater than 0, found '0'"),
    (["--clusters", "0"], "clusters: should be greater than or equal to 1"),
    (["--seeds", "many"], "unable to parse string as an integer, found 'many'"),
    # flags
    (["--sedes", "2"], "No such option: --sedes"),
    (["--only-cached", "--force"], "--only-cached computes nothing and --force is about"),
    (["--only-cached", "--fail-fast"], "--only-cached computes nothing and --fail-fast is about"),
    (["--only-cached"], "nothing of this grid is in .store: run it without --only-cached"),
    # files
    (["--config", "typo.toml"], "unknown setting 'epocs': did you mean 'epochs'?"),
    (["--config", "wrong.toml"], "cannot read configuration file wrong.toml"),
    (["--config", "binary.toml"], "cannot read configuration file binary.toml"),
    (["--config", "none.toml"], "no such configuration file: none.toml"),
    (["--config", "."], "cannot read configuration file ."),
    (["--plugin", "raises.py"], "plugin raises.py failed with ZeroDivisionError"),
    (["--plugin", "none.py"], "no such plugin file: none.py"),
    (["--out", "file"], "results folder file is a file"),
    (["--out", "/proc/nowhere"], "results folder /proc/nowhere cannot be written"),
    (["--store", "file"], "store file cannot be written"),
    (["--store", "/proc/nowhere"], "store /proc/nowhere cannot be written"),
]


@pytest.mark.parametrize(("arguments", "message"), MISUSE, ids=lambda value: " ".join(value)[:60])
def test_misuse_is_one_line_and_exit_code_2(place, capsys, arguments, message):
    """The command itself, in this process: fifty times the start of Python would be a minute."""
    if any("/proc" in word for word in arguments) and sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    before = {path for path in place.rglob("*") if ".store" not in path.parts}
    given = {word for word in arguments if word.startswith("--")}
    defaults = [SMALL[i : i + 2] for i in range(0, len(SMALL), 2) if SMALL[i] not in given]
    with pytest.raises(SystemExit) as end:
        grid.main([*arguments, *(word for pair in defaults for word in pair)])
    shown = capsys.readouterr()
    assert end.value.code == 2
    assert message in shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    lost = before - set(place.rglob("*"))
    assert not lost


HARM = """
import os, sys
import numpy as np
import torch
from torch import nn
from models import autoencoders
from models.autoencoder import Autoencoder
from models.pixels import Pixels
from reducers import reducers
from reducers.reducer import Reducer


def model(name, train=None, evaluate=None):
    class Harmful(Autoencoder):
        def __init__(self, shape):
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8))
            self.decoder = nn.Sequential(nn.Linear(8, 3072), nn.Unflatten(1, shape))

        def forward(self, x):
            code, out = super().forward(x)
            harm = train if self.training else evaluate
            return harm(x, code, out) if harm and (self.training or len(x) > 1) else (code, out)

    autoencoders.register(name, "does harm")(Harmful)


def too_large(most):
    def harm(x, code, out):
        if len(x) > most:
            raise torch.OutOfMemoryError("out of memory | on purpose")
        return code, out
    return harm


def raises(x, code, out):
    print("said before it raised")
    raise KeyError("on\\npurpose")


model("fine")
model("nans", lambda x, c, o: (c, o * float("nan")))
model("infinite", lambda x, c, o: (c, o * 1e30))
model("large", too_large(5))
model("larger", too_large(0))
model("large-codes", None, too_large(20))
model("raising", raises)
model("dying", lambda x, c, o: os.kill(os.getpid(), 9))
model("leaving", lambda x, c, o: sys.exit("on purpose"))
model("nan-codes", None, lambda x, c, o: (c * float("nan"), o))


def reducer(name, fit):
    class Harmful(Reducer):
        def fit_transform(self, X, y=None):
            return fit(X)

    reducers.register(name, "does harm")(Harmful)


reducer("raising", lambda X: 1 / 0)
reducer("nans", lambda X: X * np.nan)
reducer("rows", lambda X: X[1:])
reducer("aborting", lambda X: os.abort())
"""

FAILURES = {
    ("nans", "none"): ("train", "the loss became nan in epoch 1 of training with lr"),
    ("infinite", "none"): ("train", "in epoch 1 of training with lr"),
    ("large", "none"): (
        "train",
        "batches of 16 do not fit in the memory of cpu; batches of 4 would",
    ),
    ("larger", "none"): ("train", "of cpu; nor does a single image"),
    ("raising", "none"): ("train", "KeyError: 'on\\npurpose'"),
    ("dying", "none"): ("train", "WorkerDied: the process that did this ended (killed by signal 9"),
    ("leaving", "none"): ("train", "WorkerDied: the process that did this ended (exit code 1)"),
    ("nan-codes", "none"): ("encode", "codes or reconstructions hold values that are not finite"),
    ("fine", "raising"): ("reduce", "ZeroDivisionError: division by zero"),
    ("fine", "nans"): ("reduce", "the reduced codes hold values that are not finite"),
    ("fine", "rows"): ("reduce", "the reducer gave 59 rows for 60 images"),
    ("fine", "aborting"): ("reduce", "killed by signal 6, SIGABRT"),
}


def run(folder, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "bench.grid", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        **options,
    )


@pytest.fixture(scope="module")
def harmed(tmp_path_factory):
    """One grid in which nearly everything fails, each in its own way."""
    folder = tmp_path_factory.mktemp("harmed")
    (folder / "harm.py").write_text(HARM)
    models = ",".join([*dict.fromkeys(model for model, _ in FAILURES), "large-codes"])
    found = run(
        folder, "--plugin", "harm.py", "--models", models, "--reducers",
        "none,raising,nans,rows,aborting", "--limit", "60", "--seeds", "1", "--epochs", "2",
    )  # fmt: skip
    return found, pd.read_csv(folder / "results" / "results.csv"), folder


@pytest.mark.parametrize(
    ("cell", "expected"), FAILURES.items(), ids=lambda value: " ".join(value)[:40]
)
def test_a_failed_cell_says_where_and_why_and_keeps_the_traceback(harmed, cell, expected):
    _, records, folder = harmed
    record = records[(records["model"] == cell[0]) & (records["chain"] == cell[1])].iloc[0]
    assert record["status"] == "failed"
    assert record["failed_stage"] == expected[0]
    assert expected[1] in record["error"]
    assert "\n" not in record["error"]
    assert np.isnan(record["accuracy"])
    kept = (folder / record["traceback"]).read_text()
    assert record["error"].split(":")[0] in kept
    if cell[0] == "raising":
        assert "said before it raised" in kept


def test_failures_do_not_stop_other_cells_and_are_told(harmed):
    found, records, folder = harmed
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert all(line.startswith("failed: ") for line in found.stderr.splitlines())
    fine = records[(records["chain"] == "none") & records["model"].isin(["fine", "large-codes"])]
    assert fine["status"].tolist() == ["ok", "ok"]
    # Out of memory once, then encoded in smaller batches.
    assert fine.set_index("model")["encode_batch_size"].to_dict() == {
        "fine": 256,
        "large-codes": 16,
    }
    text = (folder / "results" / "results.md").read_text()
    assert "### Failed cells" in text
    assert r"out of memory \| on purpose" in text


def test_fail_fast_stops_and_shows_the_rest_as_skipped(harmed, tmp_path):
    _, _, folder = harmed
    found = run(
        tmp_path, "--plugin", folder / "harm.py", "--models", "raising,fine", "--reducers", "pca2",
        "--limit", "60", "--seeds", "2", "--epochs", "1", "--fail-fast",
    )  # fmt: skip
    assert found.returncode == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["failed", "skipped", "skipped", "skipped"]
    assert records["skip_reason"][1] == "stopped after the first failure, in train (fail-fast)"
    text = (tmp_path / "results" / "results.md").read_text()
    assert "### Skipped cells" in text


def test_a_chain_that_some_models_cannot_take_is_skipped_there(harmed, tmp_path):
    _, _, folder = harmed
    found = run(
        tmp_path, "--plugin", folder / "harm.py", "--models", "pixels,fine", "--reducers",
        "pca9,pca5", "--limit", "60", "--seeds", "1", "--epochs", "1",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["ok", "ok", "skipped", "ok"]
    assert "pca9: " in records["skip_reason"][2]
    assert "note: skipped: reducer chain 'pca9' cannot work on fine" in found.stdout


def test_one_class_is_accepted_and_flagged(place):
    save_npy(place / "one-class", trainX=make_images(30)[0], trainY=np.zeros(30, int))
    found = run(place, "--dataset", "npy:one-class", *SMALL)
    assert found.returncode == 0, found.stderr
    assert "note: One label only, 0: with one cluster accuracy is 1 by definition." in found.stdout
    assert pd.read_csv(place / "results" / "results.csv")["accuracy"].tolist() == [1.0]


def test_images_of_one_colour_each_and_odd_names(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        "<b>&|`.png",
        "a\x1b[31m.png",
        "new\nline.png",
        b"\xff\xfe.png".decode(errors="surrogateescape"),
    ]
    for number, name in enumerate([*names, *(f"{i}.png" for i in range(8))]):
        Image.new("RGB", (8, 8), (20 * number, 100, 50)).save(
            os.fsencode(folder / name).decode(errors="surrogateescape")
        )
    (folder / "<script>.png").write_text("no image")
    found = run(tmp_path, "--dataset", f"folder:{folder}", "--clusters", "2", *SMALL)
    assert found.returncode == 0, found.stderr
    assert "\x1b" not in found.stdout
    text = (tmp_path / "results" / "results.md").read_text()
    assert r"\<script\>.png" in text
    (table,) = (tmp_path / "results" / "assignments").glob("*.csv")
    images = pd.read_csv(table)["image"]
    assert len(images) == 12
    assert r"\xff\xfe.png" in set(images)


def test_a_damaged_store_is_mended(tmp_path):
    """Whatever is altered, the next run notices, sets it aside and ends with the same numbers."""
    arguments = ["--models", "untrained-dnn", "--reducers", "pca2", "--seeds", "1", "--limit", "60"]
    assert run(tmp_path, *arguments).returncode == 0
    once = pd.read_csv(tmp_path / "results" / "results.csv")["accuracy"]
    files = sorted((tmp_path / ".store").glob("*/*/arrays.safetensors"))
    assert len(files) == 6
    for file in files:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    (score,) = (tmp_path / ".store").glob("score/*/manifest.json")
    score.write_text(score.read_text().replace("accuracy", "acurracy"))
    for path in (tmp_path / "results" / "figures").glob("*.png"):
        path.unlink()  # so that they are read again
    found = run(tmp_path, *arguments)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("was damaged") >= 3
    assert "set aside in .store/damaged/" in found.stdout
    assert pd.read_csv(tmp_path / "results" / "results.csv")["accuracy"].equals(once)


def test_force_does_it_all_again_and_only_cached_reports_what_is_there(tmp_path):
    run(tmp_path, *SMALL, "--limit", "60")
    forced = run(tmp_path, *SMALL, "--limit", "60", "--force")
    assert "5 tasks done, 0 were in .store" in forced.stdout
    found = run(tmp_path, "--models", "pixels,dnn", *SMALL[2:], "--limit", "60", "--only-cached")
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["ok", "skipped"]
    assert records["skip_reason"][1] == "its train is not in the store (only-cached)"


def test_the_store_of_the_environment_serves_two_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTGRID_STORE", str(tmp_path / "shared"))
    for name, done in (("a", 5), ("b", 0)):
        (tmp_path / name).mkdir()
        found = run(tmp_path / name, *SMALL, "--limit", "60")
        assert f"{done} tasks done" in found.stdout
        assert not (tmp_path / name / ".store").exists()


def test_a_disk_that_fills_up_is_one_line_and_keeps_what_was_done(tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    arguments = ["--models", "pixels,dnn", *SMALL[2:], "--limit", "60", "--epochs", "1"]
    found = run(tmp_path, *arguments, preexec_fn=small_files)
    assert found.returncode == 1
    assert found.stderr.startswith(
        "error: store .store could not be written (File too large): free"
    )
    assert found.stderr.count("\n") == 1
    again = run(tmp_path, *arguments)
    assert "5 tasks done, 5 were in .store" in again.stdout


SLOW = """
import functools, pathlib, time
from bench import stages

def slowly(stage):
    @functools.wraps(stage)
    def slow(*arguments, **options):
        pathlib.Path("reached").touch()
        time.sleep(60)
    return slow

stages.{stage} = slowly(stages.{stage})
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("stage", "number", "kept"),
    [
        ("train", signal.SIGINT, 0),
        ("encode", signal.SIGINT, 1),
        ("reduce", signal.SIGINT, 2),
        ("cluster", signal.SIGINT, 3),
        ("score", signal.SIGINT, 4),
        ("score", signal.SIGTERM, 4),
    ],
)
def test_a_stop_in_any_stage_is_one_line_and_loses_nothing(tmp_path, stage, number, kept):
    (tmp_path / "slow.py").write_text(SLOW.format(stage=stage))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.grid", *SMALL, "--limit", "60", "--plugin", "slow.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores SIGINT, and its children would as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "reached").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert stderr == (
        f"interrupted: {kept} of 5 tasks are in .store; the same command goes on from there\n"
    )
    if number == signal.SIGTERM:
        again = run(tmp_path, *SMALL, "--limit", "60")
        assert f"{5 - kept} tasks done, {kept} were in .store" in again.stdout
