"""The report's two worked problems."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.worked import __main__, problems
from bench.worked.gated_cell import GatedCell
from bench.worked.linear_embedding import gradient_by_the_report, gradients, loss
from bench.worked.page import cell_table
from bench.worked.picture import draw
from bench.worked.problems import CELL_REPORTED, cell_steps, embedding_cases, run_cell
from tests.conftest import ROOT, run_module

DOUBLE = {"dtype": torch.float64}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


# the gated cell


def test_the_reports_table_to_its_rounding():
    steps = cell_steps(run_cell())
    assert [step.rounded for step in steps] == CELL_REPORTED
    assert all(step.as_reported for step in steps)
    assert [step.t for step in steps] == list(range(1, 9))


def test_the_exact_values_by_plain_arithmetic():
    def sigma(a):
        return 1 / (1 + math.exp(-a))

    c = 0.0
    for step, (z, z_i, z_f, z_o, _, _) in zip(cell_steps(run_cell()), CELL_REPORTED, strict=True):
        c = sigma(z_i) * z + sigma(z_f) * c
        assert step.memory == pytest.approx(c, rel=1e-14)
        assert step.output == pytest.approx(sigma(z_o) * c, rel=1e-14)


@given(
    st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(0, 999)
)
@settings(max_examples=40, deadline=None)
def test_with_tanh_it_is_torchs_lstm_cell_without_recurrence(steps, batch, cells, inputs, seed):
    x, c = drawn(steps, batch, inputs, seed=seed), drawn(batch, cells, seed=seed + 1)
    weights, biases = drawn(4, cells, inputs, seed=seed + 2), drawn(4, cells, seed=seed + 3)
    ours = GatedCell(weights, biases, input_activation=torch.tanh, output_activation=torch.tanh)
    theirs = torch.nn.LSTMCell(inputs, cells, **DOUBLE)
    order = [1, 2, 0, 3]  # torch: input, forget, cell, output
    with torch.no_grad():
        theirs.weight_ih.copy_(weights[order].flatten(0, 1))
        theirs.bias_ih.copy_(biases[order].flatten())
        theirs.weight_hh.zero_()
        theirs.bias_hh.zero_()
    trace = ours(x, c)
    state = (torch.zeros(batch, cells, **DOUBLE), c)
    for step in range(steps):
        state = theirs(x[step], state)
        torch.testing.assert_close(trace.y[step], state[0])
        torch.testing.assert_close(trace.c[step], state[1])


def test_batches_and_single_sequences_agree():
    cell = GatedCell(drawn(4, 2, 3), drawn(4, 2))
    x = drawn(5, 4, 3)
    together = cell(x)
    assert together.y.shape == together.z_f.shape == (5, 4, 2)
    for i in range(4):
        alone = cell(x[:, i])
        assert alone.y.shape == (5, 2)
        torch.testing.assert_close(alone.y, together.y[:, i])


def test_any_number_of_steps_goes_on_from_a_memory():
    cell = GatedCell(drawn(4, 2, 3), drawn(4, 2))
    x = drawn(6, 3)
    whole, first = cell(x), cell(x[:2])
    rest = cell(x[2:], first.c[-1])
    torch.testing.assert_close(torch.cat([first.y, rest.y]), whole.y)
    assert cell(x[:0]).y.shape == (0, 2)


def test_activations_are_arguments():
    weights, biases, x = drawn(4, 1, 2), drawn(4, 1), drawn(3, 2)
    open_gates = GatedCell(weights, biases, gate_activation=torch.ones_like)(x)
    torch.testing.assert_close(open_gates.y, open_gates.z.cumsum(0))


@pytest.mark.parametrize(
    ("weights", "biases", "x"),
    [((3, 1, 2), (3, 1), (5, 2)), ((4, 1, 2), (4, 2), (5, 2)), ((4, 1, 2), (4, 1), (5, 3))],
)
def test_shapes_that_do_not_fit_are_refused(weights, biases, x):
    with pytest.raises(ValueError, match="must have shape"):
        GatedCell(drawn(*weights), drawn(*biases))(drawn(*x))


@pytest.mark.parametrize("wrong", ["input gate", "forget gate", "output gate", "bias"])
def test_a_wrong_cell_fails_the_report(monkeypatch, wrong):
    weights = [list(row) for row in problems.CELL_WEIGHTS]
    biases = list(problems.CELL_BIASES)
    if wrong == "input gate":
        weights[1] = [0, 100, 0, 0]
    if wrong == "forget gate":
        weights[2] = [0, 0, 0, 0]
    if wrong == "output gate":
        weights[3] = [0, 0, -100, 0]
    if wrong == "bias":
        biases[0] = 1
    monkeypatch.setattr(problems, "CELL_WEIGHTS", weights)
    monkeypatch.setattr(problems, "CELL_BIASES", biases)
    assert not all(step.as_reported for step in cell_steps(run_cell()))


# the linear embedding


@st.composite
def cases_drawn(draw):
    """W, W', x and a context of any size, words repeated or not."""
    words, size = draw(st.integers(2, 8)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 9999))
    context = draw(st.lists(st.integers(0, words - 1), min_size=1, max_size=10))
    if draw(st.booleans()):
        x = torch.nn.functional.one_hot(torch.tensor(seed % words), words).double()
    else:
        x = drawn(words, seed=seed + 2)
    return drawn(words, size, seed=seed), drawn(size, words, seed=seed + 1), x, context


