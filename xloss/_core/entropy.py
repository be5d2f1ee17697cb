"""Relative entropies of distributions, with all digits where these are alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .namespace import is_eager_torch, is_jax, is_numpy
from .numerics import atanh, blend, detach, polynomial
from .typing import Namespace

__all__ = [
    "Divergence",
    "divisor",
    "either",
    "mixed_log",
    "ratio",
    "relative_entropy",
    "relative_entropy_value",
    "unless_negative",
    "weighted_log",
]

# Enough terms for float64: what they leave out is below half a unit in the last place.
_LOG_RATIO = [2 / (2 * k + 3) for k in range(8)]
_MIXED_LOG = [1 / ((k + 1) * (2 * k + 1)) for k in range(24)]


class Divergence(NamedTuple):
    """A divergence of distributions: a sum over cells of a function of both."""

    sums: Callable[..., Any]
    """`(xp, pred, target, axes)` to the sums over some axes"""
    value: Callable[..., Any]
    """the same for those who do not differentiate it, NaN where a cell is negative"""
    slopes: tuple[Callable[..., Any], Callable[..., Any]]
    """both `(xp, pred, target)`, to the derivative of each cell by either number"""


def relative_entropy(xp: Namespace, x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """Return the sum of y log(y/x) for x >= 0 and y > 0, with all digits for x near y.

    The slopes are those of a difference of logarithms: that of the ratio has more
    digits, but slopes, divided by y², that overflow.
    """
    fixed_x, fixed_y = detach(xp, x), detach(xp, y)
    change = fixed_x - fixed_y
    rest = _beyond_first_order(xp, fixed_x, fixed_y, change)
    value = 0.0 - (xp.sum(rest, axis=axes) + xp.sum(change, axis=axes))  # not -0.0
    slopes = xp.sum(y * (xp.log(x) - xp.log(y)), axis=axes)
    # the value of one, unless the ratio overflows, and the slopes of the other
    exact = value + (detach(xp, slopes) - slopes)
    return xp.where(xp.isfinite(value), exact, -slopes)


def relative_entropy_value(xp: Namespace, x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """Return the same without its slopes, and without the cells where y is 0.

    NaN where a cell is negative, but on NumPy.
    """
    change = x - y
    rest = _beyond_first_order(xp, x, y, change)
    tiny = float(xp.finfo(y.dtype).smallest_normal)
    usual = _is_from(xp, tiny, y) and _is_positive(xp, x)

    def counted(cell: Any) -> Any:
        if usual:
            return cell
        return unless_negative(xp, x, y, xp.where(y < tiny, 0.0, cell))

    sums = [xp.sum(counted(cell), axis=axes) for cell in (rest, change)]
    value = 0.0 - (sums[0] + sums[1])  # not -0.0

    def by_logarithms() -> Any:
        return xp.sum(counted(y * (xp.log(y) - xp.log(x))), axis=axes)

    return _where_finite(xp, value, by_logarithms)


def _where_finite(xp: Namespace, value: Any, instead: Callable[[], Any]) -> Any:
    """Return a value, and where a ratio in it overflowed, which is seldom, another."""

    def both() -> Any:
        return xp.where(xp.isfinite(value), value, instead())

    if is_jax(xp):
        from jax import lax

        return lax.cond(xp.all(xp.isfinite(value)), lambda: value, both)
    return value if math.isfinite(float(xp.sum(value))) else both()


def unless_negative(xp: Namespace, x: Any, y: Any, cell: Any) -> Any:
    """Return what cells add to a sum, NaN where x or y is negative, but on NumPy."""
    if _is_positive(xp, x) and _is_positive(xp, y):
        return cell
    return xp.where((x >= 0) & (y >= 0), cell, xp.nan)


def _is_positive(xp: Namespace, x: Any) -> bool:
    # NumPy refuses what is not beforehand.
    return is_numpy(xp) or _is_from(xp, 0.0, x)


def _is_from(xp: Namespace, bound: float, x: Any) -> bool:
    """Whether no element is below a bound, as far as that can be seen.

    In eager torch a look at all of them takes a tenth of the time of a choice.
    """
    if 0 in x.shape or not (is_numpy(xp) or is_eager_torch(xp)):
        return False
    return float(xp.min(x)) >= bound


def either(xp: Namespace, part: Any, x: Any, y: Any) -> Any:
    """Return x where a part is 1, which is 0 elsewhere, and y where it is 0.

    XLA would store whatever is used more than once in a sum that it reduces.
    """
    if is_jax(xp):
        return xp.where(part == 1.0, x, y)
    return x + (1.0 - part) * y


def _beyond_first_order(xp: Namespace, x: Any, y: Any, change: Any) -> Any:
    """Return y log(x/y) - change for change = x - y: not positive.

    For x near y the sum of y log(y/x) is of second order, a sum of terms of first
    order: these are added up as the differences x - y, which are exact, and the rest is
    a series in (x - y)/(x + y).
    """
    s = ratio(xp, change, x + y)
    square = s * s
    *lower, highest = _LOG_RATIO[: 2 if x.dtype == xp.float32 else 8]
    series = square * highest  # in place: new memory takes most of the time
    for coefficient in reversed(lower):
        series += coefficient
        series *= square
    series *= y
    series -= change
    series *= s
    plain = _logarithm(xp, x / y)
    plain *= y
    plain -= change
    return blend(xp, square >= 0.004, plain, series)


def _logarithm(xp: Namespace, x: Any) -> Any:
    """Return log(x), in the place of x where that can be."""
    if is_numpy(xp):
        return np.log(x, out=x)
    return x.log_() if is_eager_torch(xp) else xp.log(x)


def mixed_log(xp: Namespace, x: Any) -> Any:
    """Return (1 + x) log(1 + x) + (1 - x) log(1 - x) for |x| < 0.5, with all digits.

    On JAX by a series, half the time of its two functions.
    """
    if is_jax(xp):
        square = x * x
        terms = 10 if x.dtype == xp.float32 else 24
        return square * polynomial(square, _MIXED_LOG[:terms])
    return 2.0 * x * atanh(xp, x) + xp.log1p(-x * x)


def divisor(xp: Namespace, y: Any) -> Any:
    """Return y >= 0, and a number whose reciprocal is finite where it is 0."""
    return y + float(xp.finfo(y.dtype).smallest_normal)


def ratio(xp: Namespace, x: Any, y: Any) -> Any:
    """Return x/y for y > 0, to be used more than once.

    XLA (on a CPU) stores such a quotient, but not such a product.
    """
    return x * xp.reciprocal(y) if is_jax(xp) else x / y


def weighted_log(xp: Namespace, p: Any, x: Any) -> Any:
    """Return p log(x), 0 where p and so x is 0, and there no slope in x.

    A number that changes no other logarithm takes half the time of a choice.
    """
    return p * xp.log(x + float(xp.finfo(x.dtype).smallest_normal))
