"""Every error of an option of the losses of information names it, and what came."""

import numpy as np
import pytest
import torch

import xloss

from .information_problems import INFORMATION

NAN = float("nan")
X = np.linspace(0.0, 1.0, 24).reshape(2, 3, 4)
MAPS = X.reshape(1, 2, 3, 4)


def refused(kind, function, message):
    return pytest.raises(kind, match=f"^{function}: .*{message}")


HAUSDORFF = [xloss.HausdorffERLoss, xloss.HausdorffERLoss3D]
VOLUME = np.zeros((1, 2, 3, 4, 5)), np.zeros((1, 1, 3, 4, 5), int)


@pytest.mark.parametrize("criterion", HAUSDORFF)
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"k": 0}, ValueError, "k must be at least 1, got 0"),
        ({"k": -3}, ValueError, "k must be at least 1, got -3"),
        ({"k": 2.0}, TypeError, "k must be an integer, got .*2.0|k .*float"),
        ({"k": True}, TypeError, "k must be an integer.*bool"),
        ({"alpha": "2"}, TypeError, "alpha must be a number.*str"),
        ({"alpha": None}, TypeError, "alpha must be a number.*None"),
        ({"alpha": NAN}, ValueError, "alpha must be finite, got nan"),
        ({"alpha": float("inf")}, ValueError, "alpha must be finite, got inf"),
        ({"alpha": np.ones(2)}, ValueError, r"alpha must be one number.*\(2,\)"),
    ],
)
def test_wrong_options_of_hausdorff(criterion, options, kind, message):
    name = "HausdorffERLoss3D" if criterion is HAUSDORFF[1] else "hausdorff_er_loss"
    with refused(kind, name, message):
        criterion(**options)(*VOLUME)


INFORMATION_OPTIONS = [
    ({"num_bins": 1}, ValueError, "num_bins must be at least 2, got 1"),
    ({"num_bins": 0}, ValueError, "num_bins must be at least 2, got 0"),
    ({"num_bins": 8.0}, TypeError, "num_bins must be an integer.*(float|8.0)"),
    ({"num_bins": True}, TypeError, "num_bins must be an integer.*bool"),
    ({"num_bins": "8"}, TypeError, "num_bins must be an integer.*(str|'8')"),
    ({"window_radius": 0.0}, ValueError, "window_radius must be positive, got 0.0"),
    ({"window_radius": -1}, ValueError, "window_radius must be positive, got -1"),
    ({"window_radius": NAN}, ValueError, "window_radius must be positive.*got nan"),
    ({"window_radius": "1"}, TypeError, "window_radius must be a number.*str"),
    ({"window_radius": np.ones(2)}, ValueError, r"window_radius must be one .*\(2,\)"),
    ({"window_radius": torch.ones(())}, TypeError, "window_radius must be a plain num"),
    (
        {"kernel_function": "gaussian"},
        ValueError,
        r"kernel_function must be .*\(xu, rectangular, truncated_gaussian\), got 'ga",
    ),
    ({"kernel_function": None}, TypeError, "kernel_function must be .*got None"),
    ({"kernel_function": np.sin}, TypeError, "kernel_function must be .*got <ufunc"),
    ({"kernel_function": ["xu"]}, TypeError, r"kernel_function must be .*got \['xu'\]"),
]
FUNCTIONS = {p.function.__name__: p for p in INFORMATION}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("options", "kind", "message"), INFORMATION_OPTIONS)
def test_wrong_options_of_information(name, options, kind, message):
    problem = FUNCTIONS[name]
    with refused(kind, name, message):
        problem.function(*problem.arrays(), **options)


CRITERIA = [
    "MILossFromRef",
    "MILossFromRef2D",
    "MILossFromRef3D",
    "NMILossFromRef",
    "NMILossFromRef2D",
    "NMILossFromRef3D",
]


@pytest.mark.parametrize("name", CRITERIA)
def test_criteria_of_a_reference_name_their_own_arguments(name):
    x = np.zeros((2, 3, 4))
    criterion = getattr(xloss, name)
    for call, kind, message in (
        (lambda: criterion(x)([0.0]), TypeError, "other_signal must be an array"),
        (lambda: criterion([0.0])(x), TypeError, "reference_signal must be an array"),
        (
            lambda: criterion(x)(x[:1]),
            ValueError,
            r"shapes must be equal.*other_signal: \(1, 3, 4\), reference_signal: \(2",
        ),
        (lambda: criterion(x, np.ones(9, bool))(x), ValueError, "mask must have shape"),
        (lambda: criterion(x)(x, np.ones(9, bool)), ValueError, "other_mask must have"),
        (
            lambda: criterion(x, num_bins=1)(x),
            ValueError,
            "num_bins must be at least 2",
        ),
        (lambda: criterion(torch.ones(2, 3, 4))(x), TypeError, "one library"),
    ):
        with refused(kind, name, message):
            call()


@pytest.mark.parametrize("name", ["input_mask", "target_mask"])
@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (np.ones(5, bool), ValueError, r"must have shape \(3, 4\).*got \(5,\)"),
        (np.ones((2, 3, 4), bool), ValueError, r"must have shape \(3, 4\).*got \(2, 3"),
        (np.ones((1, 4), bool), ValueError, r"must have shape \(3, 4\).*got \(1, 4\)"),
        (np.ones((), bool), ValueError, r"must have shape \(3, 4\).*got \(\)"),
        (np.ones((3, 4)), ValueError, "must be boolean, got float64"),
        (np.ones((3, 4), int), ValueError, "must be boolean, got int64"),
        ([[True] * 4] * 3, TypeError, "must be an array"),
        (True, TypeError, "must be an array"),
    ],
)
def test_wrong_masks(name, bad, kind, message):
    with refused(kind, "mutual_information_loss_2d", f"{name} {message}"):
        xloss.mutual_information_loss_2d(X, X, **{name: bad})


def test_masks_are_of_the_library_of_the_signals():
    mask = torch.ones(4, dtype=torch.bool)
    with refused(TypeError, "mutual_information_loss", "one library.*input_mask"):
        xloss.mutual_information_loss(X, X, mask)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"window_size": 4}, ValueError, "window_size must be .*odd.*got 4"),
        ({"window_size": 0}, ValueError, "window_size must be .*got 0"),
        ({"window_size": -3}, ValueError, "window_size must be .*got -3"),
        ({"window_size": 3.0}, TypeError, "window_size must be .*(float|3.0)"),
        ({"window_size": True}, TypeError, "window_size must be .*bool"),
        (
            {"window_size": 9},
            ValueError,
            r"at least 5 pixels for a window of 9, got shape \(1, 2, 3, 4\)",
        ),
        (
            {"window_size": 5, "padding": "valid"},
            ValueError,
            r"at least 5 pixels for a window of 5, got shape \(1, 2, 3, 4\)",
        ),
        ({"padding": "full"}, ValueError, "padding must be 'same' or 'valid'.*full"),
        ({"padding": None}, TypeError, "padding must be 'same' or 'valid'.*None"),
        ({"where": np.ones(())}, ValueError, "where must be a boolean mask.*float64"),
        ({"where": np.ones(7, bool)}, ValueError, r"where must broadcast.*\(7,\)"),
        ({"sample_weight": 2.0}, TypeError, "sample_weight must be an array"),
        ({"sample_weight": np.ones(7)}, ValueError, "sample_weight must broadcast"),
    ],
)
def test_wrong_options_of_lncc(options, kind, message):
    with refused(kind, "lncc_loss", message):
        xloss.lncc_loss(MAPS, MAPS, **{"window_size": 3, **options})
