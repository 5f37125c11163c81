"""The comparison with peers, without them: `make peers` makes an environment that has them."""

from __future__ import annotations

import importlib.util
import json
import sys
import types

import numpy as np
import pytest
import typer

from bench.base.errors import UsageError
from bench.datasets.dataset import load
from tests.conftest import ROOT

SCRIPT = ROOT / "docs" / "peers" / "compare.py"


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("compare", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["compare"]


def fake(compare, name, ours=False, clusters=None, settings="none"):
    """A method that groups by what it is told, and counts how often."""
    method = compare.Method(
        name, name, settings, ours, ("numpy",), lambda data, threads: lambda seed: clusters(data)
    )
    return method


def record(method, dataset, seed, accuracy, seconds=10.0, **changed):
    return {
        "dataset": dataset,
        "data": "d" * 40,
        "images": 1000,
        "limit": 1000,
        "clusters": 10,
        "method": method,
        "settings": "none",
        "seed": seed,
        "threads": 1,
        "versions": {"numpy": "2"},
        "accuracy": accuracy,
        "ami": 0.5,
        "ari": 0.5,
        "seconds": seconds,
        "processor_seconds": seconds,
        "cores": 2,
        "processor": "one",
    } | changed


@pytest.fixture
def three(compare):
    return [fake(compare, "DEC"), fake(compare, "N2D"), fake(compare, "mine", ours=True)]


def canned():
    """Two sets: ours is ahead on digits, and behind N2D on photos."""
    rows = {
        ("DEC", "digits"): (0.80, 0.82), ("DEC", "photos"): (0.60, 0.60),
        ("N2D", "digits"): (0.85, 0.87), ("N2D", "photos"): (0.80, 0.82),
        ("mine", "digits"): (0.95, 0.97), ("mine", "photos"): (0.70, 0.70),
    }  # fmt: skip
    return [
        record(method, dataset, seed, accuracy, 2.0 if method == "mine" else 120.0)
        for (method, dataset), found in rows.items()
        for seed, accuracy in enumerate(found)
    ]


def test_the_table_has_means_spreads_and_seconds_and_the_best_in_bold(compare, three):
    assert compare.table(canned(), three).splitlines() == [
        "| method | digits, accuracy | seconds | photos, accuracy | seconds |",
        "| :-- | --: | --: | --: | --: |",
        "| DEC | 0.810 ± 0.014 | 120 | 0.600 ± 0.000 | 120 |",
        "| N2D | 0.860 ± 0.014 | 120 | **0.810** ± 0.014 | 120 |",
        "| mine, ours | **0.960** ± 0.014 | 2.0 | 0.700 ± 0.000 | 2.0 |",
    ]


def test_the_table_says_what_did_not_run_and_where_there_are_fewer_seeds(compare, three):
    fewer = [r for r in canned() if (r["method"], r["dataset"], r["seed"]) != ("DEC", "photos", 1)]
    fewer = [r for r in fewer if (r["method"], r["dataset"]) != ("N2D", "digits")]
    lines = compare.table(fewer, three).splitlines()
    assert lines[2] == "| DEC | 0.810 ± 0.014 | 120 | 0.600 (1 of 2 seeds) | 120 |"
    assert lines[3].startswith("| N2D | – | – |")


def test_it_says_where_ours_is_ahead_and_where_not(compare, three):
    first, _, sentence = compare.verdict(canned(), three).splitlines()
    assert first == "None of our pipelines is ahead of every peer on all 2 data sets."
    assert sentence == (
        "- mine is ahead of every peer on digits (0.960 in 2.0 s against 0.860 in 120 s by N2D, "
        "the best of them); it is **not** ahead on photos (0.700 in 2.0 s against 0.810 in 120 s "
        "by N2D, the best of them)."
    )


def test_it_says_that_ours_is_ahead_everywhere(compare, three):
    digits = [r for r in canned() if r["dataset"] == "digits"]
    first = compare.verdict(digits, three).splitlines()[0]
    assert first == "Ahead of every peer on all 1 data set: mine."


def test_a_difference_within_the_spread_is_called_one(compare, three):
    close = [
        r | {"accuracy": 0.855 + 0.03 * r["seed"]} if r["method"] == "mine" else r
        for r in canned()
        if r["dataset"] == "digits"
    ]
    assert "by N2D, the best of them, which is within the spread" in compare.verdict(close, three)


def test_nobody_is_ahead_of_a_peer_that_did_not_run(compare, three):
    records = [r for r in canned() if r["method"] != "DEC" and r["dataset"] == "digits"]
    first, _, sentence = compare.verdict(records, three).splitlines()
    assert first.startswith("None of our pipelines is ahead")
    assert sentence == "- mine cannot be compared on digits, where DEC has not run."
    alone = [r for r in records if r["method"] == "mine"]
    assert "digits, where no peer has run" in compare.verdict(alone, three)


def test_the_page_tells_how_it_was_measured(compare, three):
    page = compare.page(canned(), three)
    flat = " ".join(page.split())
    assert compare.table(canned(), three) in page
    assert compare.verdict(canned(), three) in page
    for words in (
        "1 thread of a machine with 2 cores",
        "100 epochs of pretraining and 150 of clustering",
        "1,000 of scikit-learn's handwritten digits",
        "There are no results of scenes.",
        "mean over 2 seeds",
        "Versions: numpy 2.",
    ):
        assert words in flat
    assert str(ROOT) not in page
    busy = [r | {"seconds": 2 * r["processor_seconds"]} for r in canned()]
    assert "wall-clock time is 2.00 times processor time" in " ".join(
        compare.page(busy, three).split()
    )


def test_the_latest_result_of_the_same_kind_counts(compare, three):
    records = [
        record("DEC", "digits", 0, 0.1, data="old"),
        record("DEC", "digits", 0, 0.2),
        record("DEC", "digits", 1, 0.3, limit=200),
        record("DEC", "digits", 1, 0.4, settings="others"),
        record("DEC", "digits", 0, 0.5, versions={"numpy": "3"}),
        record("gone", "digits", 0, 0.6),
    ]
    assert [r["accuracy"] for r in compare.select(records, 1000, three)] == [0.5]


@pytest.fixture
def without_torchvision(monkeypatch):
    for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)  # an import of it raises
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        sys.modules.pop(name)


