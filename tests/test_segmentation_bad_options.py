"""Every error of a segmentation loss's option names it, what came, what is allowed."""

import numpy as np
import pytest
import torch

import xloss

from .segmentation_problems import (
    SETS,
    every_labelled_loss,
    every_weighted_loss,
)

X = np.zeros((2, 3, 4, 5))
T = np.zeros((2, 4, 5), int)
NAN = float("nan")


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


CLASS_WEIGHTS = [
    (xloss.focal_loss, "weight", {"alpha": None}),
    (xloss.cross_entropy_loss, "weight", {}),
    (xloss.dice_loss, "weight", {}),
    (xloss.jaccard_loss, "weight", {}),
    (xloss.lovasz_softmax_loss, "weight", {}),
    (xloss.binary_focal_loss_with_logits, "weight", {}),
    (xloss.binary_focal_loss_with_logits, "pos_weight", {}),
]


@pytest.mark.parametrize(("function", "name", "options"), CLASS_WEIGHTS)
@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (np.ones(4), ValueError, r"must have shape \(3,\).*each class, got \(4,\)"),
        (np.ones((1, 3)), ValueError, r"must have shape \(3,\).*got \(1, 3\)"),
        (np.ones(()), ValueError, r"must have shape \(3,\).*got \(\)"),
        (np.ones(3, complex), ValueError, "complex128"),
        ([1.0, 1.0, 1.0], TypeError, "must be an array.*list"),
        (1.0, TypeError, "must be an array.*float"),
    ],
)
def test_wrong_class_weights(function, name, options, bad, kind, message):
    target = X if "binary" in function.__name__ else T
    with refused(kind, function.__name__, f"{name}.*{message}"):
        function(X, target, **{**options, name: bad})


@pytest.mark.parametrize("name", ["weight", "pos_weight"])
def test_weights_of_bce_broadcast(name):
    with refused(
        ValueError,
        "binary_cross_entropy_with_logits",
        rf"{name} must broadcast.*\(2, 3, 4, 5\).*\(4,\)",
    ):
        xloss.binary_cross_entropy_with_logits(X, X, **{name: np.ones(4)})


WRONG_NUMBERS = [
    ("1", TypeError, "must be a number.*got str"),
    (True, TypeError, "must be a number.*got bool"),
    (1j, TypeError, "must be a number.*got complex"),
    (np.ones(2), ValueError, r"must be one number.*\(2,\)"),
    (torch.ones(()), TypeError, "one library.*torch"),
    (NAN, ValueError, "got nan"),
    (-0.1, ValueError, "got -0.1"),
]
NUMBERS = [
    ("focal_loss", "alpha", {}),
    ("focal_loss", "gamma", {"alpha": 0.3}),
    ("binary_focal_loss_with_logits", "alpha", {}),
    ("binary_focal_loss_with_logits", "gamma", {}),
    ("cross_entropy_loss", "label_smoothing", {}),
    ("dice_loss", "eps", {}),
    ("jaccard_loss", "eps", {}),
    ("generalized_dice_loss", "eps", {}),
    ("tversky_loss", "eps", {"alpha": 0.3, "beta": 0.7}),
    ("tversky_loss", "alpha", {"beta": 0.7}),
    ("tversky_loss", "beta", {"alpha": 0.3}),
    ("focal_tversky_loss", "gamma", {"alpha": 0.3, "beta": 0.7}),
    ("focal_tversky_loss", "eps", {"alpha": 0.3, "beta": 0.7, "gamma": 1.0}),
]
IN_0_1 = {
    ("focal_loss", "alpha"),
    ("binary_focal_loss_with_logits", "alpha"),
    ("cross_entropy_loss", "label_smoothing"),
}


@pytest.mark.parametrize(("name", "option", "others"), NUMBERS)
@pytest.mark.parametrize(("bad", "kind", "message"), WRONG_NUMBERS)
def test_wrong_numbers(name, option, others, bad, kind, message):
    target = X if "binary" in name else T
    if "library" not in message:
        message = f"{option}.*{message}"
    with refused(kind, name, message):
        getattr(xloss, name)(X, target, **others, **{option: bad})


@pytest.mark.parametrize(("name", "option"), sorted(IN_0_1))
def test_numbers_of_at_most_1(name, option):
    target = X if "binary" in name else T
    with refused(ValueError, name, rf"{option} must be in \[0, 1\], got 1.5"):
        getattr(xloss, name)(X, target, **{option: 1.5})


