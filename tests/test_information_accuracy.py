"""Digits of the divergences: distributions that are nearly alike, and empty cells."""

import jax
import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xloss

APART = 1e-1, 1e-2, 1e-3, 1e-4, 1e-5
"""relative differences of the cells of two distributions"""


def alike(cells, seed=0):
    """Pairs of distributions in float32, a row for each distance."""
    rng = np.random.default_rng(seed)
    target = rng.random((len(APART), cells)) + 0.1
    target /= target.sum(-1, keepdims=True)
    noise = rng.standard_normal(target.shape)
    noise -= (noise * target).sum(-1, keepdims=True)
    noise /= abs(noise).max(-1, keepdims=True)
    pred = target * (1 + np.reshape(APART, (-1, 1)) * noise)
    return pred.astype(np.float32), target.astype(np.float32)


def exact_kl(p, t):
    value = mp.fsum(b * mp.log(b / a) for a, b in zip(p, t, strict=True))
    slopes = [(-b / a, mp.log(b / a) + 1) for a, b in zip(p, t, strict=True)]
    return value, slopes


def exact_js(p, t):
    pairs = list(zip(p, t, strict=True))
    slopes = [
        (mp.log(2 * a / (a + b)) / 2, mp.log(2 * b / (a + b)) / 2) for a, b in pairs
    ]
    terms = [a * s + b * u for (a, b), (s, u) in zip(pairs, slopes, strict=True)]
    return mp.fsum(terms), slopes


def exact(formula, pred, target):
    """Values (rows,) and slopes (2, rows, cells) of positive distributions."""
    values, slopes = [], []
    with mp.workdps(40):
        for p, t in zip(pred, target, strict=True):
            numbers = [[mp.mpf(float(x)) for x in row] for row in (p, t)]
            value, both = formula(*numbers)
            values.append(float(value))
            slopes.append(np.asarray(both, dtype=float).T)
    return np.asarray(values), np.stack(slopes, axis=1)


DIVERGENCES = [(xloss.kl_div_loss, exact_kl), (xloss.js_div_loss, exact_js)]
every_divergence = pytest.mark.parametrize(
    ("loss", "formula"), DIVERGENCES, ids=["kl", "js"]
)


def on_torch(loss, pred, target):
    leaves = [torch.tensor(x, requires_grad=True) for x in (pred, target)]
    value = loss(*leaves, reduction="none")
    value.sum().backward()
    return value.detach().numpy(), np.stack([leaf.grad.numpy() for leaf in leaves])


def on_jax(loss, pred, target):
    def total(p, t):
        value = loss(p, t, reduction="none")
        return value.sum(), value

    slopes, value = jax.jit(jax.grad(total, (0, 1), has_aux=True))(pred, target)
    return np.asarray(value), np.stack([np.asarray(x) for x in slopes])


def assert_digits(got, want, rtol):
    """A value; a slope, beside the largest of its distribution."""
    (value, slopes), (exact_value, exact_slopes) = got, want
    np.testing.assert_allclose(value, exact_value, rtol=rtol)
    error = abs(slopes - exact_slopes).max(-1)
    assert (error <= 1e-6 * abs(exact_slopes).max(-1)).all()


CELLS = [2, 64, 4096]
# For differences beyond a tenth the KL of few cells is that of the logarithm: its
# rounding errors are of first order in the difference, the divergence of second.
RTOL = {"kl_div_loss": 1e-5, "js_div_loss": 1e-6}


@every_divergence
@pytest.mark.parametrize("cells", CELLS)
def test_nearly_equal_distributions(loss, formula, cells):
    pair = alike(cells)
    want, rtol = exact(formula, *pair), RTOL[loss.__name__]
    value = loss(*pair, reduction="none")
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, want[0], rtol=rtol)
    np.testing.assert_allclose(value[1:], want[0][1:], rtol=1e-6)
    assert_digits(on_torch(loss, *pair), want, rtol)
    assert_digits(on_jax(loss, *pair), want, rtol)


@every_divergence
def test_nearly_equal_heat_maps(loss, formula):
    pair = alike(60)
    want, _ = exact(formula, *pair)
    maps = [x.reshape(1, len(APART), 6, 10) for x in pair]
    of_maps = getattr(xloss, f"{loss.__name__}_2d")
    got = of_maps(*maps, reduction="none")[0]
    np.testing.assert_allclose(got, want, rtol=RTOL[loss.__name__])
    on_tensors = of_maps(*map(torch.tensor, maps), reduction="none")[0]
    np.testing.assert_allclose(on_tensors, want, rtol=RTOL[loss.__name__])


# Remove the mark with the last use of atanh in the divergences.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@pytest.mark.parametrize(
    ("loss", "formula"),
    DIVERGENCES,
    ids=["kl", "js"],
)
def test_a_compiler_keeps_the_digits(loss, formula):
    """Of 64 cells: as many as a compiler takes at once."""
    torch._dynamo.reset()
    pair = alike(64)
    compiled = torch.compile(loss, fullgraph=True)
    assert_digits(on_torch(compiled, *pair), exact(formula, *pair), 1e-6)


