"""Pixels that take no part: ignored or masked, some of them, all, or none there."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .segmentation_problems import (
    PROBLEMS,
    SETS,
    every_labelled_loss,
    every_reduction,
    every_weighted_loss,
)

OVERLAPS = {p.name for p in SETS if "lovasz" not in p.name}


@cache
def gradient_on_jax(name, reduction):
    """Compiled once for all tests that meet the loss with the same shapes."""
    (problem,) = (p for p in PROBLEMS if p.name == name)

    def total(pred, target, weights):
        # made here: arrays of one trace are of no use to another
        loss = problem.on(jnp.asarray)
        value = loss(pred, target, reduction=reduction, **weights)
        return value.sum(), value

    return jax.jit(jax.grad(total, has_aux=True))


def with_gradients(loss, pred, target, reduction="none", **weights):
    """Values of NumPy, torch and JAX, and gradients in torch and JAX, in float64."""
    leaf = torch.tensor(pred, requires_grad=True)
    tensors = {name: torch.tensor(x) for name, x in weights.items()}
    on_torch = loss.on(torch.asarray)(
        leaf, torch.tensor(target), reduction=reduction, **tensors
    )
    (gradient,) = torch.autograd.grad(on_torch.sum(), leaf)
    with jax.enable_x64(True):
        function = gradient_on_jax(loss.name, reduction)
        slope, on_jax = function(pred, target, weights)
    values = [
        loss(pred, target, reduction=reduction, **weights),
        on_torch.detach().numpy(),
        np.asarray(on_jax),
    ]
    return values, [gradient.numpy(), np.asarray(slope)]


def assert_all(results, want, rtol=1e-9):
    for got in results:
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)


def ignored(loss):
    """Where the logits take no part."""
    pred, target = loss.arrays()
    mask = target == loss.options.get("ignore_index", -100)
    return mask if loss.target == "bits" else np.broadcast_to(mask[:, None], pred.shape)


@every_labelled_loss
def test_ignored_pixels_may_hold_anything(loss):
    pred, target = loss.arrays()
    options = {"reduction": "none"}
    want = loss.expected(pred, target, **options)
    slopes = loss.gradient(pred, target, **options)
    spoiled, mask = pred.copy(), ignored(loss)
    # a pixel of NaN, one of inf, ...
    junk = np.resize([np.nan, np.inf, -np.inf, 1e308, -1e308], pred.shape[-1])
    spoiled[mask] = np.broadcast_to(junk, pred.shape)[mask]
    values, gradients = with_gradients(loss, spoiled, target)
    assert_all(values, want)
    assert_all(gradients, slopes)
    for slope in gradients:
        np.testing.assert_array_equal(slope[mask], 0.0)


@every_labelled_loss
def test_a_sample_whose_pixels_are_all_ignored(loss):
    pred, target = loss.arrays()
    alone = loss.expected(pred[1:], target[1:], reduction="none")
    target[0] = loss.options.get("ignore_index", -100)
    pred[0] = np.nan
    values, gradients = with_gradients(loss, pred, target, reduction="none")
    for got in values:
        np.testing.assert_array_equal(got[0], 1.0 if loss.name in OVERLAPS else 0.0)
        np.testing.assert_allclose(got[1:], alone, rtol=1e-12, atol=1e-15)
    for slope in gradients:
        np.testing.assert_array_equal(slope[0], 0.0)
    target[:] = target[0, ...]
    pred[:] = np.nan
    for reduction in ("mean", "sum"):
        want = 0.0
        if loss.name in OVERLAPS:
            want = 1.0 if reduction == "mean" else len(pred)
        assert loss(pred, target, reduction=reduction) == want
        leaf = torch.tensor(pred, requires_grad=True)
        value = loss.on(torch.asarray)(leaf, torch.tensor(target), reduction=reduction)
        value.backward()
        assert value == want
        np.testing.assert_array_equal(leaf.grad, 0.0)


def zeros(loss, batch, *space):
    """Logits 0 and labels or shares 0 of this size."""
    pred = np.zeros((batch, loss.shape[1], *space))
    if loss.target in ("labels", "mask"):
        return pred, np.zeros((batch, *space), int)
    return pred, np.zeros(pred.shape, int if loss.target == "bits" else float)


# The weights of bce are for one shape of logits.
ANY_SHAPE = [p for p in PROBLEMS if p.name != "bce"]
of_any_shape = pytest.mark.parametrize("loss", ANY_SHAPE, ids=lambda p: p.name)


@of_any_shape
def test_empty_batches(loss):
    arrays = zeros(loss, 0, 3)
    for value in with_gradients(loss, *arrays)[0]:
        assert value.shape[0] == value.size == 0
        assert value.dtype == np.float64
    for shape in ((3,), (), (0, 2)):
        pred, target = zeros(loss, 0, *shape)
        leaf = torch.tensor(pred, requires_grad=True)
        for reduction in ("mean", "sum"):
            value = loss.on(torch.asarray)(
                leaf, torch.tensor(target), reduction=reduction
            )
            torch.autograd.grad(value, leaf)
            assert value == loss(pred, target, reduction=reduction) == 0.0
    for value in with_gradients(loss, *arrays, "mean")[0]:
        assert value == 0.0


@of_any_shape
def test_samples_without_pixels(loss):
    arrays = zeros(loss, 2, 0, 3)
    of_sample = 1.0 if loss.name in OVERLAPS else 0.0
    for value in with_gradients(loss, *arrays, "mean")[0]:
        assert value == of_sample
    for value in with_gradients(loss, *arrays)[0]:
        assert len(value) == 2
        if loss.name in {p.name for p in SETS}:
            np.testing.assert_array_equal(value, [of_sample] * 2)
    assert loss(*arrays, reduction="sum") == 2 * of_sample


@of_any_shape
@pytest.mark.parametrize("space", [(), (1, 1, 1)])
def test_one_pixel(loss, space):
    options = {"reduction": "none"}
    if loss.target in ("labels", "mask"):
        options["ignore_index"] = None
    pred, target = zeros(loss, 3, *space)
    pred += np.random.default_rng(0).standard_normal(pred.shape)
    target[1] += 1
    if loss.target == "shares":
        target += 1.0
        target /= target.sum(1, keepdims=True)
    want = loss.expected(pred, target, **options)
    leaf = torch.tensor(pred, requires_grad=True)
    on_torch = loss.on(torch.asarray)(leaf, torch.tensor(target), **options)
    on_torch.sum().backward()
    assert_all([loss(pred, target, **options), on_torch.detach()], want)
    assert_all([leaf.grad], loss.gradient(pred, target, **options))


@pytest.mark.parametrize(
    "criterion",
    [
        xloss.FocalLoss(0.25, reduction="sum"),
        xloss.CrossEntropyLoss(),
        xloss.DiceLoss(eps=0.0),
        xloss.JaccardLoss("macro", eps=0.0),
        xloss.GeneralizedDiceLoss(eps=0.0),
        xloss.TverskyLoss(0.3, 0.7, eps=0.0),
        xloss.FocalTverskyLoss(0.3, 0.7, 0.5, eps=0.0),
    ],
    ids=lambda criterion: type(criterion).__name__,
)
def test_a_class_without_rivals_is_certain(criterion):
    pred, labels = torch.randn(2, 1, 3, requires_grad=True), torch.zeros(2, 3).long()
    loss = criterion(pred, labels)
    loss.backward()
    assert loss == 0
    np.testing.assert_array_equal(pred.grad, 0.0)
    assert criterion(pred.detach().numpy(), labels.numpy()) == 0


def masks(loss, seed=0):
    """Masks and weights that broadcast to the unreduced loss, by their form."""
    rng = np.random.default_rng(seed)
    shape = loss.expected(*loss.arrays(), reduction="none").shape
    one_each = shape[0], *[1] * (len(shape) - 1)
    return {
        "whole": (rng.random(shape) > 0.4, rng.random(shape)),
        "sample": (np.arange(shape[0]).reshape(one_each) > 0, rng.random(one_each)),
        "last": (rng.random(shape[-1]) > 0.3, rng.random(shape[-1:])),
        "mask": (rng.random(shape) > 0.4, None),
        "weight": (None, rng.random(shape)),
    }


@every_weighted_loss
@every_reduction
@pytest.mark.parametrize("form", ["whole", "sample", "last", "mask", "weight"])
def test_masks_and_weights(loss, reduction, form):
    where, weight = masks(loss)[form]
    given = {"where": where, "sample_weight": weight}
    given = {k: v for k, v in given.items() if v is not None}
    pred, target = loss.arrays()
    want = loss.expected(pred, target, reduction=reduction, **given)
    got = loss(pred, target, reduction=reduction, **given)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)
    leaf = torch.tensor(pred, requires_grad=True)
    tensors = {k: torch.tensor(v) for k, v in given.items()}
    value = loss.on(torch.asarray)(
        leaf, torch.tensor(target), reduction=reduction, **tensors
    )
    np.testing.assert_allclose(value.detach(), want, rtol=1e-12, atol=1e-15)
    value.sum().backward()
    slope = loss.gradient(pred, target, reduction=reduction, **given)
    np.testing.assert_allclose(leaf.grad, slope, rtol=1e-9, atol=1e-13)


@every_weighted_loss
def test_what_a_mask_leaves_out_may_hold_anything(loss):
    """NaN logits, and labels and targets that are wrong."""
    pred, target = loss.arrays()
    unreduced = loss.expected(pred, target, reduction="none")
    where = np.ones((len(pred), *[1] * (unreduced.ndim - 1)), bool)
    where[0] = False
    options = {"reduction": "mean", "where": where}
    want = loss.expected(pred, target, **options)
    slope = loss.gradient(pred, target, **options)
    pred[0], target[0] = np.nan, 7
    values, gradients = with_gradients(loss, pred, target, **options)
    assert_all(values, want)
    assert_all(gradients, slope)


@every_weighted_loss
def test_a_mask_that_leaves_all_out(loss):
    pred, target = loss.arrays()
    for given in ({"where": np.zeros((), bool)}, {"sample_weight": np.zeros(())}):
        values, gradients = with_gradients(
            loss, pred, target, reduction="mean", **given
        )
        assert [float(value) for value in values] == [0.0, 0.0, 0.0]
        assert not any(slope.any() for slope in gradients)


def test_class_weights_of_0():
    """Torch divides 0 by 0 where only such classes are there."""
    pred, labels = torch.randn(2, 4, 3, requires_grad=True), torch.zeros(2, 3).long()
    weight = torch.tensor([0.0, 1.0, 1.0, 1.0])
    for loss, want in (
        (xloss.CrossEntropyLoss(weight), 0.0),
        (xloss.FocalLoss(None, weight=weight, reduction="mean"), 0.0),
        (xloss.DiceLoss("macro", weight=weight), 1.0),
    ):
        (slope,) = torch.autograd.grad(loss(pred, labels), pred)
        assert loss(pred, labels) == want
        assert (slope == 0).all()
