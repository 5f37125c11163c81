"""A grid within a time: the same epochs and seeds for every cell, and the same command goes on."""

import contextlib

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base import times
from bench.base.errors import UsageError
from bench.planning import budget
from bench.planning.budget import Clock, Work, split
from bench.planning.mode import Mode
from bench.planning.settings import resolve
from bench.session.grid import GridOnDataset
from bench.session.session import Session
from bench.store import Store


@given(st.integers(1, 10**6), st.sampled_from("smh"))
def test_times_are_read(number, unit):
    factor = {"s": 1, "m": 60, "h": 3600}[unit]
    assert times.seconds(f" {number} {unit}") == number * factor


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text):
    with contextlib.suppress(ValueError):
        assert times.seconds(text) > 0


@pytest.mark.parametrize("wrong", ["soon", "15", "0m", "-3s", "1d", "", "1.m"])
def test_what_is_no_time_is_refused_in_one_line(wrong):
    with pytest.raises(UsageError) as error:
        resolve({"budget": wrong})
    assert str(error.value) == f"budget: must be a time such as 90s, 15m or 2h, found {wrong!r}"


def work(per_epoch, per_seed=10.0, once=10.0):
    """A grid in which a seed takes so long, and an epoch of it."""

    def estimate(epochs, seeds):
        return Work(once + seeds * (per_seed + per_epoch * epochs), per_epoch * epochs)

    return estimate


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1000, (40, 5)),  # 10 + 5 · (10 + 40 · 2) = 460 of 800
        (400, (25, 5)),  # 310 of 320
        (220, (10, 5)),  # 160 of 176
        (180, (10, 4)),  # 130 of 144: with 5 seeds there would be time for 8 epochs
        (100, (12, 2)),  # 78 of 80
        (90, (10, 2)),  # 70 of 72
        (80, (8, 2)),  # 62 of 64: a quarter of the epochs would take 70
        (1, (1, 2)),
    ],
)
def test_first_epochs_are_fewer_then_seeds_then_epochs(seconds, expected):
    assert split(seconds, 40, 5, work(2.0)) == expected


@pytest.mark.parametrize(
    ("epochs", "seeds", "at_once", "expected"),
    [
        (40, 5, 2, (25, 5)),  # half of 310: 155 of 160
        (60, 5, 100, (40, 5)),  # the first seed and the others, of which a training takes 80
        (40, 1, 1, (40, 1)),  # one seed was asked for: 100 of 160
        (3, 5, 1, (3, 5)),  # 90 of 160
    ],
)
def test_workers_share_the_work_and_no_more_is_done_than_was_asked_for(
    epochs, seeds, at_once, expected
):
    assert split(200, epochs, seeds, work(2.0), at_once) == expected


def test_epochs_stay_where_they_take_no_time():
    assert split(1, 40, 5, work(0.0)) == (40, 2)


@given(
    st.floats(0.1, 1e5), st.integers(1, 500), st.integers(1, 30), st.floats(0, 10),
    st.integers(1, 16),
)  # fmt: skip
def test_what_is_planned_fits_or_is_the_least(seconds, epochs, seeds, per_epoch, at_once):
    estimate = work(per_epoch)
    e, s = split(seconds, epochs, seeds, estimate, at_once)
    assert 1 <= e <= epochs
    assert min(2, seeds) <= s <= seeds
    fits = estimate(e, s).wall_clock(s, at_once) <= 0.8 * seconds + 1e-6
    assert fits or s == min(2, seeds)
    if s > 2:
        assert e >= 0.25 * epochs


def test_another_seed_is_begun_only_if_it_would_end_in_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock(100, spent=10)
    now[0] = 40.0
    assert clock.has(39.0)
    assert not clock.has(41.0)  # the report comes after it
    assert "4 of 9 seeds finished: the budget of 1 min 40 s" in clock.note(4, 9)


def settings(tmp_path, **more):
    given = {"dataset": "digits", "limit": 60, "models": "dnn", "reducers": "pca5",
             "baselines": False, "null": False, "engine": "inline"}  # fmt: skip
    where = {"out": tmp_path / "results", "store": tmp_path / "store", "threads": 1}
    return resolve(given | where | {"seeds": 4, "epochs": 40} | more)


def grid(tmp_path, **more):
    (found,) = Session(settings(tmp_path, **more)).grids
    return found


