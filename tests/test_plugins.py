import pytest

from bench.plugins import load_plugins
from reducers import reducers
from reducers.chain import Chain, ChainError
from registry import PluginError

TEXT = """
from reducers import reducers
from reducers.none import NoReduction

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


@pytest.mark.parametrize("name", ["odd", "bare"])
def test_parameters_that_cannot_be_read_from_text_are_refused(plugin, name):
    plugin.write_text(TEXT)
    load_plugins([plugin])
    with pytest.raises(ChainError, match=f"{name} is not annotated"):
        Chain.parse(f"mine({name}=3)")
