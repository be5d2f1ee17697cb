"""Local statistics of two images in high precision, and the transpose of their means.

The windows of the similarities are weighted means around each pixel. E[x²] − E[x]², the
textbook variance, loses every digit in floating point beside a large mean; with
`DIGITS` it does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import exp, mp, mpf
from numpy.typing import NDArray

from conformance.case import Data
from conformance.reference import Floats, Number, floats

Plane = NDArray[Any]  # of mpf
Row = dict[int, Number]

# An offset of 30000 in the square of a mean square takes 18; a difference quotient with
# a step of 1e-40 takes 40, and has an error of about its square.
DIGITS = 120
STEP = mpf(10) ** -40


@dataclass(frozen=True)
class Windows:
    """The windows of all pixels: for each axis a matrix, row by row.

    Along an axis, row k holds the weights of the pixels in the k-th window; the weight
    in several axes is the product.
    """

    shape: tuple[int, ...]  # of the images
    rows: tuple[list[Row], ...]

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Number of windows along each axis."""
        return tuple(map(len, self.rows))

    def mean(self, plane: Plane) -> Plane:
        """E[plane], the weighted mean over each window."""
        for axis, rows in enumerate(self.rows):
            plane = _multiply(rows, plane, axis)
        return plane

    def transpose(self, plane: Plane) -> Plane:
        """Gradient of Σ plane·E[z] with respect to z."""
        for axis, (rows, length) in enumerate(zip(self.rows, self.shape, strict=True)):
            columns: list[Row] = [{} for _ in range(length)]
            for k, row in enumerate(rows):
                for i, weight in row.items():
                    columns[i][k] = weight
            plane = _multiply(columns, plane, axis)
        return plane


def gaussian_windows(
    shape: tuple[int, ...], size: int, sigma: float, border: str
) -> Windows:
    """Windows of exp(−d²/2σ²) with `size` taps per axis, normalised to sum 1.

    `border` is what lies outside of the image: its reflection about the outermost pixel
    ("same"), zeros ("zero"), or nothing, so that windows stay inside ("valid").
    """
    taps = [
        exp(-(mpf(i - size // 2) ** 2) / (2 * mpf(sigma) ** 2)) for i in range(size)
    ]
    return _windows(shape, taps, border)


def box_windows(shape: tuple[int, ...], size: int, border: str) -> Windows:
    """Windows whose pixels all count the same."""
    return _windows(shape, [mpf(1)] * size, border)


def _windows(shape: tuple[int, ...], taps: list[Number], border: str) -> Windows:
    taps = [tap / mp.fsum(taps) for tap in taps]
    return Windows(shape, tuple(_rows(length, taps, border) for length in shape))


def _rows(length: int, taps: list[Number], border: str) -> list[Row]:
    half = len(taps) // 2
    margin = half if border == "valid" else 0
    rows = []
    for centre in range(margin, length - margin):
        row: Row = {}
        for place, tap in enumerate(taps, centre - half):
            inside = _reflect(place, length) if border == "same" else place
            if 0 <= inside < length:
                row[inside] = row.get(inside, 0) + tap
        rows.append(row)
    return rows


def _reflect(place: int, length: int) -> int:
    """… 2 1 0 1 2 … : the outermost pixel is not repeated."""
    place = abs(place)
    return min(place, 2 * (length - 1) - place)


def _multiply(rows: Sequence[Row], plane: Plane, axis: int) -> Plane:
    """The matrix with these rows times `plane`, along one axis."""
    lines = np.moveaxis(plane, axis, -1)
    product = np.empty((*lines.shape[:-1], len(rows)), dtype=object)
    for index in np.ndindex(product.shape):
        line = lines[index[:-1]]
        product[index] = mp.fdot((w, line[i]) for i, w in rows[index[-1]].items())
    return np.moveaxis(product, -1, axis)


def exact(array: Data) -> Plane:
    """The same numbers as mpf."""
    plane = array.astype(object)
    for place, number in np.ndenumerate(plane):
        plane[place] = mpf(number)
    return plane


@dataclass(frozen=True)
class Local:
    """A map computed from two planes window by window, and its transpose.

    `pull_back` takes a gradient in the map and gives those in the two planes.
    """

    value: Plane
    pull_back: Callable[[Plane], list[Plane]]


def local(
    function: Callable[[Plane], Number],
    windows: Sequence[Windows],
    x: Plane,
    y: Plane,
) -> Local:
    """The map of a function of the moments, five of them for each kind of windows."""
    m = np.concatenate([_moments(w, x, y) for w in windows], axis=-1)
    places = list(np.ndindex(m.shape[:-1]))
    value = np.empty(m.shape[:-1], dtype=object)
    for place in places:
        value[place] = function(m[place])

    def pull_back(gradient: Plane) -> list[Plane]:
        slopes = np.full(m.shape, mpf(0))
        for place in places:
            if gradient[place] != 0:  # others may have a NaN in their window
                slopes[place] = gradient[place] * differentiate(function, m[place])
        parts = [
            _pull_back(w, x, y, slopes[..., 5 * k : 5 * k + 5])
            for k, w in enumerate(windows)
        ]
        return [sum(part) for part in zip(*parts, strict=True)]

    return Local(value, pull_back)


def _moments(windows: Windows, x: Plane, y: Plane) -> Plane:
    """E[x], E[y], E[x²], E[y²] and E[xy] along the last axis."""
    return np.stack([windows.mean(z) for z in (x, y, x * x, y * y, x * y)], axis=-1)


def _pull_back(windows: Windows, x: Plane, y: Plane, slopes: Plane) -> list[Plane]:
    """Gradients in x and y from those in the moments."""
    by_x, by_y, by_xx, by_yy, by_xy = (
        windows.transpose(slopes[..., k]) for k in range(5)
    )
    return [
        by_x + 2 * _times(by_xx, x) + _times(by_xy, y),
        by_y + 2 * _times(by_yy, y) + _times(by_xy, x),
    ]


def _times(slope: Plane, factor: Plane) -> Plane:
    """Product, 0 where the slope is 0: a NaN that no window counts has no part."""
    return np.where(slope == 0, mpf(0), slope * factor)


def differentiate(function: Callable[[Plane], Number], point: Plane) -> Plane:
    """Partial derivatives, each as a central difference."""
    partials = np.empty(point.shape, dtype=object)
    for k in range(len(point)):
        step = np.full(point.shape, mpf(0))
        step[k] = STEP
        partials[k] = (function(point + step) - function(point - step)) / (2 * STEP)
    return partials


def rounded(plane: Plane) -> Floats:
    """As float64, without what difference quotients leave where the slope is 0."""
    numbers = [mp.chop(number, tol=1e-30) for number in plane.ravel()]
    return floats(numbers).reshape(plane.shape)
