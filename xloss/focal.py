"""Focal losses: cross-entropy that turns its back on what is classified well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ._core.binary import Refusal, counted_pairs, per_class
from ._core.checks import not_negative, number
from ._core.elementwise import probed
from ._core.kernels import Pair
from ._core.labelled import labelled
from ._core.labels import (
    Labels,
    check_ignore_index,
    check_logits,
    holds_labels,
    own_weight,
)
from ._core.margins import focal_term, focal_terms, margin
from ._core.namespace import cast, resolve
from ._core.numerics import at_most
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "BinaryFocalLossWithLogits",
    "FocalLoss",
    "binary_focal_loss_with_logits",
    "focal_loss",
]


def _focal(
    xp: Namespace,
    logits: Any,
    labels: Labels,
    target: Any,
    *,
    gamma: Any,
    alpha: Any = None,
    weight: Any = None,
) -> tuple[Any, Any]:
    loss = focal_term(xp, margin(xp, logits, labels).value, gamma)
    if alpha is not None:
        # By numbers: to store answers to index == 0 for its backward would take torch's
        # compiler as long as the softmax.
        foreground = at_most(xp, cast(xp, labels.index, loss.dtype), 1.0)
        loss = ((1.0 - alpha) + (2.0 * alpha - 1.0) * foreground) * loss
    if weight is not None:
        loss = own_weight(xp, labels, weight) * loss
    return loss, None


def focal_loss(
    pred: ArrayT,
    target: ArrayT,
    alpha: float | None,
    gamma: float = 2.0,
    reduction: Reduction = "none",
    weight: Array | None = None,
    ignore_index: int | None = -100,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Focal loss: cross-entropy that counts a pixel less the better it is classified.

    .. math::

       \ell = -\alpha_t (1 - p_t)^\gamma \log p_t
       \qquad p = \operatorname{softmax}(\text{pred})

    with :math:`t` the label, :math:`\alpha_0 = 1 - \alpha` and
    :math:`\alpha_c = \alpha` for every other class.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1.
    alpha
        In [0, 1]: the weight of all classes but the first, which gets 1 - alpha.
        None: no such weights.
    gamma
        At least 0: how fast a pixel loses weight; 0 is cross-entropy.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``). The mean is
        over the C elements of every pixel that counts.
    weight
        One weight for each class, (C,), which multiplies the loss of its pixels;
        ``"mean"`` does not divide by it.
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label.
    where
        Boolean mask that broadcasts to `pred`. Where it is False an element of the
        unreduced loss takes no part, even if its pixel is NaN.
    sample_weight
        Weights that broadcast to `pred`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative; 0 for a certain and right prediction. For ``"none"`` of the shape
        of `pred`, and 0 off the class of the label; otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit; on NumPy, and under
        :func:`check_values`, a label out of range, which makes its pixel NaN elsewhere.

    Notes
    -----
    :math:`1 - p_t` comes from the margin of the other logits over that of the label,
    not from :math:`p_t`, which rounds to 1 at a gap of 17 in float32.

    References
    ----------
    Lin et al., "Focal loss for dense object detection", ICCV 2017, arXiv:1708.02002,
    eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[2.0, 0.0], [0.0, 0.0]])
    >>> loss = focal_loss(logits, np.asarray([0, 1]), alpha=None, reduction="none")
    >>> print(loss.round(4))
    [[0.0018 0.    ]
     [0.     0.1733]]
    """
    function = "focal_loss"
    return labelled(
        function,
        _focal,
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        weight=weight,
        where=where,
        sample_weight=sample_weight,
        per_class=True,
        alpha=_check_alpha(function, alpha),
        gamma=not_negative(function, "gamma", gamma),
    )


def _check_alpha(function: str, alpha: Any) -> Any:
    if alpha is None:
        return None
    return number(function, "alpha", alpha, lambda v: (v >= 0) & (v <= 1), "in [0, 1]")


