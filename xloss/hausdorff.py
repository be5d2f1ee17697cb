"""Hausdorff loss by erosion: how deep the errors of a segmentation reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from ._core.checks import (
    arrays_among,
    check_reduction,
    is_number,
    number,
    whole_number,
)
from ._core.labels import check_logits, holds_labels, read_labels
from ._core.namespace import as_option, cast, in_range, quiet, resolve, scalar
from ._core.numerics import at_most, neighbours, positive_part
from ._core.numpy_blocks import planewise
from ._core.reduction import reduce
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = ["HausdorffERLoss", "HausdorffERLoss3D", "hausdorff_er_loss"]


def _eroded(xp: Namespace, errors: Any, k: int, alpha: Any) -> Any:
    """Return the weighted sum of k erosions of errors (B, C, *) in [0, 1]."""
    points = 2 * (errors.ndim - 2) + 1
    axes = tuple(range(2, errors.ndim))
    total = None
    for i in range(k):
        # all but for the number of points, by which the range is larger too
        around = errors
        for axis in axes:
            around = around + neighbours(xp, errors, axis)
        excess = positive_part(xp, around - 0.5 * points)
        low = xp.min(excess, axis=axes, keepdims=True)
        extent = xp.max(excess, axis=axes, keepdims=True) - low
        flat = extent == 0
        scale = 1.0 / xp.where(flat, float(points), extent)
        errors = (excess - xp.where(flat, 0.0, low)) * scale
        term = errors * _weight(xp, i, alpha, errors)
        total = term if total is None else total + term
    return total


def _weight(xp: Namespace, i: int, alpha: Any, like: Any) -> Any:
    """Return (i + 1)^alpha, within the range of the dtype."""
    if not is_number(alpha):
        return at_most(xp, (i + 1.0) ** alpha, float(xp.finfo(like.dtype).max))
    overflows = alpha * math.log(i + 1.0) > 700.0
    return in_range(xp, math.inf if overflows else (i + 1.0) ** alpha, like.dtype)


def _loss_maps(
    xp: Namespace, k: int, alpha: Any, compute: Any, pred: Any, classes: Any
) -> Any:
    """Return the weighted sum of the erosions of all classes' errors, (B, C, *)."""
    residual = cast(xp, pred, compute) - cast(xp, classes, compute)
    return _eroded(xp, residual * residual, k, alpha)


def _check_shapes(
    function: str, xp: Namespace, pred: Array, target: Array, spatial: int | None
) -> None:
    if pred.ndim < 3 or (spatial and pred.ndim != spatial + 2):
        axes = f"{spatial}" if spatial else "one or more"
        msg = (
            f"{function}: pred must have shape (B, C, *) with {axes} spatial axes, "
            f"got {tuple(pred.shape)}"
        )
        raise ValueError(msg)
    check_logits(function, "pred", pred)
    wanted = (pred.shape[0], 1, *pred.shape[2:])
    if tuple(target.shape) != wanted or not holds_labels(xp, target):
        msg = (
            f"{function}: target must hold integer labels of shape {wanted}, one for "
            f"each pixel, got {tuple(target.shape)}, {target.dtype}"
        )
        raise ValueError(msg)


