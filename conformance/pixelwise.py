"""Losses of each pixel's own numbers in high precision: gradients and reduction.

A formula gives the terms of one pixel, its entries in the unreduced loss, from the
logits, the target and the weights there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from mpmath import exp, log1p, mp, mpf
from numpy.typing import NDArray

from conformance.case import Case, Data
from conformance.reference import Floats, Golden, Number, floats
from conformance.windows import DIGITS, differentiate

Row: TypeAlias = Sequence[Number]
Numbers: TypeAlias = Mapping[str, Row]
# An entry of the unreduced loss, and what it counts for in the mean.
Term: TypeAlias = tuple[Number, Number]
Formula: TypeAlias = Callable[..., list[Term]]
Places: TypeAlias = NDArray[Any]

# What a difference quotient leaves, as a part of the value, where the slope is 0.
NOISE = mpf(10) ** -70

# Of a target that is wrong.
NAN = (mp.nan, mpf(1))


def odds_against(logits: Row, label: int) -> Number:
    """(1 − p)/p = Σ exp(z_j − z) over the other classes: 1 − p keeps its digits."""
    return mp.fsum(exp(z - logits[label]) for j, z in enumerate(logits) if j != label)


def softplus(z: Number) -> Number:
    """log(1 + exp(z)), which is −log(1 − sigmoid(z))."""
    return log1p(exp(z))


def times(factor: Number, number: Number) -> Number:
    """Product, 0 where the factor is 0: what is not there has no part."""
    return factor * number if factor != 0 else mpf(0)


@dataclass(frozen=True)
class Grid:
    """A row for each pixel: the places, in a flat array, of the numbers it takes."""

    tables: Mapping[str, Places]
    # The same for the unreduced loss, and its shape.
    entries: Places
    shape: tuple[int, ...]


def by_class(case: Case, logits: str = "pred", *, entries: bool = False) -> Grid:
    """Pixels with a logit for each class, along axis 1 or along the only axis.

    `entries` says whether the unreduced loss has the axis of classes too.
    """
    shape = case.arrays[logits].shape
    axis = min(1, len(shape) - 1)
    pixels = shape[:axis] + shape[axis + 1 :]

    def of_all(array: Data) -> Places:
        there = np.broadcast_to(places(array), shape)
        return np.moveaxis(there, axis, -1).reshape(-1, shape[axis])

    def of_one(array: Data) -> Places:
        return np.broadcast_to(places(array), pixels).reshape(-1, 1)

    def table(name: str, array: Data) -> Places:
        if name == "weight":
            return np.broadcast_to(places(array), (int(np.prod(pixels)), shape[axis]))
        if name == "target":
            return of_all(array) if array.dtype == np.float64 else of_one(array)
        return of_all(array) if entries or name == logits else of_one(array)

    tables = {name: table(name, array) for name, array in case.arrays.items()}
    result = np.empty(shape if entries else pixels)
    return Grid(tables, of_all(result) if entries else of_one(result), result.shape)


def by_element(case: Case, logits: str = "pred", *, classes: bool = False) -> Grid:
    """Every element by itself; weights broadcast, or lie along axis 1 by `classes`."""
    shape = case.arrays[logits].shape
    tables = {}
    for name, array in case.arrays.items():
        there = places(array)
        if classes and name in ("weight", "pos_weight"):
            there = there.reshape(-1, *(1 for _ in shape[2:]))
        tables[name] = np.broadcast_to(there, shape).reshape(-1, 1)
    return Grid(tables, tables[logits], shape)


def places(array: Data) -> Places:
    """The place of every element in the flat array."""
    return np.arange(array.size).reshape(array.shape)


@dataclass(frozen=True)
class Pixel:
    """The numbers of a pixel where it counts; each entry's weight and term, or nothing.

    What does not count is not looked at: it may be NaN.
    """

    numbers: Numbers
    counts: bool
    entries: Sequence[tuple[Number, Term]]


NOTHING = (mpf(0), (mpf(0), mpf(0)))


@dataclass(frozen=True)
class Pixelwise:
    """Reference of a loss whose unreduced form is a map of the pixels.

    `formula(numbers, **options)` gives the terms of a pixel and `grid` its numbers;
    `reduction` is the default one.
    """

    formula: Formula
    grid: Callable[[Case], Grid]
    reduction: str = "none"

    def __call__(self, case: Case) -> Golden:
        """Value and gradients of `case`."""
        with mp.workdps(DIGITS):
            return self._evaluate(case)

    def _evaluate(self, case: Case) -> Golden:
        options = {"reduction": self.reduction, "ignore_index": -100, **case.options}
        reduction, ignored = options.pop("reduction"), options.pop("ignore_index")
        formula, grid = partial(self.formula, **options), self.grid(case)
        together = reduction != "none" and not case.gradient
        pixels = list(_pixels(case, grid, ignored, formula, together=together))
        scale, mean = mpf(1), mpf(0)
        if reduction == "mean":
            divisor = _sum(pixels, 1)
            # Nothing counts: 0, with zero gradient.
            scale = 1 / divisor if divisor != 0 else mpf(0)
            mean = _sum(pixels, 0) * scale
        value = np.asarray(float(_sum(pixels, 0) * scale))
        if reduction == "none":
            value = _map(pixels, grid)
        if not case.gradient:
            return Golden(value, {})
        slopes_of = partial(_slopes, formula=formula, scale=scale, mean=mean)
        return Golden(value, _gradient(case, grid, pixels, slopes_of))


def _pixels(
    case: Case, grid: Grid, ignored: object, formula: Formula, *, together: bool
) -> Iterator[Pixel]:
    """Every pixel, or equal ones `together`, which takes a fraction of the time."""
    rows = {
        name: [tuple(row) for row in case.arrays[name].ravel()[table].tolist()]
        for name, table in grid.tables.items()
    }
    ones = [(1.0,) * grid.entries.shape[1]] * len(grid.entries)
    where, weights = rows.pop("where", ones), rows.pop("sample_weight", ones)
    found = list(zip(where, weights, *rows.values(), strict=True))
    counts = Counter(found).items() if together else ((row, 1) for row in found)
    for (flags, own, *row), count in counts:
        floats_of = dict(zip(rows, row, strict=True))
        if ignored in floats_of["target"] or not any(flags):
            yield Pixel({}, False, [NOTHING] * len(flags))
            continue
        numbers = {
            name: tuple(map(mpf, of_pixel)) for name, of_pixel in floats_of.items()
        }
        entries = zip(flags, own, formula(numbers), strict=True)
        weighted = [(mpf(w) * count, term) if f else NOTHING for f, w, term in entries]
        yield Pixel(numbers, True, weighted)


def _sum(pixels: Sequence[Pixel], part: int) -> Number:
    """Σ w·l, or Σ w·(what l counts for)."""
    return mp.fsum(w * term[part] for pixel in pixels for w, term in pixel.entries)


def _map(pixels: Sequence[Pixel], grid: Grid) -> Floats:
    """The weighted entries in their places."""
    value = np.zeros(grid.shape)
    for pixel, row in zip(pixels, grid.entries, strict=True):
        for place, (weight, (loss, _)) in zip(row, pixel.entries, strict=True):
            value.flat[place] = float(weight * loss)
    return value


def _gradient(
    case: Case, grid: Grid, pixels: Sequence[Pixel], slopes_of: Callable[..., Row]
) -> dict[str, Floats]:
    """The slopes of every pixel, summed over the pixels that share a number."""
    gradient = {}
    for name in case.floating:
        array = case.arrays[name]
        sums = [mpf(0)] * array.size
        for pixel, row in zip(pixels, grid.tables[name], strict=True):
            if pixel.counts:
                for place, slope in zip(row, slopes_of(pixel, name), strict=True):
                    sums[place] += slope
        gradient[name] = floats(sums).reshape(array.shape)
    return gradient


def _slopes(
    pixel: Pixel, name: str, formula: Formula, scale: Number, mean: Number
) -> Row:
    """Slopes of the result in a pixel's numbers of this name.

    With N = Σ w·l and D = Σ w·(what l counts for), ∂(N/D) = (∂N − mean·∂D)/D; without
    a mean, D is 1 and does not change.
    """
    if name == "sample_weight":
        return [scale * (loss - mean * part) for _, (loss, part) in pixel.entries]

    def summed(part: int, point: Any) -> Number:
        terms = formula({**pixel.numbers, name: point})
        weights = (weight for weight, _ in pixel.entries)
        return mp.fsum(w * t[part] for w, t in zip(weights, terms, strict=True))

    point = np.asarray(pixel.numbers[name], dtype=object)
    losses, parts = (_differentiate(partial(summed, k), point) for k in (0, 1))
    return [scale * (n - mean * d) for n, d in zip(losses, parts, strict=True)]


def _differentiate(function: Callable[[Any], Number], point: Any) -> Row:
    """Partial derivatives, without what a difference quotient leaves in place of 0."""
    noise = NOISE * abs(function(point))
    return [mp.chop(slope, tol=noise) for slope in differentiate(function, point)]
