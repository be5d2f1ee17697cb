"""The definitions of divergences, erosions and correlations, against what is known."""

from fractions import Fraction

import kornia.losses as kornia
import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from skimage.metrics import normalized_mutual_information

from conformance.case import Case, dyadic
from conformance.cases import all_losses
from conformance.cases.correlation import pair as images
from conformance.cases.correlation import unlike
from conformance.cases.divergence import distributions, near
from conformance.cases.hausdorff import saturated, scene
from conformance.cases.mutual_information import contract, masks, pair, whole
from conformance.hausdorff import average, erosion, fractions
from conformance.information import Signal

KERNELS = ("xu", "rectangular", "truncated_gaussian")


def value(name, arrays, **options):
    case = Case("one", arrays, options, gradient=False)
    return all_losses()[name].reference(case).value


def tensors(arrays):
    return [torch.tensor(array) for array in arrays.values()]


# The definitions against values from the literature


def test_mutual_information_has_the_values_of_the_contract():
    for name, expected in {
        "mutual_information_loss_2d": -1.0991837969703617,
        "normalized_mutual_information_loss_2d": -1.3338539514099725,
    }.items():
        for dtype in ("float64", "int64"):
            found = value(name, contract(dtype), num_bins=9)
            assert found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("p", "t", "kullback", "jensen"),
    [
        ([0.25, 0.5, 0.25], [0.5, 0.5, 0.0], 0.5 * np.log(2), None),
        ([0.5, 0.5], [0.5, 0.5], 0.0, 0.0),
        ([1.0, 0.0], [0.0, 1.0], np.inf, np.log(2)),
        ([0.0, 1.0], [0.0, 1.0], 0.0, 0.0),
        # Of a cell that one of the two lacks, half of log 2 times the other.
        ([0.75, 0.25], [1.0, 0.0], -np.log(0.75), None),
    ],
)
def test_divergences_have_the_value_of_the_formula(p, t, kullback, jensen):
    arrays = {"pred": np.asarray(p), "target": np.asarray(t)}
    assert value("kl_div_loss", arrays) == pytest.approx(kullback, rel=1e-15)
    if jensen is not None:
        assert value("js_div_loss", arrays) == pytest.approx(jensen, rel=1e-15)


def test_divergences_of_close_distributions_have_the_limit_of_theory():
    arrays = near(1e-6)
    p, t = arrays.values()
    chi_square = np.sum((p - t) ** 2 / t, axis=-1)
    # Of second order χ²/2 and χ²/8; the next term is a millionth of it.
    kullback = value("kl_div_loss", arrays, reduction="none")
    np.testing.assert_allclose(kullback, chi_square / 2, rtol=1e-5)
    jensen = value("js_div_loss", arrays, reduction="none")
    np.testing.assert_allclose(jensen, chi_square / 8, rtol=1e-5)


def test_one_wrong_pixel_outlasts_no_erosion():
    assert value("hausdorff_er_loss", saturated((3, 3)), k=3) == 0.0
    assert value("hausdorff_er_loss", saturated((5, 5)), k=3) > 0.0


def test_hausdorff_loss_of_a_plus_has_the_value_of_the_formula():
    # Around the wrong middle of a plus 5/5 − ½ is left, and nothing elsewhere.
    plus = np.asarray([[0, 1, 0], [1, 1, 1], [0, 1, 0]], float)
    pred = np.stack([1 - plus, plus])[np.newaxis]
    arrays = {"pred": pred, "target": np.zeros((1, 1, 3, 3), int)}
    found = value("hausdorff_er_loss", arrays, k=3, reduction="none")
    expected = np.zeros((2, 1, 1, 3, 3))
    expected[..., 1, 1] = 1.0
    np.testing.assert_array_equal(found, expected)


def test_identical_signals_share_their_entropy():
    x = whole(1)["input"]
    counts = [np.unique(row, return_counts=True)[1] / row.size for row in x]
    entropy = [-np.sum(p * np.log(p)) for p in counts]
    same = {"input": x, "target": 3 - 2 * x}
    found = value("mutual_information_loss", same, num_bins=9)
    np.testing.assert_allclose(found, np.negative(entropy), rtol=1e-14)
    found = value("normalized_mutual_information_loss", same, num_bins=9)
    np.testing.assert_allclose(found, -2.0, rtol=1e-14)


# The definitions against other libraries, in float64