def hausdorff_er_loss(
    pred: ArrayT,
    target: Array,
    alpha: float = 2.0,
    k: int = 10,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Hausdorff loss by erosion: errors count by how many erosions they outlast.

    .. math::

       \ell_c = \sum_{i=1}^{k} i^\alpha \, e_i, \qquad
       e_i = \text{rescale}(\max(0, M * e_{i-1} - \tfrac12)), \qquad
       e_0 = (p_c - [t = c])^2

    with M the mean of a pixel and its nearest neighbours (5 in a plane, 7 in space;
    zeros lie beyond the borders), and each map rescaled to [0, 1] by its extremes.

    Parameters
    ----------
    pred
        Probabilities (B, C, \*), with any number of spatial axes, taken as they are:
        pass a softmax.
    target
        Labels (B, 1, \*) of any integer dtype, from 0 to C - 1.
    alpha
        Exponent of an erosion's weight: by how much more deep errors count.
    k
        How many erosions, at least 1.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).

    Returns
    -------
    array
        Not negative, 0 where no error outlasts an erosion. A number without unit, not a
        distance. For ``"none"`` (C, B, 1, \*), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `k`.
    ValueError
        If shapes, devices, dtypes or options do not fit: floats as labels; on NumPy,
        and under :func:`check_values`, a label out of range, which makes its sample NaN
        elsewhere.

    Notes
    -----
    An error below :math:`\sqrt{1/2} \approx 0.707` in a pixel and its neighbours does
    not outlast the first erosion: there value and gradient are 0 by construction,
    everywhere for a prediction of 1/2. Add a loss that has a gradient there, as the
    paper does (Dice; see :func:`combine`).

    References
    ----------
    Karimi and Salcudean, "Reducing the Hausdorff distance in medical image
    segmentation with convolutional neural networks", IEEE TMI 2020, arXiv:1904.10030,
    eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.zeros((1, 1, 5, 5), int)
    >>> target[..., 1:4, 1:4] = 1
    >>> missed = np.stack([np.ones((5, 5)), np.zeros((5, 5))])[np.newaxis]
    >>> print(f"{hausdorff_er_loss(missed, target):.4f}")
    0.3280
    """
    return _hausdorff(
        "hausdorff_er_loss", pred, target, alpha, k, reduction, spatial=None
    )


def _hausdorff(
    function: str,
    pred: ArrayT,
    target: Array,
    alpha: Any,
    k: Any,
    reduction: str | None,
    spatial: int | None,
) -> ArrayT:
    reduction = check_reduction(function, reduction)
    alpha = number(function, "alpha", alpha, lambda v: abs(v) < math.inf, "finite")
    k = whole_number(function, "k", k, 1)
    extra = {"target": target, **arrays_among({"alpha": alpha})}
    xp, dtype, compute = resolve(function, {"pred": pred}, extra)
    _check_shapes(function, xp, pred, target, spatial)
    alpha = as_option(xp, alpha, compute)
    labels = xp.reshape(target, (target.shape[0], *target.shape[2:]))
    with quiet(xp):
        found = read_labels(function, "target", xp, labels, pred.shape[1], None)
        classes = found.classes(xp)
        maps: Any
        if 0 in pred.shape:
            maps = cast(xp, pred, compute)
        else:
            maps_of = partial(_loss_maps, xp, k, alpha, compute)
            maps = planewise(xp, maps_of, (pred, classes), pred.shape, compute)
        wrong = found.wrong_samples(xp)
        if wrong is not None:
            wrong = xp.reshape(wrong, (-1,) + (1,) * (pred.ndim - 1))
            maps = xp.where(wrong, xp.nan, maps)
        if reduction == "none":
            order = (1, 0, *range(2, pred.ndim))
            maps = xp.expand_dims(xp.permute_dims(maps, order), axis=2)
        loss: ArrayT = scalar(xp, cast(xp, reduce(xp, maps, None, reduction), dtype))
    return loss


@dataclass(frozen=True)
class HausdorffERLoss:
    """Criterion of :func:`hausdorff_er_loss`: options first, arrays at the call."""

    alpha: float = 2.0
    k: int = 10
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: Array) -> ArrayT:
        """Return the loss of probabilities and labels."""
        return hausdorff_er_loss(pred, target, self.alpha, self.k, self.reduction)


@dataclass(frozen=True)
class HausdorffERLoss3D:
    """Criterion of :func:`hausdorff_er_loss` for volumes (B, C, D, H, W) alone."""

    alpha: float = 2.0
    k: int = 10
    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: Array) -> ArrayT:
        """Return the loss of probabilities and labels."""
        options = self.alpha, self.k, self.reduction
        return _hausdorff("HausdorffERLoss3D", pred, target, *options, spatial=3)
