"""Every number that a user can give has limits, which its help and the error say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base import memory as machine
from bench.base.command import fail
from bench.base.errors import UsageError, show_value
from bench.clusterers import clusterers
from bench.planning import size
from bench.planning.settings import GridSettings, resolve
from models import autoencoders
from models.named import Named, needed_settings
from reducers import reducers
from reducers.chain import Chain

ON = {"models": "pixels", "reducers": "pca5", "baselines": False, "dataset": "digits"}
NUMBERS = [
    name
    for name, field in GridSettings.model_fields.items()
    if re.search(r"\b(int|float)\b", str(field.annotation))
]
HUGE = 10**18


def test_numbers_are_found():
    assert {"seeds", "threads", "workers", "lr", "limit", "clusters", "resamples"} <= {*NUMBERS}


@pytest.mark.parametrize("name", NUMBERS)
def test_no_setting_takes_any_number(name):
    for value in (10**30, -(10**30), 10**5000, "9" * 5000, "1e999", "nan"):
        with pytest.raises(UsageError) as error:
            resolve(ON | {name: value})
        text = str(error.value)
        assert text.startswith(f"{name}: ")
        assert "\n" not in text
        assert len(text) < 300


@pytest.mark.parametrize("name", NUMBERS)
def test_the_help_of_a_setting_says_its_upper_limit(name):
    """What is refused is more than the largest number that the help names."""
    text = GridSettings.model_fields[name].description
    most = max(float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", text))
    if name == "equivalence":  # a share
        most = 1
    whole = name not in ("lr", "checkpoint", "equivalence")
    allowed, refused = (int(most), int(most) + 1) if whole else (most, most * 1.01)
    if name == "seed":  # beyond what a float tells apart
        allowed, refused = 2**63 - 1, 2**63
    assert getattr(resolve(ON | {name: allowed}), name) == allowed
    with pytest.raises(UsageError, match=f"^{name}: "):
        resolve(ON | {name: refused})


def _whole_numbers(registry, reserved=()):
    """Find the settings of built-in items that are whole numbers."""
    from bench.base.grammar import _types_of, signature_of

    for entry in registry:
        types = _types_of(entry.item)
        for name in signature_of(entry.item).parameters:
            if types.get(name) is int and name not in reserved:
                yield entry.name, name


HARNESS = ("random_state", "n_jobs", "n_clusters", "n_components", "clusters")


@pytest.mark.parametrize(
    ("item", "name"),
    [each for each in _whole_numbers(autoencoders, HARNESS) if not needed_settings(each[0])],
)
def test_no_model_takes_any_number(item, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        Named.parse(f"{item}({name}={HUGE})").item()((3, 32, 32))


@pytest.mark.parametrize(("item", "name"), [*_whole_numbers(reducers, HARNESS)])
def test_no_reducer_takes_any_number(item, name):
    number = "" if item in ("none",) else "2"
    link = Chain.parse(f"{item}{number}({name}={HUGE})").links[0]
    with pytest.raises(ValueError, match=name):
        link.build().check(2000, 100)


@pytest.mark.parametrize(("item", "name"), [*_whole_numbers(clusterers, HARNESS)])
def test_no_clusterer_takes_any_number(item, name):
    from bench.clusterers.named import Named as Clusterer

    with pytest.raises(ValueError, match=name):
        Clusterer.parse(f"{item}({name}={HUGE})").build(3).check(2000, 100)


@pytest.fixture
def small_machine(monkeypatch):
    monkeypatch.setattr(size, "memory", lambda: 4_000_000_000)


@pytest.mark.usefixtures("small_machine")
def test_a_plan_beyond_half_of_the_memory_is_refused():
    size.check_size(resolve(ON | {"seeds": 10_000, "null": True}))
    chains = ",".join(f"pca{number}" for number in range(1, 31))
    asked = resolve(ON | {"seeds": 10_000, "reducers": chains})
    with pytest.raises(UsageError, match="1 encoder × 30 chains × 1 clusterer × 10,000 seeds") as e:
        size.check_size(asked)
    assert "this grid has 300,000 runs" in str(e.value)
    assert "allowed is half of the memory, 2.0 GB" in str(e.value)


@pytest.mark.usefixtures("small_machine")
def test_workers_beyond_the_memory_are_refused():
    size.check_size(resolve(ON | {"workers": 10}))
    with pytest.raises(UsageError, match=r"workers: 11 need about 4.4 GB .* allowed are up to 10"):
        size.check_size(resolve(ON | {"workers": 11}))


def test_the_memory_of_a_container_is_that_of_its_limit(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_LIMIT", limit)
    whole = machine.memory()
    assert whole > 100_000_000
    limit.write_text("max\n")
    assert machine.memory() == whole
    limit.write_text("50000000\n")
    assert machine.memory() == 50_000_000


def test_a_command_ends_with_a_line_that_is_not_endless(capsys):
    with pytest.raises(SystemExit):
        fail("found " + "9" * 10**6)
    shown = capsys.readouterr().err
    assert shown.startswith("error: found 999")
    assert len(shown) < 2100


@given(st.integers() | st.text() | st.lists(st.integers()) | st.just(10**5000))
def test_what_was_found_is_shown_in_one_short_line(value):
    text = show_value(value)
    assert len(text) <= 121
    assert "\n" not in text
