"""One suite over every registered model, reducer, clusterer and data set.

The promises are those of `bench.contracts`. A new item is held to them by being registered, and a
new promise by being in its list; nothing has to be added to this file, except an argument for a
data set that needs one.
"""

import functools
import tomllib

import numpy as np
import pytest

from bench import contracts
from bench.base.processors import available_threads
from bench.clusterers import clusterers
from bench.contracts.material import make_images, two_groups
from bench.datasets import datasets
from models import autoencoders
from reducers import reducers
from reducers.chain import Chain
from reducers.tsne import FFT_FROM
from tests import networks
from tests.canned_openml import CannedOpenML
from tests.conftest import ROOT


def every_check(kind):
    """Parametrise a test over the checks of a kind, each under its own name."""
    checks = contracts.checks_of(kind)
    return pytest.mark.parametrize("check", checks, ids=[check.__name__ for check in checks])


def is_kept(check, name):
    try:
        assert check(name)
    except contracts.Spared as why:
        pytest.skip(f"{contracts.promise_of(check)}: {why}")


# Made variants are their originals' classes, and held to three promises of those; one stands here
# for all that is asked of the others.
def together(names):
    """Parametrize over items, of each of which all checks share a fit."""
    return pytest.mark.parametrize("name", names)


MODELS = [entry.name for entry in autoencoders if entry.origin is None] + ["untrained-dnn"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """What is written behind a model's name that cannot be built without; a new one is added."""

    def pretrained():
        return f"(weights={networks.vit(tmp_path_factory.mktemp('vit'))})"

    def embeddings():
        path = tmp_path_factory.mktemp("codes") / "codes.npy"
        np.save(path, two_groups()[0])
        return f"(file={path})"

    needed = {"pretrained": pretrained, "embeddings": embeddings, "on": lambda: "(model=histogram)"}
    return functools.cache(lambda name: needed.get(name, str)())


@every_check("model")
@together(MODELS)
def test_every_model(name, check, settings):
    is_kept(check, f"{name}{settings(name)}")


def test_a_model_that_needs_a_setting_is_spared_by_its_bare_name():
    found = list(contracts.hold("model", "pretrained"))
    assert {finding.mark for finding in found} == {contracts.SPARED}
    assert "pretrained needs weights" in found[0].found


@every_check("reducer")
@together(reducers.names())
def test_every_reducer(name, check):
    is_kept(check, name)


@every_check("clusterer")
@together(clusterers.names())
def test_every_clusterer(name, check):
    is_kept(check, name)


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (registry, name)
        for registry in (reducers, autoencoders, datasets)
        for name in registry.names()
    ],
)
def test_what_an_installation_may_lack_is_in_an_extra(registry, name):
    item = registry[name]
    if not getattr(item, "requires", ()):
        return
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    offered = " ".join(config["optional-dependencies"].get(item.extra, []))
    assert all(needed in offered for needed in item.requires)


@pytest.fixture(params=datasets.names())
def spec(request, npy_folder, image_folder, monkeypatch, tmp_path):
    """A spec string for every registered data set; a new one with an argument is added here."""
    rows = make_images(12)[0].transpose(0, 3, 1, 2).reshape(12, -1)
    canned = CannedOpenML("tiny", 5, rows, list("ab" * 6))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", canned.urlopen)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "arrow")
    arguments = {"npy": npy_folder, "folder": image_folder, "openml": "tiny", "hf": image_folder}
    name = request.param
    return f"{name}:{arguments[name]}" if name in arguments else name


@every_check("data set")
def test_every_data_set(spec, check):
    is_kept(check, spec)


def count_calls(monkeypatch, item, method):
    """Count how often a method of a class is called, but for its own calls of itself."""
    calls, original = [], getattr(item, method)

    def counted(self, *given, **named):
        calls.append(method)
        return original(self, *given, **named)

    monkeypatch.setattr(item, method, counted)
    return calls


# One fit for what is only read; others for the same seed, another seed, and points all the same.
@pytest.mark.parametrize(
    ("registry", "name", "method", "most"),
    [
        (reducers, "pca", "fit_transform", 3),
        (reducers, "ica", "fit_transform", 2),
        (reducers, "kpca", "fit_transform", 2),
        (clusterers, "gmm", "fit_predict", 4),
        (clusterers, "agglomerative", "fit_predict", 5),
        (autoencoders, "sparse", "objective", 8),
    ],
)
def test_checks_that_only_read_share_one_fit(monkeypatch, registry, name, method, most):
    contracts.forget()
    calls = count_calls(monkeypatch, registry[name], method)
    assert all(found.mark != contracts.BROKEN for found in contracts.hold(registry.kind, name))
    assert len(calls) == most


def test_what_is_shared_is_let_go_when_an_item_was_held():
    list(contracts.hold("reducer", "none"))
    assert not any(cached.cache_info().currsize for cached in contracts._SHARED)


def test_tsne_places_new_points_in_the_frame_of_the_old():
    """openTSNE recenters the fitted embedding when it places points; ours does so before."""
    points, _ = two_groups()
    reducer = Chain.parse("tsne2").links[0].build(random_state=0)
    fitted = reducer.fit_transform(points)
    np.testing.assert_allclose(fitted.max(0), -fitted.min(0), rtol=1e-4)
    kept = fitted.copy()
    reducer.transform(points[:5])
    np.testing.assert_array_equal(fitted, kept)
    np.testing.assert_allclose(np.asarray(reducer.embedding_), kept, atol=1e-5)


