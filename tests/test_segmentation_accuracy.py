"""Digits of the segmentation losses: saturated logits, and soft targets."""

from functools import partial

import jax
import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xloss

GAPS = np.arange(-28, 28.25, 0.25)
WIDE_GAPS = np.arange(-60, 60.5, 0.5)
RIVALS = np.asarray([0.0, -0.5, -1.0])
"""the other logits, below the largest of them"""


def pixels(gaps):
    """One pixel for each gap and each place of the label: logits (N, 4), labels (N,).

    All in quarters, so that float32 holds them beside an offset of 1000 too.
    """
    logits, labels = [], []
    for k, gap in enumerate(gaps):
        labels.append(k % 4)
        logits.append(np.insert(RIVALS, k % 4, gap))
    return np.stack(logits), np.asarray(labels)


@mp.workdps(50)
def exact_of_margins(gaps, labels, loss, slope):
    """A function of m = log sum exp of the rivals' gaps, and its gradient."""
    values, gradients = [], []
    for gap, label in zip(gaps, labels, strict=True):
        rivals = [mp.e ** (mp.mpf(z) - mp.mpf(gap)) for z in RIVALS]
        m = mp.log(sum(rivals))
        values.append(float(loss(m)))
        parts = [float(slope(m) * r / sum(rivals)) for r in rivals]
        gradients.append(np.insert(parts, label, -float(slope(m))))
    return np.asarray(values), np.stack(gradients)


def focal_of(gamma):
    def loss(m):
        p, q = 1 / (1 + mp.e**m), 1 / (1 + mp.e**-m)
        return -(q**gamma) * mp.log(p)

    def slope(m):
        p, q = 1 / (1 + mp.e**m), 1 / (1 + mp.e**-m)
        return q**gamma * (q - gamma * p * mp.log(p))

    return loss, slope


OFFSETS = 0, 10, 100, 1000


def on_every_library(loss, pred, *others, offsets=(0,)):
    """Values of NumPy, torch and JAX, and gradients of their sums in torch and JAX."""

    def total(z, others):
        value = loss(z, *others)
        return value.sum(), value

    on_jax = jax.jit(jax.grad(total, has_aux=True))
    values, gradients = [], []
    for offset in offsets:
        moved = pred.astype(np.float32) + np.float32(offset)
        leaf = torch.tensor(moved, requires_grad=True)
        on_torch = loss(leaf, *map(torch.asarray, others))
        on_torch.sum().backward()
        slope, value = on_jax(moved, others)
        values += [loss(moved, *others), on_torch.detach().numpy(), np.asarray(value)]
        gradients += [leaf.grad.numpy(), np.asarray(slope)]
    return values, gradients


EAGER_TORCH = 2.0**-23
"""what the overlap losses may be off by there, which take 1 - p by a subtraction"""


