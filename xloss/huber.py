"""Huber's loss and its normalised twin, smooth L1: quadratic near zero, then linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._core.checks import is_number, number, positive, refuse_size_average
from ._core.kernels import Kernel
from ._core.numerics import at_most, clip, fold, largest_square, sign
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = ["HuberLoss", "SmoothL1Loss", "huber_loss", "smooth_l1_loss"]


def _huber(xp: Namespace, r: Any, delta: Any) -> Any:
    # Huber is the envelope of its tangents: max over |c| <= delta of c r - c²/2,
    # reached at c = clip(r). So it needs no branch, and the derivative of the clip
    # at its bound, where libraries disagree, is multiplied by r - c = 0.
    r, c = fold(xp, r, delta)
    return c * (r - 0.5 * c)


def _huber_psi(xp: Namespace, r: Any, delta: Any) -> Any:
    return clip(xp, r, -delta, delta)


def _smooth_l1(xp: Namespace, r: Any, beta: Any) -> Any:
    if not is_number(beta):
        return _smooth_l1_learned(xp, r, beta)
    if beta == 0.0:
        return xp.abs(r)
    r, c = fold(xp, r, beta)
    return (c / beta) * (r - 0.5 * c)


def _smooth_l1_learned(xp: Namespace, r: Any, beta: Any) -> Any:
    # A beta of 0: r/tiny clips to sign(r) for every residual but 0. One of inf would
    # multiply the clipped 0.
    tiny = largest_square(xp, r) ** -0.5
    c = clip(xp, r / xp.where(beta == 0, tiny, beta), -1.0, 1.0)
    beta = at_most(xp, beta, float(xp.finfo(r.dtype).max))
    return c * (r - (0.5 * beta) * c)


def _smooth_l1_psi(xp: Namespace, r: Any, beta: Any) -> Any:
    if is_number(beta) and beta == 0.0:
        return sign(xp, r)
    return clip(xp, r / beta, -1.0, 1.0)


def _huber_derivatives(xp: Namespace, z: Any, delta: Any) -> tuple[Any, Any, Any]:
    size = xp.sqrt(z)
    near = size <= delta
    beyond = xp.where(near, 1.0, size)
    first = xp.where(near, 0.5, 0.5 * delta / beyond)
    second = xp.where(near, 0.0, -0.5 * first / beyond / beyond)
    return first, second, xp.astype(near, z.dtype)


def _smooth_l1_derivatives(xp: Namespace, z: Any, beta: Any) -> tuple[Any, Any, Any]:
    size = xp.sqrt(z)
    near = size <= beta
    beyond = xp.where(near, 1.0, size)
    first = xp.where(near, 0.5 / beta, 0.5 / beyond)
    second = xp.where(near, 0.0, -0.5 * first / beyond / beyond)
    return first, second, xp.where(near, 1.0 / beta, 0.0)


HUBER = Kernel(_huber, _huber_psi, _huber_derivatives)
SMOOTH_L1 = Kernel(_smooth_l1, _smooth_l1_psi, _smooth_l1_derivatives)
ABSOLUTE = Kernel(_smooth_l1, _smooth_l1_psi)  # at a beta of 0


def huber_loss(
    input: ArrayT,
    target: ArrayT,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Array | None = None,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Huber loss: quadratic up to delta, linear beyond.

    .. math::

       \rho(r) = \begin{cases}
       r^2/2 & |r| \le \delta \\
       \delta (|r| - \delta/2) & \text{otherwise}
       \end{cases}
       \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    delta
        Positive: the residual at which the loss turns linear, in the units of `input`.
    weight
        Elementwise weights of the shape of `input`, which multiply the loss; as in
        torch, ``"mean"`` still divides by the count.
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
        `delta` that is not positive.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 1964.

    Examples
    --------
    >>> import numpy as np
    >>> huber_loss(np.asarray([0.5, 4.0]), np.zeros(2), "none")
    array([0.125, 3.5  ])
    """
    return pointwise(
        "huber_loss",
        HUBER,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        weight=weight,
        weight_counts=False,
        delta=positive("huber_loss", "delta", delta),
    )


@dataclass(frozen=True)
class HuberLoss:
    """Criterion of :func:`huber_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"
    delta: float = 1.0

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
        return huber_loss(
            input,
            target,
            self.reduction,
            self.delta,
            weight=weight,
            where=where,
            sample_weight=sample_weight,
        )


def smooth_l1_loss(
    input: ArrayT,
    target: ArrayT,
    reduction: Reduction = "mean",
    beta: float = 1.0,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Smooth L1 loss: Huber's loss divided by its threshold, of slope 1 in the tails.

    .. math::

       \rho(r) = \begin{cases}
       r^2/(2\beta) & |r| < \beta \\
       |r| - \beta/2 & \text{otherwise}
       \end{cases}
       \qquad r = \text{input} - \text{target}

    Parameters
    ----------
    input, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``.
    beta
        Not negative: the residual at which the loss turns linear; 0 is L1.
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
        If shapes, devices, dtypes or options do not fit:
        a negative or NaN `beta`.

    Notes
    -----
    The same as Huber's loss at ``beta = delta = 1`` only.

    References
    ----------
    Girshick, "Fast R-CNN", ICCV 2015, arXiv:1504.08083, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> smooth_l1_loss(np.asarray([0.5, 4.0]), np.zeros(2), "none")
    array([0.125, 3.5  ])
    """
    refuse_size_average("smooth_l1_loss", reduction)
    beta = number("smooth_l1_loss", "beta", beta, lambda v: v >= 0, "at least 0")
    return pointwise(
        "smooth_l1_loss",
        ABSOLUTE if is_number(beta) and beta == 0 else SMOOTH_L1,
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        beta=beta,
    )


@dataclass(frozen=True)
class SmoothL1Loss:
    """Criterion of :func:`smooth_l1_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"
    beta: float = 1.0

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of a prediction and a target."""
        return smooth_l1_loss(
            input,
            target,
            self.reduction,
            self.beta,
            where=where,
            sample_weight=sample_weight,
        )
