"""Segmentation losses: by hand, among each other, combined; one-hot arrays."""

import jax.numpy as jnp
import kornia
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import xloss

from .segmentation_problems import PICTURE, WEIGHT, pair

SAME_FORMULA = {"rtol": 1e-9, "atol": 1e-12}


def test_lovasz_hinge_by_hand():
    pred = np.asarray([[2.0, -1.0], [0.0, 3.0]]).reshape(1, 1, 2, 2)
    labels = np.asarray([[[1, 0], [0, 1]]])
    # one error of 1, of a pixel beside 2 of the foreground: the union grows to 3
    np.testing.assert_allclose(xloss.lovasz_hinge_loss(pred, labels), 1 / 3, rtol=1e-15)


def test_lovasz_softmax_by_hand():
    p = [[0.6, 0.21, 0.12], [0.29, 0.68, 0.19], [0.11, 0.11, 0.69]]
    pred, labels = np.log(p)[None], np.asarray([[0, 1, 2]])
    terms = [
        3 * xloss.lovasz_softmax_loss(pred, labels, weight=only) for only in np.eye(3)
    ]
    np.testing.assert_allclose(terms, [0.4, 0.32, 0.31], rtol=1e-14)
    loss = xloss.lovasz_softmax_loss(pred, labels)
    np.testing.assert_allclose(loss, 0.3433333, atol=5e-8)


def test_focal_without_focus_is_cross_entropy_over_the_classes():
    pred, labels = (x.numpy() for x in pair("labels", PICTURE, -100))
    focal = xloss.focal_loss(pred, labels, None, 0.0, "mean")
    entropy = xloss.cross_entropy_loss(pred, labels)
    np.testing.assert_allclose(4 * focal, entropy, rtol=1e-14)


def test_two_classes_are_one_logit():
    """The softmax of two logits is the sigmoid of their difference."""
    pred, labels = (x.numpy() for x in pair("labels", (3, 2, 5)))
    difference = pred[:, 1] - pred[:, 0]
    pairs = [
        (
            xloss.focal_loss(pred, labels, 0.3, 1.5).sum(1),
            xloss.binary_focal_loss_with_logits(difference, labels, 0.3, 1.5),
        ),
        (
            xloss.cross_entropy_loss(pred, labels),
            xloss.binary_cross_entropy_with_logits(difference, labels),
        ),
    ]
    for softmax, sigmoid in pairs:
        np.testing.assert_allclose(softmax, sigmoid, rtol=1e-13)


@pytest.mark.parametrize("eps", [1e-8, 0.5])
def test_tversky_is_dice_at_one_half(eps):
    for target in ("labels", "shares"):
        arrays = [x.numpy() for x in pair(target, PICTURE, -100)]
        tversky = xloss.tversky_loss(*arrays, 0.5, 0.5, eps)
        dice = xloss.dice_loss(*arrays, "macro", 2 * eps)
        np.testing.assert_allclose(tversky, dice, rtol=1e-13)
        jaccard = xloss.jaccard_loss(*arrays, "macro", eps)
        np.testing.assert_allclose(
            xloss.tversky_loss(*arrays, 1.0, 1.0, eps), jaccard, rtol=1e-13
        )
        focal = xloss.focal_tversky_loss(*arrays, 0.3, 0.7, 1.0, eps)
        plain = xloss.tversky_loss(*arrays, 0.3, 0.7, eps)
        np.testing.assert_allclose(focal, plain, rtol=1e-13)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_jaccard_is_a_function_of_dice(average):
    """J = D/(2 - D) for the indices of each class, and of all together."""
    pred, shares = (x.numpy() for x in pair("shares", PICTURE))
    for only in (*np.eye(4), *[np.ones(4)] * (average == "micro")):
        options = {"average": average, "eps": 0.0, "weight": only}
        dice = 1 - xloss.dice_loss(pred, shares, **options, reduction="none")
        jaccard = 1 - xloss.jaccard_loss(pred, shares, **options, reduction="none")
        np.testing.assert_allclose(jaccard, dice / (2 - dice), rtol=1e-13)


