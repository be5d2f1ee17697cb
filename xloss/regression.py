"""Regression losses, under the names and argument orders of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._core.checks import option, refuse_size_average
from ._core.kernels import Kernel
from ._core.numerics import (
    at_most,
    cosh_minus_1,
    fold,
    sign,
    sinh_excess,
    slopes,
    two_slopes,
)
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "L1Loss",
    "LogCoshLoss",
    "MSELoss",
    "QuantileLoss",
    "l1_loss",
    "log_cosh_loss",
    "mse_loss",
    "quantile_loss",
]


def _mse(xp: Namespace, r: Any) -> Any:
    return r * r


def _mse_psi(xp: Namespace, r: Any) -> Any:
    return 2.0 * r


def _l1(xp: Namespace, r: Any) -> Any:
    return xp.abs(r)


def _l1_psi(xp: Namespace, r: Any) -> Any:
    return sign(xp, r)


def _log_cosh(xp: Namespace, r: Any) -> Any:
    # log1p(cosh(c) - 1) keeps the digits of a small residual; beyond |r| = 40 the loss
    # is a straight line to the last digit, and cosh would overflow.
    # The line's slope is written c/40, so that at the bound the derivative in c is 0,
    # whatever the derivative of the clip is there.
    r, c = fold(xp, r, 40.0)
    near = xp.log1p(cosh_minus_1(xp, c))
    return near if c is r else near + (r - c) * (c / 40.0)


def _log_cosh_psi(xp: Namespace, r: Any) -> Any:
    return xp.tanh(r)


def _quantile(xp: Namespace, r: Any, q: Any) -> Any:
    return two_slopes(xp, r, -q, 1.0 - q)


def _quantile_psi(xp: Namespace, r: Any, q: Any) -> Any:
    return slopes(xp, r, -q, 1.0 - q)


def _mse_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    one = xp.ones_like(z)
    return one, 0.0 * one, 2.0 * one


def _log_cosh_derivatives(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    x = xp.sqrt(z)
    ratio = xp.where(z == 0, 1.0, xp.tanh(x) / xp.where(z == 0, 1.0, x))
    root = 1.0 / xp.cosh(x)
    hessian = root * root
    # the same as the other one, which is a difference of equals near 0
    small = -hessian * sinh_excess(xp, 2.0 * at_most(xp, x, 1.0))
    far = 0.25 * (hessian - ratio) / xp.where(z < 1.0, 1.0, z)
    return 0.5 * ratio, xp.where(z < 1.0, small, far), hessian


MSE = Kernel(_mse, _mse_psi, _mse_derivatives)
L1 = Kernel(_l1, _l1_psi)
LOG_COSH = Kernel(_log_cosh, _log_cosh_psi, _log_cosh_derivatives)
QUANTILE = Kernel(_quantile, _quantile_psi)


def mse_loss(
    input: ArrayT,
    target: ArrayT,
    reduction: Reduction = "mean",
    weight: Array | None = None,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Mean squared error: the loss of Gaussian noise, at the mercy of outliers.

    .. math:: \rho(r) = r^2, \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``.
    weight
        Elementwise weights of the shape of `input`, which multiply the loss; ``"mean"``
        divides by their sum.
    where
        Boolean mask that broadcasts to `input`. Where it is False an element takes
        no part, even if it is NaN.
    sample_weight
        Weights that broadcast to `input`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative. Of the shape of `input` for
        ``"none"``, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries; a bool or
        None as `reduction`, which torch takes as ``size_average``.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    References
    ----------
    Gauss, *Theoria combinationis observationum erroribus minimis obnoxiae*, 1823.

    Examples
    --------
    >>> import numpy as np
    >>> mse_loss(np.asarray([1.0, 4.0]), np.asarray([0.0, 2.0]))
    np.float64(2.5)
    """
    refuse_size_average("mse_loss", reduction)
    return pointwise(
        "mse_loss",
        MSE,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        weight=weight,
    )


