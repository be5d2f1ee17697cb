"""The constant prediction of the least loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .._core.checks import is_number
from .._core.elementwise import unweighted_call
from .._core.kernels import Kernel
from ..second_order import triple

__all__ = ["best_constant"]

Vector = npt.NDArray[np.float64]


def best_constant(
    caller: str, loss: Callable[..., Any], y_true: Any, sample_weight: Any
) -> float:
    """Return the minimiser of the summed loss over one prediction for all targets."""
    y, weight = _vectors(caller, y_true, sample_weight)
    call = unweighted_call(caller, loss)
    options = call.keywords
    if call.function == "l1_loss":
        return _quantile(y, weight, 0.5)
    if call.function == "quantile_loss" and is_number(options["q"]):
        return _quantile(y, weight, options["q"])
    if call.function == "binary_cross_entropy_with_logits":
        return _log_odds(caller, y, weight, options.get("pos_weight"))
    if isinstance(call.kernel, Kernel) and call.kernel.derivatives is not None:
        return _reweighted_mean(caller, triple(caller, loss), y, weight)
    msg = (
        f"{caller}: init_score is not known for {call.function}, whose minimiser has "
        "no closed form; pass a start of your own"
    )
    raise NotImplementedError(msg)


def _vectors(caller: str, y_true: Any, sample_weight: Any) -> tuple[Vector, Vector]:
    """Return the targets that count, and their weights."""
    y = np.asarray(y_true, dtype=np.float64)
    if y.ndim != 1 or not np.all(np.isfinite(y)):
        came = f"shape {y.shape}" if y.ndim != 1 else "inf or NaN among them"
        msg = f"{caller}: y_true of init_score must be finite numbers (n,), got {came}"
        raise ValueError(msg)
    weight = np.ones_like(y) if sample_weight is None else sample_weight
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != y.shape or not (
        np.all(weight >= 0.0) and 0.0 < weight.sum() < math.inf
    ):
        msg = (
            f"{caller}: sample_weight of init_score must be one number of at least 0 "
            f"for each of the {y.size} targets, finite and not all 0, got shape "
            f"{weight.shape}"
        )
        raise ValueError(msg)
    return y[weight > 0.0], weight[weight > 0.0]


def _quantile(y: Vector, weight: Vector, q: float) -> float:
    """Return where the weight below is q of the whole: the middle, if in a gap."""
    order = np.argsort(y)
    below = np.cumsum(weight[order])
    i = int(np.searchsorted(below, q * below[-1]))
    right = min(i + 1, y.size - 1) if below[i] == q * below[-1] else i
    return float(0.5 * y[order[i]] + 0.5 * y[order[right]])


def _log_odds(caller: str, y: Vector, weight: Vector, pos_weight: Any) -> float:
    if pos_weight is not None and np.size(pos_weight) != 1:
        came = np.shape(pos_weight)
        msg = f"{caller}: init_score is known for one pos_weight, got shape {came}"
        raise NotImplementedError(msg)
    factor = 1.0 if pos_weight is None else float(np.reshape(pos_weight, ()))
    if not (np.all(y >= 0.0) and np.all(y <= 1.0)):
        msg = (
            f"{caller}: y_true of init_score must hold labels or probabilities in "
            f"[0, 1], got numbers from {y.min()} to {y.max()}"
        )
        raise ValueError(msg)
    positive, negative = factor * np.sum(weight * y), np.sum(weight * (1.0 - y))
    if not (positive > 0.0 and negative > 0.0):
        msg = (
            f"{caller}: y_true of init_score must hold both labels, 0 and 1, got "
            f"numbers from {y.min()} to {y.max()}"
        )
        raise ValueError(msg)
    return math.log(positive / negative)


def _reweighted_mean(
    caller: str, evaluate: Callable[..., Any], y: Vector, weight: Vector
) -> float:
    """Return what iteratively reweighted least squares reaches from the median.

    Each step goes to the minimum of the parabolas that lie above the loss.
    """
    constant = _quantile(y, weight, 0.5)
    size = float(np.max(np.abs(y)))
    for _ in range(1000):
        _, first, second = evaluate(np, (constant - y) ** 2)
        if np.any(second > 0.0):
            msg = (
                f"{caller}: init_score is not known for a loss that is steeper than "
                "the squared error; pass a start of your own, such as the mean"
            )
            raise NotImplementedError(msg)
        total = float(np.sum(weight * first))
        if not total > 0.0:  # a flat loss, as far as these digits go
            return constant
        before, constant = constant, float(np.sum(weight * first * y)) / total
        if math.isclose(constant, before, rel_tol=0.0, abs_tol=1e-12 * size):
            break
    return constant
