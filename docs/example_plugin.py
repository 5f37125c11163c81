import numpy as np
from torch import nn
from bench.datasets import datasets
from bench.datasets.source import Source
from models import autoencoders
from models.autoencoder import Autoencoder
from reducers import reducers
from reducers.reducer import Reducer, as_float32

@autoencoders.register("small", "one linear layer each way, code 64")
class Small(Autoencoder):
    """Almost principal components: linear except for the Tanh at its end."""
    def __init__(self, image_shape):  # (3, H, W)
        super().__init__()
        size = int(np.prod(image_shape))
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, 64))
        self.decoder = nn.Sequential(nn.Linear(64, size), nn.Tanh(), nn.Unflatten(1, image_shape))

@reducers.register("random", "a random projection: random32")
class Random(Reducer):
    """A product with random numbers, which almost keeps distances."""
    def __init__(self, n_components: int = 32, *, random_state: int | None = None):
        self.n_components, self.random_state = n_components, random_state
    def fit_transform(self, X, y=None):
        random = np.random.default_rng(self.random_state)
        return as_float32(X @ random.normal(size=(X.shape[1], self.n_components)))

@datasets.register("negatives", "the handwritten digits with black and white inverted")
def load(argument, progress):
    digits = datasets["digits"](argument, progress)
    return Source(digits.count, lambda which: 255 - digits.read(which), labels=digits.labels)
