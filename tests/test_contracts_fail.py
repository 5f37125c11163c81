"""Every promise can be broken: each check refuses an item that was made to break it.

A check that passes whatever it is given holds nothing. Each case below is an item that is good but
for one thing, and the words in which the check of that thing must refuse it.
"""

import contextlib
import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from bench import contracts
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Clusterer
from bench.clusterers.kmeans import KMeans
from bench.contracts import clusterers as of_clusterers
from bench.contracts import datasets as of_datasets
from bench.contracts import models as of_models
from bench.contracts import reducers as of_reducers
from bench.contracts.material import make_images
from bench.datasets import datasets
from bench.datasets.source import Source
from models import autoencoders
from models.autoencoder import Autoencoder
from reducers import reducers
from reducers.pointwise import NoReduction
from reducers.reducer import as_float32

NAME = "broken"
KINDS = ("model", "reducer", "clusterer", "data set")
SIZE = 3 * 32 * 32


@pytest.fixture(autouse=True)
def registries():
    """Leave the registries as they were."""
    yield
    for registry in (autoencoders, reducers, clusterers, datasets):
        for entry in list(registry):
            if NAME in entry.name and entry.origin is None:
                registry.unregister(entry.name)


def refused(check, message, name=NAME):
    with pytest.raises(AssertionError, match=message):
        check(name)


# models


class Good(Autoencoder):
    """Keeps every promise."""

    def __init__(self, image_shape):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 4))
        self.decoder = nn.Sequential(nn.Linear(4, SIZE), nn.Tanh(), nn.Unflatten(1, image_shape))


class Undocumented(Good):
    __doc__ = None


def returning(change):
    """Make a model of which what it returns is changed."""

    class Returning(Good):
        """A model that returns something else."""

        def forward(self, x):
            return change(self, *super().forward(x))

    return Returning


class NormalizedByItsCompany(Good):
    """A batch's mean is taken from its codes, evaluating or not."""

    def forward(self, x):
        code, reconstruction = super().forward(x)
        return code - code.mean(0), reconstruction


class Counting(Good):
    """Weights that depend on how many were built before."""

    built = 0

    def __init__(self, image_shape):
        super().__init__(image_shape)
        type(self).built += 1
        self.encoder[1].bias.data.fill_(type(self).built)


class Forgetful(Good):
    """Part of it is in neither parameters nor buffers."""

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.scale = float(torch.rand(()) + 1)

    def forward(self, x):
        code, reconstruction = super().forward(x)
        return code * self.scale, reconstruction


class Deterministic(Good):
    """Says that it is deterministic, and is not."""

    deterministic = True


class Constant(Good):
    """Says that it depends on a seed, and does not."""

    def __init__(self, image_shape):
        super().__init__(image_shape)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.01)


class Final(Good):
    """Lets none derive from it, so that it has no untrained variant."""

    def __init_subclass__(cls, **options):
        raise TypeError("final")


class Contrary(Good):
    """Evaluated after a step of training it is white, and before it gray."""

    steps = 0

    def forward(self, x):
        code, reconstruction = super().forward(x)
        self.steps += self.training
        return code, reconstruction if self.training else reconstruction * 0 + bool(self.steps)


class Exploding(Good):
    """A loss that is not finite in training."""

    def forward(self, x):
        code, reconstruction = super().forward(x)
        return code, reconstruction * math.nan if self.training else reconstruction


class Passing(Good):
    """Hands the image past the code, with weights that are random and of no use."""

    trains = False

    def forward(self, x):
        return self.encoder(x), x


class Crowded(Good):
    """Makes two codes of one image."""

    def forward(self, x):
        code, reconstruction = super().forward(x)
        return (code.repeat(2, 1) if len(x) == 1 else code), reconstruction


class Lonely(Good):
    """Has no loss of a single image."""

    def forward(self, x):
        code, reconstruction = super().forward(x)
        return code, reconstruction * (math.nan if len(x) == 1 else 1)


