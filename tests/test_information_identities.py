"""What divergences, erosion, information and correlation are invariant to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xloss

from .information_problems import (
    INFORMATION,
    distributions,
    every,
    mask,
    mostly_wrong,
    signals,
)

quickly = settings(max_examples=60, deadline=None, derandomize=True)
EXACT = {"rtol": 1e-12, "atol": 1e-13}
"""the same sums in another order, in float64"""


@st.composite
def pairs(draw):
    """Two distributions over up to 6 cells, zeros among them."""
    size = draw(st.integers(2, 6))
    weights = arrays(np.int64, size, elements=st.integers(0, 20))
    drawn = [draw(weights.filter(lambda w: w.sum() > 0)) for _ in range(2)]
    return [x / x.sum() for x in drawn]


@quickly
@given(pairs())
def test_jensen_shannon_is_symmetric_and_at_most_log_2(pair):
    p, t = pair
    got = xloss.js_div_loss(p, t)
    assert 0 <= got <= np.log(2) * (1 + 1e-15)
    np.testing.assert_allclose(got, xloss.js_div_loss(t, p), rtol=1e-14, atol=0)
    assert (got == 0) == np.array_equal(p, t)


@quickly
@given(pairs())
def test_kullback_leibler_is_at_least_twice_the_squared_distance(pair):
    """Pinsker's inequality, of the total variation distance."""
    p, t = pair
    distance = abs(p - t).sum() / 2
    assert xloss.kl_div_loss(p, t) >= 2 * distance**2 * (1 - 1e-12) - 1e-15


def test_divergences_do_not_depend_on_the_order_of_cells():
    p, t = distributions(np.random.default_rng(0), (3, 4, 5), (1, 2))
    for name in ("kl_div_loss", "js_div_loss"):
        loss = getattr(xloss, name)
        want = loss(p, t, (1, 2), "none")
        for axes in ((2, 1), (-1, 1), (2, -2)):
            np.testing.assert_allclose(loss(p, t, axes, "none"), want, **EXACT)
        turned = [np.flip(x, 1).transpose(2, 0, 1) for x in (p, t)]
        np.testing.assert_allclose(loss(*turned, (0, 2), "none"), want, **EXACT)
        maps = [x[None] for x in (p, t)]
        of_maps = getattr(xloss, f"{name}_2d")(*maps, "none")
        np.testing.assert_array_equal(of_maps[0], want)


def test_divergence_of_all_axes_is_one_number():
    p, t = distributions(np.random.default_rng(0), (3, 4), None)
    for loss in (xloss.kl_div_loss, xloss.js_div_loss):
        whole = loss(p, t, None, "none")
        assert isinstance(whole, np.float64)
        np.testing.assert_allclose(whole, loss(p.ravel(), t.ravel()), **EXACT)


@every(INFORMATION)
def test_information_is_symmetric(loss):
    x, y = loss.arrays()
    options = dict(loss.options)
    masks = [options.pop(f"{name}_mask", None) for name in ("input", "target")]
    there = loss._replace(options=options)(x, y, *masks)
    back = loss._replace(options=options)(y, x, *masks[::-1])
    np.testing.assert_allclose(back, there, **EXACT)


@every(INFORMATION)
def test_information_has_no_unit(loss):
    """Powers of 2 keep every digit, so that each sample stays where it is."""
    x, y = loss.arrays()
    want = loss(x, y)
    np.testing.assert_array_equal(loss(0.25 * x, 4096 * y), want)
    np.testing.assert_allclose(loss(3 * x - 1, 2 - 0.7 * y), loss(x, -y), rtol=1e-9)


# A mask has an order of its own.
@every([p for p in INFORMATION if not any("mask" in name for name in p.options)])
def test_order_of_samples_does_not_matter(loss):
    x, y = loss.arrays()
    flipped = [np.flip(z, -1) for z in (x, y)]
    np.testing.assert_allclose(loss(*flipped), loss(x, y), **EXACT)


@pytest.mark.parametrize("kernel", ["xu", "rectangular", "truncated_gaussian"])
def test_a_signal_tells_all_of_its_images(kernel):
    x, _ = signals(np.random.default_rng(0), (200,))
    options = {"kernel_function": kernel, "num_bins": 16}
    own = xloss.mutual_information_loss(x, x, **options)
    moved = xloss.mutual_information_loss(x, 8 * x - 3, **options)
    np.testing.assert_allclose(moved, own, rtol=1e-9)
    _, noise = signals(np.random.default_rng(5), (200,))
    assert own < xloss.mutual_information_loss(x, x + noise, **options) <= 0


