"""What a bundle may ask for: refused in one line, before memory is taken or much is computed."""

import json

import numpy as np
import pytest
import torch

from bench.base.errors import UsageError
from bench.bundle import format, making
from bench.bundle.bundle import MOST_CHECKED, MOST_SIDE, Bundle
from bench.bundle.choosing import choose
from bench.bundle.network import ROOM, _build
from bench.bundle.transform import MOST_PAIRS, MOST_SETTING, find_widths, read_link
from bench.stages.training import core
from models import autoencoders
from models.autoencoder import Autoencoder
from models.named import find, fingerprint, needed_settings
from tests import networks
from tests.bundles import TRAINED, make_grid


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return make_grid(
        tmp_path_factory.mktemp("bounds"),
        models="dnn(code=8)",
        reducers="pca4",
        clusterers="kmeans",
    )


@pytest.fixture
def made(grid):
    return making.make(grid, choose(grid.records, "dnn(code=8), pca4").record)


def change(contents, **changes):
    return format.Contents(contents.manifest.model_copy(update=changes), contents.parts)


def model(contents, text):
    return change(contents, model=contents.manifest.model.model_copy(update={"text": text}))


def link(contents, text):
    return change(contents, links=(contents.manifest.links[0].model_copy(update={"text": text}),))


def refused(contents, message):
    with pytest.raises(UsageError, match=message) as error:
        Bundle(contents)
    assert "\n" not in str(error.value)


@pytest.fixture
def only_planned(monkeypatch):
    """Have a model with memory for its weights count as a failure."""
    build = core.build

    def watched(*arguments, **settings):
        assert torch.empty(0).device.type == "meta"
        return build(*arguments, **settings)

    monkeypatch.setattr(core, "build", watched)


def test_it_is_a_bundle(made):
    assert Bundle(made).code_size == 8


@pytest.mark.usefixtures("only_planned")
@pytest.mark.parametrize(
    "text",
    ["dnn(code=100000000)", "dnn(code=99999999999999)", "dnn(code=9)", "dnn", "sparse", "residual"],
)
def test_a_model_that_is_larger_than_its_weights_is_refused_before_it_is_built(made, text):
    refused(model(made, text), "weights of the bundle do not fit the model")


@pytest.mark.usefixtures("only_planned")
def test_clusters_that_a_model_is_given_are_bounded(made):
    text = {"text": "idec", "clusters": 10**9}
    refused(change(made, model=made.manifest.model.model_copy(update=text)), "do not fit the model")


@pytest.mark.usefixtures("only_planned")
@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64, np.uint8])
def test_weights_of_another_type_are_refused(made, kind):
    weights = made.parts["weights"]
    name = next(iter(weights))
    weights[name] = np.zeros(weights[name].shape, kind)
    refused(made, "must be torch.float32, found")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["weights", "fitted"])
def test_numbers_that_are_not_finite_are_refused(made, part, value):
    name, array = next(iter(made.parts[part].items()))
    made.parts[part][name] = array.copy()
    made.parts[part][name].flat[-1] = value
    refused(made, "not finite")


