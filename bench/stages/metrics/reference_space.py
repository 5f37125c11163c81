"""The reference space, which belongs to no model: all pipelines' clusters are compared in it.

Indices of the spaces that pipelines cluster in cannot be compared with each other. Pixels as
reference space would favor the model ``pixels``, and the codes of a model that model. So images go
through two layers of fixed random filters and are whitened; only which image is near to which is
kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.seeds import derive
from bench.datasets.image_form import Form, Images
from bench.stages.metrics.clustering import Integers
from bench.stages.metrics.metric import Metric
from bench.stages.metrics.neighbors import silhouette

FILTERS = (64, 512)
KERNELS = (5, 3)
SIDE = 4  # of what the last pooling leaves
COMPONENTS = 32
FEWEST = 20  # images: white, fewer lie at the corners of a simplex, each as far from all others
NEIGHBORS = 30  # more than for embeddings: few clusters of many images are coarse
BATCH = 256


def neighborhood(count: int) -> int:
    """Return how many neighbors count as near among ``count`` images: 30, or fewer.

    Fewer than half of the images; 0 for fewer than twenty, which are too few.
    """
    return min(NEIGHBORS, (count - 1) // 2) if count >= FEWEST else 0


def transform(images: Images) -> NDArray[np.float32]:
    """Return images, (n, H, W, 3) uint8, in the reference space, (n, 32) float32.

    These are principal components of `features`, one for each ten images if that is fewer, each
    with variance 1: without that, brightness and contrast would decide which images are near.
    Those that have no variance are 0.
    """
    from scipy import linalg

    found = features(images)
    centered = (found - found.mean(axis=0, dtype=np.float64)).astype(np.float32)
    count = max(1, min(COMPONENTS, len(images) // 10))
    # Images by images is the smaller matrix: never more than 2,000.
    variances, axes = linalg.eigh(
        centered @ centered.T, subset_by_index=[len(images) - count, len(images) - 1]
    )
    real = variances > 1e-6 * max(float(variances[-1]), 1e-12)
    return np.asarray(np.where(real, axes, 0) * len(images) ** 0.5, dtype=np.float32)


def features(images: Images) -> NDArray[np.float32]:
    """Describe images by fixed random filters: nothing is learned, and no model has this space.

    Two convolutions with filters that ignore the mean of what they see, each rectified and
    averaged, bring images (n, H, W, 3) uint8 to (n, 8192) float32. Larger images are first brought
    to 32×32, so that the space is the same at all of their sizes.

    References
    ----------
    Saxe, Koh, Chen, Bhand, Suresh, Ng (2011), On random weights and unsupervised feature
    learning.
    """
    import torch

    generator = torch.Generator().manual_seed(derive(0, 0, "common space"))
    weights = []
    inputs = 3
    for outputs, kernel in zip(FILTERS, KERNELS, strict=True):
        drawn = torch.randn(outputs, inputs, kernel, kernel, generator=generator)
        weights.append((drawn - drawn.mean((1, 2, 3), keepdim=True)) / (inputs * kernel**2) ** 0.5)
        inputs = outputs
    with torch.inference_mode():
        parts = [
            _through(torch.from_numpy(_small(images[start : start + BATCH]).copy()), weights)
            for start in range(0, len(images), BATCH)
        ]
        return np.asarray(torch.cat(parts).numpy())


def _small(images: Images) -> Images:
    return Form().bring_all(images) if images.shape[1] > Form().size else images


def _through(images: Any, weights: list[Any]) -> Any:
    from torch.nn import functional

    x = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    for weight in weights:
        x = functional.relu(functional.conv2d(x, weight, padding="same"))
        x = functional.avg_pool2d(x, 2)
    return functional.adaptive_avg_pool2d(x, SIDE).flatten(1)


def modularity_by_image(near: Integers, clusters: Integers) -> NDArray[np.float64]:
    """Return how far each image's neighbors are in its cluster, beyond chance.

    The share of neighbors in the image's own cluster, less the share that is expected of clusters
    of these sizes. The mean over images is the modularity of the clusters on the graph of nearest
    neighbors, -0.5 to 1; 0 for one cluster, and by chance.

    Parameters
    ----------
    near : ndarray, shape (m, k)
        Positions of each image's neighbors.
    clusters : ndarray, shape (m,)
        -1 for images in none.

    References
    ----------
    Newman, Girvan (2004), Finding and evaluating community structure in networks; Leicht, Newman
    (2008), Community structure in directed networks.
    """
    of_neighbors = clusters[near]
    within = np.mean((of_neighbors == clusters[:, None]) & (clusters[:, None] >= 0), axis=1)
    count = int(clusters.max()) + 1
    share = np.bincount(clusters[clusters >= 0], minlength=count) / len(clusters)
    pointed_at = np.bincount(of_neighbors[of_neighbors >= 0], minlength=count) / near.size
    return np.asarray(within - share @ pointed_at)


def knn_modularity(modularity: NDArray[np.float64]) -> float:
    """Return the mean over images."""
    return float(modularity.mean())


METRICS = (
    Metric(
        name="knn_modularity",
        title="kNN modularity",
        meaning="share of an image's 30 nearest neighbors that are in its own cluster, minus the "
        "share expected by chance for clusters of these sizes (modularity: Newman and Girvan "
        "2004); in the reference space, computed by fixed random filters, on up to 2,000 images",
        stage="measure",
        formula=knn_modularity,
        range="-0.5 to 1, 0 by chance",
        tables=("unlabeled", "selection"),
    ),
    Metric(
        name="reference_silhouette",
        title="reference silhouette",
        meaning="silhouette (Rousseeuw 1987) in the reference space",
        stage="measure",
        needs=("reference_between", "clusters"),
        formula=silhouette,
        range="-1 to 1",
    ),
)
