"""Structural similarity (SSIM) of images in one to three spatial axes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ._core.checks import choice, is_number, number, odd_size, positive
from ._core.filters import Borders, Window, gaussian
from ._core.local_moments import Moments, Omit, centre, moments
from ._core.numerics import at_most, within
from ._core.typing import Array, ArrayT, Namespace, Reduction
from ._core.windowed import LossMap, windowed

__all__ = ["SSIM3DLoss", "SSIMLoss", "ssim", "ssim3d_loss", "ssim_loss"]

Padding = Literal["same", "valid"]

SIGMA = 1.5
"""of the Gaussian window, in pixels, always"""

K1, K2 = 0.01, 0.03
"""what keeps the ratios finite, in units of the range"""


def ssim_loss(
    img1: ArrayT,
    img2: ArrayT,
    window_size: int,
    max_val: float = 1.0,
    eps: float = 1e-12,
    reduction: Reduction = "mean",
    padding: Padding = "same",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Structural dissimilarity: how far local means, contrasts and details differ.

    .. math::

       \ell = \operatorname{clip}\left(\frac{1 - \text{SSIM}}{2}, 0, 1\right), \qquad
       \text{SSIM} = \frac{2 \mu_x \mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1} \cdot
       \frac{2 \sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}

    with means and (co)variances under a Gaussian window of 1.5 pixels at each pixel,
    :math:`C_1 = (0.01 L)^2`, :math:`C_2 = (0.03 L)^2` and :math:`L` the `max_val`.

    Parameters
    ----------
    img1, img2
        Images of one shape (B, C, \*) with one, two or three spatial axes, of any real
        dtype. Integers are converted before they are subtracted.
    window_size
        Taps of the window along each spatial axis: odd; 11 in the paper.
    max_val
        Positive: the range of the pixels, 255 for uint8 images.
    eps
        Not negative: with D the product of the denominators the loss is multiplied by
        D/(D + eps), which fades it out where both images are black and flat.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    padding
        ``"same"`` reflects the images at their borders without repeating the edge and
        needs more pixels than half a window; ``"valid"`` takes whole windows alone and
        leaves ``window_size - 1`` pixels fewer along each spatial axis.
    where
        Boolean mask that broadcasts to the unreduced loss: elements of the map take no
        part where it is False, whatever pixels their windows hold.
    sample_weight
        Weights that broadcast to the unreduced loss; ``"mean"`` divides by their sum.
        One weight per image comes as (B, 1, 1, 1).

    Returns
    -------
    array
        In [0, 1], 0 for identical images. For ``"none"`` of the shape of the images,
        or smaller for ``"valid"``; otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: an even `window_size`, or one
        that does not fit into the images; `max_val` not positive.

    Notes
    -----
    Computed from the local moments of x + y and x - y, each without the mean of its
    plane: identical images give exactly 0, images that are alike keep all digits of
    the loss, and an offset common to all pixels costs none. In float32 a pixel of the
    map is right to about 1e-7 times the square of the contrast over :math:`C_2`.

    A pixel that is NaN or infinite makes the loss NaN in the windows that hold it, and
    nowhere else; where a map is returned or masked, so does one beyond
    :math:`10^{17} L`, such as a raster's fill value.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE TIP 2004, eq. 13.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0.0, 1.0, 256).reshape(1, 1, 16, 16)
    >>> print(f"{ssim_loss(image, image**2, window_size=11):.6f}")
    0.171202
    """
    return _windowed(
        "ssim_loss",
        _loss_map,
        img1,
        img2,
        window_size,
        max_val,
        eps,
        reduction,
        padding,
        where=where,
        sample_weight=sample_weight,
    )


@dataclass(frozen=True)
class SSIMLoss:
    """Criterion of :func:`ssim_loss`: options first, arrays at the call."""

    window_size: int
    max_val: float = 1.0
    eps: float = 1e-12
    reduction: Reduction = "mean"
    padding: Padding = "same"

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return ssim_loss(
            img1,
            img2,
            self.window_size,
            self.max_val,
            self.eps,
            self.reduction,
            self.padding,
            where=where,
            sample_weight=sample_weight,
        )


