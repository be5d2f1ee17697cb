"""Digits of information, erosion and correlation: constants, offsets, ranges, ends."""

from functools import cache, partial

import jax
import numpy as np
import pytest
import torch

import xloss

from .information_problems import INFORMATION, by_name, every, mostly_wrong, signals

every_library = pytest.mark.parametrize("library", ["numpy", "torch", "jax"])


@cache
def on_jax(loss, options=()):
    """Compiled once for all tests that meet the loss with the same shapes."""
    return jax.jit(partial(loss, **dict(options)))


def call(library, loss, *arrays, **options):
    """Return the value as a NumPy array."""
    if library == "jax":
        return np.asarray(on_jax(loss, tuple(options.items()))(*arrays))
    asarray = torch.asarray if library == "torch" else np.asarray
    return np.asarray(loss(*map(asarray, arrays), **options))


@cache
def gradient_on_jax(loss):
    def total(*arrays):
        result = loss(*arrays)
        return result.sum(), result

    return jax.jit(jax.grad(total, has_aux=True))


def with_gradients(loss, *arrays):
    """Values of torch and JAX, and the slopes of their sums in the first array."""
    leaf = torch.tensor(arrays[0], requires_grad=True)
    value = loss(leaf, *map(torch.asarray, arrays[1:]))
    value.sum().backward()
    slope, of_jax = gradient_on_jax(loss)(*arrays)
    return [
        (value.detach().numpy(), leaf.grad.numpy()),
        (np.asarray(of_jax), np.asarray(slope)),
    ]


CONSTANTS = [
    ("mutual_information_loss", 0.0),
    ("normalized_mutual_information_loss", -1.0),
]


@every_library
@pytest.mark.parametrize(("name", "want"), CONSTANTS)
def test_constants_share_nothing(library, name, want):
    flat = np.full(70, 0.3, np.float32)
    other = np.random.default_rng(0).random(70, np.float32)
    loss = getattr(xloss, name)
    assert call(library, loss, flat, flat) == want
    for pair in ((flat, other), (other, flat)):
        np.testing.assert_allclose(call(library, loss, *pair), want, atol=1e-12)


@pytest.mark.parametrize(("name", "want"), CONSTANTS)
@pytest.mark.parametrize("kernel", ["xu", "rectangular", "truncated_gaussian"])
def test_constants_in_several_bins_share_nothing(name, want, kernel):
    flat = np.full(70, 0.3, np.float32)
    options = {"kernel_function": kernel, "window_radius": 2.5}
    for library in ("numpy", "torch"):
        got = call(library, getattr(xloss, name), flat, flat, **options)
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize(("name", "want"), CONSTANTS)
def test_constants_have_no_slope(name, want):
    flat, other = (
        np.full((2, 40), 7.0, np.float32),
        signals(np.random.default_rng(0), (2, 40))[0].astype(np.float32),
    )
    loss = getattr(xloss, name)
    for pair in ((flat, flat), (flat, other)):
        for value, slope in with_gradients(loss, *pair):
            np.testing.assert_allclose(value, want, atol=2e-6)
            np.testing.assert_array_equal(slope, 0.0)


