"""Losses of information of nothing, of one sample, of masks, NaN and integers."""

import jax
import numpy as np
import pytest
import torch

import xloss

from .information_problems import (
    INFORMATION,
    by_name,
    every,
    every_reduction,
    mask,
    mostly_wrong,
    signals,
)

EMPTY = {"none": None, "mean": 0.0, "sum": 0.0}
NONE_THERE = [
    ("kl_div_loss", (0, 4), (0,)),
    ("js_div_loss", (3, 0, 4), (3, 0)),
    ("js_div_loss_2d", (0, 2, 3, 4), (0, 2)),
    ("kl_div_loss_2d", (2, 0, 3, 4), (2, 0)),
    ("mutual_information_loss", (0, 5), (0,)),
    ("normalized_mutual_information_loss_2d", (2, 0, 3, 4), (2, 0)),
    ("ncc_loss", (0, 2, 5), (0, 2)),
    ("lncc_loss", (0, 2, 9, 9), (0, 2, 9, 9)),
]


@pytest.mark.parametrize(("name", "shape", "left"), NONE_THERE)
@every_reduction
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_an_empty_batch(name, shape, left, reduction, asarray):
    array = asarray(np.zeros(shape))
    got = getattr(xloss, name)(array, array, reduction=reduction)
    assert tuple(got.shape) == (left if reduction == "none" else ())
    assert reduction == "none" or float(got) == 0


@pytest.mark.parametrize("shape", [(0, 2, 5, 6), (1, 2, 0, 6)])
@every_reduction
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_erosion_of_no_pixels(shape, reduction, asarray):
    labels = asarray(np.zeros((shape[0], 1, *shape[2:]), int))
    got = xloss.hausdorff_er_loss(asarray(np.zeros(shape)), labels, reduction=reduction)
    whole = (2, shape[0], 1, *shape[2:])
    assert tuple(got.shape) == (whole if reduction == "none" else ())
    assert reduction == "none" or float(got) == 0


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_distributions_without_a_cell(asarray):
    nothing = asarray(np.zeros((3, 0)))
    for loss in (xloss.kl_div_loss, xloss.js_div_loss):
        np.testing.assert_array_equal(loss(nothing, nothing, reduction="none"), 0.0)
        assert float(loss(nothing, nothing)) == 0


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_signals_without_a_sample(asarray):
    nothing = asarray(np.zeros((3, 0)))
    for name, want in (("", 0.0), ("normalized_", -1.0)):
        loss = getattr(xloss, f"{name}mutual_information_loss")
        np.testing.assert_array_equal(loss(nothing, nothing), want)


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_images_without_a_pixel(asarray):
    nothing = asarray(np.zeros((2, 3, 0, 4)))
    got = xloss.ncc_loss(nothing, nothing, "none")
    assert tuple(got.shape) == (2, 3)
    assert np.isfinite(np.asarray(got)).all()


def test_one_cell_sample_and_pixel():
    one = np.ones((1, 1, 1, 1))
    assert xloss.kl_div_loss(one, one) == 0
    assert xloss.js_div_loss_2d(one, one) == 0
    for name, want in (("", 0.0), ("normalized_", -1.0)):
        assert getattr(xloss, f"{name}mutual_information_loss_2d")(one, 3 * one) == want
    assert xloss.ncc_loss(one, one) == 1
    assert xloss.lncc_loss(one, one, 1) == 1
    labels = np.zeros((1, 1, 1, 1), int)
    # the mean with four zeros beyond the border is 1/5: nothing outlasts
    assert xloss.hausdorff_er_loss(0 * one, labels) == 0


@pytest.mark.parametrize("name", ["", "normalized_"])
def test_masks_that_hold_nowhere_together(name):
    loss = getattr(xloss, f"{name}mutual_information_loss")
    x, y = signals(np.random.default_rng(0), (2, 20))
    left = np.arange(20) < 10
    want = -1.0 if name else 0.0
    nowhere = np.zeros(20, bool)
    for masks in ((left, ~left), (nowhere, None), (nowhere, nowhere)):
        np.testing.assert_array_equal(loss(x, y, *masks), want)
        leaf = torch.tensor(x, requires_grad=True)
        tensors = [m if m is None else torch.tensor(m) for m in masks]
        value = loss(leaf, torch.tensor(y), *tensors)
        value.sum().backward()
        np.testing.assert_array_equal(value.detach(), want)
        np.testing.assert_array_equal(leaf.grad, 0.0)


JUNK = np.nan, np.inf, -np.inf, 1e308, -1e308


@pytest.mark.parametrize("name", ["", "normalized_"])
@pytest.mark.parametrize("kernel", ["xu", "truncated_gaussian"])
def test_samples_outside_of_a_mask_may_hold_anything(name, kernel):
    loss = getattr(xloss, f"{name}mutual_information_loss")
    x, y = signals(np.random.default_rng(0), (2, 40))
    own, other = mask(40), mask(40, seed=2)
    options = {"kernel_function": kernel, "num_bins": 7}
    results = []
    for junk in (0.0, np.resize(JUNK, 40)):
        arrays = np.where(own, x, junk), np.where(other, y, junk)
        leaves = [torch.tensor(z, requires_grad=True) for z in arrays]
        masks = [torch.tensor(m) for m in (own, other)]
        value = loss(*leaves, *masks, **options)
        value.sum().backward()
        np.testing.assert_allclose(
            loss(*arrays, own, other, **options), value.detach(), rtol=1e-12
        )
        results.append([value.detach(), *(leaf.grad for leaf in leaves)])
    for clean, spoiled in zip(*results, strict=True):
        np.testing.assert_array_equal(spoiled, clean)
    for slope, inside in zip(results[1][1:], (own, other), strict=True):
        np.testing.assert_array_equal(slope[:, ~inside], 0.0)
        assert (slope[:, own & other] != 0).any()


