"""Terms that the page explains where they are tapped: ``prose/terms.toml``."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import NamedTuple

from markupsafe import Markup, escape


class Term(NamedTuple):
    """A term: what it is called, what it means, and the words that stand for it in texts."""

    name: str
    meaning: str
    said: tuple[str, ...]

    @property
    def id(self) -> str:
        """What its element on the page is called."""
        return "term-" + re.sub(r"\W+", "-", self.name.lower()).strip("-")


@functools.cache
def terms() -> dict[str, Term]:
    """Return all terms by their names."""
    text = files("bench.report").joinpath("prose", "terms.toml").read_text(encoding="utf-8")
    return {
        name: Term(name, entry["meaning"], tuple(entry.get("said", [name])))
        for name, entry in tomllib.loads(text).items()
    }


def meaning(name: str) -> str:
    """Return what a term means."""
    return terms()[name].meaning


def marked(text: str) -> Markup:
    """Return a text as HTML in which each term, where it comes first, is a button.

    The button shows the term's element, see ``page/parts/terms.html``. What is `Markup` already
    keeps its tags.
    """
    written, pieces, place = str(escape(text)), [], 0
    left = {said.lower(): term for term in terms().values() for said in term.said}
    for found in _pattern().finditer(written):
        term = left.get(" ".join(found[0].lower().split()))
        if term is None:
            continue
        left = {said: other for said, other in left.items() if other is not term}
        rest = written[found.end() :]
        after = rest[: len(rest) - len(rest.lstrip(".,:;)"))]
        pieces += [written[place : found.start()], _button(term, found[0], after)]
        place = found.end() + len(after)
    return Markup("".join([*pieces, written[place:]]))


def _button(term: Term, said: str, after: str) -> str:
    button = f'<button type="button" class="term" popovertarget="{term.id}">{said}</button>'
    # A line may begin after a button, and would begin with the sentence's period.
    return f'<span class="joined">{button}{after}</span>' if after else button


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Match what stands for a term, the longest first, never in a tag or as a part of a name."""
    said = sorted((said for term in terms().values() for said in term.said), key=len, reverse=True)
    words = "|".join(r"\s+".join(map(re.escape, each.split())) for each in said)
    # Models and chains may be called like terms: seed-net, pca5+stability, gmm(equivalent=1).
    return re.compile(rf"(?<![\w+/=-])(?<!\w\()(?:{words})(?![\w+(/=-]|[^<>]*>)", re.I)
