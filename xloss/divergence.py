"""Divergences of probability distributions: Kullback-Leibler and Jensen-Shannon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._core.checks import check_axes, check_reduction, check_same_shape
from ._core.distributions import distribution_sums
from ._core.entropy import (
    Divergence,
    divisor,
    either,
    mixed_log,
    ratio,
    relative_entropy,
    relative_entropy_value,
    unless_negative,
    weighted_log,
)
from ._core.namespace import cast, quiet, resolve, scalar
from ._core.numerics import positive_part
from ._core.reduction import reduce
from ._core.typing import ArrayT, Namespace, Reduction

__all__ = [
    "JsDivLoss",
    "JsDivLoss2d",
    "KlDivLoss",
    "KlDivLoss2d",
    "js_div_loss",
    "js_div_loss_2d",
    "kl_div_loss",
    "kl_div_loss_2d",
]

Axis = int | tuple[int, ...] | None


def _relative_entropy(xp: Namespace, p: Any, t: Any, axes: tuple[int, ...]) -> Any:
    """Return the sum of t log(t/p), without the cells where t is 0."""
    # or denormal, of which the reciprocal overflows
    empty = _empty(xp, t)
    p, t = xp.where(empty, 1.0, p), xp.where(empty, 1.0, t)
    return relative_entropy(xp, p, t, axes)


def _relative_slope(xp: Namespace, p: Any, t: Any) -> Any:
    """Return the derivative of t log(t/p) by p, 0 in the cells where t is 0."""
    return xp.where(_empty(xp, t), 0.0, -t / p)


def _relative_slope_of_target(xp: Namespace, p: Any, t: Any) -> Any:
    return xp.where(_empty(xp, t), 0.0, xp.log(t) - xp.log(p) + 1.0)


def _empty(xp: Namespace, t: Any) -> Any:
    return t < float(xp.finfo(t.dtype).smallest_normal)


def _mixture_entropy(xp: Namespace, p: Any, t: Any, axes: tuple[int, ...]) -> Any:
    """Return the sum of (t log(t/m) + p log(p/m))/2 with m = (p + t)/2.

    As a function of x = (p - t)/(p + t) it has no difference of like terms near 0;
    where one of the two is 0 its own slope, which is infinite, is taken as 0.
    """
    return xp.sum(_mixture(xp, positive_part(xp, p), positive_part(xp, t)), axis=axes)


def _mixture_value(xp: Namespace, p: Any, t: Any, axes: tuple[int, ...]) -> Any:
    return xp.sum(unless_negative(xp, p, t, _mixture(xp, p, t)), axis=axes)


def _mixture(xp: Namespace, p: Any, t: Any) -> Any:
    mean = divisor(xp, 0.5 * (p + t))
    x = 0.5 * ratio(xp, p - t, mean)
    alike = cast(xp, xp.abs(x) < 0.5, x.dtype)
    near = mean * mixed_log(xp, x * alike)
    far = weighted_log(xp, p, ratio(xp, p, mean))
    far = far + weighted_log(xp, t, ratio(xp, t, mean))
    return 0.5 * either(xp, alike, near, far)


def _mixture_slope(xp: Namespace, p: Any, t: Any) -> Any:
    """Return the derivative by p, log(p/m)/2."""
    mean = divisor(xp, 0.5 * (p + t))
    x = 0.5 * ratio(xp, p - t, mean)
    alike = cast(xp, xp.abs(x) < 0.5, x.dtype)
    far = xp.log(xp.where(p == 0.0, 1.0, ratio(xp, p, mean)))
    return 0.5 * either(xp, alike, xp.log1p(x * alike), far)


def _mixture_slope_of_target(xp: Namespace, p: Any, t: Any) -> Any:
    return _mixture_slope(xp, t, p)


KULLBACK_LEIBLER = Divergence(
    _relative_entropy,
    relative_entropy_value,
    (_relative_slope, _relative_slope_of_target),
)
JENSEN_SHANNON = Divergence(
    _mixture_entropy, _mixture_value, (_mixture_slope, _mixture_slope_of_target)
)


def _divergence(
    function: str,
    divergence: Divergence,
    pred: ArrayT,
    target: ArrayT,
    axis: Axis,
    reduction: str | None,
) -> ArrayT:
    reduction = check_reduction(function, reduction)
    arrays = {"pred": pred, "target": target}
    xp, dtype, compute = resolve(function, arrays, {})
    check_same_shape(function, arrays)
    axes = check_axes(function, axis, pred.ndim)
    with quiet(xp):
        loss = distribution_sums(function, xp, divergence, arrays, axes, compute)
        loss = reduce(xp, loss, None, reduction)
        result: ArrayT = scalar(xp, cast(xp, loss, dtype))
    return result


def _divergence_2d(
    function: str,
    divergence: Divergence,
    pred: ArrayT,
    target: ArrayT,
    reduction: str | None,
) -> ArrayT:
    for name, array in (("pred", pred), ("target", target)):
        if len(getattr(array, "shape", (0, 0, 0, 0))) != 4:
            msg = (
                f"{function}: {name} must have shape (B, N, H, W), got "
                f"{tuple(array.shape)}; take {function[:-3]} for other axes"
            )
            raise ValueError(msg)
    return _divergence(function, divergence, pred, target, (-2, -1), reduction)


def kl_div_loss(
    pred: ArrayT, target: ArrayT, axis: Axis = -1, reduction: Reduction = "mean"
) -> ArrayT:
    r"""Kullback-Leibler divergence: what the target holds beyond the prediction.

    .. math::

       \ell = \text{KL}(t \,\|\, p) = \sum_i t_i \log \frac{t_i}{p_i}

    Parameters
    ----------
    pred, target
        Distributions: arrays of one shape, not negative, that sum to 1 along `axis`.
        Nothing is normalised, and no logarithm has been taken.
    axis
        The axis, or axes, that a distribution extends over; None for all of them.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``), of the values
        of the distributions.

    Returns
    -------
    array
        In nats: 0 for equal distributions, positive for others of the same sum, inf
        where the target has what the prediction has not. For ``"none"`` of the shape
        without `axis`, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or `axis` do not fit; on NumPy, and under
        :func:`check_values`, a negative entry, which makes its distribution NaN
        elsewhere.

    Notes
    -----
    A cell without target adds 0 to value and gradient. Where prediction and target are
    close the logarithm is ``log1p((p - t)/t)``: at relative differences of 1e-4 the
    float32 loss has five right digits, where that of the ratio has none.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 1951, eq. 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.asarray([0.5, 0.5, 0.0])
    >>> print(f"{kl_div_loss(np.asarray([0.25, 0.5, 0.25]), target):.4f}")
    0.3466
    """
    return _divergence("kl_div_loss", KULLBACK_LEIBLER, pred, target, axis, reduction)


@dataclass(frozen=True)
class KlDivLoss:
    """Criterion of :func:`kl_div_loss`: options first, arrays at the call."""

    axis: Axis = -1
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of a prediction and its target."""
        return kl_div_loss(pred, target, self.axis, self.reduction)


