"""An autoencoder whose codes stay the same when an image is moved, turned or recolored."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import check_code, need, sides_of_multiples, within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

STRIDE = 8
PROJECTION = 128  # numbers that are compared
STRETCH, SHIFT = 0.15, 0.1  # of a view's sides, up to; of its middle, beyond the image
ROTATION, SHEAR = math.radians(15), 0.2  # up to
DRAINED = 0.2  # share of views without color
SEEN, SIDE, TOO_FAR = 2000, 32, 1.1  # see `mirrors_are_alike`


@autoencoders.register("contrastive", "trained to give two views of an image one code (SimCLR)")
class Contrastive(Autoencoder):
    """Two random views of each image are pulled together, and away from those of all others.

    Four convolutions with batch normalization to 4×4, averaged over places to the code; three
    transposed convolutions back. The objective is the contrastive loss (NT-Xent) of the views'
    codes behind a projector, plus ``weight`` times the mean squared error of the *clean* image
    decoded from a view's code. Views are cut out, turned, sheared, and changed in brightness,
    contrast, saturation and hue, on the device and for a whole batch at once. They are mirrored
    only where mirrored images are alike to the others of the set: mirrored letters are not. At
    3×32×32 it has 672,035 parameters.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    code : int
        Numbers of the code, a multiple of 8 up to 16,384.
    weight : float
        Of the reconstruction, 0 to 1000; the contrastive loss has 1.
    temperature : float
        Of the contrastive loss, 0.01 to 10.
    crop : float
        Least share of an image's area that a view shows, 0.05 to 1.
    jitter : float
        How far light and color are changed, 0 to 0.9.

    References
    ----------
    Chen, Kornblith, Norouzi, Hinton (2020), A simple framework for contrastive learning of visual
    representations: equation 1 and section 2.
    """

    training_cost: ClassVar[float] = 5.0  # two views are encoded, and one is decoded

    mirrored: Tensor

    def __init__(
        self,
        image_shape: ImageShape,
        *,
        code: int = 192,
        weight: float = 8.0,
        temperature: float = 0.5,
        crop: float = 0.4,
        jitter: float = 0.4,
    ) -> None:
        super().__init__()
        within(0, 1000, weight=weight)
        within(0.01, 10, temperature=temperature)
        within(0.05, 1, crop=crop)
        within(0, 0.9, jitter=jitter)
        check_code(code)
        need(code % 8 == 0, f"code must be a multiple of 8, found {code}")
        sides_of_multiples(STRIDE, image_shape)
        channels, height, breadth = image_shape
        self.weight, self.temperature, self.crop, self.jitter = weight, temperature, crop, jitter
        width = code // 8
        square = (4 * width, height // STRIDE, breadth // STRIDE)
        self.encoder = nn.Sequential(
            *_normed(channels, width, 5, 2),
            *_normed(width, 2 * width, 3, 2),
            *_normed(2 * width, 4 * width, 3, 2),
            *_normed(4 * width, code, 3, 1),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(code, math.prod(square)), nn.ReLU(), nn.Unflatten(1, square)),
            *(nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh()),
        )
        self.projector = nn.Sequential(
            *(nn.Linear(code, code, bias=False), nn.BatchNorm1d(code), nn.ReLU()),
            nn.Linear(code, PROJECTION),
        )
        self.register_buffer("mirrored", torch.zeros(()))  # share of views

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Find out, before the first, whether views may be mirrored."""
        if done == 0:
            self.mirrored.fill_(0.5 * mirrors_are_alike(images))

    def objective(self, x: Tensor) -> Tensor:
        """Return the contrastive loss of two views plus the weighted error of reconstruction."""
        count = len(x)
        code = self.encoder(torch.cat([self.view(x), self.view(x)]))
        error = functional.mse_loss(self.decoder(code[:count]), x)
        return contrast(self.projector(code), self.temperature) + self.weight * error

    def view(self, x: Tensor) -> Tensor:
        """Draw a view of each image of a batch, (n, C, H, W) in [-1, 1]."""
        return self._recolored(self._moved(x))

    def _moved(self, x: Tensor) -> Tensor:
        n = len(x)
        side = _uniform(x, self.crop, 1, n).sqrt()
        stretch = _uniform(x, -STRETCH, STRETCH, n).exp()
        wide, high = ((side * by).clamp(max=1 + STRETCH) for by in (stretch, 1 / stretch))
        left, top = (
            _uniform(x, -1, 1, n) * ((1 - size).clamp(min=0) + SHIFT) for size in (wide, high)
        )
        angle, shear = _uniform(x, -ROTATION, ROTATION, n), _uniform(x, -SHEAR, SHEAR, n)
        wide = torch.where(torch.rand(n, device=x.device) < self.mirrored, -wide, wide)
        cos, sin = angle.cos(), angle.sin()
        rows = [
            *(cos * wide, (shear * cos - sin) * high, left),
            *(sin * wide, (shear * sin + cos) * high, top),
        ]
        grid = functional.affine_grid(
            torch.stack(rows, 1).view(n, 2, 3), list(x.shape), align_corners=False
        )
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)

    def _recolored(self, x: Tensor) -> Tensor:
        n, jitter = len(x), self.jitter
        x = (x + 1) / 2
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * _uniform(x, 1 - jitter, 1 + jitter, n, 1, 1, 1) + mean  # contrast
        x = x * _uniform(x, 1 - jitter, 1 + jitter, n, 1, 1, 1)  # brightness
        if x.shape[1] == 3:
            gray = x.mean(1, keepdim=True)
            saturation = _uniform(x, 1 - jitter, 1 + jitter, n, 1, 1, 1)
            drained = torch.rand(n, 1, 1, 1, device=x.device) < DRAINED
            x = gray + (x - gray) * torch.where(drained, 0, saturation)
            hues = _turns(_uniform(x, -1, 1, n) * (jitter * math.pi / 4))
            x = torch.einsum("nij,njhw->nihw", hues, x)
        return x.clamp(0, 1) * 2 - 1


