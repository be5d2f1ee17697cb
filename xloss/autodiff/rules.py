"""How a gradient goes backward through each function of the standard.

And through the primitives of `_core.numerics`, each as a whole.

A rule takes `(xp, g, out, *args, **options)`, with g the gradient of the result `out`,
and returns the gradient of one argument, perhaps in the shape that the argument was
broadcast to. At kinks: 0 for abs, equal shares for the ties of max and min, halves for
those of maximum and minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._core.filters import correlate_back, span
from .._core.numerics import binned, matmul, neighbours, restored, select, softmax

__all__ = ["CONSTANT", "PLAIN", "RULES", "Part"]

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
        "count",
        "count_nonzero",
        "empty_like",
        "equal",
        "floor",
        "floor_divide",
        "full_like",
        "greater",
        "greater_equal",
        "isfinite",
        "isinf",
        "isnan",
        "largest_index",
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


def _sum(xp: Any, g: Any, out: Any, x: Any, axis: Any = None, **_: Any) -> Any:
    return xp.broadcast_to(_kept(xp, g, x, axis), x.shape)


def _mean(xp: Any, g: Any, out: Any, x: Any, axis: Any = None, **_: Any) -> Any:
    count = math.prod(x.shape[a] for a in _axes(x, axis))
    return _sum(xp, g / max(1, count), out, x, axis=axis)


def _extreme(xp: Any, g: Any, out: Any, x: Any, axis: Any = None, **_: Any) -> Any:
    ties = xp.astype(x == _kept(xp, out, x, axis), x.dtype)
    count = xp.sum(ties, axis=_axes(x, axis), keepdims=True)
    return ties * (_kept(xp, g, x, axis) / count)


def _running_sum(
    xp: Any,
    g: Any,
    out: Any,
    x: Any,
    axis: int | None = None,
    include_initial: bool = False,
    **_: Any,
) -> Any:
    own = (axis or 0) % x.ndim
    if include_initial:
        g = span(g, own, 1, g.shape[own])
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=own), axis=own), axis=own)


class Part(NamedTuple):
    """The gradient of a part of an array, to be added to that of the whole."""

    key: Any
    gradient: Any


def _picked(xp: Any, g: Any, out: Any, x: Any, key: Any) -> Part:
    for index in key if isinstance(key, tuple) else (key,):
        if isinstance(index, list) or _holds_indices(xp, index):
            msg = "value_and_grad: indexing by an array has no derivative; use take"
            raise NotImplementedError(msg)
    return Part(key, g)


def _holds_indices(xp: Any, index: Any) -> bool:
    """Whether part of a key is an array of indices, which may repeat."""
    return getattr(index, "ndim", 0) > 0 and not xp.isdtype(index.dtype, "bool")


def _taken(
    xp: Any, g: Any, out: Any, x: Any, index: Any, axis: int | None = None
) -> Any:
    order = _last(x.ndim, axis or 0)
    lead = tuple(x.shape[i] for i in order[:-1])
    count = x.shape[order[-1]]
    values = xp.permute_dims(g, order)
    values = xp.reshape(values, (1, math.prod(lead), index.shape[0]))
    sums = binned(xp, xp.expand_dims(index, axis=0), values, count)
    return xp.permute_dims(xp.reshape(sums, (*lead, count)), _inverse(order))


def _taken_along(xp: Any, g: Any, out: Any, x: Any, index: Any, axis: int = -1) -> Any:
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

    def rule(xp: Any, g: Any, out: Any, arrays: Any, axis: int | None = 0) -> Any:
        if axis is None:
            start = sum(math.prod(x.shape) for x in arrays[:i])
            part = g[start : start + math.prod(arrays[i].shape)]
            return xp.reshape(part, arrays[i].shape)
        own = axis % g.ndim
        start = sum(x.shape[own] for x in arrays[:i])
        return span(g, own, start, start + arrays[i].shape[own])

    return rule


def _stacked(i: int) -> Callable[..., Any]:
    def rule(xp: Any, g: Any, out: Any, arrays: Any, axis: int = 0) -> Any:
        return g[(*(slice(None),) * (axis % g.ndim), i, ...)]

    return rule


def _flipped(xp: Any, g: Any, out: Any, x: Any, axis: Any = None) -> Any:
    return xp.flip(g, axis=axis)


def _permuted(xp: Any, g: Any, out: Any, x: Any, axes: Any) -> Any:
    return xp.permute_dims(g, _inverse([a % x.ndim for a in axes]))


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
    return matmul(xp, g, xp.matrix_transpose(y))


def _right_factor(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        x = xp.reshape(x, (-1, 1) if y.ndim > 1 else x.shape)
        return x * (xp.expand_dims(g, axis=-2) if y.ndim > 1 else g)
    if y.ndim == 1:
        g = xp.expand_dims(g, axis=-1)
        return xp.matmul(xp.matrix_transpose(x), g)[..., 0]
    return matmul(xp, xp.matrix_transpose(x), g)


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


def _within(xp: Any, g: Any, out: Any, x: Any, *_: Any, **__: Any) -> Any:
    return select(xp, out == x, g)


def _beyond(side: int) -> Callable[..., Any]:
    """Return the rule of a bound of clip, the lower or the upper one."""

    def rule(xp: Any, g: Any, out: Any, x: Any, *_: Any) -> Any:
        return select(xp, side * (x - out) > 0, g)

    return rule


def _binned(xp: Any, g: Any, out: Any, index: Any, values: Any, count: int) -> Any:
    index = xp.broadcast_to(xp.expand_dims(index, axis=1), values.shape)
    return xp.take_along_axis(g, index, axis=2)


def _softmax(xp: Any, g: Any, out: Any, x: Any, axis: int) -> Any:
    return out * (g - xp.sum(g * out, axis=axis, keepdims=True))


def _split_softmax(xp: Any, g: Any, out: Any, x: Any, own: Any) -> Any:
    p = softmax(xp, x, axis=1)
    mine = xp.sum(xp.where(own, g, 0.0), axis=1, keepdims=True)
    # that of p at the class is -mine, to which a constant may be added in all classes
    slopes = xp.where(own, 0.0, g + mine)
    return p * (slopes - xp.sum(p * slopes, axis=1, keepdims=True))


def _leg(mine: int) -> Callable[..., Any]:
    """Return the rule of hypot for one of its arguments, 0 where both are 0."""

    def rule(xp: Any, g: Any, out: Any, *args: Any) -> Any:
        return g * args[mine] / xp.where(out == 0, xp.ones_like(out), out)

    return rule


def _rolled(xp: Any, g: Any, out: Any, x: Any, shift: Any, axis: Any = None) -> Any:
    back = tuple(-n for n in shift) if isinstance(shift, tuple) else -shift
    return xp.roll(g, back, axis=axis)


def _base(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)):
        return g * y * x ** (y - 1) if y else xp.zeros_like(g)
    power = x ** xp.where(y == 0, xp.ones_like(y), y - 1)
    return g * y * power


def _exponent(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if isinstance(x, (int, float)):
        return g * out * math.log(x) if x > 0 else 0.0 * g
    zero = (out == 0) | (x == 0)
    return xp.where(zero, xp.zeros_like(g), g * out * xp.log(x))


def _product(xp: Any, g: Any, out: Any, x: Any, axis: Any = None, **_: Any) -> Any:
    """Return the gradient of a product: of the others, where one factor is 0."""
    zero = x == 0
    axes = _axes(x, axis)
    rest = xp.prod(xp.where(zero, xp.ones_like(x), x), axis=axes, keepdims=True)
    zeros = xp.sum(xp.astype(zero, x.dtype), axis=axes, keepdims=True)
    others = xp.where(zero, rest, xp.zeros_like(x))
    others = xp.where(zeros == 1, others, xp.zeros_like(x))
    quotient = rest / xp.where(zero, xp.ones_like(x), x)
    return _kept(xp, g, x, axis) * xp.where(zeros == 0, quotient, others)


def _of(*rules: Callable[..., Any]) -> Callable[[int], Callable[..., Any]]:
    """Return one rule for each argument."""
    return rules.__getitem__


RULES: dict[str, Callable[[int], Callable[..., Any]]] = {
    "abs": _of(lambda xp, g, out, x: g * xp.sign(x)),
    "acos": _of(lambda xp, g, out, x: -g / xp.sqrt(1 - x * x)),
    "add": _of(_same, _same),
    "asarray": _of(_same),
    "asin": _of(lambda xp, g, out, x: g / xp.sqrt(1 - x * x)),
    "asinh": _of(lambda xp, g, out, x: g / xp.sqrt(x * x + 1)),
    "astype": _of(_same),
    "at_least": _of(_within),
    "at_most": _of(_within),
    "atan": _of(lambda xp, g, out, x: g / (x * x + 1)),
    "atan2": _of(
        lambda xp, g, out, y, x: g * x / (x * x + y * y),
        lambda xp, g, out, y, x: -g * y / (x * x + y * y),
    ),
    "atanh": _of(lambda xp, g, out, x: g / ((1 - x) * (1 + x))),
    "binned": _of(_same, _binned),
    "broadcast_to": _of(_same),
    "clip": _of(_within, _beyond(-1), _beyond(1)),
    "concat": _joined,
    "correlate": _of(
        lambda xp, g, out, x, window, borders: correlate_back(xp, g, window, borders)
    ),
    "cos": _of(lambda xp, g, out, x: -g * xp.sin(x)),
    "cosh": _of(lambda xp, g, out, x: g * xp.sinh(x)),
    "cumulative": _of(lambda xp, g, out, x: _running_sum(xp, g, out, x, axis=-1)),
    "cumulative_sum": _of(_running_sum),
    "divide": _of(
        lambda xp, g, out, x, y: g / y, lambda xp, g, out, x, y: -g * out / y
    ),
    "exp": _of(lambda xp, g, out, x: g * out),
    "expand_dims": _of(_reshaped),
    "expm1": _of(lambda xp, g, out, x: g * (out + 1)),
    "flip": _of(_flipped),
    "getitem": _of(_picked),
    "hypot": _of(_leg(0), _leg(1)),
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
    "moveaxis": _of(lambda xp, g, out, x, start, end: xp.moveaxis(g, end, start)),
    "multiply": _of(lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
    "negative": _of(lambda xp, g, out, x: -g),
    "neighbours": _of(lambda xp, g, out, x, axis: neighbours(xp, g, axis)),
    "permute_dims": _of(_permuted),
    "positive": _of(_same),
    "positive_part": _of(lambda xp, g, out, x: select(xp, x > 0, g)),
    "pow": _of(_base, _exponent),
    "prod": _of(_product),
    "reciprocal": _of(lambda xp, g, out, x: -g * out * out),
    "remainder": _of(_same, lambda xp, g, out, x, y: -g * xp.floor(x / y)),
    "reordered": _of(lambda xp, g, out, x, order: restored(xp, g, order)),
    "reshape": _of(_reshaped),
    "roll": _of(_rolled),
    "select": _of(_same, lambda xp, g, out, mask, x: select(xp, mask, g)),
    "sin": _of(lambda xp, g, out, x: g * xp.cos(x)),
    "sinh": _of(lambda xp, g, out, x: g * xp.cosh(x)),
    "softmax": _of(_softmax),
    "softplus": _of(lambda xp, g, out, x: g / (1.0 + xp.exp(-x))),
    "split_softmax": _of(_split_softmax),
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
    "tril": _of(lambda xp, g, out, x, k=0: xp.tril(g, k=k)),
    "triu": _of(lambda xp, g, out, x, k=0: xp.triu(g, k=k)),
    "where": _of(_same, _where(1), _where(2)),
}
