"""Moderated variances: a pipeline's variance over few seeds, steadied by those of the others.

The variance of three seeds is known badly. All pipelines of a grid together tell how far such
variances differ, and each is drawn towards the others' by as much as that supports.

References
----------
Smyth (2004), Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A variance of 0 is lifted to this share of the median before its logarithm is taken.
LEAST = 1e-5


@dataclass(frozen=True)
class Prior:
    """What the variances of a grid tell about each other: a scaled inverse χ² distribution."""

    df: float  # how many degrees of freedom it is worth, 0 to infinity
    variance: float  # its own, s₀² of Smyth (2004)
    pooled: float  # the mean of the variances, weighted by their degrees of freedom
    total: float  # degrees of freedom of all variances together

    @classmethod
    def of(cls, variances: NDArray[Any], df: NDArray[Any]) -> Prior:
        """Fit the prior by the moments of the logarithms of variances, each with at least 1 df.

        Parameters
        ----------
        variances, df : ndarray, shape (k,)
            Sample variances of what varies, and their degrees of freedom.
        """
        from scipy.special import digamma, polygamma

        variances, df = np.asarray(variances, float), np.asarray(df, float)
        if not len(variances):
            return cls(0.0, 0.0, 0.0, 0.0)
        pooled, total = float((df * variances).sum() / df.sum()), float(df.sum())
        if len(variances) < 2 or not variances.any():
            return cls(0.0, pooled, pooled, total)
        middle = float(np.median(variances)) or float(variances[variances > 0].min())
        logs = np.log(np.maximum(variances, LEAST * middle))
        logs += np.log(df / 2) - digamma(df / 2)
        spread = float(logs.var(ddof=1) - polygamma(1, df / 2).mean())
        if spread <= 0:  # they differ no more than variances of so few seeds do by chance
            return cls(math.inf, pooled, pooled, total)
        prior_df = 2 * trigamma_inverse(spread)
        own = float(np.exp(logs.mean() + digamma(prior_df / 2) - np.log(prior_df / 2)))
        return cls(prior_df, own, pooled, total)

    def moderate(self, variances: NDArray[Any], df: NDArray[Any], towards: float) -> NDArray[Any]:
        """Draw variances, (k,), towards another: their mean, weighted by degrees of freedom."""
        if math.isinf(self.df):
            return np.full(len(variances), towards)
        weights = np.maximum(self.df + df, 1e-300)
        return (self.df * towards + df * np.asarray(variances, float)) / weights

    def moderated_df(self, df: NDArray[Any]) -> NDArray[Any]:
        """Return the degrees of freedom of moderated variances, (k,)."""
        return np.minimum(np.asarray(df, float) + self.df, self.total)


def trigamma_inverse(value: float) -> float:
    """Solve ψ′(y) = value for y > 0 by Newton's method, as in the appendix of Smyth (2004)."""
    from scipy.special import polygamma

    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = polygamma(1, y)
        step = trigamma * (1 - trigamma / value) / polygamma(2, y)
        y += step
        if -step / y < 1e-8:
            break
    return float(y)