def assert_digits(
    loss, pred, target, value, gradient, *, offsets=OFFSETS, eager_torch=0.0
):
    values, gradients = on_every_library(loss, pred, target, offsets=offsets)
    for k, got in enumerate(values):
        assert got.dtype == np.float32
        atol = eager_torch if k % 3 == 1 else 0
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=atol)
    for k, got in enumerate(gradients):
        atol = 0 if k % 2 else eager_torch
        np.testing.assert_allclose(got, gradient, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_at_any_gap(gamma):
    pred, labels = pixels(GAPS)
    value, gradient = exact_of_margins(GAPS, labels, *focal_of(gamma))

    def loss(z, t):
        return xloss.focal_loss(z, t, None, gamma).sum(1)

    assert_digits(loss, pred, labels, value, gradient)


def test_cross_entropy_at_any_gap():
    pred, labels = pixels(WIDE_GAPS)
    value, gradient = exact_of_margins(WIDE_GAPS, labels, *focal_of(0))
    loss = xloss.CrossEntropyLoss(reduction="none")
    assert_digits(loss, pred, labels, value, gradient)


@mp.workdps(50)
def exact_binary(gaps, target, gamma):
    loss, slope = focal_of(gamma)
    sign = -1 if target else 1  # by how much the wrong answer leads
    values = [float(loss(sign * mp.mpf(z))) for z in gaps]
    return np.asarray(values), np.asarray([sign * float(slope(sign * z)) for z in gaps])


@pytest.mark.parametrize("target", [0, 1])
def test_binary_losses_at_any_gap(target):
    gaps = GAPS.reshape(-1, 1)
    labels = np.full(gaps.shape, target)
    for gamma in (0.0, 0.5, 1.0, 2.0):
        value, gradient = exact_binary(GAPS, target, gamma)
        loss = xloss.BinaryFocalLossWithLogits(None, gamma)
        assert_digits(
            loss, gaps, labels, value[:, None], gradient[:, None], offsets=(0,)
        )
    loss = xloss.BCEWithLogitsLoss(reduction="none")
    value, gradient = exact_binary(WIDE_GAPS, target, 0)
    labels = np.full(WIDE_GAPS.shape, target)
    assert_digits(loss, WIDE_GAPS, labels, value, gradient, offsets=(0,))


def exact_sums(pred, labels):
    """Sums of wrong and missed probabilities of each class, from logits (C, N)."""
    p = [[mp.e ** mp.mpf(z) for z in pixel] for pixel in pred.T]
    p = [[x / mp.fsum(pixel) for x in pixel] for pixel in p]
    p = list(zip(*p, strict=True))
    own = [[int(label == c) for label in labels] for c in range(len(pred))]
    both = [
        mp.fsum(x for x, t in zip(*rows, strict=True) if t)
        for rows in zip(p, own, strict=True)
    ]
    return both, [mp.fsum(row) for row in p], [sum(row) for row in own]


def exact_dice(eps, pred, labels):
    both, predicted, total = exact_sums(pred, labels)
    return 1 - 2 * sum(both) / (sum(predicted) + sum(total) + eps)


def exact_macro_dice(eps, pred, labels):
    """Over classes that are all present."""
    sums = zip(*exact_sums(pred, labels), strict=True)
    return mp.fsum(1 - 2 * i / (p + t + eps) for i, p, t in sums) / len(pred)


def exact_tversky(eps, pred, labels):
    sums = zip(*exact_sums(pred, labels), strict=True)
    index = [i / (i + 0.25 * (p - i) + 0.75 * (t - i) + eps) for i, p, t in sums]
    return 1 - mp.fsum(index) / len(pred)


OVERLAPS = [
    (partial(xloss.dice_loss, average="micro"), exact_dice),
    (partial(xloss.dice_loss, average="macro"), exact_macro_dice),
    (partial(xloss.tversky_loss, alpha=0.25, beta=0.75), exact_tversky),
]
every_overlap = pytest.mark.parametrize(
    ("loss", "formula"), OVERLAPS, ids=["dice", "dice_macro", "tversky"]
)


@every_overlap
def test_overlap_of_a_nearly_perfect_prediction(loss, formula):
    """From 1 - p nothing is left at a gap of 17, and the loss would be 0 or eps."""
    labels, eps = np.asarray([0, 1, 2, 2, 1]), 1e-13
    pred = np.random.default_rng(0).integers(-4, 5, (4, 3, 5)) / 8
    pred[:, labels, np.arange(5)] += np.asarray([0, 9, 17, 28]).reshape(4, 1)
    value, gradient = np.zeros(4), np.zeros(pred.shape)
    with mp.workdps(40):
        for k, sample in enumerate(pred):
            value[k] = formula(eps, sample, labels)
            for c, n in np.ndindex(3, 5):

                def along(z, sample=sample, place=(c, n)):
                    moved = sample.astype(object)
                    moved[place] = z
                    return formula(eps, moved, labels)

                gradient[k, c, n] = mp.diff(along, sample[c, n])

    assert_digits(
        partial(loss, eps=eps, reduction="none"),
        pred,
        np.stack([labels] * 4),
        value,
        gradient,
        eager_torch=EAGER_TORCH,
    )


def test_a_perfect_prediction_without_eps():
    """The power of focal Tversky has an infinite slope at 0, the index has none."""
    pred = np.asarray([[[np.inf, -np.inf], [0.0, 0.0]]], np.float32)
    labels = np.asarray([[0, 1]])
    for criterion in (
        xloss.FocalTverskyLoss(0.3, 0.7, 0.75, eps=0.0),
        xloss.TverskyLoss(0.3, 0.7, eps=0.0),
        xloss.GeneralizedDiceLoss(eps=0.0),
        xloss.DiceLoss(eps=0.0),
        xloss.JaccardLoss("macro", eps=0.0),
    ):
        values, gradients = on_every_library(criterion, pred, labels)
        assert [float(value) for value in values] == [0.0, 0.0, 0.0]
        for got in gradients:
            np.testing.assert_array_equal(got, 0.0)


quickly = settings(max_examples=50, deadline=None, derandomize=True)
logits = arrays(np.float64, (2, 4, 3), elements=st.floats(-9, 9, width=16))
SOFT = [
    xloss.DiceLoss(eps=0.0, reduction="none"),
    xloss.DiceLoss("macro", 0.0, np.asarray([1.0, 2.0, 0.5, 3.0]), reduction="none"),
    xloss.JaccardLoss(eps=0.0, reduction="none"),
    xloss.GeneralizedDiceLoss(eps=0.0, reduction="none"),
    xloss.TverskyLoss(0.3, 0.7, eps=0.0, reduction="none"),
    xloss.FocalTverskyLoss(0.3, 0.7, 1.5, eps=0.0, reduction="none"),
]
UNWEIGHTED = [criterion for criterion in SOFT if not hasattr(criterion, "weight")]


@quickly
@given(logits, logits)
def test_soft_targets_are_least_at_themselves(pred, other):
    p, t = (np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (pred, other))
    apart = abs(p - t).sum((1, 2))
    for criterion in SOFT:
        alike = criterion(pred, p)
        np.testing.assert_allclose(alike, 0.0, atol=1e-14)
        loss = criterion(pred, t)
        assert ((loss >= 0) & (loss <= 1 + 1e-12)).all()
        # Of the 3 pixels; the power of focal Tversky makes 1e-2 a thousandth.
        assert (loss[apart > 0.01] > 1e-5).all()


def test_the_usual_soft_form_is_not_least_there():
    """It is 0.44 at p = t = (.7, .2, .5), the foreground of two classes."""
    t = np.asarray([[[0.3, 0.8, 0.5], [0.7, 0.2, 0.5]]])
    foreground = {"average": "macro", "weight": np.asarray([0.0, 1.0])}
    loss = xloss.dice_loss(np.log(t), t, **foreground)
    np.testing.assert_allclose(loss, 0.0, atol=1e-8)
    usual = 1 - 2 * (t * t)[:, 1].sum() / (2 * t[:, 1].sum())
    np.testing.assert_allclose(usual, 0.44, atol=0.005)


@pytest.mark.parametrize(
    "criterion", SOFT[:1] + SOFT[2:], ids=lambda c: type(c).__name__
)
def test_gradient_at_the_soft_target_is_0(criterion):
    pred = np.zeros((2, 4, 3), np.float32)
    values, gradients = on_every_library(criterion, pred, np.full_like(pred, 0.25))
    for got in (*values, *gradients):
        np.testing.assert_array_equal(got, 0.0)
