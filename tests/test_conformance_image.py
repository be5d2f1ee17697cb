"""The definitions of the image losses, against what is known of them."""

import kornia
import numpy as np
import pytest
import pytorch_msssim
import torch
from mpmath import mp, mpf
from skimage.metrics import structural_similarity

from conformance import images
from conformance.case import Case
from conformance.cases import all_losses
from conformance.similarity import index, structure
from conformance.windows import (
    DIGITS,
    differentiate,
    exact,
    gaussian_windows,
    local,
)


def value(name, arrays, **options):
    case = Case("one", arrays, options, gradient=False)
    return all_losses()[name].reference(case).value


def tensors(arrays):
    return [torch.tensor(array) for array in arrays.values()]


# The definitions against values from the literature


def test_ssim_has_the_value_of_the_contract():
    x = np.arange(442.0).reshape(1, 2, 13, 17) * 7 % 11 / 16
    found = value(
        "ssim", images.named(x, x**2), window_size=11, eps=0.0, padding="valid"
    )
    assert found.mean() == pytest.approx(0.649510247445418, abs=1e-15)


def test_ms_ssim_l1_has_the_values_of_the_contract():
    flat = np.ones((1, 1, 33, 33))
    found = value(
        "ms_ssim_l1_loss", images.named(0.8 * flat, 0.6 * flat), reduction="none"
    )
    assert found[0, 16, 16] == pytest.approx(39.19998, abs=5e-6)
    assert found[0, 0, 0] == pytest.approx(11.870624, abs=5e-7)


@pytest.mark.parametrize(
    ("name", "arrays", "options", "expected"),
    [
        ("psnr_loss", {"image": [1.0], "target": [1.2]}, {"max_val": 2.0}, -20.0),
        ("psnr", {"image": [1.0], "target": [1.0]}, {"max_val": 2.0}, np.inf),
        ("total_variation", {"img": [[1, 4, 2], [1, 1, 1]]}, {}, 3 + 2 + 0 + 3 + 1),
        (
            "total_variation",
            {"img": [[1, 4, 2], [1, 1, 1]]},
            {"reduction": "mean"},
            (3 + 2) / 4 + (3 + 1) / 3,
        ),
        ("total_variation", {"img": [[5, 3]]}, {"reduction": "mean"}, 2.0),
        (
            "inverse_depth_smoothness_loss",
            {"idepth": [[[[1, 3]]]], "image": [[[[0, 1]], [[0, 2]], [[0, -3]]]]},
            {},
            2 * np.exp(-2.0),
        ),
    ],
)
def test_definition_has_the_value_of_the_formula(name, arrays, options, expected):
    arrays = {key: np.asarray(array) for key, array in arrays.items()}
    assert value(name, arrays, **options) == pytest.approx(expected, rel=1e-15)


# The definitions against other libraries, in float64


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("name", "shape"), [("ssim", (2, 2, 8, 9)), ("ssim3d", (1, 2, 6, 7, 8))]
)
def test_ssim_agrees_with_kornia(name, shape, padding):
    arrays = images.pair(1, shape)
    # kornia adds eps to the denominator alone, which is the same only at 0.
    theirs = getattr(kornia.metrics, name)(*tensors(arrays), 5, 1.0, 0.0, padding)
    ours = value("ssim", arrays, window_size=5, eps=0.0, padding=padding)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


def test_ssim_agrees_with_scikit_image():
    arrays = images.pair(2, (1, 1, 13, 14))
    _, theirs = structural_similarity(
        *(array[0, 0] for array in arrays.values()),
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    ours = value("ssim", arrays, window_size=11, eps=0.0, padding="valid")
    # Its border is another one.
    np.testing.assert_allclose(ours[0, 0], theirs[5:-5, 5:-5], rtol=0, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"sigmas": (0.5, 2.0), "alpha": 0.5}])
def test_ms_ssim_l1_agrees_with_kornia(options):
    arrays = images.pair(3, (1, 3, 5, 6))
    theirs = kornia.losses.MS_SSIMLoss(**options, reduction="none").double()
    ours = value("ms_ssim_l1_loss", arrays, **options, reduction="none")
    # Its windows are computed in float32.
    np.testing.assert_allclose(ours, theirs(*tensors(arrays)), rtol=5e-6)


