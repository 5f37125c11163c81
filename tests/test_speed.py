"""Runs of the benchmark suite: shown, written as docs/speed.md, and compared by ratios."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import UsageError
from bench.report.columns import to_markdown
from bench.report.speed import FILE, page, read, table
from bench.report.speed_changes import compare, exit_code
from bench.speed import main
from tests.conftest import ROOT

HERE = {"device": "cpu", "device_name": "A processor", "threads": 1, "torch": "2.13.0",
        "precision": "float32"}  # fmt: skip


def timed(rival, seconds, group="train dnn", against="naive", **facts):
    extra = HERE | {"rival": rival, "against": against, "batch": 64} | facts
    return {
        "group": group,
        "name": f"test_training[{rival}-dnn]",
        "param": f"{rival}-dnn",
        "stats": {"data": seconds},
        "extra_info": extra,
    }


def save(path, *benchmarks):
    path.write_text(
        json.dumps(
            {
                "benchmarks": benchmarks,
                "machine_info": {"cpu": {"brand_raw": "A processor"}},
                "datetime": "2026-11-23T12:00:00",
            }
        )
    )
    return read(path)


@pytest.fixture
def old(tmp_path):
    return save(
        tmp_path / "old.json", timed("naive", [2.0, 4.0, 2.0]), timed("core", [1.0, 2.0, 0.5])
    )


def test_ratios_are_taken_round_by_round(old):
    """By hand: 2, 2 and 4 times as fast; a slow second round slowed both."""
    naive, core = old.timed
    assert old.ratio(core) == 2.0
    assert old.ratio(naive) == 1.0


def test_another_machine_is_no_slower(old, tmp_path):
    """Ten times slower in all, and the same by its ratio."""
    new = save(tmp_path / "new.json", timed("naive", [20.0]), timed("core", [10.0]))
    (change,) = compare(old, new, 0.1)
    assert (change.old, change.new, change.verdict) == (2.0, 2.0, "holds")
    assert exit_code([change]) == 0


@pytest.mark.parametrize(("core", "verdict"), [(1.05, "holds"), (1.2, "slower"), (0.5, "holds")])
def test_a_ratio_lost_beyond_the_tolerance_is_slower(old, tmp_path, core, verdict):
    new = save(tmp_path / "new.json", timed("naive", [2.0]), timed("core", [core]))
    (change,) = compare(old, new, 0.1)
    assert change.verdict == verdict
    assert exit_code([change]) == (verdict == "slower")


def test_what_is_missing_is_told_and_other_settings_are_not_compared(old, tmp_path):
    gone = save(tmp_path / "gone.json", timed("naive", [2.0]))
    (change,) = compare(old, gone, 0.1)
    assert change.verdict == "missing"
    assert exit_code([change]) == 1
    other = save(
        tmp_path / "other.json",
        timed("naive", [2.0], threads=2),
        timed("core", [9.0], threads=2),
    )
    (change,) = compare(old, other, 0.1)
    assert (change.verdict, change.reason) == ("not comparable", "threads 1 and 2")
    assert exit_code([change]) == 0


def test_a_run_without_rivals_cannot_be_compared_by(tmp_path, old):
    alone = save(tmp_path / "alone.json", timed("naive", [2.0]))
    with pytest.raises(UsageError, match="no ratios"):
        compare(alone, old, 0.1)


def test_the_table_has_ratios_first_and_times_last(old):
    lines = to_markdown(table(old)).splitlines()
    header = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert header[2] == "ratio"
    assert header[-1] == "time"
    assert "2.00" in lines[3]
    assert "1.00 s" in lines[3]
    assert "A processor, 1 thread, torch 2.13.0" in page(old)


def test_docs_have_the_run_beside_the_results():
    """docs/speed.md is what ``make bench`` wrote with results/speed.json."""
    written = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert written == page(read(ROOT / "results" / FILE))


NO_RUNS = ["", "{", "[]", "3", '{"benchmarks": 1}', '{"benchmarks": [{}]}', "null"]


@pytest.mark.parametrize("text", NO_RUNS)
def test_what_is_no_run_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match="is not what pytest"):
        read(tmp_path / "run.json")


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_run_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("run") / "run.json"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read(path)


def test_no_times_are_refused(tmp_path):
    with pytest.raises(UsageError, match="stats: data: List should have at least 1 item"):
        save(tmp_path / "run.json", timed("naive", []))


def test_the_command_shows_compares_and_writes_a_page(tmp_path, old, capsys):
    path = str(tmp_path / "old.json")
    save(tmp_path / "new.json", timed("naive", [2.0]), timed("core", [2.0]))
    for arguments, code in (
        ([path, "--into", str(tmp_path / "speed.md")], 0),
        ([path, "--into", str(tmp_path / "none" / "speed.md")], 2),
        ([path, str(tmp_path / "new.json")], 1),
        ([path, str(tmp_path / "new.json"), "--tolerance", "0.6"], 0),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == code
    shown = capsys.readouterr()
    assert "-50%" in shown.out
    assert "--into must be a file in a folder that exists" in shown.err
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == page(old)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "no run of the benchmark suite at none.json: make bench writes one"),
        (["a", "b", "c"], "give one or two results, found 3"),
        (["a", "b", "--tolerance", "2"], "--tolerance must be 0 to 1, found 2"),
        ([], "Missing argument"),
    ],
)
def test_misuse_is_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    shown = capsys.readouterr().err
    assert end.value.code == 2
    assert message in shown
    assert shown.count("\n") == 1


@pytest.mark.slow
def test_the_suite_runs_and_a_plain_run_times_nothing():
    """Every benchmark once, untimed; and none of them where nobody asked."""
    once = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/benchmarks", "--benchmark-disable", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert once.returncode == 0, once.stdout
    assert " passed" in once.stdout
    plain = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/test_speed.py", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "tests/test_speed.py" in plain.stdout
    assert "tests/benchmarks" not in plain.stdout
