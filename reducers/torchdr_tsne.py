"""t-distributed stochastic neighbor embedding on a GPU."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from bench.base.checks import at_least, more_images_than
from reducers import reducers
from reducers.torch_embedding import TorchEmbedding

# Steps of the first phase, in which affinities are exaggerated, as openTSNE has them.
EXAGGERATED = 250


@reducers.register("torchdr-tsne", "t-SNE, GPU or CPU (TorchDR): torchdr-tsne2")
@dataclass(eq=False, repr=False)
class TorchTSNE(TorchEmbedding):
    """TorchDR's t-SNE: repulsion is exact, from all pairs of points; cannot transform new ones.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in.
    perplexity : float
        Effective number of neighbors, at least 1; needs more than 3 times as many images.
    early_exaggeration : float
        Factor on the affinities in the first phase, >= 1.
    iterations : int
        Steps of the main phase.
    random_state : int or None
        Seed.
    device : str
        ``cuda``, or any other for the CPU.

    References
    ----------
    van der Maaten, Hinton (2008), Visualizing data using t-SNE; Van Assel et al. (2024),
    Distributional reduction: unifying dimensionality reduction and clustering with
    Gromov-Wasserstein (TorchDR).
    """

    method: ClassVar[str] = "TSNE"
    reach: ClassVar[str] = "perplexity"

    n_components: int = 2
    _: KW_ONLY
    perplexity: float = 30.0
    early_exaggeration: float = 12.0
    iterations: int = 500
    random_state: int | None = None
    device: str = "cpu"

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for settings that t-SNE or this number of images rules out."""
        super().check(n_samples, n_features)
        at_least(1, perplexity=self.perplexity, early_exaggeration=self.early_exaggeration)
        more_images_than(3 * self.perplexity, n_samples, f"perplexity {self.perplexity:g}")

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 4,000 images."""
        step = 2e-3 + 2.5e-8 * n_samples**2
        return 2 * n_samples**2 * n_features / 5e10 + (EXAGGERATED + self.iterations) * step

    def _settings(self) -> dict[str, Any]:
        return {
            "perplexity": self.perplexity,
            "early_exaggeration_coeff": self.early_exaggeration,
            "early_exaggeration_iter": EXAGGERATED,
            "max_iter": EXAGGERATED + self.iterations,
        }
