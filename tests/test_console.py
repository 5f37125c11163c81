"""What is drawn on a terminal, and the lines where there is none."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from bench.base.command import fail
from bench.base.console import LoadBar
from bench.base.times import duration
from bench.datasets.dataset import load
from bench.execution.progress import Watch
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.stages.stage import Task


def drawn(terminal, use, width=100):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None)
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


@pytest.mark.parametrize("width", [50, 80])
def test_a_narrow_terminal_shortens_what_is_done_and_keeps_bar_share_and_time(width):
    def long(console):
        tasks = [task(str(number)) for number in range(1239)]
        with Watch({each.key: 2.0 for each in tasks}, console) as watch:
            for each in tasks[:700]:
                watch.end(each)
            watch.began -= 4000.0
            watch.begin(replace(tasks[-1], label="a name " * 20))(1, 2)
            watch.progress.refresh()

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", drawn(True, long, width))
    *_, grid, stage = [line for line in text.splitlines() if " left" in line]
    assert re.search(r"grid, 700 of.*━{4}.* 57% \d+ min \d\d s left", grid)
    assert re.search(r"train a name.*….*━{3}.* 50% \d.* s left", stage)
    assert len(grid) <= width
    assert len(stage) <= width


def task(key, seconds=1.0, model="dnn"):
    return Task("train", key, (), {"model": model}, {}, f"{model}, {key}", 60, 64, 5)


def test_without_a_terminal_a_stage_is_a_line_and_nothing_is_drawn():
    text = drawn(False, work)
    assert re.fullmatch(
        r"grid, 0 of 49 tasks, 0%, about 8 min \d\d s left: reference space\n", text
    )


def test_lines_are_ten_seconds_apart_and_quick_grids_say_nothing(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tasks = [task(str(number)) for number in range(8)]

    def work_on(seconds, passes):
        def use(console):
            watch = Watch({each.key: seconds for each in tasks}, console)
            for each in tasks:
                steps = watch.begin(each)
                now[0] += passes
                steps(1, 2)
                watch.end(each)

        return drawn(False, use).splitlines()

    assert work_on(1.0, 0.1) == []
    slow = work_on(1.0, 6.0)
    assert [line.split(":")[1] for line in slow] == [f" train dnn, {n}" for n in (0, 3, 5, 7)]
    assert "3 of 8 tasks, 38%" in slow[1]
    assert len(work_on(100.0, 40.0)) == 9  # one more within each stage


def test_loading_says_a_line_in_ten_seconds_without_a_terminal():
    def slow(console):
        with LoadBar(console) as bar:
            bar("reading images", 1, 9000)
            bar.lines.last -= 11
            bar("reading images", 3000, 9000)
            bar("reading images", 3001, 9000)

    assert drawn(False, slow) == "reading images, 3,000 of 9,000\n"


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
