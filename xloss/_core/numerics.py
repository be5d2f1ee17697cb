"""Primitives that are right at kinks and at the ends of the range.

The only place that may hand a primitive to a backend's own function; each such
entry says what it gains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .namespace import (
    Recorded,
    RecordedNamespace,
    cast,
    constant,
    device_of,
    is_compiling,
    is_dask,
    is_eager_torch,
    is_jax,
    is_numpy,
    is_recorded,
    is_torch,
    over_numpy,
    plain,
    widest_float,
)
from .typing import Namespace

__all__ = [
    "absolute",
    "at_least",
    "at_most",
    "atanh",
    "binned",
    "blend",
    "bounded_ratio",
    "clip",
    "cosh_minus_1",
    "count",
    "cumulative",
    "detach",
    "expm1",
    "expm1_ratio",
    "expm1_ratio_near_zero",
    "fold",
    "in_rows",
    "largest_index",
    "largest_square",
    "limited",
    "matmul",
    "neighbours",
    "polynomial",
    "positive_part",
    "primitive",
    "reordered",
    "restored",
    "scaled_log1p",
    "select",
    "sigmoid",
    "sigmoid_pair",
    "sign",
    "sinh_excess",
    "slopes",
    "softmax",
    "softplus",
    "softplus_pair",
    "split_softmax",
    "two_slopes",
    "within",
]


FEW = 2048
"""elements: below, NumPy's minimum is faster than its clip, and above slower"""

P = ParamSpec("P")
T = TypeVar("T")


def primitive(
    function: Callable[Concatenate[Namespace, P], T],
) -> Callable[Concatenate[Namespace, P], T]:
    """Make a function one step of a tape, which has a rule of its own for it.

    Its digits and its speed are then those of the function as a whole.
    """
    name = function.__name__

    @wraps(function)
    def call(xp: Namespace, /, *args: P.args, **options: P.kwargs) -> T:
        if not isinstance(xp, RecordedNamespace):
            return function(xp, *args, **options)
        step = partial(function, xp.tape.xp)
        result: T = xp.tape.apply(name, step, args, options)
        return result

    return call


def absolute(xp: Namespace, x: Any) -> Any:
    """Return |x| with derivative 0 at 0.

    JAX's own derivative is 1 there; every other library gives 0.
    """
    size = xp.abs(x)
    return xp.where(x == 0, 0.0, size) if is_jax(xp) else size


def atanh(xp: Namespace, x: Any) -> Any:
    """Return the inverse hyperbolic tangent of |x| < 0.9, with all digits near 0.

    torch's compiler takes the logarithm of a ratio, which is 1 there. Not so on JAX
    (0.10), which in a sum on a CPU takes the second logarithm for the first one.
    """
    if is_compiling(xp):
        return 0.5 * (xp.log1p(x) - xp.log1p(-x))
    return xp.atanh(x)


@primitive
def clip(xp: Namespace, x: Any, low: Any, high: Any) -> Any:
    """Return x within [low, high]: two numbers, or two arrays that broadcast.

    The derivative at a bound differs between libraries: use it where that does not
    show. The libraries' own functions take a quarter (NumPy) or half (torch, with
    backward) of the time of minimum and maximum; CuPy's waits for its bounds.
    """
    if is_numpy(xp):
        return x.clip(low, high)  # the function adds 2 microseconds, compat's 12
    if is_torch(xp):
        return xp.clamp(x, low, high)
    return xp.maximum(xp.minimum(x, constant(xp, high, x)), constant(xp, low, x))


def within(xp: Namespace, x: Any, low: float, high: float) -> Any:
    """Return x within two numbers, where rounding alone takes it out.

    `where` rather than clip: torch then keeps two masks and not x itself.
    """
    if over_numpy(xp):
        return clip(xp, x, low, high)
    x = x if high == math.inf else xp.where(x > high, high, x)
    return xp.where(x < low, low, x)


