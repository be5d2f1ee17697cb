"""where and sample_weight of the image losses, and pixels that are no numbers."""

from functools import cache

import jax
import numpy as np
import pytest
import torch

import xloss

from .image_problems import WEIGHTED, every_weighted_loss

PROBLEMS = {problem.name: problem for problem in WEIGHTED}
BAD = {
    "nan": np.nan,
    "inf": np.inf,
    "minus_inf": -np.inf,
    "no_data": -3.4e38,  # of float32 rasters
    "fill": 1e10,
}
every_bad_pixel = pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
eager_libraries = pytest.mark.parametrize(
    "asarray", [np.asarray, torch.asarray], ids=["numpy", "torch"]
)


@pytest.fixture(autouse=True)
def float64_jax():
    with jax.enable_x64(True):
        yield


@cache
def compiled(name, reduction):
    loss = PROBLEMS[name]
    return jax.jit(
        lambda *images, **weights: loss(*images, reduction=reduction, **weights)
    )


@cache
def compiled_gradients(name):
    loss = PROBLEMS[name]
    return jax.jit(
        jax.grad(lambda x, y, where: loss(x, y, where=where), argnums=(0, 1))
    )


def on_every_library(loss, images, reduction, **weights):
    """Return what NumPy, torch and JAX compute."""
    results = []
    for asarray in (np.asarray, torch.asarray):
        named = {name: asarray(x) for name, x in weights.items()}
        results.append(loss(*map(asarray, images), reduction=reduction, **named))
    results.append(compiled(loss.name, reduction)(*images, **weights))
    return [np.asarray(result) for result in results]


def map_shape(loss):
    return loss.expected(*loss.arrays(), reduction="none").shape


@every_weighted_loss
@eager_libraries
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_weights_and_masks(loss, asarray, reduction):
    images, shape = loss.arrays(), map_shape(loss)
    rng = np.random.default_rng(1)
    where = rng.random(shape[-1:]) > 0.4
    for weight_shape in ((), (2, *[1] * (len(shape) - 1)), shape):
        weights = {
            "where": where,
            "sample_weight": np.asarray(rng.integers(1, 9, weight_shape) / 4),
        }
        want = loss.expected(*images, reduction=reduction, **weights)
        named = {name: asarray(x) for name, x in weights.items()}
        got = loss(*map(asarray, images), reduction=reduction, **named)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-10)


@every_weighted_loss
def test_an_image_of_weight_0_is_left_out(loss):
    images = loss.arrays()
    weight = np.asarray([0.0, 3.0]).reshape(2, *[1] * (len(map_shape(loss)) - 1))
    want = loss.expected(*(x[1:] for x in images))
    np.testing.assert_allclose(loss(*images, sample_weight=weight), want, rtol=1e-10)


def spoil(loss, bad, image, dtype):
    """Return images with a bad pixel, and the windows of the map that hold it."""
    pixel = (1, 0, *[n // 2 for n in loss.shapes[0][2:]])
    images = [x.astype(dtype) for x in loss.arrays()]
    moved = [x.astype(np.float64) for x in images]
    before = loss.expected(*moved, reduction="none")
    moved[image][pixel] += 0.5
    after = loss.expected(*moved, reduction="none")
    images[image][pixel] = bad
    windows = abs(after - before) > 1e-10  # beyond rounding
    assert windows.any()
    assert not windows.all()
    return images, windows, before


@every_weighted_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -3.4e38])
@pytest.mark.parametrize("image", [0, 1])
def test_a_pixel_that_is_no_number_spoils_its_windows_alone(loss, bad, image):
    images, windows, before = spoil(loss, bad, image, np.float32)
    for value in on_every_library(loss, images, "none"):
        np.testing.assert_array_equal(np.isnan(value), windows)
        np.testing.assert_allclose(value[~windows], before[~windows], rtol=1e-4)
    for reduction in ("mean", "sum"):
        assert np.isnan(loss(*images, reduction=reduction))
        assert loss(*map(torch.tensor, images), reduction=reduction).isnan()