def some_nan(tensor):
    return tensor + torch.where(torch.arange(len(tensor)) == 1, math.nan, 0.0).reshape(
        -1, *[1] * (tensor.ndim - 1)
    )


MODELS = [
    ("check_is_an_autoencoder", nn.Identity, "no class derived from models.autoencoder"),
    ("check_is_an_autoencoder", lambda shape: Good(shape), "no class derived from"),
    ("check_says_what_it_is", Undocumented, "class Undocumented has no docstring"),
    ("check_returns_a_code", returning(lambda m, c, r: r), "returned Tensor, needed .code"),
    ("check_returns_a_code", returning(lambda m, c, r: (c, r, r)), "returned tuple of 3"),
    ("check_returns_a_code", returning(lambda m, c, r: ([c], r)), "code is list, needed a tensor"),
    (
        "check_returns_a_code",
        returning(lambda m, c, r: (c.repeat(1, len(c)), r)),
        r"code has shape \(24, 96\), needed \(24, 4\)",
    ),
    ("check_returns_a_code", returning(lambda m, c, r: (c.double(), r)), "code is torch.float64"),
    (
        "check_returns_a_code",
        returning(lambda m, c, r: (some_nan(c), r)),
        "4 of 96 numbers of its code are not finite",
    ),
    (
        "check_returns_a_reconstruction",
        returning(lambda m, c, r: (c, r.flatten(1))),
        r"reconstruction has shape \(24, 3072\), needed \(24, 3, 32, 32\)",
    ),
    (
        "check_returns_a_reconstruction",
        returning(lambda m, c, r: (c, r.half())),
        "reconstruction is torch.float16, needed torch.float32",
    ),
    (
        "check_returns_a_reconstruction",
        returning(lambda m, c, r: (c, some_nan(r))),
        "numbers of its reconstruction are not finite",
    ),
    (
        "check_reconstructs_within_the_range_of_images",
        returning(lambda m, c, r: (c, r + 2)),
        "its reconstruction reaches 2.* needed at most 1",
    ),
    ("check_codes_do_not_depend_on_company", NormalizedByItsCompany, "alone, an image's code"),
    (
        "check_codes_tell_images_apart",
        returning(lambda m, c, r: (c * 0, r)),
        "all images have one code",
    ),
    (
        "check_weights_depend_on_the_seed_alone",
        Counting,
        "encoder.1.bias differs when the model is built again",
    ),
    (
        "check_says_truly_whether_it_is_deterministic",
        Deterministic,
        "deterministic is True, and weights of two seeds differ",
    ),
    (
        "check_says_truly_whether_it_is_deterministic",
        Constant,
        "deterministic is False, and weights of two seeds are the same",
    ),
    ("check_has_an_untrained_variant_if_it_trains", Final, "untrained-broken is missing"),
    ("check_its_variant_is_the_same_model_untrained", Final, "untrained-broken is missing"),
    ("check_its_variant_starts_from_its_weights", Final, "untrained-broken is missing"),
    ("check_weights_survive_saving", Forgetful, "codes differ after saving and loading"),
    ("check_training_lowers_the_loss", Contrary, "the loss went from .* needed less"),
    ("check_training_lowers_the_loss", Exploding, "ended after 1 of 4 epochs, with a loss of nan"),
    ("check_random_weights_reconstruct_nothing_exactly", Passing, "loss is 0 with random weights"),
    ("check_works_on_one_image", Crowded, "one image has 2 codes"),
    ("check_works_on_one_image", Lonely, "the loss of one image is nan"),
]


@pytest.mark.parametrize(("check", "item", "message"), MODELS)
def test_a_broken_model_is_refused(check, item, message):
    autoencoders.register(NAME, "a broken model")(item)
    refused(getattr(of_models, check), message)


class Wider(Good):
    """Another size of code."""

    trains = False
    family = NAME

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 8))
        self.decoder = nn.Sequential(nn.Linear(8, SIZE), nn.Unflatten(1, image_shape))


class Shifted(Good):
    """Other weights from the same seed."""

    trains = False
    family = NAME

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.encoder[1].bias.data += 1


