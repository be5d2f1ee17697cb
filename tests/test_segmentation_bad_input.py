"""Every error of a segmentation loss names the function, the argument and what came."""

import re

import dask.array as da
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .segmentation_problems import (
    LABELLED,
    PROBLEMS,
    every_segmentation_loss,
)

X = np.zeros((2, 3, 4, 5))
T = np.zeros((2, 4, 5), int)
NAN = float("nan")


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


@every_segmentation_loss
@pytest.mark.parametrize("bad", [[[0.0, 1.0]], 1.0, None, "x", object(), range(3)])
def test_not_an_array(loss, bad):
    pred, target = loss.arrays()
    function = loss.function.__name__
    for arguments in ((bad, target), (pred, bad)):
        with refused(TypeError, function, r"\w+ must be an array.*asarray"):
            loss(*arguments)


@every_segmentation_loss
@pytest.mark.parametrize(
    ("convert", "kind", "message"),
    [
        (np.ma.masked_array, TypeError, "plain array"),
        (lambda x: x.astype(complex), ValueError, "complex128"),
        (lambda x: x.astype(object), ValueError, "object"),
    ],
    ids=["masked", "complex", "object"],
)
def test_wrong_array(loss, convert, kind, message):
    pred, target = loss.arrays()
    for arguments in ((convert(pred), target), (pred, convert(target))):
        with refused(kind, loss.function.__name__, message):
            loss(*arguments)


@every_segmentation_loss
@pytest.mark.parametrize("convert", [torch.tensor, jnp.asarray, da.from_array])
def test_mixed_libraries(loss, convert):
    pred, target = loss.arrays()
    with refused(TypeError, loss.function.__name__, "one library"):
        loss(pred, convert(target))


def test_mixed_libraries_among_weights():
    weight = torch.ones(3)
    for criterion in (
        xloss.FocalLoss(None, weight=weight),
        xloss.CrossEntropyLoss(weight),
        xloss.DiceLoss(weight=weight),
        xloss.LovaszSoftmaxLoss(weight),
    ):
        with pytest.raises(TypeError, match=r"\w+_loss: .*one library"):
            criterion(X, T)


@every_segmentation_loss
def test_devices_must_be_one(loss):
    pred, target = map(torch.tensor, loss.arrays())
    with refused(ValueError, loss.function.__name__, "one device.*cpu.*meta"):
        loss.on(torch.asarray)(pred, target.to("meta"))


@every_segmentation_loss
@pytest.mark.parametrize(("bad", "kind"), [("max", ValueError), (1, TypeError)])
def test_unknown_reduction(loss, bad, kind):
    listed = f"reduction must be 'none', 'mean' or 'sum'.*{bad}"
    with refused(kind, loss.function.__name__, listed):
        loss(*loss.arrays(), reduction=bad)


ONE_EACH = [p for p in LABELLED if p.target in ("labels", "mask")]
every_loss_of_labels = pytest.mark.parametrize("loss", ONE_EACH, ids=lambda p: p.name)


@every_loss_of_labels
def test_labels_of_another_shape(loss):
    pred, target = loss.arrays()
    wanted = re.escape(str(target.shape))
    for wrong in (
        target[:1],
        target[:, :-1] if target.ndim > 1 else target[:-1],
        target[:, None],
        target[..., None],
        np.zeros(pred.shape, int) if pred.shape != target.shape else target[0],
        np.zeros((), int),
    ):
        came = re.escape(str(wrong.shape))
        message = f"target must have shape {wanted}.*got {came}"
        with refused(ValueError, loss.function.__name__, message):
            loss(pred, wrong)


@every_loss_of_labels
def test_float_labels(loss):
    pred, target = loss.arrays()
    message = r"target must hold integer labels.*got shape .*, float64"
    with refused(ValueError, loss.function.__name__, message):
        loss(pred, target.astype(float))


@pytest.mark.parametrize(
    "loss",
    [p for p in ONE_EACH if p.name.startswith(("focal", "lovasz"))],
    ids=lambda p: p.name,
)
def test_soft_targets_are_for_the_overlap_losses_and_cross_entropy(loss):
    if "tversky" in loss.name:
        return
    pred, _ = loss.arrays()
    with refused(ValueError, loss.function.__name__, "target must hold integer labels"):
        loss(pred, np.full(pred.shape, 0.25))


