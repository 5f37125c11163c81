import cloudpickle
import pytest

from bench.base.registry import PluginError
from bench.planning.plugins import adopt, items_of, load_plugins
from models import autoencoders
from models.dnn import DNN
from reducers import reducers
from reducers.chain import Chain, ChainError

TEXT = """
from reducers import reducers
from reducers.pointwise import NoReduction

@reducers.register("mine", "a copy of none")
class Mine(NoReduction):
    def __init__(self, n_components: int = 2, *, odd: "float | None" = None, bare=None):
        self.n_components = n_components
        self.odd = odd
        self.bare = bare
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    yield path
    if "mine" in reducers:
        reducers.unregister("mine")


def test_a_plugin_that_fails_half_way_leaves_nothing_and_can_be_mended(plugin):
    plugin.write_text(TEXT + "1/0\n")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        load_plugins([plugin])
    assert "mine" not in reducers
    plugin.write_text(TEXT)
    load_plugins([plugin])
    assert "mine" in reducers


def test_a_plugin_may_not_take_a_built_in_name(plugin):
    plugin.write_text(TEXT.replace('"mine"', '"pca"'))
    with pytest.raises(PluginError, match="reducer 'pca' is registered twice"):
        load_plugins([plugin])


MODELS = """
from models import autoencoders
from models.dnn import DNN

@autoencoders.register("small", "a dnn")
class Small(DNN):
    pass
"""

BY_HAND = """
@autoencoders.register("untrained-small", "by hand")
class Fresh(Small):
    trains = False
    family = "small"
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.py"
    path.write_text(MODELS)
    yield path
    for name in ("small", "untrained-small"):
        if name in autoencoders:
            autoencoders.unregister(name)


def test_a_plugins_model_has_its_untrained_variant(small):
    load_plugins([small])
    variant = autoencoders["untrained-small"]
    assert issubclass(variant, autoencoders["small"])
    assert (variant.trains, variant.family) == (False, "small")
    assert variant.__doc__
    assert "untrained-untrained-small" not in autoencoders


def test_a_plugin_may_write_its_models_variant_by_hand(small):
    small.write_text(MODELS + BY_HAND)
    load_plugins([small])
    assert autoencoders["untrained-small"].__name__ == "Fresh"


def test_a_plugin_may_not_take_the_name_of_a_built_in_models_variant(small):
    small.write_text(MODELS + BY_HAND.replace("untrained-small", "untrained-cnn"))
    with pytest.raises(PluginError, match="model 'untrained-cnn' is registered twice"):
        load_plugins([small])
    assert "small" not in autoencoders
    assert "untrained-small" not in autoencoders


def test_a_class_that_lets_none_derive_from_it_is_a_model_without_a_variant(small):
    refuse = "    def __init_subclass__(cls, **options):\n        raise TypeError('final')\n"
    small.write_text(MODELS.replace("    pass\n", refuse))
    load_plugins([small])
    assert autoencoders["small"].trains
    assert "untrained-small" not in autoencoders


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("asked", [["untrained-here", "here"], ["here", "untrained-here"]])
def test_another_process_gets_the_variant_of_a_notebooks_model(by_hand, asked):
    """Here the other process is this one, after it forgot the model."""
    written = {"here": type("Here", (DNN,), {"__module__": "__main__"})}
    if by_hand:
        fresh = {"__module__": "__main__", "trains": False, "marked": True}
        written["untrained-here"] = type("Fresh", (DNN,), fresh)
    try:
        for name, item in written.items():
            autoencoders.register(name, "of a notebook")(item)
        pickled = cloudpickle.dumps(items_of(asked, [], []))
        for name in written:
            autoencoders.unregister(name)
        assert "untrained-here" not in autoencoders
        adopt(cloudpickle.loads(pickled))
        assert autoencoders["here"].trains
        assert not autoencoders["untrained-here"].trains
        assert hasattr(autoencoders["untrained-here"], "marked") == by_hand
    finally:
        for name in written:
            autoencoders.unregister(name)


@pytest.mark.parametrize("name", ["odd", "bare"])
def test_parameters_that_cannot_be_read_from_text_are_refused(plugin, name):
    plugin.write_text(TEXT)
    load_plugins([plugin])
    with pytest.raises(ChainError, match=f"{name} is not annotated"):
        Chain.parse(f"mine({name}=3)")
