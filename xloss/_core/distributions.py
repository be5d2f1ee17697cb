"""Sums over distributions, which hold nothing negative."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from .entropy import Divergence
from .namespace import beneath, cast, is_eager_torch, is_jax, is_numpy
from .numerics import detach
from .numpy_blocks import Operands, tiles
from .typing import Namespace
from .values import holds_anywhere

__all__ = ["distribution_sums"]


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
    both = [cast(xp, x, compute) for x in arrays.values()]
    loss = _by_slopes(xp, divergence, both, axes)
    if loss is not None:
        if holds_anywhere(xp, xp.isnan(loss)):
            _refuse_negative(function, xp, arrays)
        return loss
    loss = divergence.sums(xp, *both, axes)
    if 0 in both[0].shape:
        return loss
    low = [xp.min(detach(xp, x), axis=axes) for x in both]
    # by negation, so that NaN is wrong too, also in a cell that does not count
    wrong = ~((low[0] >= 0) & (low[1] >= 0))
    if holds_anywhere(xp, wrong):
        _refuse_negative(function, xp, arrays)
    return xp.where(wrong, xp.nan, loss)


def _by_slopes(
    xp: Namespace, divergence: Divergence, both: list[Any], axes: tuple[int, ...]
) -> Any:
    """Return the sums, with the slopes as they are known; None where that can't be."""
    value = partial(divergence.value, xp)
    slopes = [partial(slope, xp) for slope in divergence.slopes]
    if is_jax(xp):
        from .jax_slopes import with_slopes

        return with_slopes(value, slopes, both, axes)
    if is_eager_torch(xp):
        from . import torch_step

        operands: Operands = dict(zip(("pred", "target"), both, strict=True))
        if torch_step.are_plain(operands):
            step = torch_step.Sums(value, slopes, partial(divergence.sums, xp), axes)
            return torch_step.call(step, operands)
    return None


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
        low = np.minimum(p.min(axis=1), t.min(axis=1))
        if not np.all(low >= 0):
            _refuse_negative(function, xp, arrays)
        p, t = cast(xp, p, compute), cast(xp, t, compute)
        sums[rows] += divergence.value(xp, p, t, (1,)) + np.where(low >= 0, 0.0, np.nan)
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
