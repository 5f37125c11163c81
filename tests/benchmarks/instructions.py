"""Instructions of starting and of planning, counted by valgrind: ``make bench-instructions``.

Counts hardly depend on what else the machine does, as times do. They depend on the versions of
Python and of the libraries, with which they are kept: other versions are told, and not compared.
``--renew`` writes `FILE` anew, after a change that is meant to cost more or less.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.conftest import ROOT

FILE = ROOT / "results" / "instructions.json"
TOLERANCE = 0.01  # share of a count by which it may differ; two counts of one tree: below 0.001
COLLECTED = re.compile(r"Collected : (\d+)")
CELLS = 1000
WORK = {
    "help": ["-m", "bench.cli", "--help"],
    "plan": ["-m", "tests.benchmarks.planning", str(CELLS)],
}


def versions() -> dict[str, str]:
    """Return what counts depend on beside the code."""
    told = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)
    return {
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "pandas": version("pandas"),
        "valgrind": told.stdout.strip().removeprefix("valgrind-"),
    }


def count(arguments: list[str]) -> int:
    """Count the instructions of Python with these arguments; hashes are those of seed 0."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    ended = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    found = COLLECTED.search(ended.stderr)
    if ended.returncode or not found:
        raise SystemExit(f"error: {' '.join(arguments)} failed:\n{ended.stderr[-2000:]}")
    return int(found[1])


def compare(old: dict[str, int], new: dict[str, int]) -> list[str]:
    """Return a line for each work, with the word `more` where it takes more than it may."""
    lines = []
    for name, found in new.items():
        if name not in old:
            lines.append(f"{name}: {found:,} instructions, none kept to compare with")
            continue
        change = found / old[name] - 1
        word = "more" if change > TOLERANCE else "less" if change < -TOLERANCE else "as before"
        lines.append(f"{name}: {found:,} instructions, {change:+.2%}: {word}")
    return lines


def main(arguments: list[str], file: Path = FILE) -> int:
    """Count and compare, or renew; return 1 where something takes more instructions."""
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (on Debian: sudo apt install valgrind)")
        return 0
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    here, renew = versions(), "--renew" in arguments
    if not renew and kept.get("versions") != here:
        print(f"skipped: counted with {kept.get('versions')}, here are {here}; renew with --renew")
        return 0
    names = [name for name in WORK if name in arguments] or list(WORK)
    counts = {name: count(WORK[name]) for name in names}
    # The counts of other versions are neither compared with nor kept beside these.
    before = kept["instructions"] if kept.get("versions") == here else {}
    lines = compare(before, counts)
    print("\n".join(lines))
    if renew:
        found = {"versions": here, "instructions": before | counts}
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    return int(any(line.endswith(": more") for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
