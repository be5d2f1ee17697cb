"""Lovász losses: intersection over union, extended to the errors of its pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from ._core.confusion import probabilities
from ._core.labels import Labels, with_own
from ._core.namespace import cast, indices
from ._core.numerics import (
    at_least,
    cumulative,
    detach,
    limited,
    positive_part,
    reordered,
    restored,
)
from ._core.samples import class_means, per_sample
from ._core.sorting import by_rows, descending
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
]


def _extension(xp: Namespace, error: Any, foreground: Any) -> Any:
    """Return the Lovász extension of the Jaccard loss, over all pixels (B, C, *).

    The sum of the errors, each times the step that the Jaccard loss takes when its
    pixel joins the wrong ones, from that of the largest error on.
    """
    shape = (*error.shape[:2], math.prod(error.shape[2:]))
    error, foreground = xp.reshape(error, shape), xp.reshape(foreground, shape)
    steps = by_rows(xp, _steps, detach(xp, error), foreground)
    return xp.sum(error * steps, axis=-1)


def _steps(xp: Namespace, error: Any, foreground: Any) -> Any:
    """Return the steps of the Jaccard loss, each in the place of its pixel."""
    order = descending(xp, error)
    mine = reordered(xp, cast(xp, foreground, error.dtype), order)
    hits = cumulative(xp, mine)
    place = indices(xp, hits.shape[-1], hits, axis=hits.ndim - 1) + 1.0
    size = xp.sum(mine, axis=-1, keepdims=True)
    # The step, a difference of ratios, in closed form, whose digits do not cancel: a
    # pixel of the class leaves the intersection, and another one enters the union.
    union = size + (place - hits)
    left = (size - hits) / at_least(xp, union - 1.0, 1.0)
    step = (left + mine * (1.0 - left)) / union
    # Without a pixel of the class the loss is the largest error.
    step = xp.where((size == 0) & (place == 1), 1.0, step)
    return restored(xp, step, order)


def _hinge(xp: Namespace, logits: Any, labels: Labels) -> Any:
    foreground = labels.counted & (labels.index == 1)
    z = limited(xp, labels.counted, logits, 0.0)
    side = 2.0 * cast(xp, foreground, z.dtype) - 1.0
    error = positive_part(xp, cast(xp, labels.counted, z.dtype) - side * z)
    return _extension(xp, error, foreground)


def _softmax(xp: Namespace, logits: Any, labels: Labels, *, weight: Any = None) -> Any:
    p, missed = probabilities(xp, logits, labels)
    error = with_own(xp, labels, p, missed)
    classes = labels.classes(xp) & labels.counted
    loss = _extension(xp, error, classes)
    return loss if weight is None else loss * weight


def _lovasz_hinge(
    function: str, xp: Namespace, logits: Any, *rest: Any
) -> tuple[Any, Any]:
    if logits.shape[1] != 1:
        msg = (
            f"{function}: pred must have shape (B, 1, *), one logit for each pixel, "
            f"got {tuple(logits.shape)}; take lovasz_softmax_loss for several classes"
        )
        raise ValueError(msg)
    return class_means(function, _hinge, xp, logits, *rest)


def lovasz_hinge_loss(
    pred: ArrayT,
    target: ArrayT,
    *,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Lovász hinge: a convex surrogate of intersection over union, of one class.

    .. math::

       \ell = \sum_k e_{(k)} (J_k - J_{k-1})
       \qquad e = \max(0, 1 - (2t - 1)\, \text{pred})

    with :math:`e_{(k)}` the errors of a sample's pixels from the largest on, and
    :math:`J_k` the Jaccard loss where the first k of them are wrong.

    Parameters
    ----------
    pred
        Logits (B, 1, \*), with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype or bool: 1 for the class and 0 elsewhere.
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``, of the values of the samples.

    Returns
    -------
    array
        Not negative; 0 where every logit has the right sign and is at least 1 in size,
        and for a sample without a pixel that counts. For ``"none"`` (B,), otherwise a
        scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices or dtypes do not fit; on NumPy, and under
        :func:`check_values`, a label other than 0 and 1, which makes its sample NaN
        elsewhere.
    NotImplementedError
        On Dask, which cannot reorder an array by another one.

    Notes
    -----
    Equal errors are taken in the order of their pixels, which decides on their slopes.

    References
    ----------
    Berman et al., "The Lovász-Softmax loss", CVPR 2018, arXiv:1705.08790, eq. 8 and
    algorithm 1; Yu and Blaschko, "The Lovász hinge", arXiv:1512.07797.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.asarray([[[[2.0, -1.0], [0.0, 3.0]]]])
    >>> print(f"{lovasz_hinge_loss(logits, np.asarray([[[1, 0], [0, 1]]])):.4f}")
    0.3333
    """
    function = "lovasz_hinge_loss"
    return per_sample(
        function,
        partial(_lovasz_hinge, function),
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        num_classes=2,
    )


