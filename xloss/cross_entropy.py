"""Cross-entropies of logits, over classes and of independent binary labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._core.binary import counted_pairs
from ._core.checks import number, refuse_size_average
from ._core.kernels import Pair
from ._core.labelled import labelled
from ._core.labels import Labels, own_weight
from ._core.margins import margin, minus_log_p
from ._core.numerics import sigmoid, softplus_pair
from ._core.pointwise import pointwise
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "binary_cross_entropy_with_logits",
    "cross_entropy_loss",
]


def _cross_entropy(
    xp: Namespace,
    logits: Any,
    labels: Labels,
    target: Any,
    *,
    label_smoothing: Any,
    weight: Any = None,
) -> tuple[Any, Any]:
    found = margin(xp, logits, labels)
    own = minus_log_p(xp, found, logits, labels)  # or that of the largest logit
    z, logit = found.logits, found.logit
    if target is not None:
        # -log p of every class is that of the largest logit and the gap below it, two
        # numbers that are not negative: nothing cancels.
        target = _smooth(target, label_smoothing, z.shape[1])
        if weight is not None:
            target = weight * target
        return xp.sum(target * (own + (logit - z)), axis=1, keepdims=True), None
    loss, counts, total = own, None, z.shape[1]
    if weight is not None:
        counts = xp.where(labels.counted, own_weight(xp, labels, weight), 0.0)
        loss, total = counts * own, xp.sum(weight)
    if not _is_zero(label_smoothing):
        gaps = logit - z if weight is None else weight * (logit - z)
        uniform = (total * own + xp.sum(gaps, axis=1, keepdims=True)) / z.shape[1]
        loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform
    return loss, counts


def _is_zero(option: Any) -> bool:
    return isinstance(option, float) and option == 0.0


def _smooth(target: Any, label_smoothing: Any, num_classes: int) -> Any:
    if _is_zero(label_smoothing):
        return target
    return (1.0 - label_smoothing) * target + label_smoothing / num_classes


def cross_entropy_loss(
    input: ArrayT,
    target: ArrayT,
    weight: Array | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Cross-entropy of logits and labels, or of logits and probabilities.

    .. math::

       \ell = -\sum_c w_c\, t_c \log p_c
       \qquad p = \operatorname{softmax}(\text{input})

    with :math:`t_c` 1 for the label and 0 for every other class, or the probability
    that `target` holds, and :math:`w_c` the `weight` of the class.

    Parameters
    ----------
    input
        Logits (B, C, \*), with any number of spatial axes, or (C,).
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1, or probabilities of the
        shape of `input`, in floats.
    weight
        One weight for each class, (C,).
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label. It
        has no meaning for probabilities.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``. For labels the mean divides by the sum of
        their weights, for probabilities by the number of pixels.
    label_smoothing
        In [0, 1]: the part of the target that is spread over all classes evenly.
    where
        Boolean mask that broadcasts to (B, \*). Where it is False a pixel takes no
        part, even if it is NaN.
    sample_weight
        Weights that broadcast to (B, \*); ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative, 0 for a certain and right prediction. For ``"none"`` (B, \*),
        otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit; on NumPy, and under
        :func:`check_values`, a label out of range, which makes its pixel NaN elsewhere.

    Notes
    -----
    Where every pixel is ignored the mean is 0, with zero gradient; torch's is NaN.
    The loss of a certain and right prediction keeps its digits.

    References
    ----------
    Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR
    2016, arXiv:1512.00567, section 7, for label smoothing.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[2.0, 0.0], [0.0, 0.0]])
    >>> print(cross_entropy_loss(logits, np.asarray([0, 1]), reduction="none").round(4))
    [0.1269 0.6931]
    """
    function = "cross_entropy_loss"
    smoothing = number(
        function,
        "label_smoothing",
        label_smoothing,
        lambda v: (v >= 0) & (v <= 1),
        "in [0, 1]",
    )
    return labelled(
        function,
        _cross_entropy,
        {"input": input, "target": target},
        reduction,
        ignore_index=ignore_index,
        weight=weight,
        where=where,
        sample_weight=sample_weight,
        soft=True,
        label_smoothing=smoothing,
    )


