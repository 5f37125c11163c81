"""The HW5 report's networks with one change each, for docs/homework.md.

Named with ``--plugin docs/homework/variants.py``. Layers and initial weights are those of
`models/dnn.py` and `models/cnn.py`; what is left out has no weights.
"""

from __future__ import annotations

from torch import nn

from models import autoencoders
from models.autoencoder import ImageShape
from models.cnn import CNN
from models.dnn import DNN


def _without_tanh(layers: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Tanh)))


def _without_last_activation(layers: nn.Sequential) -> nn.Sequential:
    """Leave out what follows the last layer that has weights, but what gives images their shape."""
    last = max(i for i, layer in enumerate(layers) if any(True for _ in layer.parameters()))
    shape = [layer for layer in layers[last + 1 :] if isinstance(layer, nn.Unflatten)]
    return nn.Sequential(*layers[: last + 1], *shape)


def _without_inner_tanh(network: CNN | DNN) -> None:
    *inner, end = network.decoder if isinstance(network, CNN) else network.decoder[:-1]
    shape = [] if isinstance(network, CNN) else [network.decoder[-1]]
    network.encoder = _without_tanh(network.encoder)
    network.decoder = nn.Sequential(*_without_tanh(nn.Sequential(*inner)), end, *shape)


@autoencoders.register("cnn-no-tanh", "the HW5 report's cnn without Tanh between its layers")
class CNNWithoutTanh(CNN):
    """`CNN` with ReLU alone between its layers; Tanh at the end stays."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        _without_inner_tanh(self)


@autoencoders.register("dnn-no-tanh", "the HW5 report's dnn without Tanh between its layers")
class DNNWithoutTanh(DNN):
    """`DNN` with LeakyReLU alone between its layers; Tanh at the end stays."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        _without_inner_tanh(self)


@autoencoders.register("cnn-linear-end", "the HW5 report's cnn without an activation at its end")
class CNNLinearEnd(CNN):
    """`CNN` whose reconstruction is any number, where Tanh ends above -1 and below 1."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        self.decoder = _without_last_activation(self.decoder)


@autoencoders.register("dnn-linear-end", "the HW5 report's dnn without an activation at its end")
class DNNLinearEnd(DNN):
    """`DNN` whose reconstruction is any number, where Tanh ends above -1 and below 1."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        self.decoder = _without_last_activation(self.decoder)


@autoencoders.register("dnn-tanh-end", "the HW5 report's dnn with Tanh alone at its end")
class DNNTanhEnd(DNN):
    """`DNN` without LeakyReLU before the last Tanh."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        *inner, _, tanh, shape = self.decoder
        self.decoder = nn.Sequential(*inner, tanh, shape)


@autoencoders.register("dnn-leaky-end", "the HW5 report's dnn with LeakyReLU alone at its end")
class DNNLeakyEnd(DNN):
    """`DNN` without the last Tanh."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        *inner, _, shape = self.decoder
        self.decoder = nn.Sequential(*inner, shape)