@pytest.mark.parametrize("normalized", [False, True])
def test_a_cut_is_a_mask(normalized):
    prefix = "normalized_" if normalized else ""
    loss = getattr(xloss, f"{prefix}mutual_information_loss")
    x, y = signals(np.random.default_rng(0), (3, 60))
    own = mask(60)
    got = loss(x, y, own, own, num_bins=9)
    np.testing.assert_allclose(got, loss(x[:, own], y[:, own], num_bins=9), rtol=1e-12)


def test_bins_that_share_nothing_have_no_information():
    """All combinations of the levels, each once."""
    i, j = np.indices((8, 8))
    got = xloss.mutual_information_loss_2d(i, j, num_bins=8)
    np.testing.assert_allclose(got, 0.0, atol=1e-15)
    got = xloss.normalized_mutual_information_loss_2d(i, j, num_bins=8)
    np.testing.assert_allclose(got, -1.0, rtol=1e-15)


def test_names_of_kernels_are_kernels():
    x, y = signals(np.random.default_rng(0), (30,))
    for kernel in xloss.MIKernel:
        pair = [
            xloss.mutual_information_loss(x, y, kernel_function=k, num_bins=5)
            for k in (kernel, kernel.name)
        ]
        assert pair[0] == pair[1]


def test_correlation_does_not_depend_on_brightness_and_contrast():
    x, y = signals(np.random.default_rng(0), (2, 2, 6, 7))
    want = xloss.ncc_loss(x, y, "none")
    np.testing.assert_allclose(xloss.ncc_loss(5 * x - 2, 0.1 * y + 7, "none"), want)
    np.testing.assert_allclose(xloss.ncc_loss(-x, y, "none"), 2 - want, rtol=1e-12)
    np.testing.assert_allclose(xloss.ncc_loss(y, x, "none"), want, rtol=1e-12)
    assert xloss.ncc_loss(x, 3 * x + 1) == pytest.approx(0, abs=1e-30)
    want = xloss.lncc_loss(x, y, 3, "none")
    for same in ((5 * x - 2, 0.1 * y + 7), (-x, y), (y, x)):
        got = xloss.lncc_loss(*same, 3, "none")
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_local_correlation_of_one_window_is_the_global_one():
    x, y = signals(np.random.default_rng(0), (2, 2, 5, 5))
    local = xloss.lncc_loss(x, y, 5, "none", "valid")[..., 0, 0]
    r = 1 - xloss.ncc_loss(x, y, "none")
    np.testing.assert_allclose(local, 1 - r**2, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3, 9), (2, 3, 6, 7), (1, 2, 4, 5, 3)])
def test_erosion_does_not_know_left_from_right(shape):
    pred, labels = mostly_wrong(np.random.default_rng(0), shape)
    want = xloss.hausdorff_er_loss(pred, labels, reduction="none")
    for axis in range(2, len(shape)):
        mirrored = [np.flip(x, axis) for x in (pred, labels)]
        got = xloss.hausdorff_er_loss(*mirrored, reduction="none")
        np.testing.assert_allclose(np.flip(got, axis + 1), want, rtol=1e-9, atol=1e-12)
    swapped = [np.swapaxes(x, 2, -1) for x in (pred, labels)]
    np.testing.assert_allclose(
        xloss.hausdorff_er_loss(*swapped), want.mean(), rtol=1e-9
    )


def test_classes_and_samples_are_apart():
    pred, labels = mostly_wrong(np.random.default_rng(0), (2, 3, 6, 7))
    want = xloss.hausdorff_er_loss(pred, labels, reduction="none")
    for b in range(2):
        alone = xloss.hausdorff_er_loss(
            pred[b : b + 1], labels[b : b + 1], reduction="none"
        )
        np.testing.assert_array_equal(alone[:, 0], want[:, b])
    order = [2, 0, 1]
    renamed = np.asarray([1, 2, 0])[labels]
    got = xloss.hausdorff_er_loss(pred[:, order], renamed, reduction="none")
    np.testing.assert_array_equal(got, want[order])


def test_volumes_are_three_axes():
    pred, labels = mostly_wrong(np.random.default_rng(0), (1, 2, 4, 5, 3))
    got = xloss.HausdorffERLoss3D(1.5, 4)(pred, labels)
    assert got == xloss.hausdorff_er_loss(pred, labels, 1.5, 4)
    assert got == xloss.HausdorffERLoss(1.5, 4)(pred, labels)