class Renamed(Shifted):
    """Weights under other names."""

    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.more = nn.Linear(1, 1)


class Stranger(Good):
    """Of no family."""

    trains = False


VARIANTS = [
    ("check_its_variant_is_the_same_model_untrained", Good, "untrained-broken trains"),
    (
        "check_its_variant_is_the_same_model_untrained",
        Stranger,
        "is of family None, needed broken",
    ),
    (
        "check_its_variant_is_the_same_model_untrained",
        Wider,
        r"Facts\(code_size=8.*code_size=4",
    ),
    ("check_its_variant_starts_from_its_weights", Renamed, "has arrays .*more.weight.*needed"),
    ("check_its_variant_starts_from_its_weights", Shifted, "encoder.1.bias of untrained-broke"),
]


@pytest.mark.parametrize(("check", "variant", "message"), VARIANTS)
def test_a_broken_variant_is_refused(check, variant, message):
    autoencoders.register(NAME, "a model")(Good)
    autoencoders.register(f"untrained-{NAME}", "its variant, by hand")(variant)
    refused(getattr(of_models, check), message)


def test_a_variant_of_what_does_not_train_is_refused():
    autoencoders.register(NAME, "a model")(Passing)
    autoencoders.register(f"untrained-{NAME}", "of no use")(Passing)
    refused(
        of_models.check_has_an_untrained_variant_if_it_trains,
        "untrained-broken exists, though it does not train itself",
    )


def test_an_empty_summary_is_refused():
    """The registry refuses it as well, as long as it is registered in the usual way."""
    autoencoders.register(NAME, "a model")(Good)
    entry = autoencoders.entry(NAME)
    autoencoders._entries[NAME] = dataclasses.replace(entry, summary="")
    refused(of_models.check_says_what_it_is, "its summary is empty")


# reducers


class GoodReducer(NoReduction):
    """Keeps every promise."""

    def __init__(self, n_components: int = 2, *, random_state: int | None = None):
        self.n_components = n_components
        self.random_state = random_state

    def fit_transform(self, X, y=None):
        return as_float32(X[:, : self.n_components])

    def transform(self, X):
        return as_float32(X[:, : self.n_components])


class UndocumentedReducer(GoodReducer):
    __doc__ = None


class Listing(GoodReducer):
    """Names its libraries in a list."""

    libraries = ["numpy"]  # noqa: RUF012 - that is what is wrong with it


class Meddling(GoodReducer):
    """Changes an argument."""

    def __init__(self, n_components: int = 2, *, random_state: int | None = None):
        super().__init__(n_components + 1, random_state=random_state)


class Nameless(GoodReducer):
    """Keeps an argument under another name."""

    def __init__(self, n_components: int = 2, *, rate: float = 0.5):
        self.n_components = n_components
        self.speed = rate


class Inflating(GoodReducer):
    """Has other parameters each time it is asked."""

    asked = 0

    def get_params(self, deep=True):
        # scikit-learn's `clone` asks for those that are no estimators themselves.
        type(self).asked += deep
        return super().get_params(deep) | ({"random_state": type(self).asked} if deep else {})


class Refusing(GoodReducer):
    """Refuses what it can do."""

    def check(self, n_samples, n_features):
        raise ValueError("no such luck")


def making(change):
    """Make a reducer of which what it returns is changed."""

    class Making(GoodReducer):
        """A reducer that returns something else."""

        def fit_transform(self, X, y=None):
            return change(self, super().fit_transform(X))

    return Making


class Writing(GoodReducer):
    """Centers in place."""

    def fit_transform(self, X, y=None):
        X -= X.mean(0)
        return super().fit_transform(X)


class Sly(GoodReducer):
    """Writes where numpy was told that nobody writes."""

    def fit_transform(self, X, y=None):
        X.setflags(write=True)
        X[0] = 1
        return super().fit_transform(X)


class Drifting(GoodReducer):
    """Numbers that depend on how often it ran."""

    runs = 0

    def fit_transform(self, X, y=None):
        type(self).runs += 1
        return super().fit_transform(X) + np.float32(type(self).runs)


