"""Losses of windows on NumPy: in strips of rows that stay in the processor's cache.

A strip takes along the rows that its windows reach into, so that it needs nothing of
its neighbours: a fraction of the time of whole images, and a few MiB at any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from .filters import Border, Borders

__all__ = ["Strip", "strips"]

SIZE = 64 * 1024
"""elements of a strip, about: larger ones leave the cache, smaller ones cost calls"""

HEAP = 8 * 2**20
"""bytes: what the temporaries of a strip take, in float64"""

PER_CLASS = 4
"""times as many where all classes of a pixel stay together: most of the calls are on
one number for each pixel"""

LEAST = 32
"""rows: below, a strip of a window of 11 reads half as much again as it writes"""


class Strip(NamedTuple):
    """A part of images (B, C, *), and the part of their map that follows from it."""

    images: tuple[slice, ...]
    map: tuple[slice, ...]
    borders: Borders


def strips(
    shape: tuple[int, ...], overlap: int, border: Border, whole_channels: bool = False
) -> Iterator[Strip]:
    """Cut images of a shape into strips, for windows of overlap + 1 pixels.

    `border` lies beyond the ends of every spatial axis; `whole_channels` keeps the
    channels of a pixel together.
    """
    # As in numpy_blocks: whatever is smaller, a strip's temporaries, then stays in
    # the heap (twice as fast where nothing larger was freed before).
    np.empty(HEAP, np.uint8)
    if len(shape) == 2:  # samples without pixels
        step = max(1, PER_CLASS * SIZE // max(1, shape[1]))
        for b in range(0, shape[0], step):
            lead = slice(b, b + step), slice(None)
            yield Strip(lead, lead, ())
        return
    height = shape[2] - (0 if border else overlap)
    size, least = (SIZE, LEAST) if overlap else (PER_CLASS * SIZE, 1)
    batch, channels, rows = _steps(
        (*shape[:2], height, *shape[3:]), whole_channels, size, least
    )
    bounds = _even_cuts(height, max(rows, overlap))
    inner = ((border, border),) * (len(shape) - 3)
    for b, c, (start, stop) in product(
        range(0, shape[0], batch), range(0, shape[1], channels), pairwise(bounds)
    ):
        lead = slice(b, b + batch), slice(c, c + channels)
        if border:
            read = slice(max(0, start - overlap // 2), stop + overlap // 2)
            ends = border if start == 0 else None, border if stop == height else None
        else:
            read, ends = slice(start, stop + overlap), (None, None)
        images, part = (*lead, read), (*lead, slice(start, stop))
        yield Strip(images, part, (ends, *inner))


def _steps(
    shape: tuple[int, ...], whole_channels: bool, size: int, least: int
) -> tuple[int, int, int]:
    """Return how many samples, channels and rows make up a strip."""
    _, channels, height, *rest = shape
    row = max(1, math.prod(rest))
    plane = max(1, height * row)
    if channels * plane <= size:
        return max(1, size // max(1, channels * plane)), max(1, channels), height
    if whole_channels:
        row *= channels
    elif plane <= size:
        return 1, size // plane, height
    return 1, channels if whole_channels else 1, max(least, size // row)


def _even_cuts(length: int, step: int) -> list[int]:
    """Return 0, ..., length in steps about as long as asked for, and never half."""
    count = max(1, length // max(1, step))
    return [length * i // count for i in range(count + 1)]
