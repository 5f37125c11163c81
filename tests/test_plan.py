import numpy as np
import pytest
from torch import nn

from bench.base.errors import UsageError
from bench.base.keys import key
from bench.datasets.dataset import load
from bench.planning.plan import plan
from bench.planning.settings import resolve
from models import autoencoders
from models.dnn import DNN
from models.pixels import Pixels


def planned(dataset="digits", **settings):
    flags = {"dataset": dataset, "limit": 200, "device": "cpu", "threads": 1, "null": False}
    flags |= {"baselines": False} | settings
    spec = resolve(flags)
    return plan(spec, load(dataset, limit=spec.most_images, seed=spec.seed, clusters=spec.clusters))


def keys_of(found, model, chain, index=0):
    (cell,) = [
        c
        for c in found.runs
        if (c.pipeline.model, str(c.pipeline.chain), c.seed_index) == (model, chain, index)
    ]
    return [task.key for task in cell.tasks]


def test_cells_share_every_common_prefix():
    found = planned(models="dnn,pixels", reducers="none,pca9,pca9+tsne2,pca9+umap2", seeds=2)
    assert len(found.runs) == 16
    stages = [task.stage for task in found.tasks.values()]
    # dnn: a training a seed. pixels has no randomness: once for both seeds.
    assert stages.count("train") == 3
    assert stages.count("encode") == 3
    # Of each encoding: none, pca9, and on that tsne2 and umap2; those two are seeded.
    assert stages.count("reduce") == 2 * 4 + (2 + 2 * 2)
    assert stages.count("cluster") == stages.count("score") == 16
    for cell in found.runs:
        chain = [task.settings["link"] for task in cell.tasks if task.stage == "reduce"]
        assert "+".join(chain) == str(cell.pipeline.chain)
        by_stage = {task.stage: task for task in cell.tasks}
        read = {task.stage: {stage for stage, _ in task.parents} for task in by_stage.values()}
        assert read == {
            "train": set(), "encode": {"train"}, "rank": {"encode"}, "reference": set(),
            "reduce": read["reduce"], "cluster": {"reduce"},
            "measure": {"reduce", "cluster", "rank", "reference"},
            "score": {"cluster", "measure"},
        }  # fmt: skip
        of_cell = {task.key for task in cell.tasks}
        assert {key for task in cell.tasks for _, key in task.parents} <= of_cell
    assert stages.count("reference") == 1


def test_keys_are_hashes_of_what_is_kept_beside_them():
    found = planned(
        models="dnn(code=32),idec", reducers="pca9+tsne2,umap2(min_dist=0)",
        clusterers="kmeans,gmm", seeds=2, null=True, resamples=1,
    )  # fmt: skip
    assert len(found.tasks) > 50
    for name, task in found.tasks.items():
        assert name == task.key == key({"stage": task.stage} | task.key_inputs)


def test_parents_come_first():
    seen = set()
    for task in planned().tasks.values():
        assert {key for _, key in task.parents} <= seen
        seen.add(task.key)


def test_adding_items_changes_no_other_cell():
    small = planned(models="dnn", reducers="pca9+tsne2", seeds=1)
    large = planned(models="pixels,dnn,untrained", reducers="pca9,umap2,pca9+tsne2", seeds=3)
    assert keys_of(small, "dnn", "pca9+tsne2") == keys_of(large, "dnn", "pca9+tsne2")


def test_baselines_change_no_other_cell():
    asked = {"models": "dnn,cnn", "reducers": "pca9+tsne2,pca9", "seeds": 2, "null": True}
    bare, full = planned(**asked), planned(**asked, baselines=True)
    names = {(cell.pipeline.model, str(cell.pipeline.chain)) for cell in full.runs}
    assert names == {
        (model, chain)
        for model in ("pixels", "untrained-dnn", "dnn", "untrained-cnn", "cnn")
        for chain in ("none", "pca9+tsne2", "pca9")
    }
    assert not {key for key in bare.tasks if key not in full.tasks}
    for cell in bare.runs:
        there = [c for c in full.runs if c == cell]
        assert len(there) == 1, cell.pipeline.model
        assert there[0].tasks == cell.tasks
        assert there[0].null == cell.null


def test_a_baseline_that_cannot_work_is_skipped_and_no_error():
    @autoencoders.register("strict", "works as itself only")
    class Strict(DNN):
        def __init__(self, image_shape):
            super().__init__(image_shape)
            if type(self) is not Strict:
                raise ValueError("works as itself only")

    asked = {"models": "strict", "reducers": "pca9", "seeds": 1}
    try:
        with pytest.raises(UsageError, match="model untrained-strict: works as itself only"):
            planned(**asked | {"models": "untrained-strict"}, baselines=True)
        found = planned(**asked, baselines=True)
    finally:
        autoencoders.unregister("strict")
    impossible = {(cell.pipeline.model, cell.impossible) for cell in found.runs if cell.impossible}
    assert impossible == {("untrained-strict", "model untrained-strict: works as itself only")}
    assert len(found.runs) == 6