def test_the_decision_is_kept_and_the_same_command_goes_on(tmp_path, monkeypatch):
    first = grid(tmp_path, budget="1h")
    assert first.settings.epochs == 40
    session = Session(settings(tmp_path, budget="1h"))
    monkeypatch.setattr(
        GridOnDataset, "seconds", lambda self, task: 1e6 * task.settings.get("epochs", 1)
    )
    assert grid(tmp_path, budget="1h").settings.epochs == 1  # a slower machine
    session.prepare()
    again = grid(tmp_path, budget="1h")
    assert again.settings.epochs == 40
    assert set(again.plan.tasks) == set(first.plan.tasks)
    assert grid(tmp_path, budget="2h").settings.epochs == 1  # another question
    assert ("budget", first._decision) in first.places()
    assert ("budget", first._decision) in Store(tmp_path / "store")


def test_what_is_only_reported_decides_nothing(tmp_path):
    one, other = (
        Session(settings(tmp_path, budget="1h", equivalence=margin)).grids[0]
        for margin in (0.02, 0.05)
    )
    assert one._decision == other._decision


def test_when_time_is_over_all_cells_have_the_same_seeds(tmp_path, monkeypatch):
    ends = iter([False, True, False, False])  # for 2 and 1 more, by halves; then for 2 and 1
    monkeypatch.setattr(Clock, "has", lambda *given: next(ends))
    spec = settings(tmp_path, budget="1m", models="pixels,untrained-dnn", reducers="pca5,none")
    finished = Session(spec).execute()
    assert (finished.records["status"] == "ok").all()
    counts = finished.records.groupby(["model", "chain"])["seed_index"].agg(list)
    assert len(counts) == 4
    assert all(found == [0, 1] for found in counts)
    assert any(note.startswith("2 of 4 seeds") for note in finished.each[0].notes)
    monkeypatch.setattr(Clock, "has", lambda *given: True)
    longer = Session(spec).execute()
    assert longer.records["seed_index"].nunique() == 4
    two = longer.records[longer.records["seed_index"] < 2].reset_index(drop=True)
    pd.testing.assert_series_equal(two["accuracy"], finished.records["accuracy"])
    assert not any("seeds" in note for note in longer.each[0].notes)


@pytest.mark.slow
def test_each_data_set_has_its_own_time(tmp_path, monkeypatch):
    """What was spent on the first is not taken from the second."""
    started = []
    monkeypatch.setattr(Clock, "__init__", lambda self, budget, spent: started.append(budget))
    monkeypatch.setattr(Clock, "has", lambda *given: True)
    session = Session(settings(tmp_path, budget="5s", dataset="digits,photos", models="pixels"))
    assert started == []
    session.execute()
    assert started == [5.0, 5.0]


@pytest.mark.slow
def test_only_what_is_there_is_reported_of_a_budget_that_ended_early(tmp_path, monkeypatch):
    monkeypatch.setattr(Clock, "has", lambda *given: False)
    spec = settings(tmp_path, budget="1m", models="pixels,untrained-dnn")
    done = Session(spec).execute().records
    again = Session(spec, Mode.CACHED).execute().records
    assert (again["status"] == "ok").all()
    pd.testing.assert_frame_equal(again, done)
    # What is there already asks for no time.
    monkeypatch.setattr(Clock, "has", lambda *given: True)
    assert Session(spec).execute().records["seed_index"].nunique() == 4
    monkeypatch.setattr(Clock, "has", lambda *given: False)
    assert Session(spec).execute().records["seed_index"].nunique() == 4


def test_a_damaged_decision_is_made_again(tmp_path):
    first = grid(tmp_path, budget="1h")
    Session(settings(tmp_path, budget="1h")).prepare()
    path = first.store.path("budget", first._decision)
    for file in path.iterdir():
        file.write_text("nonsense")
    again = grid(tmp_path, budget="1h")
    assert again.settings.epochs == 40
    Session(settings(tmp_path, budget="1h")).prepare()
    assert budget.decided(again.store, again._decision) == 40


def test_a_dry_run_says_how_many_epochs_there_is_time_for(command):
    done = command("--preset", "best", "--limit", "200", "--budget", "20s", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "of 40 epochs, and up to 5 seeds, within 20s" in done.stdout


def test_the_command_says_what_there_was_time_for(command, tmp_path):
    done = command(
        *("--limit", "60", "--models", "pixels", "--reducers", "pca5", "--no-baselines"),
        *("--no-null", "--seeds", "30", "--budget", "1s", "--threads", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert "of 30 seeds finished: the budget of 1.0 s had no room for another" in done.stdout
    assert 'budget = "1s"' in (tmp_path / "results" / "grid.toml").read_text()
    assert "within 1s" in (tmp_path / "results" / "results.md").read_text()
