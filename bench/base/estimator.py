"""What reducers and clusterers share: scikit-learn estimators that state facts about themselves."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[Any]
# What a fit found, by name; see `Estimator.fitted`.
State = dict[str, Array]


class Estimator(BaseEstimator):
    """Base class of reducers and clusterers.

    The constructor's keyword arguments are what users may write in parentheses; each is annotated
    with ``int``, ``float``, ``bool`` or ``str`` and has a default. ``random_state`` (the seed),
    ``n_jobs`` (threads) and ``device`` (``cuda``, or any other for the CPU) are set by the harness
    and not by users. The constructor keeps its arguments as they are, under their names, as
    scikit-learn's do; a dataclass with ``eq=False`` does so by itself.

    Attributes
    ----------
    deterministic : bool
        True: the result does not depend on ``random_state``.
    libraries : tuple of str
        Distributions whose version shapes the result. The harness keeps results under a hash of
        these versions and of the files that define the class, the classes it derives from and its
        `parts`; what else an item imports must be named here, or be in one of those files.
    parts : tuple of type
        Classes in other files that the item makes use of.
    requires : tuple of str
        Modules that an installation may lack, by the names they are imported by. Without them
        the item is listed and not run; see `bench.base.extras`.
    extra : str
        The extra of latentgrid that installs those; empty where pip takes them by their names.
    imports : tuple of str
        Modules that a fit imports. `warm_up` imports them before, since plans can do without.
    """

    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    parts: ClassVar[tuple[type, ...]] = ()
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    imports: ClassVar[tuple[str, ...]] = ()

    @property
    def parallel(self) -> bool:
        """Whether a fit uses the threads that it is given, and not one alone."""
        return True

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` where this item cannot work on data of this shape."""

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate the time of a fit, in seconds on two cores; for ``--dry-run`` and progress."""
        return 1e-7 * n_samples * n_features

    def memory(self, n_samples: int, n_features: int) -> float:
        """Estimate the memory that a fit takes, in MB; tasks wait where there is not enough."""
        return 24e-6 * n_samples * n_features

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import and compile what a fit on data of this shape needs, outside of any clock."""
        for name in self.imports:
            importlib.import_module(name)

    def fitted(self) -> State:
        """Return what ``restore`` needs beside the points and their result; arrays by name."""
        return {}
