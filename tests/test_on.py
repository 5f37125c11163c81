"""An autoencoder on top of frozen codes: by itself, in a grid, and in a bundle."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bench
from bench.base.errors import UsageError
from bench.datasets.dataset import load
from bench.planning.baselines import baselines_among, models_with_baselines
from bench.planning.plugins import items_of
from bench.planning.settings import resolve
from bench.report.again import write_again
from bench.stages import encode as encode_stage
from bench.stages import train as train_stage
from bench.stages.encode import code_loss
from bench.stages.metrics.table import METRICS
from bench.stages.training import core
from bench.stages.training.probe import input_shape, probe
from models import autoencoders
from models.hand_crafted import HandCrafted
from models.named import find
from models.on import On
from tests.conftest import make_images

SHAPE = (3, 32, 32)
RECIPE = core.Recipe(epochs=5, lr=1.5e-3, batch_size=16)


def made_codes(count=100, size=20, scale=1.0, shift=0.0):
    """Make codes of few dimensions, (count, size) float32."""
    random = np.random.default_rng(0)
    codes = random.normal(size=(count, 4)) @ random.normal(size=(4, size))
    return (scale * codes + shift).astype(np.float32)


def on(size=20, seed=0, **settings):
    return core.build(lambda shape: On(shape, model="hog", **settings), (size,), seed)


# What it is


def test_it_stands_on_the_model_that_is_named():
    item = find("on(model=hand-crafted( cell = 8 ),code=32)")
    assert item.base == "hand-crafted(cell=8)"
    assert item.pretrained is None
    assert item.trains
    assert item.decodes
    assert input_shape("on(model=histogram)", SHAPE) == (64,)
    facts = probe("on(model=histogram,code=32,hidden=16)", SHAPE)
    assert facts.code_size == 32
    assert facts.parameters == 64 * 16 + 16 + 16 * 32 + 32 + 32 * 16 + 16 + 16 * 64 + 64


def test_it_tells_what_the_model_below_was_trained_on_before():
    class Known(HandCrafted):
        """Features."""

        pretrained = "pictures, without labels"

    autoencoders.register("known", "features")(Known)
    try:
        assert find("on(model=known)").pretrained == "pictures, without labels"
        # Another process is given both, where no file registers them.
        names = [entry.name for kind, entry in items_of(["on(model=known)"], [], [])]
        assert names == ["on", "known"]
    finally:
        autoencoders.unregister("known")


def test_its_untrained_variant_has_its_weights():
    trained, fresh = find("on(model=hog)"), find("untrained-on(model=hog)")
    assert not fresh.trains
    assert fresh.base == "hog"
    one, other = (core.build(item, (20,), 3).state_dict() for item in (trained, fresh))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("on(model=dnn)", r"dnn trains, so that .* name one that does not, .*hand-crafted, .*hog"),
        ("on(model=on(model=hog))", r"on\(model=hog\) trains"),
        ("on(model=untrained-on(model=hog))", "stands on another model itself: name hog"),
        ("on(model=hogg)", "unknown model 'hogg': did you mean 'hog'"),
        ("on(model=hog(bins=2))", "hog has no parameter 'bins'"),
        ("on(model=embeddings)", r"write embeddings\(file=\.\.\.\)"),
        ("on(model=embeddings(file=/nowhere.npy))", r"no such file: /nowhere\.npy"),
        ("on(model=hog,code=1)", "code must be 2 to 1024, found 1"),
        ("on(model=hog,code=2000)", "code must be 2 to 1024, found 2000"),
        ("on(model=hog,hidden=0)", "hidden must be 2 to 8192, found 0"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(tmp_path, text, said):
    with pytest.raises(UsageError, match=said) as caught:
        probe(text, SHAPE)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=said):
        bench.run_grid(
            dataset="digits", limit=40, models=[text], baselines=False, engine="inline",
            reducers="none", seeds=1, out=tmp_path / "out", store=tmp_path / "store",
        )  # fmt: skip


def test_it_must_be_told_a_model_and_given_codes():
    with pytest.raises(ValueError, match=r"on needs model: write on\(model=\.\.\.\)"):
        find("on")
    with pytest.raises(ValueError, match=r"works on codes \(size,\), found images \(3, 32, 32\)"):
        On(SHAPE, model="hog")


def test_it_is_no_model_of_a_group_by_its_name_alone():
    """The word ``untrained`` stands for all models that need no settings."""
    found = resolve({"models": "untrained", "dataset": "digits"}).models
    assert "untrained-dnn" in found
    assert "untrained-on" not in found


def test_the_model_below_is_a_baseline():
    models = ["on(model=hog(cell=8))", "dnn", "on(code=8,model=hog(cell=8))"]
    found = models_with_baselines(models)
    assert found[:4] == ("pixels", "hog(cell=8)", "untrained-on(model=hog(cell=8))", models[0])
    assert len(set(found)) == len(found) == 8
    assert baselines_among(found) == {*found} - {*models}
    lost = "on(model=embeddings(file=/nowhere.npy))"
    assert models_with_baselines([lost]) == ("pixels", lost)
    assert models_with_baselines(["untrained-on(model=hog)"])[1:] == ("untrained-on(model=hog)",)


# Training


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-3, 5), (1e4, -1e5)])
def test_training_is_the_same_in_any_units(scale, shift):
    codes = made_codes(scale=scale, shift=shift)
    network = on(code=4)
    history = core.train(network, core.to_device(codes, torch.device("cpu")), RECIPE, seed=0)
    assert history[0] / 7 == pytest.approx(0.8, abs=0.2)
    assert history[-1] < 0.6 * history[0]
    _, loss = core.encode(network, torch.from_numpy(codes))
    share = code_loss(loss, codes)
    assert share < 0.6
    # The objective of a batch, in the units of all codes' variance.
    with torch.inference_mode():
        objective = float(network.objective(torch.from_numpy(codes)))
    assert objective == pytest.approx(share, rel=1e-2)


def test_codes_and_reconstructions():
    codes = torch.from_numpy(made_codes(shift=7))
    network = on(code=8)
    network.begin_epoch(0, codes, lambda: pytest.fail("codes of its own are not asked for"))
    code, reconstruction = network(codes)
    assert code.shape == (100, 8)
    assert reconstruction.shape == codes.shape
    assert code.dtype == reconstruction.dtype == torch.float32
    kept = network.encoder.mean.clone()
    network.begin_epoch(0.5, codes + 1, lambda: codes)
    assert torch.equal(network.encoder.mean, kept)


def test_standardized_codes_have_mean_0_and_mean_square_1():
    codes = torch.from_numpy(made_codes(count=5000, scale=30, shift=-4))
    standard = on().encoder
    standard.measure(codes)
    found = standard.apart(codes)
    assert float(found.square().mean()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(found.mean(0), torch.zeros(20), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard.back(found), codes, atol=1e-4, rtol=1e-5)


def test_codes_that_are_all_the_same():
    network = on()
    codes = torch.full((30, 20), 3.0)
    core.train(network, codes, core.Recipe(2, 1e-3, 16), seed=0)
    found, loss = core.encode(network, codes)
    assert torch.isfinite(found).all()
    assert np.isnan(code_loss(loss, codes.numpy()))


def test_code_loss_is_a_share_of_the_variance():
    codes = made_codes(count=9000, shift=50)
    assert code_loss(float(codes.var(0).mean()), codes) == pytest.approx(1, rel=1e-4)
    assert code_loss(0.0, codes) == 0


@given(st.integers(2, 40), st.integers(2, 12))
def test_a_single_code_gives_what_it_gives_among_others(size, code):
    codes = torch.from_numpy(made_codes(count=6, size=size))
    network = on(size, code=code, hidden=8)
    together, _ = core.encode(network, codes)
    alone, _ = core.encode(network, codes[2:3])
    torch.testing.assert_close(alone, together[2:3], rtol=1e-4, atol=1e-5)


def test_it_learns_the_codes_of_digits():
    """In five epochs the error falls far below that of the mean code."""
    images = load("digits", limit=300).images
    below, item = find("hand-crafted"), find("on(model=hand-crafted)")
    weights = train_stage.train(below, images, RECIPE, 0, 0, "cpu").arrays
    codes = encode_stage.encode(below, weights, images, images[:0], "cpu").arrays["train"]
    trained = train_stage.train(item, codes, RECIPE, 0, 0, "cpu")
    assert not trained.values["objective_is_loss"]
    found = encode_stage.encode(item, trained.arrays, codes, codes[:0], "cpu")
    assert found.values["code_loss"] < 0.45
    assert found.values["reconstruction_loss"] is None
    assert set(found.arrays) == {"train"}


def test_the_metric():
    metric = METRICS["code_loss"]
    assert metric.stage == "encode"
    assert not metric.higher_is_better
    assert set(metric.tables) == {"labeled", "unlabeled"}


# In a grid, and in a bundle


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A grid of digits on an array of codes and on hand-crafted features, and its settings."""
    folder = tmp_path_factory.mktemp("on")
    asked = {
        "dataset": "digits", "limit": 80, "models": ["on(model=hand-crafted)"], "seeds": 1,
        "reducers": "pca8", "engine": "inline", "null": False, "epochs": 3, "lr": 1.5e-3,
        "batch_size": 16, "schedule": "constant",
        "out": folder / "results", "store": folder / ".store",
    }  # fmt: skip
    return bench.run_grid(**asked), asked


