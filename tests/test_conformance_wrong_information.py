"""The suite against information and correlation that are wrong in one way."""

from types import SimpleNamespace

import numpy as np
import pytest

from conformance.backends import load
from conformance.cases import all_losses
from conformance.runner import Cell, Status, run

NUMPY = load("numpy")


def results(function, name, dtype="float64", backend=NUMPY, mode="eager"):
    cell = Cell(all_losses()[name], backend, "cpu", dtype, mode)
    with np.errstate(all="ignore"):
        outcome = run(cell, SimpleNamespace(**{name: function}))
    return {result.case: result for result in outcome.results}


def assert_passes(found, *cases):
    for case in cases:
        assert found[case].status is Status.PASS, (case, found[case].message)


def assert_caught(found, *cases):
    for case in cases:
        assert found[case].status is Status.FAIL, case


def reduced(values, reduction, dtype):
    values = np.asarray(values)
    if reduction != "none":
        values = np.mean(values) if reduction == "mean" else np.sum(values)
    return values.astype(dtype)[()]


# Mutual information


def _kernel(u, name):
    if name == "xu":
        outer = np.maximum(1.9 - 3.7 * u + 1.8 * u**2, 0)
        weight = np.where(u < 0.5, 1 - 0.1 * u - 1.8 * u**2, outer)
    else:
        weight = np.ones_like(u) if name == "rectangular" else np.exp(-(u**2) / 2)
    return np.where(u <= 1, weight, 0)


def information(wrong="", *, normalized=False):
    """By weights of all bins and samples, right or wrong in one way."""

    def weights(x, mask, common, kernel, num_bins, radius):
        known = x if wrong == "range" else x[common if wrong == "common" else mask]
        low, high = np.min(known), np.max(known)
        last = num_bins - (wrong != "last")
        place = (x - low) * last / (high - low if high > low else 1)
        u = np.abs(np.arange(num_bins)[:, np.newaxis] - place) / radius
        return _kernel(u, kernel)

    def of_pair(x, y, masks, options):
        counted = masks[0] & masks[1]
        wx, wy = (
            weights(signal, mask, counted, *options)
            for signal, mask in zip((x, y), masks, strict=True)
        )
        joint = wx[:, counted] @ wy[:, counted].T
        if wrong == "floor":
            joint = np.maximum(joint, 1e-8)
        p = joint / max(joint.sum(), 1e-300)
        sides = (p.sum(axis=0), p.sum(axis=1), p)
        hy, hx, both = (-np.sum(q * np.log(np.where(q > 0, q, 1))) for q in sides)
        if normalized:
            return min(-(hx + hy) / both, -1.0) if both else -1.0
        return min(-(hx + hy - both), 0.0)

    def loss(
        input,
        target,
        *,
        input_mask=None,
        target_mask=None,
        kernel_function="xu",
        num_bins=64,
        window_radius=1.0,
        reduction="none",
    ):
        dtype = input.dtype if input.dtype.kind == "f" else np.float64
        options = kernel_function, num_bins, window_radius
        rows = [
            signal.astype(np.float64).reshape(-1, signal.shape[-1])
            for signal in (input, target)
        ]
        everything = np.ones(input.shape[-1], bool)
        masks = [
            everything if mask is None else mask != 0
            for mask in (input_mask, target_mask)
        ]
        if wrong == "masks":
            masks = [everything, everything]
        values = [of_pair(x, y, masks, options) for x, y in zip(*rows, strict=True)]
        values = np.asarray(values).reshape(input.shape[:-1])
        return reduced(values, reduction, dtype)

    return loss


MI, NMI = "mutual_information_loss", "normalized_mutual_information_loss"
ENTROPY = ("default", "reduction_mean", "xu_radius_2.5", "xu_on_bins", "contract")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("normalized", [False, True])
def test_right_textbook_information_passes(dtype, normalized):
    name = NMI if normalized else MI
    found = results(information(normalized=normalized), name, dtype)
    assert_passes(
        found,
        *(*ENTROPY, "masks", "masks_nan_outside", "masks_extremes_outside"),
        *("two_constants", "constant_input", "extreme_of_input_not_common"),
        *("truncated_gaussian_radius_2.5", "offset_1000", "identical"),
    )


