"""What all commands have in common: how they look, and how they end."""

from __future__ import annotations

import atexit
import gc
import inspect
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import typer

from bench.base.errors import RunError, UsageError, one_line, refused
from bench.base.plain_text import REPLACED
from bench.base.starting import IS_COMMAND, leave
from bench.base.stopping import WORK_KEPT, Stopped, stoppable

MOST = 2000  # characters of the line that a command ends with; what it quotes may be endless


def new_app(**options: Any) -> typer.Typer:
    """Return an empty command line that looks like all others."""
    look: dict[str, Any] = {"add_completion": False, "rich_markup_mode": "rich"}
    return typer.Typer(pretty_exceptions_enable=False, **look | options)


def argument(help_text: str, metavar: str | None = None, **more: Any) -> Any:
    """Declare an argument of a command."""
    return typer.Argument(help=help_text, metavar=metavar, **more)


def option(help_text: str, metavar: str | None = None, name: str | None = None, **more: Any) -> Any:
    """Declare an option of a command; by default its name is the parameter's."""
    return typer.Option(*([name] if name else []), help=help_text, metavar=metavar, **more)


def command(name: str, epilog: str | None = None) -> Callable[[Callable[..., int]], Any]:
    """Return a decorator that makes a command of a function, which returns the exit code.

    The name is that in ``--help``; see `main_of`.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., NoReturn]:
        app = new_app()
        app.command(epilog=epilog)(function)
        return main_of(app, name)

    return decorate


def main_of(app: typer.Typer, name: str) -> Callable[..., NoReturn]:
    """Return the function that runs a command line and ends the process; ``app`` is its attribute.

    Parameters
    ----------
    app : typer.Typer
        Its command returns the exit code.
    name : str
        The name of the command in ``--help``.
    """
    for made in app.registered_commands:  # typer would keep the line breaks of a docstring
        paragraphs = inspect.cleandoc(made.callback.__doc__ or "").split("\n\n")
        made.help = "\n\n".join(" ".join(each.split()) for each in paragraphs)

    def main(arguments: Sequence[str] | None = None) -> NoReturn:
        """Run the command line, and end the process.

        The exit code is 2 with one line for misuse, 1 with one for what the machine refuses, 130
        or 143 if interrupted.
        """
        _search_for_garbage_less()
        _print_what_can_be_printed()
        with stoppable() as asked, _short_warnings():
            try:
                words = None if arguments is None else list(arguments)
                code = app(words, standalone_mode=False, prog_name=name)
                _flush()
            except Stopped as stop:
                code = stop.say(WORK_KEPT)
            except Exception as error:
                # An import that was stopped raises whatever it likes.
                code = asked.stopped.say(WORK_KEPT) if asked.stopped else _end(error)
            if asked.stopped and IS_COMMAND:  # Python itself would hear the next signal
                with suppress(OSError):
                    _flush()
                leave(asked.stopped.number)
            sys.exit(code)

    main.__dict__["app"] = app
    return main


def _end(error: Exception) -> int:
    """Print in one line why a command ends; raise what is a fault of the program again."""
    match error:
        case BrokenPipeError():
            _print_no_more()
            return 128 + 13  # as what a closed pipe ends, by SIGPIPE
        case OSError():
            error = refused(error)
        case MemoryError():
            error = RunError(f"the memory does not suffice: {error or 'it is full'}")
        case ValueError() if "embedded null" in str(error):
            error = UsageError("the name of a file holds a null character, which none can have")
    match error:
        case RunError():
            fail(str(error), 1)
        case typer.exceptions.TyperException():
            fail(f"{error.format_message()} (--help shows all options)")
        case UsageError():
            fail(str(error))
    raise error


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line to standard error and end with an exit code."""
    line = one_line(message)
    cut = f"{line[:MOST]}…" if len(line) > MOST else line
    print(f"error: {cut}", file=sys.stderr)
    raise SystemExit(code)


def _print_what_can_be_printed() -> None:
    """Have characters that a terminal, or what output is redirected to, lacks be replaced.

    What matplotlib would say of folders and typefaces is nothing that a user could act on.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=REPLACED)


def _flush() -> None:
    """Write what was printed, or raise `OSError`: where there is none, its errors are nobody's."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _print_no_more() -> None:
    """Have what cannot be printed go nowhere: Python would try again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(message: str) -> None:
    """Print a warning of one line to standard error."""
    print(f"warning: {one_line(message)}", file=sys.stderr)


def confirm(statement: str) -> bool:
    """Ask on a terminal whether to go on after a statement; without one, the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return typer.confirm(f"{one_line(statement)}. Go on?", err=True)
    except typer.Abort:  # the end of the input
        return False


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print each FutureWarning, which is about a former name, once and in one line."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, FutureWarning):
            before(message, category, *where, **more)
        elif str(message) not in seen:
            seen.add(str(message))
            warn(str(message))

    with warnings.catch_warnings():
        before = warnings.showwarning
        warnings.simplefilter("always", FutureWarning)
        warnings.showwarning = show
        yield


def _search_for_garbage_less() -> None:
    """Spare a command most of Python's searches for garbage, the one at its end included.

    Its imports are half a million objects that stay. Searching them again and again took a
    quarter of the time of a finished grid that is run again.
    """
    gc.set_threshold(100_000)
    atexit.unregister(gc.freeze)  # once is enough
    atexit.register(gc.freeze)