def by_autograd(W, W_prime, x, context):
    W, W_prime = W.clone().requires_grad_(), W_prime.clone().requires_grad_()
    return torch.autograd.grad(loss(W, W_prime, x, context), [W, W_prime])


@given(cases_drawn())
@settings(deadline=None)
def test_closed_forms_are_autograds(problem):
    found, (dW, dW_prime) = gradients(*problem), by_autograd(*problem)
    torch.testing.assert_close(found.W, dW, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(found.W_prime, dW_prime, rtol=1e-9, atol=1e-11)


@given(cases_drawn())
@settings(deadline=None)
def test_the_first_line_as_the_report_writes_it(problem):
    """∂L/∂W_{j,i}, entry by entry, with the sums written out."""
    W, W_prime, x, context = problem
    e = torch.exp(W_prime.T @ (W.T @ x))
    expected = torch.zeros_like(W)
    for j in range(W.shape[0]):
        for i in range(W.shape[1]):
            inner = sum(W_prime[i, m] * x[j] * e[m] for m in range(len(e))) / e.sum()
            expected[j, i] = -sum(W_prime[i, c] * x[j] - inner for c in context)
    torch.testing.assert_close(gradients(*problem).W, expected, rtol=1e-9, atol=1e-10)


@given(cases_drawn())
@settings(deadline=None)
def test_the_second_line_holds_for_words_that_stand_once_in_the_context(problem):
    W, W_prime, x, context = problem
    dW_prime = by_autograd(*problem)[1]
    h = W.T @ x
    for word in range(len(W)):
        reported = gradient_by_the_report(W, W_prime, x, context, word)
        times = context.count(word)
        # In general the first term is −n_i h, and not −h.
        torch.testing.assert_close(
            reported - dW_prime[:, word], (times - 1) * h, rtol=1e-8, atol=1e-10
        )


def test_gradcheck():
    x = drawn(5, seed=3)
    for context in ([1, 4], [2, 2, 0]):
        inputs = (drawn(5, 3).requires_grad_(), drawn(3, 5, seed=1).requires_grad_())
        assert torch.autograd.gradcheck(lambda W, P, c=context: loss(W, P, x, c), inputs)


def test_the_loss_is_the_product_as_written():
    W, W_prime, x, context = drawn(6, 2), drawn(2, 6, seed=1), drawn(6, seed=2), [1, 1, 5]
    u = W_prime.T @ (W.T @ x)
    product = math.prod(float(torch.exp(u[c]) / torch.exp(u).sum()) for c in context)
    assert float(loss(W, W_prime, x, context)) == pytest.approx(-math.log(product))


def test_the_loss_does_not_overflow():
    W, W_prime = 1e3 * drawn(4, 2), drawn(2, 4, seed=1)
    assert torch.isfinite(loss(W, W_prime, drawn(4, seed=2), [0, 1]))


@pytest.mark.parametrize("context", [[], [4], [-1]])
def test_contexts_that_are_none_are_refused(context):
    with pytest.raises(ValueError, match="context must be words from 0 to 3"):
        loss(drawn(4, 2), drawn(2, 4), drawn(4), context)


def test_matrices_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="W' must have shape"):
        loss(drawn(4, 2), drawn(4, 2), drawn(4), [0])


