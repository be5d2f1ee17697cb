"""Every error of an image loss names the function, the argument and what came."""

import re

import dask.array as da
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .image_problems import PROBLEMS, every_image_loss, every_weighted_loss

X = np.zeros((2, 3, 12, 14))
LONG = np.zeros((2, 3, 40))
VOLUME = np.zeros((1, 1, 6, 7, 8))
DEPTH = np.zeros((2, 1, 12, 14))
NAN = float("nan")


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


@every_image_loss
@pytest.mark.parametrize("bad", [[0.0, 1.0], 1.0, None, "x", object(), range(3)])
def test_not_an_array(loss, bad):
    arrays = loss.arrays()
    for place in range(len(arrays)):
        wrong = [*arrays[:place], bad, *arrays[place + 1 :]]
        with refused(
            TypeError, loss.function.__name__, r"\w+ must be an array.*asarray"
        ):
            loss(*wrong)


@every_image_loss
@pytest.mark.parametrize(
    ("convert", "kind", "message"),
    [
        (np.ma.masked_array, TypeError, "plain array"),
        (lambda x: x.astype(complex), ValueError, "real floating.*complex128"),
        (lambda x: x.astype(object), ValueError, "real floating.*object"),
    ],
    ids=["masked", "complex", "object"],
)
def test_wrong_array(loss, convert, kind, message):
    *arrays, last = loss.arrays()
    with refused(kind, loss.function.__name__, message):
        loss(*arrays, convert(last))


TWO_IMAGES = [p for p in PROBLEMS if len(p.shapes) == 2]


@pytest.mark.parametrize("loss", TWO_IMAGES, ids=lambda p: p.name)
@pytest.mark.parametrize("convert", [torch.tensor, jnp.asarray, da.from_array])
def test_mixed_libraries(loss, convert):
    x, y = loss.arrays()
    with refused(TypeError, loss.function.__name__, "one library"):
        loss(x, convert(y))


@pytest.mark.parametrize(
    "loss", [p for p in TWO_IMAGES if p.name != "depth"], ids=lambda p: p.name
)
def test_unequal_shapes(loss):
    x, y = loss.arrays()
    for other in (y[:1], y[:, :0], y[..., :-1]):
        came = ".*".join(re.escape(str(shape)) for shape in (x.shape, other.shape))
        message = f"shapes must be equal.*{came}"
        with refused(ValueError, loss.function.__name__, message):
            loss(x, other)


@every_image_loss
@pytest.mark.parametrize(("bad", "kind"), [("max", ValueError), (1, TypeError)])
def test_unknown_reduction(loss, bad, kind):
    if not loss.reductions:
        with pytest.raises(TypeError, match="unexpected keyword argument 'reduction'"):
            loss(*loss.arrays(), reduction="mean")
        return
    listed = ".*".join(repr(r) for r in ("none", "mean", "sum") if r in loss.reductions)
    if loss.function is xloss.total_variation:
        listed = "'sum' or 'mean'"
    with refused(kind, loss.function.__name__, f"reduction must be {listed}.*{bad}"):
        loss(*loss.arrays(), reduction=bad)


@pytest.mark.parametrize(("bad", "kind"), [("none", ValueError), (None, TypeError)])
def test_total_variation_is_always_reduced(bad, kind):
    with refused(kind, "total_variation", "reduction must be 'sum' or 'mean'"):
        xloss.total_variation(X, bad)


WINDOWED = [
    pytest.param(xloss.ssim_loss, {}, id="ssim_loss"),
    pytest.param(xloss.ssim, {}, id="ssim"),
    pytest.param(xloss.ms_ssim_loss, {"power_factors": (1.0,)}, id="ms_ssim_loss"),
]


