"""Joint histograms of two signals, each sample spread over a few bins by a kernel.

Only the bins within a kernel's radius get a share of a sample: as many weights as such
bins, where those of all bins would take num_bins times the memory of the signal. The
shares of all samples with one pair of first bins are added up; shifted by their places
among the shares, these sums are the histogram.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from .namespace import cast, default_integer, full, indices, is_numpy
from .numerics import (
    absolute,
    at_least,
    at_most,
    binned,
    clip,
    detach,
    select,
)
from .numpy_blocks import tiles
from .typing import Namespace

__all__ = ["Binning", "MIKernel", "joint_histogram"]


class MIKernel(Enum):
    """Kernels that spread a sample over bins, of u = distance/radius up to 1.

    The value of a member stands for it: ``kernel_function="xu"``.
    """

    xu = "xu"
    """1 - 0.1u - 1.8u² to u = 1/2, from there 1.9 - 3.7u + 1.8u² (Xu et al., 2008,
    eq. 22): at radius 1 the weights of a sample sum to 1"""
    rectangular = "rectangular"
    """1: a sample counts whole in every bin within the radius; without gradient"""
    truncated_gaussian = "truncated_gaussian"
    """a normal density whose standard deviation is the radius, cut off there"""


class Binning(NamedTuple):
    """How samples are spread over bins."""

    kernel: MIKernel
    num_bins: int
    radius: float
    """in bins"""

    @property
    def shares(self) -> int:
        """How many bins a sample may fall into."""
        width = min(2.0 * self.radius, float(self.num_bins))
        if self.kernel is MIKernel.xu:  # 0 at the radius itself
            return math.ceil(width)
        return min(math.floor(width) + 1, self.num_bins)


class _Scale(NamedTuple):
    """From a signal to bins: (x - low) factor/divisor, each (L, 1)."""

    low: Any
    high: Any
    factor: Any
    divisor: Any
    """NaN or inf where the signal has such a sample"""
    top: Any
    """the bin of the largest sample: the last one, or 0 for a constant signal"""


def joint_histogram(
    xp: Namespace, signals: Any, masks: Any, binning: Binning, compute: Any
) -> Any:
    """Return the weights of pairs of bins, (L, num_bins, num_bins).

    Parameters
    ----------
    xp, signals
        Two arrays (L, N) of one shape.
    masks
        (N,) for each, or None. A signal is scaled to the bins by its range within its
        own mask, and a sample counts where both masks hold.
    binning, compute
        How samples are spread, and the dtype to compute in.
    """
    if 0 in signals[0].shape:
        bins = binning.num_bins, binning.num_bins
        x, y = [cast(xp, signal, compute) for signal in signals]
        nothing = 0.0 * xp.sum(x + y)  # of which autograd knows where it came from
        return full(xp, (x.shape[0], *bins), 0.0, x) + nothing
    if is_numpy(xp):
        return _in_tiles(xp, signals, masks, binning, compute)
    signals = [cast(xp, x, compute) for x in signals]
    extremes = [_extremes(xp, *side) for side in zip(signals, masks, strict=True)]
    return _joint(xp, signals, masks, extremes, binning)


def _in_tiles(
    xp: Namespace, signals: Any, masks: Any, binning: Binning, compute: Any
) -> Any:
    """Return the same from blocks of samples, for little memory at any size."""
    count = len(signals[0])
    low = np.full((2, count, 1), np.inf, compute)
    high = -low
    joint = np.zeros((count, binning.num_bins, binning.num_bins))
    cuts = list(tiles(signals[0].shape))
    for rows, columns in cuts:
        parts = _parts(signals, masks, rows, columns, compute)
        for i, (x, mask) in enumerate(zip(*parts, strict=True)):
            least, most = _extremes(xp, x, mask)
            low[i, rows] = np.minimum(low[i, rows], least)
            high[i, rows] = np.maximum(high[i, rows], most)
    for rows, columns in cuts:
        parts = _parts(signals, masks, rows, columns, compute)
        extremes = [(low[i, rows], high[i, rows]) for i in range(2)]
        joint[rows] += _joint(xp, *parts, extremes, binning)
    return joint


def _parts(
    signals: Any, masks: Any, rows: slice, columns: slice, compute: Any
) -> tuple[Any, Any]:
    part = [cast(np, x[rows, columns], compute) for x in signals]
    return part, [None if mask is None else mask[columns] for mask in masks]


def _extremes(xp: Namespace, x: Any, mask: Any) -> tuple[Any, Any]:
    """Return the extremes (L, 1) of a signal within its mask."""
    if mask is not None:
        mask = xp.expand_dims(mask, axis=0)
    low = x if mask is None else xp.where(mask, x, xp.inf)
    high = x if mask is None else xp.where(mask, x, -xp.inf)
    return xp.min(low, axis=-1, keepdims=True), xp.max(high, axis=-1, keepdims=True)


def _joint(
    xp: Namespace, signals: Any, masks: Any, extremes: Any, binning: Binning
) -> Any:
    """Return the histogram of the samples of both signals."""
    last = binning.num_bins - 1.0
    scales = [_scale(xp, low, high, last) for low, high in extremes]
    places = [_places(xp, *side) for side in zip(signals, masks, scales, strict=True)]
    (first_x, shares_x), (first_y, shares_y) = [
        _spread(xp, place, binning) for place in places
    ]
    for mask in masks:
        if mask is not None:
            mask = xp.reshape(mask, (1, 1, -1))
            shares_x = shares_x * cast(xp, mask, shares_x.dtype)
    count, bins = binning.shares, binning.num_bins
    # Bins before the first one are only there to be shifted in.
    width = bins + count - 1
    cell = (first_x + (count - 1)) * width + (first_y + (count - 1))
    joint: Any = 0.0
    for i in range(count):
        sums = binned(xp, cell, shares_x[:, i : i + 1, :] * shares_y, width * width)
        sums = xp.reshape(sums, (sums.shape[0], count, width, width))
        row = slice(count - 1 - i, count - 1 - i + bins)
        for j in range(count):
            column = slice(count - 1 - j, count - 1 - j + bins)
            joint = joint + sums[:, j, row, column]
    spoiled = xp.expand_dims(0.0 * (scales[0].divisor + scales[1].divisor), axis=-1)
    return joint + cast(xp, spoiled, joint.dtype)


def _scale(xp: Namespace, low: Any, high: Any, last: float) -> _Scale:
    extent = high - low  # -inf outside of any mask
    flat = extent <= 0.0
    # Its multiples may overflow, and its square, in slopes, underflow too.
    far = 40 if extent.dtype == xp.float32 else 300
    one = xp.ones_like(extent)
    unit = xp.where(extent < 2.0**-far, 4.0**far * one, one)
    unit = xp.where(extent > 2.0**far, 4.0**-far * one, unit)
    return _Scale(
        xp.where(extent < 0.0, 0.0, low),
        high,
        xp.where(flat, 0.0, last * unit),
        xp.where(flat, 1.0, extent * unit),
        xp.where(flat, 0.0, last * one),
    )


def _places(xp: Namespace, x: Any, mask: Any, scale: _Scale) -> Any:
    """Return where samples lie among the bins, from 0 to the last.

    Multiplied before it is divided: a sample that belongs on a bin comes to lie on it,
    and the largest one is put there.
    """
    if mask is not None:
        x = xp.where(xp.expand_dims(mask, axis=0), x, scale.low)
    place = (x - scale.low) * scale.factor / scale.divisor
    rounding = scale.top - detach(xp, place)
    return place + xp.where(x >= scale.high, rounding, 0.0)


def _spread(xp: Namespace, place: Any, binning: Binning) -> tuple[Any, Any]:
    """Return the first bin (L, N) and the shares (L, K, N) of it and those after it."""
    first = at_least(xp, xp.ceil(detach(xp, place) - binning.radius), 0.0)
    offset = xp.expand_dims(place - first, axis=1)
    steps = indices(xp, binning.shares, offset, axis=1)
    distance = absolute(xp, steps - offset)
    index = cast(xp, first, default_integer(xp, first))
    # no number became any number; its row is marked by its scale
    index = clip(xp, index, 0, binning.num_bins - 1)
    u = distance / binning.radius
    if binning.radius < 1e-9:  # of which the square would overflow
        u = at_most(xp, u, 2.0)
    return index, _weights(xp, u, binning.kernel)


def _weights(xp: Namespace, u: Any, kernel: MIKernel) -> Any:
    """Return a kernel at u = distance/radius, with slope 0 at u = 1."""
    if kernel is MIKernel.rectangular:
        return cast(xp, u <= 1.0, u.dtype)
    if kernel is MIKernel.xu:
        inner = 1.0 - (0.1 + 1.8 * u) * u
        outer = (1.0 - u) * (1.9 - 1.8 * u)  # expanded it is negative near 1
        near = u < 0.5
        return select(xp, near, inner) + select(xp, ~near & (u < 1.0), outer)
    # the factor of the density is that of all weights
    edge = cast(xp, u == 1.0, u.dtype) * math.exp(-0.5)
    return select(xp, u < 1.0, xp.exp(-0.5 * u * u)) + edge
