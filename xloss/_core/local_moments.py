"""Local means and variances of two images, with digits left at any offset.

E[x²] - E[x]² cancels: at an offset of 100 times the contrast float32 has nothing left.
A variance does not depend on a constant, so each plane is taken without its own mean.
And of two images that are alike, the difference has small moments of its own: those of
the sum and the difference take four filters, one less than x, y, x², y² and xy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .checks import is_number
from .filters import Borders, Window, correlate
from .namespace import cast, full, is_numpy
from .numerics import at_least, detach
from .typing import Namespace

__all__ = [
    "Centred",
    "Moments",
    "Omit",
    "centre",
    "moments",
    "plane_constant",
    "unusable",
    "windows_with",
]


class Centred(NamedTuple):
    """Two images (B, C, *) in units of the range, less a constant for each plane."""

    total: Any
    """x + y"""
    difference: Any
    """x - y"""
    constants: tuple[Any, Any]
    """what x and y lack, (B, C, 1, ...)"""


class Moments(NamedTuple):
    """Local means and variances of x + y and of x - y; these may round below 0."""

    mean_total: Any
    mean_difference: Any
    variance_total: Any
    variance_difference: Any


class Omit(NamedTuple):
    """Pixels of images (B, C, *) to leave out, and those that a plane is centred by."""

    pixels: Any
    """whether a pixel is left out"""
    centres: tuple[Any, ...]
    """index of the pixels at the centres of windows"""
    counted: Any
    """of these, whether the window counts"""


def centre(
    xp: Namespace, x: Any, y: Any, max_val: Any, omit: Omit | None = None
) -> Centred:
    """Return the sum and the difference of two images without their planes' constants.

    Pixels to omit are given the constant of their plane.
    """
    if omit is not None:
        x, y = xp.where(omit.pixels, 0.0, x), xp.where(omit.pixels, 0.0, y)
    # The constant of the difference itself: 0 for images that are identical, in
    # whatever order in memory, in which the sum of each may be rounded differently.
    difference = x - y
    a, gap = plane_constant(xp, x, omit), plane_constant(xp, difference, omit)
    b = a - gap
    total, difference = (x - a) + (y - b), difference - gap
    if omit is not None:
        total = xp.where(omit.pixels, 0.0, total)
        difference = xp.where(omit.pixels, 0.0, difference)
    if is_number(max_val) and max_val == 1.0:
        return Centred(total, difference, (a, b))
    constants = a / max_val, b / max_val
    return Centred(total / max_val, difference / max_val, constants)


def plane_constant(xp: Namespace, image: Any, omit: Omit | None) -> Any:
    """Return the mean of each plane; it need not be exact, nor differentiated.

    Whatever no window that counts is centred at, such as the fill value of a raster,
    would only draw the mean away from the pixels that matter.
    """
    image = detach(xp, image)
    if is_numpy(xp):  # along strides it adds up one by one, and a float32 mean is off
        image = xp.ascontiguousarray(image)
    axes = tuple(range(2, image.ndim))
    if omit is None:
        return xp.mean(image, axis=axes, keepdims=True)
    counted = omit.counted
    image = xp.where(counted, image[omit.centres], 0.0)
    count = xp.sum(cast(xp, counted, image.dtype), axis=axes, keepdims=True)
    return xp.sum(image, axis=axes, keepdims=True) / at_least(xp, count, 1.0)


def moments(
    xp: Namespace, images: Centred, window: Window, borders: Borders
) -> Moments:
    """Return the local moments of two images, beyond whose ends may be zeros."""
    total, difference, (a, b) = images
    sum_, sum_variance = _mean_and_variance(xp, total, window, borders)
    gap, gap_variance = _mean_and_variance(xp, difference, window, borders)
    if any("zeros" in pair for pair in borders):
        # With a share p of the window outside, where images are 0, a constant c adds
        # (1 - p) c to the mean and p c (2 mean + (1 - p) c) to the variance.
        outside = _share_outside(xp, total, window, borders)
        inside = 1.0 - outside
        # In this order autograd keeps what is small.
        for_sum = (a + b) * (2.0 * sum_ + inside * (a + b))
        for_gap = (a - b) * (2.0 * gap + inside * (a - b))
        sum_variance = sum_variance + outside * for_sum
        gap_variance = gap_variance + outside * for_gap
        a, b = inside * a, inside * b
    return Moments(sum_ + (a + b), gap + (a - b), sum_variance, gap_variance)


def _mean_and_variance(
    xp: Namespace, x: Any, window: Window, borders: Borders
) -> tuple[Any, Any]:
    mean = correlate(xp, x, window, borders)
    return mean, correlate(xp, x * x, window, borders) - mean * mean


def _share_outside(xp: Namespace, x: Any, window: Window, borders: Borders) -> Any:
    """Return how much of a window's weight lies on a zero border, in 1 to 3 axes."""
    share = None
    for axis, border in zip(range(-len(borders), 0), borders, strict=True):
        first, last = ("ones" if end == "zeros" else end for end in border)
        line = full(xp, (x.shape[axis],), 0.0, x)
        part = correlate(xp, line, window, [(first, last)])
        shape = [1] * x.ndim
        shape[axis] = -1
        part = xp.reshape(part, tuple(shape))
        share = part if share is None else share + part - share * part
    return share


def unusable(xp: Namespace, x: Any, y: Any, max_val: Any) -> Any:
    """Return where either image is NaN, infinite, or too large to be squared."""
    bound = 2.0**57
    return ~((xp.abs(x) / max_val <= bound) & (xp.abs(y) / max_val <= bound))


def windows_with(
    xp: Namespace, pixels: Any, like: Any, width: int, borders: Borders
) -> Any:
    """Return the windows that hold a marked pixel.

    A matrix product carries NaN beyond its windows, because 0 times NaN is NaN.
    """
    return (
        correlate(xp, cast(xp, pixels, like.dtype), Window([1.0] * width), borders)
        > 0.5
    )
