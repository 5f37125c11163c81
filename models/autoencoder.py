"""What every autoencoder is: an encoder, a decoder, and three facts about itself."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

ImageShape = tuple[int, int, int]


class Autoencoder(nn.Module):
    """Base class: sets ``encoder`` and ``decoder`` in its constructor, inherits the rest.

    The constructor takes the image shape ``(C, H, W)`` alone, and raises `ValueError`, with
    what it was given and what it needs, for a shape that it cannot work on. It must not read
    data or files: the harness also builds one to plan by, before there is anything to train.

    Attributes
    ----------
    encoder : nn.Module
        ``(n, C, H, W)`` float32 in [-1, 1] to codes ``(n, code size)`` float32.
    decoder : nn.Module
        Codes ``(n, code size)`` to ``(n, C, H, W)`` float32.
    trains : bool
        False: the harness gives it no training; it is used with its initial weights.
    deterministic : bool
        True: nothing about it depends on a seed (no random weights).
    libraries : tuple of str
        Distributions whose version shapes the result. The harness keeps results under a hash of
        these versions and of the files that define the class and the classes it derives from;
        what else a model imports must be named here, or stand in one of those files.
    family : str or None
        Models of one family start from the same weights when given the same seed, so that
        their comparison is paired. By default each registered name is its own family.
    """

    trains: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    family: ClassVar[str | None] = None

    encoder: nn.Module
    decoder: nn.Module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and reconstruct.

        Parameters
        ----------
        x : Tensor, shape (n, C, H, W), float32
            Images with values in [-1, 1].

        Returns
        -------
        code : Tensor, shape (n, code size), float32
        reconstruction : Tensor, shape (n, C, H, W), float32
        """
        code = self.encoder(x)
        return code, self.decoder(code)
