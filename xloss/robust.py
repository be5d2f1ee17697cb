"""Robust losses: quadratic near zero, and ever less impressed by outliers.

All are members of Barron's family (arXiv:1701.03077), which
:func:`general_robust_loss` offers as a whole. The kernels are written in
x = residual/scale.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

from ._core.checks import positive
from ._core.kernels import Kernel
from ._core.numerics import at_most, bounded_ratio, clip, expm1, largest_square
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "CauchyLoss",
    "CharbonnierLoss",
    "GemanMcclureLoss",
    "WelschLoss",
    "cauchy_loss",
    "charbonnier_loss",
    "geman_mcclure_loss",
    "welsch_loss",
]


def _charbonnier(xp: Namespace, x: Any) -> Any:
    # sqrt(s + 1) - 1 loses every digit below s = eps: multiply by its conjugate.
    # The bound on s keeps inf/inf away; beyond it the loss levels off.
    square = at_most(xp, x * x, largest_square(xp, x))
    return square / (xp.sqrt(square + 1.0) + 1.0)


def _charbonnier_psi(xp: Namespace, x: Any) -> Any:
    bound = largest_square(xp, x) ** 0.5
    x = clip(xp, x, -bound, bound)
    return x / xp.sqrt(x * x + 1.0)


def _cauchy(xp: Namespace, x: Any) -> Any:
    return xp.log1p(0.5 * (x * x))


def _cauchy_psi(xp: Namespace, x: Any) -> Any:
    return x / (1.0 + 0.5 * (x * x))


def _welsch(xp: Namespace, x: Any) -> Any:
    # 1 - e^(-x²/2) = -E(E + 2) with E = e^(-x²/4) - 1. The plain -expm1(-x²/2) has
    # the digits too, but autodiff of expm1 adds 1 back and blurs a flat gradient.
    shortfall = expm1(xp, -0.25 * (x * x))
    return shortfall * (-2.0 - shortfall)


def _welsch_psi(xp: Namespace, x: Any) -> Any:
    return x * xp.exp(-0.5 * (x * x))


def _geman_mcclure(xp: Namespace, x: Any) -> Any:
    return bounded_ratio(xp, 2.0, 0.25 * (x * x))


def _geman_mcclure_psi(xp: Namespace, x: Any) -> Any:
    share = 4.0 / (x * x + 4.0)
    return x * share * share


def _charbonnier_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    root = xp.sqrt(z + 1.0)
    first = 0.5 / root
    second = first / (z + 1.0)
    return first, -0.5 * second, 2.0 * second


def _cauchy_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    first = 1.0 / (z + 2.0)
    return first, -first * first, 2.0 * first * ((2.0 - z) * first)


def _welsch_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    first = 0.5 * xp.exp(-0.5 * z)
    return first, -0.5 * first, 2.0 * (1.0 - z) * first


def _geman_mcclure_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    root = 1.0 / (z + 4.0)
    first = 8.0 * root * root
    return first, -2.0 * root * first, 2.0 * first * ((4.0 - 3.0 * z) * root)


CHARBONNIER = Kernel(_charbonnier, _charbonnier_psi, _charbonnier_derivatives)
CAUCHY = Kernel(_cauchy, _cauchy_psi, _cauchy_derivatives)
WELSCH = Kernel(_welsch, _welsch_psi, _welsch_derivatives)
GEMAN_MCCLURE = Kernel(_geman_mcclure, _geman_mcclure_psi, _geman_mcclure_derivatives)


def _robust(
    function: str,
    kernel: Kernel,
    img1: ArrayT,
    img2: ArrayT,
    reduction: Reduction,
    scale: float,
    where: Array | None,
    sample_weight: Array | None,
) -> ArrayT:
    return pointwise(
        function,
        kernel,
        {"img1": img1, "img2": img2},
        reduction,
        where=where,
        sample_weight=sample_weight,
        scale=positive(function, "scale", scale),
    )


def charbonnier_loss(
    img1: ArrayT,
    img2: ArrayT,
    reduction: Reduction = "none",
    *,
    scale: float = 1.0,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Charbonnier loss: quadratic near zero, linear beyond (pseudo-Huber).

    .. math::

       \rho(x) = \sqrt{x^2 + 1} - 1,
       \quad x = (\text{img1} - \text{img2}) / \text{scale}

    Parameters
    ----------
    img1, img2
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"`` (or ``None``), ``"mean"`` or ``"sum"``.
    scale
        Positive: the residual, in the units of the images, at which the loss turns
        from quadratic to linear.
    where
        Boolean mask that broadcasts to the images. Where it is False an element
        takes no part, even if it is NaN.
    sample_weight
        Weights that broadcast to the images; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative, unbounded, convex. Of the shape of the
        images for ``"none"``, otherwise a scalar. Least, 0, at ``img1 = img2``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Computed as x²/(sqrt(x² + 1) + 1): all digits at any residual, where the square
    root minus 1 is 0 below 4e-4 in float32. It levels off beyond \|x\| = 1e18 in
    float32 and 1e150 in float64, where x² would overflow.

    References
    ----------
    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms
    for computed imaging", ICIP 1994.
    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019,
    arXiv:1701.03077, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> charbonnier_loss(np.asarray([0.0, 1.0, 10.0]), np.zeros(3))
    array([0.        , 0.41421356, 9.04987562])
    """
    return _robust(
        "charbonnier_loss",
        CHARBONNIER,
        img1,
        img2,
        reduction,
        scale,
        where,
        sample_weight,
    )