def limited(xp: Namespace, mask: Any, x: Any, other: float) -> Any:
    """Return x where the mask holds, far from overflow, and a number elsewhere.

    For functions that are flat at such an x: its slope is 0, or in eager torch 1.
    """
    bound = largest_square(xp, x)
    if is_eager_torch(xp):  # in place: a tenth of the time of a clip with its backward
        x = x.clone() if mask is None else xp.where(mask, x, other)
        x.detach().clamp_max_(bound).clamp_min_(-bound)
        return x
    if mask is not None and over_numpy(xp) and plain(mask).all():
        mask = None
    return clip(xp, x if mask is None else xp.where(mask, x, other), -bound, bound)


def fold(xp: Namespace, x: Any, bound: Any) -> tuple[Any, Any]:
    """Return x and x within [-bound, bound], or both of |x|, for an even function.

    One array for both, of many elements on NumPy none of which lies beyond.
    XLA does not vectorize a two-sided clip: without it Huber's loss is four times as
    fast. JAX's |x| has derivative 1 at 0, so that an even function of it keeps its
    second derivative there; torch's has 0, and would not.
    """
    if is_jax(xp):
        x = xp.abs(x)
        return x, xp.minimum(x, constant(xp, bound, x))
    if is_numpy(xp) and x.size >= FEW and x.min() >= -bound and x.max() <= bound:
        return x, x
    return x, clip(xp, x, -bound, bound)


def cosh_minus_1(xp: Namespace, x: Any) -> Any:
    """Return cosh(x) - 1 without the subtraction; for JAX x is not negative.

    JAX's sinh takes as long as three of its expm1, of which a negative x loses digits.
    """
    if is_jax(xp):
        growth = xp.expm1(x)
        return 0.5 * growth * (growth / (growth + 1.0))
    half = xp.sinh(0.5 * x)
    return 2.0 * (half * half)


@primitive
def neighbours(xp: Namespace, x: Any, axis: int) -> Any:
    """Return the sums of the elements before and after along an axis, 0 at its ends.

    XLA pads, as the backward of a slice does, ten times as slowly on a CPU.
    """
    length = x.shape[axis]
    if is_jax(xp):
        from jax import lax

        def at_axis(value: Any, other: Any) -> list[Any]:
            return [value if i == axis else other for i in range(x.ndim)]

        window, steps, ends = at_axis(2, 1), at_axis(1, 1), at_axis((1, 1), (0, 0))
        return lax.reduce_window(
            x, 0.0, lax.add, window, steps, ends, window_dilation=window
        )
    before = (slice(None),) * axis
    end = xp.zeros_like(x[(*before, slice(0, 1), ...)])
    padded = xp.concat([end, x, end], axis=axis)
    first, second = slice(0, length), slice(2, length + 2)
    sums = padded[(*before, first, ...)] + padded[(*before, second, ...)]
    # Dask keeps the seams of the pieces, which would double from call to call.
    return sums.rechunk(x.chunks) if is_dask(xp) else sums


@primitive
def positive_part(xp: Namespace, x: Any) -> Any:
    """Return x where it is positive and 0 elsewhere, with derivative 0 at 0."""
    if is_numpy(xp):  # a third of the time of maximum
        return x.clip(0.0, np.inf)
    if is_torch(xp):  # a tenth of the time of `where` on an unpredictable condition
        return xp.relu(x)
    return xp.where(x <= 0, 0.0, x)


@primitive
def at_most(xp: Namespace, x: Any, bound: float) -> Any:
    """Return the smaller of x and a number, NaN for NaN; faster as :func:`clip` is."""
    if is_numpy(xp):
        return np.minimum(x, bound) if x.size < FEW else x.clip(-np.inf, bound)
    if is_torch(xp):
        return xp.clamp(x, max=bound)
    return xp.minimum(x, constant(xp, bound, x))


@primitive
def at_least(xp: Namespace, x: Any, bound: float) -> Any:
    """Return the larger of x and a number, NaN for NaN; faster as :func:`clip` is."""
    if is_numpy(xp):
        return np.maximum(x, bound) if x.size < FEW else x.clip(bound, np.inf)
    if is_torch(xp):
        return xp.clamp(x, min=bound)
    return xp.maximum(x, constant(xp, bound, x))


