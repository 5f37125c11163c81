import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.checks import MOST_SETTING
from bench.base.grammar import split_list
from bench.base.registry import UnknownNameError
from reducers.chain import Chain, ChainError, Link, chain_in_words
from reducers.tsne import TSNE


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("none", "none"),
        ("pca128+tsne2", "PCA 128 and t-SNE"),
        ("normalize+pca64+umap8(min_dist=0)", "normalization, PCA 64 and UMAP 8"),
        ("pca16(whiten=true)", "PCA 16"),
        ("of-a-plugin7", "of-a-plugin7"),
    ],
)
def test_a_chain_in_words(chain, words):
    assert chain_in_words(chain) == words


def links():
    """Canonical links of every registered kind, parameters that differ from the default."""
    dimensions = st.integers(1, MOST_SETTING)
    tsne = st.fixed_dictionaries(
        {},
        optional={
            "perplexity": st.floats(1, 1e4).filter(lambda v: v != 30),
            "iterations": st.integers(1, 10**5).filter(lambda v: v != 500),
            "method": st.sampled_from(["bh", "fft"]),
        },
    )
    umap = st.fixed_dictionaries(
        {},
        optional={
            "fast": st.just(True),
            "min_dist": st.floats(0, 1).filter(lambda v: v != 0.1),
            "n_neighbors": st.integers(2, 999).filter(lambda v: v != 15),
        },
    )

    def link(name, parameters):
        return st.builds(
            lambda number, found: Link(name, number, tuple(sorted(found.items()))),
            dimensions,
            parameters,
        )

    none = st.just({})
    return st.one_of(link("pca", none), link("kpca", none), link("tsne", tsne), link("umap", umap))


@given(st.lists(links(), min_size=1, max_size=4).map(lambda found: Chain(tuple(found))))
def test_parse_inverts_str(chain):
    assert Chain.parse(str(chain)) == chain


@given(st.lists(links(), min_size=1, max_size=3).map(lambda found: Chain(tuple(found))))
def test_spaces_do_not_matter(chain):
    spaced = "".join(f" {c} " if c in "+(),=" else c for c in str(chain))
    assert Chain.parse(spaced) == chain


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        chain = Chain.parse(text)
    except (ChainError, UnknownNameError):
        return
    assert Chain.parse(str(chain)) == chain


@given(st.text(alphabet="pcatsneu0128+()=,. ", max_size=30))
def test_text_near_the_grammar_is_read_or_refused(text):
    try:
        chain = Chain.parse(text)
    except (ChainError, UnknownNameError):
        return
    assert Chain.parse(str(chain)) == chain


@given(st.lists(links(), min_size=1, max_size=3), st.integers(1, 4))
def test_lists_split_at_commas_outside_of_parentheses(found, times):
    text = str(Chain(tuple(found)))
    assert split_list(", ".join([text] * times)) == [text] * times


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("pca128+tsne2", "pca128+tsne2"),
        ("pca64", "pca64"),
        ("umap2", "umap2"),
        ("umap", "umap2"),
        ("tsne", "tsne2"),
        ("none", "none"),
        ("pca064", "pca64"),
        ("tsne2(perplexity=30)", "tsne2"),
        ("tsne2()", "tsne2"),
        ("pca8(whiten=True)", "pca8(whiten=true)"),
        ("pca8(whiten=false)", "pca8"),
        ("torchdr-umap", "torchdr-umap2"),
        ("tsne2(perplexity=50.0)", "tsne2(perplexity=50)"),
        ("pca128+tsne2(perplexity=5e1)", "pca128+tsne2(perplexity=50)"),
        ("umap2(n_neighbors=5,fast=TRUE)", "umap2(fast=true,n_neighbors=5)"),
        ("umap2(min_dist=0.25)", "umap2(min_dist=0.25)"),
    ],
)
def test_one_thing_is_written_one_way(text, canonical):
    assert str(Chain.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read ''"),
        ("pca128+", "cannot read ''"),
        ("pca-5", "cannot read 'pca-5'"),
        ("pca1.5", "cannot read 'pca1.5'"),
        ("tsne2(perplexity=50", "cannot read"),
        ("tsne2 perplexity=50", "cannot read"),
        ("pca", "pca needs a number of dimensions, such as pca64"),
        ("none5", "none takes no number"),
        ("none+pca5", "none cannot be combined with others"),
        ("tsne2(perplexty=5)", "did you mean 'perplexity'"),
        ("tsne2(random_state=5)", "no parameter 'random_state'"),
        ("svd5(whiten=true)", "it has none"),
        ("tsne2(perplexity=high)", "perplexity must be a number, found 'high'"),
        ("tsne2(perplexity=inf)", "must be finite"),
        ("tsne2(iterations=1.5)", "iterations must be a whole number"),
        ("umap2(fast=1)", "fast must be true or false"),
        ("tsne2(perplexity=5,perplexity=6)", "given twice"),
        ("tsne2(perplexity)", "key=value"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(ChainError) as error:
        Chain.parse(text)
    assert message in str(error.value)
    assert repr(text) in str(error.value)


def test_unknown_reducers_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="did you mean 'tsne'"):
        Chain.parse("pca5+tnse2")


def test_build_hands_over_settings_seed_and_threads():
    (link,) = Chain.parse("tsne3(perplexity=7)").links
    reducer = link.build(random_state=11, n_jobs=2)
    assert isinstance(reducer, TSNE)
    assert reducer.get_params() == {
        "n_components": 3,
        "perplexity": 7.0,
        "early_exaggeration": 12.0,
        "iterations": 500,
        "method": "auto",
        "random_state": 11,
        "n_jobs": 2,
    }
