"""Barron's general robust loss: from L2 to Welsch, with shape and scale learnable.

With z = x² and b = |α - 2| the loss is (b/α) ((1 + z/b)^(α/2) - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ._core.checks import is_number, option
from ._core.kernels import Kernel
from ._core.numerics import (
    at_most,
    blend,
    clip,
    expm1,
    expm1_ratio,
    expm1_ratio_near_zero,
    largest_square,
    scaled_log1p,
)
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction
from .robust import CAUCHY, CHARBONNIER, GEMAN_MCCLURE, WELSCH

__all__ = ["GeneralRobustLoss", "general_robust_loss"]


def _rho(xp: Namespace, x: Any, alpha: Any) -> Any:
    if not is_number(alpha):
        return _learned(xp, x, alpha)
    if alpha == 2.0:
        return 0.5 * (x * x)
    if alpha == 1.0:
        return CHARBONNIER.rho(xp, x)
    if alpha == 0.0:
        return CAUCHY.rho(xp, x)
    if alpha == -2.0:
        return GEMAN_MCCLURE.rho(xp, x)
    if alpha <= -_infinite(xp, x):
        return WELSCH.rho(xp, x)
    if alpha >= _infinite(xp, x):
        return expm1(xp, 0.5 * (x * x))
    return _given(xp, x * x, alpha)


def _infinite(xp: Namespace, x: Any) -> float:
    """Return the |alpha| from which the loss is that of infinity to the last digit."""
    return 1e12 if x.dtype == xp.float32 else 1e24


def _given(xp: Namespace, z: Any, alpha: float) -> Any:
    """Return the loss for a number alpha, none of the special cases."""
    b = abs(alpha - 2.0)
    if abs(alpha) < (0.05 if z.dtype == xp.float32 else 1e-7):
        # expm1(y) would be denormal where the loss is not.
        log = xp.log1p(at_most(xp, z, largest_square(xp, z)) / b)
        return (0.5 * b) * log * expm1_ratio_near_zero(xp, (0.5 * alpha) * log)
    if abs(alpha) > 64.0:  # z/b would be denormal
        return (b / alpha) * expm1(xp, (0.5 * alpha / b) * scaled_log1p(xp, z, b))
    y = (0.5 * alpha) * xp.log1p(z / b)
    if alpha < 0.0 or alpha > _STEEP:
        return (b / alpha) * expm1(xp, y)
    near = (b / alpha) * expm1(xp, at_most(xp, y, 1.0))
    return blend(xp, y >= 1.0, _far(z, alpha, b, max(b, 1.0)), near)


_STEEP = 8.0
"""The alpha beyond which a power magnifies the rounding error of 1 + z/b more than
exp(y) magnifies that of y."""


def _far(z: Any, alpha: Any, b: Any, c: Any) -> Any:
    # exp(y) multiplies the rounding error of y by y, which is 70 units in the last
    # place at 1e18 in float32; a power does not. c = max(b, 1): near alpha = 2, where
    # b is small, 1 + z/b would overflow.
    factor = (b / alpha) * (c / b) ** (0.5 * alpha)
    return factor * ((z + b) / c) ** (0.5 * alpha) - b / alpha


def _learned(xp: Namespace, x: Any, alpha: Any) -> Any:
    """Return the loss for an array alpha, with all digits of its derivative.

    Every removable singularity has a branch of its own, and each branch is given
    harmless arguments where it is not taken: its derivative there meets a 0.
    """
    z = at_most(xp, x * x, largest_square(xp, x))
    at_two = alpha == 2.0
    finite = xp.abs(alpha) < _infinite(xp, x)
    generic = xp.where(xp.logical_and(finite, alpha != 2.0), alpha, 1.0)
    loss = _generic(xp, z, generic)
    loss = xp.where(at_two, _at_two(xp, z, xp.where(at_two, alpha, 2.0)), loss)
    growing = xp.logical_and(alpha > 0.0, xp.logical_not(finite))
    largest = expm1(xp, 0.5 * xp.where(growing, z, 0.0))
    limit = xp.where(alpha > 0.0, largest, WELSCH.rho(xp, x))
    return xp.where(finite, loss, limit)


def _generic(xp: Namespace, z: Any, alpha: Any) -> Any:
    b = xp.abs(alpha - 2.0)
    far = alpha * xp.log1p(z / b) >= 2.0
    far = xp.logical_and(far, alpha <= _STEEP)
    z_near, z_far = xp.where(far, 0.0, z), xp.where(far, z, 1.0)
    log = scaled_log1p(xp, z_near, b)
    near = 0.5 * log * expm1_ratio(xp, 0.5 * (alpha / b) * log)
    alpha_far = xp.where(far, alpha, 1.0)
    b_far = xp.abs(alpha_far - 2.0)
    c_far = xp.where(b_far < 1.0, 1.0, b_far)
    return xp.where(far, _far(z_far, alpha_far, b_far, c_far), near)


def _at_two(xp: Namespace, z: Any, alpha: Any) -> Any:
    """Return z/2, with the derivative in alpha of alpha = 2 - eps.

    At 2 itself it diverges like log(1/b). To first order in b the loss is
    z/2 + (b/4)(z - (z + b) log(1 + z/b)).
    """
    b = float(xp.finfo(z.dtype).eps)
    log = xp.log(z + b) - math.log(b)
    slope = 0.25 * ((z + 2.0 * b) * log - 2.0 * z)
    return 0.5 * z + (alpha - 2.0) * slope


def _psi(xp: Namespace, x: Any, alpha: Any) -> Any:
    bound = largest_square(xp, x) ** 0.5
    near = clip(xp, x, -bound, bound)  # beyond, x² would overflow
    if is_number(alpha):
        x = near if alpha < 2.0 else x
    else:
        x = xp.where(alpha < 2.0, near, x)
    return x * _influence(xp, x * x, alpha)[0]


def _derivatives(xp: Namespace, z: Any, alpha: Any) -> tuple[Any, Any, Any]:
    influence, share, growth = _influence(xp, z, alpha)
    bend = alpha - 2.0
    sign = (bend > 0) - (bend < 0) if is_number(alpha) else xp.sign(bend)
    return 0.5 * influence, 0.25 * sign * share * influence, growth * influence


def _influence(xp: Namespace, z: Any, alpha: Any) -> tuple[Any, Any, Any]:
    """Return p = psi(x)/x, and what p is multiplied by for second derivatives.

    p is (1 + z/b)^(alpha/2 - 1). The one in z is p b/(z + b), over 4 and with the sign
    of alpha - 2, and the one in x is p ((alpha - 1) z + b)/(z + b).
    """
    if is_number(alpha):
        if abs(alpha) >= _infinite(xp, z):
            growth = z if alpha > 0.0 else -z
            return xp.exp(0.5 * growth), 1.0, growth + 1.0
        b = abs(alpha - 2.0) or 1.0  # at 2 the power is 0
        return _finite_influence(xp, z, alpha, b, max(b, 1.0))
    finite = xp.abs(alpha) < _infinite(xp, z)
    shape = xp.where(finite, alpha, 1.0)
    b = xp.where(shape == 2.0, 1.0, xp.abs(shape - 2.0))
    power, share, growth = _finite_influence(xp, z, shape, b, xp.where(b < 1.0, 1.0, b))
    signed = xp.where(alpha > 0.0, z, -z)
    return (
        xp.where(finite, power, xp.exp(xp.where(finite, 0.0, 0.5 * signed))),
        xp.where(finite, share, 1.0),
        xp.where(finite, growth, signed + 1.0),
    )


def _finite_influence(
    xp: Namespace, z: Any, alpha: Any, b: Any, c: Any
) -> tuple[Any, Any, Any]:
    # In units of c = max(b, 1): near alpha = 2, where b is small, z/b would overflow.
    z, b, exponent = z / c, b / c, 0.5 * alpha - 1.0
    whole = z + b
    share, growth = b / whole, ((alpha - 1.0) * z + b) / whole
    # A large exponent, and there b is 1, magnifies what rounds 1 + z.
    steep = abs(exponent) > 0.5 * _STEEP
    if is_number(alpha):
        if steep:
            return xp.exp(exponent * xp.log1p(z)), share, growth
        return whole**exponent * b**-exponent, share, growth
    flat = xp.where(steep, 0.0, exponent)
    power = xp.exp(exponent * xp.log1p(z))
    return xp.where(steep, power, whole**flat * b**-flat), share, growth


GENERAL_ROBUST = Kernel(_rho, _psi, _derivatives)


def general_robust_loss(
    pred: ArrayT,
    target: ArrayT,
    alpha: float | Array,
    scale: float | Array = 1.0,
    reduction: Reduction = "none",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Barron's general robust loss: the shape alpha says how much outliers weigh.

    .. math::

       \rho(x, \alpha) = \frac{|\alpha - 2|}{\alpha}
       \left(\left(\frac{x^2}{|\alpha - 2|} + 1\right)^{\alpha/2} - 1\right),
       \qquad x = \frac{\text{pred} - \text{target}}{\text{scale}}

    Parameters
    ----------
    pred, target
        Arrays of one shape, of any real dtype.
    alpha
        Shape: any real number, inf or -inf, or an array that broadcasts to `pred`
        and may be learned. 2 is half the squared error, 1 Charbonnier, 0 Cauchy,
        -2 Geman-McClure, -inf Welsch.
    scale
        Positive: the residual at which the loss leaves its quadratic bowl, in the
        units of `pred`. A number, or an array that broadcasts and may be learned.
    reduction
        ``"none"`` (or ``None``), ``"mean"`` or ``"sum"``.
    where
        Boolean mask that broadcasts to `pred`. Where it is False an element takes
        no part, even if it is NaN.
    sample_weight
        Weights that broadcast to `pred`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative; bounded by ``abs(alpha - 2)/abs(alpha)`` for negative alpha. Of
        the shape of `pred` for ``"none"``, otherwise a scalar. Least, 0, at
        ``pred = target``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: a NaN `alpha`, a `scale`
        that is not positive. The values of an array are looked at on NumPy alone.

    Notes
    -----
    Minimised alone, the loss drives a learned `scale` up and a learned `alpha` down
    without end: add the logarithm of the partition function, as the reference does,
    or bound them.

    The singularities at alpha = 0 and 2 are removable and removed. The derivative
    with respect to alpha diverges logarithmically at 2, and is that of 2 - eps there.

    References
    ----------
    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019,
    arXiv:1701.03077, eq. 8.

    Examples
    --------
    >>> import numpy as np
    >>> residual = np.asarray([0.0, 1.0, 10.0])
    >>> general_robust_loss(residual, np.zeros(3), alpha=0.5)
    array([0.        , 0.4086581 , 5.60428824])
    """
    name = "general_robust_loss"
    return pointwise(
        name,
        GENERAL_ROBUST,
        {"pred": pred, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        alpha=option(name, "alpha", alpha, lambda v: v == v, "a number"),
        scale=option(name, "scale", scale, lambda v: v > 0, "positive"),
    )


@dataclass(frozen=True, eq=False)  # alpha and scale may be arrays
class GeneralRobustLoss:
    """Criterion of :func:`general_robust_loss`: its options, then a call."""

    alpha: float | Array
    scale: float | Array = 1.0
    reduction: Reduction = "none"

    def __call__(
        self,
        pred: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return general_robust_loss(
            pred,
            target,
            self.alpha,
            self.scale,
            self.reduction,
            where=where,
            sample_weight=sample_weight,
        )