@pytest.mark.parametrize("axis", [-1, 0, (0, 2), None])
def test_divergences_agree_with_scipy(axis):
    p, t = distributions(1), distributions(1001)
    t[0, :, 2] = 0.0
    arrays = {"pred": p, "target": t}
    options = {"axis": axis, "reduction": "none"}
    found = value("kl_div_loss", arrays, **options)
    np.testing.assert_allclose(found, rel_entr(t, p).sum(axis=axis), rtol=1e-13)
    m = (p + t) / 2
    half = (rel_entr(t, m) + rel_entr(p, m)).sum(axis=axis) / 2
    found = value("js_div_loss", arrays, **options)
    np.testing.assert_allclose(found, half, rtol=1e-13)


def test_jensen_shannon_is_the_square_of_its_distance():
    p, t = distributions(2), distributions(1002)
    found = value("js_div_loss", {"pred": p, "target": t}, reduction="none")
    np.testing.assert_allclose(found, jensenshannon(p, t, axis=-1) ** 2, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["kl_div_loss_2d", "js_div_loss_2d"])
def test_divergences_agree_with_kornia(name, reduction):
    shape = (2, 3, 4, 5)
    arrays = {
        "pred": distributions(3, shape, 2),
        "target": distributions(4, shape, 2),
    }
    theirs = getattr(kornia, name)(*tensors(arrays), reduction=reduction)
    found = value(name, arrays, reduction=reduction)
    np.testing.assert_allclose(found, theirs, rtol=1e-9)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (1, 2, 4, 5, 4)])
