"""JAX: jit, grad, vmap, second order and traced options of the image losses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xloss

from .image_problems import PROBLEMS, every_image_loss


@pytest.fixture(autouse=True)
def strict_jax():
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield


def arrays(loss):
    return [jnp.asarray(x) for x in loss.arrays()]


@every_image_loss
def test_jit_value_and_gradients(loss):
    everything = tuple(range(len(loss.shapes)))

    def total(*arrays):
        value = loss(*arrays)
        return value.sum(), value

    transformed = jax.jit(jax.value_and_grad(total, everything, has_aux=True))
    (_, value), gradients = transformed(*arrays(loss))
    np.testing.assert_allclose(value, loss.expected(*loss.arrays()), rtol=1e-10)
    for got, want in zip(gradients, loss.gradients(*loss.arrays()), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-11)


some_losses = pytest.mark.parametrize(
    "loss",
    [p for p in PROBLEMS if p.name in ("ssim", "ms_ssim", "psnr_loss", "depth")],
    ids=lambda p: p.name,
)


@some_losses
def test_vmap_of_grad_over_samples(loss):
    def total(*sample):
        return loss(*(x[None] for x in sample)).sum()

    got = jax.jit(jax.vmap(jax.grad(total)))(*arrays(loss))
    samples = zip(*(np.split(x, 2) for x in loss.arrays()), strict=True)
    want = np.concatenate([loss.gradients(*sample)[0] for sample in samples])
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-11)


@some_losses
def test_hessian(loss):
    first, *others = (x[:1, :1] if x.shape[1] == 2 else x[:1] for x in loss.arrays())
    fixed = [jnp.asarray(x) for x in others]
    hessian = jax.jit(jax.hessian(lambda x: loss(x, *fixed).sum()))
    want = loss.hessian(first, *others)
    scale = abs(want).max()
    np.testing.assert_allclose(hessian(first), want, rtol=1e-7, atol=1e-9 * scale)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (partial(xloss.ssim_loss, window_size=3), ["max_val", "eps"]),
        (
            partial(xloss.ms_ssim_l1_loss, sigmas=(0.5, 1.0)),
            ["data_range", "alpha", "compensation"],
        ),
        (
            partial(xloss.ms_ssim_loss, window_size=3, power_factors=(0.4, 0.6)),
            ["max_val"],
        ),
        (xloss.psnr_loss, ["max_val"]),
    ],
    ids=["ssim", "ms_ssim_l1", "ms_ssim", "psnr"],
)
def test_traced_options_compile_once(loss, options):
    rng = np.random.default_rng(0)
    pair, traces = jnp.asarray(rng.random((2, 1, 2, 8, 9))), []

    @jax.jit
    def call(x, y, values):
        traces.append(values)
        return loss(x, y, **dict(zip(options, values, strict=True)))

    for start in (0.25, 0.5):
        values = [start + k / 8 for k in range(len(options))]
        want = loss(*np.asarray(pair), **dict(zip(options, values, strict=True)))
        np.testing.assert_allclose(call(*pair, values), want, rtol=1e-11)
        gradient = jax.grad(call, argnums=2)(*pair, values)
        assert np.isfinite(gradient).all()
    assert len(traces) == 1


def test_criteria_are_static_arguments():
    x, y = jnp.asarray(np.random.default_rng(0).random((2, 1, 2, 8, 9)))
    call = jax.jit(lambda loss, x, y: loss(x, y), static_argnums=0)
    for loss in (
        xloss.SSIMLoss(3),
        xloss.MS_SSIMLoss((0.5, 1.0)),
        xloss.MsSsimLoss(3, 1.0, (0.5, 0.5)),
        xloss.PSNRLoss(1.0),
    ):
        np.testing.assert_allclose(call(loss, x, y), loss(*map(np.asarray, (x, y))))


def test_masks_and_weights_under_strict_promotion():
    rng = np.random.default_rng(0)
    images = rng.random((2, 2, 2, 6, 7)).astype(jnp.bfloat16)
    where = rng.random((6, 7)) > 0.5
    weight = np.asarray([1.0, 2.0], np.float32).reshape(2, 1, 1)
    x, y, mask, weights = map(jnp.asarray, (*images, where, weight))
    for loss, shaped in (
        (xloss.SSIMLoss(3), weights[:, None]),
        (xloss.MS_SSIMLoss((0.5, 1.0)), weights),
    ):
        got = jax.jit(loss.__call__)(x, y, where=mask, sample_weight=shaped)
        assert got.dtype == jnp.bfloat16
        wide = images.astype(np.float64)
        want = loss(*wide, where=where, sample_weight=np.asarray(shaped))
        np.testing.assert_allclose(np.float64(got), want, rtol=2**-8)
