"""Promotion, integers and half precision on every library that has them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .problems import every_loss, images


@every_loss
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "bool"])
def test_integers_give_the_float_answer(loss, dtype):
    rng = np.random.default_rng(0)
    high = 2 if dtype == "bool" else 100
    pred, target = (rng.integers(0, high, (2, 3)).astype(dtype) for _ in range(2))
    want = loss.formula(pred.astype(float) - target.astype(float))
    got = loss(pred, target, reduction="none")
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=1e-13)
    as_torch = loss(torch.tensor(pred), torch.tensor(target), reduction="none")
    assert as_torch.dtype == torch.float32
    np.testing.assert_allclose(as_torch, want, rtol=1e-6)
    as_jax = loss(jnp.asarray(pred), jnp.asarray(target), reduction="none")
    assert as_jax.dtype == jnp.float32
    np.testing.assert_allclose(as_jax, want, rtol=1e-6)


def test_uint8_of_20_against_0():
    a, b = np.asarray([20], np.uint8), np.asarray([0], np.uint8)
    for pred, target in ((a, b), (b, a)):
        loss = xloss.charbonnier_loss(pred, target)
        np.testing.assert_allclose(loss, [19.024984394500787], rtol=1e-15)


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ("float32", "float32", "float32"),
        ("float16", "float16", "float16"),
        ("float32", "float64", "float64"),
        ("float16", "float32", "float32"),
        ("uint8", "float16", "float16"),
        ("float32", "int64", "float32"),
        ("longdouble", "longdouble", "longdouble"),
        ("int8", "bool", "float64"),
    ],
)
def test_result_dtype(first, second, result):
    a, b = np.ones(3, first), np.zeros(3, second)
    for reduction in ("none", "mean", "sum"):
        assert xloss.cauchy_loss(a, b, reduction).dtype == result
    if "longdouble" not in (first, second):
        a, b = torch.tensor(a), torch.tensor(b)
        want = "float32" if (first, second) == ("int8", "bool") else result
        assert xloss.cauchy_loss(a, b).dtype == getattr(torch, want)


def test_options_do_not_widen():
    a, b = np.ones(3, np.float32), np.zeros(3, np.float32)
    wide = np.ones(3)
    for loss in (
        xloss.l1_loss(a, b, "none", weight=wide, sample_weight=wide),
        xloss.quantile_loss(a, b, wide, "none"),
        xloss.huber_loss(a, b, "none", delta=np.float64(0.3)),
        xloss.general_robust_loss(a, b, wide, 2 * wide),
    ):
        assert loss.dtype == np.float32


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_is_the_rounded_float32(loss, dtype):
    pred, target = (torch.tensor(x).to(dtype) for x in images())
    for reduction in ("none", "mean"):
        wide = loss(pred.double(), target.double(), reduction=reduction)
        half = loss(pred, target, reduction=reduction)
        assert half.dtype == dtype
        error = (half.double() - wide).abs() / wide.abs().clamp(min=1e-6)
        assert error.max() <= torch.finfo(dtype).eps


@every_loss
def test_half_does_not_overflow_inside(loss):
    pred = np.full(100_000, 300.0, np.float16)  # squares and sums exceed 65504
    want = loss.formula(np.float64(300.0)) if loss.name != "log_cosh" else 299.3
    if want > 65504:  # mse: inf is the rounded answer
        pytest.skip(reason="the loss itself is beyond float16")
    got = loss(pred, np.zeros_like(pred), reduction="mean")
    np.testing.assert_allclose(float(got), want, rtol=1e-3)


@every_loss
def test_autocast_keeps_the_digits(loss):
    pred, target = (torch.tensor(x, dtype=torch.float32) for x in images())
    plain = loss(pred, target, reduction="mean")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = loss(pred, target, reduction="mean")
    assert cast == plain


@every_loss
def test_strict_promotion(loss):
    pred, target = (jnp.asarray(x, jnp.bfloat16) for x in images())
    weight, where = jnp.ones((4,), jnp.float32), jnp.ones((3, 4), bool)
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        out = loss(pred, target, reduction="mean", sample_weight=weight, where=where)
    assert out.dtype == jnp.bfloat16
