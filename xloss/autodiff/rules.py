"""How a gradient goes backward through each function of the standard.

A rule takes `(xp, g, out, *args, **options)`, with g the gradient of the result `out`,
and returns the gradient of one argument, perhaps in the shape that the argument was
broadcast to. At kinks: 0 for abs, equal shares for the ties of max and min, halves for
those of maximum and minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .._core.numerics import binned

__all__ = ["CONSTANT", "PLAIN", "RULES"]

PLAIN = frozenset({"__array_namespace_info__", "can_cast", "finfo", "iinfo", "isdtype"})
"""functions of dtypes alone"""

CONSTANT = frozenset(
    {
        "all",
        "any",
        "argmax",
        "argmin",
        "argsort",
        "ceil",
        "equal",
        "floor",
        "floor_divide",
        "greater",
        "greater_equal",
        "isfinite",
        "isinf",
        "isnan",
        "less",
        "less_equal",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "not_equal",
        "ones_like",
        "result_type",
        "round",
        "searchsorted",
        "sign",
        "signbit",
        "trunc",
        "zeros_like",
    }
)
"""functions whose derivative is 0 wherever it exists"""


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % x.ndim for a in axes)


def _kept(xp: Any, reduced: Any, x: Any, axis: Any) -> Any:
    """Return a reduction of x with the axes that it lost."""
    axes = _axes(x, axis)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return xp.reshape(reduced, shape)


def _before(axis: int) -> tuple[slice, ...]:
    return (slice(None),) * axis


def _sum(xp: Any, g: Any, out: Any, x: Any, *, axis: Any = None, **_: Any) -> Any:
    return xp.broadcast_to(_kept(xp, g, x, axis), x.shape)


def _mean(xp: Any, g: Any, out: Any, x: Any, *, axis: Any = None, **_: Any) -> Any:
    count = math.prod(x.shape[a] for a in _axes(x, axis))
    return _sum(xp, g / max(1, count), out, x, axis=axis)


def _extreme(xp: Any, g: Any, out: Any, x: Any, *, axis: Any = None, **_: Any) -> Any:
    ties = xp.astype(x == _kept(xp, out, x, axis), x.dtype)
    count = xp.sum(ties, axis=_axes(x, axis), keepdims=True)
    return ties * (_kept(xp, g, x, axis) / count)


def _running_sum(
    xp: Any,
    g: Any,
    out: Any,
    x: Any,
    *,
    axis: int | None = None,
    include_initial: bool = False,
    **_: Any,
) -> Any:
    own = (axis or 0) % x.ndim
    if include_initial:
        g = g[(*_before(own), slice(1, None), ...)]
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=own), axis=own), axis=own)


def _picked(xp: Any, g: Any, out: Any, x: Any, key: Any) -> Any:
    whole = xp.zeros_like(x)
    whole[key] = g
    return whole


def _taken(
    xp: Any, g: Any, out: Any, x: Any, index: Any, *, axis: int | None = None
) -> Any:
    order = _last(x.ndim, axis or 0)
    lead = tuple(x.shape[i] for i in order[:-1])
    count = x.shape[order[-1]]
    values = xp.permute_dims(g, order)
    values = xp.reshape(values, (1, math.prod(lead), index.shape[0]))
    sums = binned(xp, xp.expand_dims(index, axis=0), values, count)
    return xp.permute_dims(xp.reshape(sums, (*lead, count)), _inverse(order))


def _taken_along(
    xp: Any, g: Any, out: Any, x: Any, index: Any, *, axis: int = -1
) -> Any:
    order = _last(x.ndim, axis)
    lead = tuple(x.shape[i] for i in order[:-1])
    count, rows = x.shape[order[-1]], math.prod(lead)
    index = xp.reshape(xp.permute_dims(index, order), (rows, index.shape[order[-1]]))
    values = xp.reshape(xp.permute_dims(g, order), (rows, 1, index.shape[1]))
    sums = binned(xp, index, values, count)
    return xp.permute_dims(xp.reshape(sums, (*lead, count)), _inverse(order))


def _last(ndim: int, axis: int) -> tuple[int, ...]:
    """Return the order of axes that puts one of them last."""
    own = axis % ndim
    return (*range(own), *range(own + 1, ndim), own)


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _joined(i: int) -> Callable[..., Any]:
    """Return the rule of concat for the array of this place."""

    def rule(xp: Any, g: Any, out: Any, arrays: Any, *, axis: int = 0) -> Any:
        axis = axis % g.ndim
        start = sum(x.shape[axis] for x in arrays[:i])
        stop = start + arrays[i].shape[axis]
        return g[(*_before(axis), slice(start, stop), ...)]

    return rule


def _stacked(i: int) -> Callable[..., Any]:
    def rule(xp: Any, g: Any, out: Any, arrays: Any, *, axis: int = 0) -> Any:
        return g[(*_before(axis % g.ndim), i, ...)]

    return rule


def _flipped(xp: Any, g: Any, out: Any, x: Any, *, axis: Any = None) -> Any:
    return xp.flip(g, axis=axis)


def _permuted(xp: Any, g: Any, out: Any, x: Any, axes: Any) -> Any:
    return xp.permute_dims(g, _inverse(axes))


def _reshaped(xp: Any, g: Any, out: Any, x: Any, *_: Any, **__: Any) -> Any:
    return xp.reshape(g, x.shape)


def _same(xp: Any, g: Any, out: Any, *_: Any, **__: Any) -> Any:
    return g


def _left_factor(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return xp.expand_dims(g, axis=-1) * y
    if x.ndim == 1:
        g = xp.expand_dims(g, axis=-2)
        return xp.matmul(g, xp.matrix_transpose(y))[..., 0, :]
    return xp.matmul(g, xp.matrix_transpose(y))


def _right_factor(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        x = xp.reshape(x, (-1, 1) if y.ndim > 1 else x.shape)
        return x * (xp.expand_dims(g, axis=-2) if y.ndim > 1 else g)
    if y.ndim == 1:
        g = xp.expand_dims(g, axis=-1)
        return xp.matmul(xp.matrix_transpose(x), g)[..., 0]
    return xp.matmul(xp.matrix_transpose(x), g)


def _chosen(mine: int) -> Callable[..., Any]:
    """Return the rule of maximum or minimum for one of their two arguments."""

    def rule(xp: Any, g: Any, out: Any, *args: Any) -> Any:
        own, other = args[mine], args[1 - mine]
        tie = xp.where(own == other, 0.5 * g, g)
        return xp.where(own == out, tie, xp.zeros_like(g))

    return rule


def _where(taken: int) -> Callable[..., Any]:
    def rule(xp: Any, g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
        zero = xp.zeros_like(g)
        return xp.where(condition, *((g, zero) if taken == 1 else (zero, g)))

    return rule


def _base(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * y * x ** (y - 1)


def _exponent(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if isinstance(x, (int, float)):
        return g * out * math.log(x) if x > 0 else 0.0 * g
    return xp.where(out == 0, xp.zeros_like(g), g * out * xp.log(x))


def _of(*rules: Callable[..., Any]) -> Callable[[int], Callable[..., Any]]:
    """Return one rule for each argument."""
    return rules.__getitem__


RULES: dict[str, Callable[[int], Callable[..., Any]]] = {
    "abs": _of(lambda xp, g, out, x: g * xp.sign(x)),
    "acos": _of(lambda xp, g, out, x: -g / xp.sqrt(1 - x * x)),
    "add": _of(_same, _same),
    "asin": _of(lambda xp, g, out, x: g / xp.sqrt(1 - x * x)),
    "astype": _of(_same),
    "asinh": _of(lambda xp, g, out, x: g / xp.sqrt(x * x + 1)),
    "atan": _of(lambda xp, g, out, x: g / (x * x + 1)),
    "atanh": _of(lambda xp, g, out, x: g / ((1 - x) * (1 + x))),
    "broadcast_to": _of(_same),
    "concat": _joined,
    "cos": _of(lambda xp, g, out, x: -g * xp.sin(x)),
    "cosh": _of(lambda xp, g, out, x: g * xp.sinh(x)),
    "cumulative_sum": _of(_running_sum),
    "divide": _of(
        lambda xp, g, out, x, y: g / y, lambda xp, g, out, x, y: -g * out / y
    ),
    "exp": _of(lambda xp, g, out, x: g * out),
    "expand_dims": _of(_reshaped),
    "expm1": _of(lambda xp, g, out, x: g * (out + 1)),
    "flip": _of(_flipped),
    "getitem": _of(_picked),
    "log": _of(lambda xp, g, out, x: g / x),
    "log10": _of(lambda xp, g, out, x: g / (x * math.log(10))),
    "log1p": _of(lambda xp, g, out, x: g / (x + 1)),
    "log2": _of(lambda xp, g, out, x: g / (x * math.log(2))),
    "logaddexp": _of(
        lambda xp, g, out, x, y: g * xp.exp(x - out),
        lambda xp, g, out, x, y: g * xp.exp(y - out),
    ),
    "matmul": _of(_left_factor, _right_factor),
    "matrix_transpose": _of(lambda xp, g, out, x: xp.matrix_transpose(g)),
    "max": _of(_extreme),
    "maximum": _of(_chosen(0), _chosen(1)),
    "mean": _of(_mean),
    "min": _of(_extreme),
    "minimum": _of(_chosen(0), _chosen(1)),
    "multiply": _of(lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
    "negative": _of(lambda xp, g, out, x: -g),
    "permute_dims": _of(_permuted),
    "positive": _of(_same),
    "pow": _of(_base, _exponent),
    "reciprocal": _of(lambda xp, g, out, x: -g * out * out),
    "reshape": _of(_reshaped),
    "sin": _of(lambda xp, g, out, x: g * xp.cos(x)),
    "sinh": _of(lambda xp, g, out, x: g * xp.cosh(x)),
    "sqrt": _of(lambda xp, g, out, x: 0.5 * g / out),
    "square": _of(lambda xp, g, out, x: 2 * g * x),
    "squeeze": _of(_reshaped),
    "stack": _stacked,
    "subtract": _of(_same, lambda xp, g, out, x, y: -g),
    "sum": _of(_sum),
    "take": _of(_taken),
    "take_along_axis": _of(_taken_along),
    "tan": _of(lambda xp, g, out, x: g * (out * out + 1)),
    "tanh": _of(lambda xp, g, out, x: g * (1 - out * out)),
    "where": _of(_same, _where(1), _where(2)),
}