def kl_div_loss_2d(
    pred: ArrayT, target: ArrayT, reduction: Reduction = "mean"
) -> ArrayT:
    r"""Kullback-Leibler divergence of heat maps: :func:`kl_div_loss` over pixels.

    Parameters
    ----------
    pred, target
        Heat maps of one shape (B, N, H, W), not negative, each of sum 1 over H and W.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``), of the values
        of the heat maps.

    Returns
    -------
    array
        In nats, 0 for equal maps; see :func:`kl_div_loss`. For ``"none"`` (B, N),
        otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices or dtypes do not fit; on NumPy, and under
        :func:`check_values`, a negative entry, which makes its map NaN elsewhere.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 1951, eq. 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.asarray([0.5, 0.5, 0.0, 0.0]).reshape(1, 1, 2, 2)
    >>> print(f"{kl_div_loss_2d(np.full((1, 1, 2, 2), 0.25), target):.4f}")
    0.6931
    """
    function = "kl_div_loss_2d"
    return _divergence_2d(function, KULLBACK_LEIBLER, pred, target, reduction)


@dataclass(frozen=True)
class KlDivLoss2d:
    """Criterion of :func:`kl_div_loss_2d`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of heat maps and their targets."""
        return kl_div_loss_2d(pred, target, self.reduction)


