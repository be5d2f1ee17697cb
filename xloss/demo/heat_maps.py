"""Steep points of the photograph, and heat maps of where a degraded one has them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REACH = 2  # pixels from a point to the border of the patch it is known by
SPREAD = 0.1  # standard deviation of a pixel that the prediction assumes
WIDTH = 2.0  # standard deviation of a target, in pixels


class HeatMaps(NamedTuple):
    """Distributions over the pixels of each quarter, (B, 4, H // 2, W // 2)."""

    predicted: NDArray[np.float32]
    target: NDArray[np.float32]


def predict(degraded: NDArray[np.float32], clean: NDArray[np.float64]) -> HeatMaps:
    """Find a point in each quarter of a picture (C, H, W), and in degraded ones.

    A target is a Gaussian about the point. A prediction is the likelihood of the
    patches: of the clean picture itself it is largest at the point.
    """
    quarters = _quarters(clean.mean(axis=0))
    points = [steepest(quarter) for quarter in quarters]
    sought = list(zip(quarters, points, strict=True))
    target = [_gaussian(quarter.shape, *point) for quarter, point in sought]
    patches = [_patch(quarter, *point) for quarter, point in sought]
    predicted = [
        list(map(_likelihood, _quarters(image), patches))
        for image in degraded.mean(axis=1, dtype=np.float64)
    ]
    targets = np.repeat(np.asarray([target], np.float32), len(degraded), axis=0)
    return HeatMaps(np.asarray(predicted, np.float32), targets)


def steepest(image: NDArray[np.float64]) -> tuple[int, int]:
    """Return row and column of the largest gradient that has a whole patch around."""
    squares = np.asarray([np.gradient(image, axis=axis) ** 2 for axis in (0, 1)])
    inner = squares.sum(axis=0)[REACH:-REACH, REACH:-REACH]
    row, column = np.unravel_index(np.argmax(inner), inner.shape)
    return int(row) + REACH, int(column) + REACH


def _quarters(image: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    height, width = image.shape[0] // 2, image.shape[1] // 2
    rows, columns = ((slice(n), slice(-n, None)) for n in (height, width))
    return [image[row, column] for row in rows for column in columns]


def _patch(image: NDArray[np.float64], row: int, column: int) -> NDArray[np.float64]:
    rows, columns = (slice(n - REACH, n + REACH + 1) for n in (row, column))
    return image[rows, columns]


def _likelihood(
    image: NDArray[np.float64], patch: NDArray[np.float64]
) -> NDArray[np.float64]:
    padded = np.pad(image, REACH, mode="reflect")
    height, width = image.shape
    distance = np.zeros_like(image)
    for (i, j), value in np.ndenumerate(patch):
        distance += (padded[i : i + height, j : j + width] - value) ** 2
    # of the mean over the patch, so that no pixel is out of the question
    return _normalized(np.exp(-0.5 * distance / (patch.size * SPREAD**2)))


def _gaussian(shape: tuple[int, ...], row: int, column: int) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    square = (rows - row) ** 2 + (columns - column) ** 2
    return _normalized(np.exp(-0.5 * square / WIDTH**2))


def _normalized(values: NDArray[np.float64]) -> NDArray[np.float64]:
    normalized: NDArray[np.float64] = values / values.sum()
    return normalized
