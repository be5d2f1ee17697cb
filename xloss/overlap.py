"""Losses of the overlap of regions: Dice, Jaccard and generalized Dice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ._core.checks import choice, not_negative
from ._core.confusion import Confusion, confused, mean_present, share
from ._core.samples import per_sample
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "DiceLoss",
    "GeneralizedDiceLoss",
    "JaccardLoss",
    "dice_loss",
    "generalized_dice_loss",
    "jaccard_loss",
]

Average = Literal["micro", "macro"]


def _by_class_or_pooled(
    average: str,
    xp: Namespace,
    errors: Any,
    whole: Any,
    sums: Confusion,
    weight: Any,
    eps: Any,
) -> Any:
    if average == "macro":
        return mean_present(xp, share(xp, errors, whole, eps), sums, weight)
    errors, whole = (xp.sum(weight * x, axis=1) for x in (errors, whole))
    return share(xp, errors, whole, eps)


def _dice(
    average: str, xp: Namespace, sums: Confusion, *, eps: Any, weight: Any = 1.0
) -> Any:
    false, missed, total = sums
    both = 2.0 * total + false - missed  # of the prediction and of the target
    return _by_class_or_pooled(average, xp, false + missed, both, sums, weight, eps)


def _jaccard(
    average: str, xp: Namespace, sums: Confusion, *, eps: Any, weight: Any = 1.0
) -> Any:
    false, missed, total = sums
    return _by_class_or_pooled(
        average, xp, false + missed, total + false, sums, weight, eps
    )


def _generalized_dice(xp: Namespace, sums: Confusion, *, eps: Any) -> Any:
    present = sums.total > 0
    total = xp.where(present, sums.total, xp.inf)
    least = xp.min(total, axis=1, keepdims=True)
    ratio = xp.where(present, least, 1.0) / xp.where(present, sums.total, 1.0)
    return _dice("micro", xp, sums, eps=eps, weight=ratio * ratio)


def _averaged(
    function: str,
    ratio: Callable[..., Any],
    arrays: Mapping[str, ArrayT],
    average: str,
    reduction: str | None,
    *,
    eps: Any,
    weight: Any,
    ignore_index: int | None,
) -> ArrayT:
    """Return a loss over all classes together, or over each and then their mean."""
    average = choice(function, "average", average, ("micro", "macro"))
    pooled = average == "micro" and weight is None
    return per_sample(
        function,
        partial(confused, partial(ratio, average), pooled),
        arrays,
        reduction,
        ignore_index=ignore_index,
        soft=True,
        weight=weight,
        eps=not_negative(function, "eps", eps),
    )


def dice_loss(
    pred: ArrayT,
    target: ArrayT,
    average: Average = "micro",
    eps: float = 1e-8,
    weight: Array | None = None,
    ignore_index: int | None = -100,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Dice loss: how far the predicted regions are from overlapping the target's.

    .. math:: \ell = 1 - \frac{2 \sum_c w_c I_c}{\sum_c w_c (P_c + T_c) + \epsilon}

    with I the intersection of prediction and target, P and T their sums over the
    pixels, and :math:`w_c` the `weight`. The prediction is the softmax of `pred`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or the share of every
        class in every pixel, floats of the shape of `pred`.
    average
        ``"micro"`` takes the sums over all classes; ``"macro"`` takes the loss of every
        class and its mean over the classes that the sample's target has.
    eps
        At least 0: added to the denominator of the score.
    weight
        One weight for each class, (C,).
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
    Milletari et al., "V-Net", 3DV 2016, arXiv:1606.04797, section 3; Wang et al., "Dice
    semimetric losses", MICCAI 2023, arXiv:2303.16296, eq. 5, for shares.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]]])
    >>> print(f"{dice_loss(logits, np.asarray([[0, 0, 1]])):.4f}")
    0.2992
    """
    return _averaged(
        "dice_loss",
        _dice,
        {"pred": pred, "target": target},
        average,
        reduction,
        eps=eps,
        weight=weight,
        ignore_index=ignore_index,
    )


