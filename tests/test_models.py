import pytest
import torch
from torch import nn

from models import autoencoders
from models.cnn import CNN
from models.dnn import DNN
from models.pixels import Pixels

SHAPE = (3, 32, 32)


def walk(network, x):
    """Layers' names and output shapes, a batch's size left out, in order."""
    found = []
    for layer in network:
        x = layer(x)
        found.append((type(layer).__name__, tuple(x.shape[1:])))
    return found


def down(channels, side):
    """Convolution, ReLU, pooling, Tanh, as the report's encoder has them."""
    return [
        ("Conv2d", (channels, side, side)),
        ("ReLU", (channels, side, side)),
        ("MaxPool2d", (channels, side // 2, side // 2)),
        ("Tanh", (channels, side // 2, side // 2)),
    ]


def up(channels, side):
    shape = (channels, side, side)
    return [("ConvTranspose2d", shape), ("ReLU", shape), ("Tanh", shape)]


def linear(width, tanh=True):
    return [("Linear", (width,)), ("LeakyReLU", (width,))] + [("Tanh", (width,))] * tanh


def test_cnn_layer_by_layer():
    model = CNN(SHAPE)
    square = (256, 4, 4)
    assert walk(model.encoder, torch.zeros(2, *SHAPE)) == [
        *down(64, 32),
        *down(128, 16),
        *down(256, 8),
        *(("Conv2d", square), ("ReLU", square), ("Tanh", square)),
        *(("Conv2d", square), ("ReLU", square)),
        ("Flatten", (4096,)),
    ]
    assert walk(model.decoder, torch.zeros(2, 4096)) == [
        ("Unflatten", square),
        *up(128, 8),
        *up(64, 16),
        *(("ConvTranspose2d", SHAPE), ("Tanh", SHAPE)),
    ]


def test_dnn_layer_by_layer():
    model = DNN(SHAPE)
    assert walk(model.encoder, torch.zeros(2, *SHAPE)) == [
        ("Flatten", (3072,)),
        *linear(1024),
        *linear(1024),
        *linear(1024, tanh=False),
    ]
    assert walk(model.decoder, torch.zeros(2, 1024)) == [
        *linear(1024),
        *linear(1024),
        *linear(3072),
        ("Unflatten", SHAPE),
    ]


def test_kernels_strides_and_slopes_are_the_reports():
    encoder = [m for m in CNN(SHAPE).encoder if isinstance(m, nn.Conv2d)]
    assert {(m.kernel_size, m.stride, m.padding) for m in encoder} == {((3, 3), (1, 1), (1, 1))}
    decoder = [m for m in CNN(SHAPE).decoder if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.kernel_size[0], m.stride, m.padding) for m in decoder] == [
        (5, (1, 1), (0, 0)),
        (9, (1, 1), (0, 0)),
        (17, (1, 1), (0, 0)),
    ]
    slopes = [m.negative_slope for m in DNN(SHAPE).modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.5] * 6


@pytest.mark.parametrize(
    ("model", "total", "encoder", "code"),
    [
        (CNN, 3_089_411, 1_550_976, 4096),
        (DNN, 10_493_952, 5_245_952, 1024),
        (autoencoders["untrained-cnn"], 3_089_411, 1_550_976, 4096),
        (autoencoders["untrained-dnn"], 10_493_952, 5_245_952, 1024),
        (Pixels, 0, 0, 3072),
    ],
)
def test_parameters_and_codes(model, total, encoder, code):
    built = model(SHAPE)
    assert sum(p.numel() for p in built.parameters()) == total
    assert sum(p.numel() for p in built.encoder.parameters()) == encoder
    assert built(torch.zeros(2, *SHAPE))[0].shape == (2, code)


def test_pixels_is_the_identity():
    x = torch.rand(5, *SHAPE) * 2 - 1
    code, reconstruction = Pixels(SHAPE)(x)
    assert torch.equal(reconstruction, x)
    assert torch.equal(code, x.flatten(1))


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 64, 64), (3, 32, 31)])
def test_cnn_refuses_what_it_cannot_invert(shape):
    with pytest.raises(ValueError, match=f"works on 32×32 images, found {shape[1]}×{shape[2]}"):
        CNN(shape)


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize(
    "name",
    ["residual", "masked", "contrastive", "contrastive-hand-crafted", "dnn", "idec", "fisher"],
)
def test_models_learn_from_larger_images(name, side):
    """A few steps on images of a size lower the objective, and what comes back has the size."""
    torch.manual_seed(0)
    images = (torch.rand(8, 3, side // 8, side // 8) * 255).to(torch.uint8)
    images = images.repeat_interleave(8, 2).repeat_interleave(8, 3)
    model = autoencoders[name]((3, side, side))
    x = images.float() / 127.5 - 1
    model.begin_epoch(0, images, lambda: model.encoder(x).flatten(1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def loss():
        torch.manual_seed(1)  # the same views and masks each time
        return model.objective(x)

    before = float(loss().detach())
    for _ in range(4):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert float(loss().detach()) < before
    code, reconstruction = model(x)
    assert code.shape[0] == 8
    assert reconstruction.shape == x.shape
