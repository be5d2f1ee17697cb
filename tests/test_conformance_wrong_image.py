"""The conformance suite against image losses that are wrong in one way."""

from types import SimpleNamespace

import kornia
import numpy as np
import pytest
import torch

from conformance.backends import load
from conformance.cases import all_losses
from conformance.runner import Cell, Status, run

NUMPY, TORCH = load("numpy"), load("torch")


def results(function, name, dtype="float64", backend=NUMPY, mode="eager"):
    cell = Cell(all_losses()[name], backend, "cpu", dtype, mode)
    outcome = run(cell, SimpleNamespace(**{name: function}))
    return {result.case: result for result in outcome.results}


def textbook_ssim(wrong=""):
    """SSIM's loss of two axes by sliding windows, right or wrong in one way."""

    def loss(
        img1, img2, window_size, *, max_val=1.0, eps=1e-12, reduction="mean", padding=""
    ):
        distance = np.arange(window_size) - window_size // 2
        taps = np.exp(-(distance**2) / (2 * (1.4 if wrong == "sigma" else 1.5) ** 2))
        taps /= 1.0 if wrong == "normalisation" else taps.sum()
        window = np.multiply.outer(taps, taps).astype(img1.dtype)
        x, y = (_sliding(image, window_size, padding, wrong) for image in (img1, img2))

        def mean(z):
            return np.sum(window * z, axis=(-2, -1), keepdims=True)

        mx, my = mean(x), mean(y)
        if wrong == "moments":
            variances = mean(x**2) - mx**2 + mean(y**2) - my**2
            covariance = mean(x * y) - mx * my
        else:
            variances = mean((x - mx) ** 2 + (y - my) ** 2)
            covariance = mean((x - mx) * (y - my))
        c1 = (0.01 * max_val) ** 2
        c2 = c1 if wrong == "constants" else (0.03 * max_val) ** 2
        d = (mx**2 + my**2 + c1) * (variances + c2)
        n = (2 * mx * my + c1) * (2 * covariance + c2)
        distance = (d + eps - n if wrong == "eps" else d - n) / (d + eps)
        unreduced = distance[..., 0, 0] / 2
        if wrong == "bounds":
            unreduced = unreduced - 1e-17
        return {"none": unreduced, "mean": unreduced.mean(), "sum": unreduced.sum()}[
            reduction
        ]

    return loss


def _sliding(image, size, padding, wrong):
    if padding != "valid":
        half = size // 2
        mode = "symmetric" if wrong == "border" else "reflect"
        image = np.pad(image, ((0, 0), (0, 0), (half, half), (half, half)), mode=mode)
    return np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(2, 3))


def test_right_textbook_ssim_passes():
    found = results(textbook_ssim(), "ssim_loss")
    for case in (
        *("default", "reduction_none", "reduction_sum", "valid", "valid_mean"),
        *("identical", "black", "constant", "max_val_0.01", "eps_large"),
        *("offset_30000", "flat_halves", "widest_window", "four_channels"),
    ):
        assert found[case].status is Status.PASS, found[case].message


@pytest.mark.parametrize(
    ("wrong", "dtype", "case"),
    [
        ("sigma", "float32", "reduction_none"),
        ("normalisation", "float32", "valid"),
        ("border", "float32", "reduction_none"),
        ("constants", "float32", "constant_and_image"),
        ("eps", "float64", "eps_large"),
        ("moments", "float32", "offset_100"),
        ("moments", "float64", "offset_100"),
        ("moments", "float64", "offset_30000"),
        ("bounds", "float64", "identical"),
    ],
)
def test_wrong_ssim_is_caught(wrong, dtype, case):
    found = results(textbook_ssim(wrong), "ssim_loss", dtype)[case]
    assert found.status is Status.FAIL
    assert "value" in found.message


def test_repeated_edge_is_caught_only_where_there_is_a_border():
    found = results(textbook_ssim("border"), "ssim_loss")
    assert found["valid"].status is Status.PASS


def test_identical_images_must_have_no_loss_at_all():
    found = results(textbook_ssim("eps"), "ssim_loss")["black"]
    assert "expected 0.0" in found.message


def test_peer_that_loses_its_digits_is_caught():
    found = results(kornia.losses.ssim_loss, "ssim_loss", "float32", TORCH)
    for case in ("offset_1000", "offset_30000", "black", "1e15_times_the_range"):
        assert found[case].status is Status.FAIL, case
        assert "value at" in found[case].message


def _mean_ratio(image, target, max_val, reduction="mean"):
    axes = tuple(range(1, image.ndim))
    with np.errstate(divide="ignore"):
        ratios = 10 * np.log10(np.mean((image - target) ** 2, axis=axes) / max_val**2)
    return {"none": ratios, "mean": ratios.mean(), "sum": ratios.sum()}[reduction]


def test_mean_of_decibels_is_not_the_decibels_of_the_mean():
    found = results(_mean_ratio, "psnr_loss")
    for case in ("reduction_none", "reduction_sum", "identical_sum"):
        assert found[case].status is Status.PASS, found[case].message
    assert found["reduction_mean"].status is Status.FAIL


def test_square_beyond_half_precision_is_caught():
    def ratio(image, target, max_val, reduction="mean"):
        square = np.mean((image - target) ** 2)
        return square.dtype.type(10 * np.log10(square / max_val**2))

    with np.errstate(over="ignore", invalid="ignore"):
        right = results(ratio, "psnr_loss", "float32")["float16_range"]
        wrong = results(ratio, "psnr_loss", "float16")["float16_range"]
    assert right.status is Status.PASS
    assert "got nan" in wrong.message


def test_nan_gradient_of_identical_images_is_caught():
    def ratio(image, target, max_val, reduction="mean"):
        return 10 * torch.log10(torch.mean((image - target) ** 2) / max_val**2)

    found = results(ratio, "psnr_loss", "float32", TORCH, "gradient")
    assert found["reduction_mean"].status is Status.PASS
    assert "gradient in image" in found["identical_mean"].message


def variation(per_pixel=False):
    def loss(img, reduction="sum"):
        total = 0.0
        for axis in (-2, -1):
            steps = np.abs(np.diff(img, axis=axis))
            size = img if per_pixel else steps
            count = max(size.shape[-2] * size.shape[-1], 1)
            share = steps.sum(axis=(-2, -1))
            total = total + (share / count if reduction == "mean" else share)
        return total

    return loss


def test_variation_per_pixel_is_caught():
    found = results(variation(), "total_variation")
    for case in ("one_leading_axis_mean", "one_row_mean", "equal_neighbours_sum"):
        assert found[case].status is Status.PASS, found[case].message
    found = results(variation(per_pixel=True), "total_variation")
    assert found["one_leading_axis_sum"].status is Status.PASS
    assert found["one_leading_axis_mean"].status is Status.FAIL


def test_bytes_that_wrap_are_caught():
    found = results(variation(), "total_variation")["uint8_sum"]
    assert found.status is Status.FAIL
