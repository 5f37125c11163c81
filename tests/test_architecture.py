"""Rooms import from rooms before them only, and no files import one another in a circle.

Imports inside functions count, those for type checkers alone as well. Commands and ``__main__``
modules stand outside: nothing in a room may import them, and they may import everything.
"""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = [
    ("base",),
    ("models", "reducers"),
    ("datasets",),
    ("clusterers",),
    ("stages",),
    ("store",),
    ("planning",),
    ("execution",),
    ("analysis",),
    ("report",),
    ("bundle",),
    ("contracts",),
    ("session",),
    ("worked",),
]
ORDER = {room: number for number, level in enumerate(ROOMS) for room in level}
OURS = ("bench", "models", "reducers")


def module_of(path, root):
    """Return the dotted name under which a file is imported."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    """Return a module's room; None for commands, and for `bench` itself."""
    first, *others = module.split(".")
    if first != "bench":
        return first
    if not others or others[-1] == "__main__":
        return None
    return others[0] if others[0] in ORDER else None


def imports(text, module, is_package, modules):
    """Return (line, imported module) of each import of ours in a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: None if is_package else -1]
            base = base[: len(base) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [
                whole if (whole := f"{start}.{alias.name}") in modules else start
                for alias in node.names
            ]
        else:
            continue
        ours = [name for name in dict.fromkeys(names) if name.partition(".")[0] in OURS]
        found += [(node.lineno, name) for name in ours]
    return found


def read(root):
    """Return the imports of every file of the program: {module: (path, [(line, module)])}."""
    files = {
        module_of(path, root): path for name in OURS for path in sorted((root / name).rglob("*.py"))
    }
    return {
        module: (
            path.relative_to(root),
            imports(path.read_text(), module, path.name == "__init__.py", files),
        )
        for module, path in files.items()
    }


def running_back(program):
    """Return a line for each import that a room must not make."""
    wrong = []
    for module, (path, found) in program.items():
        room = room_of(module)
        if room is None:
            continue
        for line, name in found:
            target = room_of(name)
            if target is None:
                wrong.append(f"{path}:{line}: {room} imports the command {name}")
            elif ORDER[target] > ORDER[room]:
                wrong.append(f"{path}:{line}: {room} imports {name}, of a later room")
            elif target != room and ORDER[target] == ORDER[room]:
                wrong.append(f"{path}:{line}: {room} imports {name}, of a room beside it")
    return wrong


def circles(program):
    """Return the files of each circle, and the imports that close it (Tarjan's algorithm)."""
    edges = {
        module: {name for _, name in found if name in program and name != module}
        for module, (_, found) in program.items()
    }
    number, low, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in sorted(edges[module]):
            if other not in number:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            members = set()
            while module not in members:
                members.add(stack.pop())
            if len(members) > 1:
                found.append(
                    [
                        f"{program[each][0]}:{line}: {each} imports {name}"
                        for each in sorted(members)
                        for line, name in program[each][1]
                        if name in members
                    ]
                )

    for module in sorted(edges):
        if module not in number:
            visit(module)
    return found


@pytest.fixture(scope="module")
def program():
    return read(ROOT)


def test_rooms_import_from_rooms_before_them(program):
    wrong = running_back(program)
    assert not wrong, "\n".join(["these imports run back:", *wrong])


def test_no_files_import_one_another_in_a_circle(program):
    found = circles(program)
    lines = [line for circle in found for line in ["a circle of files:", *circle]]
    assert not found, "\n".join(lines)


def test_every_room_is_known():
    found = {path.name for path in (ROOT / "bench").iterdir() if (path / "__init__.py").is_file()}
    assert found | {"models", "reducers"} == set(ORDER)


# The walk itself


def written(root, **files):
    for name, text in {"bench/__init__": "", **files}.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read(Path(root))


def test_what_runs_back_is_named_by_file_line_and_import(tmp_path):
    program = written(
        tmp_path,
        **{
            "bench/grid": "",
            "bench/base/__init__": "",
            "bench/base/keys": "import os\n\n\ndef f():\n    from bench.store import store\n",
            "bench/store/__init__": "from bench.base import keys",
            "bench/store/store": "from ..base import keys\nfrom bench import grid",
            "bench/store/__main__": "from bench.session import run",
            "bench/session/__init__": "",
            "bench/session/run": "import bench.store.store",
        },
    )
    assert running_back(program) == [
        "bench/base/keys.py:5: base imports bench.store.store, of a later room",
        "bench/store/store.py:2: store imports the command bench.grid",
    ]
    (circle,) = circles(program)
    assert circle == [
        "bench/base/keys.py:5: bench.base.keys imports bench.store.store",
        "bench/store/store.py:1: bench.store.store imports bench.base.keys",
    ]