@pytest.mark.parametrize("library", [np.asarray, torch.asarray])
def test_half_precision_rounds_once(library):
    rng = np.random.default_rng(0)
    p, t = rng.random((2, 3, 40))
    p, t = (x / x.sum(-1, keepdims=True) for x in (p, t))
    pair = [library(x.astype(np.float16)) for x in (p, t)]
    for loss, formula in DIVERGENCES:
        got = loss(*pair, reduction="none")
        assert got.dtype == pair[0].dtype
        want, _ = exact(formula, *map(np.float64, pair))
        np.testing.assert_allclose(np.float64(got), want, rtol=2**-10)


def empty_cells():
    """Cells of a target, of a prediction, of neither; and a denormal one."""
    pred = np.asarray([[0.5, 0.25, 0.25, 0.0], [0.0, 0.5, 0.5, 0.0]], np.float32)
    target = np.asarray([[0.0, 0.5, 0.5, 0.0], [0.5, 0.5, 0.0, 1e-42]], np.float32)
    return pred, target


def test_empty_cells_of_kl():
    pred, target = empty_cells()
    for value, (in_pred, in_target) in (
        on_torch(xloss.kl_div_loss, pred, target),
        on_jax(xloss.kl_div_loss, pred, target),
    ):
        np.testing.assert_allclose(value, [np.log(2), np.inf], rtol=1e-6)
        np.testing.assert_allclose(in_pred[0], [0, -2, -2, 0], rtol=1e-6)
        slope = np.log(2) + 1
        np.testing.assert_allclose(in_target[0], [0, slope, slope, 0], rtol=1e-6)
        # the cell that makes it infinite has no finite slope; the others have theirs
        np.testing.assert_allclose(in_pred[1, 1:], [-1, 0, 0], rtol=1e-6)
        np.testing.assert_allclose(in_target[1, 1:], [1, 0, 0], rtol=1e-6)
    got = xloss.kl_div_loss(pred, target, reduction="none")
    np.testing.assert_allclose(got, [np.log(2), np.inf], rtol=1e-6)


def test_empty_cells_of_js():
    """ln 2 /2 times the other, with its slope; the slope of the empty one is 0."""
    pred = np.asarray([[1.0, 0.0, 0.0, 0.5], [0.25, 0.5, 0.0, 0.25]], np.float32)
    target = np.asarray([[0.0, 1.0, 0.0, 0.5], [0.75, 0.0, 0.0, 0.25]], np.float32)
    half = np.log(2) / 2
    cell = 0.5 * (0.25 * np.log(0.5) + 0.75 * np.log(1.5))
    for value, (in_pred, in_target) in (
        on_torch(xloss.js_div_loss, pred, target),
        on_jax(xloss.js_div_loss, pred, target),
    ):
        np.testing.assert_allclose(value, [2 * half, half / 2 + cell], rtol=1e-6)
        np.testing.assert_allclose(in_pred[0], [half, 0, 0, 0], rtol=1e-6)
        np.testing.assert_allclose(in_target[0], [0, half, 0, 0], rtol=1e-6)
        slopes = [np.log(0.5) / 2, half, 0, 0]
        np.testing.assert_allclose(in_pred[1], slopes, rtol=1e-6)
        np.testing.assert_allclose(in_target[1], [np.log(1.5) / 2, 0, 0, 0], rtol=1e-6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    arrays(np.float32, (2, 5), elements=st.floats(0, 1, width=32)),
    st.sampled_from([0.0, 1e-7, 1e-4, 1.0]),
)
def test_jensen_shannon_is_never_negative(drawn, apart):
    """Of any two arrays that are not negative, equal and nearly equal ones too."""
    target = drawn[0]
    pred = target + np.float32(apart) * drawn[1]
    for got in (
        xloss.js_div_loss(pred, target),
        xloss.js_div_loss(*map(torch.asarray, (pred, target))),
    ):
        assert got >= 0
        assert np.isfinite(float(got))
    slopes = on_torch(xloss.js_div_loss, pred[None], target[None])[1]
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize(
    ("loss", "slope"), [(xloss.kl_div_loss, 1), (xloss.js_div_loss, 0)]
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equal_distributions(loss, slope, dtype):
    p = np.random.default_rng(0).random((3, 50)).astype(dtype)
    p[:, 0] = 0
    value, (in_pred, in_target) = on_torch(loss, p, p)
    for got in (value, loss(p, p, reduction="none")):
        np.testing.assert_array_equal(got, 0.0)
    for got, want in ((in_pred, -slope), (in_target, slope)):
        np.testing.assert_allclose(got[:, 1:], want, rtol=2 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(got[:, 0], 0.0)