@dataclass(frozen=True, eq=False)
class FocalLoss:
    """Criterion of :func:`focal_loss`: options first, arrays at the call."""

    alpha: float | None
    gamma: float = 2.0
    reduction: Reduction = "none"
    weight: Array | None = None
    ignore_index: int | None = -100

    def __call__(
        self,
        pred: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of logits and labels."""
        return focal_loss(
            pred,
            target,
            self.alpha,
            self.gamma,
            self.reduction,
            self.weight,
            self.ignore_index,
            where=where,
            sample_weight=sample_weight,
        )


def _binary_focal(
    refusal: Refusal,
    hard: bool,
    xp: Namespace,
    logits: Any,
    target: Any,
    where: Any,
    *,
    gamma: Any,
    alpha: Any = None,
    pos_weight: Any = None,
) -> tuple[Any, Any]:
    z, t, where, poison = counted_pairs(xp, logits, target, where, refusal)
    positive, negative = t, 1.0 - t
    if alpha is not None:
        positive, negative = alpha * positive, (1.0 - alpha) * negative
    if pos_weight is not None:
        positive = pos_weight * positive
    if hard:  # one of the two terms is 0
        m = (1.0 - 2.0 * t) * z
        return (positive + negative) * focal_term(xp, m, gamma) + poison, where
    missed, found = focal_terms(xp, z, gamma)
    return positive * missed + negative * found + poison, where


def binary_focal_loss_with_logits(
    pred: ArrayT,
    target: ArrayT,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: Reduction = "none",
    pos_weight: Array | None = None,
    weight: Array | None = None,
    ignore_index: int | None = -100,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Focal loss of independent binary labels, from logits.

    .. math::

       \ell = -w \left[ v \alpha\, t\, (1 - p)^\gamma \log p
       + (1 - \alpha) (1 - t)\, p^\gamma \log(1 - p) \right]
       \qquad p = \sigma(\text{pred})

    with :math:`w` the `weight` and :math:`v` the `pos_weight` of the class.

    Parameters
    ----------
    pred
        Logits (B, C, \*), with any number of spatial axes.
    target
        Of the shape of `pred`: labels 0 and 1 of any integer dtype, or floats in
        [0, 1].
    alpha
        In [0, 1]: the weight of the positive term; the negative one gets 1 - alpha.
        None: both are 1.
    gamma
        At least 0: how fast an element loses weight as it is classified better.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    pos_weight
        One weight of the positive term for each class, (C,).
    weight
        One weight for each class, (C,); ``"mean"`` does not divide by it.
    ignore_index
        Target of elements that take no part, whatever their logit; None: no target.
    where
        Boolean mask that broadcasts to `pred`. Where it is False an element takes no
        part, even if it is NaN.
    sample_weight
        Weights that broadcast to `pred`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative; 0 for a certain and right prediction. For ``"none"`` of the shape
        of `pred`, otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit; on NumPy, and under
        :func:`check_values`, a target outside [0, 1], which makes its element NaN
        elsewhere.

    References
    ----------
    Lin et al., "Focal loss for dense object detection", ICCV 2017, arXiv:1708.02002,
    eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[2.0, -1.0]])
    >>> loss = binary_focal_loss_with_logits(logits, np.asarray([[1, 1]]))
    >>> print(loss.round(4))
    [[0.0005 0.1755]]
    """
    function = "binary_focal_loss_with_logits"
    weights = {"pos_weight": pos_weight, "weight": weight}
    arrays = {"pred": pred, "target": target}
    pred, target = probed(arrays).values()
    given = {name: x for name, x in weights.items() if x is not None}
    xp = resolve(function, {"pred": pred}, {"target": target, **given}).xp
    check_logits(function, "pred", pred)
    pos_weight, weight = [
        per_class(function, name, xp, x, pred) for name, x in weights.items()
    ]
    options = {
        "alpha": _check_alpha(function, alpha),
        "gamma": not_negative(function, "gamma", gamma),
        "pos_weight": pos_weight,
    }
    hard = holds_labels(xp, target)
    refusal = function, "target", check_ignore_index(function, ignore_index)
    return pointwise(
        function,
        Pair(partial(_binary_focal, refusal, hard)),
        arrays,
        reduction,
        where=where,
        sample_weight=sample_weight,
        weight=weight,
        weight_counts=False,
        weight_broadcasts=True,
        **{name: value for name, value in options.items() if value is not None},
    )


@dataclass(frozen=True, eq=False)
class BinaryFocalLossWithLogits:
    """Criterion of :func:`binary_focal_loss_with_logits`: options first."""

    alpha: float | None = 0.25
    gamma: float = 2.0
    reduction: Reduction = "none"
    pos_weight: Array | None = None
    weight: Array | None = None
    ignore_index: int | None = -100

    def __call__(
        self,
        pred: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of logits and targets."""
        return binary_focal_loss_with_logits(
            pred,
            target,
            self.alpha,
            self.gamma,
            self.reduction,
            self.pos_weight,
            self.weight,
            self.ignore_index,
            where=where,
            sample_weight=sample_weight,
        )