def test_a_grid(finished):
    records, _ = finished
    assert records["status"].eq("ok").all()
    assert records["accuracy"].between(0.3, 1).all()
    by = records[records["chain"] == "pca8"].set_index("model")
    assert set(by.index) == {
        *("pixels", "hand-crafted", "untrained-on(model=hand-crafted)", "on(model=hand-crafted)")
    }
    top = by.loc["on(model=hand-crafted)"]
    assert 0 < top["code_loss"] < 0.9
    assert by.loc["untrained-on(model=hand-crafted)", "code_loss"] > top["code_loss"]
    assert by.loc[["pixels", "hand-crafted"], "code_loss"].isna().all()
    on_top = by.loc[[name for name in by.index if "on(" in name]]
    assert on_top[["reconstruction_loss", "summed_batch_mse"]].isna().all().all()
    assert on_top["code_size"].eq(64).all()
    written = pd.read_csv(finished[1]["out"] / "results.csv")
    assert written["code_loss"].notna().sum() == 4
    # Two artifacts of the base; those of measuring are not counted with them.
    assert on_top["base_artifacts"].str.split().str.len().eq(2).all()
    assert by["reference_artifacts"].nunique() == 1
    assert by.loc["hand-crafted", "base_artifacts"] == ""
    below = by.loc["hand-crafted", ["train_artifacts", "encode_artifacts"]]
    assert top["base_artifacts"] == " ".join(below)