@pytest.mark.parametrize(("function", "options"), WINDOWED)
@pytest.mark.parametrize(
    ("window_size", "kind", "message"),
    [
        (4, ValueError, "window_size must be odd and at least 1, got 4"),
        (0, ValueError, "window_size must be odd and at least 1, got 0"),
        (-3, ValueError, "window_size must be odd and at least 1, got -3"),
        (3.0, TypeError, "window_size must be an odd number of pixels, got a float"),
        (True, TypeError, "window_size must be an odd number of pixels, got a bool"),
        (
            None,
            TypeError,
            "window_size must be an odd number of pixels, got a NoneType",
        ),
        ("3", TypeError, "window_size must be an odd number of pixels, got a str"),
        ((3, 3), TypeError, "window_size must be an odd number of pixels, got a tuple"),
    ],
)
def test_window_size(function, options, window_size, kind, message):
    with refused(kind, function.__name__, message):
        function(X, X, window_size=window_size, **options)


def test_window_size_of_numpy_is_a_number_too():
    want = xloss.ssim_loss(X, X + 0.5, 3)
    assert xloss.ssim_loss(X, X + 0.5, np.int64(3)) == want


@pytest.mark.parametrize("function", [xloss.ssim_loss, xloss.ssim])
@pytest.mark.parametrize(
    ("shape", "largest"), [((1, 1, 9, 12), 17), ((1, 1, 6), 11), ((1, 1, 12, 5, 9), 9)]
)
def test_reflecting_windows_reach_no_further_than_the_image(function, shape, largest):
    x = np.zeros(shape)
    assert (function(x, x, largest) == function(x, x, 1)).all()
    least = largest // 2 + 2
    message = f"at least {least} pixels for a window of {largest + 2}.*{shape[-1]}"
    with refused(ValueError, function.__name__, message):
        function(x, x, largest + 2)


@pytest.mark.parametrize("function", [xloss.ssim_loss, xloss.ssim])
@pytest.mark.parametrize(
    ("shape", "largest"), [((1, 1, 9, 12), 9), ((1, 1, 7), 7), ((1, 1, 12, 5, 9), 5)]
)
def test_valid_windows_lie_inside_the_image(function, shape, largest):
    x = np.zeros(shape)
    assert np.isfinite(function(x, x, largest, padding="valid")).all()
    message = f"at least {largest + 2} pixels for a window of {largest + 2}"
    with refused(ValueError, function.__name__, message):
        function(x, x, largest + 2, padding="valid")


@pytest.mark.parametrize("shape", [(), (5,), (5, 5), (1, 1, 3, 3, 3, 3)])
@pytest.mark.parametrize(
    ("function", "options"),
    [*WINDOWED, pytest.param(xloss.ms_ssim_l1_loss, {}, id="ms_ssim_l1_loss")],
)
def test_wrong_rank(function, options, shape):
    x = np.zeros(shape)
    if function is not xloss.ms_ssim_l1_loss:
        options = {**options, "window_size": 3}
    message = rf"img1 must have shape \(B, C, .*got {re.escape(str(shape))}"
    with refused(ValueError, function.__name__, message):
        function(x, x, **options)


@pytest.mark.parametrize("x", [X, LONG])
def test_ssim3d_takes_volumes_alone(x):
    with refused(ValueError, "ssim3d_loss", "three spatial axes.*got"):
        xloss.ssim3d_loss(x, x, 3)


def test_sides_too_small_for_the_scales():
    x = np.zeros((1, 1, 175, 200))
    message = "at least 176 pixels for a window of 11 at 5 scales"
    with refused(ValueError, "ms_ssim_loss", message):
        xloss.ms_ssim_loss(x, x)
    x = np.zeros((1, 1, 12, 11))
    with refused(ValueError, "ms_ssim_loss", "at least 12 pixels"):
        xloss.ms_ssim_loss(x, x, 3, 1.0, (0.2, 0.3, 0.5))


POSITIVE = [
    ("ssim_loss", "max_val", {"window_size": 3}),
    ("ssim", "max_val", {"window_size": 3}),
    ("ms_ssim_loss", "max_val", {"window_size": 3, "power_factors": (1.0,)}),
    ("ms_ssim_l1_loss", "data_range", {}),
    ("ms_ssim_l1_loss", "compensation", {}),
    ("psnr", "max_val", {}),
    ("psnr_loss", "max_val", {}),
]


