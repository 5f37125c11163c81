"""A cell that fails says where and why, and stops no other; odd data are taken as they are."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import SMALL, make_images, run_grid, run_grid_process, without_progress

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
    ("dying", "none"): ("train", "WorkerDied: the worker process ended (killed by signal 9"),
    ("leaving", "none"): ("train", "WorkerDied: the worker process ended (exit code 1)"),
    ("nan-codes", "none"): ("encode", "codes or reconstructions hold values that are not finite"),
    ("fine", "raising"): ("reduce", "ZeroDivisionError: division by zero"),
    ("fine", "nans"): ("reduce", "the reduced codes hold values that are not finite"),
    ("fine", "rows"): ("reduce", "the reducer gave 59 rows for 60 images"),
    ("fine", "aborting"): ("reduce", "killed by signal 6, SIGABRT"),
}


@pytest.fixture(scope="module")
def harmed(tmp_path_factory):
    """One grid in which nearly everything fails, each in its own way."""
    folder = tmp_path_factory.mktemp("harmed")
    (folder / "harm.py").write_text(HARM)
    models = ",".join([*dict.fromkeys(model for model, _ in FAILURES), "large-codes"])
    found = run_grid_process(
        folder, "--plugin", "harm.py", "--models", models, "--reducers",
        "none,raising,nans,rows,aborting", "--limit", "60", "--seeds", "1", "--epochs", "2",
        "--batch-size", "16", "--no-null", "--no-baselines",
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
    said = without_progress(found.stderr).splitlines()
    assert all(line.startswith("failed: ") for line in said), said
    fine = records[(records["chain"] == "none") & records["model"].isin(["fine", "large-codes"])]
    assert fine["status"].tolist() == ["ok", "ok"]
    # Out of memory once, then encoded in smaller batches.
    assert fine.set_index("model")["encode_batch_size"].to_dict() == {
        "fine": 256,
        "large-codes": 16,
    }
    text = (folder / "results" / "results.md").read_text()
    assert "### Failed runs" in text
    assert r"out of memory \| on purpose" in text


def test_fail_fast_stops_and_shows_the_rest_as_skipped(harmed, tmp_path):
    _, _, folder = harmed
    found = run_grid(
        tmp_path, "--plugin", folder / "harm.py", "--models", "raising,fine", "--reducers", "pca2",
        "--limit", "60", "--seeds", "2", "--epochs", "1", "--fail-fast", "--no-null",
        "--no-baselines",
    )  # fmt: skip
    assert found.returncode == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["failed", "skipped", "skipped", "skipped"]
    assert records["skip_reason"][1] == "stopped after the first failure, in train (fail-fast)"
    text = (tmp_path / "results" / "results.md").read_text()
    assert "### Skipped runs" in text


def test_a_chain_that_some_models_cannot_take_is_skipped_there(harmed, tmp_path):
    _, _, folder = harmed
    found = run_grid(
        tmp_path, "--plugin", folder / "harm.py", "--models", "pixels,fine", "--reducers",
        "pca9,pca5", "--limit", "60", "--seeds", "1", "--epochs", "1", "--no-null",
        "--no-baselines",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["ok", "ok", "skipped", "ok"]
    assert "pca9: " in records["skip_reason"][2]
    assert "note: skipped: reducer chain 'pca9' cannot work on fine" in found.stdout


@pytest.mark.slow
def test_one_class_counts_as_none(tmp_path):
    (tmp_path / "one-class").mkdir()
    np.save(tmp_path / "one-class" / "trainX.npy", make_images(30)[0])
    np.save(tmp_path / "one-class" / "trainY.npy", np.zeros(30, int))
    found = run_grid(tmp_path, *SMALL, "--dataset", "npy:one-class")
    assert found.returncode == 0, found.stderr
    assert "note: Only one label, 0: the images count as unlabeled." in found.stdout
    assert pd.read_csv(tmp_path / "results" / "results.csv")["accuracy"].isna().all()


def test_images_of_one_color_each_and_odd_names(tmp_path):
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
    found = run_grid(tmp_path, *SMALL, "--dataset", f"folder:{folder}", "--clusters", "2")
    assert found.returncode == 0, found.stderr
    assert "\x1b" not in found.stdout
    text = (tmp_path / "results" / "results.md").read_text()
    assert r"\<script\>.png" in text
    (table,) = (tmp_path / "results" / "assignments").glob("*.csv")
    images = pd.read_csv(table)["image"]
    assert len(images) == 12
    assert r"\xff\xfe.png" in set(images)
