"""reduction, where and sample_weight against plain loops."""

import numpy as np
import pytest

import xloss

from .problems import every_loss, images

REDUCTIONS = ["none", "mean", "sum"]


def expected(loss, pred, target, reduction, where=None, weight=None):
    shape = pred.shape
    where = np.broadcast_to(True if where is None else where, shape)
    weight = np.broadcast_to(1.0 if weight is None else weight, shape)
    out, total, count = np.zeros(shape), 0.0, 0.0
    for index in np.ndindex(shape):
        if where[index]:
            out[index] = weight[index] * loss.formula(pred[index] - target[index])
            total += out[index]
            count += weight[index]
    return {"none": out, "sum": total, "mean": total / count if count else 0.0}[
        reduction
    ]


@every_loss
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weight_shape", [None, (2, 1, 1), (4,), (2, 3, 4)])
def test_weights_and_masks(loss, reduction, masked, weight_shape):
    pred, target = images()
    rng = np.random.default_rng(1)
    where = rng.random((3, 4)) > 0.4 if masked else None
    weight = None if weight_shape is None else rng.integers(1, 9, weight_shape) / 4
    got = loss(pred, target, reduction=reduction, where=where, sample_weight=weight)
    want = expected(loss, pred, target, reduction, where, weight)
    np.testing.assert_allclose(got, want, rtol=1e-13)


@every_loss
def test_excluded_nan_takes_no_part(loss):
    pred, target = images()
    where = np.arange(4) > 0
    weight = np.where(where, 2.0, np.nan)
    pred[..., 0], target[..., 0] = np.nan, np.inf
    got = loss(pred, target, reduction="mean", where=where, sample_weight=weight)
    want = expected(loss, pred[..., 1:], target[..., 1:], "mean")
    np.testing.assert_allclose(got, want, rtol=1e-13)


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts(loss, reduction):
    pred, target = images()
    empty = np.zeros((0, 3))
    for value in (
        loss(pred, target, reduction=reduction, where=np.zeros((), bool)),
        loss(pred, target, reduction=reduction, sample_weight=np.zeros(4)),
        loss(empty, empty, reduction=reduction),
        loss(empty, empty, reduction=reduction, sample_weight=np.zeros((1, 3))),
        loss(empty, empty, reduction=reduction, sample_weight=empty),
    ):
        assert value == 0.0


@pytest.mark.parametrize("function", [xloss.mse_loss, xloss.l1_loss, xloss.huber_loss])
def test_elementwise_weight(function):
    pred, target = images()
    weight = np.arange(24.0).reshape(2, 3, 4)
    loss = function(pred, target, "none")
    mean = function(pred, target, weight=weight)
    count = loss.size if function is xloss.huber_loss else weight.sum()
    np.testing.assert_allclose(mean, (weight * loss).sum() / count, rtol=1e-14)
    got = function(pred, target, "none", weight=weight)
    np.testing.assert_allclose(got, weight * loss, rtol=1e-15)


@pytest.mark.parametrize("function", [xloss.mse_loss, xloss.huber_loss])
def test_weight_meets_sample_weight_and_mask(function):
    pred, target = images()
    weight = np.arange(24.0).reshape(2, 3, 4)
    per_sample = np.asarray([1.0, 3.0]).reshape(2, 1, 1)
    where = np.arange(4) != 2
    loss = function(pred, target, "none")
    kept = per_sample * where * np.ones(pred.shape)
    total = (kept * weight * loss).sum()
    count = kept.sum() if function is xloss.huber_loss else (kept * weight).sum()
    weight[..., 2] = np.nan
    got = function(pred, target, weight=weight, where=where, sample_weight=per_sample)
    np.testing.assert_allclose(got, total / count, rtol=1e-14)


def test_none_reduction_is_spelled_none():
    pred, target = images()
    none = xloss.huber_loss(pred, target, None)
    np.testing.assert_array_equal(none, xloss.huber_loss(pred, target, "none"))