def largest_square(xp: Namespace, x: Any) -> float:
    """Return a square, far below overflow, beyond which a robust loss may level off.

    Powers of 2 off the decades, so that no round residual ties with the bound.
    """
    return 2.0**120 if x.dtype == xp.float32 else 2.0**1000


def bounded_ratio(xp: Namespace, limit: float, q: Any) -> Any:
    """Return limit q/(1 + q) for q >= 0, and the limit where q overflows.

    torch's eager autograd keeps one array less of -expm1(-log1p(q)) and takes as
    long; for a compiler, and for NumPy, the division is twice as fast.
    """
    if is_torch(xp) and not is_compiling(xp):
        return -limit * xp.expm1(-xp.log1p(q))
    # The second derivative contains (q + 1)³.
    q = at_most(xp, q, largest_square(xp, q) ** (1 / 3))
    return limit * q / (q + 1.0)


def blend(xp: Namespace, condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds and y elsewhere, for finite y.

    On NumPy up to 5 times as fast as `where`, whose branch no predictor guesses; x
    gets a rounding error of the size of one of y.
    """
    if is_numpy(xp):
        result = x - y
        result *= indicator(xp, condition, y)
        result += y
        return result
    return xp.where(condition, x, y)


def two_slopes(xp: Namespace, x: Any, below: Any, above: Any) -> Any:
    """Return `below` x for negative x and `above` x for positive x, flat at 0.

    XLA takes four times as long for a product with indicators as for a choice.
    """
    if is_numpy(xp):
        return below * at_most(xp, x, 0.0) + above * at_least(xp, x, 0.0)
    if is_jax(xp):
        return xp.where(x > 0, above * x, xp.where(x < 0, below * x, 0.0 * x))
    return x * slopes(xp, x, below, above)


def slopes(xp: Namespace, x: Any, below: Any, above: Any) -> Any:
    """Return the derivative of :func:`two_slopes`, 0 at 0."""
    if is_eager_torch(xp):  # a third of the time of two comparisons
        side = sign(xp, detach(xp, x))
        return above * xp.clamp(side, min=0.0) - below * xp.clamp(side, max=0.0)
    return above * indicator(xp, x > 0, x) + below * indicator(xp, x < 0, x)


def sign(xp: Namespace, x: Any) -> Any:
    """Return the sign of x where that of NaN does not matter.

    torch has 0 for it, which array_api_compat replaces, in five times the time.
    """
    return xp.sgn(x) if is_torch(xp) else xp.sign(x)


def indicator(xp: Namespace, condition: Any, like: Any) -> Any:
    """Return 1 where the condition holds and 0 elsewhere, in the dtype of `like`.

    On NumPy an eighth of the time of `where` on a condition that no branch
    predictor guesses.
    """
    if is_numpy(xp):  # the function adds half a microsecond
        return condition.astype(like.dtype)
    return cast(xp, condition, like.dtype)


@primitive
def select(xp: Namespace, mask: Any, x: Any) -> Any:
    """Return x where the mask holds and 0 elsewhere, for finite x.

    A mask of labels is one that no branch predictor guesses: on NumPy a product takes
    an eighth of the time of `where`, in eager torch a third to a tenth.
    """
    if is_numpy(xp):
        return x * cast(xp, mask, x.dtype)
    if is_eager_torch(xp):
        return x * mask  # keeps the mask for backward, not a float copy of it
    return xp.where(mask, x, 0.0)


@primitive
def count(xp: Namespace, mask: Any, axis: tuple[int, ...], dtype: Any) -> Any:
    """Return how often a mask holds along axes, exactly, as floats."""
    if is_numpy(xp):
        return cast(xp, np.asarray(np.count_nonzero(mask, axis=axis)), dtype)
    if not is_torch(xp):  # the standard sums no bool
        mask = cast(xp, mask, xp.int32)
    return cast(xp, xp.sum(mask, axis=axis), dtype)


@primitive
def binned(xp: Namespace, index: Any, values: Any, count: int) -> Any:
    """Return the sums (L, K, count) of values (L, K, N) over equal indices (L, N).

    In float64 but on JAX, since a bin may be added to one by one.
    """
    if is_torch(xp):
        sums = values.new_zeros((*values.shape[:2], count), dtype=xp.float64)
        every = xp.unsqueeze(index, 1).expand(values.shape)
        return sums.scatter_add(2, every, values.to(xp.float64))
    if is_jax(xp):
        return _binned_on_jax(xp, index, values, count)
    rows, shares, _ = values.shape
    if is_numpy(xp) and rows * shares > 16:  # no loop over rows
        starts = count * np.arange(rows * shares).reshape((rows, shares, 1))
        places = index[:, None, :] + starts
        sums = np.bincount(places.ravel(), values.ravel(), rows * shares * count)
        return sums.reshape((rows, shares, count))
    of_row = _bincount if is_numpy(xp) or is_dask(xp) else _sorted_sums
    if rows == 0:
        return xp.sum(values, axis=2, keepdims=True) + xp.zeros(count)
    sums = [
        [of_row(xp, index[i, :], values[i, k, :], count) for k in range(shares)]
        for i in range(rows)
    ]
    return xp.stack([xp.stack(row) for row in sums])


def _binned_on_jax(xp: Namespace, index: Any, values: Any, count: int) -> Any:
    from jax.ops import segment_sum

    rows, shares, length = values.shape
    index = index + count * xp.arange(rows, dtype=index.dtype)[:, None]
    values = xp.reshape(xp.permute_dims(values, (0, 2, 1)), (rows * length, shares))
    sums = segment_sum(values, xp.reshape(index, (-1,)), rows * count)
    return xp.permute_dims(xp.reshape(sums, (rows, count, shares)), (0, 2, 1))


def _bincount(xp: Namespace, index: Any, values: Any, count: int) -> Any:
    return xp.bincount(index, weights=values, minlength=count)


def _sorted_sums(xp: Namespace, index: Any, values: Any, count: int) -> Any:
    """Return the sums by differences of a running sum over the sorted indices."""
    order = xp.argsort(index)
    values = cast(xp, xp.take(values, order), widest_float(xp, values))
    running = xp.cumulative_sum(values, include_initial=True)
    bounds = xp.arange(count + 1, dtype=index.dtype, device=device_of(xp, index))
    ends = xp.take(running, xp.searchsorted(xp.take(index, order), bounds))
    return ends[1:] - ends[:-1]


@primitive
def cumulative(xp: Namespace, x: Any) -> Any:
    """Return the running sum along the last axis."""
    if is_torch(xp):  # of the look-up inside the other one Dynamo warns
        return x.cumsum(-1)
    if is_numpy(xp):  # adds one by one, and float32 counts no further than 2**24
        return cast(xp, np.cumulative_sum(x, axis=-1, dtype=np.float64), x.dtype)
    return xp.cumulative_sum(x, axis=-1)


@primitive
def reordered(xp: Namespace, x: Any, order: Any) -> Any:
    """Return x in an order along its last axis."""
    if is_torch(xp):  # half the time of take_along_dim
        return x.gather(-1, order)
    return xp.take_along_axis(x, order, axis=-1)


@primitive
def restored(xp: Namespace, x: Any, order: Any) -> Any:
    """Return what in this order along the last axis is x."""
    if is_torch(xp):  # as below, where there is more than the standard: no second sort
        return x.scatter(-1, order, x)
    if is_jax(xp):
        return xp.put_along_axis(x, order, x, axis=-1, inplace=False)
    if is_numpy(xp):
        result = np.empty_like(x)
        np.put_along_axis(result, order, x, axis=-1)
        return result
    return reordered(xp, x, xp.argsort(order, axis=-1))


@primitive
def in_rows(xp: Namespace, x: Any) -> Any:
    """Return an array in the order of its axes in memory, where a library leaves that.

    Beside logits a mask whose neighbours lie apart slows down whatever both enter, and
    what comes of it is laid out as the mask is: rows to sort take twice as long.
    """
    if is_torch(xp):
        return x.contiguous()
    return np.ascontiguousarray(x) if is_numpy(xp) else x


@primitive
def largest_index(xp: Namespace, x: Any, axis: int) -> Any:
    """Return where x is largest along an axis, which is kept."""
    if is_eager_torch(xp):  # a sixth of the time of argmax
        return x.max(dim=axis, keepdim=True).indices
    return xp.argmax(x, axis=axis, keepdims=True)


@primitive
def softplus(xp: Namespace, x: Any) -> Any:
    """Return log(1 + exp(x)) with all digits, and right derivatives at 0."""
    if is_torch(xp):  # one pass for six
        return xp.nn.functional.softplus(x, threshold=40.0)
    if is_numpy(xp):  # a third of the time of `where` on an unpredictable condition
        return at_least(xp, x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    positive, small = _decay(xp, x)
    small = xp.log1p(small)
    return xp.where(positive, x + small, small)


def softplus_pair(xp: Namespace, x: Any) -> tuple[Any, Any]:
    """Return :func:`softplus` of -x and of x: -log p and -log(1 - p) of the logit of p.

    A compiler takes one logarithm for both.
    """
    if is_recorded(xp) or is_eager_torch(xp):
        return softplus(xp, -x), softplus(xp, x)
    if is_numpy(xp):
        small = np.log1p(np.exp(-np.abs(x)))
        return small - at_most(xp, x, 0.0), small + at_least(xp, x, 0.0)
    positive, small = _decay(xp, x)
    small = xp.log1p(small)
    return xp.where(positive, small, small - x), xp.where(positive, x + small, small)


def sigmoid_pair(xp: Namespace, x: Any) -> tuple[Any, Any]:
    """Return 1/(1 + exp(-x)) and 1/(1 + exp(x)) with all digits.

    For a compiler, which takes one exponential for both and for their logarithms.
    """
    positive, small = _decay(xp, x)
    larger = 1.0 / (1.0 + small)
    smaller = small * larger
    return xp.where(positive, larger, smaller), xp.where(positive, smaller, larger)


def _decay(xp: Namespace, x: Any) -> tuple[Any, Any]:
    """Return where x is positive, and exp(-|x|).

    No |x|, whose derivative at 0 is 0 or 1: each branch is smooth where it is taken.
    """
    positive = x > 0
    return positive, xp.exp(xp.where(positive, -x, x))


def sigmoid(xp: Namespace, x: Any) -> Any:
    """Return 1/(1 + exp(-x)), for slopes: it is not to be differentiated itself."""
    return xp.sigmoid(x) if is_torch(xp) else 1.0 / (1.0 + xp.exp(-x))


@primitive
def softmax(xp: Namespace, x: Any, axis: int) -> Any:
    """Return exp(x)/sum exp(x) along an axis."""
    if is_torch(xp):  # one pass for five, and one for six of its backward
        return xp.softmax(x, axis)
    e = xp.exp(x - xp.max(detach(xp, x), axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


@primitive
def split_softmax(xp: Namespace, x: Any, own: Any) -> Any:
    """Return softmax along axis 1, but the share 1 - p of all others at one class.

    Which one of each pixel says a mask. Where p nears 1 this keeps the digits.
    """
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    rivals = xp.where(own, 0.0, e)
    rival_sum = xp.sum(rivals, axis=1, keepdims=True)
    total = rival_sum + xp.sum(xp.where(own, e, 0.0), axis=1, keepdims=True)
    return xp.where(own, rival_sum, rivals) / total


def expm1(xp: Namespace, y: Any) -> Any:
    """Return exp(y) - 1 without the subtraction.

    torch's compiler does subtract on the CPU, and loses every digit of a small y
    (https://github.com/pytorch/pytorch/pull/190533).
    """
    if not is_compiling(xp):
        return xp.expm1(y)
    near = xp.abs(y) < 1.0
    root = xp.exp(0.5 * y)
    small = y * root * _sinh_ratio(xp, 0.5 * xp.where(near, y, 0.0))
    return xp.where(near, small, root * root - 1.0)


def expm1_ratio(xp: Namespace, y: Any) -> Any:
    """Return (exp(y) - 1)/y, 1 at y = 0, with all digits of its derivative too.

    The derivative of expm1(y)/y is a difference of two large terms near 0: there the
    ratio is taken from :func:`expm1_ratio_near_zero`.
    """
    near = xp.abs(y) < 1.0
    far = xp.where(near, 1.0, y)
    return xp.where(
        near, expm1_ratio_near_zero(xp, xp.where(near, y, 0.0)), xp.expm1(far) / far
    )


def expm1_ratio_near_zero(xp: Namespace, y: Any) -> Any:
    """Return (exp(y) - 1)/y for |y| < 2.3 as exp(h) sinh(h)/h with h = y/2."""
    h = 0.5 * y
    return xp.exp(h) * _sinh_ratio(xp, h)


def _sinh_ratio(xp: Namespace, h: Any) -> Any:
    """Return sinh(h)/h for |h| < 1.2."""
    return polynomial(h * h, _SINH_RATIO[: 6 if h.dtype == xp.float32 else 10])


def sinh_excess(xp: Namespace, y: Any) -> Any:
    """Return (sinh(y) - y)/y³ for |y| < 2.4."""
    return polynomial(y * y, _SINH_EXCESS[: 6 if y.dtype == xp.float32 else 10])


def scaled_log1p(xp: Namespace, z: Any, b: Any) -> Any:
    """Return b log(1 + z/b) for z >= 0 and b > 0, with all digits of both derivatives.

    For small z/b = w the derivative in b, log(1 + w) - w/(1 + w), is a difference of
    equals: there the logarithm is 2 atanh(s), s = w/(2 + w), summed in powers of s².
    """
    w = z / b
    near = w < 0.5
    small = xp.where(near, w, 0.0)
    s = small / (small + 2.0)
    series = z * 2.0 * polynomial(s * s, _ATANH_RATIO) / (small + 2.0)
    return xp.where(near, series, b * xp.log1p(xp.where(near, 1.0, w)))


# Enough terms for float64: what they leave out is below half a unit in the last place.
_SINH_RATIO = [1 / math.factorial(2 * k + 1) for k in range(10)]
_SINH_EXCESS = [1 / math.factorial(2 * k + 3) for k in range(10)]
_ATANH_RATIO = [1 / (2 * k + 1) for k in range(12)]


def polynomial(x: Any, coefficients: list[float]) -> Any:
    """Evaluate by Horner's rule; the coefficient of x⁰ comes first."""
    *lower, value = coefficients
    for coefficient in reversed(lower):
        value = value * x + coefficient
    return value


def detach(xp: Namespace, x: Any) -> Any:
    """Return x as a constant of differentiation, where the result does not vary with x.

    Without it the gradient is the same, but for rounding and for its time.
    """
    if is_torch(xp):
        return x.detach()
    if is_jax(xp):
        from jax import lax

        return lax.stop_gradient(x)
    return x.tape.constant(x.value) if isinstance(x, Recorded) else x


@primitive
def matmul(xp: Namespace, a: Any, b: Any) -> Any:
    """Return the product of matrices with all digits of their dtype.

    Half precision (autocast) and TF32 would be asked for in vain: a variance is a
    difference of two products.
    """
    if is_jax(xp):
        return xp.matmul(a, b, precision="highest")
    if is_numpy(xp) and b.ndim == 2:
        # one large product, of which NumPy would make many small ones
        rows = a.reshape((math.prod(a.shape[:-1]), a.shape[-1]))
        return np.matmul(rows, b).reshape((*a.shape[:-1], b.shape[-1]))
    if not is_torch(xp):
        return xp.matmul(a, b)
    device = a.device.type
    if xp.amp.is_autocast_available(device) and xp.is_autocast_enabled(device):
        with xp.autocast(device, enabled=False):
            return _torch_matmul(xp, a, b)
    return _torch_matmul(xp, a, b)


def _torch_matmul(xp: Namespace, a: Any, b: Any) -> Any:
    if a.dtype == xp.float32 and _rounds_products(xp):
        return xp.matmul(a.to(xp.float64), b.to(xp.float64)).to(xp.float32)
    return xp.matmul(a, b)


def _rounds_products(xp: Namespace) -> bool:
    """Whether torch may round float32 factors, to TF32 or bfloat16."""
    try:
        return bool(xp.backends.cuda.matmul.allow_tf32)
    except RuntimeError:  # set through fp32_precision, which the older name refuses
        return True
