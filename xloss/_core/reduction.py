"""none, mean and sum, with a mask and weights."""

from __future__ import annotations

import math
from typing import Any

from .numerics import count
from .typing import Namespace

__all__ = ["divide", "mask_weights", "reduce", "weigh", "weight_sum"]


def mask_weights(xp: Namespace, where: Any, weights: Any) -> Any:
    """Return the weights, 0 where excluded.

    A mask selects rather than multiplies: an excluded weight may be NaN.
    """
    return weights if where is None else xp.where(where, weights, 0.0)


def weigh(xp: Namespace, loss: Any, where: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return the weighted loss, and the weights that `mean` divides by or `None`.

    A mask stands for weights where there are none. Where it is False the loss must be
    finite already: 0 times NaN is NaN.
    """
    if sample_weight is not None:
        counted = mask_weights(xp, where, sample_weight)
        return counted * loss, counted
    return loss, where


def reduce(xp: Namespace, loss: Any, weights: Any, reduction: str) -> Any:
    """Reduce a loss that is weighted already; `weights` are what `mean` divides by."""
    if reduction == "none":
        return loss
    if reduction == "sum" or 0 in loss.shape:  # an empty mean is 0, not 0/0
        return xp.sum(loss)
    if weights is None:
        return xp.mean(loss)
    return divide(xp, xp.sum(loss), weight_sum(xp, loss, weights))


def weight_sum(xp: Namespace, loss: Any, weights: Any) -> Any:
    """Return the sum of the weights over all elements of the loss.

    The weights keep the smallest shape that holds them, so that one weight per
    image costs no pass over the pixels: each stands for as many elements.
    """
    repeats = math.prod(loss.shape) / math.prod(weights.shape)
    if xp.isdtype(weights.dtype, "bool"):
        total = count(xp, weights, tuple(range(weights.ndim)), loss.dtype)
    else:
        total = xp.sum(weights)
    return total if repeats == 1 else total * repeats


def divide(xp: Namespace, total: Any, count: Any) -> Any:
    """Return total/count, and 0 with zero gradient where nothing counts."""
    empty = count == 0
    return xp.where(empty, 0.0, total / xp.where(empty, 1.0, count))
