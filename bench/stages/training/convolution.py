"""Transposed convolutions with large kernels, as products of spectra.

By the convolution theorem a transposed convolution of stride 1 is, frequency by frequency, the
product of the transforms of images and kernel, at the size of the output. At sizes of a few
pixels the discrete Fourier transform itself is cheapest as a product with a matrix of cosines
and sines, so that the whole runs at the processor's matrix rate. For the CNN's layer of 128
to 64 channels with kernels of 9×9 that is about a quarter of the arithmetic.

References
----------
Mathieu, Henaff and LeCun (2014), Fast training of convolutional networks through FFTs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Of the direct arithmetic: above this share the spectra's smaller matrices eat the gain.
WORTH = 0.5

Size = tuple[int, int]
# Real and imaginary parts, each (f, a, b): a matrix for each frequency.
Spectrum = tuple[Tensor, Tensor]


@functools.cache
def frequencies(size: Size) -> Tensor:
    """Return one of each pair of opposite frequencies, (f, 2) int64: real images need no more."""
    rows, columns = size
    every = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    opposite = (-every) % torch.tensor(size)
    return every[every[:, 0] * columns + every[:, 1] <= opposite[:, 0] * columns + opposite[:, 1]]


@functools.cache
def analysis(size: Size, inner: Size) -> Tensor:
    """Return the matrix that transforms an image, zero beyond ``inner``, at ``size``.

    Shape (2 f, inner pixels) float32: real parts of all frequencies, then imaginary parts.
    """
    places = torch.cartesian_prod(torch.arange(inner[0]), torch.arange(inner[1]))
    turns = frequencies(size)[:, None] * places / torch.tensor(size, dtype=torch.float64)
    angle = 2 * math.pi * turns.sum(-1)
    return torch.cat([angle.cos(), -angle.sin()]).float()


@functools.cache
def synthesis(size: Size, inner: Size) -> Tensor:
    """Return the matrix that brings a spectrum at ``size`` back to the pixels of ``inner``."""
    chosen = frequencies(size)
    alone = (chosen == (-chosen) % torch.tensor(size)).all(1)
    # A frequency stands for its opposite as well, unless it is its own.
    weight = torch.where(alone, 1.0, 2.0).repeat(2) / math.prod(size)
    return analysis(size, inner).T * weight


def _spectrum(x: Tensor, size: Size) -> Spectrum:
    """Transform (a, b, h, w) images at ``size``."""
    a, b, h, w = x.shape
    both = analysis(size, (h, w)) @ x.reshape(a * b, h * w).T
    real, imaginary = both.view(2, -1, a, b)
    return real, imaginary


def _image(spectrum: Spectrum, size: Size, inner: Size) -> Tensor:
    """Transform spectra at ``size`` back to (a, b, h, w) images of ``inner`` pixels."""
    real, imaginary = spectrum
    f, a, b = real.shape
    matrix = synthesis(size, inner)
    flat = torch.mm(real.view(f, a * b).T, matrix[:, :f].T)
    flat.addmm_(imaginary.view(f, a * b).T, matrix[:, f:].T)
    return flat.view(a, b, *inner)


def _product(x: Spectrum, y: Spectrum, x_sign: int = 1, y_sign: int = 1) -> Spectrum:
    """Multiply (f, a, b) by (f, b, c) matrices; a sign of -1 conjugates that factor."""
    (xr, xi), (yr, yi) = x, y
    real = torch.baddbmm(torch.bmm(xr, yr), xi, yi, alpha=-x_sign * y_sign)
    imaginary = torch.baddbmm(torch.bmm(xr, yi), xi, yr, beta=y_sign, alpha=x_sign)
    return real, imaginary


def _turned(spectrum: Spectrum) -> Spectrum:
    real, imaginary = spectrum
    return real.transpose(1, 2), imaginary.transpose(1, 2)


class _Spectral(torch.autograd.Function):
    """y = IDFT(X · W); by the chain rule x' = IDFT(Y' · W*ᵀ) and w' = IDFT(X*ᵀ · Y')."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        inner, kernel = (x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3])
        size = output_size(inner, kernel)
        spectrum, weights = _spectrum(x, size), _spectrum(weight, size)
        ctx.save_for_backward(*spectrum, *weights)
        ctx.sizes = inner, kernel, size
        return _image(_product(spectrum, weights), size, size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        inner, kernel, size = ctx.sizes
        saved = ctx.saved_tensors
        spectrum, weights = saved[:2], saved[2:]
        gradient = _spectrum(gradients[0], size)
        x_gradient = w_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = _image(_product(gradient, _turned(weights), y_sign=-1), size, inner)
        if ctx.needs_input_grad[1]:
            w_gradient = _image(_product(_turned(spectrum), gradient, x_sign=-1), size, kernel)
        return x_gradient, w_gradient


def output_size(inner: Size, kernel: Size) -> Size:
    """Return the output's height and width: those of input and kernel, less one."""
    return inner[0] + kernel[0] - 1, inner[1] + kernel[1] - 1


def spectral_conv_transpose2d(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute what `torch.nn.functional.conv_transpose2d` does with stride 1 and no padding.

    On the CPU, in float32, from (n, inputs, h, w) and (inputs, outputs, kh, kw) to
    (n, outputs, h + kh - 1, w + kw - 1).
    """
    y: Tensor = _Spectral.apply(x, weight)
    return y if bias is None else y + bias[:, None, None]


def arithmetic(n: int, inputs: int, outputs: int, inner: Size, kernel: Size) -> tuple[int, int]:
    """Count the multiplications of one step of training, computed directly and by spectra."""
    size = output_size(inner, kernel)
    f = len(frequencies(size))
    h, k, y = math.prod(inner), math.prod(kernel), math.prod(size)
    direct = 3 * n * h * k * inputs * outputs
    transforms = 2 * 2 * f * (n * h * inputs + k * inputs * outputs + n * y * outputs)
    return direct, transforms + 3 * 4 * f * n * inputs * outputs


@functools.cache
def pays(n: int, inputs: int, outputs: int, inner: Size, kernel: Size) -> bool:
    """Tell whether spectra are worth their while: by arithmetic, so that it never varies."""
    direct, spectral = arithmetic(n, inputs, outputs, inner, kernel)
    return spectral < WORTH * direct


def _suits(layer: nn.ConvTranspose2d) -> bool:
    return (
        layer.stride == layer.dilation == (1, 1)
        and layer.padding == layer.output_padding == (0, 0)
        and layer.groups == 1
        and layer.weight.dtype == torch.float32
    )


def _forward(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    inputs, outputs, *kernel = layer.weight.shape
    if x.ndim == 4 and pays(len(x), inputs, outputs, (x.shape[2], x.shape[3]), tuple(kernel)):
        return spectral_conv_transpose2d(x, layer.weight, layer.bias)
    return nn.ConvTranspose2d.forward(layer, x)


@contextmanager
def spectral(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Have a model's transposed convolutions computed by spectra where that pays.

    On a CPU only, whose direct convolutions run at the rate of its matrix products, so that
    less arithmetic is less time; a GPU's libraries choose among such algorithms themselves.
    """
    layers = [m for m in model.modules() if type(m) is nn.ConvTranspose2d and _suits(m)]
    if device.type != "cpu":
        layers = []
    for layer in layers:
        layer.forward = functools.partial(_forward, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