def cauchy_loss(
    img1: ArrayT,
    img2: ArrayT,
    reduction: Reduction = "none",
    *,
    scale: float = 1.0,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Cauchy (Lorentzian) loss: the tails grow like a logarithm.

    .. math::

       \rho(x) = \log\left(\tfrac{1}{2} x^2 + 1\right),
       \quad x = (\text{img1} - \text{img2}) / \text{scale}

    Parameters
    ----------
    img1, img2
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"`` (or ``None``), ``"mean"`` or ``"sum"``.
    scale
        Positive: the residual, in the units of the images, at which the loss turns
        from quadratic to logarithmic.
    where
        Boolean mask that broadcasts to the images. Where it is False an element
        takes no part, even if it is NaN.
    sample_weight
        Weights that broadcast to the images; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative, unbounded. Of the shape of the
        images for ``"none"``, otherwise a scalar. Least, 0, at ``img1 = img2``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Not convex: beyond \|x\| = sqrt(2) the influence of an outlier falls. The loss is
    inf, with gradient 0, once x² overflows (2e19 in float32).

    References
    ----------
    Black and Anandan, "The robust estimation of multiple motions", CVIU 1996.
    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019,
    arXiv:1701.03077, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> cauchy_loss(np.asarray([0.0, 1.0, 10.0]), np.zeros(3))
    array([0.        , 0.40546511, 3.93182563])
    """
    return _robust(
        "cauchy_loss", CAUCHY, img1, img2, reduction, scale, where, sample_weight
    )


def welsch_loss(
    img1: ArrayT,
    img2: ArrayT,
    reduction: Reduction = "none",
    *,
    scale: float = 1.0,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Welsch (Leclerc) loss: outliers cost 1, however far away they are.

    .. math::

       \rho(x) = 1 - \exp\left(-\tfrac{1}{2} x^2\right),
       \quad x = (\text{img1} - \text{img2}) / \text{scale}

    Parameters
    ----------
    img1, img2
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"`` (or ``None``), ``"mean"`` or ``"sum"``.
    scale
        Positive: the residual, in the units of the images, at which the loss turns
        from quadratic to flat.
    where
        Boolean mask that broadcasts to the images. Where it is False an element
        takes no part, even if it is NaN.
    sample_weight
        Weights that broadcast to the images; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        In [0, 1]. Of the shape of the
        images for ``"none"``, otherwise a scalar. Least, 0, at ``img1 = img2``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Not convex, and the gradient of an outlier vanishes: start close, or anneal
    ``scale`` from large to small.

    References
    ----------
    Dennis and Welsch, "Techniques for nonlinear least squares and robust
    regression", Communications in Statistics 1978.
    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019,
    arXiv:1701.03077, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> welsch_loss(np.asarray([0.0, 1.0, 10.0]), np.zeros(3))
    array([0.        , 0.39346934, 1.        ])
    """
    return _robust(
        "welsch_loss", WELSCH, img1, img2, reduction, scale, where, sample_weight
    )


def geman_mcclure_loss(
    img1: ArrayT,
    img2: ArrayT,
    reduction: Reduction = "none",
    *,
    scale: float = 1.0,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Geman-McClure loss: bounded by 2, with heavier tails than Welsch's.

    .. math::

       \rho(x) = \frac{2 x^2}{x^2 + 4},
       \quad x = (\text{img1} - \text{img2}) / \text{scale}

    Parameters
    ----------
    img1, img2
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"`` (or ``None``), ``"mean"`` or ``"sum"``.
    scale
        Positive: the residual, in the units of the images, at which the loss turns
        from quadratic to flat.
    where
        Boolean mask that broadcasts to the images. Where it is False an element
        takes no part, even if it is NaN.
    sample_weight
        Weights that broadcast to the images; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        In [0, 2]. Of the shape of the
        images for ``"none"``, otherwise a scalar. Least, 0, at ``img1 = img2``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Not convex. A residual whose square overflows costs 2, where the formula as it
    stands divides inf by inf.

    References
    ----------
    Geman and McClure, "Bayesian image analysis: an application to single photon
    emission tomography", 1985.
    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019,
    arXiv:1701.03077, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> geman_mcclure_loss(np.asarray([0.0, 1.0, 10.0]), np.zeros(3))
    array([0.        , 0.4       , 1.92307692])
    """
    return _robust(
        "geman_mcclure_loss",
        GEMAN_MCCLURE,
        img1,
        img2,
        reduction,
        scale,
        where,
        sample_weight,
    )


@dataclass(frozen=True)
class CharbonnierLoss:
    """Criterion of :func:`charbonnier_loss`: options first, arrays at the call."""

    reduction: Reduction = "none"
    _: KW_ONLY
    scale: float = 1.0

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return charbonnier_loss(
            img1,
            img2,
            self.reduction,
            scale=self.scale,
            where=where,
            sample_weight=sample_weight,
        )


@dataclass(frozen=True)
class CauchyLoss:
    """Criterion of :func:`cauchy_loss`: options first, arrays at the call."""

    reduction: Reduction = "none"
    _: KW_ONLY
    scale: float = 1.0

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return cauchy_loss(
            img1,
            img2,
            self.reduction,
            scale=self.scale,
            where=where,
            sample_weight=sample_weight,
        )


@dataclass(frozen=True)
class WelschLoss:
    """Criterion of :func:`welsch_loss`: options first, arrays at the call."""

    reduction: Reduction = "none"
    _: KW_ONLY
    scale: float = 1.0

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return welsch_loss(
            img1,
            img2,
            self.reduction,
            scale=self.scale,
            where=where,
            sample_weight=sample_weight,
        )


@dataclass(frozen=True)
class GemanMcclureLoss:
    """Criterion of :func:`geman_mcclure_loss`: options first, arrays at the call."""

    reduction: Reduction = "none"
    _: KW_ONLY
    scale: float = 1.0

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return geman_mcclure_loss(
            img1,
            img2,
            self.reduction,
            scale=self.scale,
            where=where,
            sample_weight=sample_weight,
        )
