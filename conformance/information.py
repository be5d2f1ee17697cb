"""Mutual information of two signals by a joint Parzen histogram, sample by sample.

Where a sample lies among the bins is a fraction: on a bin, or at the radius from one,
it is exactly, and no rounding puts it beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from mpmath import exp, log, mp, mpf

from conformance.reference import Number, mpf_of
from conformance.rows import Scored

Row: TypeAlias = Sequence[float]
Mask: TypeAlias = Sequence[bool] | None
Cell: TypeAlias = tuple[int, int]
Kernel: TypeAlias = Callable[[Fraction], tuple[Number, Number]]


class Share(NamedTuple):
    """What a sample adds to a bin, and the slope in the place of the sample."""

    bin: int
    weight: Number
    slope: Number


def xu(u: Fraction) -> tuple[Number, Number]:
    """1 − 0.1u − 1.8u² to u = ½, 1.9 − 3.7u + 1.8u² to u = 1 (Xu et al. 2008, eq. 22).

    With the slope, which is 0 at 0 and at 1.
    """
    if 2 * u < 1:
        weight, slope = 10 - u - 18 * u**2, -1 - 36 * u
    else:
        weight, slope = 19 - 37 * u + 18 * u**2, 36 * u - 37
    return mpf_of(weight / 10), mpf_of(slope / 10 if 0 < u < 1 else Fraction(0))


def rectangular(_: Fraction) -> tuple[Number, Number]:
    """1, without slope."""
    return mpf(1), mpf(0)


def truncated_gaussian(u: Fraction) -> tuple[Number, Number]:
    """exp(−u²/2), the factor of the normal density being that of all bins."""
    density = exp(-(mpf_of(u) ** 2) / 2)
    return density, -mpf_of(u) * density if u < 1 else mpf(0)


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel for kernel in (xu, rectangular, truncated_gaussian)
}


@dataclass(frozen=True)
class Signal:
    """A signal; its range within its mask goes from the first to the last bin."""

    numbers: Sequence[Fraction | None]  # None: not in the mask
    num_bins: int

    @property
    def low(self) -> Fraction:
        return min((x for x in self.numbers if x is not None), default=Fraction(0))

    @property
    def extent(self) -> Fraction:
        known = [x for x in self.numbers if x is not None]
        return max(known, default=Fraction(0)) - self.low

    def places(self) -> list[Fraction | None]:
        """x′ = (x − min)/(max − min)·(num_bins − 1), 0 where all are equal."""
        low, extent = self.low, self.extent
        return [
            None if x is None else (x - low) / (extent or 1) * (self.num_bins - 1)
            for x in self.numbers
        ]

    def pull_back(self, slopes: Sequence[Number]) -> list[Number]:
        """Slopes in the numbers from those in their places.

        Each moves its own place, and the extremes move all; ties share an extreme's.
        """
        low, extent = self.low, self.extent
        if not extent:
            return [mpf(0)] * len(slopes)
        unit = (self.num_bins - 1) / mpf_of(extent)
        share = [0 if x is None else mpf_of((x - low) / extent) for x in self.numbers]
        own = [slope * unit for slope in slopes]
        by_high = -mp.fdot(own, share)
        by_low = -mp.fsum(own) - by_high
        for extreme, slope in ((low, by_low), (low + extent, by_high)):
            ties = [k for k, x in enumerate(self.numbers) if x == extreme]
            for k in ties:
                own[k] += slope / len(ties)
        return own


def mutual_information(
    x: Row,
    y: Row,
    *,
    normalized: bool,
    input_mask: Mask = None,
    target_mask: Mask = None,
    kernel_function: str = "xu",
    num_bins: int = 64,
    window_radius: float = 1.0,
) -> Scored:
    """−(H(x) + H(y) − H(x, y)), or −(H(x) + H(y))/H(x, y) normalized.

    The joint histogram is Σ K(|i − x′|/R)·K(|j − y′|/R) over the samples in both masks.
    """
    rows = [_masked(x, input_mask), _masked(y, target_mask)]
    if any(number != number for row in rows for number in row):
        return Scored(mp.nan, x, y)
    signals = [Signal(_fractions(row), num_bins) for row in rows]
    kernel, radius = KERNELS[kernel_function], Fraction(window_radius)
    spread = [
        [_shares(place, kernel, num_bins, radius) for place in signal.places()]
        for signal in signals
    ]
    joint: defaultdict[Cell, Number] = defaultdict(mpf)
    for of_x, of_y in zip(*spread, strict=True):
        for a, b in _pairs(of_x, of_y):
            joint[a.bin, b.bin] += a.weight * b.weight
    value, by_cell = _information(joint, normalized)
    slopes: tuple[list[Number], list[Number]] = ([], [])
    for of_x, of_y in zip(*spread, strict=True):
        pairs = [(a, b, by_cell[a.bin, b.bin]) for a, b in _pairs(of_x, of_y)]
        slopes[0].append(-mp.fsum(g * a.slope * b.weight for a, b, g in pairs))
        slopes[1].append(-mp.fsum(g * a.weight * b.slope for a, b, g in pairs))
    by_x, by_y = (s.pull_back(own) for s, own in zip(signals, slopes, strict=True))
    return Scored(-value, by_x, by_y)


def _masked(row: Row, mask: Mask) -> list[float | None]:
    return [x if mask is None or mask[k] else None for k, x in enumerate(row)]


def _fractions(row: list[float | None]) -> list[Fraction | None]:
    return [None if x is None else Fraction(x) for x in row]


def _shares(
    place: Fraction | None, kernel: Kernel, num_bins: int, radius: Fraction
) -> list[Share]:
    """The bins within the radius of a place."""
    if place is None:
        return []
    found = []
    for k in range(num_bins):
        distance = abs(k - place) / radius
        if distance <= 1:
            weight, slope = kernel(distance)
            slope /= mpf_of(radius)
            found.append(Share(k, weight, slope if place > k else -slope))
    return [share for share in found if share.weight]


def _pairs(of_x: list[Share], of_y: list[Share]) -> Iterator[tuple[Share, Share]]:
    for a in of_x:
        for b in of_y:
            yield a, b


def _information(
    joint: dict[Cell, Number], normalized: bool
) -> tuple[Number, dict[Cell, Number]]:
    """I = Σ p·log(p/(p_i·p_j)), or 1 + I/H normalized, and its slopes in the counts.

    Of p = h/S: (g − Σ p·g)/S with the slopes g in p, in which a constant is nothing.
    """
    total = mp.fsum(joint.values())
    p = {cell: count / total for cell, count in joint.items()}
    sides: list[defaultdict[int, Number]] = [defaultdict(mpf), defaultdict(mpf)]
    for cell, share in p.items():
        for side, k in zip(sides, cell, strict=True):
            side[k] += share
    g = {(i, j): log(q / (sides[0][i] * sides[1][j])) for (i, j), q in p.items()}
    value = mp.fsum(q * g[cell] for cell, q in p.items())
    if normalized:
        entropy = -mp.fsum(q * log(q) for q in p.values())
        if len(p) < 2:  # no entropy at all
            return mpf(1), dict.fromkeys(p, mpf(0))
        g = {cell: g[cell] / entropy + value / entropy**2 * log(p[cell]) for cell in p}
        value = 1 + value / entropy
    mean = mp.fsum(q * g[cell] for cell, q in p.items())
    return value, {cell: (g[cell] - mean) / total for cell in p}
