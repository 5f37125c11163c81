"""Runs of the benchmark suite: shown, written as docs/speed.md, and compared by ratios."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis import rounds
from bench.base.errors import UsageError
from bench.report.columns import to_markdown
from bench.report.speed import AGAIN, CONTROL, FILE, read
from bench.report.speed_changes import compare, exit_code
from bench.report.speed_page import page, same_work, table
from bench.speed import main
from tests.benchmarks import instructions
from tests.benchmarks.race import Rival, race
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
    """By hand: 1.6, 2 and 2.5 times as fast; a slow second round slowed both."""
    return save(
        tmp_path / "old.json", timed("naive", [1.6, 4.0, 2.5]), timed("core", [1.0, 2.0, 1.0])
    )


def test_ratios_are_taken_round_by_round_with_students_interval(old):
    """One ratio alone has nothing to be moderated by: scipy's interval of the logarithms."""
    naive, core = old.timed
    found = old.ratio(core)
    logs = np.log([1.6, 2.0, 2.5])
    low, high = stats.t.interval(0.99, 2, logs.mean(), stats.sem(logs))
    expected = (2.0, math.exp(low), math.exp(high))
    assert (found.value, found.low, found.high) == pytest.approx(expected)
    assert old.ratio(naive).value == 1.0


def test_one_round_has_an_interval_by_what_the_others_vary(old, tmp_path):
    many = [
        timed(rival, list(factor * np.exp(noise)), group=f"work {number}")
        for number, noise in enumerate(np.random.default_rng(0).normal(0, 0.1, (6, 8)))
        for rival, factor in (("naive", 2.0), ("core", np.exp(0.02 * np.arange(8))))
    ]
    single = [timed("naive", [3.0], group="single"), timed("core", [1.0], group="single")]
    found = save(tmp_path / "many.json", *many, *single)
    ratio = found.ratio(found.timed[-1])
    assert ratio.value == pytest.approx(3.0)
    assert 1 < ratio.low < 3 < ratio.high
    alone = save(tmp_path / "alone.json", *single)
    assert math.isnan(alone.ratio(alone.timed[-1]).low)


@pytest.mark.parametrize("heavy", [False, True])
def test_the_same_work_is_seldom_said_to_differ(heavy):
    """Synthetic rounds, 7 of one pair and 3 of ten others: at most 5% over 400 suites."""
    random = np.random.default_rng(3)

    def noise(count):
        return 0.03 * (random.standard_t(3, count) if heavy else random.normal(size=count))

    alarms, shares = [], []
    for _ in range(400):
        pair, others = noise(7), [noise(3) for _ in range(10)]
        common = rounds.common_noise([pair, *others])
        found = rounds.ratio(pair, common)
        alarms.append(not found.low <= 1 <= found.high)
        shares.append(rounds.false_alarms(pair, common))
    assert np.mean(alarms) <= 0.05
    assert np.mean(shares) <= 0.05


def test_a_difference_beyond_the_noise_is_seen():
    random = np.random.default_rng(0)
    logs = [random.normal(shift, 0.03, 5) for shift in (0.2, 0, 0, 0, 0)]
    common = rounds.common_noise(logs)
    assert rounds.ratio(logs[0], common).low > 1
    # Twice the deviation in the same rounds: false alarms are of the noise, not of the difference.
    assert rounds.false_alarms(logs[1], common) <= 0.05


def test_another_machine_is_no_slower(old, tmp_path):
    """Ten times slower in all, and the same by its ratio."""
    new = save(tmp_path / "new.json", timed("naive", [16, 40, 25.0]), timed("core", [10, 20, 10.0]))
    (change,) = compare(old, new)
    assert change.new.value == pytest.approx(change.old.value)
    assert change.verdict == "holds"
    assert exit_code([change]) == 0


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "holds"), (3.0, "holds"), (20.0, "slower")])
def test_slower_is_what_lies_beyond_both_intervals(old, tmp_path, factor, verdict):
    """The interval of `old` is a factor of 3.6 either way: 3 times slower is within both."""
    core = [factor, 2 * factor, factor]
    new = save(tmp_path / "new.json", timed("naive", [1.6, 4.0, 2.5]), timed("core", core))
    (change,) = compare(old, new)
    assert change.verdict == verdict
    assert exit_code([change]) == (verdict == "slower")


def test_a_single_round_decides_nothing(old, tmp_path):
    new = save(tmp_path / "new.json", timed("naive", [2.0]), timed("core", [9.0]))
    (change,) = compare(old, new)
    assert change.verdict == "too few rounds"
    assert exit_code([change]) == 0


def test_against_the_control_machines_are_not_compared(tmp_path):
    """What has no other rival is held against the matrix product of its own rounds."""
    plan = timed("plan", [2.0, 4.0], against=CONTROL, control=[0.1, 0.2])
    found = save(tmp_path / "here.json", plan)
    assert found.ratio(found.timed[0]).value == pytest.approx(0.05)
    there = save(tmp_path / "there.json", plan | {"extra_info": plan["extra_info"] | {
        "device_name": "Another"}})  # fmt: skip
    (change,) = compare(found, there)
    assert (change.verdict, change.reason) == (
        "not comparable", "device_name A processor and Another"
    )  # fmt: skip


