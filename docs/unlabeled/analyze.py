"""Which score without labels chooses well? Reads what `collect.py` kept, and prints the tables.

    python docs/unlabeled/analyze.py

Each score ranks the pipelines of a set by its mean over seeds. Its *regret* is the mean accuracy of
the best pipeline minus that of the one ranked first; of pipelines that share the first place, the
mean over these. Everything is done twice: with the pretrained network among the pipelines, and
without it and its codes.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HERE = Path(__file__).parent
PRETRAINED = "efficientnet-lite0"
UMAP = "umap8(min_dist=0,n_neighbors=30)"
# Sets that share images are left out together.
FAMILY = {"album": "album", "mixed": "album", "unbalanced": "album", "bloodcells": "album"}
ROW = ["set", "clusters", "seed", "model", "chain"]
PIPELINE = ["set", "clusters", "model", "chain"]
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read() -> pd.DataFrame:
    """Return the rows of `collect.py` with the clusters of all images as an array."""
    rows = pd.read_csv(HERE / "scores.csv")
    with gzip.open(HERE / "assignments.csv.gz", "rt") as file:
        rows["assignments"] = [
            np.array([DIGITS.index(each) for each in line]) for line in file.read().splitlines()
        ]
    # Measured with the first seed alone.
    for column in ("stability", "null_silhouette", "null_own", "lidar"):
        rows[column] = rows.groupby(PIPELINE)[column].transform("first")
    return rows


# ----------------------------------------------------------------------------------- consensus
def agreement(rows: pd.DataFrame) -> Floats:
    """Return the adjusted mutual information of all pairs of clusterings, (P, P)."""
    from sklearn.metrics.cluster import expected_mutual_information

    found = np.eye(len(rows))
    clusters = [np.unique(each, return_inverse=True)[1] for each in rows["assignments"]]
    count = len(clusters[0])
    sizes = [np.bincount(each) for each in clusters]
    entropy = [-(n / count * np.log(n / count)).sum() for n in sizes]
    for i, j in itertools.combinations(range(len(rows)), 2):
        shape = len(sizes[i]), len(sizes[j])
        cells = clusters[i] * shape[1] + clusters[j]
        table = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        ratio = table * count / (sizes[i][:, None] * sizes[j])
        mutual = (table / count * np.log(np.where(table > 0, ratio, 1))).sum()
        expected = expected_mutual_information(table, count)
        most = (entropy[i] + entropy[j]) / 2
        found[i, j] = found[j, i] = (mutual - expected) / max(most - expected, 1e-12)
    return found


def consensus(between: Floats, models: NDArray[Any]) -> dict[str, Floats]:
    """Return how far each clustering agrees with the others, in several ways."""
    alone = ~np.eye(len(models), dtype=bool)
    others = models[:, None] != models
    own = ~others & alone
    other = (between * others).sum(axis=1) / others.sum(axis=1)
    within = (between * own).sum(axis=1) / own.sum(axis=1)
    weights = np.ones(len(models))
    for _ in range(50):  # those that agree most with others count most
        weighted = (between * others) @ weights / (others @ weights)
        weights = pd.Series(weighted).rank().to_numpy() ** 2
    return {
        "consensus, all pipelines": (between * alone).sum(axis=1) / alone.sum(axis=1),
        "consensus, other encoders": other,
        "consensus, other encoders weighted by rank": weighted,
        "consensus, other chains of the encoder": within,
        "consensus, both kinds equally": (other + within) / 2,
    }


def add_consensus(rows: pd.DataFrame, matrices: dict[Any, tuple[Any, Floats]]) -> pd.DataFrame:
    """Add the consensus columns, among the pipelines of one set, number of clusters and seed."""
    made = []
    for key, group in rows.groupby(["set", "clusters", "seed"], sort=False):
        index, between = matrices[key]
        kept = np.isin(index, group.index)
        found = consensus(between[np.ix_(kept, kept)], group["model"].to_numpy())
        made.append(pd.DataFrame(found, index=group.index))
    return rows.join(pd.concat(made))


# -------------------------------------------------------------------------------------- scores
def candidates(rows: pd.DataFrame, pretrained: bool) -> dict[str, pd.Series]:
    """Return the scores of all rows by name, higher for better."""
    models = [model for model in rows["model"].unique() if pretrained or model != PRETRAINED]
    strong = PRETRAINED if pretrained else "hand-crafted"

    def of(kind: str) -> pd.DataFrame:
        return rows[[f"{kind}:{model}" for model in models]]

    def own(kind: str) -> pd.Series:
        values = [rows.at[i, f"{kind}:{model}"] for i, model in rows["model"].items()]
        return pd.Series(values, index=rows.index)

    def elsewhere(kind: str) -> pd.Series:
        return (of(kind).sum(axis=1) - own(kind)) / (len(models) - 1)

    found = {
        "kNN modularity, random space": rows["knn_modularity"],
        "kNN modularity, own space": own("near"),
        "kNN modularity, own space less null": own("near") - rows["null_own"],
        "kNN modularity, strong space": rows[f"near:{strong}"],
        "kNN modularity, spaces of other encoders": elsewhere("near"),
        "kNN modularity, all spaces": of("near").mean(axis=1),
    }
    found |= {name: rows[name] for name in rows if name.startswith("consensus")}
    found |= {
        "stability": rows["stability"],
        "silhouette, own space": rows["silhouette"],
        "silhouette, own space less null": rows["silhouette"] - rows["null_silhouette"],
        "silhouette, random space": rows["reference_silhouette"],
        "generalization, strong space": rows[f"head:{strong}"],
        "selection score": (10 * rows[f"head:{strong}"] + rows["stability"]) / 11,
        "generalization, own space": own("head"),
        "generalization, spaces of other encoders": elsewhere("head"),
        "generalization, all spaces": of("head").mean(axis=1),
        "prediction strength": rows["prediction_strength"],
        "RankMe": rows["rank_me"],
        "α-ReQ": -(rows["alpha_req"] - 1).abs(),
        "LiDAR": rows["lidar"],
    }
    return found


def tables(rows: pd.DataFrame, pretrained: bool) -> dict[Any, pd.DataFrame]:
    """Return a table of the pipelines by set and number of clusters: accuracy, AMI and scores."""
    scores = pd.DataFrame(candidates(rows, pretrained))
    both = pd.concat([rows[[*PIPELINE, "classes", "accuracy", "ami"]], scores], axis=1)
    means = both.groupby(PIPELINE, sort=False).mean().reset_index()
    return {
        key: group.drop(columns=["set", "clusters"]).reset_index(drop=True)
        for key, group in means.groupby(["set", "clusters"], sort=False)
    }


# ------------------------------------------------------------------------------------- judging
def regret(table: pd.DataFrame, score: pd.Series) -> float:
    """Return the regret of taking what a score ranks first; of ties the mean."""
    first = score >= score.max() - 1e-9
    return float(table["accuracy"].max() - table.loc[first, "accuracy"].mean())


def correlation(table: pd.DataFrame, score: pd.Series) -> float:
    """Return Spearman's rank correlation; 0 of a score that is the same for all."""
    if score.nunique() == 1:
        return 0.0
    return float(table["accuracy"].corr(score, method="spearman"))