class Growing(Drifting):
    """Another shape every time."""

    def fit_transform(self, X, y=None):
        found = super().fit_transform(X)
        return found[: len(found) - type(self).runs]


class Undetermined(GoodReducer):
    """Says that it is deterministic, and is not."""

    deterministic = True

    def fit_transform(self, X, y=None):
        return super().fit_transform(X) + np.float32(self.random_state)


def placing(change):
    """Make a reducer that places unseen points elsewhere."""

    class Placing(GoodReducer):
        """A reducer that places points elsewhere."""

        def transform(self, X):
            return change(super().transform(X))

    return Placing


class Recentering(GoodReducer):
    """Moves what it handed out as soon as it places points."""

    def fit_transform(self, X, y=None):
        self.embedding_ = super().fit_transform(X).copy()
        return self.embedding_

    def transform(self, X):
        self.embedding_ += 20
        return super().transform(X)


class Forgetting(GoodReducer):
    """Keeps nothing of what it found out."""

    def fit_transform(self, X, y=None):
        self.mean_ = X.mean(0)
        return super().fit_transform(X - self.mean_)

    def transform(self, X):
        return super().transform(X - getattr(self, "mean_", 0))


class Timeless(GoodReducer):
    """Estimates less time for more points."""

    def seconds(self, n_samples, n_features):
        return 1 / n_samples


class Endless(GoodReducer):
    """Estimates milliseconds."""

    def seconds(self, n_samples, n_features):
        return 1e3 * n_samples


REDUCERS = [
    ("check_is_a_reducer", dict, "no class derived from reducers.reducer.Reducer"),
    ("check_says_what_it_is", UndocumentedReducer, "UndocumentedReducer has no docstring"),
    ("check_names_its_libraries", Listing, r"libraries is \['numpy'\], needed a tuple"),
    ("check_parameters_are_scikit_learns", Meddling, "scikit-learn cannot clone it"),
    ("check_parameters_are_scikit_learns", Nameless, "scikit-learn cannot clone it.*rate"),
    ("check_parameters_are_scikit_learns", Inflating, "its clone has .* needed"),
    ("check_takes_what_it_can_reduce", Refusing, "refuses 120 points of 20: no such luck"),
    (
        "check_has_the_size_it_says",
        making(lambda self, found: found[:, :1]),
        r"shape \(120, 1\), needed \(120, 2\)",
    ),
    (
        "check_returns_finite_float32",
        making(lambda self, found: found.astype(float)),
        "returned float64, needed float32",
    ),
    (
        "check_returns_finite_float32",
        making(lambda self, found: found * np.float32(math.inf)),
        "of 240 numbers are not finite",
    ),
    (
        "check_keeps_groups_apart",
        making(lambda self, found: found % 1),
        "silhouette of .* needed above 0.5",
    ),
    ("check_leaves_its_input_alone", Writing, "writes into its input"),
    ("check_leaves_its_input_alone", Sly, "changed 20 of 2400 numbers of its input"),
    ("check_same_seed_same_numbers", Drifting, "numbers up to 1 apart; needed the same to the bit"),
    ("check_same_seed_same_numbers", Growing, r"shapes \(11\d, 2\) and \(11\d, 2\)"),
    (
        "check_says_truly_whether_it_is_deterministic",
        Undetermined,
        "deterministic is True, and with another seed it returned numbers up to 1 apart",
    ),
    (
        "check_unseen_points_land_beside_their_group",
        placing(lambda found: found[:, :1]),
        r"transform returned shape \(30, 1\), needed \(30, 2\)",
    ),
    (
        "check_unseen_points_land_beside_their_group",
        placing(lambda found: found.astype(float)),
        "transform returned float64",
    ),
    (
        "check_unseen_points_land_beside_their_group",
        placing(lambda found: found * 0),
        "15 of 30 unseen points are nearer to the other group's center",
    ),
    ("check_placing_points_moves_no_others", Recentering, "moved by .* needed less than 0.15"),
    (
        "check_restored_it_places_points_as_before",
        Forgetting,
        "restored, it transforms unseen points with numbers up to .* apart; needed the same",
    ),
    ("check_estimates_are_seconds", Timeless, "it estimates 0.01 s for 100 points and 0.0001 s"),
    ("check_estimates_are_seconds", Endless, "and less than a day"),
]


