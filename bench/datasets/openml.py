"""Image data sets of openml.org."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.base.grammar import DIGITS
from bench.base.progress import Progress
from bench.datasets import brightness, datasets
from bench.datasets.labels import whole_numbers
from bench.datasets.source import Source


def _known_ids() -> Path:
    """Return the file that remembers the number of each name.

    By number scikit-learn answers from its cache; by name it asks the network every time.
    """
    from sklearn.datasets import get_data_home

    return Path(get_data_home()) / "openml" / "latentgrid-ids.json"


def _read_ids() -> dict[str, int]:
    try:
        return {name: int(number) for name, number in json.loads(_known_ids().read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def fetch(argument: str) -> Any:
    """Fetch by name or number through scikit-learn, which caches what it fetched."""
    from sklearn.datasets import fetch_openml

    ids = _read_ids()
    number = (
        int(argument)
        if argument.isdecimal() and len(argument) <= DIGITS
        else ids.get(argument.lower())
    )
    by: dict[str, Any] = {"data_id": number} if number is not None else {"name": argument}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # repeated tries, several active versions
            # Left to itself, scikit-learn 1.9 has pandas read labels as categories, and fails
            # where those are numbers and pandas is 3.1, as for mnist_784.
            bunch = fetch_openml(
                **by, as_frame=False, parser="auto", read_csv_kwargs={"dtype": None}
            )
    except (URLError, OSError) as error:
        raise UsageError(
            f"cannot fetch openml:{argument}: {getattr(error, 'reason', error)}; the first use "
            "needs the network, later ones do not"
        ) from None
    except ValueError as error:
        raise UsageError(f"cannot fetch openml:{argument}: {error}") from None
    if number is None:
        path = _known_ids()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ids | {argument.lower(): int(bunch.details["id"])}))
    return bunch


def images_from_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Fold rows of pixel values into images, (n, side, side, 3) of the same type.

    Rows are (n, side²) gray or (n, 3 · side²), three channels one after the other as in CIFAR-10.
    """
    channels = _channels(rows.shape[1])
    side = math.isqrt(rows.shape[1] // channels)
    planes = np.asarray(rows).reshape(len(rows), channels, side, side)
    rgb = np.broadcast_to(planes, (len(rows), 3, side, side))
    return np.ascontiguousarray(rgb.transpose(0, 2, 3, 1))


def _channels(width: int) -> int:
    """Return the channels that make a row of this length a square image."""
    for channels in (1, 3):
        if width > 1 and math.isqrt(width // channels) ** 2 * channels == width:
            return channels
    raise UsageError(
        f"rows of {width} values are not square images: allowed are side² and 3 · side² (784, 3072)"
    )


def _labels(target: Any, count: int) -> NDArray[Any] | None:
    """Return labels as whole numbers or text; None where there are none."""
    labels = None if target is None else np.asarray(target)
    if labels is None or labels.shape != (count,):
        return None
    if labels.dtype.kind in "iuf":
        return whole_numbers(labels, "it")
    if labels.dtype.kind == "O":
        if any(label is None or label != label for label in labels):
            raise UsageError("some of its labels are missing")
        return labels.astype(str)
    return labels


@datasets.register("openml", "openml:NAME or openml:ID, such as openml:mnist_784 (cached)")
def load(argument: str | None, progress: Progress) -> Source:
    """Fetch a set of square gray or RGB images (CIFAR_10, mnist_784, Fashion-MNIST)."""
    if not argument:
        raise UsageError("data set openml needs a name or number: openml:mnist_784, openml:554")
    progress(f"fetching openml:{argument}", 0, 1)
    bunch = fetch(argument)
    rows = bunch.data.toarray() if hasattr(bunch.data, "toarray") else bunch.data
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise UsageError(f"openml:{argument} is not a table of numbers, and so has no images")
    try:
        _channels(rows.shape[1])
        labels = _labels(bunch.target, len(rows))
    except UsageError as error:
        raise UsageError(f"openml:{argument}: {error}") from None
    progress(f"fetching openml:{argument}", 1, 1)
    return Source(
        len(rows),
        lambda indices: images_from_rows(rows[indices]),
        labels=labels,
        values=None if rows.dtype == np.uint8 else brightness.survey(rows),
    )