@pytest.mark.parametrize("function", [xloss.dice_loss, xloss.jaccard_loss])
@pytest.mark.parametrize(
    ("bad", "kind"), [("weighted", ValueError), (None, TypeError), (0.5, TypeError)]
)
def test_unknown_average(function, bad, kind):
    listed = f"average must be 'micro' or 'macro', got {bad!r}"
    with refused(kind, function.__name__, listed):
        function(X, T, average=bad)


@every_labelled_loss
@pytest.mark.parametrize("bad", [255.0, True, "255", [255], np.float32(255)])
def test_wrong_ignore_index(loss, bad):
    message = "ignore_index must be an integer label or None, got "
    with refused(TypeError, loss.function.__name__, message):
        loss(*loss.arrays(), ignore_index=bad)


def test_ignore_index_of_numpy_is_an_integer_too():
    labels = T.copy()
    labels[0] = 255
    got = xloss.dice_loss(X, labels, ignore_index=np.uint8(255))
    assert got == xloss.dice_loss(X, labels, ignore_index=255)


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


def test_weights_have_the_shape_of_the_unreduced_loss():
    """(B, *) of cross-entropy, (B, C, *) of focal."""
    for name in ("where", "sample_weight"):
        message = rf"{name} must broadcast.*\(2, 4, 5\).*got \(2, 3, 4, 5\)"
        with refused(ValueError, "cross_entropy_loss", message):
            xloss.cross_entropy_loss(X, T, **{name: X == 0})
        message = rf"{name} must broadcast.*\(2, 3, 4, 5\).*got \(2, 4, 5\)"
        with refused(ValueError, "focal_loss", message):
            xloss.focal_loss(X, T, None, **{name: T == 0})


@pytest.mark.parametrize("loss", SETS, ids=lambda p: p.name)
@pytest.mark.parametrize("name", ["where", "sample_weight"])
def test_sets_take_no_masks(loss, name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        loss(*loss.arrays(), **{name: np.ones((), bool)})


@pytest.mark.parametrize("bad", [True, False])
def test_size_average_is_not_taken(bad):
    """Fourth in torch; here it is ignore_index of one and reduction of the other."""
    with refused(TypeError, "cross_entropy_loss", f"ignore_index .*{bad}"):
        xloss.cross_entropy_loss(X, T, None, bad)
    with refused(TypeError, "cross_entropy_loss", "reduction must be .*-100"):
        xloss.cross_entropy_loss(X, T, None, None, -100)
    for size_average in (bad, None):
        message = f"fourth argument is reduction.*{size_average}.*size_average"
        with refused(TypeError, "binary_cross_entropy_with_logits", message):
            xloss.binary_cross_entropy_with_logits(X, X, None, size_average)


def test_combine_refuses():
    dice, focal = xloss.DiceLoss(), xloss.FocalLoss(None)
    for call, kind, message in (
        (lambda: xloss.combine(), ValueError, "at least one criterion"),
        (lambda: xloss.combine(dice, 1.0), TypeError, "callable, got a float"),
        (
            lambda: xloss.combine(dice, focal, weights=[1.0]),
            ValueError,
            "1 weights for 2 criteria",
        ),
        (lambda: xloss.combine(dice, weights=0.5), TypeError, "weights.*float"),
        (lambda: xloss.combine(dice, weights=["1"]), TypeError, "weight.*str"),
        (lambda: xloss.combine(dice, weights=[NAN]), ValueError, "weight.*nan"),
        (
            lambda: xloss.combine(dice, focal)(X, T),
            ValueError,
            r"DiceLoss: \(\), FocalLoss: \(2, 3, 4, 5\)",
        ),
    ):
        with refused(kind, "combine", message):
            call()


@pytest.mark.parametrize(
    ("labels", "options", "kind", "message"),
    [
        ([0, 1], {}, TypeError, "labels must be an array"),
        (T.astype(float), {}, ValueError, "labels must be .*integer.*float64"),
        (np.asarray(0), {}, ValueError, r"labels must be .*\(\)"),
        (T, {"num_classes": 0}, ValueError, "num_classes must be at least 1, got 0"),
        (T, {"num_classes": 2.0}, TypeError, "num_classes must be an integer.*float"),
        (T, {"num_classes": True}, TypeError, "num_classes must be an integer.*bool"),
        (T, {"eps": -0.5}, ValueError, r"eps must be in \[0, 1\], got -0.5"),
        (T, {"eps": "0"}, TypeError, "eps must be a number.*str"),
        (T, {"eps": 0.1, "dtype": np.int64}, ValueError, "eps needs a floating dtype"),
    ],
)
def test_one_hot_refuses(labels, options, kind, message):
    with refused(kind, "one_hot", message):
        xloss.one_hot(labels, **{"num_classes": 2, **options})
