"""One suite over every registered model, reducer and data set.

A new item is tested here by being registered; nothing has to be added to this file, except an
argument for a data set that needs one.
"""

import inspect
import tomllib

import numpy as np
import pytest
import torch

from bench.datasets import datasets
from bench.datasets.dataset import load
from bench.extras import how_to_install, missing
from bench.probe import probe
from bench.training import core
from models import autoencoders
from models.autoencoder import Autoencoder
from models.untrained import untrained_name
from reducers import reducers
from reducers.chain import Chain
from reducers.reducer import Reducer
from tests.canned_openml import CannedOpenML
from tests.conftest import ROOT, make_images

SHAPE = (3, 32, 32)

# models


@pytest.fixture(params=autoencoders.names())
def model_name(request):
    return request.param


@pytest.fixture(scope="module")
def images():
    return core.to_device(make_images(24)[0], torch.device("cpu"))


class TestEveryModel:
    def test_is_an_autoencoder_with_a_docstring(self, model_name):
        item = autoencoders[model_name]
        assert issubclass(item, Autoencoder)
        assert item.__doc__
        assert autoencoders.entry(model_name).summary

    def test_returns_code_and_reconstruction(self, model_name, images):
        model = core.build(autoencoders[model_name], SHAPE, 0)
        code, reconstruction = model(core.normalise(images))
        assert reconstruction.shape == (24, *SHAPE)
        assert code.shape == (24, probe(model_name, SHAPE).code_size)
        for tensor in (code, reconstruction):
            assert tensor.dtype == torch.float32
            assert torch.isfinite(tensor).all()
        assert reconstruction.abs().max() <= 1.001

    def test_an_image_has_the_same_code_in_any_company(self, model_name, images):
        model = core.build(autoencoders[model_name], SHAPE, 0)
        together, _ = core.encode(model, images)
        alone, _ = core.encode(model, images[3:4])
        torch.testing.assert_close(together[3:4], alone, rtol=1e-4, atol=1e-5)

    def test_different_images_have_different_codes(self, model_name, images):
        codes, _ = core.encode(core.build(autoencoders[model_name], SHAPE, 0), images)
        assert codes.std(0).max() > 0

    def test_weights_depend_on_the_seed_and_on_nothing_else(self, model_name):
        item = autoencoders[model_name]
        torch.manual_seed(1)
        one = core.build(item, SHAPE, 5).state_dict()
        torch.manual_seed(2)
        same = core.build(item, SHAPE, 5).state_dict()
        other = core.build(item, SHAPE, 6).state_dict()
        assert all(torch.equal(one[name], same[name]) for name in one)
        differs = any(not torch.equal(one[name], other[name]) for name in one)
        assert differs != item.deterministic

    def test_has_an_untrained_variant_with_its_weights_if_it_trains(self, model_name):
        item = autoencoders[model_name]
        assert (untrained_name(model_name) in autoencoders) == item.trains
        if item.trains:
            variant = autoencoders[untrained_name(model_name)]
            assert not variant.trains
            assert variant.family == (item.family or model_name)
            assert probe(untrained_name(model_name), SHAPE) == probe(model_name, SHAPE)
            one, other = (core.build(of, SHAPE, 5).state_dict() for of in (item, variant))
            assert list(one) == list(other)
            assert all(torch.equal(one[name], other[name]) for name in one)

    def test_weights_survive_saving(self, model_name, images, tmp_path):
        from safetensors.torch import load_file, save_file

        item = autoencoders[model_name]
        model = core.build(item, SHAPE, 5)
        save_file(model.state_dict(), tmp_path / "weights")
        again = core.build(item, SHAPE, 6)
        again.load_state_dict(load_file(tmp_path / "weights"))
        assert torch.equal(core.encode(model, images)[0], core.encode(again, images)[0])

    def test_training_lowers_the_loss(self, model_name, images):
        item = autoencoders[model_name]
        model = core.build(item, SHAPE, 0)
        _, before = core.encode(model, images)
        if not item.trains:
            assert not item.decodes or item.deterministic or before > 0
            return
        history = core.train(model, images, core.Recipe(4, 1e-3, 12), seed=0)
        _, after = core.encode(model, images)
        assert len(history) == 4
        assert after < before

    def test_works_on_one_image(self, model_name, images):
        model = core.build(autoencoders[model_name], SHAPE, 0)
        codes, loss = core.encode(model, images[:1])
        assert len(codes) == 1
        assert np.isfinite(loss) == autoencoders[model_name].decodes


# reducers


# What is slow without a GPU takes fewer steps here.
FAST = {"torchdr-tsne": "(iterations=50)", "torchdr-umap": "(iterations=100)"}


