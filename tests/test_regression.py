"""Trains for real, with an empty store, and holds the committed thresholds.

Then breaks what must not break, one thing at a time, and sees that the gate catches it.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import HANGING, ROOT, run_module

THRESHOLDS = ROOT / "results" / "thresholds.toml"

pytestmark = pytest.mark.regression

# Each is a plugin: it is run before anything else, in the process that trains as well. What it
# replaces is another class or function, so that its results have keys of their own.
BREAK = {
    "zero encoder": """
import torch
from models import autoencoders
from models.dnn import DNN
autoencoders.unregister("dnn")

@autoencoders.register("dnn", "its encoder returns zeros")
class Broken(DNN):
    def forward(self, x):
        code = torch.zeros_like(self.encoder(x))
        return code, self.decoder(code)
""",
    "never trained": """
from models import autoencoders
from models.dnn import DNN
autoencoders.unregister("dnn")

@autoencoders.register("dnn", "is never trained")
class Broken(DNN):
    trains = False
    family = "dnn"
""",
    "decoder cut off": """
import torch
from models import autoencoders
from models.dnn import DNN
autoencoders.unregister("dnn")

@autoencoders.register("dnn", "its decoder gives one color")
class Broken(DNN):
    def forward(self, x):
        code = self.encoder(x)
        return code, 0 * self.decoder(code)
""",
    "labels permuted": """
import numpy as np
from bench.datasets import datasets, photos
load = photos.load
datasets.unregister("photos")

@datasets.register("photos", "its labels are permuted")
def broken(argument, progress):
    source = load(argument, progress)
    order = np.random.default_rng(0).permutation(source.count)
    import dataclasses
    return dataclasses.replace(source, labels=source.labels[order])
""",
}


def grid(folder, *arguments, codes=(0,)):
    found = subprocess.run(
        [sys.executable, "-m", "bench.grid", "--preset", "regression", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANGING,
    )
    assert found.returncode in codes, found.stderr


def gate(folder):
    found = run_module("bench.check", "--thresholds", THRESHOLDS, "--json", "gate.json", cwd=folder)
    short = [  # what was measured and is worse; what was left out of a run is missing
        (v["model"], v["metric"])
        for v in json.loads((folder / "gate.json").read_text())["verdicts"]
        if v["verdict"] == "falls short" and v["reason"] != "missing"
    ]
    return found, short


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regression")
    grid(folder)
    return folder


@pytest.fixture
def copied(healthy, tmp_path):
    """A folder with the healthy run's store: only what a breakage changes is computed."""
    shutil.copytree(healthy / ".store", tmp_path / ".store")
    return tmp_path


def test_the_thresholds_hold(healthy):
    found, short = gate(healthy)
    assert short == []
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("breakage", "caught_by"),
    [
        ("zero encoder", [("dnn", "accuracy"), ("dnn", "loss")]),
        ("never trained", [("dnn", "accuracy"), ("dnn", "loss")]),
        ("decoder cut off", [("dnn", "loss")]),
        ("labels permuted", [("pixels", "accuracy")]),
    ],
)
def test_what_is_broken_is_caught(copied, breakage, caught_by):
    (copied / "broken.py").write_text(BREAK[breakage])
    model = "pixels" if breakage == "labels permuted" else "dnn"
    grid(copied, "--plugin", "broken.py", "--models", model, "--reducers", "pca8", codes=(0, 1))
    found, short = gate(copied)
    assert found.returncode == 1
    assert set(caught_by) <= set(short), found.stdout


def test_a_wrong_learning_rate_is_caught_by_the_loss(copied):
    grid(copied, "--lr", "3e-6", "--models", "dnn", "--reducers", "pca8")
    found, short = gate(copied)
    assert found.returncode == 1
    assert ("dnn", "loss") in short, found.stdout
