"""A small grid as a student would write it, in one script: ``plain_grid FOLDER``.

Every pipeline does its own work from the images on: it trains its model, encodes, reduces and
clusters, and nothing is shared with the next. The networks are the harness's; all else is
scikit-learn, openTSNE and umap-learn as they come. `test_harness` times it against the grid of
`SETTINGS`, which is the same in settings and seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import openTSNE
import torch
import umap
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix, normalized_mutual_info_score, silhouette_score
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

from models.cnn import CNN
from models.dnn import DNN

MODELS = {"dnn": DNN, "cnn": CNN}
CHAINS = ("none", "pca128+tsne2", "pca64+umap8(min_dist=0,n_neighbors=30)")
SEEDS, EPOCHS, RATE, BATCH = 2, 1, 3e-4, 8
SETTINGS = {
    "models": ",".join(MODELS),
    "reducers": ",".join(CHAINS),
    "seeds": SEEDS,
    "epochs": EPOCHS,
    "lr": RATE,
    "batch-size": BATCH,
    "schedule": "constant",
}


def train(model: Any, images: torch.Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in DataLoader(images, batch_size=BATCH, shuffle=True):  # type: ignore[arg-type]
            _, reconstruction = model(batch)
            loss = mse_loss(reconstruction, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total:.4f}")


def encode(model: Any, images: torch.Tensor) -> np.ndarray:
    model.eval()
    with torch.no_grad():
        batches = DataLoader(images, batch_size=BATCH)  # type: ignore[arg-type]
        return np.concatenate([model(batch)[0].flatten(1).numpy() for batch in batches])


def reduce(chain: str, codes: np.ndarray, seed: int) -> np.ndarray:
    if chain == "none":
        return codes
    if "tsne" in chain:
        codes = PCA(128, random_state=seed).fit_transform(codes)
        return np.asarray(openTSNE.TSNE(2, random_state=seed).fit(codes))
    codes = PCA(64, random_state=seed).fit_transform(codes)
    return umap.UMAP(30, 8, min_dist=0, random_state=seed).fit_transform(codes)


def pipeline(name: str, chain: str, seed: int, X: np.ndarray, y: np.ndarray) -> list[float]:
    torch.manual_seed(seed)
    images = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255 * 2 - 1
    model = MODELS[name](tuple(images.shape[1:]))
    train(model, images)
    embedding = reduce(chain, encode(model, images), seed)
    clusters = KMeans(len(set(y)), n_init=10, random_state=seed).fit_predict(embedding)
    counts = confusion_matrix(y, clusters)
    accuracy = counts[linear_sum_assignment(-counts)].sum() / len(y)
    nmi = normalized_mutual_info_score(y, clusters)
    return [float(accuracy), float(nmi), float(silhouette_score(embedding, clusters))]


def main() -> None:
    folder = Path(sys.argv[1])
    X, y = np.load(folder / "trainX.npy"), np.load(folder / "trainY.npy")
    for name in MODELS:
        for chain in CHAINS:
            for seed in range(SEEDS):
                print(name, chain, seed, pipeline(name, chain, seed, X, y))


if __name__ == "__main__":
    main()
