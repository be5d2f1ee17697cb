"""Digits of the image losses: offsets, identical and similar images, huge pixels."""

from functools import cache, partial
from inspect import signature

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

import xloss

from . import textbook
from .image_problems import every_image_loss


@cache
def compiled(loss):
    arguments = {"window_size", "reduction", "padding", "power_factors"}
    static = arguments & set(signature(loss).parameters)
    return jax.jit(loss, static_argnames=tuple(static))


def on_every_library(loss, *arrays, **options):
    """Return what NumPy, torch and JAX compute; JAX would round float64 to float32."""
    calls = [loss(*arrays, **options), loss(*map(torch.asarray, arrays), **options)]
    if arrays[0].dtype != np.float64:
        calls.append(compiled(loss)(*arrays, **options))
    return [np.asarray(result) for result in calls]


def exact(loss, x, y, *window_size, **options):
    pair = (torch.tensor(z).double() for z in (x, y))
    return np.asarray(loss(*pair, *window_size, **options))


def with_gradients(loss, x, y):
    """Return the unreduced loss, and the gradients of its mean in both images."""
    leaves = [z.clone().requires_grad_() for z in (x, y)]
    value = loss(*leaves)
    value.mean().backward()
    return value.detach(), [leaf.grad for leaf in leaves]


@pytest.fixture(scope="module")
def photograph():
    """A photograph in [0, 1], (1, 3, 64, 96), with flat parts and edges."""
    pixels = astronaut()[16:80, 180:276] / 255
    return np.moveaxis(pixels, -1, 0)[np.newaxis]


def noisy(image, strength):
    return image + strength * np.random.default_rng(0).standard_normal(image.shape)


def offset_pair(image, degraded, offset):
    """Return two images in float32, which next to the offset rounds their pixels."""
    return [(z + offset).astype(np.float32) for z in (image, degraded)]


@pytest.mark.parametrize(
    "degrade",
    [
        lambda x: noisy(x, 1e-3),
        lambda x: noisy(x, 0.1),
        lambda x: gaussian_filter(x, (0, 0, 2, 2)),
        lambda x: 0.5 * x,
    ],
    ids=["little_noise", "noise", "blur", "dark"],
)
@pytest.mark.parametrize("offset", [0, 100, 1000, 30000])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_ssim_in_float32_at_any_offset(photograph, degrade, offset, padding):
    pair = offset_pair(photograph, degrade(photograph), offset)
    x, y = map(torch.tensor, pair)
    options = {"window_size": 11, "padding": padding}
    formula = partial(textbook.ssim_loss, reduction="none", **options)
    want, slopes = with_gradients(formula, x.double(), y.double())
    for loss in on_every_library(xloss.ssim_loss, *pair, reduction="none", **options):
        error = abs(loss - want.numpy())
        assert error.mean() <= 1e-5
        assert error.max() <= 5e-5
    for loss in on_every_library(xloss.ssim_loss, *pair, **options):
        assert abs(loss - float(want.mean())) <= 1e-5
    _, got = with_gradients(partial(xloss.ssim_loss, **options), x, y)
    for own, slope in zip(got, slopes, strict=True):
        assert (own - slope).abs().max() <= 1e-4 * slope.abs().max()


@pytest.mark.parametrize("window_size", [3, 11])
def test_order_in_memory_costs_no_digits(window_size):
    """NumPy adds up strided float32 one by one: a mean of 30000 is off by 4."""
    pixels = np.moveaxis(astronaut()[:128, 160:320], -1, 0)[np.newaxis] / 255
    pair = offset_pair(pixels, 0.5 * pixels, 30000)
    assert pair[0].strides[1] == pair[0].itemsize  # channels last
    want = exact(textbook.ssim_loss, *pair, window_size, reduction="none")
    loss = xloss.ssim_loss(*pair, window_size, reduction="none")
    assert abs(loss - want).max() <= 5e-5
    assert abs(xloss.ssim_loss(*pair, window_size) - want.mean()) <= 1e-5


@pytest.mark.parametrize("offset", [0, 100, 1000, 30000])
def test_ssim_of_a_negative_in_float32(photograph, offset):
    """The hardest pair: x - y varies by twice the range.

    Its local variance is next to 0 where it is 1 away from the mean of its plane, and
    the square of that is rounded by 6e-8, as a share of C2 = 9e-4.
    """
    pair = offset_pair(photograph, 1 - photograph, offset)
    want = exact(textbook.ssim_loss, *pair, window_size=11, reduction="none")
    options = {"window_size": 11, "reduction": "none"}
    for loss in on_every_library(xloss.ssim_loss, *pair, **options):
        assert abs(loss - want).mean() <= 1e-5
        assert abs(loss - want).max() <= 4 * 6e-8 / 9e-4