@pytest.mark.usefixtures("without_torchvision")
def test_a_stub_takes_the_place_of_a_torchvision_that_does_not_load(compare):
    assert compare.stub_torchvision()
    import torchvision
    from torchvision.models._api import Weights, WeightsEnum

    # As ClustPy uses them: in annotations.
    assert Weights | None
    assert WeightsEnum | None
    assert torchvision.datasets.VisionDataset
    assert importlib.util.find_spec("torchvision") is not None
    assert compare.stub_torchvision()  # and it stays


def test_a_torchvision_that_loads_is_left_alone(compare, monkeypatch):
    real = types.ModuleType("torchvision")
    monkeypatch.setitem(sys.modules, "torchvision", real)
    assert not compare.stub_torchvision()
    assert sys.modules["torchvision"] is real
    assert "torchvision.models._api" not in sys.modules


@pytest.fixture(scope="module")
def digits():
    return {"digits": load("digits", limit=50)}


def by_label(data):
    return data.labels


def test_a_comparison_goes_on_where_it_was_stopped(compare, digits, tmp_path, capsys):
    calls = []

    def once(data):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(len(data))
        return data.labels

    chosen = [fake(compare, "DEC", clusters=once), fake(compare, "mine", True, once)]
    place = tmp_path / "new" / "peers.jsonl"
    plan = compare.Plan(50, 2, 1, place)
    with pytest.raises(KeyboardInterrupt):
        compare.compare(plan, digits, chosen)
    with open(place, "a") as file:
        file.write('{"dataset": "dig')  # as a kill amid a line leaves it
    calls[:] = []
    assert compare.compare(plan, digits, chosen) == (1, [])
    assert len(calls) == 1
    assert "4 runs, 3 of them in peers.jsonl" in capsys.readouterr().err
    records, torn = compare.read(place)
    assert torn == 1
    assert [(r["method"], r["seed"]) for r in records] == [
        ("DEC", 0), ("mine", 0), ("DEC", 1), ("mine", 1),
    ]  # fmt: skip
    assert {r["accuracy"] for r in records} == {1.0}
    assert compare.compare(plan, digits, chosen) == (0, [])


def test_other_settings_images_and_seeds_are_other_results(compare, digits, tmp_path):
    place = tmp_path / "peers.jsonl"
    chosen = [fake(compare, "DEC", clusters=by_label)]
    other = [fake(compare, "DEC", clusters=by_label, settings="epochs=5")]
    assert compare.compare(compare.Plan(50, 1, 1, place), digits, chosen)[0] == 1
    assert compare.compare(compare.Plan(50, 1, 1, place), digits, other)[0] == 1
    assert compare.compare(compare.Plan(60, 1, 1, place), digits, other)[0] == 1
    assert compare.compare(compare.Plan(60, 1, 2, place), digits, other)[0] == 1
    assert compare.compare(compare.Plan(60, 2, 2, place), digits, other)[0] == 1


def test_a_method_that_raises_is_told_and_the_others_go_on(compare, digits, tmp_path, capsys):
    def breaks(data):
        raise ValueError("no\nclusters")

    chosen = [fake(compare, "DEC", clusters=breaks), fake(compare, "mine", clusters=by_label)]
    done, failed = compare.compare(compare.Plan(50, 1, 1, tmp_path / "peers.jsonl"), digits, chosen)
    assert done == 1
    assert failed == ["[1/2] digits, DEC, seed 0: ValueError: no clusters"]
    assert "failed: [1/2] digits, DEC" in capsys.readouterr().err


