"""New items on trial: the command, its page and the example."""

import re
import tomllib

import pytest

from bench import contracts
from bench.analysis import records
from bench.clusterers import clusterers
from bench.datasets import datasets
from bench.planning.plugins import Item, items_in
from bench.session import trial
from models import autoencoders
from reducers import reducers
from tests.conftest import ROOT, run_module

EXAMPLE = ROOT / "docs" / "example_plugin.py"
PAGE = (ROOT / "docs" / "growing.md").read_text()
ITEMS = [Item("model", "small"), Item("reducer", "random"), Item("data set", "negatives")]

MODEL = """
from torch import nn
from models import autoencoders
from models.autoencoder import Autoencoder

@autoencoders.register("tried", "a small model")
class Tried(Autoencoder):
    "Two layers."
    def __init__(self, image_shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 3072), nn.Tanh(), nn.Unflatten(1, image_shape))
"""
OUT_OF_RANGE = MODEL.replace("nn.Tanh()", "nn.LayerNorm(3072)")
# Good in company of up to 24 images, with which contracts are tried, and in none larger.
SHY = (
    MODEL
    + """
    def forward(self, x):
        if len(x) > 24:
            raise RuntimeError("too much company")
        return super().forward(x)
"""
)
REDUCER = """
from reducers import reducers
from reducers.pointwise import NoReduction

@reducers.register("tried", "a reducer")
class Tried(NoReduction):
    "It has parameters."
    def __init__(self{parameters}):
        pass
"""
NEEDY = """
from bench.datasets import datasets
from bench.base.errors import UsageError

@datasets.register("tried", "a data set that is somewhere")
def load(argument, progress):
    if argument is None:
        raise UsageError("data set tried needs a folder")
    return datasets["npy"](argument, progress)
"""


@pytest.fixture(autouse=True)
def registries():
    """Leave the registries as they were."""
    every = (autoencoders, reducers, datasets)
    before = {registry: registry.names() for registry in every}
    yield
    for registry in every:
        for entry in list(registry):
            if entry.name not in before[registry] and entry.origin is None:
                registry.unregister(entry.name)


@pytest.fixture
def command(tmp_path):
    """Run the command in this process and an empty folder: exit code, output and errors."""

    def run(*arguments):
        found = run_module("bench.try", *arguments, cwd=tmp_path)
        return found.returncode, found.stdout, found.stderr

    return run


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """The command on the example, as its users run it but for the size."""
    folder = tmp_path_factory.mktemp("tried")
    small = ("--limit", 100, "--seeds", 1, "--epochs", 1, "--threads", 1)
    return folder, run_module("bench.try", EXAMPLE, *small, cwd=folder)


def test_a_model_that_needs_a_setting_is_spared_and_runs_in_no_grid(command, tmp_path):
    needy = MODEL.replace("(self, image_shape)", "(self, image_shape, *, size: int)")
    (tmp_path / "needy.py").write_text(needy)
    code, out, _ = command("needy.py")
    assert code == 0
    assert f"  {contracts.SPARED} " in out
    assert "tried needs size: write tried(size=...)" in out
    assert "the model tried runs in no grid here" in out


def test_the_example_keeps_every_promise_and_every_cell_is_finished(tried):
    _, found = tried
    assert found.returncode == 0, found.stdout + found.stderr
    assert contracts.BROKEN not in found.stdout
    assert "failed" not in found.stderr
    kept = re.findall(
        rf"^  [{contracts.KEPT}{contracts.SPARED}] (.*?): \S", found.stdout, re.MULTILINE
    )
    promised = [contracts.promise_of(c) for i in ITEMS for c in contracts.checks_of(i.kind)]
    assert len(kept) == len(promised)
    assert all(f"{promise}: " in found.stdout for promise in promised)
    assert [line for line in found.stdout.splitlines() if line.startswith("model small: ")]


def test_a_grid_for_each_item_marks_its_rows_among_the_baselines(tried):
    _, found = tried
    marked = re.findall(rf"^{trial.MARK} +(\S+) +(\S+) ", found.stdout, re.MULTILINE)
    assert sorted(marked[:2]) == [("small", "none"), ("small", "pca32+tsne2")]
    assert sorted(marked[2:]) == [
        ("dnn", "random32"), ("pixels", "random32"), ("untrained-dnn", "random32"),
    ]  # fmt: skip
    for model in ("pixels", "untrained-small", "dnn"):
        assert re.search(rf"^ +{model} +none ", found.stdout, re.MULTILINE)
    for chain in ("none", "pca32", "pca32\\+tsne2"):
        assert re.search(rf"^ +pixels +{chain} ", found.stdout, re.MULTILINE)
    assert "images of negatives" in found.stdout
    assert re.search(r"^ +cnn +none ", found.stdout, re.MULTILINE)


