"""Values of the segmentation losses: their formulas, peers, numbers from outside."""

import jax
import jax.numpy as jnp
import kornia
import numpy as np
import optax
import pytest
import torch
from torch.nn.functional import cross_entropy

import xloss

from .segmentation_problems import (
    PICTURE,
    WEIGHT,
    every_reduction,
    every_segmentation_loss,
    pair,
)

# Forms that agree in exact arithmetic, in float64.
SAME_FORMULA = {"rtol": 1e-9, "atol": 1e-12}
TIGHTLY = {"rtol": 1e-12, "atol": 1e-12}


@every_segmentation_loss
@every_reduction
def test_formula(loss, reduction):
    arrays = loss.arrays()
    got, want = (f(*arrays, reduction=reduction) for f in (loss, loss.expected))
    assert isinstance(got, np.ndarray if want.ndim else np.float64)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


@every_segmentation_loss
def test_default_reduction(loss):
    arrays = loss.arrays()
    np.testing.assert_allclose(loss(*arrays), loss.expected(*arrays), rtol=1e-12)


@every_segmentation_loss
@every_reduction
def test_gradients(loss, reduction):
    pred, target = map(torch.tensor, loss.arrays())
    loss.on(torch.asarray)(
        pred.requires_grad_(), target, reduction=reduction
    ).sum().backward()
    want = loss.gradient(*loss.arrays(), reduction=reduction)
    np.testing.assert_allclose(pred.grad, want, rtol=1e-9, atol=1e-13)


def gradient(function, pred, target, upstream=None):
    leaf = pred.clone().requires_grad_()
    return torch.autograd.grad(function(leaf, target), leaf, upstream)[0]


def assert_same(ours, theirs, pred, target, tolerance):
    """The same values, and the same gradients of any mean of them."""
    got, want = ours(pred, target), theirs(pred, target)
    torch.testing.assert_close(got, want, **tolerance)
    upstream = torch.rand(want.shape, dtype=want.dtype)
    got, want = (gradient(f, pred, target, upstream) for f in (ours, theirs))
    torch.testing.assert_close(got, want, **tolerance)


WEIGHTS = torch.tensor(WEIGHT)
LIKE_KORNIA = [
    ("focal_loss", "FocalLoss", "labels", (2, 4, 3, 5), (0.3,)),
    ("focal_loss", "FocalLoss", "labels", (2, 4), (None, 0.0)),
    ("focal_loss", "FocalLoss", "labels", (2, 4, 7), (0.8, 0.5, "none", WEIGHTS)),
    ("focal_loss", "FocalLoss", "labels", (1, 4, 2, 3, 2), (None, 3.5)),
    ("binary_focal_loss_with_logits", "", "bits", (2, 4, 3, 5), ()),
    ("binary_focal_loss_with_logits", "", "bits", (2, 4), (None, 0.5)),
    ("binary_focal_loss_with_logits", "", "portions", (2, 4, 6), (0.6, 0.0)),
    (
        "binary_focal_loss_with_logits",
        "",
        "portions",
        (2, 4, 3, 3),
        (0.25, 3.0, "none", WEIGHTS.flip(0), WEIGHTS),
    ),
]


@pytest.mark.parametrize(
    ("function", "criterion", "target", "shape", "options"), LIKE_KORNIA
)
@every_reduction
def test_focal_like_kornia(function, criterion, target, shape, options, reduction):
    """But for the mean with ignored pixels, which kornia counts."""
    names = ["alpha", "gamma", "reduction", "pos_weight", "weight"]
    if function == "focal_loss":
        names.remove("pos_weight")
    options = dict(zip(names, options, strict=False)) | {"reduction": reduction}
    ignored = [None] if reduction == "mean" else [-100, 1, None]
    for ignore_index in ignored:
        pred, labels = pair(target, shape, ignore_index)
        if target == "bits":
            labels = labels.double()
        options["ignore_index"] = ignore_index
        assert_same(
            lambda z, t: getattr(xloss, function)(z, t, **options),
            lambda z, t: getattr(kornia.losses, function)(z, t, **options),
            pred,
            labels,
            SAME_FORMULA,
        )


def test_the_mean_of_focal_leaves_ignored_pixels_out():
    pred, labels = pair("labels", PICTURE, -100)
    ours, theirs = (
        f(pred, labels, 0.3, reduction="mean")
        for f in (xloss.focal_loss, kornia.losses.focal_loss)
    )
    counted = (labels >= 0).double().mean()
    torch.testing.assert_close(ours * counted, theirs, **SAME_FORMULA)
    pred, bits = pair("bits", PICTURE, -100)
    ours, theirs = (
        f(pred, bits.double(), reduction="mean")
        for f in (
            xloss.binary_focal_loss_with_logits,
            kornia.losses.binary_focal_loss_with_logits,
        )
    )
    counted = (bits >= 0).double().mean()
    torch.testing.assert_close(ours * counted, theirs, **SAME_FORMULA)


SETS_LIKE_KORNIA = [
    ("DiceLoss", (), {}),
    ("DiceLoss", ("macro",), {}),
    ("DiceLoss", ("micro", 0.5, WEIGHTS), {}),
    ("DiceLoss", ("macro", 1e-3, WEIGHTS, 2), {"ignore_index": 2}),
    ("DiceLoss", ("micro", 0.0, WEIGHTS, None), {"ignore_index": None}),
    ("TverskyLoss", (0.3, 0.7), {}),
    ("TverskyLoss", (0.5, 0.5, 0.25, 0), {"ignore_index": 0}),
    ("TverskyLoss", (1.0, 2.0, 0.0, None), {"ignore_index": None}),
    ("LovaszSoftmaxLoss", (), {"ignore_index": None}),
    ("LovaszSoftmaxLoss", (WEIGHTS,), {"ignore_index": None}),
]