def test_generalized_dice_weighs_all_classes_alike():
    """Two classes of 1 and 9 pixels: 9² and 1, and the absent one as the largest."""
    labels = np.asarray([[1] + 9 * [0]])
    pred = np.random.default_rng(0).standard_normal((1, 3, 10))
    generalized = xloss.generalized_dice_loss(pred, labels, 0.0)
    weight = np.asarray([1.0, 81.0, 81.0])
    dice = xloss.dice_loss(pred, labels, eps=0.0, weight=weight)
    np.testing.assert_allclose(generalized, dice, rtol=1e-13)


SOFT = [
    xloss.CrossEntropyLoss(reduction="none"),
    xloss.CrossEntropyLoss(WEIGHT, reduction="none", label_smoothing=0.1),
    xloss.DiceLoss(weight=WEIGHT),
    xloss.DiceLoss("macro", 0.1, WEIGHT),
    xloss.JaccardLoss(eps=0.1),
    xloss.GeneralizedDiceLoss(eps=0.1),
    xloss.TverskyLoss(0.3, 0.7),
    xloss.FocalTverskyLoss(0.3, 0.7, 0.75),
]


@pytest.mark.parametrize("criterion", SOFT, ids=lambda c: type(c).__name__)
def test_labels_are_their_one_hot_shares(criterion):
    for shape in ((5, 4), (2, 4, 3, 5)):
        pred, labels = (x.numpy() for x in pair("labels", shape))
        shares = np.moveaxis(np.eye(4)[labels], -1, 1)
        np.testing.assert_allclose(
            criterion(pred, shares), criterion(pred, labels), rtol=1e-12
        )


def test_combined_terms_add_up():
    arrays = pair("labels", PICTURE, -100)
    dice, entropy = (
        kornia.losses.dice_loss(*arrays),
        cross_entropy(*arrays),
    )
    got = xloss.combine(xloss.DiceLoss(), xloss.CrossEntropyLoss())(*arrays)
    torch.testing.assert_close(got, dice + entropy, **SAME_FORMULA)
    weighted = xloss.combine(
        xloss.DiceLoss(), xloss.CrossEntropyLoss(), weights=(0.25, 2)
    )
    want = 0.25 * dice + 2 * entropy
    torch.testing.assert_close(weighted(*arrays), want, **SAME_FORMULA)
    again = xloss.combine(weighted, xloss.DiceLoss(), weights=[2.0, 1.0])
    torch.testing.assert_close(again(*arrays), 2 * want + dice, **SAME_FORMULA)
    pred, labels = (x.numpy() for x in arrays)
    got = weighted(pred, labels)
    assert isinstance(got, np.float64)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_combined_samples_add_up():
    pred, labels = (x.numpy() for x in pair("labels", PICTURE, -100))
    terms = xloss.DiceLoss(reduction="none"), xloss.JaccardLoss(reduction="none")
    got = xloss.combine(*terms, weights=(1.0, -0.5))(pred, labels)
    assert got.shape == (2,)
    want = terms[0](pred, labels) - 0.5 * terms[1](pred, labels)
    np.testing.assert_allclose(got, want, rtol=1e-15)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("eps", [0.0, 1e-3])
def test_one_hot_like_kornia(shape, eps):
    labels = torch.randint(0, 4, shape)
    for dtype in (torch.float32, torch.float64):
        want = kornia.losses.one_hot(labels, 4, torch.device("cpu"), dtype, eps)
        got = xloss.one_hot(labels, 4, torch.device("cpu"), dtype, eps)
        assert got.dtype == dtype
        torch.testing.assert_close(got, want, rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    ("asarray", "dtype", "wide"),
    [
        (np.asarray, np.float64, np.float32),
        (torch.asarray, torch.float32, torch.float64),
        (jnp.asarray, jnp.float32, jnp.float16),
    ],
)
def test_one_hot_by_hand(asarray, dtype, wide):
    labels = np.asarray([[0, 2], [1, 1]], np.uint8)
    want = np.asarray([[[1, 0], [0, 0], [0, 1]], [[0, 0], [1, 1], [0, 0]]])
    got = xloss.one_hot(asarray(labels), 3)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, want)
    assert xloss.one_hot(asarray(labels), 3, dtype=wide).dtype == wide
    smooth = np.asarray(xloss.one_hot(asarray(labels), 3, eps=0.25))
    np.testing.assert_array_equal(smooth, np.where(want, 1, 0.25))
    flags = asarray(labels > 0)
    np.testing.assert_array_equal(xloss.one_hot(flags, 2)[:, 1], labels > 0)
