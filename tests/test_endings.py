"""How commands end: errors of the system, what cannot be printed, Ctrl-C and SIGTERM."""

import errno
import io
import os
import signal
import subprocess
import sys
import time

import pytest

from bench.base import command as commands
from bench.base.command import command
from bench.base.errors import RunError, UsageError, one_line, refused
from bench.base.files import expand, write_text
from bench.base.plain_text import readable
from tests.conftest import HANGING, ROOT, SMALL, run_grid, run_module

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def raising(error):
    @command("raising")
    def main() -> int:
        raise error

    return main


def end(main, capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    return ended.value.code, capsys.readouterr().err


ERRORS = [
    (PermissionError(errno.EACCES, "Permission denied", "a/b"), 2, "a/b: Permission denied"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a"), 2, "a: No such file"),
    (IsADirectoryError(errno.EISDIR, "Is a directory", b"a\xff"), 2, r"a\xff: Is a directory"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a"), 2, "a: File name too long"),
    (OSError(errno.ENOSPC, "No space left", "a"), 1, "a: No space left; what was done is kept"),
    (OSError(errno.EIO, "Input/output error"), 1, "Input/output error; what was done is kept"),
    (FileNotFoundError("No usable temporary directory"), 1,
     "No usable temporary directory; what was done is kept"),
    (OSError(), 1, "OSError; what was done is kept"),
    (MemoryError("Unable to allocate 3 GiB"), 1,
     "the memory does not suffice: Unable to allocate 3 GiB"),
    (ValueError("embedded null byte"), 2,
     "the name of a file holds a null character, which none can have"),
    (UsageError("two\nlines"), 2, "two lines"),
    (RunError("a"), 1, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "code", "line"), ERRORS, ids=lambda value: str(value)[:40])
def test_an_error_of_the_system_ends_any_command_in_one_line(capsys, error, code, line):
    assert end(raising(error), capsys) == (code, f"error: {line}\n")


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError("ours"))([])


def test_what_a_stop_makes_of_an_import_is_a_stop(capsys):
    @command("stopped")
    def main() -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            signal.raise_signal(signal.SIGTERM)  # heard once
            raise ImportError("a module was imported in part") from None
        return 0

    assert end(main, capsys) == (143, "interrupted: finished work is kept\n")


def test_errors_are_sorted_by_whether_a_file_is_named():
    assert isinstance(refused(OSError(errno.EACCES, "no", "a")), UsageError)
    assert isinstance(refused(OSError(errno.EACCES, "no")), RunError)


def test_a_write_that_fails_names_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(tmp_path / "a.txt", "text")
    assert error.value.filename == str(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_in_the_results_is_one_line_and_what_was_done_is_kept(tmp_path, monkeypatch):
    grid = [*SMALL, "--limit", "30"]
    replace = os.replace

    def full(source, target):
        if str(target).endswith("results.csv"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        found = run_grid(tmp_path, *grid)
    line = "error: results/results.csv: No space left on device; what was done is kept\n"
    assert (found.returncode, found.stderr) == (1, line)
    assert "0 tasks done, 8 were in .store" in run_grid(tmp_path, *grid).stdout


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        *(("bench.grid", *SMALL[:-1], f"{kind}:{LONG}") for kind in ("folder", "npy")),
        *(("bench.grid", *SMALL, flag, LONG) for flag in ("--out", "--config", "--labels")),
        *((f"bench.{name}", LONG) for name in ("check", "speed", "report", "select", "try")),
        ("bench.assign", LONG, "."),
        ("bench.sort", LONG, "--into", "out"),
        ("bench.store", "--store", LONG),
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG")[-40:],
)
def test_a_name_that_is_too_long_is_one_line(tmp_path, words):
    found = run_module(*words, cwd=tmp_path)
    assert found.returncode == 2
    assert "File name too long" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["dataset", "out", "store", "labels", "plugins"])
def test_a_null_character_in_a_path_is_one_line(tmp_path, setting):
    value = 'a\\u0000b.csv"'
    value = f'"folder:{value}' if setting == "dataset" else f'"{value}'
    (tmp_path / "c.toml").write_text(f"{setting} = {value}\n")
    words = SMALL[:-2] if setting == "dataset" else SMALL
    found = run_module("bench.grid", *words, "--config", "c.toml", "--trust-plugins", cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1


def test_home_folders_that_are_none_are_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expand("~/a") == tmp_path / "a"
    assert str(expand("~nosuchuser/a")) == "~nosuchuser/a"
    found = run_module("bench.grid", *SMALL[:-1], "folder:~nosuchuser/a", cwd=tmp_path)
    assert found.stderr == "error: no such folder: ~nosuchuser/a\n"


# What is printed


def test_bytes_that_are_no_text_are_written_and_found_again(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    assert readable(tmp_path / name) == f"{tmp_path}/caf\\xe9"
    assert one_line(f"a {name}\u202e\x1b") == "a caf\\xe9\ufffd\ufffd"
    assert expand(readable(tmp_path / name)).name == "caf\\xe9"  # nothing is there
    (tmp_path / name).mkdir()
    assert expand(readable(tmp_path / name)) == tmp_path / name
    (tmp_path / "caf\\xe9").mkdir()
    assert expand(readable(tmp_path / name)).name == "caf\\xe9"  # as it is written comes first


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", "3 x 4 -> +/- - ?? ? \\xe9"),
        ("latin-1", "3 × 4 -> ± - ?? ? \\xe9"),
        ("cp1252", "3 × 4 -> ± – ?? ? \\xe9"),
        ("utf-8", "3 × 4 → ± – 日本 🐈 \\xe9"),
    ],
)
def test_output_of_any_encoding_shows_what_it_can(monkeypatch, encoding, printed):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)

    @command("printing")
    def main() -> int:
        print("3 × 4 → ± – 日本 🐈 \udce9")
        return 0

    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert stream.buffer.getvalue().decode(encoding) == f"{printed}\n"


class Full(io.StringIO):
    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_output_that_cannot_be_written_is_an_error(monkeypatch, capsys):
    @command("printing")
    def main() -> int:
        return 0

    monkeypatch.setattr(commands.sys, "stdout", Full())
    with pytest.raises(SystemExit) as ended:
        main([])
    monkeypatch.undo()
    assert ended.value.code == 1


# Ctrl-C and SIGTERM

# A command that says when it has begun, and then hears of nothing: it holds on to a lock.
DEAF = """
import _thread, sys
import bench.base.command as commands

@commands.command("deaf")
def main() -> int:
    print("begun", flush=True)
    {code}
    return 0

main([])
"""


def start(code, *, as_command=True):
    """Start a process that is taken for the script `latentgrid`."""
    text = DEAF.format(code=code)
    if as_command:
        text = "import sys; sys.argv[0] = 'latentgrid'\n" + text
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "begun\n"
    return process


@POSIX
@pytest.mark.parametrize(("number", "times"), [(signal.SIGTERM, 1), (signal.SIGINT, 5)])
def test_what_hears_of_no_signal_is_ended_all_the_same(number, times):
    """A function in C that returns after minutes."""
    work = "import hashlib, threading; from bench.base import stopping; stopping.GRACE = 0.2; "
    work += "threading.Timer(0.2, print, ['at work'], {'flush': True}).start(); "
    work += "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**30)"
    process = start(work)
    assert process.stdout.readline() == "at work\n"
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.01)
    _, said = process.communicate(timeout=HANGING)
    assert process.returncode == 128 + number
    assert said == "interrupted: finished work is kept\n"


@POSIX
def test_a_stop_is_one_line_however_often_it_comes():
    process = start("import time; time.sleep(3600)")
    for _ in range(5):
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=HANGING)
    assert process.returncode in (130, -signal.SIGINT)  # the last may come when all is over
    assert said == "interrupted: finished work is kept\n"


@POSIX
def test_a_stop_while_a_command_imports_is_one_line():
    code = "import sys; sys.argv[0] = 'latentgrid'; import bench, signal; "
    code += "signal.raise_signal(signal.SIGINT); import time; time.sleep(3600)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANGING,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (found.returncode, found.stderr) == (130, "interrupted: nothing was done yet\n")


@POSIX
def test_a_program_that_imports_us_keeps_its_own_answer_to_a_stop():
    code = "import bench, signal; "
    code += "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