def test_what_is_in_the_store_gives_the_same_grid(finished):
    records, asked = finished
    again = bench.run_grid(**asked | {"out": asked["out"].with_name("again")}, only_cached=True)
    for column in ("model", "accuracy", "code_loss", "cluster_artifacts"):
        pd.testing.assert_series_equal(again[column], records[column])


def test_its_report_is_made_again(finished):
    _, asked = finished
    (page,) = write_again(asked["out"])
    assert page.is_file()
    results = (asked["out"] / "results.md").read_text()
    assert "on(model=hand-crafted)" in results


def test_a_run_that_fails_has_no_results_of_the_model_below(tmp_path):
    records = bench.run_grid(
        dataset="digits", limit=40, models=["on(model=pixels)"], reducers="none", lr=1000.0,
        baselines=False, seeds=1, engine="inline", out=tmp_path / "out", store=tmp_path / ".store",
    )  # fmt: skip
    (row,) = records.to_dict("records")
    assert row["status"] == "failed"
    assert pd.isna(row["reconstruction_loss"])
    assert pd.isna(row["code_size"])
    assert len(row["base_artifacts"].split()) == 2
    assert row["encode_artifacts"] == ""


@pytest.mark.parametrize("model", ["on(model=hand-crafted)", "untrained-on(model=hand-crafted)"])
def test_a_bundle_gives_the_grids_codes_and_clusters(finished, tmp_path, model):
    records, asked = finished
    path = tmp_path / "on.latentgrid"
    bench.export_bundle(path, f"{model}, pca8", results=asked["out"])
    bundle = bench.load_bundle(path)
    images = np.asarray(load("digits", limit=80).images)
    row = records[(records["model"] == model) & (records["chain"] == "pca8")].iloc[0]
    kept = read(asked["store"], "encode", row["encode_artifacts"])
    np.testing.assert_allclose(bundle.encode(images), kept.require("train"), rtol=1e-4, atol=1e-5)
    clusters = read(asked["store"], "cluster", row["cluster_artifacts"]).require("train")
    np.testing.assert_array_equal(bundle.assign(images), clusters)
    # Images that were not there go all the way.
    changed = images.copy()
    changed[:, 0, 0] ^= 1
    assert (bundle.assign(changed) == clusters).mean() > 0.9


def read(store, stage, key):
    from bench.store import Store

    return Store(store).load(stage, key)


def test_a_bundle_on_a_model_that_seeks_clusters(tmp_path):
    """The base of a bundle is built for as many clusters as it was in the grid."""
    images, labels = make_images(24)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = tmp_path / "images" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((16, 16)).save(place / f"{number}.png")
    model = "on(model=untrained-idec)"
    bench.run_grid(
        dataset=f"folder:{tmp_path / 'images'}", models=[model], reducers="pca4", seeds=1,
        engine="inline", null=False, baselines=False, epochs=1, image_size=16,
        out=tmp_path / "results", store=tmp_path / ".store",
    )  # fmt: skip
    path = tmp_path / "on.latentgrid"
    bundle = bench.export_bundle(path, f"{model}, pca4", results=tmp_path / "results")
    assert bundle.manifest.base.clusters == 2
    assert len(bench.load_bundle(path).assign(images)) == 24