@pytest.fixture(params=reducers.names())
def link(request):
    """A link with two dimensions, or without a number where the reducer has none."""
    name = request.param
    numbered = "n_components" in inspect.signature(reducers[name]).parameters
    (found,) = Chain.parse((f"{name}2" if numbered else name) + FAST.get(name, "")).links
    return found


@pytest.fixture
def ready(link):
    """The same, left out where what it requires is not installed."""
    item = reducers[link.name]
    if missing(item):
        pytest.skip(f"{link.name} needs {', '.join(missing(item))}: {how_to_install(item)}")
    return link


def two_groups(count=120, seed=0):
    random = np.random.default_rng(seed)
    groups = np.arange(count) % 2
    points = random.normal(size=(count, 20)) + 12 * groups[:, None]
    return points.astype(np.float32), groups


class TestEveryReducer:
    def test_is_a_transformer_with_a_docstring(self, link):
        item = reducers[link.name]
        assert issubclass(item, Reducer)
        assert item.__doc__
        assert isinstance(item.libraries, tuple)

    def test_what_an_installation_may_lack_is_in_an_extra(self, link):
        item = reducers[link.name]
        config = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        offered = " ".join(config["optional-dependencies"].get(item.extra, []))
        assert all(name in offered for name in item.requires)

    def test_parameters_are_scikit_learns(self, link):
        from sklearn.base import clone

        reducer = link.build(random_state=3, n_jobs=1)
        assert clone(reducer).get_params() == reducer.get_params()

    def test_shape_type_and_groups(self, ready):
        points, groups = two_groups()
        reducer = ready.build(random_state=0)
        reducer.check(*points.shape)
        found = reducer.fit_transform(points.copy())
        assert found.shape == (120, reducer.output_size(20))
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        from sklearn.metrics import silhouette_score

        assert silhouette_score(found, groups) > 0.5

    def test_leaves_its_input_alone(self, ready):
        points, _ = two_groups()
        before = points.copy()
        points.setflags(write=False)
        ready.build(random_state=0).fit_transform(points)
        np.testing.assert_array_equal(points, before)

    def test_same_seed_same_numbers(self, ready):
        points, _ = two_groups()
        first = ready.build(random_state=1).fit_transform(points)
        np.testing.assert_array_equal(ready.build(random_state=1).fit_transform(points), first)

    def test_says_truly_whether_it_is_deterministic(self, ready):
        if not reducers[ready.name].deterministic:
            return
        points, _ = two_groups()
        first = ready.build(random_state=1).fit_transform(points)
        np.testing.assert_array_equal(ready.build(random_state=2).fit_transform(points), first)

    def test_unseen_points_land_beside_their_group(self, ready):
        reducer = ready.build(random_state=0)
        if not hasattr(reducer, "transform"):
            return
        points, groups = two_groups()
        fitted = reducer.fit_transform(points)
        unseen, unseen_groups = two_groups(30, seed=9)
        placed = reducer.transform(unseen)
        assert placed.shape == (30, fitted.shape[1])
        assert placed.dtype == np.float32
        centres = np.stack([fitted[groups == g].mean(0) for g in (0, 1)])
        nearest = np.linalg.norm(placed[:, None] - centres, axis=2).argmin(1)
        np.testing.assert_array_equal(nearest, unseen_groups)
        # The embedding handed out before must not have moved meanwhile.
        moved = np.linalg.norm(reducer.transform(points[:10]) - fitted[:10], axis=1)
        assert np.median(moved) < 0.15 * np.linalg.norm(centres[0] - centres[1])

    def test_estimates_are_seconds(self, link):
        small, large = (link.build().seconds(n, 100) for n in (100, 10_000))
        assert 0 <= small <= large < 1e5


def test_tsne_places_new_points_in_the_frame_of_the_old():
    """openTSNE recentres the fitted embedding when it places points; ours does so before."""
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
    assert np.isfinite(fast.fit_transform(points)).all()