@pytest.mark.parametrize("max_val", [1e-3, 0.01, 1.0, 255.0, 65535.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_images_are_exactly_0(photograph, max_val, offset, dtype):
    image = (max_val * (photograph[..., :20, :30] + offset)).astype(dtype)
    losses = [
        (xloss.ssim_loss, {"window_size": 11, "max_val": max_val}),
        (xloss.ms_ssim_l1_loss, {"data_range": max_val}),
        (
            xloss.ms_ssim_loss,
            {"window_size": 5, "max_val": max_val, "power_factors": (0.5, 0.5)},
        ),
    ]
    for x in (image, np.zeros_like(image), np.full_like(image, max_val)):
        # in another order in memory, in which a sum is rounded differently
        same = x, x.copy(order="F")
        for function, options in losses:
            for value in on_every_library(function, *same, **options):
                assert value == 0
            loss = partial(function, **options)
            _, slopes = with_gradients(loss, *map(torch.tensor, same))
            assert all(slope.isfinite().all() for slope in slopes)
        for index in on_every_library(xloss.ssim, *same, window_size=11):
            assert (index == 1).all()


def test_black_images_are_alike_at_any_eps():
    black = np.zeros((1, 1, 12, 12), np.float32)
    for eps in (0.0, 1e-12, 1.0, 1e30):
        assert xloss.ssim_loss(black, black, 11, max_val=0.01, eps=eps) == 0


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("a", "b"), [(0.8, 0.6), (0.0, 1.0), (1000.0, 1000.25), (-0.5, 0.5), (0.0, 0.0)]
)
def test_constant_images_differ_in_luminance_alone(a, b, padding):
    x, y = (np.full((1, 2, 13, 12), v, np.float32) for v in (a, b))
    want = (a - b) ** 2 / (a * a + b * b + 1e-4) / 2
    options = {"window_size": 11, "eps": 0.0, "reduction": "none", "padding": padding}
    for loss in on_every_library(xloss.ssim_loss, x, y, **options):
        np.testing.assert_allclose(loss, want, rtol=1e-5, atol=1e-12)
    leaf = torch.tensor(x, requires_grad=True)
    xloss.ssim_loss(leaf, torch.tensor(y), 11).backward()
    assert leaf.grad.isfinite().all()


def huge_pairs(size, dtype):
    """Pairs whose fourth powers, and at 1e15 squares of sums, overflow float32."""
    rng = np.random.default_rng(0)
    noise, other = rng.standard_normal((2, 1, 2, 14, 15))
    step = np.where(np.arange(15) > 7, 1.0, -1.0) * np.ones((1, 2, 14, 15))
    flat = np.ones_like(step)
    pairs = [
        (noise, other),
        (noise, -noise),
        (noise, 0 * noise),
        (noise, noise * (1 + 1e-6)),
        (step, -step),
        (step, flat),
        (flat, -flat),
        (flat, 1e-15 * noise),
    ]
    return [tuple((size * z).astype(dtype) for z in pair) for pair in pairs]


@pytest.mark.parametrize("max_val", [1e-3, 1.0, 255.0, 65535.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 1e8, 1e15])
def test_huge_pixels_stay_in_range(max_val, dtype, size):
    ranges = [
        (xloss.ssim_loss, {"window_size": 5, "reduction": "none"}, 0, 1),
        (xloss.ssim_loss, {"window_size": 5}, 0, 1),
        (xloss.ssim, {"window_size": 5}, -1, 1),
        (xloss.ms_ssim_loss, {"window_size": 5, "power_factors": (0.5, 0.5)}, 0, 0.5),
    ]
    for pair in huge_pairs(size * max_val, dtype):
        for function, options, low, high in ranges:
            for value in on_every_library(function, *pair, max_val=max_val, **options):
                assert ((value >= low) & (value <= high)).all()
        for value in on_every_library(xloss.ms_ssim_l1_loss, *pair, data_range=max_val):
            assert value >= 0


@pytest.mark.parametrize("strength", [1e-3, 1e-4])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_similar_images_keep_relative_digits(photograph, strength, offset):
    """1 - SSIM of the noise is about 1000 of its squares: 1 - 1e-5 has lost it."""
    pair = offset_pair(photograph, noisy(photograph, strength), offset)
    for ours, theirs, options in (
        (xloss.ssim_loss, textbook.ssim_loss, {"window_size": 11}),
        (xloss.ms_ssim_loss, textbook.ms_ssim_loss, {"power_factors": (0.3, 0.3, 0.4)}),
    ):
        want = exact(theirs, *pair, **options)
        assert 0 < want < 1e-3
        for loss in on_every_library(ours, *pair, **options):
            np.testing.assert_allclose(loss, want, rtol=1e-3)


@every_image_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_is_the_rounded_float64(loss, dtype):
    arrays = [torch.tensor(x).to(dtype) for x in loss.arrays()]
    want = torch.tensor(loss.expected(*(x.double() for x in arrays)))
    got = loss(*arrays)
    assert got.dtype == dtype
    # a unit of the result, and what float32 leaves of a loss near 0
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(got.double(), want, rtol=eps, atol=1e-6)


@every_image_loss
def test_numpy_float16_is_the_rounded_float64(loss):
    arrays = [x.astype(np.float16) for x in loss.arrays()]
    got = loss(*arrays)
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, loss.expected(*arrays), rtol=2**-10, atol=1e-6)


