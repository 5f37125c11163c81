import pytest

from bench.base.registry import (
    DuplicateNameError,
    Entry,
    PluginError,
    Registry,
    UnknownNameError,
    load_plugin,
)
from models import autoencoders
from models.named import Named


@pytest.fixture
def fruit():
    registry = Registry("fruit", "tests.no_such_items")
    registry._loaded = True
    return registry


def test_registers_and_finds(fruit):
    @fruit.register("red-apple", "round")
    def apple():
        return 1

    assert fruit["red-apple"] is apple
    assert fruit.names() == ["red-apple"]
    assert fruit.entry("red-apple").summary == "round"
    assert "red-apple" in fruit
    assert "pear" not in fruit


def test_a_name_twice_is_an_error_that_names_both(fruit):
    fruit.register("apple", "round")(lambda: 1)
    with pytest.raises(DuplicateNameError, match="'apple' is registered twice"):
        fruit.register("apple", "round too")(lambda: 2)


def test_a_wrong_name_gets_a_suggestion_and_the_list(fruit):
    fruit.register("apple", "round")(lambda: 1)
    fruit.register("pear", "less round")(lambda: 1)
    with pytest.raises(
        UnknownNameError, match=r"'aple': did you mean 'apple'\? known are apple, p"
    ):
        fruit["aple"]
    with pytest.raises(UnknownNameError) as error:
        fruit["zzz"]
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("name", ["", "Apple", "1apple", "an apple", "apple_", "-a"])
def test_refuses_bad_names(fruit, name):
    with pytest.raises(ValueError, match="does not match"):
        fruit.register(name, "x")


@pytest.mark.parametrize("summary", ["", "two\nlines"])
def test_refuses_bad_summaries(fruit, summary):
    with pytest.raises(ValueError, match="one line"):
        fruit.register("apple", summary)


def dry(entry):
    """Dry what can be dried."""

    def dried():
        return f"dry {entry.item()}"

    wet = entry.name.startswith("melon")
    return None if wet else Entry(f"dry-{entry.name}", "dry", dried, origin=entry.name)


@pytest.fixture
def dryable():
    registry = Registry("fruit", "tests.no_such_items", variant=dry)
    registry._loaded = True
    registry.register("apple", "round")(lambda: "apple")
    registry.register("melon", "large")(lambda: "melon")
    return registry


def test_a_variant_is_there_beside_its_item_and_goes_with_it(dryable):
    assert dryable.names() == ["apple", "dry-apple", "melon"]
    assert dryable["dry-apple"]() == "dry apple"
    assert dryable["dry-apple"] is dryable["dry-apple"]
    assert dryable.entry("dry-apple").origin == "apple"
    assert "dry-melon" not in dryable
    assert "dry-dry-apple" not in dryable
    with pytest.raises(UnknownNameError, match="'dry-aple': did you mean 'dry-apple'"):
        dryable["dry-aple"]
    dryable.unregister("apple")
    assert dryable.names() == ["melon"]
    dryable.register("apple", "sour")(lambda: "sour apple")
    assert dryable["dry-apple"]() == "dry sour apple"


@pytest.mark.parametrize("variant_first", [False, True])
def test_a_variant_by_hand_goes_first(dryable, variant_first):
    dryable.unregister("apple")
    written = {"apple": lambda: "apple", "dry-apple": lambda: "by hand"}
    for name in sorted(written, reverse=variant_first):
        dryable.register(name, "fruit")(written[name])
    assert dryable["dry-apple"]() == "by hand"
    assert dryable.names() == ["apple", "dry-apple", "dry-dry-apple", "melon"]
    dryable.unregister("dry-apple")
    assert dryable["dry-apple"]() == "dry apple"


def test_somebody_elses_variant_is_not_replaced(dryable):
    def theirs():
        return 1

    theirs.__module__ = "elsewhere"
    with pytest.raises(DuplicateNameError, match=r"by tests\.test_registry and by elsewhere"):
        dryable.register("dry-apple", "theirs")(theirs)


def test_entry_points_of_other_packages_are_loaded(monkeypatch):
    registry = Registry("model", "models")
    loaded = []

    class Point:
        def load(self):
            loaded.append(True)
            registry.register("theirs", "from another package")(lambda: 1)

    monkeypatch.setattr(
        "bench.base.registry.entry_points", lambda group: [Point()] * (group == "latentgrid.models")
    )
    assert "theirs" in registry
    assert loaded == [True]


def test_plugin_is_run_once(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("import builtins\nbuiltins.times = getattr(builtins, 'times', 0) + 1\n")
    load_plugin(plugin)
    load_plugin(plugin)
    import builtins

    assert builtins.times == 1
    del builtins.times


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/0", "failed with ZeroDivisionError"),
        ("def", "failed with SyntaxError"),
        ("raise SystemExit(3)", "failed with SystemExit"),
    ],
)
def test_a_failing_plugin_says_so(tmp_path, text, message):
    plugin = tmp_path / "bad.py"
    plugin.write_text(text)
    for _ in range(2):  # a failed one is not taken for loaded
        with pytest.raises(PluginError, match=message):
            load_plugin(plugin)


def test_a_missing_plugin_says_so(tmp_path):
    with pytest.raises(PluginError, match="no such plugin file"):
        load_plugin(tmp_path / "none.py")


def test_a_broken_entry_point_is_said_and_left_out(monkeypatch):
    registry = Registry("model", "models")

    class Point:
        name, value = "theirs", "nosuchmodule:x"

        def load(self):
            raise ModuleNotFoundError("no nosuchmodule")

    monkeypatch.setattr("bench.base.registry.entry_points", lambda group: [Point()])
    with pytest.warns(UserWarning, match="theirs = nosuchmodule:x was skipped"):
        assert registry.names() == []


def test_a_name_of_the_release_before_is_read_with_a_warning():
    with pytest.warns(FutureWarning, match="model handmade is now called hand-crafted"):
        assert str(Named.parse("handmade(cell=8)")) == "hand-crafted(cell=8)"
    with pytest.warns(FutureWarning, match="is now called untrained-contrastive-hand-crafted"):
        entry = autoencoders.entry("untrained-contrastive-handmade")
    assert entry.name == "untrained-contrastive-hand-crafted"
    assert "handmade" in autoencoders
    assert "handmade" not in autoencoders.names()
    assert Named("hand-crafted").family == "handmade"
