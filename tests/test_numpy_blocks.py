"""NumPy's block loop: every layout, dtype and weight shape, above one block."""

import tracemalloc

import numpy as np
import pytest

import xloss
from xloss._core.numpy_blocks import BLOCK

from .problems import every_loss, images

SHAPE = (3, 5, 151, 153)
assert np.prod(SHAPE) > 4 * BLOCK  # several blocks, and a partial one


@pytest.fixture(scope="module")
def pair():
    return images(SHAPE)


def layouts(x):
    return {
        "contiguous": x,
        "fortran": np.asfortranarray(x),
        "reversed": x[:, :, ::-1, ::-1][:, :, ::-1, ::-1],
        "transposed": np.ascontiguousarray(x.swapaxes(0, 3)).swapaxes(0, 3),
        "strided": np.repeat(x, 2, axis=-1)[..., ::2],
    }


@every_loss
def test_blocks_give_the_formula(loss, pair):
    pred, target = pair
    want = loss.formula(pred - target)
    got = loss(pred, target, reduction="none")
    # atol: the textbook forms subtract numbers near 1
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        loss(pred, target, reduction="mean"), want.mean(), rtol=1e-12
    )


@pytest.mark.parametrize("layout", ["fortran", "reversed", "transposed", "strided"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_layouts_and_dtypes(pair, layout, dtype):
    pred, target = (x.astype(dtype) for x in pair)
    want = np.abs(pred.astype(np.float64) - target.astype(np.float64))
    got = xloss.l1_loss(layouts(pred)[layout], target, "none")
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, rtol=np.finfo(dtype).eps)
    mean = xloss.l1_loss(layouts(pred)[layout], layouts(target)[layout])
    np.testing.assert_allclose(mean, want.mean(), rtol=np.finfo(dtype).eps)


def test_weights_masks_and_options_broadcast(pair):
    pred, target = pair
    rng = np.random.default_rng(0)
    where, weight = rng.random(SHAPE[1:]) > 0.3, rng.random((3, 1, 1, 1))
    quantiles = rng.random(SHAPE[-1])
    residual = pred - target
    loss = np.maximum(-quantiles * residual, (1 - quantiles) * residual)
    kept = where * weight * np.ones(SHAPE)
    options = {"where": where, "sample_weight": weight}
    got = xloss.quantile_loss(pred, target, quantiles, **options)
    np.testing.assert_allclose(got, (kept * loss).sum() / kept.sum(), rtol=1e-12)
    got = xloss.quantile_loss(pred, target, quantiles, "none", **options)
    np.testing.assert_allclose(got, kept * loss, rtol=1e-12)


def test_uint8_does_not_wrap():
    a, b = np.full(2 * BLOCK, 20, np.uint8), np.zeros(2 * BLOCK, np.uint8)
    want = np.sqrt(401) - 1
    for pred, target in ((a, b), (b, a), (a[:3], b[:3])):
        got = xloss.charbonnier_loss(pred, target, "mean")
        np.testing.assert_allclose(got, want, rtol=1e-15)


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_extra_memory_is_a_few_blocks(loss, reduction):
    pred, target = (np.ones(4_000_000, np.float32) for _ in range(2))
    loss(pred[:10], target[:10])  # whatever is imported or cached once
    tracemalloc.start()
    result = loss(pred, target, reduction=reduction)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - result.nbytes < 16 * 2**20


def test_overflow_is_silent_and_inputs_stay(recwarn):
    pred = np.asarray([1e30, np.inf, np.nan, 1.0], np.float32)
    pred.flags.writeable = False
    xloss.cauchy_loss(pred, np.zeros(4, np.float32))
    assert not recwarn


def test_scalars_come_back_as_scalars():
    x = np.float32(2.0)
    for result in (xloss.mse_loss(x, x), xloss.mse_loss(x, x, "none")):
        assert isinstance(result, np.float32)


@pytest.mark.parametrize("far", [0.0, -1000.0, np.inf])
def test_log_cosh_with_and_without_one_residual_far_away(far):
    """Without one, nothing is clipped."""
    residual = np.linspace(-30.0, 30.0, 5000)
    residual[7] = far
    want = np.logaddexp(residual, -residual) - np.log(2.0)
    got = xloss.log_cosh_loss(residual, np.zeros(5000), "none")
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)
