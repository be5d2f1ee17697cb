"""What a case is: one call of one loss, with inputs that every dtype holds exactly."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from conformance.reference import Reference

Data = NDArray[Any]
Option = float | str | tuple[float, ...] | None

SHAPE = (2, 3, 4)
DTYPES = ("float64", "float32", "float16", "bfloat16")
WIDE = ("float64", "float32", "bfloat16")  # 2**±60 is beyond float16


@dataclass(frozen=True, eq=False)
class Case:
    """One call: array arguments, plain options, and where the case applies.

    A float64 array stands for the dtype that is being tested; arrays of other dtypes
    are passed as they are.
    """

    id: str
    arrays: Mapping[str, Data]
    options: Mapping[str, Option] = field(default_factory=dict)
    dtypes: tuple[str, ...] = DTYPES
    gradient: bool = True
    # Runs in every mode with every dtype; the others only where a dtype can matter.
    core: bool = False
    # Also goes through compilers that take seconds.
    thorough: bool = False
    # Only the qualities that hold at any magnitude are checked, no golden value: the
    # unreduced value is within the loss's bounds, or is no NaN and grows along the
    # last axis where the loss has none; the gradient is finite.
    beyond: bool = False
    # In place of the loss's own tolerances, for inputs that lose more digits.
    ulps: float | None = None
    gradient_ulps: float | None = None
    # What the largest gradient is taken for where it is less, because terms cancel.
    gradient_scale: float = 0.0
    # Backends that keep digits down to those of this number only, and it.
    scale_on: Mapping[str, float] = field(default_factory=dict)
    # Options that a compiled function takes as an argument instead of a constant.
    traced: tuple[str, ...] = ()
    # Backends whose values are at hand, so that a wrong one is a ValueError there.
    refused_by: tuple[str, ...] = ()

    @property
    def floating(self) -> tuple[str, ...]:
        """Names of the arguments that are differentiated."""
        return tuple(k for k, v in self.arrays.items() if v.dtype == np.float64)

    @property
    def digest(self) -> str:
        """Hash of everything that determines the result."""
        text = hashlib.sha256(repr(sorted(self.options.items())).encode())
        for name, array in self.arrays.items():
            text.update(f"{name} {array.dtype} {array.shape}".encode())
            text.update(np.ascontiguousarray(array).tobytes())
        return text.hexdigest()[:16]


@dataclass(frozen=True)
class ExpectedFailure:
    """Cells that are known to fail; one that passes is reported as a failure."""

    reason: str
    backend: str
    case: str = "*"
    device: str = "*"
    dtype: str = "*"
    mode: str = "*"


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss under test: its definition, its cases and its tolerance."""

    name: str
    reference: Reference
    source: str
    cases: tuple[Case, ...]
    # Names of the arguments that are passed by position; all others go by name.
    arrays: tuple[str, ...] = ("pred", "target")
    # Each element of the unreduced loss depends on one element of the arguments.
    elementwise: bool = True
    # Units in the last place that float32 and float64 may be off; a reason stands
    # beside every tolerance that is not this one.
    ulps: float = 8.0
    # The same for a backend and dtype whose own functions keep fewer digits.
    ulps_on: Mapping[tuple[str, str], float] = field(default_factory=dict)
    # Errors of a result below this number are measured in units in the last place of
    # this number: they are absolute, as that of a difference between numbers near 1.
    scale: float | Callable[[Case], float] = 0.0
    # The same for gradients, in units in the last place of the case's largest one.
    # None: every gradient has its own last place, and the tolerance of the value.
    gradient_ulps: float | None = None
    # How many times as much a backend is allowed, by its name.
    gradient_factor_on: Mapping[str, float] = field(default_factory=dict)
    # Every element of the loss lies within, and so does their mean.
    bounds: tuple[float, float] | None = None
    # The slope in the arguments is bounded, so that a gradient far below the steepest
    # slope is held to that slope and not to its own last place.
    bounded_slope: bool | Callable[[Case], bool] = True
    # Of so many operations that a graph of it takes a second: fewer cases run there.
    costly: bool = False
    expected_failures: tuple[ExpectedFailure, ...] = ()

    def __post_init__(self) -> None:
        ids = [case.id for case in self.cases]
        if len(set(ids)) < len(ids):
            raise ValueError(f"{self.name}: two cases have the same id")

    def has_bounded_slope(self, case: Case) -> bool:
        """Whether the slope in the arguments is bounded for this case's options."""
        bounded = self.bounded_slope
        return bounded(case) if callable(bounded) else bounded

    def scale_of(self, case: Case) -> float:
        """The number below which errors are absolute, for this case's options."""
        return self.scale(case) if callable(self.scale) else self.scale


def pseudorandom(seed: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Whole numbers from 0 to 2**31 − 1, the same on every machine."""
    state = seed
    numbers = []
    for _ in range(math.prod(shape)):
        # Knuth's linear congruential generator (MMIX); the high bits are the good ones.
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        numbers.append(state >> 33)
    return np.asarray(numbers, dtype=np.int64).reshape(shape)


def dyadic(seed: int, shape: tuple[int, ...] = SHAPE, *, odd: bool = False) -> Data:
    """Even (or odd) multiples of 1/16 in (-8, 8).

    Numerators below 128 are exact in bfloat16. An even prediction and an odd target
    differ by an odd multiple of 1/16, which is never 0, 1/2, 1 or 2: gradients stay
    away from kinks without a search.
    """
    return (2.0 * (pseudorandom(seed, shape) % 127 - 63) + odd) / 16


def pair(seed: int = 1, shape: tuple[int, ...] = SHAPE) -> dict[str, Data]:
    """A prediction and a target whose residuals avoid every kink."""
    return {
        "pred": dyadic(seed, shape),
        "target": dyadic(seed + 1000, shape, odd=True),
    }


def residuals(values: Data) -> dict[str, Data]:
    """Predictions against 0, so that the residual is exactly `values`."""
    return {"pred": values, "target": np.zeros_like(values)}


def powers(low: float, high: float) -> Data:
    """120 residuals of either sign with magnitudes rising from 2**low to 2**high.

    Mantissas have three bits, exact in every dtype. One length for every range, since
    JAX compiles each operation once per shape.
    """
    exponent = np.linspace(low, high, 120)
    whole = np.floor(exponent)
    mantissa = 1 + np.floor((exponent - whole) * 8) / 8
    sign = np.where(np.arange(120) % 2, -1.0, 1.0)
    return np.asarray(sign * np.ldexp(mantissa, whole.astype(int)))
