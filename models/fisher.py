"""Fisher vectors: how the patches of an image differ from those of the whole folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import sides_of_multiples, within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

STRIDE = 8
PATCH = 6  # pixels a side
LEAST = 24  # pixels a side that a halved image has, unless it is the first
SAMPLED = 20_000  # patches that the mixture is fitted to
ROUNDS = 20  # of k-means, and then of expectation and maximization
BATCH = 64  # images worked on at a time
WIDTH, HIDDEN = 16, 128  # channels of the decoder's last layer but one; its bottleneck


class FisherVectors(nn.Module):
    """Describes images by the gradient of a mixture of normal distributions of their patches.

    Patches come from the image and from the image halved, and halved again. The principal
    components of patches and the mixture are found by `fit`; until then they are random.
    """

    axes: Tensor
    middle: Tensor
    means: Tensor
    deviations: Tensor
    shares: Tensor

    def __init__(self, image_shape: ImageShape, words: int, components: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        side = min(height, width)
        self.step = max(1, 1 + round(math.log2(side / 16)))
        halvings, half = 1, side // 4
        while half >= LEAST:
            halvings, half = halvings + 1, half // 2
        self.halvings = halvings
        numbers = channels * PATCH**2
        axes = torch.linalg.qr(torch.randn(numbers, components)).Q.contiguous()
        # In double precision: roots of small numbers would magnify what rounding leaves.
        self.register_buffer("axes", axes.double())
        self.register_buffer("middle", torch.zeros(numbers).double())
        self.register_buffer("means", torch.randn(words, components).double() / 2)
        self.register_buffer("deviations", torch.ones(words, components).double())
        self.register_buffer("shares", torch.full((words,), 1 / words).double())

    def forward(self, x: Tensor) -> Tensor:
        """Return vectors of length 1, (n, 2 · words · components), of images (n, C, H, W)."""
        return torch.cat([self._described(part) for part in x.split(BATCH)])

    def patches(self, x: Tensor) -> Tensor:
        """Return the patches of images (n, C, H, W), (n, patches, C · 6 · 6)."""
        found = [functional.unfold(x, PATCH, stride=self.step)]
        for _ in range(self.halvings):
            x = functional.avg_pool2d(x, 2)
            found.append(functional.unfold(x, PATCH, stride=self.step))
        return torch.cat(found, dim=2).transpose(1, 2)

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Fit components and mixture to patches drawn from images (n, C, H, W) uint8."""
        each = -(-SAMPLED // len(images))
        drawn = []
        for part in images.split(BATCH):
            patches = self.patches(part.float() / 127.5 - 1)
            which = torch.randint(patches.shape[1], (len(part), each), device=images.device)
            drawn.append(patches.gather(1, which[..., None].expand(-1, -1, patches.shape[2])))
        points = torch.cat(drawn).flatten(0, 1).double()
        self.middle.copy_(points.mean(0))
        points = points - self.middle
        _, axes = torch.linalg.eigh(points.T @ points)
        self.axes.copy_(axes.flip(1)[:, : self.axes.shape[1]])
        self._mix(points @ self.axes)

    def _mix(self, points: Tensor) -> None:
        both = _with_squares(points)
        floor = 1e-4 * points.var().clamp(min=1e-6)
        chosen = [torch.randint(len(points), (), device=points.device)]
        nearest = torch.full_like(points[:, 0], math.inf)
        while len(chosen) < len(self.shares):  # k-means++
            nearest = nearest.minimum((points - points[chosen[-1]]).square().sum(1))
            chosen.append(torch.multinomial(nearest + 1e-12, 1)[0])
        self.means.copy_(points[torch.stack(chosen)])
        for position in range(2 * ROUNDS):
            if position < ROUNDS:
                far = self.means.square().sum(1) - 2 * (points @ self.means.T)
                belongs = functional.one_hot(far.argmin(1), len(self.shares)).double()
            else:
                belongs = self._belongings(both)
            counts = belongs.sum(0)
            kept = counts[:, None] > 1e-3  # a component that has lost all of its patches stays
            sums = belongs.T @ both / counts.clamp(min=1e-3)[:, None]
            means, squares = sums.chunk(2, dim=1)
            variances = (squares - means.square()).clamp(min=0) + floor
            self.means.copy_(torch.where(kept, means, self.means))
            self.deviations.copy_(torch.where(kept, variances.sqrt(), self.deviations))
            shares = counts.clamp(min=1e-3)
            self.shares.copy_(shares / shares.sum())

    def _belongings(self, both: Tensor) -> Tensor:
        """Return how likely each component made a point: (…, words), of points and squares."""
        precisions = self.deviations.square().reciprocal()
        factors = torch.cat([self.means * precisions, precisions / -2], dim=1)
        alone = (self.means.square() * precisions).sum(1) / 2 + self.deviations.log().sum(1)
        return (both @ factors.T).add_(self.shares.log() - alone).softmax(-1)

    def _described(self, x: Tensor) -> Tensor:
        points = (self.patches(x).double() - self.middle) @ self.axes
        both = _with_squares(points)
        belongs = self._belongings(both) / points.shape[1]
        counts = belongs.sum(1)[..., None]
        first, second = (belongs.transpose(1, 2) @ both).chunk(2, dim=2)
        shifts = (first - counts * self.means) / self.deviations
        squares = second - 2 * first * self.means + counts * self.means.square()
        widenings = (squares / self.deviations.square() - counts) / math.sqrt(2)
        both = torch.cat([shifts, widenings], dim=2) / self.shares.sqrt()[:, None]
        rooted = (both.sign() * both.abs().sqrt()).flatten(1)
        return functional.normalize(rooted).float()


def _with_squares(points: Tensor) -> Tensor:
    """Return points (…, d) and their squares behind them, (…, 2 d)."""
    return torch.cat([points, points.square()], dim=-1)


@autoencoders.register("fisher", "Fisher vectors of color patches, code 3,072: fisher(words=16)")
class Fisher(Autoencoder):
    """The patches of an image, described by how they differ from those of all images.

    Before the first epoch, a mixture of ``words`` normal distributions is fitted to the principal
    components of patches of 6×6 pixels, drawn from all training images at several scales. The
    code of an image is the gradient of the mixture's log-likelihood of its patches, by means and
    deviations: which kinds of patches it has, and in which way they are unusual. Signed roots are
    taken, and the code is divided by its length. It has no place in it. No gradient changes the
    encoder; epochs train the decoder alone, so that few of them do. It sees textures and colors
    at the scale of pixels, and with them how a file was made: how sharp it is, whether it was
    enlarged, how it was stained or lit.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    words : int
        Normal distributions of the mixture, 2 to 256.
    components : int
        Principal components of patches, 2 to 48, at most C · 36. The code has
        2 · words · components numbers.

    References
    ----------
    Perronnin, Sánchez, Mensink (2010), Improving the Fisher kernel for large-scale image
    classification; Sánchez, Perronnin, Mensink, Verbeek (2013), Image classification with the
    Fisher vector: theory and practice; Coates, Ng, Lee (2011), An analysis of single-layer
    networks in unsupervised feature learning (on patches learned from the images themselves).
    """

    training_cost: ClassVar[float] = 2.0  # nothing goes back through the encoder

    def __init__(self, image_shape: ImageShape, *, words: int = 32, components: int = 48) -> None:
        super().__init__()
        within(2, 256, words=words)
        channels, height, width = image_shape
        within(2, min(48, channels * PATCH**2), components=components)
        sides_of_multiples(STRIDE, image_shape)
        self.encoder = FisherVectors(image_shape, words, components)
        code = 2 * words * components
        square = (4 * WIDTH, height // STRIDE, width // STRIDE)
        self.decoder = nn.Sequential(
            *(nn.LayerNorm(code, elementwise_affine=False), nn.Linear(code, HIDDEN), nn.ReLU()),
            *(nn.Linear(HIDDEN, math.prod(square)), nn.ReLU(), nn.Unflatten(1, square)),
            *(nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(WIDTH, channels, 4, 2, 1), nn.Tanh()),
        )

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Fit the mixture, before the first."""
        if done == 0 and isinstance(self.encoder, FisherVectors):
            self.encoder.fit(images)

    def objective(self, x: Tensor) -> Tensor:
        """Return the mean squared error; the code is fixed."""
        with torch.no_grad():
            code = self.encoder(x)
        return functional.mse_loss(self.decoder(code), x)