@pytest.mark.parametrize(
    ("wrong", "cases"),
    [
        ("floor", ("default", "contract", "two_constants", "constant_input")),
        ("range", ("masks_nan_outside", "masks_extremes_outside")),
        ("common", ("extreme_of_input_not_common", "extreme_of_target_not_common")),
        ("last", ("default", "contract", "xu_on_bins", "xu_2_bins", "identical")),
        ("masks", ("masks", "input_mask_alone", "target_mask_alone")),
    ],
)
def test_wrong_information_is_caught(wrong, cases):
    for normalized in (False, True):
        name = NMI if normalized else MI
        found = results(information(wrong, normalized=normalized), name)
        assert_caught(found, *cases)


def test_floor_below_two_constants_is_caught():
    found = results(information("floor", normalized=True), NMI)["two_constants"]
    assert "expected -1.0" in found.message


# Correlations


def correlation(wrong=""):
    def loss(pred, target, reduction="mean"):
        dtype = pred.dtype
        axes = tuple(range(2, pred.ndim))
        x, y = (image.astype(np.float64) for image in (pred, target))
        if wrong != "cosine":
            x, y = (z - z.mean(axis=axes, keepdims=True) for z in (x, y))
        r = np.sum(x * y, axis=axes)
        size = np.sqrt(np.sum(x * x, axis=axes) * np.sum(y * y, axis=axes))
        r = r / (size + 1e-5 if wrong == "eps" else np.where(size == 0, 1, size))
        values = 1 - r**2 if wrong == "square" else 1 - r
        return reduced(np.maximum(values, 0), reduction, dtype)

    return loss


def test_right_textbook_correlation_passes():
    found = results(correlation(), "ncc_loss", "float32")
    cases = ("default", "reduction_none", "two_constants", "inverted", "offset_1e4")
    assert_passes(found, *cases, "three_axes", "near_1e-2")


@pytest.mark.parametrize(
    ("wrong", "cases"),
    [
        ("cosine", ("default", "unlike", "offset_1e4")),
        ("square", ("default", "inverted", "unlike")),
        ("eps", ("default", "times_2**-40")),
    ],
)
def test_wrong_correlation_is_caught(wrong, cases):
    assert_caught(results(correlation(wrong), "ncc_loss"), *cases)


def local_correlation(wrong=""):
    def loss(pred, target, window_size=9, reduction="mean", padding="same"):
        dtype = pred.dtype
        half = window_size // 2 if padding == "same" else 0
        margins = [(0, 0), (0, 0), *[(half, half)] * (pred.ndim - 2)]
        axes = tuple(range(2, pred.ndim))
        windows = []
        for image in (pred, target):
            padded = image.astype(np.float64)
            mode = "edge" if wrong == "edge" else "reflect"
            padded = np.pad(padded, margins, mode=mode)
            sizes = (window_size,) * len(axes)
            seen = np.lib.stride_tricks.sliding_window_view(padded, sizes, axes)
            windows.append(seen - seen.mean(axis=_last(axes), keepdims=True))
        x, y = windows
        covariance = np.mean(x * y, axis=_last(axes))
        product = np.mean(x * x, axis=_last(axes)) * np.mean(y * y, axis=_last(axes))
        if wrong != "flat":
            product = np.where(product > 1e-30, product, np.inf)
        values = np.clip(1 - covariance**2 / product, 0, 1)
        return reduced(values, reduction, dtype)

    return loss


def _last(axes):
    return tuple(range(-len(axes), 0))


LOCAL = ("default", "reduction_none", "window_3", "window_5_valid", "one_axis")


def test_right_textbook_local_correlation_passes():
    found = results(local_correlation(), "lncc_loss", "float32")
    assert_passes(found, *LOCAL, "flat_patch", "flat_patches", "two_constants")


def test_local_correlation_of_flat_patches_is_caught():
    found = results(local_correlation("flat"), "lncc_loss")
    assert_passes(found, *LOCAL)
    assert_caught(found, "flat_patch", "flat_patches", "two_constants")
    assert_caught(
        results(local_correlation("edge"), "lncc_loss"), "default", "window_3"
    )