@every_library
def test_a_million_samples(library):
    """Sums of 2^20 shares in float32 would lose three digits."""
    rng = np.random.default_rng(0)
    x = rng.random(2**20, np.float32)
    y = (x**2 + 0.1 * rng.random(2**20, np.float32)).astype(np.float32)
    for name, _ in CONSTANTS:
        loss = getattr(xloss, name)
        want = loss(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(call(library, loss, x, y), want, rtol=1e-6)


def difference(loss, x, y, place, step):
    """The central difference of the loss in one sample."""
    ends = []
    for side in (-step, step):
        moved = x.copy()
        moved[place] += side
        ends.append(loss(moved, y))
    return (ends[1] - ends[0]) / (2 * step)


@pytest.mark.parametrize("radius", [1.0, 1.7])
@pytest.mark.parametrize("kernel", ["xu", "truncated_gaussian"])
@pytest.mark.parametrize("name", [name for name, _ in CONSTANTS])
def test_slopes_at_the_two_extreme_samples(name, kernel, radius):
    """Which move every other sample.

    The xu kernel has a kink at distance 0, where an extreme sample lies; its own share
    does not move with it, so that the loss is smooth in it.
    """
    x, y = signals(np.random.default_rng(0), (40,))
    options = {"kernel_function": kernel, "num_bins": 9, "window_radius": radius}

    def loss(x, y):
        return getattr(xloss, name)(x, y, **options)

    leaf = torch.tensor(x, requires_grad=True)
    loss(leaf, torch.tensor(y)).backward()
    for place in (x.argmin(), x.argmax()):
        want = difference(loss, x, y, place, 1e-7)
        assert abs(want) > 1e-3
        np.testing.assert_allclose(leaf.grad[place], want, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["xu", "truncated_gaussian"])
def test_a_sample_on_a_bin_has_slope_0(kernel):
    """By the kernel's own slope there, 0: the mean of those on both sides is not."""
    x, y = signals(np.random.default_rng(0), (60,))
    x = 8 * x
    x[:3] = 0, 8, 3
    loss = partial(xloss.mutual_information_loss, kernel_function=kernel, num_bins=9)
    for _, slope in with_gradients(loss, x, y):
        assert slope[2] == 0
        assert (slope[3:] != 0).all()


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1.0, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@every_library
def test_any_range_and_offset(library, size, offset):
    """What float32 leaves of the samples, as they are in float64."""
    x, y = signals(np.random.default_rng(0), (2, 50))
    with np.errstate(over="ignore"):
        x = (size * x + offset * size).astype(np.float32)
        y = (y / size).astype(np.float32)
    for name, _ in CONSTANTS:
        loss = getattr(xloss, name)
        want = loss(x.astype(np.float64), y.astype(np.float64), num_bins=8)
        got = call(library, loss, x, y, num_bins=8)
        np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "library"),
    [
        (1e-30, "torch"),
        (1e-30, "jax"),
        (1e30, "torch"),
        (1e30, "jax"),
        (3e38, "torch"),
    ],
)
def test_slopes_of_any_range_are_finite(size, library):
    x, y = signals(np.random.default_rng(0), (2, 50))
    x, y = (size * x).astype(np.float32), y.astype(np.float32)
    for name, _ in CONSTANTS:
        results = with_gradients(getattr(xloss, name), x, y)
        value, slope = results[library == "jax"]
        assert np.isfinite(value).all()
        assert np.isfinite(slope).all()


@every([p for p in INFORMATION if "mask" not in p.name])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_information_in_half_precision(loss, dtype):
    x, y = [torch.tensor(z).to(getattr(torch, dtype)) for z in loss.arrays()]
    got = loss.on(torch.tensor)(x.requires_grad_(), y)
    assert got.dtype == x.dtype
    got.sum().backward()
    assert x.grad.isfinite().all()
    want = loss.expected(*(z.detach().double().numpy() for z in (x, y)))
    # where a sample lies is rounded in float32
    rtol = torch.finfo(x.dtype).eps
    np.testing.assert_allclose(got.detach().double(), want, rtol=rtol, atol=1e-5)


def test_a_uniform_error_below_the_threshold_is_no_loss():
    """Of sqrt(1/2): nothing outlasts the first erosion, and nothing has a slope."""
    labels = np.zeros((1, 1, 6, 7), int)
    labels[..., 2:4, 2:5] = 1
    own = np.concatenate([labels == 0, labels == 1], 1)
    for error, lost in ((0.3, 0), (0.5, 0), (0.7, 0), (0.72, 1), (0.9, 1)):
        pred = np.where(own, 1 - error, error).astype(np.float32)
        results = with_gradients(xloss.hausdorff_er_loss, pred, labels)
        for value, slope in results:
            assert (value > 0) == lost
            assert (abs(slope).max() > 0) == lost


def test_halves_are_no_loss_on_any_library():
    pred = np.full((1, 3, 5, 5), 0.5, np.float32)
    labels = np.random.default_rng(0).integers(0, 3, (1, 1, 5, 5))
    assert xloss.hausdorff_er_loss(pred, labels) == 0
    for value, slope in with_gradients(xloss.hausdorff_er_loss, pred, labels):
        assert value == 0
        np.testing.assert_array_equal(slope, 0.0)


def test_a_mean_error_of_one_half_has_slope_0():
    """Of errors of 1/4, 1, 1/4; beside larger ones."""
    pred = np.asarray([0.5, 0, 0.5, 1, 1, 1, 0, 0, 0, 1], np.float32).reshape(1, 1, 10)
    labels = np.zeros((1, 1, 10), int)
    for value, slope in with_gradients(xloss.HausdorffERLoss(k=1), pred, labels):
        assert value > 0
        np.testing.assert_array_equal(slope[..., :3], 0.0)
        assert (slope[..., 6:9] != 0).all()


def test_erosions_of_equal_maxima_share_the_slope():
    """Mirrored errors have mirrored slopes, however many pixels are the largest."""
    labels = np.zeros((1, 1, 5, 8), int)
    pred = np.full((1, 1, 5, 8), 0.95)
    pred[..., 1:4, 1:7] = 0.05  # of the class
    for _, slope in with_gradients(xloss.HausdorffERLoss(k=3), pred, labels):
        assert abs(slope).max() > 0
        for axis in (2, 3):
            np.testing.assert_allclose(np.flip(slope, axis), slope, atol=1e-9)


