"""The real command, run as users run it."""

import json
import os
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest

from bench.analysis import correctness
from bench.analysis.results import VERDICT_COLUMNS
from bench.store import ARRAYS
from tests.conftest import ROOT, run_python, without_progress

TINY = [
    "--no-null",
    "--no-baselines",
    "--limit",
    "150",
    "--models",
    "pixels,dnn",
    "--reducers",
    "pca9,pca9+tsne2",
    "--epochs",
    "1",
]


def columns_that_repeat(path):
    """results.csv without times and memory."""
    frame = pd.read_csv(path, dtype=str)
    return frame[[c for c in frame if "seconds" not in c and "memory" not in c]]


def artifacts(store):
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob(ARRAYS))}


def test_a_run_then_again_then_elsewhere(command, tmp_path):
    first = command(*TINY, "--seeds", "2")
    assert first.returncode == 0, first.stderr
    assert without_progress(first.stderr) == ""  # quiet where there is no terminal
    assert "see results/results.md" in first.stdout
    assert "42 tasks done, 0 were in .store" in first.stdout
    out = tmp_path / "results"
    expected = {
        "results.md", "results.csv", "results.tex", "grid.toml", "assignments.csv",
        correctness.FILE, "figures", "index.html",
    }  # fmt: skip
    assert {path.name for path in out.iterdir()} == expected
    once = columns_that_repeat(out / "results.csv")

    again = command(*TINY, "--seeds", "2")
    assert "0 tasks done, 42 were in .store" in again.stdout
    pd.testing.assert_frame_equal(columns_that_repeat(out / "results.csv"), once)

    # One chain more: only its own tasks are missing, and no other cell changes.
    more = command(*TINY[:-3], "pca9,pca9+tsne2,pca7", "--epochs", "1", "--seeds", "2")
    assert "15 tasks done, 42 were in .store" in more.stdout
    grown = columns_that_repeat(out / "results.csv")
    kept = grown[grown["chain"] != "pca7"].reset_index(drop=True)
    # Verdicts are of all pipelines together.
    verdicts = [*VERDICT_COLUMNS]
    pd.testing.assert_frame_equal(kept.drop(columns=verdicts), once.drop(columns=verdicts))

    # The resolved configuration runs again as it is, elsewhere, to the same numbers.
    config = tomllib.loads((out / "grid.toml").read_text())
    assert config["device"] == "cpu"
    assert config["clusters"] == 10
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fresh = command("--config", out / "grid.toml", cwd=elsewhere)
    assert "57 tasks done, 0 were in .store" in fresh.stdout
    pd.testing.assert_frame_equal(columns_that_repeat(elsewhere / "results" / "results.csv"), grown)
    assert artifacts(elsewhere / ".store") == artifacts(tmp_path / ".store")


def test_permuting_labels_leaves_all_before_scoring_as_it_was(npy_folder, tmp_path):
    settings = {
        "dataset": f"npy:{npy_folder}",
        "models": "dnn",
        "reducers": "pca5,pca5+tsne2",
        "epochs": 1,
        "seeds": 1,
        "null": False,
        "baselines": False,
        "device": "cpu",
    }
    before = run_python(**settings, out=tmp_path / "a", store=tmp_path / "sa")
    for name in ("trainY", "valY"):
        labels = np.load(npy_folder / f"{name}.npy")
        np.save(npy_folder / f"{name}.npy", np.random.default_rng(1).permutation(labels))
    after = run_python(**settings, out=tmp_path / "b", store=tmp_path / "sb")
    assert before["accuracy"][0] > 0.9
    assert after["accuracy"][0] < 0.8
    one, other = artifacts(tmp_path / "sa"), artifacts(tmp_path / "sb")

    def unscored(found):
        return {n: data for n, data in found.items() if not n.startswith(("score", "data"))}

    assert len(unscored(one)) == 16
    assert unscored(one) == unscored(other)


