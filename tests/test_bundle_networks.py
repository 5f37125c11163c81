"""Bundles of models that read files: these are in them or, where they are large, their hash is."""

import shutil

import numpy as np
import pytest

from bench.base.errors import UsageError
from bench.bundle import format as bundle_format
from bench.bundle import network
from bench.bundle.bundle import Bundle
from bench.bundle.format import Contents, read
from bench.datasets.dataset import load
from bench.session.api import export_bundle
from bench.store import Store
from tests import networks
from tests.conftest import run_python


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A grid on a network with random weights, and on an autoencoder on top of it."""
    place = tmp_path_factory.mktemp("networks")
    networks.vit(place / "vit")
    written = f"pretrained(weights={place / 'vit'})"
    run_python(
        dataset="digits", limit=40, models=[written, f"on(model={written},code=8)"], seeds=1,
        reducers="normalize+pca3", baselines=False, epochs=1, store=place / "store",
        out=place / "out", image_size=48,
    )  # fmt: skip
    return place


def pipelines(place):
    written = f"pretrained(weights={place / 'vit'})"
    return [f"{written}, normalize+pca3", f"on(code=8,model={written}), normalize+pca3"]


def kept_codes(place, number):
    rows = read_records(place)
    row = rows[rows["model"].str.startswith(("pretrained", "on")[number])].iloc[0]
    return Store(place / "store").load("encode", row["encode_artifacts"]).require("train")


def read_records(place):
    from bench.analysis.records import read as read_csv

    return read_csv(place / "out" / "results.csv")


@pytest.mark.parametrize("number", [0, 1])
def test_a_bundle_needs_no_other_file(finished, number, tmp_path):
    place = shutil.copytree(finished, tmp_path / "copy")
    name = pipelines(finished)[number]
    path = tmp_path / "b.latentgrid"
    made = export_bundle(path, name, results=place / "out", store=place / "store")
    hidden = finished.with_name("hidden")
    (finished / "vit").rename(hidden)
    try:
        bundle = Bundle.load(path)
    finally:
        hidden.rename(finished / "vit")
    data = load("digits", limit=40, image_size=bundle.form.size)
    assert bundle.form.size == networks.SIDE  # the network's own, and not the grid's
    assert bundle.encode(data.images) == pytest.approx(kept_codes(place, number), abs=1e-5)
    found = bundle.transform(data.images)
    assert found.seen.all()
    changed = data.images.copy()
    changed[:, 0, 0] ^= 1
    again = bundle.transform(changed)
    assert not again.seen.any()
    assert again.clusters.tolist() == found.clusters.tolist()
    assert made.manifest.model == bundle.manifest.model


def test_of_large_files_a_bundle_holds_the_hash(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "MOST_FILES", 10)
    path = tmp_path / "b.latentgrid"
    export_bundle(path, pipelines(finished)[0], results=finished / "out", store=finished / "store")
    assert "files" not in read(path).parts
    Bundle.load(path)
    config = finished / "vit" / "config.json"
    before = config.read_text()
    config.write_text(before + "\n")
    try:
        with pytest.raises(UsageError, match="are not those that the bundle was made with"):
            Bundle.load(path)
        config.unlink()
        with pytest.raises(UsageError, match=r"config\.json") as error:
            Bundle.load(path)
        assert "\n" not in str(error.value)
    finally:
        config.write_text(before)


@pytest.mark.parametrize("name", ["../config.json", "..", "/etc/x", "a/b"])
def test_a_file_of_a_bundle_stays_in_its_folder(finished, tmp_path, name):
    path = tmp_path / "b.latentgrid"
    export_bundle(path, pipelines(finished)[0], results=finished / "out", store=finished / "store")
    contents = read(path)
    parts = dict(contents.parts)
    parts["files"] = parts["files"] | {name: np.frombuffer(b"{}", np.uint8)}
    bundle_format.write(path, Contents(contents.manifest, parts))
    with pytest.raises(UsageError, match="holds a file"):
        Bundle.load(path)


def test_weights_that_change_between_plan_and_work_are_refused(finished, tmp_path):
    """A worker reads the files again: they must be those that the keys were made of."""
    from bench.planning.plan import plan
    from bench.planning.settings import resolve
    from bench.stages import stage_of

    networks.vit(tmp_path / "vit")
    spec = resolve(
        {"models": f"pretrained(weights={tmp_path / 'vit'})", "reducers": "pca3", "limit": 30,
         "dataset": "digits",
         "device": "cpu", "baselines": False, "seeds": 1}
    )  # fmt: skip
    made = plan(spec, load("digits", limit=30, own_sizes=[networks.SIDE]))
    (task,) = [task for task in made.tasks.values() if task.stage == "encode"]
    stage_of(task).network_class()
    config = tmp_path / "vit" / "preprocessor_config.json"
    config.write_text(config.read_text().replace("0.4", "0.3"))
    with pytest.raises(ValueError, match="have changed: run the grid again"):
        stage_of(task).network_class()
