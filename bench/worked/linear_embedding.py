"""A linear word embedding (skip-gram): the second problem of the HW5 report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Gradients(NamedTuple):
    """Gradients of the loss: ``W``, shape (V, N), and ``W_prime``, shape (N, V)."""

    W: Tensor
    W_prime: Tensor


def _check(W: Tensor, W_prime: Tensor, x: Tensor, context: Sequence[int]) -> None:
    words, _ = W.shape
    if W_prime.shape != W.shape[::-1] or x.shape != (words,):
        raise ValueError(
            f"for W of shape {tuple(W.shape)}, W' must have shape {tuple(W.shape[::-1])} and x "
            f"({words},), found {tuple(W_prime.shape)} and {tuple(x.shape)}"
        )
    if not context or not all(0 <= word < words for word in context):
        raise ValueError(f"context must be words from 0 to {words - 1}, found {list(context)}")


def loss(W: Tensor, W_prime: Tensor, x: Tensor, context: Sequence[int]) -> Tensor:
    """Return −log ∏_{c∈C} exp(u_c) / Σ_m exp(u_m), where h = Wᵀx and u = W'ᵀh.

    Parameters
    ----------
    W : Tensor, shape (V, N)
        From words to the embedding.
    W_prime : Tensor, shape (N, V)
        From the embedding to words.
    x : Tensor, shape (V,)
        The input word, one-hot, or any vector.
    context : sequence of int
        C: words from 0 to V − 1; a word that occurs twice counts twice.
    """
    _check(W, W_prime, x, context)
    u = W_prime.T @ (W.T @ x)
    return -torch.log_softmax(u, 0)[list(context)].sum()


def gradients(W: Tensor, W_prime: Tensor, x: Tensor, context: Sequence[int]) -> Gradients:
    """Return both gradients in closed form, for any x and any context; arguments as for `loss`.

    With y = softmax(u) and n_i for how often word i occurs in C::

        ∂L/∂W_{j,i}  = −Σ_{c∈C} ( W'_{i,c} x_j − Σ_m W'_{i,m} x_j y_m )
        ∂L/∂W'_{j,i} = −n_i h_j + |C| h_j y_i

    References
    ----------
    Machine Learning Fall 2020, Homework 5, report, section 4, where the second line stands for
    distinct words and i ∈ C, that is n_i = 1; Rong (2014), word2vec parameter learning explained.
    """
    _check(W, W_prime, x, context)
    h = W.T @ x
    y = torch.softmax(W_prime.T @ h, 0)
    chosen = W_prime[:, list(context)].sum(1)
    times = torch.bincount(torch.tensor(list(context)), minlength=len(W)).to(W.dtype)
    size = len(context)
    return Gradients(
        W=-torch.outer(x, chosen - size * (W_prime @ y)),
        W_prime=torch.outer(h, size * y - times),
    )


def gradient_by_the_report(
    W: Tensor, W_prime: Tensor, x: Tensor, context: Sequence[int], word: int
) -> Tensor:
    """Return the HW5 report's formula, −h_j + |C| · h_j · y_i, for one word i; of shape (N,).

    It is ∂L/∂W'_{j,i} where i occurs in C exactly once, and not otherwise.
    """
    _check(W, W_prime, x, context)
    h = W.T @ x
    y = torch.softmax(W_prime.T @ h, 0)
    return -h + len(context) * h * y[word]
