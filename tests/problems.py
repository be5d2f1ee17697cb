"""The losses as one table, with arguments, for tests that hold of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import xloss


class Problem(NamedTuple):
    """A loss with one setting of its options, and its formula in plain NumPy."""

    name: str
    function: Callable[..., Any]
    options: dict[str, Any]
    formula: Callable[[Any], Any]
    """of the residual, in float64, for residuals of ordinary size"""

    def __call__(self, pred: Any, target: Any, **kwargs: Any) -> Any:
        return self.function(pred, target, **{**self.options, **kwargs})


def _general(alpha: float) -> Callable[[Any], Any]:
    b = abs(alpha - 2)
    return lambda r: b / alpha * ((r * r / b + 1) ** (alpha / 2) - 1)


PROBLEMS = [
    Problem(
        "charbonnier", xloss.charbonnier_loss, {}, lambda r: np.sqrt(r * r + 1) - 1
    ),
    Problem("cauchy", xloss.cauchy_loss, {}, lambda r: np.log(r * r / 2 + 1)),
    Problem("welsch", xloss.welsch_loss, {}, lambda r: 1 - np.exp(-r * r / 2)),
    Problem(
        "geman_mcclure",
        xloss.geman_mcclure_loss,
        {"scale": 0.5},
        lambda r: 2 * (2 * r) ** 2 / ((2 * r) ** 2 + 4),
    ),
    Problem("general", xloss.general_robust_loss, {"alpha": 0.5}, _general(0.5)),
    Problem("general_far", xloss.general_robust_loss, {"alpha": -3.0}, _general(-3)),
    Problem("mse", xloss.mse_loss, {}, lambda r: r * r),
    Problem("l1", xloss.l1_loss, {}, np.abs),
    Problem(
        "smooth_l1",
        xloss.smooth_l1_loss,
        {"beta": 0.5},
        lambda r: np.where(abs(r) < 0.5, r * r, abs(r) - 0.25),
    ),
    Problem(
        "huber",
        xloss.huber_loss,
        {"delta": 2.0},
        lambda r: np.where(abs(r) <= 2, r * r / 2, 2 * (abs(r) - 1)),
    ),
    Problem("log_cosh", xloss.log_cosh_loss, {}, lambda r: np.log(np.cosh(r))),
    Problem(
        "quantile",
        xloss.quantile_loss,
        {"q": 0.9},
        lambda r: np.maximum(-0.9 * r, 0.1 * r),
    ),
]

every_loss = pytest.mark.parametrize("loss", PROBLEMS, ids=lambda p: p.name)


def images(shape: tuple[int, ...] = (2, 3, 4), seed: int = 0) -> tuple[Any, Any]:
    """Return a prediction and a target that no kink and no tie meets."""
    rng = np.random.default_rng(seed)
    pred = rng.integers(-64, 65, shape) / 16
    target = rng.integers(-64, 65, shape) / 16 + 1 / 64
    return pred, target