@pytest.mark.parametrize(("name", "option", "others"), POSITIVE)
@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (0, ValueError, "must be positive, got 0"),
        (-1.0, ValueError, "must be positive, got -1.0"),
        (NAN, ValueError, "must be positive, got nan"),
        (np.float32(0), ValueError, "must be positive, got 0"),
        ("1", TypeError, "must be a number.*got str"),
        (None, TypeError, "must be a number.*got NoneType"),
        (True, TypeError, "must be a number.*got bool"),
        (1j, TypeError, "must be a number.*got complex"),
        (np.ones(3), ValueError, r"must be one number.*\(3,\)"),
        (torch.ones(()), TypeError, "one library.*torch"),
    ],
)
def test_options_that_must_be_positive(name, option, others, bad, kind, message):
    with refused(
        kind, name, f"{option}.*{message}" if "library" not in message else message
    ):
        getattr(xloss, name)(X, X, **others, **{option: bad})


OPTIONS = [
    ("ssim_loss", {"eps": -1e-12}, ValueError, "eps must be at least 0, got -1e-12"),
    ("ssim", {"eps": NAN}, ValueError, "eps must be at least 0, got nan"),
    ("ssim_loss", {"eps": "0"}, TypeError, "eps must be a number.*str"),
    (
        "ssim_loss",
        {"padding": "full"},
        ValueError,
        "padding.*'same' or 'valid'.*'full'",
    ),
    ("ssim", {"padding": None}, TypeError, "padding must be 'same' or 'valid'.*None"),
    ("ms_ssim_l1_loss", {"sigmas": ()}, ValueError, "sigmas must be one or more"),
    ("ms_ssim_l1_loss", {"sigmas": (1.0, 0.0)}, ValueError, "sigmas.*positive, got 0"),
    ("ms_ssim_l1_loss", {"sigmas": (-1.0,)}, ValueError, "sigmas.*positive, got -1"),
    ("ms_ssim_l1_loss", {"sigmas": (NAN,)}, ValueError, "sigmas.*positive, got nan"),
    ("ms_ssim_l1_loss", {"sigmas": 1.5}, TypeError, "sigmas must be a tuple.*float"),
    ("ms_ssim_l1_loss", {"sigmas": ("1",)}, TypeError, "sigmas.*got a str"),
    ("ms_ssim_l1_loss", {"K": (0.01,)}, ValueError, "K must be 2 numbers, got 1"),
    ("ms_ssim_l1_loss", {"K": (0.01, 0.03, 0.1)}, ValueError, "K must be 2 numbers"),
    ("ms_ssim_l1_loss", {"K": (0.01, -0.03)}, ValueError, "K must be positive, got -0"),
    ("ms_ssim_l1_loss", {"K": (0.0, 0.03)}, ValueError, "K must be positive, got 0"),
    ("ms_ssim_l1_loss", {"K": 0.01}, TypeError, "K must be a tuple.*float"),
    ("ms_ssim_l1_loss", {"alpha": 1.5}, ValueError, r"alpha must be in \[0, 1\].*1.5"),
    ("ms_ssim_l1_loss", {"alpha": -0.1}, ValueError, r"alpha must be in \[0, 1\]"),
    ("ms_ssim_l1_loss", {"alpha": NAN}, ValueError, r"alpha must be in \[0, 1\].*nan"),
    ("ms_ssim_loss", {"power_factors": ()}, ValueError, "power_factors must be one or"),
    ("ms_ssim_loss", {"power_factors": (-1.0,)}, ValueError, "power_factors.*got -1"),
    ("ms_ssim_loss", {"power_factors": 0.5}, TypeError, "power_factors.*tuple.*float"),
    ("ms_ssim_loss", {"power_factors": (None,)}, TypeError, "power_factors.*NoneType"),
]


