"""Each loss as a textbook prints it: what one writes without a library.

`xp` is numpy, torch or jax.numpy, whose functions bear the same names here.
"""

from collections.abc import Callable
from typing import Any

from benchmarks import devices

ALPHA = 1.5  # general robust
DELTA = 0.5  # huber's delta, smooth L1's beta
Q = 0.9


def unreduced(name: str, module: str) -> Callable[[Any, Any], Any]:
    """Return an expression of this file as a function of prediction and target."""
    xp, expression = devices.module(module), _EXPRESSIONS[name]
    return lambda pred, target: expression(xp, pred, target)


def mean(name: str, module: str) -> Callable[[Any, Any], Any]:
    """Return the same, averaged."""
    xp, expression = devices.module(module), _EXPRESSIONS[name]
    return lambda pred, target: xp.mean(expression(xp, pred, target))


def _charbonnier(xp: Any, pred: Any, target: Any) -> Any:
    r = pred - target
    return xp.sqrt(r * r + 1) - 1


def _cauchy(xp: Any, pred: Any, target: Any) -> Any:
    r = pred - target
    return xp.log(0.5 * r * r + 1)


def _welsch(xp: Any, pred: Any, target: Any) -> Any:
    r = pred - target
    return 1 - xp.exp(-0.5 * r * r)


def _geman_mcclure(xp: Any, pred: Any, target: Any) -> Any:
    del xp  # plain arithmetic
    s = (pred - target) ** 2
    return 2 * s / (s + 4)


def _general_robust(xp: Any, pred: Any, target: Any) -> Any:
    del xp  # plain arithmetic
    s = (pred - target) ** 2
    b = abs(ALPHA - 2)
    return b / ALPHA * ((s / b + 1) ** (ALPHA / 2) - 1)


def _mse(xp: Any, pred: Any, target: Any) -> Any:
    del xp  # plain arithmetic
    return (pred - target) ** 2


def _l1(xp: Any, pred: Any, target: Any) -> Any:
    return xp.abs(pred - target)


def _huber(xp: Any, pred: Any, target: Any) -> Any:
    r = xp.abs(pred - target)
    return xp.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA))


def _smooth_l1(xp: Any, pred: Any, target: Any) -> Any:
    r = xp.abs(pred - target)
    return xp.where(r < DELTA, 0.5 * r * r / DELTA, r - 0.5 * DELTA)


def _log_cosh(xp: Any, pred: Any, target: Any) -> Any:
    return xp.log(xp.cosh(pred - target))


def _quantile(xp: Any, pred: Any, target: Any) -> Any:
    r = target - pred
    return xp.maximum(Q * r, (Q - 1) * r)


_EXPRESSIONS = {
    "charbonnier": _charbonnier,
    "cauchy": _cauchy,
    "welsch": _welsch,
    "geman_mcclure": _geman_mcclure,
    "general_robust": _general_robust,
    "mse": _mse,
    "l1": _l1,
    "smooth_l1": _smooth_l1,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "quantile": _quantile,
}