@pytest.mark.parametrize(("check", "item", "message"), REDUCERS)
def test_a_broken_reducer_is_refused(check, item, message):
    reducers.register(NAME, "a broken reducer")(item)
    refused(getattr(of_reducers, check), message)


# clusterers


class GoodClusterer(KMeans):
    """Keeps every promise."""


def grouping(change):
    """Return a clusterer whose clusters are changed before it hands them out."""

    class Changing(GoodClusterer):
        """Changes its clusters."""

        def fit_predict(self, X, y=None):
            return change(super().fit_predict(X))

    return Changing


class UndocumentedClusterer(Clusterer):
    pass


UndocumentedClusterer.__doc__ = None


class Untidy(GoodClusterer):
    """Keeps another argument than it was given."""

    def __init__(self, n_clusters, *, starts=10, random_state=None):
        super().__init__(n_clusters, starts=starts + 1, random_state=random_state)


class Choosy(GoodClusterer):
    """Refuses what it could work on."""

    def check(self, n_samples, n_features):
        raise ValueError("no images of mine")


class Scribbling(GoodClusterer):
    """Writes into what it is given."""

    def fit_predict(self, X, y=None):
        X[0] = 0
        return super().fit_predict(X)


class Fickle(GoodClusterer):
    """Forgets its seed."""

    def fit_predict(self, X, y=None):
        return np.random.default_rng().integers(3, size=len(X))


class Boasting(GoodClusterer):
    """Says that no seed matters."""

    deterministic = True

    def fit_predict(self, X, y=None):
        return np.random.default_rng(self.random_state).integers(3, size=len(X))


class Misplacing(GoodClusterer):
    """Puts all unseen points into one cluster."""

    def predict(self, X):
        return np.zeros(len(X), np.int64)


class Absent(GoodClusterer):
    """Brings its means back in another order."""

    def restore(self, state, X, clusters):
        return super().restore({"centers": state["centers"][::-1]}, X, clusters)


class Fragile(GoodClusterer):
    """Leaves points out that are all one."""

    def fit_predict(self, X, y=None):
        return super().fit_predict(X)[: len(np.unique(X, axis=0))]


class Unhurried(GoodClusterer):
    """Estimates less for more."""

    def seconds(self, n_samples, n_features):
        return 1 / n_samples


