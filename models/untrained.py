"""The report's two autoencoders with fresh weights: what the grid measures without training."""

from __future__ import annotations

from typing import ClassVar

from models import autoencoders
from models.cnn import CNN
from models.dnn import DNN


@autoencoders.register("untrained-cnn", "cnn with fresh weights: shows what its training adds")
class UntrainedCNN(CNN):
    """`CNN` as it is before its first step: the same initial weights for the same seed."""

    trains: ClassVar[bool] = False
    family: ClassVar[str | None] = "cnn"


@autoencoders.register("untrained-dnn", "dnn with fresh weights: shows what its training adds")
class UntrainedDNN(DNN):
    """`DNN` as it is before its first step: the same initial weights for the same seed."""

    trains: ClassVar[bool] = False
    family: ClassVar[str | None] = "dnn"
