"""An autoencoder that is clustered while it trains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import MOST_CLUSTERS, check_code, within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

WIDTHS = (500, 500, 2000)
STARTS = 10  # of k-means


def _layers(widths: list[int]) -> list[nn.Module]:
    found: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        found += [nn.Linear(inputs, outputs), nn.ReLU()]
    return found[:-1]


@autoencoders.register(
    "idec", "clusters its codes while it trains (IDEC), code 10: idec(gamma=0.5)"
)
class IDEC(Autoencoder):
    """Improved deep embedded clustering: reconstruction and clusters, learned together.

    For a share of the epochs it is an autoencoder (500-500-2000-code, mirrored). Then k-means on
    the codes sets centers, and the objective is mean squared error + gamma · KL(P ‖ Q): Q are the
    soft assignments of codes to centers (Student's t), P the same, sharpened. The sizes of
    clusters that P needs are found once an epoch. With ``gamma=0``, or a single epoch, it stays
    an autoencoder.
    The paper trains layer by layer first; here all layers train at once.

    Unlike other models it is given the number of clusters. Its codes are clustered like those of
    other models: its own centers are not used.

    Parameters
    ----------
    code : int
        Numbers of the code, 1 to 16,384.
    gamma : float
        Weight of the clusters, 0 to 100; the paper's is 0.1.
    alone : float
        Share of the epochs before there are centers, 0 to 1.
    clusters : int
        How many are sought.

    References
    ----------
    Guo, Gao, Liu, Yin (2017), Improved deep embedded clustering with local structure preservation;
    Xie, Girshick, Farhadi (2016), Unsupervised deep embedding for clustering analysis: equations
    1 to 3.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "scikit-learn")

    centers: nn.Parameter
    sizes: Tensor
    joint: Tensor

    def __init__(
        self,
        image_shape: ImageShape,
        *,
        code: int = 10,
        gamma: float = 0.1,
        alone: float = 0.5,
        clusters: int = 10,
    ) -> None:
        super().__init__()
        check_code(code)
        within(1, MOST_CLUSTERS, clusters=clusters)
        within(0, 100, gamma=gamma)
        within(0, 1, alone=alone)
        self.gamma, self.alone = gamma, alone
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), *_layers([pixels, *WIDTHS, code]))
        self.decoder = nn.Sequential(
            *_layers([code, *WIDTHS[::-1], pixels]), nn.Tanh(), nn.Unflatten(1, image_shape)
        )
        self.centers = nn.Parameter(torch.zeros(clusters, code))
        self.register_buffer("sizes", torch.ones(clusters))
        self.register_buffer("joint", torch.zeros(()))

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of reconstruction plus, once there are centers, the clusters' part."""
        code, reconstruction = self(x)
        soft = self.assign(code)
        sharp = soft.detach().square() / self.sizes
        sharp = sharp / sharp.sum(1, keepdim=True)
        divergence = functional.kl_div(soft.log(), sharp, reduction="batchmean")
        error = functional.mse_loss(reconstruction, x)
        return error + self.gamma * self.joint * divergence

    def assign(self, codes: Tensor) -> Tensor:
        """Assign codes (n, code) softly to centers; return shares (n, clusters)."""
        squares = (codes[:, None] - self.centers).square().sum(2)
        near = 1 / (1 + squares)
        return near / near.sum(1, keepdim=True)

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Set the centers when it is time, and from then on find the clusters' sizes."""
        if done < self.alone or done == 1 or self.gamma == 0:
            return
        codes = encode()
        with torch.no_grad():
            if not self.joint:
                self.centers.copy_(_kmeans(codes, len(self.centers)))
                self.joint.fill_(1)
            self.sizes.copy_(self.assign(codes).sum(0))


def _kmeans(codes: Tensor, clusters: int) -> Tensor:
    """Return centers, (clusters, code); seeded by torch's generator."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    seed = int(torch.randint(2**31 - 1, ()))
    # With more threads than one the sums' order, and so their last digits, would vary.
    with threadpool_limits(1, user_api="openmp"):
        found = KMeans(clusters, n_init=STARTS, random_state=seed).fit(codes.cpu().numpy())
    return torch.from_numpy(found.cluster_centers_).to(codes)
