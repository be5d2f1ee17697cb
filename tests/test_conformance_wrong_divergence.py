"""The suite against divergences and erosions that are wrong in one way."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conformance.backends import load
from conformance.cases import all_losses
from conformance.runner import Cell, Status, run

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


def reduced(values, reduction, dtype):
    values = np.asarray(values)
    if reduction != "none":
        values = np.mean(values) if reduction == "mean" else np.sum(values)
    return values.astype(dtype)[()]


# Divergences, right in float32 because they are computed in float64


def divergence(kind, wrong=""):
    def entropy(x, y):
        log = np.log(x / y)
        term = x * log if wrong == "zero" else np.where(x == 0, 0, x * log)
        return np.nansum(term, axis=-1) if wrong == "nansum" else term.sum(axis=-1)

    def loss(pred, target, axis=-1, reduction="mean"):
        dtype = pred.dtype
        if wrong != "float32":
            pred, target = pred.astype(np.float64), target.astype(np.float64)
        m = (pred + target) / 2
        if kind == "kl":
            pair = (pred, target) if wrong == "order" else (target, pred)
            values = entropy(*pair)
        elif wrong == "mean":
            values = (entropy(target, pred) + entropy(pred, target)) / 2
        else:
            values = (entropy(target, m) + entropy(pred, m)) / 2
        return reduced(values, reduction, dtype)

    return loss


ALIKE = ("near_1e-4", "rounded_1e-4")


@pytest.mark.parametrize("kind", ["kl", "js"])
def test_right_textbook_divergence_passes(kind):
    found = results(divergence(kind), f"{kind}_div_loss", "float32")
    cases = ("default", "equal", "near_1e-2", "near_1e-3", *ALIKE)
    assert_passes(found, *cases, "zero_target", "zero_both", "disjoint_none")


@pytest.mark.parametrize("kind", ["kl", "js"])
def test_difference_of_logarithms_in_float32_is_caught(kind):
    found = results(divergence(kind, "float32"), f"{kind}_div_loss", "float32")
    assert_passes(found, "reduction_sum", "zero_target")
    assert_caught(found, *ALIKE)


def test_negative_jensen_shannon_is_caught():
    def loss(*arguments, **options):
        return -divergence("js")(*arguments, **options)

    found = results(loss, "js_div_loss")["near_1e-4"]
    assert "is not within" in found.message


@pytest.mark.parametrize(
    ("kind", "wrong", "cases"),
    [
        ("kl", "order", ("default", "zero_prediction", "near_1e-2")),
        ("kl", "zero", ("zero_target", "zero_both", "all_zero")),
        ("js", "zero", ("zero_target", "zero_prediction")),
        # Half of both Kullback-Leibler divergences: four times as much when close.
        ("js", "mean", ("default", "near_1e-2", "zero_prediction", "disjoint_none")),
        ("kl", "nansum", ("nan",)),
    ],
)
def test_wrong_divergence_is_caught(kind, wrong, cases):
    found = results(divergence(kind, wrong), f"{kind}_div_loss")
    assert_caught(found, *cases)


def test_divergence_of_negative_entries_is_caught():
    found = results(divergence("kl"), "kl_div_loss")["negative_pred_none"]
    assert "expected a ValueError" in found.message


# Hausdorff loss by erosion


def hausdorff(wrong=""):
    """In torch, whose extremes share ties."""

    def eroded(errors, k, alpha):
        axes = tuple(range(2, errors.ndim))
        total = 0.0
        for i in range(k - 1 if wrong == "erosion" else k):
            mean = errors
            for axis in axes:
                pad = torch.zeros_like(errors.narrow(axis, 0, 1))
                padded = torch.cat([pad, errors, pad], axis)
                size = errors.shape[axis]
                # in pairs, so that pixels that mirror each other remain tied
                pair = padded.narrow(axis, 0, size), padded.narrow(axis, 2, size)
                mean = mean + (pair[0] + pair[1])
            if wrong == "corners":
                mean = mean + torch.roll(errors, (1, 1), axes[-2:])
            errors = torch.relu(mean / (2 * len(axes) + 1) - 0.5)
            low, high = (
                of(errors, dim=axes, keepdim=True) for of in (torch.amin, torch.amax)
            )
            if wrong == "first":
                high = _first_largest(errors)
            flat = high == low
            if wrong != "rescale":
                scaled = (errors - low) / torch.where(flat, 1.0, high - low)
                errors = torch.where(flat, errors, scaled)
            total = total + errors * (i if wrong == "weight" else i + 1) ** alpha
        return total

    def loss(pred, target, alpha=2.0, k=10, reduction="mean"):
        classes = torch.arange(pred.shape[1]).reshape(-1, *[1] * (pred.ndim - 2))
        errors = (pred - (target.long() == classes).to(pred.dtype)) ** 2
        if wrong == "background":
            errors = errors * (classes > 0)
        if wrong == "absolute":
            errors = errors.sqrt()
        maps = eroded(errors, k, alpha)
        if reduction == "none":
            return maps.transpose(0, 1)[:, :, None]
        return getattr(maps, reduction)()

    return loss


def _first_largest(maps):
    flat = maps.flatten(2)
    index = flat.argmax(-1, keepdim=True)
    return flat.gather(2, index).reshape(*maps.shape[:2], *[1] * (maps.ndim - 2))


ERODED = ("short", "reduction_none", "k_3", "alpha_0.5", "one_spatial_axis")


@pytest.mark.parametrize("mode", ["eager", "gradient"])
def test_right_textbook_hausdorff_passes(mode):
    found = results(hausdorff(), "hausdorff_er_loss", backend=TORCH, mode=mode)
    assert_passes(
        found, *ERODED, "saturated", "uniform_1", "half", "three_spatial_axes"
    )


@pytest.mark.parametrize(
    ("wrong", "cases"),
    [
        ("erosion", ("k_1", "k_2", "k_3", "one_spatial_axis")),
        ("weight", ("reduction_none", "k_1", "alpha_1", "saturated")),
        ("rescale", ("reduction_none", "k_1", "saturated")),
        ("background", ("reduction_none", "reduction_mean", "five_classes")),
        ("absolute", ("reduction_none", "uniform_0.703")),
        ("corners", ("k_1", "five_classes")),
    ],
)
def test_wrong_hausdorff_is_caught(wrong, cases):
    found = results(hausdorff(wrong), "hausdorff_er_loss", backend=TORCH)
    assert_passes(found, "perfect")
    assert_caught(found, *cases)


def test_slope_of_one_of_equal_extremes_is_caught():
    wrong = hausdorff("first")
    name = "hausdorff_er_loss"
    assert_passes(results(wrong, name, backend=TORCH), "saturated", "uniform_1")
    found = results(wrong, name, backend=TORCH, mode="gradient")
    assert_passes(found, "k_1")
    assert_caught(found, "saturated", "uniform_1")


def test_wrong_label_that_belongs_to_no_class_is_caught():
    found = results(hausdorff(), "hausdorff_er_loss", backend=TORCH)
    assert "expected nan" in found["wrong_label_2_none"].message


# What these losses need of the suite


def test_digits_that_the_functions_of_a_backend_lose_are_forgiven_there():
    def loss(*arguments, **options):
        return divergence("js")(*arguments, **options) * (1 + 2.0**-47)  # 32 units

    library = SimpleNamespace(js_div_loss=loss)
    original = all_losses()["js_div_loss"]
    case = next(case for case in original.cases if case.id == "default")
    for backend, status in (("numpy", Status.PASS), ("torch", Status.FAIL)):
        own = {(backend, "float64"): 48.0}
        changed = replace(original, cases=(case,), ulps_on=own)
        outcome = run(Cell(changed, NUMPY, "cpu", "float64", "eager"), library)
        assert outcome.status is status
