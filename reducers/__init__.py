"""Registry of dimensionality reductions, one method a file.

A reducer is a scikit-learn transformer; see `reducers.reducer.Reducer`. Users chain them by a
small grammar, ``pca128+tsne2(perplexity=50)``, read by `reducers.chain`. A new one is a new
file in this folder::

    from reducers import reducers
    from reducers.reducer import Reducer

    @reducers.register("mine", "what it is, in one line")
    class Mine(Reducer):
        def __init__(self, n_components: int = 2, *, random_state: int | None = None): ...
        def fit_transform(self, X, y=None): ...
        def transform(self, X): ...  # where the method can place unseen points
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.base.registry import Registry

if TYPE_CHECKING:
    from reducers.reducer import Reducer

# No digit in a name: the number behind it is the number of dimensions.
reducers: Registry[type[Reducer]] = Registry("reducer", "reducers", r"[a-z]+(-[a-z]+)*")