def test_a_chain_that_only_baselines_can_take_is_skipped_elsewhere():
    found = planned(models="dnn", reducers="pca1030", limit=1100, seeds=1, baselines=True)
    skipped = {
        (cell.pipeline.model, str(cell.pipeline.chain)) for cell in found.runs if cell.impossible
    }
    assert skipped == {("untrained-dnn", "pca1030"), ("dnn", "pca1030")}
    with pytest.raises(UsageError, match="'pca1030' cannot work on dnn"):
        planned(models="dnn", reducers="pca1030", limit=1100, seeds=1)


def test_seeds_are_paired():
    found = planned(models="dnn,cnn,untrained", reducers="pca9+tsne2", seeds=2)
    tasks = {(c.pipeline.model, c.seed_index): c for c in found.runs}

    def setting(model, index, stage, name):
        return tasks[model, index].task(stage).settings[name]

    for index in (0, 1):
        batches = {setting(m, index, "train", "batches_seed") for m in ("dnn", "cnn")}
        weights = {m: setting(m, index, "train", "weights_seed") for m in found.spec.models}
        reduce = {setting(m, index, "reduce", "seed") for m in found.spec.models}
        assert len(batches) == len(reduce) == 1  # the same for every model
        assert weights["dnn"] == weights["untrained-dnn"] != weights["cnn"]
        assert weights["cnn"] == weights["untrained-cnn"]
    for stage, name in (("train", "batches_seed"), ("train", "weights_seed"), ("reduce", "seed")):
        assert setting("dnn", 0, stage, name) != setting("dnn", 1, stage, name)


def test_what_shapes_a_result_is_in_its_key():
    def tasks(**change):
        settings = {"models": "dnn", "reducers": "pca9", "seeds": 1} | change
        return planned(**settings).runs[0].tasks

    base = tasks()
    for change, untouched in (
        # Where images are in the reference space depends on the images alone.
        ({"lr": 0.5}, {"reference"}),
        ({"epochs": 2}, {"reference"}),
        ({"batch_size": 3}, {"reference"}),
        ({"schedule": "constant"}, {"reference"}),
        ({"seed": 1}, set()),  # the subset is another
        ({"limit": 201}, set()),
        ({"threads": 2}, {"reference"}),  # in which one thread works
        ({"clusters": 4}, {"train", "encode", "rank", "reference", "reduce"}),
    ):
        pairs = zip(base, tasks(**change), strict=True)
        assert {one.stage for one, other in pairs if one.key == other.key} == untouched, change


def test_the_processors_kernels_are_in_every_key_but_that_of_scores(monkeypatch):
    from bench.base import keys

    def tasks():
        return planned(models="dnn", reducers="pca9", seeds=1).runs[0].tasks

    here = tasks()
    monkeypatch.setattr(keys, "processor", lambda: "another machine's")
    elsewhere = tasks()
    assert not {task.key for task in here} & {task.key for task in elsewhere}
    assert [task.key_inputs["processor"] for task in elsewhere] == ["another machine's"] * 7 + [
        None
    ]


def test_the_recipe_does_not_matter_to_models_that_do_not_train():
    for model in ("pixels", "untrained-dnn"):
        one = planned(models=model, reducers="pca9", seeds=1, lr=0.1, epochs=1)
        other = planned(models=model, reducers="pca9", seeds=1, lr=0.2, epochs=9)
        assert keys_of(one, model, "pca9") == keys_of(other, model, "pca9")


def test_editing_one_model_changes_its_cells_only(monkeypatch):
    from bench.base import keys

    before = planned(models="dnn,pixels", reducers="pca9", seeds=1)
    texts = keys._class_texts
    keys.source.cache_clear()
    monkeypatch.setattr(
        keys, "_class_texts", lambda c: [*texts(c), "edited"] if c is DNN else texts(c)
    )
    after = planned(models="dnn,pixels", reducers="pca9", seeds=1)
    keys.source.cache_clear()
    assert keys_of(before, "pixels", "pca9") == keys_of(after, "pixels", "pca9")
    both = set(keys_of(before, "dnn", "pca9")) & set(keys_of(after, "dnn", "pca9"))
    assert [before.tasks[key].stage for key in both] == ["reference"]  # no model's


