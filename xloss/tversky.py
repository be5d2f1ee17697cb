"""Tversky losses: overlap with weights of its own for false and for missed pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ._core.checks import not_negative, positive
from ._core.confusion import Confusion, confused, mean_present, share
from ._core.samples import per_sample
from ._core.typing import ArrayT, Namespace, Reduction

__all__ = [
    "FocalTverskyLoss",
    "TverskyLoss",
    "focal_tversky_loss",
    "tversky_loss",
]


def _tversky(
    xp: Namespace, sums: Confusion, *, alpha: Any, beta: Any, eps: Any, gamma: Any = 1.0
) -> Any:
    false, missed, total = sums
    errors = alpha * false + beta * missed
    loss = share(xp, errors, total - missed + errors, eps)
    if not (isinstance(gamma, float) and gamma == 1.0):
        perfect = loss == 0  # an infinite slope for gamma < 1
        loss = xp.where(perfect, 0.0, xp.where(perfect, 1.0, loss) ** gamma)
    return mean_present(xp, loss, sums)


def tversky_loss(
    pred: ArrayT,
    target: ArrayT,
    alpha: float,
    beta: float,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Tversky loss: Dice with weights of its own for false and for missed pixels.

    .. math::

       \ell = 1 - \operatorname{mean}_c \mathrm{TI}_c \qquad \mathrm{TI}_c =
       \frac{\mathrm{TP}_c}{\mathrm{TP}_c + \alpha \mathrm{FP}_c
       + \beta \mathrm{FN}_c + \epsilon}

    with the mean over the classes that the sample's target has. The prediction is the
    softmax of `pred`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or the share of every
        class in every pixel, floats of the shape of `pred`.
    alpha
        At least 0: the weight of what is falsely found.
    beta
        At least 0: the weight of what is missed; alpha = beta = 1/2 is Dice, 1 Jaccard.
    eps
        At least 0: added to the denominator of the score.
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label. It
        has no meaning for shares.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``, of the values of the samples.

    Returns
    -------
    array
        In [0, 1], least where the prediction equals the target, and 1 for a sample
        with nothing to score. For ``"none"`` (B,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit; on NumPy, and under
        :func:`check_values`, a label out of range, which makes its sample NaN
        elsewhere.

    Notes
    -----
    With :math:`P_c` and :math:`T_c` the sums of predicted and target shares,
    :math:`\mathrm{FP}_c = \sum \max(p - t, 0)`, :math:`\mathrm{FN}_c = \sum \max(t - p,
    0)` and :math:`I_c = T_c - \mathrm{FN}_c`: for labels the usual sums, and for shares
    least at p = t, where :math:`\sum p t` is not. The loss is computed from FP and FN,
    and keeps the digits of a small one; in eager torch, and for shares, it has an error
    of half a unit in the last place of 1 instead.

    References
    ----------
    Salehi et al., "Tversky loss function for image segmentation using 3D fully
    convolutional deep networks", MLMI 2017, arXiv:1706.05721, eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]]])
    >>> print(f"{tversky_loss(logits, np.asarray([[0, 0, 1]]), 0.3, 0.7):.4f}")
    0.2894
    """
    function = "tversky_loss"
    return per_sample(
        function,
        partial(confused, _tversky, False),
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        soft=True,
        alpha=not_negative(function, "alpha", alpha),
        beta=not_negative(function, "beta", beta),
        eps=not_negative(function, "eps", eps),
    )


@dataclass(frozen=True)
class TverskyLoss:
    """Criterion of :func:`tversky_loss`: options first, arrays at the call."""

    alpha: float
    beta: float
    eps: float = 1e-8
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels or shares."""
        return tversky_loss(
            pred,
            target,
            self.alpha,
            self.beta,
            self.eps,
            self.ignore_index,
            reduction=self.reduction,
        )


def focal_tversky_loss(
    pred: ArrayT,
    target: ArrayT,
    alpha: float,
    beta: float,
    gamma: float,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Focal Tversky loss: a power of every class's Tversky loss.

    .. math:: \ell = \operatorname{mean}_c\, (1 - \mathrm{TI}_c)^\gamma

    with :math:`\mathrm{TI}_c` as in :func:`tversky_loss` and the mean over the classes
    that the sample's target has. The prediction is the softmax of `pred`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or the share of every
        class in every pixel, floats of the shape of `pred`.
    alpha
        At least 0: the weight of what is falsely found.
    beta
        At least 0: the weight of what is missed; alpha = beta = 1/2 is Dice, 1 Jaccard.
    gamma
        Positive: above 1 well segmented classes count less, below 1 more.
    eps
        At least 0: added to the denominator of the score.
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label. It
        has no meaning for shares.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``, of the values of the samples.

    Returns
    -------
    array
        In [0, 1], least where the prediction equals the target, and 1 for a sample
        with nothing to score. For ``"none"`` (B,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit; on NumPy, and under
        :func:`check_values`, a label out of range, which makes its sample NaN
        elsewhere.

    Notes
    -----
    With :math:`P_c` and :math:`T_c` the sums of predicted and target shares,
    :math:`\mathrm{FP}_c = \sum \max(p - t, 0)`, :math:`\mathrm{FN}_c = \sum \max(t - p,
    0)` and :math:`I_c = T_c - \mathrm{FN}_c`: for labels the usual sums, and for shares
    least at p = t, where :math:`\sum p t` is not. The loss is computed from FP and FN,
    and keeps the digits of a small one; in eager torch, and for shares, it has an error
    of half a unit in the last place of 1 instead.

    References
    ----------
    Abraham and Khan, "A novel focal Tversky loss function with improved attention U-Net
    for lesion segmentation", ISBI 2019, arXiv:1810.07842, eq. 4, whose exponent is
    1/gamma.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]]])
    >>> loss = focal_tversky_loss(logits, np.asarray([[0, 0, 1]]), 0.3, 0.7, 0.75)
    >>> print(f"{loss:.4f}")
    0.3931
    """
    function = "focal_tversky_loss"
    return per_sample(
        function,
        partial(confused, _tversky, False),
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        soft=True,
        alpha=not_negative(function, "alpha", alpha),
        beta=not_negative(function, "beta", beta),
        gamma=positive(function, "gamma", gamma),
        eps=not_negative(function, "eps", eps),
    )


@dataclass(frozen=True)
class FocalTverskyLoss:
    """Criterion of :func:`focal_tversky_loss`: options first, arrays at the call."""

    alpha: float
    beta: float
    gamma: float
    eps: float = 1e-8
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels or shares."""
        return focal_tversky_loss(
            pred,
            target,
            self.alpha,
            self.beta,
            self.gamma,
            self.eps,
            self.ignore_index,
            reduction=self.reduction,
        )
