"""Comparison in units in the last place of the dtype of the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: significant bits and exponent range."""

    digits: int
    least_exponent: int
    greatest_exponent: int

    @property
    def smallest_normal(self) -> float:
        """Below this, numbers lose digits, or are flushed to 0."""
        return math.ldexp(1.0, self.least_exponent)

    def ulp(self, x: Floats) -> Floats:
        """Distance to the next number of the format at the magnitude of `x`."""
        normal = np.isfinite(x) & (np.abs(x) >= self.smallest_normal)
        exponent = np.frexp(np.where(normal, x, self.smallest_normal))[1] - 1
        step: Floats = np.ldexp(1.0, exponent - self.digits + 1)
        return step

    def overflow(self, x: Floats) -> Floats:
        """`x` with numbers that round past the largest finite one made infinite."""
        half_step = math.ldexp(1.0, self.greatest_exponent - self.digits)
        # 2**1024 does not exist in float64, so halve both sides.
        limit = math.ldexp(1.0, self.greatest_exponent) - half_step / 2
        return np.where(np.abs(x) / 2 >= limit, np.copysign(np.inf, x), x)


FORMATS = {
    "float64": Format(53, -1022, 1023),
    "float32": Format(24, -126, 127),
    "float16": Format(11, -14, 15),
    "bfloat16": Format(8, -126, 127),
}
HALF = ("float16", "bfloat16")

# Part of the loss's steepest slope that a gradient may be off where it is nearly flat;
# half precision is computed in float32.
FLAT = {"float64": 4e-16, "float32": 2e-7, "float16": 2e-7, "bfloat16": 2e-7}


@dataclass(frozen=True)
class Difference:
    """The worst element: how far off it is, in units in the last place, and where."""

    units: float
    index: tuple[int, ...] = ()
    expected: float = math.nan
    got: float = math.nan


def argmax(array: NDArray[Any]) -> tuple[int, ...]:
    """Index of the first largest entry, or of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(array), array.shape))


def difference(
    got: Floats,
    expected: Floats,
    dtype: str,
    *,
    floor: float = 0.0,
    slack: float = 0.0,
) -> Difference:
    """The largest error in units in the last place of `dtype`.

    NaN equals NaN and infinities equal themselves; any other difference that involves
    them is infinite. One unit is `floor` where a unit in the last place is less. An
    error counts from `slack` on.
    """
    if not expected.size:
        return Difference(0.0)
    right = FORMATS[dtype].overflow(expected)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.maximum(np.abs(got - right) - slack, 0.0)
        units = error / np.maximum(FORMATS[dtype].ulp(right), floor)
    same = (got == right) | (np.isnan(got) & np.isnan(right))
    units = np.where(same, 0.0, np.where(np.isfinite(units), units, np.inf))
    index = argmax(units)
    return Difference(
        float(units[index]), index, float(right[index]), float(got[index])
    )
