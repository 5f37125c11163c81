"""How well models reconstruct images."""

from __future__ import annotations

from bench.stages.metrics.metric import Metric


def summed_batch_mse(history: list[float], objective_is_loss: bool) -> float | None:
    """Return the last epoch's objective, where that is the mean squared error."""
    return history[-1] if history and objective_is_loss else None


def r2(loss: float, mean_image_loss: float) -> float | None:
    """Return the share of what the mean image leaves that a reconstruction explains."""
    return 1 - loss / mean_image_loss if mean_image_loss else None


METRICS = (
    Metric(
        name="reconstruction_loss",
        title="MSE",
        meaning="mean squared error of the reconstruction over all training images and pixel "
        "values, values in [-1, 1], evaluation mode, computed in the same way for every model",
        stage="encode",
        range="0 and up",
        higher_is_better=False,
        digits=4,
        tables=("labeled", "unlabeled", "selection"),
    ),
    Metric(
        name="reconstruction_r2",
        title="R²",
        meaning="share of the squared error of the mean image that the reconstruction explains: 1 "
        "minus the MSE divided by that of reconstructing every training image as their mean; 0 is "
        "no better than the mean image; of autoencoders that decode images",
        stage="encode",
        formula=r2,
        range="up to 1",
        digits=3,
    ),
    Metric(
        name="code_loss",
        title="code loss",
        meaning="squared error of the reconstructed codes as a share of their variance: 1 is no "
        "better than the mean code; of autoencoders on top of frozen codes; not comparable with "
        "the MSE of images",
        stage="encode",
        range="0 and up",
        higher_is_better=False,
        digits=4,
        tables=("labeled", "unlabeled"),
    ),
    Metric(
        name="summed_batch_mse",
        title="summed batch MSE",
        meaning="sum of the mean squared errors of all batches of the last epoch, as the HW5 "
        "report printed it; it grows with the number of batches; models with another training "
        "objective have none",
        stage="train",
        formula=summed_batch_mse,
        range="0 and up",
        higher_is_better=False,
        digits=4,
    ),
)
