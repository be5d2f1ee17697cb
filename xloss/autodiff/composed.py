"""Functions of the standard that have no rule of their own, made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.filters import span
from .._core.numerics import reordered

__all__ = ["COMPOSED"]


def _diff(xp: Any, x: Any, /, axis: int = -1, n: int = 1, **ends: Any) -> Any:
    pieces = [ends.get("prepend"), x, ends.get("append")]
    pieces = [piece for piece in pieces if piece is not None]
    x = xp.concat(pieces, axis=axis) if len(pieces) > 1 else x
    own = axis % x.ndim
    for _ in range(n):
        length = x.shape[own]
        x = span(x, own, 1, length) - span(x, own, 0, max(0, length - 1))
    return x


def _repeat(xp: Any, x: Any, repeats: int, /, *, axis: int | None = None) -> Any:
    x = xp.reshape(x, (-1,)) if axis is None else x
    own, shape = (axis or 0) % x.ndim, tuple(x.shape)
    before, after = shape[: own + 1], shape[own + 1 :]
    x = xp.broadcast_to(xp.expand_dims(x, axis=own + 1), (*before, repeats, *after))
    return xp.reshape(x, (*shape[:own], shape[own] * repeats, *after))


def _sort(
    xp: Any, x: Any, /, axis: int = -1, descending: bool = False, stable: bool = True
) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    x = reordered(xp, xp.moveaxis(x, axis, -1), xp.moveaxis(order, axis, -1))
    return xp.moveaxis(x, -1, axis)


def _std(xp: Any, x: Any, /, axis: Any = None, **options: Any) -> Any:
    variance = _var(xp, x, axis, **options)
    flat = variance == 0  # there the root has no slope
    root = xp.sqrt(xp.where(flat, xp.ones_like(variance), variance))
    return xp.where(flat, xp.zeros_like(variance), root)


def _tile(xp: Any, x: Any, repetitions: tuple[int, ...], /) -> Any:
    missing = len(repetitions) - x.ndim
    x = xp.reshape(x, (1,) * max(0, missing) + tuple(x.shape))
    for axis, count in zip(range(-len(repetitions), 0), repetitions, strict=True):
        x = xp.concat([x] * count, axis=axis) if count != 1 else x
    return x


def _unstack(xp: Any, x: Any, /, axis: int = 0) -> tuple[Any, ...]:
    before = (slice(None),) * (axis % x.ndim)
    return tuple(x[(*before, i, ...)] for i in range(x.shape[axis]))


def _var(
    xp: Any,
    x: Any,
    /,
    axis: Any = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> Any:
    deviation = x - xp.mean(x, axis=axis, keepdims=True)
    squares = xp.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return squares / (x.size / max(1, squares.size) - correction)


def _vecdot(xp: Any, x: Any, y: Any, /, axis: int = -1) -> Any:
    return xp.sum(x * y, axis=axis)


COMPOSED: dict[str, Callable[..., Any]] = {
    "diff": _diff,
    "repeat": _repeat,
    "sort": _sort,
    "std": _std,
    "tile": _tile,
    "unstack": _unstack,
    "var": _var,
    "vecdot": _vecdot,
}
"""By name: `(xp, ...)`, with a namespace of traced arrays."""
