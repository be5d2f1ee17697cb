"""Functions of the standard that have no rule of their own, made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["COMPOSED"]


def _diff(xp: Any, x: Any, /, *, axis: int = -1, n: int = 1, **ends: Any) -> Any:
    pieces = [ends.get("prepend"), x, ends.get("append")]
    pieces = [piece for piece in pieces if piece is not None]
    x = xp.concat(pieces, axis=axis) if len(pieces) > 1 else x
    before = (slice(None),) * (axis % x.ndim)
    for _ in range(n):
        x = x[(*before, slice(1, None), ...)] - x[(*before, slice(None, -1), ...)]
    return x


def _sort(
    xp: Any, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.take_along_axis(x, order, axis=axis)


def _std(xp: Any, x: Any, /, **options: Any) -> Any:
    return xp.sqrt(_var(xp, x, **options))


def _unstack(xp: Any, x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    before = (slice(None),) * (axis % x.ndim)
    return tuple(x[(*before, i, ...)] for i in range(x.shape[axis]))


def _var(
    xp: Any,
    x: Any,
    /,
    *,
    axis: Any = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> Any:
    deviation = x - xp.mean(x, axis=axis, keepdims=True)
    squares = xp.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return squares / (x.size / max(1, squares.size) - correction)


def _vecdot(xp: Any, x: Any, y: Any, /, *, axis: int = -1) -> Any:
    return xp.sum(x * y, axis=axis)


COMPOSED: dict[str, Callable[..., Any]] = {
    "diff": _diff,
    "sort": _sort,
    "std": _std,
    "unstack": _unstack,
    "var": _var,
    "vecdot": _vecdot,
}
"""By name: `(xp, ...)`, with a namespace of traced arrays."""
