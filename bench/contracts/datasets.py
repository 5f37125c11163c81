"""What every registered data set promises; here a name is a spec string, ``NAME:ARGUMENT``."""

from __future__ import annotations

import numpy as np

from bench.base.progress import silent
from bench.contracts import Spared, require, shared
from bench.datasets import datasets, deciding
from bench.datasets.dataset import Dataset, load, parse
from bench.datasets.image_form import SIDE
from bench.datasets.reading import ORDINARY
from bench.datasets.source import Source

CLUSTERS = 2
FEW = 10


def loaded(spec: str, limit: int | None = None, seed: int = 0) -> Dataset:
    """Load a data set; the number of clusters is given, so that it may have no labels."""
    return load(spec, limit=limit, seed=seed, clusters=CLUSTERS)


@shared(lambda spec: datasets[parse(spec)[0]])
def whole_of(spec: str) -> Dataset:
    """Return a whole data set, loaded once for all checks that read it."""
    return loaded(spec)


def subset_of(spec: str) -> tuple[Dataset, Dataset]:
    """Return a small subset of a data set, and the whole."""
    whole = whole_of(spec)
    return loaded(spec, limit=min(FEW, len(whole)), seed=1), whole


def source_of(spec: str) -> Source:
    """Return a data set as its loader hands it over."""
    name, argument = parse(spec)
    return deciding.to_eight_bits(datasets[name](argument, silent), None, spec)


# The promises.


def check_images_have_the_one_form(spec: str) -> str:
    """Its images are RGB of one size, uint8."""
    data = whole_of(spec)
    found, form = data.images.shape[1:], data.form.shape
    require(found == form, f"its images have shape {found}, needed {form}")
    kind = np.asarray(data.images).dtype
    require(kind == np.uint8, f"its images are {kind}, needed uint8")
    shape, needed = data.image_shape, (3, data.form.size, data.form.size)
    require(shape == needed, f"models would be given the shape {shape}, needed {needed}")
    return f"{len(data):,} images"


def check_readers_return_what_they_are_asked_for(spec: str) -> str:
    """Its readers return the images that are asked for, RGB uint8, in that order."""
    source = source_of(spec)
    if source.open is not None:
        first = source.open(0, SIDE, ORDINARY)
        if first is not None:
            fits = first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
            found = f"{first.dtype} {first.shape}"
            require(fits, f"open returned {found}, needed uint8 (H, W, 3)")
        stamps = len(source.stamps)
        require(stamps == source.count, f"{stamps} stamps of {source.count} files")
        return f"{source.count:,} files"
    labels = source.validation_labels
    for what, read, count in (
        ("read", source.read, source.count),
        ("validation", source.validation, len(labels) if labels is not None else 0),
    ):
        if read is None or not count:
            continue
        # The last before the first: a reader that takes how many for which is found by it.
        asked = np.array([count - 1, 0])
        images = read(asked)
        kind, shape = images.dtype, images.shape
        fits = kind == np.uint8 and len(shape) == 4 and shape[0] == 2 and shape[3] == 3
        require(fits, f"{what} of 2 images returned {kind} {shape}, needed uint8 (2, H, W, 3)")
        apart = [read(asked[i : i + 1])[0] for i in range(2)]
        same = all(np.array_equal(images[i], apart[i]) for i in range(2))
        require(same, f"{what} returns other images for two indices than for each of them")
    return f"{source.count:,} images"


def check_images_differ(spec: str) -> str:
    """Its images are not one flat color."""
    spread = float(np.asarray(whole_of(spec).images).std())
    require(spread > 0, "all values of all images are the same")
    return f"a standard deviation of {spread:.0f}"


def check_clusters_are_those_asked_for(spec: str) -> str:
    """It has the requested number of clusters."""
    found = whole_of(spec).clusters
    require(found == CLUSTERS, f"asked for {CLUSTERS} clusters, it has {found}")
    return f"{found}"