def test_our_own_pieces_have_the_seeds_of_the_grid(compare, digits, monkeypatch):
    from bench.base import seeds
    from bench.planning.plan import plan
    from bench.planning.settings import GridSettings

    spec = GridSettings(
        dataset="digits", limit=50, models="idec(gamma=0)", reducers="ica5", clusterers="gmm",
        seeds=2, baselines=False, null=False, device="cpu", epochs=1, lr=1e-3, batch_size=256,
    )  # fmt: skip
    made = plan(spec, digits["digits"])
    planned = {
        value
        for cell in made.runs
        if cell.seed_index == 1
        for task in cell.tasks
        for name, value in task.settings.items()
        if name.endswith("seed")
    }
    assert len(planned) == 4  # of weights, batches, reducer and clusterer
    derived = []

    def watched(*arguments):
        derived.append(seeds_derive(*arguments))
        return derived[-1]

    seeds_derive = seeds.derive
    monkeypatch.setattr(seeds, "derive", watched)
    cell = compare.Cell("idec(gamma=0)", "ica5", "gmm", epochs=1)
    fit = compare.own_pieces(cell, digits["digits"], 1)
    derived.clear()
    clusters = fit(1)
    assert set(derived) == planned
    assert clusters.shape == (50,)


def test_clustpy_that_is_not_there_is_told_in_one_line(compare, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "clustpy", None)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    with pytest.raises(UsageError, match="make peers makes an environment"):
        compare._clustpy("DEC", digits["digits"])


def test_clustpy_with_other_defaults_is_refused(compare, digits, monkeypatch):
    class Changed:
        def get_params(self):
            return compare.CLUSTPY | {"pretrain_epochs": 7}

    deep = types.ModuleType("clustpy.deep")
    deep.DEC = Changed
    monkeypatch.setitem(sys.modules, "clustpy", types.ModuleType("clustpy"))
    monkeypatch.setitem(sys.modules, "clustpy.deep", deep)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    with pytest.raises(UsageError, match="'pretrain_epochs': 7"):
        compare._clustpy("DEC", digits["digits"])


def test_clustpy_is_given_scaled_pixels_and_the_seed(compare, digits, monkeypatch, capsys):
    seen = []

    class Peer:
        def __init__(self, clusters=8, **settings):
            self.clusters, self.settings = clusters, settings

        def get_params(self):
            return dict(compare.CLUSTPY)

        def fit(self, X):
            print("noise")
            seen.append((X, self.clusters, self.settings))
            self.labels_ = np.zeros(len(X), np.int32)
            return self

    deep = types.ModuleType("clustpy.deep")
    deep.DEC = Peer
    monkeypatch.setitem(sys.modules, "clustpy", types.ModuleType("clustpy"))
    monkeypatch.setitem(sys.modules, "clustpy.deep", deep)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    clusters = compare._clustpy("DEC", digits["digits"])(7)
    X, count, settings = seen[-1]
    assert X.shape == (50, 3072)
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == pytest.approx((-1, 1), abs=1e-6)
    assert count == 10
    assert settings == {"device": "cpu", "random_state": 7}  # the rest is its own
    assert clusters.dtype == np.int64
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"datasets": "digts"}, "no data set 'digts': there are digits, photos, scenes"),
        ({"only": "VaDE"}, "no method 'VaDE': there are IDEC, DEC, N2D and ours"),
        ({"table_only": True}, "no results of 1,000 images"),
    ],
)
def test_misuse_is_one_line(compare, tmp_path, capsys, options, message):
    with pytest.raises(typer.Exit) as ended:
        compare.main(results=tmp_path / "none.jsonl", page_file=tmp_path / "p.md", **options)
    assert ended.value.exit_code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_the_table_is_written_from_what_is_there(compare, tmp_path, capsys):
    place = tmp_path / "peers.jsonl"
    settings = {method.name: method.settings for method in compare.methods()}
    rows = [record(name, "digits", 0, 0.5, settings=text) for name, text in settings.items()]
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(typer.Exit) as ended:
        compare.main(results=place, page_file=tmp_path / "peers.md", table_only=True)
    assert ended.value.exit_code == 0
    page = (tmp_path / "peers.md").read_text()
    assert capsys.readouterr().out.splitlines()[0] in page
    assert "is **not** ahead on digits" in page


def test_the_committed_page_is_that_of_the_committed_results(compare):
    if not (compare.RESULTS.is_file() and compare.PAGE.is_file()):
        pytest.skip("peers have not been compared yet")
    everything = compare.methods()
    records = compare.select(compare.read(compare.RESULTS)[0], 1000, everything)
    assert compare.page(records, everything) == compare.PAGE.read_text()