@pytest.mark.parametrize(("alpha", "k"), [(2.0, 10), (0.5, 3), (0.0, 1)])
def test_hausdorff_agrees_with_kornia(reduction, shape, alpha, k):
    arrays = scene(5, shape)
    loss = kornia.HausdorffERLoss if len(shape) == 4 else kornia.HausdorffERLoss3D
    theirs = loss(alpha, k, reduction)(*tensors(arrays))
    options = {"alpha": alpha, "k": k, "reduction": reduction}
    found = value("hausdorff_er_loss", arrays, **options)
    assert np.any(found)
    # Its kernel is in float32.
    np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("radius", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("normalized", [False, True])
def test_mutual_information_agrees_with_kornia(kernel, radius, normalized):
    name = f"{'normalized_' if normalized else ''}mutual_information_loss"
    arrays = pair(6)
    for own in ({}, masks(7, (40,))):
        options = {"num_bins": 9, "window_radius": radius}
        theirs = getattr(kornia, name)(
            *tensors(arrays),
            **dict(zip(own, tensors(own), strict=True)),
            kernel_function=getattr(kornia.MIKernel, kernel),
            **options,
        )
        found = value(name, arrays | own, kernel_function=kernel, **options)
        np.testing.assert_allclose(found, theirs, rtol=1e-6)


@pytest.mark.parametrize("spatial", [2, 3])
def test_mutual_information_of_images_agrees_with_kornia(spatial):
    shape = (2, 4, 5) if spatial == 2 else (2, 3, 4, 2)
    arrays = pair(8, shape)
    for kind in ("", "normalized_"):
        name = f"{kind}mutual_information_loss_{spatial}d"
        theirs = getattr(kornia, name)(*tensors(arrays), num_bins=16)
        found = value(name, arrays, num_bins=16)
        np.testing.assert_allclose(found, theirs, rtol=1e-6)


def test_normalized_mutual_information_agrees_with_scikit_image():
    arrays = whole(9)
    found = value("normalized_mutual_information_loss", arrays, num_bins=9)
    theirs = [
        normalized_mutual_information(x, y, bins=9)
        for x, y in zip(*arrays.values(), strict=True)
    ]
    np.testing.assert_allclose(found, np.negative(theirs), rtol=1e-13)


def test_mutual_information_agrees_with_a_contingency_table():
    arrays = whole(10)
    expected = []
    for x, y in zip(*arrays.values(), strict=True):
        edges = np.arange(10) - 0.5
        table = np.histogram2d(x, y, (edges, edges))[0] / x.size
        product = np.multiply.outer(table.sum(axis=1), table.sum(axis=0))
        expected.append(rel_entr(table, product).sum())
    found = value("mutual_information_loss", arrays, num_bins=9)
    np.testing.assert_allclose(found, np.negative(expected), rtol=1e-13)


def test_global_correlation_agrees_with_numpy():
    arrays = unlike(11)
    pairs = zip(*(a.reshape(4, -1) for a in arrays.values()), strict=True)
    theirs = [1 - np.corrcoef(x, y)[0, 1] for x, y in pairs]
    found = value("ncc_loss", arrays, reduction="none")
    np.testing.assert_allclose(found.ravel(), theirs, rtol=1e-12)


@pytest.mark.parametrize("size", [3, 5])
def test_local_correlation_agrees_with_filters_of_scipy(size):
    arrays = images(12)

    def mean(x):
        return uniform_filter(x, (0, 0, size, size), mode="mirror", axes=(0, 1, 2, 3))

    x, y = arrays.values()
    covariance = mean(x * y) - mean(x) * mean(y)
    variances = [mean(z * z) - mean(z) ** 2 for z in (x, y)]
    expected = 1 - covariance**2 / (variances[0] * variances[1])
    options = {"window_size": size, "reduction": "none"}
    found = value("lncc_loss", arrays, **options)
    np.testing.assert_allclose(found, expected, atol=1e-11)
    inner = slice(size // 2, -(size // 2))
    found = value("lncc_loss", arrays, **options, padding="valid")
    np.testing.assert_allclose(found, expected[..., inner, inner], atol=1e-11)


# The parts of the definitions against each other, and against finite differences


SLOPES = {
    "kl_div_loss": "default axis_outer axis_all_mean",
    "kl_div_loss_2d": "reduction_sum",
    "js_div_loss": "default axis_outer unnormalised",
    "js_div_loss_2d": "reduction_none",
    "hausdorff_er_loss": "default k_1 alpha_0.5 three_spatial_axes one_spatial_axis",
    "mutual_information_loss": "xu_radius_2.5 xu_radius_0.4 xu_64_bins "
    "truncated_gaussian_radius_2.5",
    "normalized_mutual_information_loss": "xu_radius_2.5 masks_nan_outside",
    "ncc_loss": "default unlike near_1e-2",
    "lncc_loss": "default window_3_valid one_axis three_axes",
}


@pytest.mark.parametrize(
    ("name", "case_id"),
    [(name, case_id) for name, cases in SLOPES.items() for case_id in cases.split()],
)
def test_reference_gradient_is_the_slope_of_the_reference_value(name, case_id):
    loss = all_losses()[name]
    case = next(case for case in loss.cases if case.id == case_id)
    gradient = loss.reference(case).gradient
    for argument in case.floating:
        array, step = case.arrays[argument], 2.0**-20
        direction = dyadic(13, array.shape) / 8
        moved = [
            value(name, {**case.arrays, argument: changed}, **case.options).sum()
            for changed in (array + step * direction, array - step * direction)
        ]
        slope = (moved[0] - moved[1]) / (2 * step)
        found = np.sum(gradient[argument] * direction, where=np.isfinite(array))
        # The rounding of both values over the step.
        assert found == pytest.approx(slope, rel=1e-6, abs=1e-8)


# No golden hangs on a rounding


def test_no_slope_of_a_histogram_hangs_on_the_last_place():
    """A sample is at the edge of a kernel exactly, in every dtype, or well off it."""
    for name in ("mutual_information_loss", "normalized_mutual_information_loss"):
        for case in all_losses()[name].cases:
            arrays = case.arrays.values()
            finite = all(a.size and np.all(np.isfinite(a)) for a in arrays)
            if finite and "offset" not in case.id:
                _check_places(case)


def _check_places(case):
    bins = case.options.get("num_bins", 64)
    radius = Fraction(case.options.get("window_radius", 1.0))
    for name in ("input", "target"):
        array = case.arrays[name]
        mask = case.arrays.get(f"{name}_mask", np.ones(array.shape[-1], bool))
        for row in array.reshape(-1, array.shape[-1]).tolist():
            inside = zip(row, mask.ravel().tolist(), strict=True)
            numbers = [Fraction(x) if there else None for x, there in inside]
            for place in {p for p in Signal(numbers, bins).places() if p is not None}:
                _check_place(case, place, bins, radius)


def _check_place(case, place, bins, radius):
    for k in range(bins):
        for edge in (0, 1):
            off = abs(abs(k - place) / radius - edge)
            exact = place.denominator & (place.denominator - 1) == 0
            assert off > 2e-6 * bins or (off == 0 and exact), (case.id, float(place))


def test_no_erosion_hangs_on_the_last_place():
    """The first one is exact; the extent of a later one magnifies what was rounded."""
    for case in all_losses()["hausdorff_er_loss"].cases:
        arrays = case.arrays
        for sample, c in np.ndindex(arrays["pred"].shape[:2]):
            right = arrays["target"][sample, 0].astype(int) == c
            errors = (fractions(arrays["pred"][sample, c]) - right) ** 2
            for i in range(case.options.get("k", 10)):
                step = erosion(errors)
                at_kink = np.abs(average(errors) - Fraction(1, 2)) < 1e-4
                fine = step.extent == 0 or step.extent > 1 / 150
                assert i == 0 or (fine and not np.any(at_kink)), case.id
                errors = step.eroded