def test_labels_are_in_the_key_of_scores_only(npy_folder):
    spec = f"npy:{npy_folder}"
    settings = {"dataset": spec, "limit": "all", "models": "dnn", "reducers": "pca9", "seeds": 1}
    before = keys_of(planned(**settings), "dnn", "pca9")
    labels = np.load(npy_folder / "trainY.npy")
    np.save(npy_folder / "trainY.npy", np.random.default_rng(0).permutation(labels))
    after = keys_of(planned(**settings), "dnn", "pca9")
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reducers": "pca201"}, "'pca201' cannot work on pixels, digits: pca201: 201 components"),
        ({"reducers": "pca9+pca10"}, "10 components of 200 images with 9 dimensions"),
        ({"reducers": "pca4+tsne5"}, "embeds in 1 to 3 dimensions"),
        ({"reducers": "pca9", "limit": 50, "clusters": 51}, "51 clusters of 50 images"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(settings, message):
    with pytest.raises(UsageError) as error:
        planned(models="pixels", **settings)
    assert message in str(error.value)


def test_models_that_refuse_a_shape_are_refused():
    from bench.stages.training.probe import probe

    with pytest.raises(UsageError, match="multiples of 8, found 36×36"):
        probe("residual", (3, 36, 36))


def broken_in(what):
    class Broken(Pixels):
        def __init__(self, image_shape):
            super().__init__(image_shape)
            if what == "constructor":
                raise RuntimeError("no weights file")

        def forward(self, x):
            code, _ = super().forward(x)
            return code if what == "result" else (code, None)

    return Broken


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("constructor", "model broken: RuntimeError: no weights file"),
        ("result", r"must return \(code, reconstruction\)"),
        ("decoder", "its reconstruction has shape"),
    ],
)
def test_models_that_fail_are_refused_in_one_line(what, message):
    autoencoders.register("broken", "fails")(broken_in(what))
    try:
        with pytest.raises(UsageError, match=message):
            planned(models="broken", reducers="pca9")
    finally:
        autoencoders.unregister("broken")


def test_a_model_defined_again_is_looked_at_again():
    def define(kernel):
        @autoencoders.register("pooled", "pools pixels")
        class Pooled(Pixels):
            trains = False

            def __init__(self, image_shape):
                super().__init__(image_shape)
                pool = nn.AvgPool2d(kernel)
                self.encoder = nn.Sequential(pool, nn.Flatten())
                side = 32 // kernel
                self.decoder = nn.Sequential(
                    nn.Unflatten(1, (3, side, side)), nn.Upsample(scale_factor=kernel)
                )

    sizes = []
    for kernel in (2, 4):
        define(kernel)
        found = planned(models="pooled", reducers="none")
        sizes.append(found.runs[0].task("encode").outputs)
        autoencoders.unregister("pooled")
    assert sizes == [768, 192]


def test_models_that_return_another_shape_are_refused():
    @autoencoders.register("broken", "returns too little")
    class Broken(Pixels):
        def forward(self, x):
            code, reconstruction = super().forward(x)
            return code, reconstruction[:, :1]

    try:
        with pytest.raises(UsageError, match="its reconstruction has shape"):
            planned(models="broken", reducers="pca9")
    finally:
        autoencoders.unregister("broken")


def test_a_grid_of_thousands_of_cells_shares_its_work():
    found = planned(
        models="pixels,untrained-dnn,untrained-cnn", reducers="none,pca9,pca8+tsne2", seeds=100
    )
    assert len(found.runs) == 900
    stages = [task.stage for task in found.tasks.values()]
    assert stages.count("train") == 201


@pytest.mark.parametrize(
    ("vary", "anew"),
    [
        ("all", {"train", "encode", "rank", "reduce", "cluster", "measure", "score"}),
        ("model", {"train", "encode", "rank", "reduce", "cluster", "measure", "score"}),
        ("reducer", {"reduce", "cluster", "measure", "score"}),
        ("clusterer", {"cluster", "measure", "score"}),
    ],
)
def test_seeds_vary_where_they_are_asked_to(vary, anew):
    """Two repetitions share every task before the one that draws anew."""
    made = planned(models="dnn", reducers="tsne2", seeds=2, vary=vary)
    one, other = ({task.stage: task for task in cell.tasks} for cell in made.runs)
    assert {stage for stage in one if one[stage].key != other[stage].key} == anew
    drawn = {
        (stage, name)
        for stage in one
        for name, value in one[stage].settings.items()
        if name.endswith("seed") and value != other[stage].settings[name]
    }
    of = {
        "model": {("train", "weights_seed"), ("train", "batches_seed")},
        "reducer": {("reduce", "seed")},
        "clusterer": {("cluster", "seed")},
    }
    assert drawn == (set().union(*of.values()) if vary == "all" else of[vary])


def test_where_nothing_varies_repetitions_are_one():
    made = planned(models="pixels", reducers="pca5", seeds=3, vary="model")
    assert len({cell.tasks[-1].key for cell in made.runs}) == 1