def ssim3d_loss(
    img1: ArrayT,
    img2: ArrayT,
    window_size: int,
    max_val: float = 1.0,
    eps: float = 1e-12,
    reduction: Reduction = "mean",
    padding: Padding = "same",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Structural dissimilarity of volumes: :func:`ssim_loss` of three spatial axes.

    Parameters
    ----------
    img1, img2
        Volumes of one shape (B, C, D, H, W), of any real dtype.
    window_size
        Taps of the window along each spatial axis: odd.
    max_val
        Positive: the range of the voxels.
    eps
        Not negative: see :func:`ssim_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    padding
        ``"same"`` or ``"valid"``: see :func:`ssim_loss`.
    where
        Boolean mask that broadcasts to the unreduced loss.
    sample_weight
        Weights that broadcast to the unreduced loss; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        In [0, 1], 0 for identical volumes; see :func:`ssim_loss`.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: images of two spatial axes.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE TIP 2004, eq. 13.

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.linspace(0.0, 1.0, 512).reshape(1, 1, 8, 8, 8)
    >>> print(f"{ssim3d_loss(volume, volume**2, window_size=3):.6f}")
    0.169777
    """
    return _windowed(
        "ssim3d_loss",
        _loss_map,
        img1,
        img2,
        window_size,
        max_val,
        eps,
        reduction,
        padding,
        where=where,
        sample_weight=sample_weight,
        spatial=(3,),
    )


@dataclass(frozen=True)
class SSIM3DLoss:
    """Criterion of :func:`ssim3d_loss`: options first, arrays at the call."""

    window_size: int
    max_val: float = 1.0
    eps: float = 1e-12
    reduction: Reduction = "mean"
    padding: Padding = "same"

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two volumes."""
        return ssim3d_loss(
            img1,
            img2,
            self.window_size,
            self.max_val,
            self.eps,
            self.reduction,
            self.padding,
            where=where,
            sample_weight=sample_weight,
        )


def ssim(
    img1: ArrayT,
    img2: ArrayT,
    window_size: int,
    max_val: float = 1.0,
    eps: float = 1e-12,
    padding: Padding = "same",
) -> ArrayT:
    r"""Map of the structural similarity, the measure itself: see :func:`ssim_loss`.

    Parameters
    ----------
    img1, img2
        Images of one shape (B, C, \*) with one, two or three spatial axes.
    window_size
        Taps of the window along each spatial axis: odd; 11 in the paper.
    max_val
        Positive: the range of the pixels.
    eps
        Not negative: see :func:`ssim_loss`. 0 is the paper's formula.
    padding
        ``"same"`` or ``"valid"``: see :func:`ssim_loss`.

    Returns
    -------
    array
        In [-1, 1], 1 where the images are alike: one number for each pixel and channel.
        Its mean is the SSIM of the images.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE TIP 2004, eq. 13.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0.0, 1.0, 256).reshape(1, 1, 16, 16)
    >>> print(f"{np.mean(ssim(image, image**2, window_size=11)):.6f}")
    0.657595
    """
    return _windowed(
        "ssim", _similarity_map, img1, img2, window_size, max_val, eps, "none", padding
    )


def _windowed(
    function: str,
    loss_map: LossMap,
    img1: ArrayT,
    img2: ArrayT,
    window_size: int,
    max_val: float,
    eps: float,
    reduction: Reduction,
    padding: Padding,
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
    spatial: Collection[int] = (1, 2, 3),
) -> ArrayT:
    width = odd_size(function, "window_size", window_size)
    valid = choice(function, "padding", padding, ("same", "valid")) == "valid"
    return windowed(
        function,
        partial(loss_map, window=gaussian(width, SIGMA)),
        {"img1": img1, "img2": img2},
        reduction,
        width=width,
        border=None if valid else "reflect",
        spatial=spatial,
        where=where,
        sample_weight=sample_weight,
        max_val=positive(function, "max_val", max_val),
        eps=number(function, "eps", eps, lambda v: v >= 0, "at least 0"),
    )


def _loss_map(xp: Namespace, *images: Any, **options: Any) -> Any:
    return within(xp, _dissimilarity(xp, *images, **options), 0.0, 1.0)


def _similarity_map(xp: Namespace, *images: Any, **options: Any) -> Any:
    return 1.0 - 2.0 * _loss_map(xp, *images, **options)


def _dissimilarity(
    xp: Namespace,
    img1: Any,
    img2: Any,
    borders: Borders,
    omit: Omit | None,
    *,
    window: Window,
    max_val: Any,
    eps: Any,
) -> Any:
    """Return (1 - SSIM)/2 at every window."""
    local = moments(xp, centre(xp, img1, img2, max_val, omit), window, borders)
    v, per_a = luminance(xp, local, K1)
    b = contrast(xp, local, K2)
    # l = 1 - 2v and cs = 1 - 2u/b, so that (1 - l cs)/2 = (u + v (b - 2u))/b has no
    # difference of large terms.
    u = local.variance_difference
    eps = 4.0 * _relative(xp, eps, max_val)
    return (u + v * (b - 2.0 * u)) / (b + eps * per_a)


def luminance(xp: Namespace, local: Moments, k: float) -> tuple[Any, Any]:
    """Return half of 1 - l = (μx - μy)²/(μx² + μy² + k²), and half of that reciprocal.

    Half the sum of the squares of x + y and x - y is that of x and y.
    """
    total, square = local.mean_total, local.mean_difference * local.mean_difference
    reciprocal = xp.reciprocal(total * total + square + 2.0 * k * k)
    return square * reciprocal, reciprocal


def contrast(xp: Namespace, local: Moments, k: float) -> Any:
    """Return twice σx² + σy² + k²."""
    both = local.variance_total + local.variance_difference
    return within(xp, both, 0.0, math.inf) + 2.0 * k * k


def _relative(xp: Namespace, eps: Any, max_val: Any) -> Any:
    """Return eps in units of the fourth power of the range, which may overflow."""
    eps = eps / max_val / max_val / max_val / max_val
    if is_number(eps):
        return eps if eps < LARGEST_EPS else LARGEST_EPS
    return at_most(xp, eps, LARGEST_EPS)


LARGEST_EPS = 1e30
"""Far beyond any D, whose reciprocal would overflow."""
