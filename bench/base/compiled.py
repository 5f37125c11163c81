"""Where numba keeps what it compiles for UMAP and others, so that no process compiles it again."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.base.files import refuse_link

VARIABLE = "NUMBA_CACHE_DIR"  # read by numba
FOLDER = "compiled"  # in a store


def find_place(store: Path | None = None) -> None:
    """Have numba keep compiled code in a store, or else among temporary files.

    Nothing is changed where the user has named a folder, or where the code can lie beside the
    packages, as numba has it: what is there serves every store. What numba keeps is run, so that
    a folder which others may write to is not used.
    """
    beside = _beside_packages()
    if VARIABLE in os.environ or (beside is not None and _can_be_written(beside)):
        return
    with suppress(OSError):  # no folder for temporary files
        temporary = Path(tempfile.gettempdir()) / f"latentgrid-{FOLDER}-{_user()}"
        for folder in (*([store / FOLDER] if store and _is_ours(store) else []), temporary):
            if _can_be_written(folder) and _is_ours(folder):
                os.environ[VARIABLE] = str(folder.resolve())
                if "numba" in sys.modules:  # it has read the variable already
                    sys.modules["numba"].config.CACHE_DIR = os.environ[VARIABLE]
                return


@functools.cache
def load(*packages: str) -> Any:
    """Import packages, return the first, and have numba keep all that it compiles of them.

    By itself it keeps only functions that their authors marked, of UMAP few.
    """
    find_place()
    first, *_ = [importlib.import_module(package) for package in packages]
    from numba.core.dispatcher import Dispatcher

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages:
            for function in vars(module).values():
                if isinstance(function, Dispatcher):
                    with suppress(RuntimeError):  # it was defined in no file
                        function.enable_caching()
    return first


def _beside_packages() -> Path | None:
    spec = importlib.util.find_spec("umap")
    return Path(spec.origin).parent / "__pycache__" if spec and spec.origin else None


def _can_be_written(folder: Path) -> bool:
    try:
        refuse_link(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder is this user's, and nobody else may write to it."""
    if not hasattr(os, "getuid"):
        return True  # on Windows, folders are as private as those that they are in
    if not folder.is_dir():
        return False
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"