def check_there_is_a_label_an_image(spec: str) -> str:
    """It has labels for all images or for none, and file names for all or for none."""
    source = source_of(spec)
    for what, found in (("labels", source.labels), ("file names", source.files)):
        count = source.count if found is None else len(found)
        require(count == source.count, f"{count} {what} of {source.count} images")
    return "no labels" if source.labels is None else f"{len(source.labels):,} labels"


def check_labels_are_among_the_classes(spec: str) -> str:
    """Its labels are numbers, each the index of a class name, or -1 where none is known."""
    data = whole_of(spec)
    if data.labels is None:
        raise Spared("it has no labels")
    shape = data.labels.shape
    require(shape == (len(data),), f"its labels have shape {shape}, needed ({len(data)},)")
    unknown = set(data.labels.tolist()) - {-1, *range(len(data.class_names))}
    require(not unknown, f"labels {sorted(unknown)} are none of {len(data.class_names)} classes")
    return f"{len(data.class_names)} classes"


def check_there_is_a_validation_label_an_image(spec: str) -> str:
    """It has as many validation labels as validation images."""
    data = whole_of(spec)
    if data.validation_labels is None:
        raise Spared("it has no validation labels")
    labels, count = len(data.validation_labels), len(data.validation_images)
    require(labels == count, f"{labels} validation labels of {count} images")
    return f"{count:,} images"


def check_there_is_a_file_name_an_image(spec: str) -> str:
    """If its images are files, each has its name."""
    data = whole_of(spec)
    if data.files is None:
        raise Spared("its images are no files")
    require(len(data.files) == len(data), f"{len(data.files)} file names of {len(data)} images")
    return f"{len(data.files):,} names"


def check_notes_are_words(spec: str) -> str:
    """Its notes for the reader are texts that are not empty."""
    notes = whole_of(spec).notes
    bad = [note for note in notes if not (isinstance(note, str) and note)]
    require(not bad, f"found the notes {bad}, needed text that is not empty")
    return f"{len(notes)} notes"


def check_is_the_same_every_time(spec: str) -> str:
    """Loaded again, it has the same images and the same labels."""
    one, again = whole_of(spec), loaded(spec)
    same = np.array_equal(one.images, again.images)
    require(same and one.fingerprint == again.fingerprint, "loaded again, its images differ")
    require(one.labels_fingerprint == again.labels_fingerprint, "loaded again, its labels differ")
    return one.fingerprint[:12]


def check_a_subset_is_part_of_the_whole(spec: str) -> str:
    """A subset has the requested number of images, and they are those at its indices."""
    part, whole = subset_of(spec)
    few = min(FEW, len(whole))
    require(len(part) == few, f"a subset of {few} has {len(part)} images")
    count = part.source_count
    require(count == len(whole), f"the subset says that there are {count} images of {len(whole)}")
    same = np.array_equal(part.images, whole.images[part.indices])
    require(same, "images of the subset are not those at their indices in the data set")
    return f"{few} of {count:,}"


def check_a_subset_has_the_labels_of_the_whole(spec: str) -> str:
    """The images of a subset have the same labels as in the whole data set."""
    part, whole = subset_of(spec)
    if whole.labels is None:
        raise Spared("it has no labels")
    require(part.labels is not None, "the subset has no labels")
    found = np.array(part.class_names)[part.labels]
    needed = np.array(whole.class_names)[whole.labels[part.indices]]
    wrong = int((found != needed).sum())
    require(not wrong, f"{wrong} of {len(part)} images of the subset have another label")
    return f"{len(part)} labels"


def check_tells_how_far_it_is(spec: str) -> str:
    """While it loads, it reports progress, never beyond the end."""
    seen: list[tuple[str, int, int]] = []
    load(spec, clusters=CLUSTERS, progress=lambda *step: seen.append(step))
    require(seen, "it reported nothing")
    beyond = [step for step in seen if not 0 <= step[1] <= step[2]]
    require(not beyond, f"it reported {beyond[:1]}, needed from 0 to all of it")
    return f"reported {len(seen)} times"