def umap_of(table: pd.DataFrame, model: str) -> pd.Series:
    """Return a score that takes a model with UMAP, the chain that is recommended for it."""
    normalized = "normalize+" if model == PRETRAINED else ""
    chosen = (table["model"] == model) & (table["chain"] == f"{normalized}pca64+{UMAP}")
    return chosen.astype(float)


def rules(pretrained: bool) -> dict[str, Callable[[pd.DataFrame], pd.Series]]:
    """Return the plain rules, which look at no clustering."""
    none = {"random pick": lambda table: pd.Series(0.0, index=table.index)}
    model = PRETRAINED if pretrained else "hand-crafted"
    name = "pretrained" if pretrained else model
    return none | {f"always {name} with UMAP": lambda table: umap_of(table, model)}


def judge(
    by_key: dict[Any, pd.DataFrame], score: Callable[[pd.DataFrame], pd.Series]
) -> pd.DataFrame:
    """Return regret and rank correlation on each set and number of clusters."""
    found = [
        (*key, regret(table, score(table)), correlation(table, score(table)))
        for key, table in by_key.items()
    ]
    return pd.DataFrame(found, columns=["set", "clusters", "regret", "correlation"])


def interval(values: pd.Series) -> tuple[float, float]:
    """Return a 95% interval of the mean over sets, from a bootstrap over sets."""
    random = np.random.default_rng(0)
    means = random.choice(values.to_numpy(), (4000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def summary(found: pd.DataFrame) -> dict[str, Any]:
    """Return the mean and worst regret, and the mean correlation with its interval."""
    found = found if found["regret"].notna().all() else found.assign(regret=np.nan)
    by_set = found.groupby("set")[["regret", "correlation"]].mean()
    low, high = interval(by_set["correlation"])
    return {
        "mean regret": by_set["regret"].mean(),
        "worst regret": by_set["regret"].max(),
        "worst set": "" if by_set["regret"].isna().all() else by_set["regret"].idxmax(),
        "correlation": by_set["correlation"].mean(),
        "low": low,
        "high": high,
    }


# ------------------------------------------------------------------------------ combinations
# What is combined: one score of each kind.
COMBINED = (
    *("kNN modularity, random space", "kNN modularity, own space less null"),
    *("kNN modularity, all spaces", "consensus, other encoders"),
    *("consensus, other chains of the encoder", "consensus, both kinds equally"),
    *("stability", "silhouette, own space less null", "generalization, strong space"),
    *("generalization, own space", "prediction strength", "RankMe"),
)


# What generalization is added up with, as numbers and not as ranks, and the weights.
ADDED = ("stability", "prediction strength", "kNN modularity, strong space")
WEIGHTS = (0.1, 0.25, 0.5, 1.0)
STRONG = "generalization, strong space"


def combinations(table: pd.DataFrame, most: int) -> dict[str, pd.Series]:
    """Return mean ranks of up to so many scores; of two also sums."""
    ranks = table[[*COMBINED]].rank()
    options = [c for n in range(1, most + 1) for c in itertools.combinations(COMBINED, n)]
    found = {" + ".join(option): ranks[[*option]].mean(axis=1) for option in options}
    if most > 1:
        for name, weight in itertools.product(ADDED, WEIGHTS):
            found[f"{STRONG} + {weight} × {name}"] = table[STRONG] + weight * table[name]
    return found


def left_out(by_key: dict[Any, pd.DataFrame], most: int) -> pd.DataFrame:
    """Choose a combination of scores on all sets but one family, and judge it on that one."""
    scores = {key: combinations(table, most) for key, table in by_key.items()}
    keys, options = [*by_key], [*next(iter(scores.values()))]
    regrets = np.array([[regret(by_key[k], scores[k][option]) for k in keys] for option in options])
    family = np.array([FAMILY.get(name, name) for name, _ in keys])
    rows = []
    for place, key in enumerate(keys):
        others = regrets[:, family != family[place]]
        # As for a promise: the mean, and a little of the worst.
        best = options[int((others.mean(axis=1) + 0.25 * others.max(axis=1)).argmin())]
        score = scores[key][best]
        both = regret(by_key[key], score), correlation(by_key[key], score)
        rows.append((*key, *both, best))
    return pd.DataFrame(rows, columns=["set", "clusters", "regret", "correlation", "chosen"])


# ------------------------------------------------------------------------------------ few labels
SIZES = (10, 20, 50, 100)  # labels
DRAWS = 100


def few_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the regret of choosing by accuracy on a few labeled images, drawn many times.

    A row a set, number of labels, and pipelines with or without the pretrained network: the mean
    regret over draws, and its 95% point. Clusters are assigned to labels on the labeled images.
    """
    labels = pd.read_csv(HERE / "labels.csv", dtype=str).set_index("set")["labels"]
    found = []
    for name, of_set in rows[rows["clusters"] == rows["classes"]].groupby("set", sort=False):
        truth = np.array([DIGITS.index(each) for each in labels[name]])
        random = np.random.default_rng(0)
        for size in SIZES:
            drawn = [random.choice(len(truth), size, replace=False) for _ in range(DRAWS)]
            right = np.array([[_right(each[some], truth[some]) for some in drawn]
                              for each in of_set["assignments"]])  # fmt: skip
            both = of_set[[*PIPELINE, "accuracy"]].join(pd.DataFrame(right, index=of_set.index))
            table = both.groupby(PIPELINE, sort=False).mean().reset_index()
            for pretrained in (True, False):
                some_of = table if pretrained else table[table["model"] != PRETRAINED]
                regrets = [regret(some_of, some_of[draw]) for draw in range(DRAWS)]
                mean, high = float(np.mean(regrets)), float(np.quantile(regrets, 0.95))
                found.append((name, size, pretrained, mean, high))
    return pd.DataFrame(found, columns=["set", "labels", "pretrained", "regret", "high"])


def _right(clusters: Any, labels: Any) -> float:
    """Return the accuracy of clusters under the best one-to-one assignment to labels."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((clusters.max() + 1, labels.max() + 1))
    np.add.at(table, (clusters, labels), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(labels))


def show_few(found: pd.DataFrame) -> str:
    """Write the mean regret, that of the worst set, and the highest 95% point, by labels."""
    head = "mean regret | worst set | 95 of 100 draws, worst set"
    lines = [f"| labels | {head} | {head.replace('regret', 'regret, none pretrained')} |",
             "|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for size, of_size in found.groupby("labels"):
        cells = []
        for pretrained in (True, False):
            by_set = of_size[of_size["pretrained"] == pretrained].set_index("set")
            means = by_set["regret"]
            cells += [f"{means.mean():.3f}", f"{means.max():.3f} ({means.idxmax()})"]
            cells += [f"{by_set['high'].max():.3f}"]
        lines.append(f"| {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------- tables
def at_truth(by_key: dict[Any, pd.DataFrame]) -> dict[Any, pd.DataFrame]:
    """Return the tables with as many clusters as there are classes."""
    return {key: table for key, table in by_key.items() if key[1] == table["classes"].iloc[0]}


def report(by_key: dict[Any, pd.DataFrame], names: list[str], pretrained: bool) -> pd.DataFrame:
    """Return a row for each rule and score: the regret on each set, and their summary."""
    scores: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
        name: (lambda table, name=name: table[name]) for name in names
    }
    found = {}
    for name, score in (rules(pretrained) | scores).items():
        judged = judge(by_key, score)
        found[name] = summary(judged) | dict(judged.groupby("set")["regret"].mean())
    return pd.DataFrame(found).T


def show(truth: pd.DataFrame, every: pd.DataFrame) -> str:
    """Write regrets and correlations, with the true number of clusters and with all numbers."""
    lines = [
        "| | mean regret | worst | rank correlation (95%) | mean regret, all numbers | worst |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    for name, row in truth.iterrows():
        also = every.loc[name]
        known = "–" if row["correlation"] == 0 else f"{row['correlation']:+.2f} " + (
            f"({row['low']:+.2f} to {row['high']:+.2f})"
        )  # fmt: skip
        lines.append(
            f"| {name} | {row['mean regret']:.3f} | {row['worst regret']:.3f} ({row['worst set']}) "
            f"| {known} | {also['mean regret']:.3f} | {also['worst regret']:.3f} |"
        )
    return "\n".join(lines).replace("nan", "–")


def show_sets(truth: pd.DataFrame, sets: list[str]) -> str:
    """Write the regret on each set."""
    lines = ["| | " + " | ".join(sets) + " |", "|:--|" + "--:|" * len(sets)]
    for name, row in truth.iterrows():
        lines.append(f"| {name} | " + " | ".join(f"{row[each]:.3f}" for each in sets) + " |")
    return "\n".join(lines)


def show_counts() -> str:
    """Write the numbers of clusters that several methods suggest."""
    found = pd.read_csv(HERE / "counts.csv")
    found["by"] = found["method"] + ", " + found["of"]
    table = found.pivot(index="by", columns="set", values="found")
    order = found.drop_duplicates("set").set_index("set")["classes"]
    lines = ["| | " + " | ".join(order.index) + " | right | mean ratio |"]
    lines += ["|:--|" + "--:|" * (len(order) + 2)]
    lines += ["| *classes* | " + " | ".join(map(str, order)) + " | | |"]
    for name, row in table.iterrows():
        row = row[order.index]
        away = np.exp(np.abs(np.log(row.clip(lower=1) / order)).mean())
        cells = " | ".join(f"{value:.0f}" for value in row)
        lines.append(f"| {name} | {cells} | {(row == order).sum()} | {away:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    rows = read()
    matrices = {
        key: (group.index.to_numpy(), agreement(group))
        for key, group in rows.groupby(["set", "clusters", "seed"], sort=False)
    }
    for pretrained in (True, False):
        some = rows if pretrained else rows[rows["model"] != PRETRAINED]
        some = add_consensus(some, matrices)
        names, by_key = [*candidates(some, pretrained)], tables(some, pretrained)
        truth = at_truth(by_key)
        found = report(truth, names, pretrained)
        print(f"\n## {'With' if pretrained else 'Without'} the pretrained network\n")
        print(show(found, report(by_key, names, pretrained)))
        print("\n" + show_sets(found, [name for name, _ in truth]))
        spread = [f"{name} {t['accuracy'].min():.2f} to {t['accuracy'].max():.2f}"
                  for (name, _), t in truth.items()]  # fmt: skip
        print(f"\nAccuracy of the pipelines: {', '.join(spread)}")
        for most in (1, 2, 3):
            chosen = left_out(truth, most)
            said = summary(chosen)
            print(f"\nUp to {most}, chosen on the other sets: mean regret "
                  f"{said['mean regret']:.3f}, worst {said['worst regret']:.3f}")  # fmt: skip
            for row in chosen.itertuples():
                print(f"  {row.set}: {row.chosen}, regret {row.regret:.3f}")
    print("\n## Few labels\n")
    print(show_few(few_labels(rows)))
    print("\n## Numbers of clusters\n")
    print(show_counts())


if __name__ == "__main__":
    main()
