"""Image data sets of the Hugging Face hub, and local files in the forms that its library reads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, name_some, one_line
from bench.base.extras import needs, require
from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.folder import measurer, opener, readable_name, stamp
from bench.datasets.labels import whole_numbers
from bench.datasets.source import Source

OPTIONS = ("split", "image", "label", "config")  # the first is meant where none is written
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LABEL_NAMES = ("label", "labels")
_LABEL_TYPES = re.compile(r"u?int(8|16|32|64)|(large_)?string|bool")
_TIMEOUT = 10.0  # seconds for the hub's first answer
_MOST_NAMED = 12


@dataclass(frozen=True)
class Wanted:
    """What an argument asks for."""

    where: str  # a name on the hub, or a path
    local: bool
    split: str | None = None
    image: str | None = None  # columns
    label: str | None = None
    config: str | None = None

    def how(self, option: str, example: str) -> str:
        """Return how a user names one of several things."""
        return f"name one, as in hf:{self.where}:{option}{example}"


def read_argument(argument: str) -> Wanted:
    """Read ``NAME_OR_PATH[:SPLIT][:image=COLUMN][:label=COLUMN][:config=NAME]``.

    The longest part that exists is a path, whatever colons it has. Raise `UsageError` if there is
    no such path and it is no name of the hub's form, or for an option that is not known.
    """
    parts = argument.split(":")
    lengths = range(len(parts), 0, -1)
    paths = {n: os.path.expanduser(":".join(parts[:n])) for n in lengths}
    length = next((n for n in lengths if os.path.exists(paths[n])), None)
    if length is None and not _ON_HUB.fullmatch(parts[0]):
        raise UsageError(
            f"hf: no such folder or file: {argument} (a name on the hub looks like OWNER/NAME)"
        )
    found: dict[str, str] = {}
    for part in parts[length or 1 :]:
        option, value = part.split("=", 1) if "=" in part else (OPTIONS[0], part)
        if option not in OPTIONS or option in found or not value:
            raise UsageError(
                f"hf:{argument}: cannot read {part!r}: allowed behind the name are a split and "
                f"{', '.join(f'{each}=NAME' for each in OPTIONS[1:])}, each once"
            )
        found[option] = value
    return Wanted(paths[length] if length else parts[0], length is not None, **found)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, log and warnings off the terminal."""
    import datasets as library
    import huggingface_hub.utils as hub

    logs = (library.logging, hub.logging)
    levels = [log.get_verbosity() for log in logs]
    bars = library.are_progress_bars_disabled(), hub.are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library.disable_progress_bars()
        hub.disable_progress_bars()
        for log in logs:
            log.set_verbosity(log.CRITICAL)
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.set_verbosity(level)
            for there, disabled in zip((library, hub), bars, strict=True):
                if not disabled:
                    there.enable_progress_bars()


@contextlib.contextmanager
def _offline(offline: bool) -> Iterator[None]:
    """Have the library read only what is here, and not ask the hub again and again."""
    import datasets as library

    before = library.config.HF_HUB_OFFLINE
    library.config.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        library.config.HF_HUB_OFFLINE = before


def _splits(wanted: Wanted) -> dict[str, Any]:
    """Return the splits of a data set by name, each a ``datasets.Dataset``."""
    import datasets as library

    unreachable = "" if wanted.local else _ask_hub(wanted.where)
    try:
        with _offline(wanted.local or bool(unreachable)):
            found = _read_local(wanted) if wanted.local else _load(wanted.where, wanted.config)
    except MemoryError:
        raise
    except Exception as error:  # its own, those of the network, of files and of Arrow
        if unreachable and not _cached_configs(wanted.where):
            raise UsageError(_not_here(wanted.where, unreachable)) from None
        raise UsageError(f"cannot read hf:{wanted.where}: {_reason(wanted, error)}") from None
    if isinstance(found, library.Dataset):
        return {str(found.split or "train"): found}
    return {str(name): split for name, split in found.items()}


def _load(where: str, config: str | None = None, **more: Any) -> Any:
    import datasets as library

    return library.load_dataset(where, config, keep_in_memory=False, **more)


def _read_local(wanted: Wanted) -> Any:
    import datasets as library

    path = Path(wanted.where).absolute()
    if path.is_file():
        if path.suffix.lower() != ".parquet":
            raise ValueError("a single file must be a .parquet file")
        return _load("parquet", data_files=str(path))
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return library.load_from_disk(str(path), keep_in_memory=False)
    return _load(str(path), wanted.config)