def js_div_loss(
    pred: ArrayT, target: ArrayT, axis: Axis = -1, reduction: Reduction = "mean"
) -> ArrayT:
    r"""Jensen-Shannon divergence: how far two distributions are from their mean.

    .. math::

       \ell = \tfrac12 \text{KL}(t \,\|\, m) + \tfrac12 \text{KL}(p \,\|\, m), \qquad
       m = \tfrac12 (p + t)

    Parameters
    ----------
    pred, target
        Distributions: arrays of one shape, not negative, that sum to 1 along `axis`.
        Nothing is normalised, and no logarithm has been taken.
    axis
        The axis, or axes, that a distribution extends over; None for all of them.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``), of the values
        of the distributions.

    Returns
    -------
    array
        In nats, from 0 for equal distributions to log 2 for those that share nothing;
        symmetric. For ``"none"`` of the shape without `axis`, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or `axis` do not fit; on NumPy, and under
        :func:`check_values`, a negative entry, which makes its distribution NaN
        elsewhere.

    Notes
    -----
    Each cell is m (2x atanh x + log(1 - x²))/2 with x = (p - t)/(p + t) for
    \|x\| < 1/2, a sum of squares in effect: never negative, with all digits for
    distributions that are alike. The slope of a cell that is 0 in one of the two is
    infinite there, and is taken as 0.

    References
    ----------
    Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 1991, eq. 4.1 with equal weights.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.asarray([0.5, 0.5, 0.0])
    >>> print(f"{js_div_loss(np.asarray([0.25, 0.5, 0.25]), target):.4f}")
    0.1079
    """
    return _divergence("js_div_loss", JENSEN_SHANNON, pred, target, axis, reduction)


@dataclass(frozen=True)
class JsDivLoss:
    """Criterion of :func:`js_div_loss`: options first, arrays at the call."""

    axis: Axis = -1
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of a prediction and its target."""
        return js_div_loss(pred, target, self.axis, self.reduction)


def js_div_loss_2d(
    pred: ArrayT, target: ArrayT, reduction: Reduction = "mean"
) -> ArrayT:
    r"""Jensen-Shannon divergence of heat maps: :func:`js_div_loss` over their pixels.

    Parameters
    ----------
    pred, target
        Heat maps of one shape (B, N, H, W), not negative, each of sum 1 over H and W.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``), of the values
        of the heat maps.

    Returns
    -------
    array
        In nats, from 0 to log 2; see :func:`js_div_loss`. For ``"none"`` (B, N),
        otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices or dtypes do not fit; on NumPy, and under
        :func:`check_values`, a negative entry, which makes its map NaN elsewhere.

    References
    ----------
    Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 1991, eq. 4.1 with equal weights.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.asarray([0.5, 0.5, 0.0, 0.0]).reshape(1, 1, 2, 2)
    >>> print(f"{js_div_loss_2d(np.full((1, 1, 2, 2), 0.25), target):.4f}")
    0.2158
    """
    return _divergence_2d("js_div_loss_2d", JENSEN_SHANNON, pred, target, reduction)


@dataclass(frozen=True)
class JsDivLoss2d:
    """Criterion of :func:`js_div_loss_2d`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of heat maps and their targets."""
        return js_div_loss_2d(pred, target, self.reduction)