def test_a_model_that_cannot_be_planned_is_stopped_while_it_grows(made):
    built = []

    class Growing(Autoencoder):
        """A model that looks at its numbers, which it cannot do without memory."""

        def __init__(self, image_shape):
            super().__init__()
            float(torch.zeros(1))
            for number in range(1000):
                self.register_buffer(f"more{number}", torch.empty(ROOM // 40))
                built.append(number)

    autoencoders.register("growing", "a model that grows")(Growing)
    try:
        refused(model(made, "growing"), "far more numbers than the bundle holds")
    finally:
        autoencoders.unregister("growing")
    held = sum(array.nbytes for array in made.parts["weights"].values())
    assert len(built) <= (4 * held + ROOM) / (ROOM / 10) + 1


@pytest.mark.parametrize("side", [MOST_SIDE + 1, 2048])
def test_large_images_are_refused(made, side):
    made.parts["check"]["images"] = np.zeros((1, side, side, 3), np.uint8)
    refused(change(made, image_shape=(3, side, side)), f"a size of up to {MOST_SIDE}")


@pytest.mark.usefixtures("only_planned")
def test_images_that_are_larger_than_a_model_asks_for_are_refused(made):
    for text, side in (("histogram", 513), ("cnn", 64)):
        made.parts["check"]["images"] = np.zeros((1, side, side, 3), np.uint8)
        made.parts["check"]["codes"] = np.zeros((1, 8), np.float32)
        asked = model(change(made, image_shape=(3, side, side)), text)
        refused(asked, f"images of {side}×{side} pixels, which {text} does not take")


def test_only_few_images_are_encoded_on_loading(made):
    check = made.parts["check"]
    for name in ("images", "codes"):
        check[name] = np.repeat(check[name][:1], MOST_CHECKED + 1, axis=0)
    refused(made, f"allowed are up to {MOST_CHECKED}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("umap2(n_neighbors=50000)", "n_neighbors=50000 needs more than 50000 images"),
        ("umap2(n_neighbors=1000000000)", "has a n_neighbors of 1,000,000,000, allowed is up to"),
        ("umap900", "900 components"),
        ("tsne2(perplexity=100000000)", "perplexity must be 1 to 100000, found 1e.08"),
        ("tsne50", "embeds in 1 to"),
        ("tsne2(iterations=1000000000)", "has a iterations of 1,000,000,000"),
        ("pca100000000", "pca takes up to 100000 dimensions"),
        ("pca5", r"array space.1 is float32 \(\d+, 4\), needed float32 \(\d+, 5\)"),
        ("pca4+umap2", "a link of the bundle is a chain of 2"),
        ("ipca4(spare=-5)", "cannot work: spare must be 0 to 100000"),
    ],
)
def test_a_link_that_cannot_have_been_fitted_is_refused(made, text, message):
    refused(link(made, text), message)


@pytest.mark.parametrize("name", ["kpca4", "isomap4"])
def test_pairs_of_many_images_are_refused(name):
    most = int((MOST_PAIRS / 8) ** 0.5)
    assert find_widths([read_link(name)], most, 8) == [8, 4]
    with pytest.raises(UsageError, match=rf"{name} of .* training images needs 1.0 GB, allowed"):
        find_widths([read_link(name)], most + 1, 8)


def test_settings_of_the_clusterer_are_bounded(made):
    by = made.manifest.clusterer
    text = f"kmeans(starts={MOST_SETTING + 1})"
    refused(change(made, clusterer=by.model_copy(update={"text": text})), "has a starts of 100,001")


def read_said(path, said, parts):
    """Write a bundle with a manifest, and load it."""
    manifest = format._manifest(json.dumps({"format": format.FORMAT} | said).encode())
    format.write(path, format.Contents(manifest, parts))
    return Bundle.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda said: said["clusterer"].update(clusters=10**9), "1000000000 clusters of"),
        (lambda said: said["model"].update(clusters=10**9), "1000000000 clusters of"),
        (lambda said: said["links"][0].update(threads=10**6), "less than or equal to 1024"),
        (lambda said: said["links"].extend(said["links"] * 16), "at most 16 items"),
        (lambda said: said["data"].update(images=TRAINED + 1), "array digests"),
        (lambda said: said["data"].update(class_names=["x" * 1000] * 4000), "larger than 4 MB"),
    ],
)
def test_a_manifest_that_asks_for_much_is_refused(made, tmp_path, changes, message):
    said = made.manifest.model_dump(mode="json")
    changes(said)
    with pytest.raises((UsageError, format._Refused), match=message) as error:
        read_said(tmp_path / "b", said, made.parts)
    assert "\n" not in str(error.value)


def test_every_built_in_model_with_weights_can_be_planned_without_memory():
    for entry in autoencoders:
        if needed_settings(entry.name) or entry.item.frozen:
            continue
        item = find(entry.name, 10)
        shape = (3, item.image_size or 32, item.image_size or 32)
        with torch.device("meta"):
            planned = core.build(item, shape, 0).state_dict()
        built = core.build(item, shape, 0).state_dict()
        assert {name: (found.shape, found.dtype) for name, found in planned.items()} == {
            name: (found.shape, found.dtype) for name, found in built.items()
        }


def test_a_network_that_is_larger_than_its_files_is_refused_before_it_is_built(tmp_path):
    networks.vit(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    text = f"pretrained(weights={tmp_path})"

    def build():
        files = {path.name: np.fromfile(path, np.uint8) for path in tmp_path.iterdir()}
        said = format.Model(text=text, clusters=None, source="", files=fingerprint(find(text)))
        return _build(said, text, (3, 32, 32), {}, files)

    build()
    heads = {"hidden_size": 40_000, "num_attention_heads": 4}
    (tmp_path / "config.json").write_text(json.dumps(config | heads))
    with pytest.raises(UsageError, match="far more numbers than the bundle holds"):
        build()