CLUSTERERS = [
    ("check_is_a_clusterer", lambda n_clusters, random_state=None: None, "no class derived from"),
    ("check_says_what_it_is", UndocumentedClusterer, "has no docstring"),
    ("check_parameters_are_scikit_learns", Untidy, "clone"),
    ("check_gives_a_number_an_image", grouping(lambda c: c[1:]), r"shape \(89,\), needed \(90,\)"),
    ("check_gives_a_number_an_image", grouping(lambda c: c * 1.0), "float64, needed int64"),
    ("check_gives_a_number_an_image", grouping(lambda c: c - 2), "has the number -2"),
    ("check_accepts_what_it_can_work_on", Choosy, "it refuses 90 images of 3 dimensions"),
    ("check_finds_groups_that_are_plain_to_see", grouping(lambda c: c * 0 - 1), "leaves 100%"),
    ("check_finds_groups_that_are_plain_to_see", grouping(lambda c: c // 2), "needed 1"),
    ("check_leaves_its_input_alone", Scribbling, "it writes into its input"),
    ("check_repeats_with_the_same_seed", Fickle, "of 80 images change"),
    ("check_says_truly_whether_it_is_deterministic", Boasting, "with another seed"),
    ("check_places_unseen_points_in_their_group", Misplacing, "33% of unseen points"),
    ("check_restored_it_places_points_as_before", Absent, "of 200 unseen points into other"),
    ("check_bears_points_that_are_all_one", Fragile, "needed \\(30,\\)"),
    ("check_estimates_are_seconds", Unhurried, "it estimates 0.01 s for 100 images"),
]


@pytest.mark.parametrize(("check", "item", "message"), CLUSTERERS)
def test_a_broken_clusterer_is_refused(check, item, message):
    clusterers.register(NAME, "a broken clusterer")(item)
    refused(getattr(of_clusterers, check), message)


def test_an_error_of_a_reducers_own_is_no_writing_into_its_input():
    class Failing(GoodReducer):
        """Raises a ValueError of its own."""

        def fit_transform(self, X, y=None):
            raise ValueError("odd number of points")

    reducers.register(NAME, "a broken reducer")(Failing)
    with pytest.raises(ValueError, match="odd number of points"):
        of_reducers.check_leaves_its_input_alone(NAME)


# data sets


def source(**changes):
    """Make a good source of 30 labeled images, with changes."""
    images, labels = make_images(30)
    made = Source(
        len(images),
        lambda which: images[which],
        labels=labels,
        files=tuple(map(str, range(30))),
        validation=lambda which: images[which],
        validation_labels=labels,
    )
    return dataclasses.replace(made, **changes)


def loading(change=lambda count: {}, progress=()):
    """Make a loader whose source is changed, by how often it was loaded before."""
    count = iter(range(100))

    def load(argument, told):
        for step in progress:
            told(*step)
        return source(**change(next(count)))

    return load


IMAGES, LABELS = make_images(30)
GRAY = IMAGES.mean(3).astype(np.uint8)
RANDOM = np.random.default_rng(0)

DATASETS = [
    (
        "check_readers_return_what_they_are_asked_for",
        lambda n: {"read": lambda which: IMAGES[which].astype(float)},
        "read of 2 images returned float64",
    ),
    (
        "check_readers_return_what_they_are_asked_for",
        lambda n: {"read": lambda which: IMAGES[: len(which)]},
        "read returns other images for two indices",
    ),
    (
        "check_readers_return_what_they_are_asked_for",
        lambda n: {"validation": lambda which: GRAY[which]},
        r"validation of 2 images returned .*\(2, 32, 32\)",
    ),
    (
        "check_images_differ",
        lambda n: {"read": lambda which: IMAGES[which] * 0 + 7},
        "all values of all images are the same",
    ),
    ("check_there_is_a_label_an_image", lambda n: {"labels": np.arange(40) % 2}, "40 labels of 30"),
    ("check_there_is_a_label_an_image", lambda n: {"files": ("a", "b")}, "2 file names of 30"),
    (
        "check_labels_are_among_the_classes",
        lambda n: {"labels": LABELS[:, None], "validation": None, "validation_labels": None},
        r"its labels have shape \(30, 1\), needed \(30,\)",
    ),
    (
        "check_there_is_a_validation_label_an_image",
        lambda n: {"validation": None},
        "30 validation labels of 0 images",
    ),
    ("check_notes_are_words", lambda n: {"notes": ("",)}, r"found the notes \[''\]"),
    (
        "check_is_the_same_every_time",
        lambda n: {"read": lambda which: IMAGES[which] // (n + 1)},
        "loaded again, its images differ",
    ),
    (
        "check_is_the_same_every_time",
        lambda n: {"labels": np.roll(np.arange(30) // 15, n)},
        "loaded again, its labels differ",
    ),
    (
        "check_a_subset_is_part_of_the_whole",
        lambda n: {"read": lambda which: IMAGES[: len(which)]},
        "images of the subset are not those at their indices",
    ),
    (
        "check_a_subset_has_the_labels_of_the_whole",
        lambda n: {"labels": (np.arange(30) + n) % 2},
        "10 of 10 images of the subset have another label",
    ),
]


@pytest.mark.parametrize(("check", "change", "message"), DATASETS)
def test_a_broken_data_set_is_refused(check, change, message):
    datasets.register(NAME, "a broken data set")(loading(change))
    refused(getattr(of_datasets, check), message)


def test_a_data_set_that_is_further_than_its_end_is_refused():
    datasets.register(NAME, "a broken data set")(loading(progress=[("reading", 5, 3)]))
    refused(of_datasets.check_tells_how_far_it_is, r"it reported \[\('reading', 5, 3\)\]")


# What only a fault of the harness itself could break, since it sees to it for every data set.
HARNESS = [
    ("check_images_have_the_one_form", {"images": IMAGES[..., :2]}, "have shape .32, 32, 2"),
    ("check_images_have_the_one_form", {"images": IMAGES.astype(float)}, "are float64"),
    ("check_clusters_are_those_asked_for", {"clusters": 3}, "asked for 2 clusters, it has 3"),
    ("check_labels_are_among_the_classes", {"labels": LABELS + 5}, r"labels \[5, 6\] are none of"),
    ("check_there_is_a_file_name_an_image", {"files": ("a",)}, "1 file names of 30 images"),
    ("check_a_subset_is_part_of_the_whole", {}, "a subset of 10 has 30 images"),
    ("check_a_subset_is_part_of_the_whole", {"source_count": 9}, "there are 9 images of 10"),
    ("check_a_subset_has_the_labels_of_the_whole", {"labels": None}, "the subset has no labels"),
]


@pytest.mark.parametrize(("check", "changes", "message"), HARNESS)
def test_what_the_harness_sees_to_is_held_as_well(monkeypatch, check, changes, message):
    datasets.register(NAME, "a data set")(loading())
    good = of_datasets.load

    def load(spec, **settings):
        if check.startswith("check_a_subset"):
            whole = settings["limit"] is None
            if "source_count" in changes:
                settings["limit"] = 10
            elif not changes:
                settings["limit"] = None
            return dataclasses.replace(good(spec, **settings), **({} if whole else changes))
        return dataclasses.replace(good(spec, **settings), **changes)

    monkeypatch.setattr(of_datasets, "load", load)
    refused(getattr(of_datasets, check), message)


@pytest.mark.parametrize("found", [(3, 16, 16)])
def test_another_shape_for_models_is_refused(monkeypatch, found):
    datasets.register(NAME, "a data set")(loading())
    monkeypatch.setattr("bench.datasets.dataset.Dataset.image_shape", found)
    refused(of_datasets.check_images_have_the_one_form, r"the shape \(3, 16, 16\)")


def test_a_harness_that_tells_nothing_is_refused(monkeypatch):
    datasets.register(NAME, "a data set")(loading())
    monkeypatch.setattr(of_datasets, "load", lambda spec, **settings: None)
    refused(of_datasets.check_tells_how_far_it_is, "it reported nothing")


# all of them


def test_every_check_has_an_item_that_it_refuses():
    cases = [*MODELS, *VARIANTS, *REDUCERS, *CLUSTERERS, *DATASETS, *HARNESS]
    refusing = {case[0] for case in cases} | {"check_tells_how_far_it_is"}
    every = {check.__name__ for kind in KINDS for check in contracts.checks_of(kind)}
    of_one = {check.__name__ for check in contracts.checks_of("clusterer")}
    assert of_one == {case[0] for case in CLUSTERERS}
    assert every == refusing


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_is_in_its_list_and_says_what_it_holds_to(kind):
    checks = contracts.checks_of(kind)
    module = __import__(checks[0].__module__, fromlist=["CHECKS"])
    written = [value for name, value in vars(module).items() if name.startswith("check_")]
    assert list(checks) == written
    promises = [contracts.promise_of(check) for check in checks]
    assert len(set(promises)) == len(promises)
    assert all(check.__doc__ for check in checks)


@pytest.mark.parametrize(
    ("registry", "item"),
    [
        (autoencoders, Good),
        (reducers, GoodReducer),
        (clusterers, GoodClusterer),
        (datasets, loading()),
    ],
)
def test_what_the_broken_items_were_made_from_keeps_every_promise(registry, item):
    registry.register(NAME, "a good item")(item)
    for check in contracts.checks_of(registry.kind):
        with contextlib.suppress(contracts.Spared):
            assert check(NAME)
