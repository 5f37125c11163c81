import contextlib
import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import grid, run_grid
from bench.base.command import main_of, new_app
from bench.base.errors import UsageError
from bench.planning.options import flag_of, takes_settings
from bench.planning.presets import PRESETS
from bench.planning.reference import page
from bench.planning.settings import PANELS, GridSettings, resolve, resolve_recorded
from models import autoencoders
from models.named import needed_settings
from reducers import reducers
from tests.conftest import ROOT


def refused(message, flags=None, toml=None, tmp_path=None):
    path = None
    if toml is not None:
        path = tmp_path / "grid.toml"
        path.write_text(toml)
    with pytest.raises(UsageError) as error:
        resolve(flags, path)
    text = str(error.value)
    assert message in text
    assert "\n" not in text


def test_quick_is_the_default():
    spec = resolve()
    assert spec.preset == "quick"
    assert spec.dataset == "photos"
    assert {"pixels", "untrained-dnn", "dnn", "untrained-cnn", "cnn"} < set(spec.models)
    assert spec.reducers == ("none", "pca128+tsne2", "pca64+umap8(min_dist=0,n_neighbors=30)")
    assert spec.seeds == 4


def test_homework_is_the_reports_recipe():
    spec = resolve({"preset": "homework"})
    assert (spec.lr, spec.epochs, spec.batch_size) == (1e-5, 100, 64)
    assert spec.schedule == "constant"
    assert spec.models == ("pixels", "untrained-cnn", "cnn", "untrained-dnn", "dnn")
    assert spec.reducers == ("none", "pca128+tsne2")
    assert spec.limit == "all"
    bare = resolve({"preset": "homework", "baselines": False})
    assert (bare.models, bare.reducers) == (("cnn", "dnn"), ("pca128+tsne2",))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("dnn", "pixels,untrained-dnn,dnn"),
        ("dnn,untrained-dnn", "pixels,dnn,untrained-dnn"),
        ("cnn,pixels,dnn", "untrained-cnn,cnn,pixels,untrained-dnn,dnn"),
        ("untrained-cnn", "pixels,untrained-cnn"),
        ("pixels", "pixels"),
    ],
)
def test_baselines_are_added_and_what_is_there_stays_where_it_is(asked, found):
    spec = resolve({"models": asked, "reducers": "pca5,none"})
    assert ",".join(spec.models) == found
    assert spec.reducers == ("pca5", "none")
    assert resolve({"models": asked, "reducers": "pca5"}).reducers == ("none", "pca5")
    assert resolve({"models": asked, "reducers": "pca5,none", "baselines": False}).models == (
        tuple(asked.split(","))
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_adding_baselines_again_adds_nothing(preset, tmp_path):
    spec = resolve({"preset": preset})
    path = tmp_path / "grid.toml"
    path.write_text(spec.to_toml())
    assert resolve({}, path) == spec
    assert preset == "best" or {"pixels", "untrained-dnn"} <= set(spec.models)
    assert ("none" in spec.reducers) == spec.baselines == (preset not in ("best", "regression"))


def test_baselines_can_be_turned_off_in_a_file(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text('models = ["dnn"]\nreducers = ["pca5"]\nbaselines = false\n')
    assert resolve({}, path).models == ("dnn",)
    assert resolve({"baselines": True}, path).models == ("pixels", "untrained-dnn", "dnn")


def test_a_baseline_that_was_taken_out_is_not_added():
    entry, chain = autoencoders.entry("pixels"), reducers.entry("none")
    autoencoders.unregister("pixels")
    reducers.unregister("none")
    try:
        spec = resolve({"models": "dnn", "reducers": "pca5"})
    finally:
        autoencoders.register("pixels", entry.summary)(entry.item)
        reducers.register("none", chain.summary)(chain.item)
    assert (spec.models, spec.reducers) == (("untrained-dnn", "dnn"), ("pca5",))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    assert resolve({"preset": preset}).preset == preset


def test_a_presets_limit_is_its_own_data_sets():
    assert resolve().limit == 400
    assert resolve({"dataset": "photos"}).limit == 400
    assert resolve({"dataset": "digits"}).limit == "all"
    assert resolve({"dataset": "digits", "limit": "50"}).limit == 50
    assert resolve({"limit": "all"}).most_images is None


def test_threads_and_workers_do_not_depend_on_preset_or_machine():
    """One thread a task, so that the numbers of the demonstration depend on no machine's cores."""
    own, other = resolve(), resolve({"dataset": "digits"})
    for each in (own, other):
        assert (each.workers, each.threads) == (None, 1)
    asked = resolve({"workers": 3, "threads": 2})
    assert (asked.workers, asked.threads) == (3, 2)


def test_results_of_a_gpu_are_read_where_there_is_none(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text('preset = "quick"\ndevice = "cuda"\nprecision = "tf32"\n')
    assert resolve_recorded(path, {}).device == "cuda"
    with pytest.raises(UsageError, match="cuda is not available here"):
        resolve(config=path)


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text('preset = "homework"\nlr = 0.5\nseeds = 7\nreducers = ["pca5", "none"]\n')
    spec = resolve({"seeds": 2, "lr": None, "baselines": False}, path)
    assert (spec.preset, spec.lr, spec.seeds, spec.epochs) == ("homework", 0.5, 2, 100)
    assert spec.reducers == ("pca5", "none")


def test_lists_as_text_or_as_lists_are_one_thing():
    text = resolve({"models": "pixels, dnn", "reducers": "pca9,tsne(perplexity=5,method=bh)"})
    given_list = resolve(
        {"models": ["pixels", "dnn"], "reducers": ["pca9", "tsne2(method=bh,perplexity=5)"]}
    )
    assert text == given_list
    once = resolve({"models": "dnn,dnn", "reducers": "tsne,tsne2", "baselines": False})
    assert (once.models, once.reducers) == (("dnn",), ("tsne2",))


def test_untrained_stands_for_all_that_need_no_settings():
    trained = [entry.name for entry in autoencoders if entry.item.trains]
    every = tuple(f"untrained-{name}" for name in trained if not needed_settings(name))
    assert needed_settings("on") == ["model"]
    assert {"untrained-cnn", "untrained-dnn"} <= set(every)
    assert resolve({"models": "untrained", "baselines": False}).models == every
    assert resolve({"models": "untrained"}).models == ("pixels", *every)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "seeds": st.integers(1, 99),
            "seed": st.integers(0, 2**40),
            "epochs": st.integers(1, 999),
            "lr": st.floats(1e-9, 10),
            "batch_size": st.integers(1, 4096),
            "schedule": st.sampled_from(["constant", "warmup-cosine"]),
            "clusters": st.integers(1, 99),
            "limit": st.one_of(st.just("all"), st.integers(1, 10**6)),
            "preset": st.sampled_from(sorted(PRESETS)),
            "reducers": st.just("none,pca12+tsne2(perplexity=12.5)"),
            "models": st.sampled_from(["dnn", "untrained,cnn", "cnn,pixels"]),
            "baselines": st.booleans(),
            "out": st.sampled_from(["here", "a b/c", 'quo"te']),
        },
    )
)
def test_what_is_written_is_what_is_read(tmp_path_factory, flags):
    spec = resolve(flags)
    path = tmp_path_factory.mktemp("toml") / "grid.toml"
    path.write_text(spec.to_toml(), encoding="utf-8")
    assert resolve({}, path) == spec