@every_weighted_loss
@every_bad_pixel
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_masked_contributes_nothing(loss, bad, dtype):
    images, windows, before = spoil(loss, bad, 1, dtype)
    tolerance = 1e-4 if dtype == np.float32 else 1e-8
    want = before[~windows].mean()
    for value in on_every_library(loss, images, "mean", where=~windows):
        np.testing.assert_allclose(value, want, rtol=tolerance)
    value = loss(*images, reduction="none", where=~windows)
    np.testing.assert_allclose(value, np.where(windows, 0.0, before), rtol=tolerance)


@every_weighted_loss
@every_bad_pixel
def test_what_is_masked_has_gradient_zero(loss, bad):
    images, windows, _ = spoil(loss, bad, 0, np.float64)
    wanted = loss.gradients(*loss.arrays(), where=~windows)
    leaves = [torch.tensor(x, requires_grad=True) for x in images]
    loss(*leaves, where=torch.tensor(~windows)).backward()
    on_jax = compiled_gradients(loss.name)(*images, ~windows)
    for want, leaf, slope in zip(wanted, leaves, on_jax, strict=True):
        np.testing.assert_allclose(leaf.grad, want, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(slope, want, rtol=1e-8, atol=1e-11)


@every_weighted_loss
@eager_libraries
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts(loss, asarray, reduction):
    x, y = map(asarray, loss.arrays())
    zeros = asarray(np.zeros((2, *[1] * (len(map_shape(loss)) - 1))))
    for value in (
        loss(x, y, reduction=reduction, where=asarray(np.zeros((), bool))),
        loss(x, y, reduction=reduction, sample_weight=zeros),
        loss(x[:0], y[:0], reduction=reduction),
        loss(x[:0], y[:0], reduction=reduction, sample_weight=zeros[:1]),
    ):
        assert value == 0


@every_weighted_loss
def test_nothing_counts_gives_zero_gradient(loss):
    images = loss.arrays()
    nothing = np.zeros(map_shape(loss), bool)
    leaves = [torch.tensor(x, requires_grad=True) for x in images]
    loss(*leaves, where=torch.tensor(nothing)).backward()
    on_jax = compiled_gradients(loss.name)(*images, nothing)
    for leaf, slope in zip(leaves, on_jax, strict=True):
        assert (leaf.grad == 0).all()
        assert (slope == 0).all()


@eager_libraries
def test_empty_batches(asarray):
    images = asarray(np.zeros((0, 3, 8, 8), np.float32))
    depths = asarray(np.zeros((0, 1, 8, 8), np.float32))
    small = xloss.MsSsimLoss(3, power_factors=(0.5, 0.5))
    for value in (
        small(images, images),
        xloss.PSNRLoss(1.0)(images, images),
        xloss.PSNRLoss(1.0, "sum")(images, images),
        xloss.InverseDepthSmoothnessLoss()(depths, images),
        xloss.InverseDepthSmoothnessLoss("sum")(depths, images),
    ):
        assert value == 0
    for result, shape in (
        (xloss.MsSsimLoss(3, 1.0, (0.5, 0.5), "none")(images, images), (0,)),
        (xloss.PSNRLoss(1.0, "none")(images, images), (0,)),
        (xloss.InverseDepthSmoothnessLoss("none")(depths, images), (0,)),
        (xloss.total_variation(images), (0, 3)),
        (xloss.ssim(images, images, 3), (0, 3, 8, 8)),
        (xloss.MS_SSIMLoss(reduction="none")(images, images), (0, 8, 8)),
    ):
        assert tuple(result.shape) == shape


@eager_libraries
def test_a_sample_that_is_no_number_leaves_the_others_alone(asarray):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3, 3, 8, 9))
    depth = rng.random((3, 1, 8, 9))
    x[1, 0, 3, 4] = np.nan
    image, target, idepth = map(asarray, (x, y, depth))
    for per_sample in (
        xloss.MsSsimLoss(3, 1.0, (0.5, 0.5), "none")(image, target),
        xloss.PSNRLoss(1.0, "none")(image, target),
        xloss.InverseDepthSmoothnessLoss("none")(idepth, image),
    ):
        assert np.isnan(np.asarray(per_sample)).tolist() == [False, True, False]