def test_cases_are_as_derived_and_the_condition_matters():
    cases = embedding_cases()
    assert all(case.as_derived for case in cases)
    assert [case.report_holds for case in cases] == [True, True, True, False, False]
    for case in cases:
        assert (case.report_difference < problems.TOLERANCE) == case.report_holds


@pytest.mark.parametrize("wrong", ["sign", "count", "transpose"])
def test_a_wrong_formula_is_noticed(monkeypatch, wrong):
    from bench.worked import linear_embedding

    right = linear_embedding.gradients

    def broken(W, W_prime, x, context):
        found = right(W, W_prime, x, context)
        h = W.T @ x
        return linear_embedding.Gradients(
            W=-found.W if wrong == "sign" else found.W,
            W_prime={
                "sign": found.W_prime,
                "count": found.W_prime + torch.outer(h, torch.ones_like(x)),
                "transpose": found.W_prime.flip(1),
            }[wrong],
        )

    monkeypatch.setattr(linear_embedding, "gradients", broken)
    assert not any(case.as_derived for case in embedding_cases())


# the command and the page


def test_the_command_prints_both_and_verifies(tmp_path):
    found = run_module("bench.worked", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    assert "every number verified" in found.stdout
    assert found.stdout.count("  yes") == 8 + 5
    assert "0.0001361936061" in found.stdout


def test_the_page_is_current(tmp_path):
    found = run_module("bench.worked", "--check", ROOT / "docs" / "worked.md", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    (tmp_path / "old.md").write_text("old")
    stale = run_module("bench.worked", "--check", "old.md", cwd=tmp_path)
    assert stale.returncode == 1
    assert "old.md is not current: python -m bench.worked --write old.md" in stale.stderr
    assert run_module("bench.worked", "--write", "old.md", cwd=tmp_path).returncode == 0
    assert run_module("bench.worked", "--check", "old.md", cwd=tmp_path).returncode == 0


def test_the_picture_is_current_and_small(tmp_path):
    """Of the numbers that it draws, which it has in words as well."""
    draw(run_cell(), tmp_path / "cell.png")
    committed = ROOT / "docs" / "images" / "memory-cell.png"
    assert committed.stat().st_size < 100_000
    with Image.open(tmp_path / "cell.png") as drawn, Image.open(committed) as kept:
        assert kept.info["Description"] == drawn.info["Description"]
        assert drawn.info["Description"] == cell_table(cell_steps(run_cell()), "simple")
        assert kept.width == pytest.approx(drawn.width, rel=0.1)  # typefaces differ


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check", "none.md"], "no such file: none.md"),
        (["--write", "no/such/folder.md"], "cannot write no/such/folder.md"),
        (["--picture", "no/such/folder.png"], "cannot write no/such/folder.png"),
        (["--chek", "x"], "No such option"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(tmp_path, arguments, message):
    found = run_module("bench.worked", *arguments, cwd=tmp_path)
    assert found.returncode == 2
    assert message in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_wrong_number_fails_the_command(monkeypatch, capsys):
    monkeypatch.setattr(problems, "CELL_BIASES", [1, -10, 110, -10])
    with pytest.raises(SystemExit) as stop:
        __main__.main([])
    assert stop.value.code == 1
    assert "wrong numbers in t = 1" in capsys.readouterr().out