def test_it_says_where_each_item_stands(tried):
    _, found = tried
    for item in ITEMS[:2]:
        assert f"The {item} is not tested against the baselines, with 1 seed: its" in found.stdout
    of_set = found.stdout.rpartition("data set negatives")[2]
    assert "ranks first of 12 pipelines on these 100 images" in of_set
    assert "so no pipeline is tested." in of_set


def test_its_results_are_apart_from_the_users(tried):
    folder, _ = tried
    written = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("results.csv")}
    places = {"model-small", "reducer-random", "data-set-negatives"}
    assert written == {f"results/try/{place}" for place in places}


@pytest.fixture
def cells(tried):
    """Records of the model's grid, which a test gives other verdicts."""
    found = records.read(tried[0] / "results" / "try" / "model-small" / "results.csv")
    return found.assign(
        verdict="in the group of the best",
        behind_best=0.2,
        behind_best_half=0.1,
        seeds_needed=8.0,
    )


def lead(cells, model, others):
    """Put a model's cell without reduction first, and have all others at a distance."""
    first = (cells["model"] == model) & (cells["chain"] == "none")
    cells = cells.assign(accuracy=cells["accuracy"].where(~first, 1.0))
    return cells.assign(
        verdict=["best" if each else others for each in first],
        behind_best=cells["behind_best"].where(~first),
    )


@pytest.mark.parametrize(
    ("model", "others", "words", "difference"),
    [
        ("small", "significantly worse", trial.AHEAD, "+0.200 ± 0.100"),
        ("small", "worse (step-down)", trial.AHEAD, "+0.200 ± 0.100"),
        ("small", "in the group of the best", trial.ALIKE, "+0.200 ± 0.100"),
        ("small", "not tested", trial.UNTESTED, "+0.200 ± 0.100"),
        ("dnn", "in the group of the best", trial.ALIKE, "-0.200 ± 0.100"),
        ("dnn", "significantly worse", trial.BEHIND, "-0.200 ± 0.100"),
    ],
)
def test_the_sentence_is_that_of_the_verdicts(cells, model, others, words, difference):
    said = trial.standing(ITEMS[0], lead(cells, model, others))
    assert said.startswith(f"The model small {words} the baselines, with 1 seed")
    assert f"The difference is {difference}." in said
    assert said.endswith("About 8 seeds would tell.") == (words == trial.ALIKE)


def test_its_own_other_cell_is_no_baseline(cells):
    told = lead(cells, "small", "significantly worse")
    own = (told["model"] == "small") & (told["chain"] != "none")
    said = trial.standing(
        ITEMS[0], told.assign(verdict=told["verdict"].where(~own, "in the group of the best"))
    )
    assert trial.AHEAD in said


def test_without_finished_cells_no_place_is_claimed(cells):
    said = trial.standing(ITEMS[0], cells.assign(verdict=None))
    assert (
        said == "The model small cannot be compared with the baselines: too few pipelines finished."
    )


def test_a_broken_contract_is_shown_and_no_grid_is_run(command, tmp_path):
    (tmp_path / "broken.py").write_text(OUT_OF_RANGE)
    code, out, error = command("broken.py")
    assert code == 1
    (line,) = [line for line in out.splitlines() if contracts.BROKEN in line]
    assert line.strip().startswith(
        f"{contracts.BROKEN} Its reconstruction stays within the images'"
    )
    assert re.search(r": its reconstruction reaches \d.*, needed at most 1 either way$", line)
    assert "the model tried runs in no grid" in out
    assert error == "contract broken: model tried\n"
    assert not (tmp_path / "results").exists()


def test_an_item_that_raises_breaks_its_contract_in_one_line_each(command, tmp_path):
    (tmp_path / "raises.py").write_text(MODEL.replace("super().__init__()", "1 / 0"))
    code, out, error = command("raises.py")
    assert code == 1
    assert f"{contracts.BROKEN} It works on a single image: ZeroDivisionError: division by" in out
    assert error == "contract broken: model tried\n"


def test_cells_that_fail_are_named_and_exit_code_1(command, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "RIVAL", "pixels")
    monkeypatch.setattr(trial, "CHAIN", "pca5")
    (tmp_path / "shy.py").write_text(SHY)
    code, out, error = command("shy.py", "--limit", 60, "--seeds", 1, "--threads", 1)
    assert code == 1
    assert contracts.BROKEN not in out
    assert "failed: 2 runs in train: RuntimeError: too much company" in error
    assert error.endswith("failed: runs in the grid of model tried\n")
    assert "The model tried cannot be compared with the baselines" in out


def test_help_teaches_with_examples(command):
    code, out, _ = command("--help")
    assert code == 0
    for words in ("Examples:", "latentgrid try mine.py", "--seeds", "Exit codes:"):
        assert words in out