SOFT = [p for p in PROBLEMS if p.target == "shares"]


@pytest.mark.parametrize("loss", SOFT, ids=lambda p: p.name)
def test_soft_targets_of_another_shape(loss):
    pred, target = loss.arrays()
    also = f"or probabilities of the shape of .*{re.escape(str(pred.shape))}"
    for wrong in (target[:1], target[:, :1], target[..., :-1], target[..., None]):
        with refused(ValueError, loss.function.__name__, also):
            loss(pred, wrong)


ELEMENTWISE = [p for p in PROBLEMS if p.target in ("bits", "portions")]


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda p: p.name)
def test_binary_targets_of_another_shape(loss):
    pred, target = loss.arrays()
    for wrong in (target[:1], target[:, :1], target[:, 0]):
        came = ".*".join(re.escape(str(x.shape)) for x in (pred, wrong))
        with refused(
            ValueError, loss.function.__name__, f"shapes must be equal.*{came}"
        ):
            loss(pred, wrong)


# Binary cross-entropy takes any shape, cross-entropy (C,) too.
OF_CLASSES = [p for p in PROBLEMS if p.name != "bce"]
TOO_FEW_AXES = [
    (loss, shape)
    for loss in OF_CLASSES
    for shape in ((), (5,))
    if not shape or loss.function is not xloss.cross_entropy_loss
]


@pytest.mark.parametrize(
    ("loss", "shape"), TOO_FEW_AXES, ids=lambda x: getattr(x, "name", len(x))
)
def test_logits_need_a_class_axis(loss, shape):
    pred = np.zeros(shape)
    target = pred if loss.target in ("shares", "portions") else pred.astype(int)
    message = rf"must have shape \(B, C, \*\).*got {re.escape(str(shape))}"
    with refused(ValueError, loss.function.__name__, message):
        loss._replace(options=numbers(loss))(pred, target)


@pytest.mark.parametrize("loss", OF_CLASSES, ids=lambda p: p.name)
def test_there_is_a_class(loss):
    pred = np.zeros((2, 0, 3))
    target = np.zeros((2, 3), int)
    if loss.target in ("shares", "bits", "portions"):
        target = np.zeros(pred.shape)
    wanted = r"axis 1|\(B, 1, \*\)"
    with refused(ValueError, loss.function.__name__, rf"({wanted}).*\(2, 0, 3\)"):
        loss._replace(options=numbers(loss))(pred, target)


def numbers(loss):
    """Return the options that are no arrays."""
    return {k: v for k, v in loss.options.items() if not isinstance(v, np.ndarray)}


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_integer_logits_are_taken(dtype):
    """As every loss takes integers."""
    pred = np.asarray([[[1, 0], [0, 1]]])
    labels = np.asarray([[0, 1]])
    for criterion in (xloss.CrossEntropyLoss(), xloss.FocalLoss(0.3), xloss.DiceLoss()):
        got = criterion(pred.astype(dtype), labels)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, criterion(pred.astype(float), labels))


def test_lovasz_softmax_needs_two_classes():
    pred, labels = np.zeros((2, 1, 4)), np.zeros((2, 4), int)
    message = r"pred must have shape \(B, C, \*\), with at least 2 classes.*\(2, 1, 4\)"
    with refused(ValueError, "lovasz_softmax_loss", message):
        xloss.lovasz_softmax_loss(pred, labels)


def test_lovasz_hinge_takes_one_channel():
    pred, labels = np.zeros((2, 2, 4)), np.zeros((2, 4), int)
    with refused(ValueError, "lovasz_hinge_loss", r"pred .*\(B, 1, \*\).*\(2, 2, 4\)"):
        xloss.lovasz_hinge_loss(pred, labels)
    labels[1, 2] = 2
    with refused(
        ValueError, "lovasz_hinge_loss", "target must hold labels from 0 to 1"
    ):
        xloss.lovasz_hinge_loss(pred[:, :1], labels)
