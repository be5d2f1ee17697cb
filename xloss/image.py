"""Losses of images without windows: PSNR, total variation, depth smoothness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ._core.checks import (
    arrays_among,
    check_reduction,
    check_same_shape,
    choice,
    positive,
)
from ._core.images import mean_square, steps, variations
from ._core.namespace import as_option, cast, quiet, resolve, scalar
from ._core.numerics import absolute
from ._core.reduction import reduce
from ._core.typing import Array, ArrayT, Namespace, Reduction

__all__ = [
    "InverseDepthSmoothnessLoss",
    "PSNRLoss",
    "TotalVariation",
    "inverse_depth_smoothness_loss",
    "psnr",
    "psnr_loss",
    "total_variation",
]


def psnr_loss(
    image: ArrayT,
    target: ArrayT,
    max_val: float,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Negative peak signal-to-noise ratio: mean squared error in decibels.

    .. math:: \ell = 10 \log_{10} \frac{\text{mse}}{L^2}

    with :math:`L` the `max_val`.

    Parameters
    ----------
    image, target
        Prediction and target: arrays of one shape, of any real dtype. Integers are
        converted before they are subtracted.
    max_val
        Positive: the range of the pixels, 255 for uint8 images.
    reduction
        ``"mean"`` takes the mean squared error over everything, ``"none"`` that of each
        sample along the first axis, and ``"sum"`` adds these up. The mean of the values
        of the samples is another number than ``"mean"``.

    Returns
    -------
    array
        In decibels: negative as long as the error stays below the range, -inf for equal
        arrays, with gradient 0. For ``"none"`` (B,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: `max_val` not positive.

    References
    ----------
    Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality
    assessment", Electronics Letters 2008, eq. 1.

    Examples
    --------
    >>> import numpy as np
    >>> ones = np.ones((1, 1, 4, 4))
    >>> print(f"{psnr_loss(ones, 1.2 * ones, max_val=2.0):.2f}")
    -20.00
    """
    result: ArrayT = _psnr_loss("psnr_loss", image, target, max_val, reduction)
    return result