MISUSE = [
    ("none.py", "", [], "no such plugin file: none.py"),
    ("text.txt", "x", [], "text.txt is not a Python file (its name must end in .py)"),
    ("empty.py", "x = 1", [], "empty.py registers nothing: a model is registered by"),
    ("wrong.py", "def", [], "plugin wrong.py failed with SyntaxError: invalid syntax"),
    ("raises.py", "1 / 0", [], "plugin raises.py failed with ZeroDivisionError"),
    ("taken.py", MODEL.replace("tried", "dnn"), [], "model 'dnn' is registered twice"),
    ("set.py", MODEL, ["--dataset", "digit"], "unknown data set 'digit': did you mean 'digits'?"),
    ("sets.py", MODEL, ["--dataset", "digits,photos"], "takes one data set here, found digits, ph"),
    ("seeds.py", MODEL, ["--seeds", "0"], "seeds: should be greater than or equal to 1"),
    ("sedes.py", MODEL, ["--sedes", "3"], "No such option: --sedes"),
    ("needy.py", NEEDY, [], "needs a folder (here by --dataset tried:ARGUMENT)"),
]


@pytest.mark.parametrize(("file", "text", "options", "message"), MISUSE)
def test_misuse_is_one_line_and_exit_code_2(command, tmp_path, file, text, options, message):
    if text:
        (tmp_path / file).write_text(text)
    code, out, error = command(file, *options)
    assert code == 2
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert out == ""


def test_a_data_sets_argument_is_given_with_its_name(tmp_path, npy_folder):
    (tmp_path / "needy.py").write_text(NEEDY)
    (item,) = items_in(tmp_path / "needy.py")
    given = {"dataset": f"tried:{npy_folder}"}
    spec = trial.plan(item, given)
    assert spec.dataset == f"tried:{npy_folder}"
    assert {"pixels", "untrained-dnn", "dnn", "untrained-cnn", "cnn"} < set(spec.models)
    marks = [found.mark for found in contracts.hold(item.kind, str(spec.dataset))]
    assert contracts.BROKEN not in marks
    assert marks.count(contracts.KEPT) >= 10
    # Given the set of something else, it stays the data set that is tried.
    assert trial.plan(item, {"dataset": "digits"}).dataset == "tried"


@pytest.mark.parametrize(
    ("parameters", "chain", "plain"),
    [
        (", n_components: int", "tried32", "pca32"),
        (", n_components: int = 2, *, rate: float = 1.0", "tried2", "pca2"),
        ("", "tried", "pca32"),
    ],
)
def test_a_reducer_is_held_against_as_many_components(tmp_path, parameters, chain, plain):
    file = tmp_path / "mine.py"
    file.write_text(REDUCER.format(parameters=parameters))
    (item,) = items_in(file)
    spec = trial.plan(item, {"plugins": (file,)})
    assert spec.reducers == ("none", plain, "pca32+tsne2", chain)
    assert spec.models == ("pixels", "untrained-dnn", "dnn")


def test_a_variant_by_hand_is_held_to_its_contract_and_stands_in_its_originals_grid(tmp_path):
    text = MODEL + (
        '\n@autoencoders.register("untrained-tried", "by hand")\n'
        'class Fresh(Tried):\n    "By hand."\n    trains = False\n    family = "tried"\n'
    )
    (tmp_path / "both.py").write_text(text)
    items = items_in(tmp_path / "both.py")
    assert [item.name for item in items] == ["tried", "untrained-tried"]
    assert [trial._is_in_its_originals_grid(item) for item in items] == [False, True]


@pytest.mark.parametrize(
    ("file", "items"),
    [
        ("models/idec.py", [Item("model", "idec")]),
        ("reducers/tsne.py", [Item("reducer", "tsne")]),
        ("bench/datasets/digits.py", [Item("data set", "digits")]),
        ("models/autoencoder.py", []),
    ],
)
def test_a_file_of_the_project_can_be_tried_where_it_is(file, items):
    assert items_in(ROOT / file) == items


def test_a_file_that_was_loaded_before_has_the_same_items(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    assert items_in(tmp_path / "mine.py") == items_in(tmp_path / "mine.py") != []


# the page


def test_the_example_is_at_most_31_lines_and_stands_on_the_page():
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= 31
    assert f"```python\n{text}```" in PAGE


def test_the_page_is_one_page_and_says_how_to_share():
    assert len(PAGE.splitlines()) <= 90
    (shared,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    groups = tomllib.loads(shared)["project"]["entry-points"]
    registries = (autoencoders, reducers, clusterers, datasets)
    assert list(groups) == [registry.entry_point_group for registry in registries]
    assert "docs/growing.md" in (ROOT / "README.md").read_text()


def test_files_that_the_page_names_are_there():
    for name in re.findall(r"`((?:models|reducers|bench|docs|tests)/[\w/]+\.py)`", PAGE):
        assert (ROOT / name).is_file(), name
