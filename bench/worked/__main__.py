"""The HW5 report's two worked problems: ``python -m bench.worked``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.base.command import command
from bench.base.files import is_file, read_text


@command("python -m bench.worked")
def main(
    write: Annotated[
        Path | None, typer.Option(help="Write the page with both derivations.", metavar="FILE")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the memory cell's steps.", metavar="FILE.png")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Fail if the page there is not current.", metavar="FILE")
    ] = None,
) -> int:
    """Print the two worked problems of the HW5 report, and verify each number.

    The first is a gated memory cell, step by step. The second is the loss and gradients of a
    linear word embedding: closed forms are compared with automatic differentiation. Exit code 1 if
    anything differs.
    """
    from bench.base.errors import UsageError
    from bench.base.files import write_output
    from bench.worked import problems
    from bench.worked.page import cell_table, embedding_table, page

    trace = problems.run_cell()
    steps, cases = problems.cell_steps(trace), problems.embedding_cases()
    print("1. A gated memory cell\n")
    print(cell_table(steps, "simple"))
    print("\n2. Loss and gradients of a linear word embedding\n")
    print(embedding_table(cases, "simple", exact=True))
    wrong = [f"t = {step.t}" for step in steps if not step.as_reported]
    wrong += [case.name for case in cases if not case.as_derived]
    verdict = "every number verified" if not wrong else f"wrong numbers in {'; '.join(wrong)}"
    print(f"\n{verdict}")
    text = page(steps, cases)
    if write is not None:
        write_output(write, text)
    if picture is not None:
        from bench.worked.picture import draw

        try:
            draw(trace, picture)
        except OSError as error:
            raise UsageError(f"cannot write {picture}: {error.strerror}") from None
    if check is not None:
        if not is_file(check):
            raise UsageError(f"no such file: {check}")
        if read_text(check) != text:
            print(
                f"{check} is not current: python -m bench.worked --write {check}", file=sys.stderr
            )
            return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    main()