@pytest.mark.parametrize(("name", "options", "kind", "message"), OPTIONS)
def test_wrong_option(name, options, kind, message):
    if name != "ms_ssim_l1_loss":
        options = {"window_size": 3, **options}
    with refused(kind, name, message):
        getattr(xloss, name)(X, X, **options)


@every_weighted_loss
@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        ({"where": np.ones(())}, ValueError, "where must be a boolean mask.*float64"),
        ({"where": [True]}, TypeError, "where must be an array"),
        ({"where": np.ones(90, bool)}, ValueError, r"where must broadcast.*\(90,\)"),
        ({"sample_weight": 2.0}, TypeError, "sample_weight must be an array"),
        ({"sample_weight": np.ones(90)}, ValueError, "sample_weight must broadcast"),
        ({"sample_weight": np.ones((1,) * 6)}, ValueError, "sample_weight must broad"),
        ({"sample_weight": np.ones((), complex)}, ValueError, "sample_weight .*real"),
        ({"sample_weight": torch.ones(())}, TypeError, "one library"),
    ],
)
def test_wrong_weights(loss, weights, kind, message):
    with refused(kind, loss.function.__name__, message):
        loss(*loss.arrays(), **weights)


def test_weights_have_the_shape_of_the_map_not_of_the_images():
    cropped = re.escape("(2, 3, 10, 12)")
    for name in ("where", "sample_weight"):
        whole = np.ones(X.shape, bool)
        with refused(ValueError, "ssim_loss", f"{name} must broadcast.*{cropped}"):
            xloss.ssim_loss(X, X, 3, padding="valid", **{name: whole})
        with refused(ValueError, "ms_ssim_l1_loss", r"must broadcast.*\(2, 12, 14\)"):
            xloss.ms_ssim_l1_loss(X, X, **{name: whole})


@pytest.mark.parametrize("shape", [(), (5,)])
def test_total_variation_needs_two_axes(shape):
    message = rf"img must have shape \(\*, H, W\), got {re.escape(str(shape))}"
    with refused(ValueError, "total_variation", message):
        xloss.total_variation(np.zeros(shape))


@pytest.mark.parametrize(
    ("idepth", "image", "message"),
    [
        (X, X, r"idepth must have shape \(N, 1, H, W\), got \(2, 3, 12, 14\)"),
        (DEPTH, DEPTH, r"image must have shape \(N, 3, H, W\), got \(2, 1, 12, 14\)"),
        (DEPTH[0], X, r"idepth must have shape \(N, 1, H, W\), got \(1, 12, 14\)"),
        (DEPTH, X[0], r"image must have shape \(N, 3, H, W\), got \(3, 12, 14\)"),
        (DEPTH[:1], X, r"same N, H and W.*\(1, 1, 12, 14\).*\(2, 3, 12, 14\)"),
        (DEPTH[:, :, 1:], X, r"same N, H and W.*\(2, 1, 11, 14\)"),
        (DEPTH, X[..., 1:], r"same N, H and W.*\(2, 3, 12, 13\)"),
    ],
)
def test_depth_and_image_must_fit(idepth, image, message):
    with refused(ValueError, "inverse_depth_smoothness_loss", message):
        xloss.inverse_depth_smoothness_loss(idepth, image)


@pytest.mark.parametrize("function", [xloss.psnr, xloss.psnr_loss])
@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_samples_need_an_axis(function, reduction):
    pixel = np.ones(())
    with refused(ValueError, function.__name__, r"samples.*\(\)"):
        function(pixel, 0 * pixel, 1.0, reduction=reduction)
    assert function(pixel, 0 * pixel, 1.0) == 0.0


def test_devices_must_be_one():
    x, y = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5, device="meta")
    for name, arrays in (
        ("ssim_loss", (x, y, 3)),
        ("psnr", (x, y, 1.0)),
        ("ms_ssim_l1_loss", (x, y)),
    ):
        with refused(ValueError, name, "one device.*cpu.*meta"):
            getattr(xloss, name)(*arrays)
