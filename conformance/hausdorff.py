"""The Hausdorff loss by erosion, by loops over erosions and pixels.

Errors, their averages and their extremes are fractions: a tie is one, and no rounding
makes or breaks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray

from conformance.case import Case, Data
from conformance.reference import Golden, Number, floats, mpf_of
from conformance.windows import DIGITS, Plane

Exact: TypeAlias = NDArray[Any]  # of Fraction
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Erosion:
    """e = (r − min r)/(max r − min r), r = max(M∗b − ½, 0), b being the map before.

    Where all of r are equal they are e as they are.
    """

    excess: Exact
    low: Fraction
    extent: Fraction

    @property
    def eroded(self) -> Exact:
        rescaled: Exact = (self.excess - self.low) / (self.extent or 1)
        return rescaled if self.extent else self.excess

    def pull_back(self, slopes: Plane) -> Plane:
        """Slopes in b from those in e; ties of an extreme share its slope."""
        if self.extent:
            extent = mpf_of(self.extent)
            by_low = by_high = mpf(0)
            for place, slope in np.ndenumerate(slopes):
                share = mpf_of((self.excess[place] - self.low) / self.extent)
                by_low -= slope * (1 - share) / extent
                by_high -= slope * share / extent
            slopes = slopes / extent
            for extreme, slope in (
                (self.low, by_low),
                (self.low + self.extent, by_high),
            ):
                ties = self.excess == extreme
                slopes = slopes + ties * (slope / int(np.sum(ties)))
        # At its kink, which is 0, the maximum has no slope.
        return average(np.where(self.excess > 0, slopes, mpf(0)))


def erosion(before: Exact) -> Erosion:
    """The next map."""
    excess = average(before) - HALF
    excess = excess * (excess > 0)
    low, high = excess.min(), excess.max()
    return Erosion(excess, low, high - low)


def average(plane: Plane) -> Plane:
    """The mean of a pixel and its nearest neighbours, with zeros beyond the borders.

    It is its own transpose.
    """
    result = plane.copy()
    for place in np.ndindex(plane.shape):
        result[place] = sum((plane[near] for near in around(place, plane.shape)), 0)
    return result / (2 * plane.ndim + 1)


def around(place: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """A pixel, and those beside it along an axis."""
    yield place
    for axis, length in enumerate(shape):
        for step in (-1, 1):
            if 0 <= place[axis] + step < length:
                yield (*place[:axis], place[axis] + step, *place[axis + 1 :])


def hausdorff(case: Case) -> Golden:
    """Σ i^α·e_i over k erosions of e_0 = (p_c − [t = c])², class by class.

    Karimi & Salcudean 2020, eq. 10, with every map rescaled to its range.
    """
    with mp.workdps(DIGITS):
        return _hausdorff(case)


def _hausdorff(case: Case) -> Golden:
    pred, target = case.arrays["pred"], case.arrays["target"]
    alpha, k = mpf(case.options.get("alpha", 2.0)), case.options.get("k", 10)
    reduction = case.options.get("reduction", "mean")
    weights = [mpf(i) ** alpha for i in range(1, int(k) + 1)]  # type: ignore[arg-type]
    scale = mpf(1) / max(pred.size, 1) if reduction == "mean" else mpf(1)
    maps, slopes = np.full((2, *pred.shape), mpf(0))
    for sample, c in np.ndindex(pred.shape[:2]):
        labels = target[sample, 0].astype(np.int64)
        if np.any((labels < 0) | (labels >= pred.shape[1])):
            maps[sample, c] = mp.nan
            continue
        residual = fractions(pred[sample, c]) - (labels == c)
        maps[sample, c], by_error = _loss(residual**2, weights, slopes=case.gradient)
        slopes[sample, c] = scale * by_error * 2 * in_mpf(residual)
    value = _reduced(maps, str(reduction), scale)
    by_pred = floats(slopes.ravel()).reshape(pred.shape)
    return Golden(value, {"pred": by_pred} if case.gradient else {})


def _reduced(maps: Plane, reduction: str, scale: Number) -> Data:
    """Maps (B, C, *) as (C, B, 1, *), or in one number."""
    if reduction != "none":
        return np.asarray(float(mp.fsum(maps.ravel()) * scale))
    found = floats(maps.ravel()).reshape(maps.shape)
    return np.expand_dims(np.swapaxes(found, 0, 1), 2)


def _loss(
    errors: Exact, weights: list[Number], *, slopes: bool
) -> tuple[Plane, Plane | Number]:
    """The loss of a map of errors, and the slopes of its sum in them."""
    erosions: list[Erosion] = []
    value = np.full(errors.shape, mpf(0))
    for weight in weights:
        erosions.append(erosion(erosions[-1].eroded if erosions else errors))
        value = value + weight * in_mpf(erosions[-1].eroded)
    by_error = np.full(errors.shape, mpf(0))
    for step, weight in zip(erosions[::-1], weights[::-1], strict=True):
        if slopes:
            by_error = step.pull_back(by_error + weight)
    return value, by_error


def fractions(array: Data) -> Exact:
    """The same numbers."""
    exact = array.astype(object)
    for place, number in np.ndenumerate(exact):
        exact[place] = Fraction(number)
    return exact


def in_mpf(plane: Exact) -> Plane:
    """Fractions in high precision."""
    numbers = plane.copy()
    for place, number in np.ndenumerate(plane):
        numbers[place] = mpf_of(number)
    return numbers
