"""Normalised cross-correlation of images: alike but for brightness and contrast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ._core.checks import check_reduction, check_same_shape, choice, odd_size
from ._core.filters import Borders, Window, correlate
from ._core.local_moments import Omit, plane_constant
from ._core.namespace import cast, quiet, resolve
from ._core.numerics import detach
from ._core.numpy_blocks import planewise
from ._core.reduction import reduce
from ._core.typing import Array, ArrayT, Namespace, Reduction
from ._core.windowed import windowed

__all__ = ["LnccLoss", "NccLoss", "lncc_loss", "ncc_loss"]

FLAT = 32.0
"""times the rounding unit of a mean square: what is left of the variance of a patch
without contrast, and so what does not count as contrast"""


def _dissimilarity(xp: Namespace, compute: Any, x: Any, y: Any) -> Any:
    """Return 1 - correlation of planes (B, C, *), (B, C).

    As half a squared distance, which has all digits where planes are alike.
    """
    axes = tuple(range(2, x.ndim))
    x, extent_x = _unit(xp, cast(xp, x, compute), axes)
    y, extent_y = _unit(xp, cast(xp, y, compute), axes)
    gap = x - y
    loss = 0.5 * xp.sum(gap * gap, axis=axes, keepdims=True)
    loss = xp.where(loss > 2.0, 2.0, loss)  # by rounding
    flat = (extent_x == 0) | (extent_y == 0)
    no_number = 0.0 * (extent_x + extent_y)  # NaN where either image is
    return xp.reshape(xp.where(flat, 1.0 + no_number, loss), x.shape[:2])


def _unit(xp: Namespace, x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return planes of mean 0 and norm 1, and their ranges; a constant one is 0."""
    # From where it is measured, and in which unit, is no part of the slope.
    fixed = detach(xp, x)
    low = xp.min(fixed, axis=axes, keepdims=True)
    high = xp.max(fixed, axis=axes, keepdims=True)
    extent = high - low
    flat = extent == 0
    x = (x - 0.5 * (low + high)) / xp.where(flat, 1.0, extent)
    x = x - xp.mean(x, axis=axes, keepdims=True)
    square = xp.sum(x * x, axis=axes, keepdims=True)
    return x / xp.sqrt(xp.where(flat, 1.0, square)), extent


def _local_dissimilarity(
    xp: Namespace,
    img1: Any,
    img2: Any,
    borders: Borders,
    omit: Omit | None,
    *,
    window: Window,
    max_val: float,
) -> Any:
    """Return 1 - correlation² in every window; `max_val` is the unit of the images."""
    x, mean_x, variance_x, flat_x = _local(xp, img1, borders, omit, window)
    y, mean_y, variance_y, flat_y = _local(xp, img2, borders, omit, window)
    covariance = correlate(xp, x * y, window, borders) - mean_x * mean_y
    flat = flat_x | flat_y
    # not of the product of the variances, which may underflow
    r = covariance / xp.sqrt(xp.where(flat, 1.0, variance_x))
    r = xp.where(flat, 0.0, r / xp.sqrt(xp.where(flat, 1.0, variance_y)))
    loss = 1.0 - r * r
    return xp.where(loss < 0.0, 0.0, loss)


def _local(
    xp: Namespace, image: Any, borders: Borders, omit: Omit | None, window: Window
) -> tuple[Any, Any, Any, Any]:
    """Return planes in a unit of their own, local means and variances, flat windows."""
    if omit is not None:
        image = xp.where(omit.pixels, 0.0, image)
    x = image - plane_constant(xp, image, omit)
    if omit is not None:
        x = xp.where(omit.pixels, 0.0, x)
    axes = tuple(range(2, x.ndim))
    size = xp.mean(xp.abs(detach(xp, x)), axis=axes, keepdims=True)
    x = x / xp.where(size == 0, 1.0, size)
    mean, square = [correlate(xp, z, window, borders) for z in (x, x * x)]
    variance = square - mean * mean
    noise = FLAT * float(xp.finfo(x.dtype).eps)
    return x, mean, variance, variance <= noise * square