def contrast(projected: Tensor, temperature: float) -> Tensor:
    """Return NT-Xent of 2n projected views (2n, d), those of one image n rows apart."""
    unit = functional.normalize(projected, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    alike = (unit @ unit.T / temperature).masked_fill(itself, -1e9)
    partner = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    return functional.cross_entropy(alike, partner)


def mirrors_are_alike(images: Tensor) -> bool:
    """Tell whether mirrored images lie as near to the others of a set as the images themselves.

    By the median distance to the nearest other image, of up to 2,000 images (n, C, H, W) uint8, of
    which larger ones are compared at 32×32; a tenth farther counts as near.
    """
    seen = images[:: -(-len(images) // SEEN)].float()
    if seen.shape[-1] > SIDE:  # what is compared is far larger than what is mirrored
        seen = functional.adaptive_avg_pool2d(seen, SIDE)
    if len(seen) < 2:
        return False
    plain, mirrored = seen.flatten(1), seen.flip(3).flatten(1)

    def to_nearest(points: Tensor) -> Tensor:
        return torch.cdist(points, plain).fill_diagonal_(math.inf).min(1).values.median()

    return bool(to_nearest(mirrored) <= TOO_FAR * to_nearest(plain))


def _normed(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def _uniform(x: Tensor, low: float, high: float, *size: int) -> Tensor:
    return torch.rand(*size, device=x.device) * (high - low) + low


def _turns(angles: Tensor) -> Tensor:
    """Return turns about the gray axis, (n, 3, 3), of angles (n,) in radians."""
    cos, sin = angles.cos(), angles.sin()
    part, across = (1 - cos) / 3, sin / math.sqrt(3)
    on, before, behind = cos + part, part - across, part + across
    rows = [on, before, behind, behind, on, before, before, behind, on]
    return torch.stack(rows, 1).view(len(angles), 3, 3)