def _ask_hub(name: str) -> str:
    """Return why the hub cannot be reached, empty if it can; refuse a name that it does not know.

    The library itself would ask for half a minute before it gives up.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HFValidationError, RepositoryNotFoundError

    try:
        HfApi().dataset_info(name, timeout=_TIMEOUT)
    except (RepositoryNotFoundError, HFValidationError):
        raise UsageError(
            f"hf:{name}: neither a local folder or file nor a data set on the hub that can be seen "
            "from here (private and gated ones need hf auth login)"
        ) from None
    except Exception as error:  # of the network, in as many types as there are layers
        return f"{type(error).__name__}: {_first_line(error)}"
    return ""


def _cache() -> Path:
    import datasets as library

    return Path(library.config.HF_DATASETS_CACHE).expanduser()


def _cached_configs(name: str) -> list[Path]:
    """Return the folders in which the library has kept a data set of the hub."""
    from datasets.naming import camelcase_to_snakecase

    owner, _, own = name.partition("/")
    return list(_cache().glob(f"{owner}___{camelcase_to_snakecase(own)}/*/*/*/dataset_info.json"))


def _not_here(name: str, why: str) -> str:
    """Return what to do where there is no network and nothing was kept."""
    folders = (path for path in _cache().glob("*___*") if path.is_dir())
    cached = sorted(path.name.replace("___", "/", 1) for path in folders)
    kept = name_some(cached, _MOST_NAMED) or "nothing"
    return (
        f"hf:{name} is neither a local folder nor kept from an earlier use, and the hub cannot be "
        f"reached ({why}); kept in {_cache()}: {kept}; on a machine with a network run hf download "
        f"{name} --repo-type dataset --local-dir DIR, then write hf:DIR"
    )


def _reason(wanted: Wanted, error: Exception) -> str:
    """Return in one line why the library could not read a data set."""
    import datasets as library

    text = str(error)
    if "scripts are no longer supported" in text:
        return "it needs a script of its own, and code of data sets is never run"
    if isinstance(error, ValueError) and ("BuilderConfig" in text or "Config name" in text):
        with contextlib.suppress(Exception):
            names = library.get_dataset_config_names(wanted.where)
            known = f"its configurations are {name_some(names, _MOST_NAMED)}"
            asked = f"no configuration {wanted.config!r}" if wanted.config else "it has no default"
            return f"{asked}; {known}: {wanted.how('config=', names[0])}"
    cause = error.__cause__ if isinstance(error, library.exceptions.DatasetsError) else None
    return _first_line(cause or error)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return one_line(lines[0])[:200] if lines else type(error).__name__


def _choose_split(wanted: Wanted, splits: dict[str, Any]) -> str:
    """Return the name of the split that is asked for; else ``train``, or the only one."""
    first = next(iter(splits))
    name = wanted.split or (first if len(splits) == 1 else "train")
    if name in splits:
        return name
    asked = f"no split {wanted.split!r}" if wanted.split else "no split train, and several others"
    known = name_some(list(splits), _MOST_NAMED)
    raise UsageError(f"hf:{wanted.where}: {asked}; its splits are {known}: {wanted.how('', first)}")


def _dtype(feature: Any) -> str:
    return str(getattr(feature, "dtype", ""))


def _holds_files(feature: Any) -> bool:
    """Tell whether a column holds bytes, bare or as parquet files hold images."""
    if isinstance(feature, dict):
        return set(feature) <= {"bytes", "path"} and _holds_files(feature.get("bytes"))
    return _dtype(feature) in ("binary", "large_binary")


def _named(wanted: Wanted, features: dict[str, Any], column: str) -> str:
    if column not in features:
        known = name_some(list(features), _MOST_NAMED)
        raise UsageError(f"hf:{wanted.where}: no column {column!r}; its columns are {known}")
    return column


def _only(wanted: Wanted, columns: list[str], what: str) -> str | None:
    """Return the only one of some columns, None where there is none."""
    if len(columns) > 1:
        raise UsageError(
            f"hf:{wanted.where}: several columns hold {what}s: {name_some(columns, _MOST_NAMED)}; "
            f"{wanted.how(f'{what}=', columns[0])}"
        )
    return columns[0] if columns else None


def _image_column(wanted: Wanted, features: dict[str, Any]) -> str:
    import datasets as library

    marked = [name for name, each in features.items() if isinstance(each, library.Image)]
    bare = [name for name, each in features.items() if _holds_files(each)]
    if wanted.image is not None:
        if _named(wanted, features, wanted.image) in (*marked, *bare):
            return wanted.image
        what = f"column {wanted.image!r} holds no images"
    else:
        found = _only(wanted, marked or bare, "image")
        if found is not None:
            return found
        what = "no column holds images"
    columns = name_some([f"{name} ({_kind(each)})" for name, each in features.items()], _MOST_NAMED)
    raise UsageError(f"hf:{wanted.where}: {what}, as files or bytes; its columns are {columns}")


def _label_column(wanted: Wanted, features: dict[str, Any]) -> str | None:
    import datasets as library

    classes = [name for name, each in features.items() if isinstance(each, library.ClassLabel)]
    plain = [name for name, each in features.items() if _LABEL_TYPES.fullmatch(_dtype(each))]
    if wanted.label is None:
        return _only(wanted, classes or [each for each in _LABEL_NAMES if each in plain], "label")
    if _named(wanted, features, wanted.label) not in (*classes, *plain):
        kind = _kind(features[wanted.label])
        raise UsageError(
            f"hf:{wanted.where}: column {wanted.label!r} is {kind}: labels are classes, whole "
            "numbers, booleans or text"
        )
    return wanted.label


def _kind(feature: Any) -> str:
    kind = type(feature).__name__
    return _dtype(feature) if kind == "Value" else "struct" if kind == "dict" else kind


def _labels(wanted: Wanted, rows: Any, column: str) -> NDArray[Any] | None:
    """Return the labels of a split, (n,); None where all are missing."""
    values = rows.data.column(column)
    names = getattr(rows.features[column], "names", None)
    # The hub's mark for a test set whose labels are not told is class -1.
    missing = values.null_count
    found = values.to_pandas().to_numpy()
    if names is not None and not missing:
        missing = int((found < 0).sum())
    if missing == len(found):
        return None
    if missing:
        raise UsageError(
            f"hf:{wanted.where}: column {column} lacks {missing:,} of {len(found):,} labels"
        )
    if names is not None:
        return np.array(names, object)[found]
    return whole_numbers(found, f"hf:{wanted.where}") if found.dtype.kind in "iu" else found


def _parts(images: Any, part: str) -> list[Any]:
    """Return the path of each image, or whether it has no bytes, without reading images."""
    import pyarrow as pa
    import pyarrow.compute as pc

    of_struct = pa.types.is_struct(images.type)
    if part == "path":
        has_path = of_struct and images.type.get_field_index("path") >= 0
        return pc.struct_field(images, "path").to_pylist() if has_path else [None] * len(images)
    return pc.is_null(pc.struct_field(images, "bytes") if of_struct else images).to_pylist()


def _file_names(paths: list[str | None]) -> tuple[str, ...]:
    """Return a name for each image: its path, less what all have in common; else its row's."""
    given = [path for path in paths if path]
    if len(given) < len(paths) or max(Counter(given).values()) > 1:
        return tuple(f"row-{row:06d}" for row in range(len(paths)))
    if all(map(os.path.isabs, given)):
        top = os.path.commonpath([os.path.dirname(path) for path in given])
        given = [os.path.relpath(path, top) for path in given]
    return tuple(readable_name(Path(path)) for path in given)