@pytest.mark.parametrize(
    ("residual", "max_val"), [(300.0, 255.0), (60000.0, 1.0), (6e-8, 65504.0)]
)
def test_psnr_does_not_overflow_in_half_precision(residual, max_val):
    image = np.full((2, 3, 4), residual, np.float16)
    want = 20 * np.log10(max_val / float(image[0, 0, 0]))
    for got in on_every_library(xloss.psnr, image, 0 * image, max_val=max_val):
        assert got.dtype == np.float16
        np.testing.assert_allclose(float(got), want, rtol=1e-3)


@pytest.mark.parametrize(("dtype", "top"), [(np.float32, 1e18), (np.float64, 1e150)])
def test_psnr_over_the_range_of_the_dtype(dtype, top):
    for size in (top, 1 / top):
        image = np.full((2, 3), size, dtype)
        for got in on_every_library(xloss.psnr, image, 0 * image, max_val=2 * size):
            np.testing.assert_allclose(got, 20 * np.log10(2), rtol=1e-5)


def test_half_precision_images_of_255():
    """Squares of 255 overflow float16; the moments are those of float32."""
    rng = np.random.default_rng(0)
    pair = np.round(255 * rng.random((2, 1, 2, 16, 16))).astype(np.float16)
    options = {"window_size": 11, "max_val": 255.0}
    want = exact(textbook.ssim_loss, *pair, **options)
    for got in on_every_library(xloss.ssim_loss, *pair, **options):
        np.testing.assert_allclose(float(got), want, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_integers_give_the_float_answer(dtype):
    high = 2 if dtype == "bool" else 200
    pair = np.random.default_rng(0).integers(0, high, (2, 1, 2, 12, 13)).astype(dtype)
    x, y = pair.astype(float)
    mse = ((x - y) ** 2).mean()
    ssim = exact(textbook.ssim_loss, x, y, window_size=11, max_val=255.0)
    variation = sum(abs(np.diff(x, axis=axis)).sum((2, 3)) for axis in (2, 3))
    for function, arrays, options, want in (
        (xloss.ssim_loss, pair, {"window_size": 11, "max_val": 255.0}, ssim),
        (xloss.psnr, pair, {"max_val": 255}, 10 * np.log10(255**2 / mse)),
        (xloss.total_variation, pair[:1], {}, variation),
    ):
        on_numpy, *others = on_every_library(function, *arrays, **options)
        assert on_numpy.dtype == np.float64
        np.testing.assert_allclose(on_numpy, want, rtol=1e-10)
        for got in others:
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, want, rtol=1e-5)


def test_second_order_at_identical_images():
    image = torch.linspace(0, 1, 20, dtype=torch.float64).reshape(1, 1, 4, 5)
    for x in (image, torch.zeros_like(image)):
        got = torch.func.hessian(lambda y, x=x: xloss.ssim_loss(y, x, 3))(x)
        # without the clip, which has no derivative where identical images lie
        want = torch.func.hessian(lambda y, x=x: -textbook.ssim(y, x, 3).mean() / 2)(x)
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)
        for loss in (
            lambda y, x=x: xloss.ms_ssim_l1_loss(y, x, (0.5, 1.0)),
            lambda y, x=x: xloss.ms_ssim_loss(y, x, 1, 1.0, (0.4, 0.6)),
        ):
            assert torch.func.hessian(loss)(x).isfinite().all()
    on_jax = jnp.asarray(image.numpy())
    got = jax.jit(jax.hessian(lambda y: xloss.ssim_loss(y, on_jax, 3)))(on_jax)
    assert np.isfinite(got).all()
