"""Mutual information and cross-correlation as a textbook prints them."""

import math
from collections.abc import Callable
from typing import Any

BINS = 64
WINDOW = 9

Mean = Callable[[Any], Any]


def mutual_information(
    xp: Any, x: Any, y: Any, kernel: str = "xu", normalized: bool = False
) -> Any:
    """Weigh each sample for each bin; a product of matrices is the joint histogram."""
    weights = {"xu": _xu, "truncated_gaussian": _truncated_gaussian}[kernel]
    bins = xp.arange(BINS, dtype=x.dtype)[:, None]
    joint = weights(xp, bins - _places(x)) @ weights(xp, bins - _places(y)).T
    return _loss(xp, joint, normalized)


def scattered(xp: Any, x: Any, y: Any) -> Any:
    """Add each sample to the four pairs of bins around it, with Xu's weights."""
    width = BINS + 1  # the last sample has a next bin too, with weight 0
    (first_x, shares_x), (first_y, shares_y) = (_around(xp, z) for z in (x, y))
    joint = xp.zeros(width * width)
    for i, share_x in enumerate(shares_x):
        for j, share_y in enumerate(shares_y):
            cell = (first_x + i) * width + first_y + j
            joint += xp.bincount(cell, share_x * share_y, width * width)
    return _loss(xp, joint.reshape(width, width), normalized=False)


def _around(xp: Any, x: Any) -> tuple[Any, tuple[Any, Any]]:
    place = _places(x)
    first = xp.floor(place)
    offset = place - first
    return first.astype(xp.intp), (_xu(xp, offset), _xu(xp, 1 - offset))


def _places(x: Any) -> Any:
    return (x - x.min()) / (x.max() - x.min()) * (BINS - 1)


def _xu(xp: Any, distance: Any) -> Any:
    u = abs(distance)
    outer = xp.where(u <= 1, 1.9 - 3.7 * u + 1.8 * u**2, 0)
    return xp.where(u < 0.5, 1 - 0.1 * u - 1.8 * u**2, outer)


def _truncated_gaussian(xp: Any, distance: Any) -> Any:
    density = xp.exp(-0.5 * distance**2) / math.sqrt(2 * math.pi)
    return xp.where(abs(distance) <= 1, density, 0)


def _loss(xp: Any, joint: Any, normalized: bool) -> Any:
    p = joint / joint.sum()
    parts = p.sum(0), p.sum(1), p.ravel()
    first, second, both = (_entropy(xp, part) for part in parts)
    if normalized:
        return -(first + second) / both
    return -(first + second - both)


def _entropy(xp: Any, p: Any) -> Any:
    # Of an empty bin nothing; Xu's weights may add up to less than nothing.
    return -(p * xp.log(xp.where(p > 0, p, 1))).sum()


def ncc(x: Any, y: Any) -> Any:
    axes = 2, 3
    x, y = (z - z.mean(axes, keepdims=True) for z in (x, y))
    squares = (x * x).sum(axes) * (y * y).sum(axes)
    return (1 - (x * y).sum(axes) / squares**0.5).mean()


def lncc(mean: Mean, x: Any, y: Any) -> Any:
    """Take local moments by a function that averages over windows."""
    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    return (1 - covariance**2 / (variance_x * variance_y)).mean()