def test_umap_is_fast_or_reproducible():
    points, _ = two_groups()
    seeded = Chain.parse("umap2").links[0].build(random_state=1, n_jobs=2)._model()
    assert (seeded.random_state, seeded.n_jobs) == (1, 1)
    fast = Chain.parse("umap2(fast=true)").links[0].build(random_state=1, n_jobs=2)
    assert (fast._model().random_state, fast._model().n_jobs) == (None, 2)
    fast = Chain.parse("umap2(fast=true)").links[0].build(n_jobs=min(2, available_threads()))
    assert np.isfinite(fast.fit_transform(points)).all()


@pytest.mark.parametrize(
    ("samples", "method"), [(FFT_FROM - 1, "exact"), (FFT_FROM, "fft"), (100 * FFT_FROM, "fft")]
)
def test_tsne_takes_the_method_that_is_faster_there(samples, method):
    assert Chain.parse("tsne2").links[0].build()._method(samples) == method
    assert Chain.parse("tsne1").links[0].build()._method(samples) == method
    assert Chain.parse("tsne3").links[0].build()._method(samples) == "bh"
    assert Chain.parse("tsne2(method=fft)").links[0].build()._method(samples) == "fft"


def test_pca_is_scikit_learns_exact_one():
    from sklearn.decomposition import PCA

    for shape in ((50, 20), (20, 50)):
        points = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        ours = Chain.parse("pca5").links[0].build().fit_transform(points)
        theirs = PCA(5, svd_solver="full").fit_transform(points.astype(np.float64))
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-3)


@pytest.mark.parametrize(
    ("text", "samples", "message"),
    [
        ("pca128", 100, "allowed are 1 to 50"),
        ("pca0", 100, "allowed are 1 to 50"),
        ("pca101(whiten=true)", 100, "allowed are 1 to 50"),
        ("ipca51", 100, "allowed are 1 to 50"),
        ("ipca0", 100, "allowed are 1 to 50"),
        ("ipca9(batch_size=8)", 100, "or 9 to 100000 for 9 components, found 8"),
        ("ipca9(batch_size=-1)", 100, "batch_size must be 0"),
        ("ipca9(spare=-1)", 100, "spare must be 0 to"),
        ("kpca101", 100, "allowed are 1 to 100"),
        ("kpca5(gamma=-1)", 100, "gamma must be 0"),
        ("tsne5", 100, "embeds in 1 to 3 dimensions with method=auto, found 5"),
        ("tsne3(method=fft)", 100, "embeds in 1 to 2 dimensions with method=fft, found 3"),
        ("tsne3(method=exact)", 100, "embeds in 1 to 2 dimensions with method=exact, found 3"),
        ("tsne2(method=best)", 100, "method must be auto, exact, fft or bh, found 'best'"),
        ("tsne2", 90, "perplexity 30 needs more than 90 images, found 90"),
        ("tsne2(perplexity=0.5)", 100, "perplexity must be 1 to"),
        ("tsne2(iterations=0)", 100, "iterations must be 1 to"),
        ("tsne2(early_exaggeration=0.1)", 100, "early_exaggeration must be 1 to"),
        ("umap2", 15, "needs more than 15 images, found 15"),
        ("umap2(n_neighbors=1)", 100, "n_neighbors must be 2 to"),
        ("umap2(min_dist=2)", 100, "min_dist must be 0 to 1"),
        ("umap99", 100, "allowed are 1 to 50"),
        ("svd51", 100, "allowed are 1 to 50"),
        ("ica51", 100, "allowed are 1 to 50"),
        ("ica2(iterations=0)", 100, "iterations must be 1 to"),
        ("ica2(tolerance=0)", 100, "tolerance must be above 0"),
        ("isomap2", 10, "needs more than 10 images, found 10"),
        ("isomap2(n_neighbors=1)", 100, "n_neighbors must be 2 to"),
        ("isomap100", 100, "allowed are 1 to 99"),
        ("spectral2", 9, "needs 10 images or more, found 9"),
        ("spectral2(n_neighbors=1)", 100, "n_neighbors must be 2 to"),
        ("spectral99", 100, "allowed are 1 to 98"),
        ("pacmap2", 35, "needs more than 35 images, found 35"),
        ("pacmap2(n_neighbors=1)", 100, "n_neighbors must be 2 to"),
        ("pacmap2(iterations=0)", 100, "iterations must be 1 to"),
        ("pacmap51", 100, "allowed are 1 to 50"),
        ("torchdr-umap2", 15, "needs more than 15 images, found 15"),
        ("torchdr-umap2(n_neighbors=1)", 100, "n_neighbors must be 2 to"),
        ("torchdr-umap2(min_dist=2)", 100, "min_dist must be 0 to 1"),
        ("torchdr-umap2(iterations=0)", 100, "iterations must be 1 to"),
        ("torchdr-umap51", 100, "allowed are 1 to 50"),
        ("torchdr-tsne2", 90, "perplexity 30 needs more than 90 images, found 90"),
        ("torchdr-tsne2(perplexity=0.5)", 100, "perplexity must be 1 to"),
        ("torchdr-tsne2(early_exaggeration=0.1)", 100, "early_exaggeration must be 1 to"),
    ],
)
def test_what_cannot_work_is_refused(text, samples, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Chain.parse(text).links[0].build().check(samples, 50)