@pytest.mark.parametrize(("samples", "method"), [(19_999, "bh"), (20_000, "fft")])
def test_tsne_takes_the_method_that_is_faster_there(samples, method):
    assert Chain.parse("tsne2").links[0].build()._method(samples) == method
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
        ("kpca101", 100, "allowed are 1 to 100"),
        ("kpca5(gamma=-1)", 100, "gamma must be 0"),
        ("tsne5", 100, "embeds in 1 to 3 dimensions with method=auto, found 5"),
        ("tsne3(method=fft)", 100, "embeds in 1 to 2 dimensions with method=fft, found 3"),
        ("tsne2(method=exact)", 100, "method must be auto, bh or fft"),
        ("tsne2", 90, "perplexity 30 needs more than 90 images, found 90"),
        ("tsne2(perplexity=0.5)", 100, "perplexity must be 1 or more"),
        ("tsne2(iterations=0)", 100, "iterations must be 1 or more"),
        ("tsne2(early_exaggeration=0.1)", 100, "early_exaggeration must be 1 or more"),
        ("umap2", 15, "needs more than 15 images, found 15"),
        ("umap2(n_neighbors=1)", 100, "n_neighbors must be 2 or more"),
        ("umap2(min_dist=2)", 100, "min_dist must be 0 to 1"),
        ("umap99", 100, "allowed are 1 to 50"),
        ("svd51", 100, "allowed are 1 to 50"),
        ("ica51", 100, "allowed are 1 to 50"),
        ("ica2(iterations=0)", 100, "iterations must be 1 or more"),
        ("ica2(tolerance=0)", 100, "tolerance must be more than 0"),
        ("isomap2", 10, "needs more than 10 images, found 10"),
        ("isomap2(n_neighbors=1)", 100, "n_neighbors must be 2 or more"),
        ("isomap100", 100, "allowed are 1 to 99"),
        ("spectral2", 9, "needs 10 images or more, found 9"),
        ("spectral2(n_neighbors=1)", 100, "n_neighbors must be 2 or more"),
        ("spectral99", 100, "allowed are 1 to 98"),
        ("pacmap2", 35, "needs more than 35 images, found 35"),
        ("pacmap2(n_neighbors=1)", 100, "n_neighbors must be 2 or more"),
        ("pacmap2(iterations=0)", 100, "iterations must be 1 or more"),
        ("pacmap51", 100, "allowed are 1 to 50"),
        ("torchdr-umap2", 15, "needs more than 15 images, found 15"),
        ("torchdr-umap2(n_neighbors=1)", 100, "n_neighbors must be 2 or more"),
        ("torchdr-umap2(min_dist=2)", 100, "min_dist must be 0 to 1"),
        ("torchdr-umap2(iterations=0)", 100, "iterations must be 1 or more"),
        ("torchdr-umap51", 100, "allowed are 1 to 50"),
        ("torchdr-tsne2", 90, "perplexity 30 needs more than 90 images, found 90"),
        ("torchdr-tsne2(perplexity=0.5)", 100, "perplexity must be 1 or more"),
        ("torchdr-tsne2(early_exaggeration=0.1)", 100, "early_exaggeration must be 1 or more"),
    ],
)
def test_what_cannot_work_is_refused(text, samples, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Chain.parse(text).links[0].build().check(samples, 50)


# data sets


@pytest.fixture(params=datasets.names())
def spec(request, npy_folder, image_folder, monkeypatch, tmp_path):
    """A spec string for every registered data set; a new one with an argument is added here."""
    rows = make_images(12)[0].transpose(0, 3, 1, 2).reshape(12, -1)
    canned = CannedOpenML("tiny", 5, rows, list("ab" * 6))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", canned.urlopen)
    arguments = {"npy": npy_folder, "folder": image_folder, "openml": "tiny"}
    name = request.param
    return f"{name}:{arguments[name]}" if name in arguments else name


class TestEveryDataSet:
    def test_has_the_one_form(self, spec):
        data = load(spec, clusters=2)
        assert data.images.shape[1:] == (32, 32, 3)
        assert data.images.dtype == np.uint8
        assert data.images.std() > 0
        assert data.image_shape == SHAPE
        assert data.clusters == 2
        if data.labels is not None:
            assert data.labels.shape == (len(data),)
            assert set(data.labels) <= set(range(len(data.class_names)))
        if data.validation_labels is not None:
            assert len(data.validation_labels) == len(data.validation_images)
        assert data.files is None or len(data.files) == len(data)
        assert all(isinstance(note, str) and note for note in data.notes)

    def test_is_the_same_every_time(self, spec):
        one, again = load(spec), load(spec)
        assert one.fingerprint == again.fingerprint
        assert one.labels_fingerprint == again.labels_fingerprint
        np.testing.assert_array_equal(one.images, again.images)

    def test_a_subset_is_part_of_the_whole(self, spec):
        whole, part = load(spec), load(spec, limit=10, seed=1, clusters=2)
        assert len(part) == 10
        assert part.source_count == len(whole)
        np.testing.assert_array_equal(part.images, whole.images[part.indices])
        if whole.labels is not None:
            names = np.array(whole.class_names)
            found = np.array(part.class_names)[part.labels]
            np.testing.assert_array_equal(found, names[whole.labels[part.indices]])

    def test_tells_how_far_it_is(self, spec):
        seen = []
        load(spec, progress=lambda what, done, total: seen.append((what, done, total)))
        assert seen
        assert all(0 <= done <= total for _, done, total in seen)