@pytest.mark.parametrize(("name", "options", "draw"), SETS_LIKE_KORNIA)
def test_sets_like_kornia(name, options, draw):
    ours = getattr(xloss, name)(*options)
    theirs = getattr(kornia.losses, name)(*options)
    for seed in range(3):
        arrays = pair("labels", PICTURE, **{"ignore_index": -100, **draw}, seed=seed)
        assert_same(ours, theirs, *arrays, SAME_FORMULA)


def test_lovasz_hinge_like_kornia():
    ours, theirs = xloss.LovaszHingeLoss(), kornia.losses.LovaszHingeLoss()
    for seed in range(3):
        arrays = pair("mask", (3, 1, 4, 5), seed=seed)
        assert_same(ours, theirs, *arrays, SAME_FORMULA)


def test_lovasz_leaves_ignored_pixels_out():
    """As kornia does with the pixels cut out, one image at a time."""
    for name, target, shape, classes in (
        ("lovasz_hinge_loss", "mask", (1, 1, 4, 5), 1),
        ("lovasz_softmax_loss", "labels", (1, 4, 4, 5), 4),
    ):
        pred, labels = pair(target, shape, 255)
        counted = labels != 255
        cut = pred[:, :, counted[0]].reshape(1, classes, 1, -1)
        want = getattr(kornia.losses, name)(cut, labels[counted].reshape(1, 1, -1))
        got = getattr(xloss, name)(pred, labels, ignore_index=255)
        torch.testing.assert_close(got, want, **SAME_FORMULA)


@every_reduction
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 7), (2, 4, 3, 5), (2, 4, 2, 3, 2)])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_cross_entropy_like_torch(reduction, shape, weight, smoothing):
    for target, ignore_index in (
        ("labels", -100),
        ("labels", 2),
        ("labels", None),
        ("shares", -100),
    ):
        pred, labels = pair(target, shape, ignore_index)
        arrays = [(pred, labels)]
        if shape == (6, 4):  # a sample without a batch axis, which counts
            single = torch.tensor(3) if target == "labels" else labels[0]
            arrays.append((pred[0], single))
        options = {"weight": weight, "ignore_index": ignore_index}
        options |= {"reduction": reduction, "label_smoothing": smoothing}
        theirs = options | ({"ignore_index": -100} if ignore_index is None else {})
        for logits, labels in arrays:
            assert_same(
                lambda z, t, options=options: xloss.cross_entropy_loss(z, t, **options),
                lambda z, t, options=theirs: cross_entropy(z, t, **options),
                logits,
                labels,
                TIGHTLY,
            )


@every_reduction
def test_bce_like_torch(reduction):
    for shape, weight, pos_weight in (
        ((2, 3, 4), None, None),
        ((2, 3, 4), WEIGHTS, WEIGHTS.flip(0)),
        ((2, 4, 3, 5), WEIGHTS.reshape(4, 1, 1), WEIGHTS.reshape(1, 4, 1, 1)),
        ((3,), torch.rand(3).double(), torch.tensor(2.5).double()),
        ((), None, torch.tensor(0.5).double()),
    ):
        pred = 3 * torch.randn(shape, dtype=torch.float64)
        for target in (torch.rand(shape).double(), (torch.rand(shape) > 0.5).double()):
            options = {"reduction": reduction, "pos_weight": pos_weight}
            assert_same(
                xloss.BCEWithLogitsLoss(weight, **options),
                torch.nn.BCEWithLogitsLoss(weight, **options),
                pred,
                target,
                TIGHTLY,
            )


def in_float64(function, *arrays, **options):
    with jax.enable_x64(True):
        return np.asarray(function(*map(jnp.asarray, arrays), **options))


@pytest.mark.parametrize("alpha", [None, 0.25, 0.7])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_binary_focal_like_optax(alpha, gamma):
    pred, bits = (x.numpy() for x in pair("bits", PICTURE))
    options = {"alpha": alpha, "gamma": gamma}
    want = in_float64(optax.losses.sigmoid_focal_loss, pred, bits, **options)
    got = xloss.binary_focal_loss_with_logits(pred, bits, **options)
    np.testing.assert_allclose(got, want, **SAME_FORMULA)


def test_cross_entropies_like_optax():
    pred, labels = (x.numpy() for x in pair("labels", (6, 4)))
    want = in_float64(
        optax.losses.softmax_cross_entropy_with_integer_labels, pred, labels
    )
    got = xloss.cross_entropy_loss(pred, labels, reduction="none")
    np.testing.assert_allclose(got, want, **TIGHTLY)
    pred, shares = (x.numpy() for x in pair("shares", (6, 4)))
    want = in_float64(optax.losses.softmax_cross_entropy, pred, shares)
    got = xloss.cross_entropy_loss(pred, shares, reduction="none")
    np.testing.assert_allclose(got, want, **TIGHTLY)
    want = in_float64(optax.losses.sigmoid_binary_cross_entropy, pred, shares)
    got = xloss.binary_cross_entropy_with_logits(pred, shares, reduction="none")
    np.testing.assert_allclose(got, want, **TIGHTLY)
