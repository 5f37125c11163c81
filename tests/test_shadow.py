"""Files and folders of the user's that have the names of ours, where a command is called."""

import subprocess
import sys

import pytest

from tests.conftest import HANGING, ROOT, SMALL, run_process

LATENTGRID = "from bench.cli import main; main()"
TINY = ["--limit", "30", *SMALL]


@pytest.fixture
def folder(tmp_path):
    def make(*files):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix:
                path.write_text("raise RuntimeError('the user called this')\n")
            else:
                path.mkdir()
        return tmp_path

    return make


def latentgrid(cwd, *arguments):
    """Run the installed script, which is in a folder of its own and not where it is called."""
    script = cwd.parent / "latentgrid.py"
    script.write_text(f"import sys; sys.path.append({str(ROOT)!r}); {LATENTGRID}\n")
    return subprocess.run(
        [sys.executable, script, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=HANGING,
    )


@pytest.mark.parametrize(
    "files",
    [
        ("models/__init__.py", "reducers/__init__.py", "registry/__init__.py", "grammar"),
        ("models.py", "reducers.py"),
    ],
    ids=" ".join,
)
def test_ours_are_imported_where_the_user_stands(folder, files):
    code = "import bench, models, reducers; from bench.base import grammar, registry; "
    code += "print(models.autoencoders.kind, reducers.reducers.kind)"
    there = folder(*files)
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}"],
        cwd=there, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout == "model reducer\n", found.stderr


@pytest.mark.slow
@pytest.mark.parametrize("engine", [("local",), ("dask", "--workers", "1")], ids=" ".join)
def test_names_of_ours_where_the_user_stands_break_no_grid(folder, engine):
    """With worker processes, which are started where the user stands as well."""
    if "dask" in engine:
        pytest.importorskip("distributed")
    there = folder("models", "reducers.py", "registry.py", "grammar.py")
    found = run_process("bench.grid", *TINY, "--engine", *engine, cwd=there)
    assert (found.returncode, "failed" in found.stderr) == (0, False), found.stderr
    assert (there / "results" / "index.html").is_file()


@pytest.mark.parametrize(
    "command", ["list", "check", "compare", "select", "try", "export", "assign", "apply", "speed",
                "worked", "store", "report"]
)  # fmt: skip
def test_every_command_starts_there(folder, command):
    there = folder("models", "reducers.py", "registry.py", "grammar.py")
    module = {"worked": "bench.worked", "list": "bench.list"}.get(command, f"bench.{command}")
    found = run_process(module, *([] if command in ("list", "worked") else ["--help"]), cwd=there)
    assert found.returncode == 0, found.stderr


@pytest.mark.slow
def test_latentgrid_works_beside_a_folder_called_bench(folder):
    there = folder("work/bench/__init__.py", "work/models/__init__.py") / "work"
    found = latentgrid(there, "grid", *TINY)
    assert (found.returncode, "failed" in found.stderr) == (0, False), found.stderr


def test_a_module_that_took_the_name_before_is_named():
    code = "import sys, types; m = types.ModuleType('models'); m.__file__ = '/my/models.py'\n"
    code += "sys.modules['models'] = m; import bench"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stderr.splitlines()[-1] == (
        "ImportError: latentgrid has a module models, but /my/models.py was imported before: "
        "import bench first"
    )
