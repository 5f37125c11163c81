"""What is drawn on a terminal, and that nothing is where there is none."""

import io

import pytest
from rich.console import Console

from bench.base.command import fail
from bench.base.console import LoadBar
from bench.base.times import duration
from bench.datasets.dataset import load
from bench.execution.progress import Watch
from bench.planning.plan import plan
from bench.planning.settings import resolve


def drawn(terminal, use):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, color_system=None)
    use(console)
    return file.getvalue()


def work(console):
    settings = resolve(
        {
            "dataset": "digits",
            "models": "dnn",
            "reducers": "pca5",
            "limit": 60,
            "seeds": 1,
            "baselines": False,
        }
    )
    tasks = list(
        plan(settings.model_copy(update={"device": "cpu"}), load("digits", limit=60)).tasks.values()
    )
    with Watch({task.key: 10.0 for task in tasks}, console) as watch:
        steps = watch.begin(tasks[0])
        steps(1, 4)
        watch.progress.refresh()
        watch.end(tasks[0])
        watch.begin(tasks[1])
        watch.progress.refresh()
        watch.end(tasks[1])


def test_the_grid_and_the_stage_are_drawn_with_time_left():
    text = drawn(True, work)
    assert "grid" in text
    assert "train dnn, seed 0" in text
    assert "25%" in text
    assert "left" in text


def test_loading_is_drawn_once_it_takes_long():
    def quick(console):
        with LoadBar(console) as bar:
            bar("reading images", 1, 9)

    def slow(console):
        with LoadBar(console) as bar:
            bar.started -= 5
            bar("reading images", 3, 9)
            bar.progress.refresh()

    assert drawn(True, quick) == ""
    assert "reading images" in drawn(True, slow)


def test_nothing_is_drawn_without_a_terminal():
    assert drawn(False, work) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"),
     (200, "3 min 20 s"), (3900, "1 h 05 min")],
)  # fmt: skip
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_errors_are_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        fail("two\n  lines")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: two lines\n"
