"""Sums over distributions, which hold nothing negative."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .namespace import beneath, cast, is_numpy
from .numerics import detach
from .numpy_blocks import tiles
from .typing import Namespace
from .values import holds_anywhere

__all__ = ["distribution_sums"]

Divergence = Callable[..., Any]
"""`(xp, pred, target, axes)` to the sums over some axes."""


def distribution_sums(
    function: str,
    xp: Namespace,
    divergence: Divergence,
    arrays: Mapping[str, Any],
    axes: tuple[int, ...],
    compute: Any,
) -> Any:
    """Return the sums over some axes of a divergence.

    NaN for a distribution with a negative entry.

    Raises
    ------
    ValueError
        If an entry is negative, where the values may be looked at.
    """
    if is_numpy(xp):
        return _sums_on_numpy(function, xp, divergence, arrays, axes, compute)
    pred, target = [cast(xp, x, compute) for x in arrays.values()]
    loss = divergence(xp, pred, target, axes)
    if 0 in pred.shape:
        return loss
    low = [xp.min(detach(xp, x), axis=axes) for x in (pred, target)]
    # by negation, so that NaN is wrong too, also in a cell that does not count
    wrong = ~((low[0] >= 0) & (low[1] >= 0))
    if holds_anywhere(xp, wrong):
        _refuse_negative(function, xp, arrays)
    return xp.where(wrong, xp.nan, loss)


def _sums_on_numpy(
    function: str,
    xp: Namespace,
    divergence: Divergence,
    arrays: Mapping[str, Any],
    axes: tuple[int, ...],
    compute: Any,
) -> Any:
    """Return the same, block by block, added up in float64."""
    shape = next(iter(arrays.values())).shape
    lead = [n for i, n in enumerate(shape) if i not in axes]
    size = math.prod(shape[i] for i in axes)
    last = range(-len(axes), 0)
    pred, target = [
        np.moveaxis(x, axes, last).reshape((math.prod(lead), size))
        for x in arrays.values()
    ]
    sums = np.zeros(len(pred), np.result_type(compute, np.float64))
    for rows, columns in tiles(pred.shape):
        p, t = pred[rows, columns], target[rows, columns]
        low = np.minimum(p, t).min(axis=1)
        if not np.all(low >= 0):
            _refuse_negative(function, xp, arrays)
        p, t = cast(xp, p, compute), cast(xp, t, compute)
        sums[rows] += divergence(xp, p, t, (1,)) + np.where(low >= 0, 0.0, np.nan)
    return sums.reshape(lead).astype(compute)


def _refuse_negative(function: str, xp: Namespace, arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        space, values = beneath(xp, array)
        zero = space.zeros_like(values)
        least = float(space.min(space.where(values < 0, values, zero)))
        if least < 0:
            msg = (
                f"{function}: {name} must hold probabilities, at least 0, "
                f"got {least:g}; take the softmax of logits, and exp of log-"
                "probabilities"
            )
            raise ValueError(msg)
