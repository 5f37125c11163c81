"""What all commands have in common: how they look, and how they end."""

from __future__ import annotations

import atexit
import gc
import inspect
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer

from bench.base.errors import RunError, UsageError, one_line

MOST = 2000  # characters of the line that a command ends with; what it quotes may be endless


class Stopped(BaseException):
    """The process was asked to stop, by Ctrl-C or SIGTERM.

    It is no KeyboardInterrupt, which typer would answer itself.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


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
        """Run the command line; exit code 2 with one line for misuse, 130 if interrupted."""
        _search_for_garbage_less()
        try:
            with _stoppable(), _short_warnings():
                words = None if arguments is None else list(arguments)
                code = app(words, standalone_mode=False, prog_name=name)
        except Stopped as stop:
            code = stopped(stop, "finished work is kept")
        except RunError as error:
            fail(str(error), 1)
        except typer.exceptions.TyperException as error:
            fail(f"{error.format_message()} (--help shows all options)")
        except UsageError as error:
            fail(str(error))
        sys.exit(code)

    main.__dict__["app"] = app
    return main


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line to standard error and end with an exit code."""
    line = one_line(message)
    cut = f"{line[:MOST]}…" if len(line) > MOST else line
    print(f"error: {cut}", file=sys.stderr)
    raise SystemExit(code)


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


def stopped(stop: Stopped, message: str) -> int:
    """Print in one line what is kept after an interruption; return the exit code, 130 or 143."""
    print(f"interrupted: {one_line(message)}", file=sys.stderr)
    return stop.code


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise `Stopped` on Ctrl-C and SIGTERM; a signal that is ignored stays so (nohup)."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
