"""What Python users call; `bench` has it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.planning.reference import docstring
from bench.planning.settings import GridSettings, resolve

if TYPE_CHECKING:
    import pandas as pd

    from bench.bundle.bundle import Bundle
    from bench.bundle.images import Given
    from bench.session.sorting import Sorted


def run_grid(
    *,
    config: str | Path | None = None,
    force: bool = False,
    only_cached: bool = False,
    fail_fast: bool = False,
    trust_plugins: bool = False,
    **settings: Any,
) -> pd.DataFrame:
    """Run a grid from Python or a notebook; the same as ``latentgrid grid``.

    In a notebook, progress is a bar in the cell, and the page ``index.html`` is shown below it if
    it has less than 3 MB; else there is a link to it.

    Parameters
    ----------
    config : str, Path or None
        A TOML file with settings.
    force : bool
        Compute everything again.
    only_cached : bool
        Compute nothing: report what is in the store.
    fail_fast : bool
        Stop at the first run that fails.
    trust_plugins : bool
        Run the plugins that ``config`` names, which are Python files; else they are refused.
    SETTINGS

    Returns
    -------
    DataFrame
        The records, one row for each run, as written to ``results.csv``; with several data sets,
        one data set after the other. Runs that failed have the status ``failed`` and the error;
        runs that were not tried have ``skipped`` and the reason. They do not raise an exception.

    Raises
    ------
    bench.base.errors.UsageError
        For settings or data that cannot be used.
    bench.base.errors.RunError
        If the grid cannot continue, for instance because the disk is full. Finished tasks are kept.

    Examples
    --------
    >>> from bench import run_grid
    >>> records = run_grid(models="pixels", reducers="pca64", seeds=1)  # doctest: +SKIP
    >>> records.groupby(["model", "chain"])["accuracy"].mean()  # doctest: +SKIP
    """
    from bench.planning.mode import Mode
    from bench.session.notebook import show_pages
    from bench.session.session import Session

    where = None if config is None else Path(config)
    found = resolve(settings, where, lambda question: trust_plugins)
    finished = Session(found, Mode.of(force, only_cached, fail_fast)).execute()
    show_pages(finished.written)
    return finished.records


def export_bundle(
    to: str | Path,
    pipeline: str | None = None,
    *,
    results: str | Path = "results",
    seed_index: int | None = None,
    store: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    cell: str | None = None,
) -> Bundle:
    """Save a finished pipeline as one file; the same as ``latentgrid export``.

    Parameters
    ----------
    to : str or Path
        The file to write, replaced if it exists.
    pipeline : str or None
        As the tables write it, ``"dnn(code=32), pca16 -> gmm"``; None: the one that the report
        ranks first.
    results : str or Path
        Folder with the results of one data set.
    seed_index : int or None
        Which seed; None: the pipeline's median seed.
    store : str, Path or None
        Folder of stored results; None: the one that the ``grid.toml`` of the results names.
    plugins : list of str or Path
        Python files that register the pipeline's own items. They are run; those that the
        ``grid.toml`` of the results names are not.
    cell : str or None
        The former name of `pipeline`, for one release.

    Returns
    -------
    bench.bundle.bundle.Bundle
        As `load_bundle` returns it; its ``notes`` say what cannot transform unseen images.

    Raises
    ------
    bench.base.errors.UsageError
        If there is no such pipeline or it was not finished, if its artifacts are no longer in the
        store, or if the file cannot be written.

    Examples
    --------
    >>> from bench import export_bundle
    >>> bundle = export_bundle("model.latentgrid")  # doctest: +SKIP
    >>> bundle.assign(["one.png", "two.png"])  # doctest: +SKIP
    """
    from bench.bundle.making import export

    if cell is not None:
        warnings.warn("export_bundle's cell is now called pipeline", FutureWarning, stacklevel=2)
    pipeline = pipeline or cell
    where = None if store is None else Path(store)
    return export(
        pipeline,
        Path(to),
        Path(results),
        seed_index=seed_index,
        store=where,
        plugins=[Path(file) for file in plugins],
    )[0]


def load_bundle(path: str | Path, *, device: str = "cpu") -> Bundle:
    """Read a bundle, which encodes and embeds images, and assigns them to clusters.

    Parameters
    ----------
    path : str or Path
        A file that ``latentgrid export`` or `export_bundle` wrote.
    device : str
        Where its model runs: ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    bench.bundle.bundle.Bundle
        ``encode``, ``embed``, ``assign``, ``ambiguities`` and ``transform`` take a uint8 array of
        images, (n, H, W, 3) or (n, H, W), or a list of files.

    Raises
    ------
    bench.base.errors.UsageError
        If it is missing or damaged, or made of what is not installed here.

    Examples
    --------
    >>> from bench import load_bundle
    >>> clusters = load_bundle("model.latentgrid").assign(images)  # doctest: +SKIP
    """
    from bench.bundle.bundle import Bundle

    return Bundle.load(path, device)


def corrected_names(bundle: Bundle, images: Given, clusters: str | Path) -> list[str]:
    """Assign images to clusters that were corrected; the same as ``latentgrid assign --clusters``.

    Parameters
    ----------
    bundle : bench.bundle.bundle.Bundle
        Of the run whose page wrote the file.
    images : ndarray or list of str or Path
        A uint8 array, (n, H, W, 3) or (n, H, W), or files.
    clusters : str or Path
        The file, ``clusters.json``.

    Returns
    -------
    list of str
        The name of each image's corrected cluster.

    Raises
    ------
    bench.base.errors.UsageError
        If the file is none, or of another run than the bundle, or images cannot be read.

    Examples
    --------
    >>> from bench import corrected_names, load_bundle
    >>> bundle = load_bundle("model.latentgrid")  # doctest: +SKIP
    >>> corrected_names(bundle, ["one.png", "two.png"], "clusters.json")  # doctest: +SKIP
    """
    from bench.bundle.clusters_file import read
    from bench.bundle.correcting import Corrections

    path = Path(clusters)
    corrections = Corrections(read(path), path, bundle)
    numbers = corrections.numbers(bundle.transform(images))
    return [corrections.group(number).name for number in numbers.tolist()]


def sort_images(
    images: str | Path, into: str | Path, *, files: str = "copy", **settings: Any
) -> Sorted:
    """Sort the images of a folder into groups of similar ones; the same as ``latentgrid sort``.

    Parameters
    ----------
    images : str or Path
        Folder of image files, at any depth.
    into : str or Path
        Folder to write into, outside of ``images``.
    files : str
        ``copy`` or ``link`` (symbolic links).
    **settings
        Settings of `run_grid` that replace the recommended ones: ``clusters``, ``plugins``,
        ``models``, ``seeds`` and so on.

    Returns
    -------
    bench.session.sorting.Sorted
        Its ``text`` says in a paragraph what was done, ``sizes`` how many images each group has.

    Raises
    ------
    bench.base.errors.UsageError
        For folders or settings that cannot be used.
    bench.base.errors.RunError
        If the work cannot continue, for instance because the disk is full. Finished work is kept.

    Examples
    --------
    >>> from bench import sort_images
    >>> print(sort_images("photos", "sorted-photos", clusters=6).text)  # doctest: +SKIP
    """
    from bench.session.sorting import sort

    return sort(Path(images), Path(into), files, settings)


def _describe() -> None:
    """Put the settings, which are declared once, into docstring and signature."""
    run_grid.__doc__ = (run_grid.__doc__ or "").replace("    SETTINGS", docstring())
    own = list(inspect.signature(run_grid).parameters.values())[:-1]
    more = [inspect.Parameter(n, own[0].kind, default=None) for n in GridSettings.model_fields]
    run_grid.__dict__["__signature__"] = inspect.Signature([*own, *more])


_describe()
