"""Results and store where images are read are refused, before anything is written."""

import pytest

from bench import run_grid
from bench.base.errors import UsageError
from bench.planning.places import check_places
from bench.planning.settings import resolve
from tests.bundles import write_digits
from tests.conftest import SMALL
from tests.inside import run


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of images in two folders."""
    for name in ("a", "b"):
        write_digits(tmp_path / "data" / name, slice(0, 8))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LATENTGRID_STORE", raising=False)
    return tmp_path


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def check(dataset, **settings):
    check_places(resolve({"dataset": [dataset], **settings}))


@pytest.mark.parametrize("kind", ["folder", "hf"])
@pytest.mark.parametrize("option", ["out", "store"])
@pytest.mark.parametrize("where", ["data", "data/out", "data/a/deep/out", "data/../data/out"])
@pytest.mark.usefixtures("place")
def test_a_place_inside_is_refused(kind, option, where):
    with pytest.raises(UsageError, match=f"^--{option} {where} is inside data, so its files would"):
        check(f"{kind}:data", **{"out": "x", "store": "y", option: where})


@pytest.mark.parametrize(("kind", "option"), [("folder", "out"), ("hf", "store")])
def test_it_is_said_in_one_line_and_nothing_is_written(place, kind, option):
    where = "data/out"
    before = files(place)
    other = {"out": "store", "store": "out"}[option]
    done = run(
        "bench.grid", *SMALL, "--dataset", f"{kind}:data", f"--{option}", where,
        f"--{other}", "elsewhere", cwd=place,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        f"error: --{option} {where} is inside data, so its files would be read as images: name a "
        f"folder outside with --{option}\n"
    )
    assert files(place) == before


def test_the_default_results_are_refused_in_the_folder_of_images(place):
    before = files(place)
    done = run("bench.grid", *SMALL, "--dataset", "folder:.", cwd=place / "data")
    assert done.returncode == 2
    assert "--out results is inside ." in done.stderr
    assert files(place) == before


@pytest.mark.slow
def test_hidden_places_inside_are_no_images_and_allowed(place, monkeypatch):
    monkeypatch.chdir(place / "data")
    given = {"models": "pixels", "reducers": "pca2", "seeds": 1, "baselines": False, "null": False}
    for _ in range(2):
        records = run_grid(dataset="folder:.", out="../results", **given)
        assert set(records["images"]) == {16}
    assert (place / "data" / ".store").is_dir()
    check("folder:.", out=".mine/results", store="../store")


@pytest.mark.parametrize("where", ["results", "database", "data-2/out"])
def test_other_places_are_allowed(place, where):
    check("folder:data", out=where, store="store")
    check("folder:data/a", out="data/b/out", store="store")


def test_a_place_that_a_link_leads_to_is_refused(place):
    (place / "link").symlink_to(place / "data")
    with pytest.raises(UsageError, match="--out link/out is inside data"):
        check("folder:data", out="link/out", store="store")
    (place / "far").mkdir()
    (place / "data" / "more").symlink_to(place / "far")
    (place / "data" / "loop").symlink_to(place / "data")
    with pytest.raises(UsageError, match="--store far/store is inside data"):
        check("folder:data", out="results", store="far/store")


def test_every_data_set_counts(place):
    for dataset in (["digits", "folder:data"], ["folder:data", "digits"]):
        with pytest.raises(UsageError, match="--out data/out is inside data"):
            check_places(resolve({"dataset": dataset, "out": "data/out", "store": "store"}))


@pytest.mark.parametrize("deep", ["figures", "figures/deep"])
def test_images_where_figures_go_are_refused(place, deep):
    write_digits(place / "out" / deep, slice(0, 4))
    with pytest.raises(UsageError, match=r"is where --out out has its figures"):
        check(f"folder:out/{deep}", out="out", store="store")


def test_other_data_sets_have_no_folder(place):
    for dataset in ("digits", "photos", "npy:data", "hf:owner/name"):
        check(dataset, out="data/out", store="data/store")