def _stamps(rows: Any, column: str, paths: list[str | None]) -> tuple[str, ...]:
    """Return a text for each image that changes when the image may have.

    The library writes its Arrow files anew whenever the files that they were made of change.
    """
    files = sorted({each["filename"] for each in rows.cache_files})
    text = "\n".join([*(stamp(Path(file)) for file in files), column])
    base = hashlib.sha256(text.encode()).hexdigest()
    outside = _parts(rows.data.column(column), "outside")
    return tuple(
        stamp(Path(path)) if path and is_outside else f"{base} {row}"
        for row, (path, is_outside) in enumerate(zip(paths, outside, strict=True))
    )


def _file_of(images: Any, index: int) -> Path | BinaryIO:
    """Return the file of an image, in memory or on disk; an empty one where there is none."""
    value = images[index].as_py()
    found = value if isinstance(value, dict) else {"bytes": value}
    if found.get("bytes") is None and found.get("path"):
        return Path(found["path"])
    return io.BytesIO(found.get("bytes") or b"")


@datasets.register("hf", "hf:OWNER/NAME (Hugging Face) or hf:PATH")
@needs("datasets", extra="hub")
def load(argument: str | None, progress: Progress) -> Source:
    """Read one split of a data set through the library `datasets`; `Source.open` decodes an image.

    A data set of the hub is downloaded on its first use. The library keeps it as Arrow files,
    which are mapped into memory. Code of data sets is never run.
    """
    if not argument:
        raise UsageError("data set hf needs a name or path: hf:ylecun/mnist, hf:DIR")
    try:
        require(datasets, "hf")
    except ValueError as error:
        raise UsageError(str(error)) from None
    wanted = read_argument(argument)
    progress(f"reading hf:{wanted.where}", 0, 1)
    with _quiet():
        splits = _splits(wanted)
    name = _choose_split(wanted, splits)
    rows = splits[name]
    if not len(rows):
        raise UsageError(f"hf:{wanted.where}: split {name} has no rows")
    image, label = _image_column(wanted, rows.features), _label_column(wanted, rows.features)
    labels = None if label is None else _labels(wanted, rows, label)
    images = rows.data.column(image)
    paths = _parts(images, "path")
    progress(f"reading hf:{wanted.where}", 1, 1)
    others = [each for each in splits if each != name]
    left = f" (not used: {name_some(others, _MOST_NAMED)})" if others else ""
    named = f"labels from column {label}" if labels is not None else "no labels"
    return Source(
        len(rows),
        labels=labels,
        files=_file_names(paths),
        notes=(f"Split {name}{left}: images from column {image}, {named}.",),
        open=opener(lambda index: _file_of(images, index)),
        measure=measurer(lambda index: _file_of(images, index)),
        stamps=_stamps(rows, image, paths),
    )
