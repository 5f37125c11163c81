"""What every autoencoder is: an encoder, a decoder, an objective, and facts about itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import ImageShape

__all__ = ["Autoencoder", "ImageShape"]


class Autoencoder(nn.Module):
    """Base class: sets ``encoder`` and ``decoder`` in its constructor, inherits the rest.

    The constructor takes the image shape ``(C, H, W)``, any where a class says nothing of it, and
    keyword arguments that users may write in parentheses (``dnn(code=32)``), each annotated with
    ``int``, ``float``, ``bool`` or ``str``; one without a default must be written. One that is
    called ``clusters`` is not for users to write: the harness sets it to the number of clusters
    sought. The constructor raises `ValueError`, with what it was given and what it needs, for what
    it cannot work with. It must not read data: the harness also builds one to plan by, before there
    is anything to train. Files that it reads, such as weights, are named in ``files``.

    A model is trained on its `objective`, whatever that is; how well it reconstructs is measured
    by the harness afterwards, for all models in the same way.

    Attributes
    ----------
    encoder : nn.Module
        ``(n, C, H, W)`` float32 in [-1, 1] to codes ``(n, code size)`` float32.
    decoder : nn.Module
        Codes ``(n, code size)`` to ``(n, C, H, W)`` float32.
    trains : bool
        False: the harness gives it no training; it is used with its initial weights.
    decodes : bool
        False: there is no way back from its codes; its reconstruction is an even gray, which the
        harness does not measure.
    deterministic : bool
        True: nothing about it depends on a seed (no random weights).
    libraries : tuple of str
        Distributions whose version shapes the result. The harness keeps results under a hash of
        these versions and of the files that define the class and the classes it derives from;
        what else a model imports must be named here, or stand in one of those files.
    training_cost : float
        Operations of a step of training for each one forward, of which estimates of time are
        made: 3 where an image goes its way once, forward and twice as much back.
    parts : tuple of type
        Classes of other files that it is built from: their text counts as its own.
    family : str or None
        Models of one family start from the same weights when given the same seed, so that
        their comparison is paired. By default each registered name is its own family.
    image_size : int or None
        Side in pixels of the square images that it asks for: it is given these, whatever the size
        of the grid's. None: the grid's.
    pretrained : str or None
        What its weights were trained on before, and whether with labels (``ImageNet, with
        labels``); tables show such models apart from others.
    files : tuple of Path
        Files that it reads; a hash of what is in them is part of the key of its results.
    frozen : bool
        True: its weights are read from ``files`` each time, and kept neither in the store nor,
        where they are large, in bundles; it does not train.
    from_names : bool
        True: its codes are in a file and not computed; it has a method ``rows`` in place of a
        network, see `models.embeddings`.
    base : str or None
        A model, as users write it, whose codes it is given in place of images: its shape is then
        ``(code size,)``, and its input is float32 codes as they are.
    """

    trains: ClassVar[bool] = True
    decodes: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    training_cost: ClassVar[float] = 3.0
    parts: ClassVar[tuple[type, ...]] = ()
    family: ClassVar[str | None] = None
    image_size: ClassVar[int | None] = None
    pretrained: ClassVar[str | None] = None
    files: ClassVar[tuple[Path, ...]] = ()
    frozen: ClassVar[bool] = False
    from_names: ClassVar[bool] = False
    base: ClassVar[str | None] = None

    @classmethod
    def attributes(cls, **settings: Any) -> dict[str, Any]:
        """Return those attributes of the class that depend on its settings, by name.

        Of a class whose ``image_size`` is a parameter, for example, that. It is asked while a grid
        is planned and must be quick: no weights are read here. It raises `ValueError`, in one
        line, for settings that cannot work.

        Parameters
        ----------
        **settings
            What was written in parentheses, without parameters at their default.
        """
        return {}

    @classmethod
    def with_files(cls, folder: Path, **settings: Any) -> dict[str, Any]:
        """Return settings that read copies of ``files`` in a folder, in place of ``settings``.

        A bundle that holds the files of a model asks for it. A model that cannot read copies
        returns ``settings``; it then reads its own files, which must be where they were.
        """
        return settings

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

    def objective(self, x: Tensor) -> Tensor:
        """Return what a step of training lowers: here the mean squared error.

        It may draw from torch's generators (noise, masks, augmentations): the harness seeds them.
        It must not look at numbers, or decide by them: a GPU plays back its recording.

        Parameters
        ----------
        x : Tensor, shape (n, C, H, W), float32
            A batch, values in [-1, 1].
        """
        _, reconstruction = self(x)
        return functional.mse_loss(reconstruction, x)

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Prepare for the next epoch; here there is nothing to prepare.

        It is called once more when all epochs are over, with 1 for ``done``.

        What it finds must be kept in buffers, which are saved with the weights, and changed in
        place.

        Parameters
        ----------
        done : float
            Share of the training that is over: 0 before the first epoch, 1 after the last.
        images : Tensor, shape (n, C, H, W), uint8
            All training images, on the model's device.
        encode : callable
            Returns the codes of all training images, (n, code size) float32 on the model's
            device, encoded in evaluation mode; costs a third of an epoch.
        """