@given(st.text(max_size=60))
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("toml") / "grid.toml"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        resolve({}, path)
    except UsageError:
        return


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"preset": "quik"}, "unknown preset 'quik': did you mean 'quick'"),
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"dataset": ""}, "unknown data set"),
        ({"models": "cnm"}, "did you mean 'cnn'"),
        ({"models": ""}, "unknown model ''"),
        ({"models": []}, "models:"),
        ({"models": "untrained-pixels"}, "unknown model 'untrained-pixels': did you mean"),
        ({"models": "untrained-cnm"}, "did you mean 'untrained-cnn'"),
        ({"baselines": "some"}, "baselines: should be a valid boolean"),
        ({"reducers": "pca"}, "pca needs a number"),
        ({"reducers": "tsen2"}, "did you mean 'tsne'"),
        ({"dataset": ["digits", "photos"], "labels": __file__}, "a CSV file is for one data set"),
        ({"seeds": 0}, "seeds: should be greater than or equal to 1, found 0"),
        ({"seed": -1}, "seed:"),
        ({"epochs": -3}, "epochs:"),
        ({"lr": 0}, "lr: should be greater than 0, found 0"),
        ({"lr": float("nan")}, "lr:"),
        ({"lr": float("inf")}, "lr:"),
        ({"batch_size": 0}, "batch_size:"),
        (
            {"schedule": "cosine"},
            "schedule: should be 'constant' or 'warmup-cosine', found 'cosine'",
        ),
        ({"clusters": 0}, "clusters:"),
        ({"limit": "0"}, "limit: must be a whole number from 1 to 1,000,000,000, or all"),
        ({"limit": "many"}, "limit: must be a whole number from 1 to 1,000,000,000, or all"),
        ({"limit": True}, "limit: must be"),
        ({"device": "gpu"}, "device:"),
        ({"threads": 0}, "threads:"),
        ({"plugins": ["/no/such.py"]}, "no such plugin file"),
        ({"seeds": 0, "epochs": 0}, "epochs:"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(flags, message):
    refused(message, flags)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("epoch = 3", "unknown setting 'epoch': did you mean 'epochs'"),
        ('epochs = "three"', "epochs:"),
        ("epochs = 2.5", "epochs:"),
        ("models = 3", "models:"),
        ("models = [3]", "models:"),
        ("preset = 3", "unknown preset 3"),
        ("epochs = ", "cannot read configuration file"),
        ("[recipe]\nlr = 1", "unknown setting 'recipe'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(tmp_path, toml, message):
    refused(message, toml=toml, tmp_path=tmp_path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(UsageError, match="no such configuration file"):
        resolve({}, tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot read configuration file"):
        resolve({}, tmp_path)


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr("bench.planning.settings.find_device", lambda: "cpu")
    refused("device: cuda is not available here; found cpu", {"device": "cuda"})
    monkeypatch.setattr("bench.planning.settings.find_device", lambda: "cuda")
    assert resolve({"device": "cuda"}).device == "cuda"


def test_every_setting_is_described_from_its_one_declaration():
    """In docs/settings.md, which ``python docs/settings.py`` writes, and in `run_grid`."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page()
    signature = inspect.signature(run_grid)
    for name, field in GridSettings.model_fields.items():
        assert field.description
        assert f"\n    {name} : " in run_grid.__doc__
        assert name in signature.parameters
    assert "SETTINGS" not in run_grid.__doc__
    assert "config" in signature.parameters


def test_help_has_every_setting_in_its_panel_and_names_every_preset(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as end:
        grid.main(["--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert re.findall(r"╭─ (.*?) ─", shown) == [
        "Options", *PANELS, "Stored results and failures", "Instead of running",
    ]  # fmt: skip
    for name in GridSettings.model_fields:
        assert f" {flag_of(name)} " in shown
    (presets,) = re.findall(r"Settings to start from: (.*?)\.", shown)
    assert presets.split(", ") == list(PRESETS)


def test_an_option_may_take_back_what_a_file_turned_on(tmp_path, monkeypatch):
    path = tmp_path / "grid.toml"
    path.write_text("deterministic = true\n")
    seen = []
    command = takes_settings(["deterministic", "seeds"])(lambda settings: seen.append(settings))
    app = new_app()
    app.command()(command)
    for words in ([], ["--no-deterministic", "--seeds", "2"]):
        with pytest.raises(SystemExit):
            main_of(app, "tried")(words)
    assert seen == [{}, {"deterministic": False, "seeds": "2"}]
    assert [resolve(flags, path).deterministic for flags in seen] == [True, False]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from([name for name in GridSettings.model_fields if name != "plugins"]), VALUES
    )
)
def test_any_values_are_settings_or_refused(settings):
    with contextlib.suppress(UsageError):
        assert resolve(settings).seeds >= 1


def test_a_file_of_the_release_before_is_read_under_its_former_names():
    with pytest.warns(FutureWarning, match="model handmade is now called hand-crafted"):
        found = resolve({}, ROOT / "tests" / "release_0" / "grid.toml")
    assert found.models == ("pixels", "hand-crafted", "dnn")
    assert (found.resamples, found.clusterers) == (1, ("kmeans", "gmm"))


def test_a_command_warns_of_a_former_name_once_and_in_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        grid.main(["--models", "handmade,handmade(cell=7)", "--seeds", "0"])
    warning, error = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert warning.startswith("warning: model handmade is now called hand-crafted; ")
    assert error.startswith("error: seeds: ")


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_file_of_any_editor_is_read(tmp_path, start, end):
    lines = [
        "# écrit ailleurs",
        'dataset = "digits"',
        'models = ["pixels",',
        '  "dnn"]',
        "seeds = 4",
    ]
    path = tmp_path / "grid.toml"
    path.write_bytes((start + end.join(lines) + end).encode())
    found = resolve({"reducers": "none", "baselines": False}, path)
    assert (found.dataset, found.models, found.seeds) == ("digits", ("pixels", "dnn"), 4)
    path.write_bytes(end.join(lines).encode("utf-16"))
    with pytest.raises(UsageError, match=r"cannot read configuration file .*'utf-8' codec"):
        resolve({}, path)