def test_drift_is_taken_out_of_times(tmp_path):
    """By hand: the machine was half as fast in the third round, as its control says."""
    facts = {"control": [1.0, 1.0, 2.0], "processed": 30, "flops": 60, "control_flops": 40}
    facts |= {"bytes": 12, "bandwidth": 40.0}
    found = save(tmp_path / "run.json", timed("core", [3.0, 3.0, 6.0], **facts))
    (one,) = found.timed
    assert found.seconds(one) == 3.0
    assert found.rate(one) == 10.0
    assert found.share(one) == pytest.approx((60 / 3) / (40 / 1))
    assert found.share_of_bandwidth(one) == pytest.approx((12 / 3) / 40)
    assert found.share_of_floor(one) == pytest.approx(0.5 + 0.1)
    assert "| control " in to_markdown(table(found))


def test_the_same_work_is_shown_apart(tmp_path):
    pair = timed("core" + AGAIN, [1.0, 2.1, 1.0], against="core")
    found = save(tmp_path / "run.json", timed("core", [1.0, 2.0, 1.1]), pair)
    shown = to_markdown(same_work(found))
    assert "core-again-dnn" in shown
    assert "yes" in shown
    assert shown.rstrip(" |").endswith("%")
    assert "core-again" not in to_markdown(table(found))
    assert "## The same work, timed twice" in page(found)
    apart = timed("core" + AGAIN, [1.0, 2.0, 1.1], against="naive")
    assert same_work(save(tmp_path / "apart.json", apart)) is None


def test_rivals_take_turns_in_an_order_drawn_for_every_round():
    order = []

    def rival(name):
        return Rival(name, lambda: lambda: order.append(name))

    laps = race([rival("a"), rival("b"), rival("c")], lambda: order.append("control"), 12)
    turns = [tuple(order[i : i + 4]) for i in range(0, len(order), 4)]
    assert len(turns) == 13  # one to warm up
    assert all(sorted(turn) == ["a", "b", "c", "control"] for turn in turns)
    assert len(set(turns)) > 6
    assert {turn[0] for turn in turns} == {"a", "b", "c", "control"}
    assert all(len(each.seconds) == len(each.control) == 12 for each in laps.values())


def test_what_is_missing_is_told_and_other_settings_are_not_compared(old, tmp_path):
    gone = save(tmp_path / "gone.json", timed("naive", [2.0]))
    (change,) = compare(old, gone)
    assert change.verdict == "missing"
    assert exit_code([change]) == 1
    other = save(
        tmp_path / "other.json",
        timed("naive", [2.0], threads=2),
        timed("core", [9.0], threads=2),
    )
    (change,) = compare(old, other)
    assert (change.verdict, change.reason) == ("not comparable", "threads 1 and 2")
    assert exit_code([change]) == 0


def test_a_run_without_rivals_cannot_be_compared_by(tmp_path, old):
    alone = save(tmp_path / "alone.json", timed("naive", [2.0]))
    with pytest.raises(UsageError, match="no ratios"):
        compare(alone, old)


def test_the_table_has_ratios_first_and_times_last(old):
    lines = to_markdown(table(old)).splitlines()
    header = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert header[2:4] == ["ratio", "99% interval"]
    assert header[-1] == "time"
    assert "2.00" in lines[3]
    assert "0.56–7.18" in lines[3]
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
    slow = [timed("naive", [1.6, 4.0, 2.5]), timed("core", [20.0, 40.0, 20.0])]
    save(tmp_path / "new.json", *slow)
    for arguments, code in (
        ([path, "--into", str(tmp_path / "speed.md")], 0),
        ([path, "--into", str(tmp_path / "none" / "speed.md")], 2),
        ([path, str(tmp_path / "new.json")], 1),
        ([path, path], 0),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == code
    shown = capsys.readouterr()
    assert "-95%" in shown.out
    assert "--into must be a file in a folder that exists" in shown.err
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == page(old)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "no run of the benchmark suite at none.json: make bench writes one"),
        (["a", "b", "c"], "give one or two results, found 3"),
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


def test_counts_of_instructions_are_held_against_the_kept_ones(tmp_path, monkeypatch, capsys):
    """By hand, without valgrind: 2% more is more, and other versions are not compared."""
    file = tmp_path / "instructions.json"
    monkeypatch.setattr(instructions.shutil, "which", lambda name: name)
    monkeypatch.setattr(instructions, "versions", lambda: {"python": "3"})
    counts = {"help": 1000, "plan": 2000}
    monkeypatch.setattr(instructions, "count", lambda given: counts[
        next(name for name, each in instructions.WORK.items() if each == given)])  # fmt: skip
    assert instructions.main(["--renew"], file) == 0
    assert instructions.main([], file) == 0
    counts["help"] = 1020
    assert instructions.main(["plan"], file) == 0
    assert instructions.main([], file) == 1
    assert "help: 1,020 instructions, +2.00%: more" in capsys.readouterr().out
    monkeypatch.setattr(instructions, "versions", lambda: {"python": "4"})
    assert instructions.main([], file) == 0
    assert "skipped: counted with {'python': '3'}" in capsys.readouterr().out
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    assert instructions.main([], file) == 0
    assert "valgrind is not installed" in capsys.readouterr().out


@pytest.mark.slow
def test_the_suite_runs_and_a_plain_run_times_nothing():
    """Every benchmark once, untimed; and none of them where nobody asked."""
    once = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/benchmarks"),
            *("--benchmark-disable", "-q", "-m", "not long"),
        ],
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
