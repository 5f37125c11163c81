"""Models as users write them, with their settings."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.base import keys
from bench.base.grammar import GrammarError, read_parameters
from bench.base.registry import UnknownNameError
from bench.stages.training import core
from bench.stages.training.probe import probe
from models import autoencoders
from models.named import Named, find

SHAPE = (3, 32, 32)


def named():
    """Canonical models, with settings that differ from the default."""

    def of(name, **settings):
        return st.fixed_dictionaries({}, optional=settings).map(
            lambda found: Named(name, tuple(sorted(found.items())))
        )

    code = st.integers(1, 10**6).filter(lambda value: value not in (32, 128, 1024, 4096))
    return st.one_of(
        of("dnn", code=code),
        of("untrained-cnn", code=code),
        of("denoising", code=code, noise=st.floats(0, 2).filter(lambda value: value != 0.3)),
        of("variational", code=code, beta=st.floats(0, 9).filter(lambda value: value != 1)),
    )


@given(named())
def test_parse_inverts_str(model):
    assert Named.parse(str(model)) == model


@given(named())
def test_spaces_do_not_matter(model):
    spaced = "".join(f" {c} " if c in "(),=" else c for c in str(model))
    assert Named.parse(spaced) == model


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        found = Named.parse(text)
    except (GrammarError, UnknownNameError):
        return
    assert Named.parse(str(found)) == found


def test_a_setting_at_its_default_is_the_same_model():
    assert str(Named.parse("dnn(code=1024)")) == "dnn"
    assert find("dnn(code=1024)") is find("dnn") is autoencoders["dnn"]
    assert find("dnn(code=32)") is find(" dnn( code = 32 )")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dnn(cod=3)", "dnn has no parameter 'cod': did you mean 'code'? it has code"),
        ("pixels(code=3)", "pixels has no parameter 'code': it has none"),
        ("dnn(code=x)", "code must be a whole number, found 'x'"),
        ("dnn(code=3,code=4)", "code is given twice"),
        ("dnn(3)", "cannot read '3'; a parameter looks like key=value"),
        ("dnn(code=3", "cannot be read"),
        ("dnn(code=3)x", "cannot be read"),
        ("dnn(image_shape=3)", "dnn has no parameter 'image_shape'"),
        ("idec(clusters=3)", "idec has no parameter 'clusters'"),
        ("denoising(noise=nan)", "noise must be finite"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(GrammarError) as error:
        Named.parse(text)
    assert message in str(error.value)
    assert repr(text) in str(error.value)


def test_what_takes_any_number_of_arguments_needs_none():
    class Item:
        def __init__(self, image_shape, *, size: int = 3, **more):
            pass

    assert read_parameters("it", "size=4", Item, ["image_shape"]) == (("size", 4),)
    assert read_parameters("it", None, Item, ["image_shape"]) == ()
    with pytest.raises(GrammarError, match="has no parameter 'more'"):
        read_parameters("it", "more=1", Item, ["image_shape"])


@pytest.mark.parametrize("model", ["dnn", "untrained-dnn", "cnn", "variational", "residual"])
def test_the_code_has_the_size_that_is_asked_for(model):
    assert probe(f"{model}(code=7)", SHAPE).code_size == 7


def test_the_untrained_variant_keeps_the_settings_and_the_weights():
    assert Named.parse("dnn(code=7)").untrained == "untrained-dnn(code=7)"
    assert Named.parse("untrained-dnn(code=7)").untrained is None
    assert Named.parse("pixels").untrained is None
    one, other = (
        core.build(find(name), SHAPE, 3) for name in ("cnn(code=7)", "untrained-cnn(code=7)")
    )
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_model_that_asks_is_told_the_number_of_clusters():
    assert Named.parse("idec").needs_clusters
    assert not Named.parse("dnn").needs_clusters
    assert find("idec", 4)(SHAPE).centers.shape == (4, 10)
    assert find("idec(code=3)", 4)(SHAPE).centers.shape == (4, 3)
    assert find("dnn", 4) is autoencoders["dnn"]


def test_a_model_with_settings_is_kept_by_the_text_of_its_file():
    assert keys.source(find("dnn(code=7)")) == keys.source(autoencoders["dnn"])
    assert keys.source(find("variational(beta=2)")) != keys.source(autoencoders["dnn"])