def test_masked_junk_on_jax():
    x, y = (z.astype(np.float32) for z in signals(np.random.default_rng(0), (40,)))
    own = mask(40)
    spoiled = np.where(own, x, np.float32(np.resize(JUNK[:3], 40)))

    @jax.jit
    @jax.value_and_grad
    def loss(x, y, own):
        return xloss.mutual_information_loss(x, y, own, num_bins=7)

    (value, slope), (clean, clean_slope) = loss(spoiled, y, own), loss(x, y, own)
    np.testing.assert_array_equal(value, clean)
    np.testing.assert_array_equal(slope, clean_slope)
    np.testing.assert_array_equal(slope[~own], 0.0)


@every([p for p in INFORMATION if "mask" not in str(p.options)])
@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_what_is_not_finite_spoils_its_own_signal(loss, junk, asarray):
    for which in (0, 1):
        arrays = loss.arrays()
        want = loss(*arrays)
        arrays[which][(0,) * arrays[which].ndim] = junk
        got = np.asarray(loss(*map(asarray, arrays)))
        first = (0,) * got.ndim
        assert np.isnan(got[first])
        got[first] = want[first]
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("name", ["kl", "js", "ncc", "lncc", "hausdorff"])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_nan_stays_in_its_sample(name, asarray):
    loss = by_name[name]
    arrays = loss.arrays()
    want = loss(*arrays, reduction="none")
    arrays[0][(1,) * arrays[0].ndim] = np.nan
    got = np.asarray(loss(*map(asarray, arrays), reduction="none"))
    assert np.isnan(got).any()
    whole = np.moveaxis(want, 1, 0)[0] if name == "hausdorff" else want[0]
    part = np.moveaxis(got, 1, 0)[0] if name == "hausdorff" else got[0]
    np.testing.assert_allclose(part, whole, rtol=1e-12, atol=1e-14)
    assert np.isnan(np.asarray(loss(*map(asarray, arrays), reduction="mean")))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_integers_are_taken(dtype, asarray):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 200, (2, 1, 2, 6, 7)) % 250).astype(dtype)
    floats = x.astype(float), y.astype(float)
    for loss in (
        xloss.NccLoss(),
        xloss.LnccLoss(3),
        lambda x, y: xloss.mutual_information_loss_2d(x, y, num_bins=9),
        xloss.KlDivLoss2d("none"),
        xloss.JsDivLoss2d("none"),
    ):
        got, want = loss(*map(asarray, (x, y))), loss(*floats)
        assert "float" in str(got.dtype)
        np.testing.assert_allclose(np.float64(got), want, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int32", "bool"])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_labels_of_any_integer_dtype(dtype, asarray):
    pred, labels = mostly_wrong(np.random.default_rng(0), (1, 2, 5, 6))
    want = xloss.hausdorff_er_loss(pred, labels, k=3)
    got = xloss.hausdorff_er_loss(asarray(pred), asarray(labels.astype(dtype)), k=3)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    mask = (pred > 0.5).astype(dtype)  # a prediction of whole numbers
    got = xloss.hausdorff_er_loss(asarray(mask), asarray(labels), k=3)
    want = xloss.hausdorff_er_loss(mask.astype(float), labels, k=3)
    np.testing.assert_allclose(float(got), want, rtol=1e-6)


def test_weights_of_many_erosions_stay_in_range():
    pred, labels = mostly_wrong(np.random.default_rng(0), (1, 2, 9, 9))
    for dtype in (np.float32, np.float64):
        huge = xloss.hausdorff_er_loss(pred.astype(dtype), labels, 2000.0, 3)
        assert huge > 1e38
        assert not np.isnan(huge)
    first = xloss.hausdorff_er_loss(pred, labels, -2000.0, 3)
    np.testing.assert_allclose(first, xloss.hausdorff_er_loss(pred, labels, 1.0, 1))


def test_masks_of_lncc_leave_windows_out():
    """Whatever their pixels hold, in value and gradient."""
    loss = by_name["lncc"]._replace(options={"window_size": 3})
    x, y = loss.arrays()
    x[0, 0, 0, 0] = np.nan
    keep = ~np.isnan(xloss.lncc_loss(x, y, 3, "none"))
    assert (~keep).sum() == 4
    got = xloss.lncc_loss(x, y, 3, where=keep)
    x, y, keep = map(torch.tensor, (x, y, keep))
    value = xloss.lncc_loss(x.requires_grad_(), y, 3, where=keep)
    value.backward()
    assert x.grad.isfinite().all()
    assert x.grad[0, 0, 0, 0] == 0
    clean, other = loss.arrays()
    rows = loss.expected(clean, other, reduction="none")[keep.numpy()]
    np.testing.assert_allclose(value.detach(), rows.mean(), rtol=1e-12)
    np.testing.assert_allclose(got, rows.mean(), rtol=1e-12)
    weight = np.linspace(0, 1, 7)
    got = xloss.lncc_loss(clean, other, 3, sample_weight=weight)
    want = loss.expected(clean, other, sample_weight=weight)
    np.testing.assert_allclose(got, want, rtol=1e-12)