def test_homework_form_gives_id_and_label(command, npy_folder, tmp_path):
    found = command(
        "--dataset", f"npy:{npy_folder}", "--models", "pixels", "--reducers", "pca5",
        "--seeds", "1", "--no-baselines",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    table = pd.read_csv(tmp_path / "results" / "assignments.csv")
    assert list(table.columns) == ["id", "label"]
    assert (table["label"] == np.load(npy_folder / "trainY.npy")).mean() > 0.95
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["validation_accuracy"][0] > 0.9


def test_unlabeled_images_get_clusters_and_pictures(command, image_folder, tmp_path):
    flat = image_folder / "dark"
    chains = ["--models", "pixels", "--reducers", "pca2,pca5", "--seeds", "2", "--no-baselines"]
    refused = command("--dataset", f"folder:{flat}", *chains)
    assert refused.returncode == 2
    assert "--clusters N" in refused.stderr
    found = command("--dataset", f"folder:{flat}", "--clusters", "2", *chains)
    assert found.returncode == 0, found.stderr
    out = tmp_path / "results"
    files = sorted((out / "assignments").glob("*.csv"))
    assert len(files) == 4  # two pipelines, two seeds
    table = pd.read_csv(files[0])
    assert list(table.columns) == ["image", "cluster"]
    assert table["image"][0].endswith(".png")
    text = (out / "results.md").read_text()
    assert "have no labels" in text
    assert "Colored by cluster" in text
    assert not (out / "figures" / "accuracy.png").exists()


def test_training_images_without_labels_are_ranked_by_validation(command, npy_folder, tmp_path):
    (npy_folder / "trainY.npy").unlink()
    found = command(
        "--dataset", f"npy:{npy_folder}", "--models", "pixels", "--reducers", "pca2,pca5",
        "--seeds", "1",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    text = (tmp_path / "results" / "results.md").read_text()
    assert "the pipeline was chosen by the same images" in text
    assert "label, validation images" in text
    assert pd.read_csv(tmp_path / "results" / "assignments.csv")["label"].isin([0, 1]).all()


def test_dry_run_does_nothing_and_tells_all(command, tmp_path):
    found = command(*TINY, "--seeds", "2", "--dry-run")
    assert found.returncode == 0, found.stderr
    assert "8 runs on digits, 150 images, 10 clusters" in found.stdout
    stages = "reference, train, encode, rank, reduce, cluster, measure, score"
    assert found.stdout.count(f"to do: {stages}") == 8
    assert "42 of 42 distinct tasks to do: about" in found.stdout
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / ".store").exists()


def test_baselines_are_there_although_only_one_model_and_chain_are_asked_for(command, tmp_path):
    asked = ["--models", "dnn", "--reducers", "pca9", "--limit", "100", "--seeds", "1", "--no-null"]
    asked += ["--epochs", "1"]
    planned = command(*asked, "--dry-run").stdout.splitlines()
    rows = [line.split()[:2] for line in planned if "seed 0" in line]
    assert rows == [
        [model, chain] for model in ("pixels", "untrained-dnn", "dnn") for chain in ("none", "pca9")
    ]
    bare = command(*asked, "--no-baselines")
    assert "9 tasks done, 0 were in .store" in bare.stdout
    found = command(*asked)
    assert found.returncode == 0, found.stderr
    assert " 9 were in .store" in found.stdout  # what was asked for is as it was
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records[["model", "chain"]].values.tolist() == rows
    assert (records["status"] == "ok").all()
    for model in ("pixels", "untrained-dnn", "dnn", "always the largest class"):
        assert f"| {model} " in (tmp_path / "results" / "results.md").read_text()
    again = command("--config", "results/grid.toml")
    assert "0 tasks done" in again.stdout
    assert pd.read_csv(tmp_path / "results" / "results.csv")["model"].equals(records["model"])


SCRIPT = """
from bench import run_grid
from models import autoencoders
from models.dnn import DNN

@autoencoders.register("here", "in no file that the worker reads")
class Here(DNN):
    pass

if __name__ == "__main__":
    records = run_grid(
        dataset="digits", models="here", reducers="none", limit=60, epochs=1, seeds=1, null=False
    )
    print(records[["model", "status"]].values.tolist())
"""


@pytest.mark.slow
def test_a_model_of_a_script_has_its_baseline(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    found = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "[['pixels', 'ok'], ['untrained-here', 'ok'], ['here', 'ok']]" in found.stdout


def test_list_names_everything(command):
    found = command("--list")
    assert found.returncode == 0
    for word in ("digits", "photos", "npy", "folder", "openml", "hf", "cnn", "dnn", "pixels",
                 "contrastive", "idec", "hog", "gmm", "hdbscan", "best", "pca", "kpca",
                 "ipca", "tsne", "umap", "none", "quick",
                 "svd", "ica", "isomap", "spectral", "pacmap", "torchdr-umap", "torchdr-tsne",
                 "homework"):  # fmt: skip
        assert any(line.split()[:1] == [word] for line in found.stdout.splitlines()), word
    assert all(len(line) < 120 for line in found.stdout.splitlines())
    assert "also exists as untrained-NAME" in found.stdout


def test_help_teaches(command):
    found = command("--help")
    assert found.returncode == 0
    for word in ("--dataset", "--dry-run", "Examples", "tsne2(perplexity=50)", "homework"):
        assert word in found.stdout


PLUGIN = """
from torch import nn
from models import autoencoders
from models.autoencoder import Autoencoder
from reducers import reducers
from reducers.reducer import Reducer

@autoencoders.register("half", "every other pixel")
class Half(Autoencoder):
    trains = False
    deterministic = True
    def __init__(self, image_shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.MaxPool2d(2), nn.Flatten())
        self.decoder = nn.Sequential(nn.Unflatten(1, (3, 16, 16)), nn.Upsample(scale_factor=2))

@reducers.register("fails", "raises")
class Fails(Reducer):
    def fit_transform(self, X, y=None):
        raise RuntimeError("on | purpose")
"""


def test_a_plugin_runs_and_a_failing_cell_is_shown_as_failed(command, tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    grid = ["--plugin", "mine.py", "--models", "half", "--limit", "100", "--seeds", "2"]
    grid += ["--no-null", "--no-baselines"]
    found = command(*grid, "--reducers", "fails,pca9")
    assert found.returncode == 1
    assert found.stderr.count("\n") == 2
    assert "RuntimeError: on | purpose" in found.stderr
    assert "Traceback" not in found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert records["status"].tolist() == ["failed", "failed", "ok", "ok"]
    assert records["failed_stage"][0] == "reduce"
    assert records["accuracy"].notna().tolist() == [False, False, True, True]
    assert records["reconstruction_loss"].notna().all()  # what came before the failure stays
    assert "Traceback" in (tmp_path / records["traceback"][0]).read_text()
    text = (tmp_path / "results" / "results.md").read_text()
    assert r"RuntimeError: on \| purpose" in text
    # Tried again, and not taken for done.
    again = command(*grid, "--reducers", "fails,pca9")
    assert again.returncode == 1
    assert "0 tasks done" in again.stdout


def test_a_plugin_that_takes_a_name_is_refused(command, tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN.replace('"half"', '"cnn"'))
    found = command("--plugin", "mine.py", "--list")
    assert found.returncode == 2
    assert "registered twice" in found.stderr


def test_misuse_is_one_line_and_exit_code_2(command):
    """From outside once; tests/test_misuse.py has every case."""
    found = command("--models", "cnm")
    assert found.returncode == 2
    assert found.stderr.startswith("error: models: unknown model 'cnm': did you mean 'cnn'? ")
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""


@pytest.mark.slow
def test_from_python_it_is_the_same(process, tmp_path):
    found = process(*TINY, "--seeds", "1")
    assert found.returncode == 0, found.stderr
    assert without_progress(found.stderr) == ""  # quiet where there is no terminal
    records = run_python(
        models=["pixels", "dnn"],
        reducers=["pca9", "pca9+tsne2"],
        limit=150,
        epochs=1,
        seeds=1,
        null=False,
        baselines=False,
        out=tmp_path / "python",
        store=tmp_path / "own",
    )
    assert isinstance(records, pd.DataFrame)
    written = columns_that_repeat(tmp_path / "python" / "results.csv")
    pd.testing.assert_frame_equal(
        written, columns_that_repeat(tmp_path / "results" / "results.csv")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chain", "accuracy", "within"),
    [("pca128", 0.657, 0.005), ("pca128+tsne2", 0.676, 0.03)],
)
def test_the_reference_points_on_scenes(command, scenes, tmp_path, chain, accuracy, within):
    """Raw pixels, as measured with plain scikit-learn."""
    found = command(
        "--dataset", f"npy:{scenes}", "--models", "pixels", "--reducers", chain, "--seeds", "1",
        "--no-baselines", "--no-null",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    (record,) = pd.read_csv(tmp_path / "results" / "results.csv").to_dict("records")
    assert record["accuracy"] == pytest.approx(accuracy, abs=within)
    assert record["images"] == 8500
    assert sorted(label for _, label in json.loads(record["assignment"])) == [0, 1]


@pytest.mark.slow
def test_the_plain_recipe_on_scenes_prints_the_known_losses(scenes, tmp_path):
    """DNN, Adam 1e-5, batches of 64: 33.84 after epoch 1, 16.29 after epoch 10."""
    records = run_python(
        preset="homework",
        dataset=f"npy:{scenes}",
        models="dnn",
        reducers="pca128",
        epochs=10,
        seeds=1,
        baselines=False,
        out=tmp_path / "out",
        store=tmp_path / "store",
    )
    from bench.store import Store

    history = Store(tmp_path / "store").load("train", records["train_artifacts"][0]).values
    assert history["history"][0] == pytest.approx(33.84, rel=0.01)
    assert history["history"][9] == pytest.approx(16.29, rel=0.02)