@dataclass(frozen=True, eq=False)
class DiceLoss:
    """Criterion of :func:`dice_loss`: options first, arrays at the call."""

    average: Average = "micro"
    eps: float = 1e-8
    weight: Array | None = None
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels or shares."""
        return dice_loss(
            pred,
            target,
            self.average,
            self.eps,
            self.weight,
            self.ignore_index,
            reduction=self.reduction,
        )


def jaccard_loss(
    pred: ArrayT,
    target: ArrayT,
    average: Average = "micro",
    eps: float = 1e-8,
    weight: Array | None = None,
    ignore_index: int | None = -100,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Jaccard loss: the complement of intersection over union, of soft regions.

    .. math::

       \ell = 1 - \frac{\sum_c w_c I_c}{\sum_c w_c (P_c + T_c - I_c) + \epsilon}

    with I the intersection of prediction and target, P and T their sums over the
    pixels, and :math:`w_c` the `weight`. The prediction is the softmax of `pred`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or the share of every
        class in every pixel, floats of the shape of `pred`.
    average
        ``"micro"`` takes the sums over all classes; ``"macro"`` takes the loss of every
        class and its mean over the classes that the sample's target has.
    eps
        At least 0: added to the denominator of the score.
    weight
        One weight for each class, (C,).
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
    Rahman and Wang, "Optimizing intersection-over-union in deep neural networks for
    image segmentation", ISVC 2016, eq. 3; Wang et al., "Jaccard metric losses", NeurIPS
    2023, arXiv:2302.05666, eq. 9, for shares.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]]])
    >>> print(f"{jaccard_loss(logits, np.asarray([[0, 0, 1]])):.4f}")
    0.4606
    """
    return _averaged(
        "jaccard_loss",
        _jaccard,
        {"pred": pred, "target": target},
        average,
        reduction,
        eps=eps,
        weight=weight,
        ignore_index=ignore_index,
    )


@dataclass(frozen=True, eq=False)
class JaccardLoss:
    """Criterion of :func:`jaccard_loss`: options first, arrays at the call."""

    average: Average = "micro"
    eps: float = 1e-8
    weight: Array | None = None
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels or shares."""
        return jaccard_loss(
            pred,
            target,
            self.average,
            self.eps,
            self.weight,
            self.ignore_index,
            reduction=self.reduction,
        )


def generalized_dice_loss(
    pred: ArrayT,
    target: ArrayT,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Generalized Dice loss: every class weighs as much however few its pixels are.

    .. math::

       \ell = 1 - \frac{2 \sum_c w_c I_c}{\sum_c w_c (P_c + T_c) + \epsilon}
       \qquad w_c = \left(\frac{\min_k T_k}{T_c}\right)^2

    with I the intersection of prediction and target and P and T their sums over the
    pixels. The weights are the paper's, divided by the largest one, which is that of an
    absent class too. The prediction is the softmax of `pred`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or the share of every
        class in every pixel, floats of the shape of `pred`.
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
    Sudre et al., "Generalised Dice overlap as a deep learning loss function for highly
    unbalanced segmentations", DLMIA 2017, arXiv:1707.03237, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]]])
    >>> print(f"{generalized_dice_loss(logits, np.asarray([[0, 0, 1]])):.4f}")
    0.3115
    """
    function = "generalized_dice_loss"
    return per_sample(
        function,
        partial(confused, _generalized_dice, False),
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        soft=True,
        eps=not_negative(function, "eps", eps),
    )


@dataclass(frozen=True)
class GeneralizedDiceLoss:
    """Criterion of :func:`generalized_dice_loss`: options first, arrays at the call."""

    eps: float = 1e-8
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels or shares."""
        return generalized_dice_loss(
            pred,
            target,
            self.eps,
            self.ignore_index,
            reduction=self.reduction,
        )
