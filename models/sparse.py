"""The HW5 report's fully connected autoencoder with a code that is mostly near 0."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from bench.base.checks import within
from models import autoencoders
from models.autoencoder import ImageShape
from models.dnn import DNN, WIDTH


@autoencoders.register("sparse", "the dnn with an L1 penalty on its code: sparse(weight=0.1)")
class Sparse(DNN):
    """`DNN` trained on mean squared error + weight · mean of the code's absolute values.

    Few of the code's numbers describe an image. Layers and initial weights are those of `DNN`: the
    two differ only in their objective.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); any size.
    code : int
        Numbers of the code.
    weight : float
        Of the penalty, 0 to 100.

    References
    ----------
    Ranzato, Boureau, LeCun (2007), Sparse feature learning for deep belief networks; Goodfellow,
    Bengio, Courville (2016), Deep learning, section 14.2.1.
    """

    family: ClassVar[str | None] = "dnn"

    def __init__(self, image_shape: ImageShape, *, code: int = WIDTH, weight: float = 0.05) -> None:
        super().__init__(image_shape, code=code)
        within(0, 100, weight=weight)
        self.weight = weight

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of reconstruction plus the penalty on the code."""
        code, reconstruction = self(x)
        return functional.mse_loss(reconstruction, x) + self.weight * code.abs().mean()
