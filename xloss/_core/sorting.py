"""Orders of sizes, from the largest on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .namespace import (
    beneath,
    is_compiling,
    is_eager_torch,
    is_numpy,
    is_torch,
    over_numpy,
    plain,
)
from .numerics import detach, primitive
from .typing import Namespace

__all__ = ["by_rows", "descending"]

LONG = 32 * 1024
"""elements: shorter rows torch does not sort by digits"""

FEW = 1024
"""elements: shorter rows NumPy sorts faster by comparisons"""


@primitive
def descending(xp: Namespace, x: Any) -> Any:
    """Return the order that sorts x >= 0 along the last axis from the largest on.

    Ties keep the order of their indices. Such floats are ordered as the integers that
    their bits are, which are sorted by digits: on torch in a quarter of the time of
    comparisons, on NumPy in a tenth.
    """
    if is_torch(xp):
        return _on_torch(xp, x.detach())
    if is_numpy(xp):
        return _on_numpy(x)
    return xp.argsort(-detach(xp, x), axis=-1, stable=True)


def _on_torch(xp: Namespace, x: Any) -> Any:
    keys = ~x.view(xp.int32 if x.dtype == xp.float32 else xp.int64)
    if is_compiling(xp) and x.device.type == "cpu" and keys.dtype == xp.int32:
        return _as_one_row(xp, keys)
    return keys.sort(dim=-1, stable=True).indices


def _as_one_row(xp: Namespace, keys: Any) -> Any:
    """Sort rows as one, of numbers whose upper half is that of the row.

    torch sorts one row alone by digits, and to a compiler each would be a sort of its
    own.
    """
    length = keys.shape[-1]
    rows = keys.reshape((-1, length)).to(xp.int64)
    number = xp.arange(rows.shape[0], device=keys.device).reshape((-1, 1))
    order = (rows + number * 2**32).reshape(-1).sort(stable=True).indices
    return (order.reshape(rows.shape) - number * length).reshape(keys.shape)


def _on_numpy(x: Any) -> Any:
    """Sort by digits of 16 bits, the last one first, which NumPy counts instead."""
    size = x.dtype.itemsize
    if x.shape[-1] < FEW or size not in (4, 8):
        return np.argsort(-x, axis=-1, stable=True)
    keys = (~np.abs(x).view(f"u{size}")).astype(f"<u{size}", order="C", copy=False)
    order = np.empty(x.shape, np.intp)
    for row in np.ndindex(x.shape[:-1]):
        digits = keys[row].view("<u2").reshape((-1, size // 2))
        found = np.argsort(digits[:, 0], stable=True)
        for digit in digits.T[1:]:
            found = found[np.argsort(digit[found], stable=True)]
        order[row] = found
    return order


def by_rows(xp: Namespace, function: Callable[..., Any], *arrays: Any) -> Any:
    """Return a function of constants whose last axis is of rows.

    Where the rows are long and each operation runs on its own, one row at a time: what
    it computes in between stays in the cache, and torch sorts one row by digits.
    """
    first, length = arrays[0], arrays[0].shape[-1]
    on_processor = is_eager_torch(xp) and first.device.type == "cpu"
    if length < LONG or not (on_processor or over_numpy(xp)):
        return function(xp, *arrays)
    xp, _ = beneath(xp, first)
    rows = [xp.reshape(plain(x), (-1, length)) for x in arrays]
    parts = [function(xp, *row) for row in zip(*rows, strict=True)]
    return xp.reshape(xp.stack(parts), first.shape)
