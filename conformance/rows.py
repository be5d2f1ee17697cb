"""Losses of one number for each pair of rows of two arrays, in high precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from mpmath import mp, mpf

from conformance.case import Case, Data
from conformance.reference import Floats, Golden, Number, floats
from conformance.windows import DIGITS


class Scored(NamedTuple):
    """The loss of two rows, and its slopes in their numbers."""

    value: Number
    by_x: Sequence[Number]
    by_y: Sequence[Number]


@dataclass(frozen=True)
class PerRow:
    """Reference of a loss that is one number for each pair of rows, reduced.

    `score(x, y, **options)` is the loss of two lists of numbers; further arrays, which
    are common to all rows, are options too. `axes` says which axes of a case make up a
    row.
    """

    score: Callable[..., Scored]
    axes: Callable[[Case], tuple[int, ...]]
    reduction: str = "mean"

    def __call__(self, case: Case) -> Golden:
        """Value and gradients of `case`."""
        with mp.workdps(DIGITS):
            return self._evaluate(case)

    def _evaluate(self, case: Case) -> Golden:
        (x_name, x), (y_name, y), *others = case.arrays.items()
        axes = tuple(axis % x.ndim for axis in self.axes(case))
        rows = zip(_rows(x, axes), _rows(y, axes), strict=True)
        options: dict[str, Any] = {
            k: v for k, v in case.options.items() if k not in OURS
        }
        options |= {name: array.ravel().tolist() for name, array in others}
        scored = [self.score(a, b, **options) for a, b in rows]
        reduction = case.options.get("reduction", self.reduction)
        scale = mpf(1) / max(len(scored), 1) if reduction == "mean" else mpf(1)
        values = [mp.chop(one.value, tol=NOTHING) for one in scored]
        lead = [n for axis, n in enumerate(x.shape) if axis not in axes]
        value = floats(values).reshape(lead)
        if reduction != "none":
            value = np.asarray(float(mp.fsum(values) * scale))
        slopes = {
            x_name: [one.by_x for one in scored],
            y_name: [one.by_y for one in scored],
        }
        gradient = {
            name: _arranged(slopes[name], scale, x.shape, axes)
            for name in (case.floating if case.gradient else ())
        }
        return Golden(value, gradient)


# Options that say how rows are cut and reduced.
OURS = ("axis", "reduction")
# What 120 digits leave of terms that cancel.
NOTHING = mpf(10) ** -90


def _rows(array: Data, axes: tuple[int, ...]) -> list[Any]:
    """The numbers along some axes, in lists."""
    last = np.moveaxis(array, axes, range(-len(axes), 0))
    lead = math.prod(last.shape[: array.ndim - len(axes)])
    return list(last.reshape(lead, math.prod(array.shape[a] for a in axes)).tolist())


def _arranged(
    rows: list[Sequence[Number]],
    scale: Number,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
) -> Floats:
    """Slopes in rows, with the axes of the argument again."""
    lead = [n for axis, n in enumerate(shape) if axis not in axes]
    slopes = (scale * slope for row in rows for slope in row)
    found = floats(mp.chop(slope, tol=NOTHING) for slope in slopes)
    found = found.reshape(*lead, *(shape[axis] for axis in axes))
    return np.moveaxis(found, range(-len(axes), 0), axes)