@dataclass(frozen=True)
class PSNRLoss:
    """Criterion of :func:`psnr_loss`: options first, arrays at the call."""

    max_val: float
    reduction: Reduction = "mean"

    def __call__(self, image: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of an image and its target."""
        return psnr_loss(image, target, self.max_val, reduction=self.reduction)


def psnr(
    image: ArrayT,
    target: ArrayT,
    max_val: float,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    """Peak signal-to-noise ratio in decibels, the negative of :func:`psnr_loss`.

    Parameters
    ----------
    image, target
        Arrays of one shape, of any real dtype.
    max_val
        Positive: the range of the pixels, 255 for uint8 images.
    reduction
        ``"mean"``, ``"none"`` or ``"sum"``: see :func:`psnr_loss`.

    Returns
    -------
    array
        In decibels, inf for equal arrays. For ``"none"`` (B,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: `max_val` not positive.

    References
    ----------
    Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality
    assessment", Electronics Letters 2008, eq. 1.

    Examples
    --------
    >>> import numpy as np
    >>> ones = np.ones((1, 1, 4, 4))
    >>> print(f"{psnr(ones, 1.2 * ones, max_val=2.0):.2f}")
    20.00
    """
    loss: Any = _psnr_loss("psnr", image, target, max_val, reduction)
    result: ArrayT = -loss
    return result


def _psnr_loss(
    function: str, image: Any, target: Any, max_val: Any, reduction: str | None
) -> Any:
    kind = check_reduction(function, reduction)
    max_val = positive(function, "max_val", max_val)
    images = {"image": image, "target": target}
    extra = arrays_among({"max_val": max_val})
    xp, dtype, compute = resolve(function, images, extra)
    check_same_shape(function, images)
    if kind != "mean" and image.ndim == 0:
        msg = f"{function}: {reduction=!s} needs a first axis of samples, got shape ()"
        raise ValueError(msg)
    axes = None if kind == "mean" else tuple(range(1, image.ndim))
    with quiet(xp):
        unit = as_option(xp, max_val, compute)
        loss = mean_square(xp, image, target, unit, axes, compute)
        if 0 not in image.shape:  # else 0, the mean of nothing
            loss = _decibels(xp, loss)
        loss = xp.sum(loss) if kind == "sum" else loss
        return cast(xp, loss, dtype)


def _decibels(xp: Namespace, ratio: Any) -> Any:
    """Return 10 log10 of a ratio; -inf with gradient 0, rather than NaN, for 0."""
    loss = 10.0 * xp.log10(xp.where(ratio == 0.0, 0.0, ratio))
    return scalar(xp, loss)


def total_variation(img: ArrayT, reduction: Literal["sum", "mean"] = "sum") -> ArrayT:
    r"""Anisotropic total variation: the absolute differences of neighbouring pixels.

    .. math:: \sum_{i, j} |x_{i+1, j} - x_{i, j}| + \sum_{i, j} |x_{i, j+1} - x_{i, j}|

    Parameters
    ----------
    img
        Images (\*, H, W) of any real dtype, with any number of leading axes.
    reduction
        ``"sum"``, or ``"mean"`` of the vertical plus that of the horizontal
        differences, each over its own count. Over an image, never over images.

    Returns
    -------
    array
        Not negative, 0 for constant images: one number for each image, (\*,).

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list.
    ValueError
        If the shape, the dtype or `reduction` does not fit.

    Notes
    -----
    The gradient at equal neighbours is 0. An axis of length 1 adds 0.

    References
    ----------
    Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal
    algorithms", Physica D 1992; the anisotropic form.

    Examples
    --------
    >>> import numpy as np
    >>> total_variation(np.asarray([[0.0, 1.0], [4.0, 2.0]]))
    np.float64(8.0)
    """
    function = "total_variation"
    xp, dtype, compute = resolve(function, {"img": img}, {})
    mean = choice(function, "reduction", reduction, ("sum", "mean")) == "mean"
    if img.ndim < 2:
        msg = f"{function}: img must have shape (*, H, W), got {tuple(img.shape)}"
        raise ValueError(msg)
    with quiet(xp):
        down, right = variations(xp, img, compute)
        if mean:
            height, width = img.shape[-2:]
            down = down / max(1, (height - 1) * width)
            right = right / max(1, height * (width - 1))
        result: ArrayT = cast(xp, down + right, dtype)
        return result


@dataclass(frozen=True)
class TotalVariation:
    """Criterion of :func:`total_variation`: options first, arrays at the call."""

    reduction: Literal["sum", "mean"] = "sum"

    def __call__(self, img: ArrayT) -> ArrayT:
        """Return the total variation of images."""
        return total_variation(img, self.reduction)


def inverse_depth_smoothness_loss(
    idepth: ArrayT,
    image: Array,
    *,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Edge-aware smoothness of inverse depth: steps count less at edges of the image.

    .. math::

       \overline{|\partial_x d|\, e^{-\overline{|\partial_x I|}}} +
       \overline{|\partial_y d|\, e^{-\overline{|\partial_y I|}}}

    with the inner mean over the three channels of the image.

    Parameters
    ----------
    idepth
        Inverse depth (N, 1, H, W), of any real dtype.
    image
        Images (N, 3, H, W) on the same grid, of any real dtype.
    reduction
        ``"mean"`` over everything, ``"none"`` for one number per sample, or ``"sum"``
        of these.

    Returns
    -------
    array
        Not negative, 0 for constant depth. For ``"none"`` (N,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    The gradient at equal neighbours is 0. H or W of 1 adds 0.

    References
    ----------
    Godard, Mac Aodha and Brostow, "Unsupervised monocular depth estimation with
    left-right consistency", CVPR 2017, arXiv:1609.03677, eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> idepth = np.asarray([[0.0, 1.0], [4.0, 2.0]]).reshape(1, 1, 2, 2)
    >>> inverse_depth_smoothness_loss(idepth, np.zeros((1, 3, 2, 2)))
    np.float64(4.0)
    """
    function = "inverse_depth_smoothness_loss"
    kind = check_reduction(function, reduction)
    xp, dtype, compute = resolve(function, {"idepth": idepth, "image": image}, {})
    _check_depth(function, idepth, image)
    axes = None if kind == "mean" else (1, 2, 3)
    with quiet(xp):
        depths, edges = (
            steps(cast(xp, idepth, compute)),
            steps(cast(xp, image, compute)),
        )
        loss: Any = 0.0
        for depth, edge in zip(depths, edges, strict=True):
            weight = xp.exp(-xp.mean(absolute(xp, edge), axis=1, keepdims=True))
            mean = xp.sum if 0 in depth.shape else xp.mean  # that of nothing is 0
            loss = loss + mean(absolute(xp, depth) * weight, axis=axes)
        loss = loss if kind == "mean" else reduce(xp, loss, None, kind)
        result: ArrayT = cast(xp, loss, dtype)
        return result


@dataclass(frozen=True)
class InverseDepthSmoothnessLoss:
    """Criterion of :func:`inverse_depth_smoothness_loss`: options, then arrays."""

    reduction: Reduction = "mean"

    def __call__(self, idepth: ArrayT, image: Array) -> ArrayT:
        """Return the loss of inverse depth over images."""
        return inverse_depth_smoothness_loss(idepth, image, reduction=self.reduction)


def _check_depth(function: str, idepth: Array, image: Array) -> None:
    for name, array, channels in (("idepth", idepth, 1), ("image", image, 3)):
        if array.ndim != 4 or array.shape[1] != channels:
            msg = (
                f"{function}: {name} must have shape (N, {channels}, H, W), "
                f"got {tuple(array.shape)}"
            )
            raise ValueError(msg)
    if (idepth.shape[0], *idepth.shape[2:]) != (image.shape[0], *image.shape[2:]):
        msg = (
            f"{function}: idepth and image must have the same N, H and W, "
            f"got {tuple(idepth.shape)} and {tuple(image.shape)}; resize one first"
        )
        raise ValueError(msg)