def test_ms_ssim_agrees_with_pytorch_msssim():
    arrays = images.pair(4, (2, 3, 36, 40))
    theirs = pytorch_msssim.ms_ssim(
        *tensors(arrays), 1.0, size_average=False, win_size=3, weights=[0.25, 0.75]
    )
    powers = (0.25, 0.75)
    ours = value(
        "ms_ssim_loss", arrays, window_size=3, power_factors=powers, reduction="none"
    )
    # Its windows are computed in float32.
    np.testing.assert_allclose(ours, (1 - theirs) / 2, rtol=1e-5)


def test_other_image_losses_agree_with_kornia():
    image, target = images.pair(5, (2, 3, 6, 7)).values()
    depth = images.levels(6, (2, 1, 6, 7)) / 64
    first, second, inverse = (torch.tensor(x) for x in (image, target, depth))
    ratio = value("psnr_loss", {"image": image, "target": target}, max_val=2.0)
    scene = {"idepth": depth, "image": image}
    smoothness = value("inverse_depth_smoothness_loss", scene)
    theirs = kornia.losses
    for ours, expected in [
        (ratio, theirs.psnr_loss(first, second, 2.0)),
        (value("total_variation", {"img": image}), theirs.total_variation(first)),
        (smoothness, theirs.inverse_depth_smoothness_loss(inverse, first)),
    ]:
        np.testing.assert_allclose(ours, expected, rtol=1e-13)


# The parts of the definitions against loops, and against finite differences


@pytest.mark.parametrize("border", ["same", "valid", "zero"])
def test_windows_are_outer_products_of_gaussians(border):
    image = images.levels(7, (5, 6))
    distance = np.arange(-2, 3.0)
    window = np.exp(-np.add.outer(distance**2, distance**2) / (2 * 1.5**2))
    window /= window.sum()
    padded = image
    if border != "valid":
        padded = np.pad(image, 2, mode="reflect" if border == "same" else "constant")
    expected = [
        [np.sum(window * padded[i : i + 5, j : j + 5]) for j in range(columns)]
        for i in range(len(padded) - 4)
        for columns in [padded.shape[1] - 4]
    ]
    found = gaussian_windows((5, 6), 5, 1.5, border).mean(exact(image))
    np.testing.assert_allclose(found.astype(float), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "case_id"),
    [
        ("ssim", "valid"),
        ("ssim_loss", "sample_weight_mean"),
        ("ssim_loss", "eps_large"),
        ("ssim_loss", "one_pixel_differs"),
        ("ssim_loss", "flat_halves_offset_30000"),
        ("ssim3d_loss", "default"),
        ("ms_ssim_l1_loss", "sample_weight_sum"),
        ("ms_ssim_l1_loss", "all_scales"),
        ("ms_ssim_loss", "one_level"),
        ("ms_ssim_loss", "three_levels"),
        ("ms_ssim_loss", "five_levels_one_axis"),
        ("psnr_loss", "near_0_db_sum"),
        ("total_variation", "one_leading_axis_mean"),
        ("inverse_depth_smoothness_loss", "default"),
    ],
)
def test_reference_gradient_is_the_slope_of_the_reference_value(name, case_id):
    loss = all_losses()[name]
    case = next(case for case in loss.cases if case.id == case_id)
    gradient = loss.reference(case).gradient
    step = 2.0**-18
    for argument in case.floating:
        direction = images.noise(8, case.arrays[argument].shape) / 16
        moved = [
            value(name, case.arrays | {argument: arrays}, **case.options).sum()
            for arrays in (
                case.arrays[argument] + step * direction,
                case.arrays[argument] - step * direction,
            )
        ]
        slope = (moved[0] - moved[1]) / (2 * step)
        # The square of the step times a third derivative, below 1e6 in all of them.
        assert np.sum(gradient[argument] * direction) == pytest.approx(slope, rel=2e-5)


def test_transposed_windows_are_the_slopes_in_high_precision():
    with mp.workdps(DIGITS):
        x, y = (exact(array) for array in images.pair(9, (3, 4)).values())
        c1, c2, eps = mpf("1e-4"), mpf("9e-4"), mpf("1e-3")
        windows = [gaussian_windows((3, 4), 5, sigma, "same") for sigma in (0.5, 1.5)]

        def local_map(first):
            return local(
                lambda m: structure(m, c1, c2) + index(m[5:], c1, c2, eps),
                windows,
                first.reshape(3, 4),
                y,
            )

        slopes = differentiate(lambda flat: local_map(flat).value.sum(), x.ravel())
        by_x, _ = local_map(x).pull_back(np.full((3, 4), mpf(1)))
        assert max(abs(by_x.ravel() - slopes)) < mpf("1e-60")
