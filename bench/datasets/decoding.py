"""From a source to images of the sizes that are wanted, read once and in pieces."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import keys
from bench.base.errors import UsageError
from bench.base.processors import available_threads, pool_of
from bench.base.progress import Progress
from bench.datasets import brightness, deciding, deep, formats, image_form
from bench.datasets.image_form import Form, Images, alone
from bench.datasets.pieces import PIECE_BYTES, ImageSet, Keeper, Piece, fingerprint, piece_length
from bench.datasets.reading import ORDINARY, Reading, Seen, Wanted
from bench.datasets.source import Opener, Reader, Source

Report = Callable[[int], None]


@dataclass(frozen=True)
class Decoded:
    """Images of a source at all sizes that are wanted."""

    images: Images  # of the grid's size, (n, size, size, 3)
    sizes: dict[int, ImageSet]
    readable: NDArray[np.bool_]  # which of the files asked for could be read, (k,)
    placeholders: bool = False  # files were not decoded, and these are no images
    reading: Reading = ORDINARY  # how files were read
    notes: tuple[str, ...] = ()  # on that
    kept: tuple[str, ...] = ()  # keys of what else is kept of the files


class Decoder:
    """Brings the images of a source to the sizes that are wanted.

    Parameters
    ----------
    form : Form
        Of the grid's own images.
    own_sizes : collection of int
        Other sizes that are wanted.
    keeper : Keeper
        Keeps images of files, and those of other sizes than the grid's.
    decode : bool
        False: files that were not decoded before are taken for readable, and not decoded.
    wanted : Wanted
        What the user asks for of how files are read.
    """

    def __init__(
        self,
        form: Form,
        own_sizes: Collection[int],
        keeper: Keeper,
        decode: bool,
        progress: Progress,
        wanted: Wanted = Wanted(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.wanted = wanted
        self.form = form
        self.forms = [Form(size, form.fit) for size in {form.size: 0} | dict.fromkeys(own_sizes)]
        self.length = min(piece_length(each.size) for each in self.forms)
        self.keeper = keeper
        self.decode = decode
        self.progress = progress

    def arrays(self, read: Reader, indices: NDArray[np.int64]) -> Decoded:
        """Bring arrays to all sizes; those of the grid's size stay in memory."""
        images = _allocate(len(indices), self.form)
        pieces: dict[int, list[Piece]] = {form.size: [] for form in self.forms}
        for start in range(0, len(indices), self.length):
            some = indices[start : start + self.length]
            report = functools.partial(self._report, start, len(indices))
            found = {self.form.size: images[start : start + len(some)]}
            found |= {form.size: _allocate(len(some), form) for form in self.forms[1:]}
            self._bring(read, some, found, report)
            for size, made in found.items():
                keeps = size != self.form.size
                pieces[size].append(self._keep_array(made) if keeps else _in_memory(made))
        sets = {size: ImageSet(size, tuple(some)) for size, some in pieces.items()}
        return Decoded(images, sets, np.ones(len(indices), bool))

    def files(self, source: Source, indices: NDArray[np.int64]) -> Decoded:
        """Decode files to all sizes at which they are not kept yet."""
        assert source.open is not None
        seen = self._seen(source, indices)
        if seen is None:
            return self._undecoded(len(indices))
        names_of = [source.files[i] if source.files else str(i) for i in indices]
        reading, notes = deciding.decide(seen, names_of, self.wanted, "the data set")
        code = keys.source(image_form, brightness, deep, sys.modules[source.open.__module__])
        shared: dict[str, Any] = {"fit": self.form.fit, "code": code} | formats.versions()
        if reading.key:  # as it is for files of 8 bits without transparency, there is one way only
            shared["reading"] = reading.key
        batches = [indices[i : i + self.length] for i in range(0, len(indices), self.length)]
        named = []
        for some in batches:
            stamps = [source.stamps[i] for i in some]
            named.append(
                {
                    form.size: keys.key({"files": stamps, "size": form.size} | shared)
                    for form in self.forms
                }
            )
        if not self.decode and not all(self._has(key) for each in named for key in each.values()):
            return self._undecoded(len(indices))
        for number, (some, names) in enumerate(zip(batches, named, strict=True)):
            report = functools.partial(self._report, number * self.length, len(indices))
            self._decode(functools.partial(_open, source.open, reading), some, names, report)
        sets = {
            form.size: ImageSet(form.size, tuple(self._kept(each[form.size]) for each in named))
            for form in self.forms
        }
        values = [self.keeper.values(each[self.form.size]) or {} for each in named]
        readable = np.array([flag for each in values for flag in each["readable"]], bool)
        images = _allocate(int(readable.sum()), self.form)
        for start, piece in sets[self.form.size].arrays():
            images[start : start + len(piece)] = piece
        kept = () if source.measure is None else (self._seen_key(source, indices),)
        return Decoded(images, sets, readable, False, reading, tuple(notes), kept)

    def _seen(self, source: Source, indices: NDArray[np.int64]) -> list[Seen | None] | None:
        """Look into all files, once; None where that was not done and nothing is to be decoded."""
        if source.measure is None:
            return [None] * len(indices)
        key = self._seen_key(source, indices)
        kept = self.keeper.values(key)
        if kept is not None:
            return deciding.from_kept(kept["seen"], len(indices))
        if not self.decode:
            return None
        found: list[Seen | None] = []
        with pool_of(available_threads()) as pool:
            for seen in pool.map(source.measure, indices.tolist()):
                found.append(seen)
                self.progress("looking into images", len(found), len(indices))
        self.keeper.prepare(0)
        none = np.empty((0, *self.form.shape), np.uint8)
        self.keeper.keep(key, none, {"seen": deciding.to_kept(found)})
        return found

    def _seen_key(self, source: Source, indices: NDArray[np.int64]) -> str:
        code = keys.source(brightness, deep, sys.modules[source.measure.__module__])
        stamps = [source.stamps[i] for i in indices]
        return keys.key({"looked into": stamps, "code": code} | formats.versions())

    def _report(self, start: int, total: int, done: int) -> None:
        self.progress("reading images", start + done, total)

    def _bring(
        self, read: Reader, indices: NDArray[np.int64], to: dict[int, Images], report: Report
    ) -> None:
        chunk = max(1, PIECE_BYTES // 4 // max(1, read(indices[:1])[0].nbytes))
        for start in range(0, len(indices), chunk):
            found = read(indices[start : start + chunk])
            for form in self.forms:
                to[form.size][start : start + len(found)] = form.bring_all(found)
            report(start + len(found))

    def _decode(
        self,
        open_one: Callable[[int, int], Images | None],
        indices: NDArray[np.int64],
        names: dict[int, str],
        report: Report,
    ) -> None:
        """Decode a batch of files to the sizes at which it is not kept."""
        forms = [form for form in self.forms if not self._has(names[form.size])]
        if not forms:
            return report(len(indices))
        self.keeper.prepare(len(indices) * sum(3 * form.size**2 for form in forms) / 1e6)
        found = [_allocate(len(indices), form) for form in forms]
        readable = np.zeros(len(indices), bool)

        def decode(index: int) -> list[Images] | None:
            # Opened for each size: images of one must not depend on which others are wanted.
            found = []
            for form in forms:
                image = open_one(index, form.size)
                if image is None:
                    return None
                with alone(image.shape[0] * image.shape[1]):
                    found.append(form.bring(image))
            return found

        with pool_of(available_threads()) as pool:
            for position, brought in enumerate(pool.map(decode, indices.tolist())):
                readable[position] = brought is not None
                for into, image in zip(found, brought or (), strict=False):
                    into[position] = image
                report(position + 1)
        for form, images in zip(forms, found, strict=True):
            self._keep(names[form.size], images[readable], readable)
        return None

    def _has(self, key: str) -> bool:
        return self.keeper.values(key) is not None

    def _keep(self, key: str, images: Images, readable: NDArray[np.bool_]) -> None:
        values = {
            "count": len(images),
            "digest": fingerprint(images),
            "readable": readable.tolist(),
        }
        self.keeper.keep(key, images, values)

    def _keep_array(self, images: Images) -> Piece:
        key = fingerprint(images)[:40]
        if not self._has(key):
            self.keeper.prepare(images.nbytes / 1e6)
            self._keep(key, images, np.ones(len(images), bool))
        return self._kept(key)

    def _kept(self, key: str) -> Piece:
        values = self.keeper.values(key) or {}
        return Piece(
            key, values["count"], values["digest"], functools.partial(self.keeper.images, key)
        )

    def _undecoded(self, count: int) -> Decoded:
        def piece(form: Form) -> Piece:
            return Piece("not decoded", count, "not decoded", lambda: _placeholder(count, form))

        sets = {form.size: ImageSet(form.size, (piece(form),)) for form in self.forms}
        return Decoded(_placeholder(count, self.form), sets, np.ones(count, bool), True)


def _open(of: Opener, reading: Reading, index: int, size: int) -> Images | None:
    return of(index, size, reading)


def _in_memory(images: Images) -> Piece:
    found = fingerprint(images)
    return Piece(found[:40], len(images), found, lambda: images)


def _placeholder(count: int, form: Form) -> Images:
    return np.broadcast_to(np.uint8(0), (count, *form.shape))


def _allocate(count: int, form: Form) -> Images:
    try:
        return np.empty((count, *form.shape), np.uint8)
    except (MemoryError, ValueError):  # numpy says it by either
        gigabytes = count * form.size**2 * 3 / 1e9
        raise UsageError(
            f"{count:,} images of {form.size}×{form.size} need {gigabytes:,.0f} GB of memory: "
            "--limit N takes fewer"
        ) from None