@dataclass(frozen=True)
class MSELoss:
    """Criterion of :func:`mse_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        weight: Array | None = None,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return mse_loss(
            input,
            target,
            self.reduction,
            weight=weight,
            where=where,
            sample_weight=sample_weight,
        )


def l1_loss(
    input: ArrayT,
    target: ArrayT,
    reduction: Reduction = "mean",
    weight: Array | None = None,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Mean absolute error: least at the median.

    .. math:: \rho(r) = |r|, \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``.
    weight
        Elementwise weights of the shape of `input`, which multiply the loss; ``"mean"``
        divides by their sum.
    where
        Boolean mask that broadcasts to `input`. Where it is False an element takes
        no part, even if it is NaN.
    sample_weight
        Weights that broadcast to `input`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative. Of the shape of `input` for
        ``"none"``, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries; a bool or
        None as `reduction`, which torch takes as ``size_average``.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    The gradient at r = 0 is 0 on every backend.

    References
    ----------
    Laplace, *Théorie analytique des probabilités*, 1812.

    Examples
    --------
    >>> import numpy as np
    >>> l1_loss(np.asarray([1.0, 4.0]), np.asarray([0.0, 2.0]))
    np.float64(1.5)
    """
    refuse_size_average("l1_loss", reduction)
    return pointwise(
        "l1_loss",
        L1,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        weight=weight,
    )


@dataclass(frozen=True)
class L1Loss:
    """Criterion of :func:`l1_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        weight: Array | None = None,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return l1_loss(
            input,
            target,
            self.reduction,
            weight=weight,
            where=where,
            sample_weight=sample_weight,
        )


def log_cosh_loss(
    input: ArrayT,
    target: ArrayT,
    reduction: Reduction = "mean",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Log-cosh loss: a Huber loss with all derivatives.

    .. math:: \rho(r) = \log \cosh r, \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    where
        Boolean mask that broadcasts to `input`. Where it is False an element takes
        no part, even if it is NaN.
    sample_weight
        Weights that broadcast to `input`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative. Of the shape of `input` for
        ``"none"``, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Computed as log1p(2 sinh²(r/2)): all digits of a small residual, and no overflow of
    a large one.

    References
    ----------
    Green, "Bayesian reconstructions from emission tomography data using a modified EM
    algorithm", IEEE Transactions on Medical Imaging 1990.

    Examples
    --------
    >>> import numpy as np
    >>> log_cosh_loss(np.asarray([1e-4, 1.0, 1000.0]), np.zeros(3), "none")
    array([4.99999999e-09, 4.33780830e-01, 9.99306853e+02])
    """
    return pointwise(
        "log_cosh_loss",
        LOG_COSH,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
    )


@dataclass(frozen=True)
class LogCoshLoss:
    """Criterion of :func:`log_cosh_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return log_cosh_loss(
            input,
            target,
            self.reduction,
            where=where,
            sample_weight=sample_weight,
        )


def quantile_loss(
    input: ArrayT,
    target: ArrayT,
    q: float | Array = 0.5,
    reduction: Reduction = "mean",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Quantile (pinball) loss: least at the q-quantile.

    .. math::

       \rho(r) = \max(-q\,r,\ (1 - q)\,r)
       \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    q
        Quantile in [0, 1]: a number, or an array that broadcasts to `input` (one
        quantile per output). An underestimate costs q, an overestimate 1 - q.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    where
        Boolean mask that broadcasts to `input`. Where it is False an element takes
        no part, even if it is NaN.
    sample_weight
        Weights that broadcast to `input`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative. Of the shape of `input` for
        ``"none"``, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: a
        `q` outside [0, 1].

    Notes
    -----
    Half the absolute error at q = 0.5. The gradient at r = 0 is 0.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 1978.

    Examples
    --------
    >>> import numpy as np
    >>> quantile_loss(np.asarray([1.0, 3.0]), np.full(2, 2.0), 0.9, "none")
    array([0.9, 0.1])
    """
    return pointwise(
        "quantile_loss",
        QUANTILE,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        q=option("quantile_loss", "q", q, lambda v: (v >= 0) & (v <= 1), "in [0, 1]"),
    )


@dataclass(frozen=True, eq=False)  # q may be an array
class QuantileLoss:
    """Criterion of :func:`quantile_loss`: options first, arrays at the call."""

    q: float | Array = 0.5
    reduction: Reduction = "mean"

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return quantile_loss(
            input,
            target,
            self.q,
            self.reduction,
            where=where,
            sample_weight=sample_weight,
        )