@dataclass(frozen=True, eq=False)
class CrossEntropyLoss:
    """Criterion of :func:`cross_entropy_loss`: options first, arrays at the call."""

    weight: Array | None = None
    ignore_index: int | None = -100
    reduction: Reduction = "mean"
    label_smoothing: float = 0.0

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of logits and labels or probabilities."""
        return cross_entropy_loss(
            input,
            target,
            self.weight,
            self.ignore_index,
            self.reduction,
            self.label_smoothing,
            where=where,
            sample_weight=sample_weight,
        )


def _binary_cross_entropy(
    xp: Namespace,
    logits: Any,
    target: Any,
    where: Any,
    *,
    pos_weight: Any = None,
) -> tuple[Any, Any]:
    z, t, where, _ = counted_pairs(xp, logits, target, where, None)
    positive = t if pos_weight is None else pos_weight * t
    missed, found = softplus_pair(xp, z)
    return positive * missed + (1.0 - t) * found, where


def _binary_cross_entropy_slope(
    xp: Namespace,
    logits: Any,
    target: Any,
    where: Any,
    *,
    pos_weight: Any = None,
) -> tuple[Any, Any]:
    z, t, where, _ = counted_pairs(xp, logits, target, where, None)
    positive = t if pos_weight is None else pos_weight * t
    return (1.0 - t) * sigmoid(xp, z) - positive * sigmoid(xp, -z), where


def binary_cross_entropy_with_logits(
    input: ArrayT,
    target: ArrayT,
    weight: Array | None = None,
    reduction: Reduction = "mean",
    pos_weight: Array | None = None,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Cross-entropy of independent binary labels, from logits.

    .. math::

       \ell = -w \left[ v\, t \log p + (1 - t) \log(1 - p) \right]
       \qquad p = \sigma(\text{input})

    with :math:`w` the `weight` and :math:`v` the `pos_weight`.

    Parameters
    ----------
    input
        Logits: an array of any shape.
    target
        Of the shape of `input`: labels 0 and 1, or probabilities in [0, 1].
    weight
        Weights that broadcast to `input`; as in torch, ``"mean"`` does not divide by
        them.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``.
    pos_weight
        Weights of the positive term that broadcast to `input`, for example one for
        each class along the last axis.
    where
        Boolean mask that broadcasts to `input`. Where it is False an element takes no
        part, even if it is NaN.
    sample_weight
        Weights that broadcast to `input`; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative for targets in [0, 1]. Of the shape of `input` for ``"none"``,
        otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries; a bool or
        None as `reduction`, which torch takes as ``size_average``.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    As in torch, targets outside [0, 1] are not refused.

    References
    ----------
    Bishop, "Pattern recognition and machine learning", Springer 2006, eq. 4.90.

    Examples
    --------
    >>> import numpy as np
    >>> logits, target = np.asarray([2.0, -1.0]), np.asarray([1.0, 0.5])
    >>> print(binary_cross_entropy_with_logits(logits, target, None, "none").round(4))
    [0.1269 0.8133]
    """
    function = "binary_cross_entropy_with_logits"
    refuse_size_average(function, reduction, "fourth")
    options = {} if pos_weight is None else {"pos_weight": pos_weight}
    return pointwise(
        function,
        Pair(_binary_cross_entropy, _binary_cross_entropy_slope),
        {"input": input, "target": target},
        reduction,
        where=where,
        sample_weight=sample_weight,
        weight=weight,
        weight_counts=False,
        weight_broadcasts=True,
        **options,
    )


@dataclass(frozen=True, eq=False)
class BCEWithLogitsLoss:
    """Criterion of :func:`binary_cross_entropy_with_logits`: options first."""

    weight: Array | None = None
    reduction: Reduction = "mean"
    pos_weight: Array | None = None

    def __call__(
        self,
        input: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of logits and targets."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            self.reduction,
            self.pos_weight,
            where=where,
            sample_weight=sample_weight,
        )