def test_erosion_in_half_precision():
    pred, labels = mostly_wrong(np.random.default_rng(0), (1, 2, 8, 8))
    for dtype in (torch.float16, torch.bfloat16):
        half = torch.tensor(pred).to(dtype)
        got = xloss.hausdorff_er_loss(half, torch.tensor(labels), k=3)
        want = xloss.hausdorff_er_loss(half.double().numpy(), labels, k=3)
        np.testing.assert_allclose(float(got), want, rtol=torch.finfo(dtype).eps)


def exact_dissimilarity(x, y):
    """1 - r as 1 - r² over 1 + r, in which the difference is one of the planes."""
    losses = np.zeros(x.shape[:2])
    for place in np.ndindex(losses.shape):
        a, b = (np.longdouble(z[place]) for z in (x, y))
        a, b = a - a.mean(), b - b.mean()
        rest = b - (a * b).sum() / (a * a).sum() * a
        square = (rest * rest).sum() / (b * b).sum()
        losses[place] = square / (1 + np.sqrt(1 - square))
    return losses


@pytest.mark.parametrize("apart", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("offset", [0, 100])
def test_correlation_of_images_that_are_nearly_alike(apart, offset):
    """A small loss keeps its digits, as 1 - r would not: of the same float32 pixels."""
    rng = np.random.default_rng(0)
    x = rng.random((2, 2, 16, 16)) + offset
    y = (2 * x + apart * (1 + offset / 10) * rng.random(x.shape)).astype(np.float32)
    x = x.astype(np.float32)
    want = exact_dissimilarity(x, y)
    got = xloss.ncc_loss(x, y, "none")
    for value in (got, *(v for v, _ in with_gradients(xloss.NccLoss("none"), x, y))):
        # the rounding errors of the planes, beside by how much they are apart
        rtol = 4 * np.finfo(np.float32).eps / apart
        np.testing.assert_allclose(value, want, rtol=max(rtol, 1e-5))


def test_correlation_of_a_constant_image():
    x = np.random.default_rng(0).random((2, 1, 5, 6), np.float32)
    flat = np.full_like(x, 0.1)
    for pair in ((flat, x), (x, flat), (flat, flat)):
        assert xloss.ncc_loss(*pair) == 1
        assert xloss.lncc_loss(*pair, 3) == 1
        for criterion in (xloss.NccLoss(), xloss.LnccLoss(3)):
            for value, slope in with_gradients(criterion, *pair):
                assert value == 1
                np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e2, 1e4])
def test_local_correlation_stays_in_its_range(offset):
    """Flat patches among others, on top of an offset: no variance is negative."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 2, 1, 24, 24))
    x[:, :, 4:14, 4:14] = 0.5
    y[:, :, 8:20, 8:20] = 0.25
    x, y = ((z + offset).astype(np.float32) for z in (x, y))
    results = with_gradients(xloss.LnccLoss(5, "none"), x, y)
    for value in (xloss.lncc_loss(x, y, 5, "none"), *(v for v, _ in results)):
        assert value.min() >= 0
        assert value.max() <= 1
        # centres whose windows are flat in one of the two
        np.testing.assert_array_equal(value[:, :, 6:12, 6:12], 1.0)
        np.testing.assert_array_equal(value[:, :, 10:18, 10:18], 1.0)
    for _, slope in results:
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("offset", [0, 100])
def test_local_correlation_keeps_its_digits(offset):
    x, y = signals(np.random.default_rng(0), (1, 1, 12, 13))
    x, y = ((z + offset).astype(np.float32) for z in (x, y))
    want = by_name["lncc"].expected(x, y, reduction="none")
    for value in (
        xloss.lncc_loss(x, y, 5, "none"),
        *(v for v, _ in with_gradients(xloss.LnccLoss(5, "none"), x, y)),
    ):
        np.testing.assert_allclose(value, want, atol=2e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "criterion", [xloss.NccLoss("none"), xloss.LnccLoss(5, "none")]
)
def test_correlation_in_half_precision(criterion, dtype):
    pair = signals(np.random.default_rng(0), (1, 2, 9, 9))
    x, y = (torch.tensor(z).to(dtype) for z in pair)
    got = criterion(x.requires_grad_(), y)
    assert got.dtype == dtype
    got.sum().backward()
    assert x.grad.isfinite().all()
    want = criterion(*(z.detach().double().numpy() for z in (x, y)))
    eps = torch.finfo(dtype).eps
    np.testing.assert_allclose(got.detach().double(), want, rtol=eps, atol=1e-5)
