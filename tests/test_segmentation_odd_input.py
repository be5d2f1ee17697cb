"""Segmentation losses of any labels and logits: what hypothesis thinks of."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xloss

from . import segmentation_textbook as textbook

quickly = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def problems(draw):
    """Logits, labels some of which are the ignored one, and that one."""
    shape = draw(
        st.tuples(st.integers(1, 3), st.integers(2, 4)).flatmap(
            lambda lead: st.lists(st.integers(1, 3), max_size=3).map(
                lambda space: (*lead, *space)
            )
        )
    )
    pred = draw(arrays(np.float32, shape, elements=st.floats(-50, 50, width=32)))
    ignore_index = draw(st.sampled_from([-100, 0, 1, 255]))
    wanted = st.sampled_from([*range(shape[1]), ignore_index])
    labels = draw(arrays(np.int16, (shape[0], *shape[2:]), elements=wanted))
    return pred, labels, ignore_index


LOSSES = [
    ("focal_loss", {"alpha": 0.25, "gamma": 1.5}),
    ("cross_entropy_loss", {"label_smoothing": 0.1}),
    ("dice_loss", {"average": "macro"}),
    ("jaccard_loss", {}),
    ("generalized_dice_loss", {}),
    ("tversky_loss", {"alpha": 0.3, "beta": 0.7}),
    ("focal_tversky_loss", {"alpha": 0.3, "beta": 0.7, "gamma": 2.0}),
    ("lovasz_softmax_loss", {}),
]


@pytest.mark.parametrize(("name", "options"), LOSSES)
@quickly
@given(problems())
def test_every_library_gives_the_formula(name, options, problem):
    pred, labels, ignore_index = problem
    options = {**options, "ignore_index": ignore_index, "reduction": "none"}
    formula = getattr(textbook, name)
    want = np.asarray(formula(*map(textbook.double, (pred, labels)), **options))
    loss = getattr(xloss, name)
    on_torch = loss(torch.tensor(pred), torch.tensor(labels), **options)
    # The float64 of the formula has lost what is below 1e-14 beside a loss of 1; in
    # eager torch those that are no sum of pixels keep digits down to a unit of 1.
    floor = 1e-13 if name in ("focal_loss", "cross_entropy_loss") else 2.0**-22
    for got, atol in (
        (loss(pred, labels, **options), 1e-13),
        (on_torch.numpy(), floor),
    ):
        assert (got.dtype, got.shape) == (np.float32, want.shape)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=atol)


@quickly
@given(problems())
def test_order_of_pixels_and_samples_does_not_matter(problem):
    pred, labels, ignore_index = problem
    if pred.ndim < 3:
        return
    for criterion in (
        xloss.DiceLoss(ignore_index=ignore_index),
        xloss.CrossEntropyLoss(ignore_index=ignore_index),
        xloss.LovaszSoftmaxLoss(ignore_index=ignore_index),
    ):
        want = criterion(pred, labels)
        for axis in (0, -1):
            flipped = np.flip(pred, axis), np.flip(labels, axis)
            np.testing.assert_allclose(criterion(*flipped), want, rtol=1e-5, atol=1e-6)


def test_labels_that_are_views():
    labels = np.broadcast_to(np.asarray([[0], [1]]), (2, 5))
    pred = np.random.default_rng(0).standard_normal((2, 2, 5))
    for criterion in (xloss.DiceLoss(), xloss.CrossEntropyLoss(), xloss.FocalLoss(0.3)):
        want = criterion(pred, labels.copy())
        np.testing.assert_array_equal(criterion(pred, labels), want)


@pytest.mark.parametrize("far", [3e38, -3e38, np.inf, -np.inf])
def test_logits_that_tie_far_out_are_as_likely(far):
    pred = np.full((1, 2), far, np.float32)
    for label in (0, 1):
        entropy = xloss.cross_entropy_loss(pred, np.asarray([label]))
        assert entropy == pytest.approx(np.log(2))
    soft = xloss.cross_entropy_loss(torch.tensor(pred), torch.tensor([[0.0, 1.0]]))
    assert soft.item() == pytest.approx(np.log(2))


def test_a_wrong_label_is_nan_only_where_the_mask_counts_it():
    where = torch.tensor([[True, False]])
    labels = torch.tensor([7])
    got = xloss.focal_loss(torch.zeros(1, 2), labels, None, where=where)
    assert torch.isnan(got).tolist() == [[True, False]]
    assert got[0, 1] == 0


def test_the_slope_in_a_binary_target_is_whole_at_its_ends():
    jax = pytest.importorskip("jax")
    logits = jax.numpy.asarray([[2.0, -1.0]])

    def loss(target):
        return xloss.binary_focal_loss_with_logits(logits, target, None, 0.0).sum()

    # without gamma and alpha the loss is linear in the target, with the slope -logit
    slope = jax.grad(loss)(jax.numpy.asarray([[1.0, 0.0]]))
    np.testing.assert_allclose(slope, [[-2.0, 1.0]], rtol=1e-6)


def test_a_large_unsigned_label_is_named_as_it_came():
    labels = np.asarray([0, 2**64 - 1], np.uint64)
    with pytest.raises(ValueError, match=r"ignore_index = -1; got 1\.84467e\+19"):
        xloss.cross_entropy_loss(np.eye(2), labels, ignore_index=-1)


def test_a_weight_does_not_widen_a_sum_of_losses():
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    criterion = xloss.combine(xloss.DiceLoss(), weights=[weight])
    value = criterion(torch.zeros(1, 2, 2).half(), torch.zeros(1, 2, dtype=torch.int64))
    assert value.dtype == torch.float16
    value.backward()
    assert weight.grad is not None
    assert isinstance(hash(criterion), int)
