"""The conformance suite against segmentation losses that are wrong in one way."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from conformance.backends import load
from conformance.cases import all_losses
from conformance.report import failures
from conformance.runner import Cell, Outcome, Result, Status, run

NUMPY, TORCH = load("numpy"), load("torch")


def results(function, name, dtype="float64", backend=NUMPY, mode="eager"):
    cell = Cell(all_losses()[name], backend, "cpu", dtype, mode)
    with np.errstate(all="ignore"):
        outcome = run(cell, SimpleNamespace(**{name: function}))
    return {result.case: result for result in outcome.results}


def assert_passes(found, *cases):
    for case in cases:
        assert found[case].status is Status.PASS, (case, found[case].message)


def assert_caught(found, *cases):
    for case in cases:
        assert found[case].status is Status.FAIL, case


def check_labels(name, target, num_classes, ignore_index):
    wrong = (target < 0) | (target >= num_classes)
    if ignore_index is not None:
        wrong &= target != ignore_index
    if np.any(wrong):
        raise ValueError(f"{name}: a label is not from 0 to {num_classes - 1}")


def read(pred, target, ignore_index, wrong=""):
    """Logits and labels, 0 where ignored, and what counts."""
    counted = np.ones(target.shape, bool)
    if ignore_index is not None:
        counted = target != ignore_index
    if wrong == "multiplied":  # 0 times NaN
        pred = pred * counted[:, np.newaxis]
    else:
        pred = np.where(counted[:, np.newaxis], pred, 0)
    return pred, np.where(counted, target, 0).astype(int), counted


def textbook_focal(wrong=""):
    """Focal loss without masks and weights, right or wrong in one way."""

    def loss(pred, target, *, alpha, gamma=2.0, reduction="none", ignore_index=-100):
        num_classes = pred.shape[1]
        if wrong != "wraps":
            check_labels("focal_loss", target, num_classes, ignore_index)
        z, t, counted = read(pred, target, ignore_index, wrong)
        own = np.arange(num_classes).reshape(-1, *(1 for _ in z.shape[2:]))
        own = own == (t % num_classes)[:, np.newaxis]
        z = z - np.max(z, axis=1, keepdims=True)
        others = np.sum(np.where(own, 0, np.exp(z)), axis=1, keepdims=True)
        mine = np.sum(np.where(own, np.exp(z), 0), axis=1, keepdims=True)
        if wrong == "subtraction":
            p = mine / (others + mine)
            rest, cross_entropy = 1 - p, -np.log(p)
        else:
            margin = np.log(others) - np.sum(np.where(own, z, 0), 1, keepdims=True)
            rest, cross_entropy = others / (others + mine), np.logaddexp(0, margin)
        factor = 1.0 if alpha is None else np.where(t == 0, 1 - alpha, alpha)
        factor = np.asarray(factor)[:, np.newaxis] if np.ndim(factor) else factor
        power = rest**gamma if wrong != "power" else rest ** np.maximum(gamma, 1)
        unreduced = factor * power * cross_entropy
        counted = counted[:, np.newaxis]
        unreduced = np.where(own, unreduced, 0).astype(pred.dtype)
        masked = np.where(counted, unreduced, 0)
        unreduced = unreduced * counted if wrong == "multiplied" else masked
        count = num_classes * (target.size if wrong == "counts" else counted.sum())
        mean = (np.sum(unreduced) / max(count, 1)).astype(pred.dtype)
        return {"none": unreduced, "sum": np.sum(unreduced), "mean": mean}[reduction]

    return loss


FOCAL = (
    *("default", "reduction_none", "reduction_mean", "reduction_sum", "21_classes"),
    *("some_ignored_none", "some_ignored_mean", "all_ignored_mean", "ignored_class"),
    *("alpha_None", "alpha_0.0", "gamma_0", "gamma_0.5", "gamma_5", "gamma_2_wrong"),
    *("gamma_2_right", "gamma_2_far_right", "wrong_label_-1", "three_spatial_axes"),
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_textbook_focal_passes(dtype):
    assert_passes(results(textbook_focal(), "focal_loss", dtype), *FOCAL)


@pytest.mark.parametrize(
    ("wrong", "dtype", "cases"),
    [
        ("subtraction", "float32", ("gamma_2_right", "gamma_0_far_right")),
        ("subtraction", "float64", ("gamma_2_far_right",)),
        ("counts", "float64", ("some_ignored_mean", "one_sample_ignored_mean")),
        ("multiplied", "float64", ("some_ignored_none", "all_ignored_sum")),
        ("wraps", "float64", ("wrong_label_-1", "wrong_label_3")),
        ("power", "float64", ("gamma_0.5", "gamma_0")),
    ],
)
def test_wrong_focal_is_caught(wrong, dtype, cases):
    found = results(textbook_focal(wrong), "focal_loss", dtype)
    assert_passes(found, "reduction_mean", "reduction_sum")
    assert_caught(found, *cases)


def test_label_that_is_not_refused_is_caught():
    found = results(textbook_focal("wraps"), "focal_loss")["wrong_label_-1"]
    assert "expected a ValueError" in found.message

    def nameless(pred, target, **_):
        check_labels("?", target, 3, -100)

    found = results(nameless, "focal_loss")["wrong_label_-1"]
    assert "does not name the loss" in found.message


def test_label_that_a_gather_clamps_is_caught():
    def loss(pred, target, *, alpha, reduction="none", ignore_index=-100, **_):
        target = target.long().clamp(0, pred.shape[1] - 1)[:, None]
        others = pred.scatter(1, target, -torch.inf)
        margin = torch.logsumexp(others, 1, keepdim=True) - pred.gather(1, target)
        factor = torch.where(target == 0, 1 - alpha, alpha)
        term = factor * torch.sigmoid(margin) ** 2 * functional.softplus(margin)
        return torch.zeros_like(pred).scatter(1, target, term)

    found = results(loss, "focal_loss", backend=TORCH)
    assert_passes(found, "reduction_none", "uint8_labels")
    assert_caught(found, "wrong_label_3", "wrong_label_-1", "wrong_label_156")
    assert "expected nan" in found["wrong_label_3"].message


def textbook_cross_entropy(wrong=""):
    def loss(input, target, *, weight=None, reduction="mean", ignore_index=-100):
        check_labels("cross_entropy_loss", target, input.shape[1], ignore_index)
        z, t, counted = read(input, target, ignore_index)
        top = np.max(z, axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.sum(np.exp(z - top), axis=1))
        unreduced = total - np.take_along_axis(z, t[:, np.newaxis], 1)[:, 0]
        weights = np.where(counted, 1.0 if weight is None else weight[t], 0)
        unreduced = (unreduced * weights).astype(input.dtype)
        divisor = counted.sum() if wrong == "divisor" else weights.sum()
        mean = np.sum(unreduced) / (divisor if divisor or wrong == "nan" else 1)
        mean = mean.astype(input.dtype)
        return {"none": unreduced, "sum": np.sum(unreduced), "mean": mean}[reduction]

    return loss


def test_cross_entropy_over_the_wrong_divisor_is_caught():
    name = "cross_entropy_loss"
    cases = ("default", "some_ignored_mean", "class_weights_sum", "wrong")
    assert_passes(
        results(textbook_cross_entropy(), name),
        *(*cases, "class_weights_mean", "all_ignored_mean", "zero_class_weights_mean"),
    )
    found = results(textbook_cross_entropy("divisor"), name)
    assert_caught(found, "class_weights_mean")
    found = results(textbook_cross_entropy("nan"), name)
    assert_passes(found, *cases)
    assert_caught(found, "all_ignored_mean", "zero_class_weights_mean", "empty_mean")
    # log Σ exp(z) − z has no digits of a small loss.
    assert_caught(found, "right", "far_right")


def textbook_dice(wrong=""):
    """Dice of labels or probabilities, right or wrong in one way."""

    def loss(
        pred, target, *, average="micro", eps=1e-8, weight=1.0, reduction="mean", **own
    ):
        num_classes = pred.shape[1]
        z, t, counted = pred, target, np.ones_like(pred[:, :1], bool)
        if target.dtype.kind != "f":
            ignore_index = own.get("ignore_index", -100)
            check_labels("dice_loss", target, num_classes, ignore_index)
            z, t, counted = read(pred, target, ignore_index)
            t, counted = np.moveaxis(np.eye(num_classes)[t], -1, 1), counted[:, None]
        if wrong == "ignored":
            counted = np.ones_like(counted)
        p = np.exp(z - np.max(z, axis=1, keepdims=True))
        p = p / np.sum(p, axis=1, keepdims=True)
        missed = np.maximum(t - p, 0)
        if wrong != "subtraction":
            rest = np.sum(np.where(t == 1, 0, p), axis=1, keepdims=True)
            missed = np.where(t == 1, rest, missed)
        axes = tuple(range(2, p.ndim))

        def over(x):
            return np.sum(np.where(counted, x, 0), axis=axes, dtype=np.float64)

        total, false, missed = over(t), over(np.maximum(p - t, 0)), over(missed)
        errors, both = false + missed, 2 * total + false - missed
        if wrong == "product":
            errors = over(p) + total - 2 * over(p * t)
        if average == "micro":
            errors, both = np.sum(weight * errors, 1), np.sum(weight * both, 1)
        values = np.where(both == 0, 1.0, (errors + eps) / (both + eps))
        if average == "macro":
            present = np.ones_like(total) if wrong == "absent" else total > 0
            values = np.sum(weight * present * values, 1) / np.sum(weight * present, 1)
        values = values.astype(pred.dtype)
        mean = (np.sum(values) / max(len(values), 1)).astype(pred.dtype)
        return {"none": values, "sum": np.sum(values), "mean": mean}[reduction]

    return loss


DICE = ("default", "reduction_none", "macro_reduction_none", "micro_weights_mean")


def test_right_textbook_dice_passes():
    assert_passes(
        results(textbook_dice(), "dice_loss"),
        *(
            *DICE,
            "macro_absent_class",
            "some_ignored_mean",
            "all_ignored_none",
            "right",
        ),
        *("soft_none", "soft_equal", "macro_soft_none", "macro_weights_absent_class"),
    )


@pytest.mark.parametrize(
    ("wrong", "dtype", "cases"),
    [
        ("absent", "float64", ("macro_absent_class", "macro_one_class_present")),
        ("ignored", "float64", ("some_ignored_none", "macro_some_ignored_none")),
        ("product", "float64", ("soft_none", "soft_equal", "macro_soft_none")),
        ("subtraction", "float32", ("right", "eps_0_right", "macro_right")),
        ("subtraction", "float64", ("eps_0_far_right",)),
    ],
)
def test_wrong_dice_is_caught(wrong, dtype, cases):
    found = results(textbook_dice(wrong), "dice_loss", dtype)
    assert_passes(found, *DICE)
    assert_caught(found, *cases)


def test_sum_beyond_half_precision_is_caught():
    def loss(pred, target, **_):
        p = torch.softmax(pred, 1)
        own = functional.one_hot(target, pred.shape[1]).movedim(-1, 1)
        both = (p + own).sum((1, 2, 3))
        return ((both - 2 * (p * own).sum((1, 2, 3))) / both).mean().to(pred.dtype)

    assert_passes(results(loss, "dice_loss", "float32", TORCH), "512_by_512")
    found = results(loss, "dice_loss", "float16", TORCH)["512_by_512"]
    assert found.status is Status.FAIL
    assert "inf" in found.message or "nan" in found.message


def lovasz(wrong=""):
    """Both Lovász losses in torch, right or wrong in one way."""

    def extension(errors, foreground, labels):
        if wrong == "ties":  # the last of equal errors first
            errors, foreground = errors.flip(-1), foreground.flip(-1)
        errors, order = torch.sort(errors, dim=-1, descending=True, stable=True)
        own = labels if wrong == "labels" else foreground
        own = torch.gather(own, -1, order).to(errors.dtype)
        size = own.sum(-1, keepdim=True)
        jaccard = 1 - (size - own.cumsum(-1)) / (size + (1 - own).cumsum(-1))
        steps = torch.diff(jaccard, prepend=torch.zeros_like(size), dim=-1)
        return (errors * steps).sum(-1)

    def softmax(pred, target, weight=None, *, reduction="mean", ignore_index=-100):
        p = torch.softmax(pred, 1).flatten(2)
        target = target.flatten(1).long()
        losses = []
        for c in range(p.shape[1]):
            foreground = target == c
            errors = torch.where(foreground, 1 - p[:, c], p[:, c])
            losses.append(extension(errors, foreground, target))
        values = torch.stack(losses, 1)
        values = (values if weight is None else values * weight).mean(1)
        return values if reduction == "none" else getattr(values, reduction)()

    def hinge(pred, target, *, reduction="mean", ignore_index=-100):
        target = target.flatten(1).long()
        errors = torch.relu(1 - pred.flatten(1) * (2 * target - 1))
        values = extension(errors, target == 1, target)
        return values if reduction == "none" else getattr(values, reduction)()

    return {"lovasz_softmax_loss": softmax, "lovasz_hinge_loss": hinge}


@pytest.mark.parametrize("mode", ["eager", "gradient"])
@pytest.mark.parametrize("name", ["lovasz_softmax_loss", "lovasz_hinge_loss"])
def test_right_textbook_lovasz_passes(name, mode):
    found = results(lovasz()[name], name, backend=TORCH, mode=mode)
    cases = ("default", "reduction_none", "absent_class", "one_class_present")
    assert_passes(found, *cases, *(case for case in found if "ties" in case))


def test_jaccard_of_the_labels_in_place_of_the_foreground_is_caught():
    name = "lovasz_softmax_loss"
    found = results(lovasz("labels")[name], name, backend=TORCH)
    # With two classes the labels are the foreground of the second.
    assert_caught(found, "default", "reduction_none", "two_classes", "21_classes")


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("lovasz_softmax_loss", "ties_of_three_classes"),
        ("lovasz_hinge_loss", "ties"),
    ],
)
def test_ties_in_another_order_are_caught(name, case):
    wrong = lovasz("ties")[name]
    assert_passes(results(wrong, name, backend=TORCH), case)
    found = results(wrong, name, backend=TORCH, mode="gradient")[case]
    assert found.status is Status.FAIL
    assert "gradient in pred" in found.message


# What these losses need of the suite


def test_digits_below_the_scale_of_a_backend_are_forgiven():
    loss = all_losses()["dice_loss"]
    case = next(case for case in loss.cases if case.id == "right")
    library = SimpleNamespace(dice_loss=textbook_dice("subtraction"))
    for backend, status in (("numpy", Status.PASS), ("torch", Status.FAIL)):
        own = replace(loss, cases=(replace(case, scale_on={backend: 1.0}),))
        outcome = run(Cell(own, NUMPY, "cpu", "float32", "eager"), library)
        assert outcome.status is status


def test_expected_failures_of_a_cell_are_one_line():
    found = [Result(case, Status.EXPECTED_FAILURE, np.inf, "why") for case in "xy"]
    outcome = Outcome("loss", "dask", "cpu", "float32", "eager", found)
    line = "expected failure: loss, dask cpu, float32, eager, 2 cases: why"
    assert failures([outcome]) == line
