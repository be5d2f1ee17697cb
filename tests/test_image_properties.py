"""Properties of the image losses that hold for any images."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xloss

from .image_problems import PROBLEMS

TWO_IMAGES = [p for p in PROBLEMS if p.name not in ("total_variation", "depth")]
every_comparison = pytest.mark.parametrize("loss", TWO_IMAGES, ids=lambda p: p.name)
quickly = settings(max_examples=40, deadline=None, derandomize=True)

shapes = st.integers(1, 3).flatmap(
    lambda axes: st.tuples(*[st.integers(0, 2)] * 2, *[st.integers(6, 12)] * axes)
)


def pairs(largest):
    elements = st.floats(-largest, largest, width=32)
    return shapes.flatmap(
        lambda shape: st.tuples(*[arrays(np.float32, shape, elements=elements)] * 2)
    )


@quickly
@given(pairs(2.0**50), st.sampled_from([1, 3, 11]), st.sampled_from(["same", "valid"]))
def test_ssim_is_in_range_and_the_same_on_numpy_and_torch(pair, window_size, padding):
    least = window_size if padding == "valid" else window_size // 2 + 1
    options = {"window_size": window_size, "padding": padding}
    if min(pair[0].shape[2:]) < least:
        with pytest.raises(ValueError, match=f"at least {least} pixels"):
            xloss.ssim_loss(*pair, **options)
        return
    loss = xloss.ssim_loss(*pair, reduction="none", **options)
    assert loss.dtype == np.float32
    assert ((loss >= 0) & (loss <= 1)).all()
    assert 0 <= xloss.ssim_loss(*pair, **options) <= 1
    tensors = map(torch.tensor, pair)
    on_torch = xloss.ssim_loss(*tensors, reduction="none", **options)
    assert tuple(on_torch.shape) == loss.shape
    assert ((on_torch >= 0) & (on_torch <= 1)).all()
    assert (xloss.ssim_loss(pair[0], pair[0], **options) == 0).all()


@quickly
@given(pairs(4.0), st.sampled_from([2.0**-20, 2.0**-3, 2.0, 2.0**20]))
def test_ssim_knows_no_unit(pair, factor):
    """In units of the range all is the same; a power of 2 rounds nothing."""
    scaled = [factor * x for x in pair]
    loss = xloss.ssim_loss(*pair, 5, 1.0, 0.0, "none")
    again = xloss.ssim_loss(*scaled, 5, factor, 0.0, "none")
    np.testing.assert_array_equal(again, loss)


@quickly
@given(pairs(1.0))
def test_a_window_of_one_pixel_sees_luminance_alone(pair):
    x, y = (z.astype(np.float64) for z in pair)
    got = xloss.ssim_loss(x, y, 1, eps=0.0, reduction="none")
    want = (x - y) ** 2 / (x * x + y * y + 1e-4) / 2
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15)


@every_comparison
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_symmetries(loss, axis):
    """Images in either order, and mirrored or permuted along any axis alike."""
    x, y = loss.arrays()
    if loss.name == "ms_ssim" and axis == 2:  # an odd axis drops its last line
        x, y = x[:, :, :6], y[:, :, :6]
    want = loss(x, y)
    np.testing.assert_allclose(loss(y, x), want, rtol=1e-11)
    mirrored = loss(np.flip(x, axis), np.flip(y, axis))
    if mirrored.ndim:
        mirrored = np.flip(mirrored, axis)
    np.testing.assert_allclose(mirrored, want, rtol=1e-11)


@quickly
@given(pairs(1.0))
def test_total_variation_is_a_seminorm(pair):
    x, y = (z.astype(np.float64) for z in pair)
    for reduction in ("sum", "mean"):
        of_x, of_y, of_sum, of_triple, turned = (
            xloss.total_variation(z, reduction)
            for z in (x, y, x + y, -3.0 * x + 1.0, x.swapaxes(-1, -2))
        )
        assert (of_x >= 0).all()
        assert (of_sum <= (of_x + of_y) * (1 + 1e-12) + 1e-15).all()
        np.testing.assert_allclose(of_triple, 3.0 * of_x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(turned, of_x, rtol=1e-12)