def ncc_loss(pred: ArrayT, target: ArrayT, reduction: Reduction = "mean") -> ArrayT:
    r"""Normalised cross-correlation: how far two images are from alike in pattern.

    .. math::

       \ell = 1 - r, \qquad
       r = \frac{\sum (p - \bar p)(t - \bar t)}
           {\sqrt{\sum (p - \bar p)^2 \sum (t - \bar t)^2}}

    Parameters
    ----------
    pred, target
        Images of one shape (B, C, \*) with any number of spatial axes, of any real
        dtype.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``), of the values
        of the samples and channels.

    Returns
    -------
    array
        In [0, 2]: 0 for images that are alike but for brightness and contrast, 1 where
        one of them is constant, 2 for a negative. For ``"none"`` (B, C), otherwise a
        scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices or dtypes do not fit: images without a spatial axis.

    Notes
    -----
    Computed as :math:`\tfrac12 \sum (\hat p - \hat t)^2` of the images with mean 0 and
    norm 1, so that a small loss keeps all its digits, at any offset. The gradient of a
    constant image is 0. NaN, and a range that overflows, make the loss NaN.

    References
    ----------
    Gonzalez and Woods, "Digital image processing", section 12.2: the correlation
    coefficient.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([0.0, 1.0, 2.0, 4.0]).reshape(1, 1, 4)
    >>> print(f"{ncc_loss(x, 5.0 - 2.0 * x):.4f} {ncc_loss(x, x**2):.4f}")
    2.0000 0.0394
    """
    function = "ncc_loss"
    kind = check_reduction(function, reduction)
    images = {"pred": pred, "target": target}
    xp, dtype, compute = resolve(function, images, {})
    check_same_shape(function, images)
    if pred.ndim < 3:
        msg = (
            f"{function}: pred must have shape (B, C, *) with one or more spatial axes,"
            f" got {tuple(pred.shape)}"
        )
        raise ValueError(msg)
    with quiet(xp):
        loss: Any
        if 0 in pred.shape:
            x, y = cast(xp, pred, compute), cast(xp, target, compute)
            loss = xp.sum(x + y, axis=tuple(range(2, pred.ndim)))
        else:
            loss_of = partial(_dissimilarity, xp, compute)
            shape = tuple(pred.shape[:2])
            loss = planewise(xp, loss_of, (pred, target), shape, compute)
        result: ArrayT = cast(xp, reduce(xp, loss, None, kind), dtype)
    return result


@dataclass(frozen=True)
class NccLoss:
    """Criterion of :func:`ncc_loss`: options first, arrays at the call."""

    reduction: Reduction = "mean"

    def __call__(self, pred: ArrayT, target: ArrayT) -> ArrayT:
        """Return the loss of two images."""
        return ncc_loss(pred, target, self.reduction)


def lncc_loss(
    pred: ArrayT,
    target: ArrayT,
    window_size: int = 9,
    reduction: Reduction = "mean",
    padding: Literal["same", "valid"] = "same",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Local normalised cross-correlation: patterns alike, or inverted, patch by patch.

    .. math::

       \ell = 1 - r^2, \qquad r = \frac{\sigma_{pt}}{\sigma_p \sigma_t}

    with variances and covariance over the window at each pixel, all of whose pixels
    count the same.

    Parameters
    ----------
    pred, target
        Images of one shape (B, C, \*) with one, two or three spatial axes, of any real
        dtype, in units near 1: below 1e17.
    window_size
        Pixels of the window along each spatial axis: odd.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    padding
        ``"same"`` reflects the images at their borders without repeating the edge and
        needs more pixels than half a window; ``"valid"`` takes whole windows alone.
    where
        Boolean mask that broadcasts to the unreduced loss: elements of the map take no
        part where it is False, whatever pixels their windows hold.
    sample_weight
        Weights that broadcast to the unreduced loss; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        In [0, 1]: 0 where patches are alike but for brightness and contrast, which may
        be negative, 1 where one of them is flat. For ``"none"`` of the shape of the
        images, or smaller for ``"valid"``; otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: an even `window_size`, or one
        that does not fit into the images.

    Notes
    -----
    A patch is flat, and its gradient 0, if its variance is below 32 rounding units of
    its mean square about the mean of its plane (float32: 4e-6), which may be nothing
    but rounding errors. A pixel that is NaN or infinite makes the loss NaN in the
    windows that hold it.

    References
    ----------
    Avants et al., "Symmetric diffeomorphic image registration with cross-correlation",
    Medical Image Analysis 2008, eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0.0, 1.0, 256).reshape(1, 1, 16, 16)
    >>> print(f"{lncc_loss(image, image**2):.4f}")
    0.0287
    """
    function = "lncc_loss"
    width = odd_size(function, "window_size", window_size)
    valid = choice(function, "padding", padding, ("same", "valid")) == "valid"
    return windowed(
        function,
        partial(_local_dissimilarity, window=Window([1.0 / width] * width)),
        {"pred": pred, "target": target},
        reduction,
        width=width,
        border=None if valid else "reflect",
        where=where,
        sample_weight=sample_weight,
        max_val=1.0,
    )


@dataclass(frozen=True)
class LnccLoss:
    """Criterion of :func:`lncc_loss`: options first, arrays at the call."""

    window_size: int = 9
    reduction: Reduction = "mean"
    padding: Literal["same", "valid"] = "same"

    def __call__(
        self,
        pred: ArrayT,
        target: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return lncc_loss(
            pred,
            target,
            self.window_size,
            self.reduction,
            self.padding,
            where=where,
            sample_weight=sample_weight,
        )