@dataclass(frozen=True)
class LovaszHingeLoss:
    """Criterion of :func:`lovasz_hinge_loss`: options first, arrays at the call."""

    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels."""
        return lovasz_hinge_loss(
            pred, target, ignore_index=self.ignore_index, reduction=self.reduction
        )


def lovasz_softmax_loss(
    pred: ArrayT,
    target: ArrayT,
    weight: Array | None = None,
    *,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Lovász-softmax: a surrogate of the mean intersection over union of all classes.

    .. math::

       \ell = \frac1C \sum_c w_c \sum_k e_{c,(k)} (J_{c,k} - J_{c,k-1})
       \qquad e_c = |[t = c] - p_c|

    with :math:`e_{c,(k)}` the errors of a sample's pixels from the largest on,
    :math:`J_{c,k}` the Jaccard loss of the class where the first k of them are wrong,
    p the softmax of `pred` and :math:`w_c` the `weight`.

    Parameters
    ----------
    pred
        Logits (B, C, \*), C at least 2, with any number of spatial axes.
    target
        Labels (B, \*) of any integer dtype, from 0 to C - 1.
    weight
        One weight for each class, (C,), which multiplies its loss; the mean is over
        all classes still.
    ignore_index
        Label of pixels that take no part, whatever their logits; None: no label.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``, of the values of the samples.

    Returns
    -------
    array
        Not negative, at most 1 without weights; 0 for a certain and right prediction,
        and for a sample without a pixel that counts. For ``"none"`` (B,), otherwise a
        scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices or dtypes do not fit; on NumPy, and under
        :func:`check_values`, a label out of range, which makes its sample NaN
        elsewhere.
    NotImplementedError
        On Dask, which cannot reorder an array by another one.

    Notes
    -----
    A class that the target does not have counts by its largest probability. Equal
    errors are taken in the order of their pixels, which decides on their slopes.

    References
    ----------
    Berman et al., "The Lovász-Softmax loss", CVPR 2018, arXiv:1705.08790, eq. 11 and
    algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> p = [[0.6, 0.21, 0.12], [0.29, 0.68, 0.19], [0.11, 0.11, 0.69]]
    >>> loss = lovasz_softmax_loss(np.log(p)[np.newaxis], np.asarray([[0, 1, 2]]))
    >>> print(f"{loss:.4f}")
    0.3433
    """
    function = "lovasz_softmax_loss"
    return per_sample(
        function,
        partial(class_means, function, _softmax),
        {"pred": pred, "target": target},
        reduction,
        ignore_index=ignore_index,
        weight=weight,
        least_classes=2,
    )


@dataclass(frozen=True, eq=False)
class LovaszSoftmaxLoss:
    """Criterion of :func:`lovasz_softmax_loss`: options first, arrays at the call."""

    weight: Array | None = None
    ignore_index: int | None = -100
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of logits and labels."""
        return lovasz_softmax_loss(
            pred,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )
