"""Losses of one number for each sample, a set of pixels, in high precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from mpmath import exp, mp, mpf

from conformance.case import Case, Data
from conformance.reference import Floats, Golden, Number, floats
from conformance.windows import DIGITS, Plane

# Of the losses of a softmax, in units of the largest gradient: p_j·(s_j − Σ_c p_c·s_c),
# which autodiff takes, subtracts slopes s up to 16 times as large as what is left of
# them (a third against 0.02): two of their last places.
GRADIENT_ULPS = 32.0

Row: TypeAlias = Sequence[Number]
# The logits of a pixel, and its label or the probabilities that it should have.
Pixel: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Scored:
    """The loss of a sample, and its slopes in the numbers of its pixels."""

    value: Number
    by_logits: Sequence[Row] = ()
    by_target: Sequence[Row] = ()
    by_weight: Row = ()


@dataclass(frozen=True)
class PerSample:
    """Reference of a loss that is one number for each sample, reduced.

    `score(pixels, weight, slopes, **options)` is the loss of the pixels that count,
    with its slopes if asked for, and `nothing` the loss where none counts. There is a
    label for each logit, or there are `num_labels`.
    """

    score: Callable[..., Scored]
    nothing: float = 1.0
    num_labels: int | None = None

    def __call__(self, case: Case) -> Golden:
        """Value and gradients of `case`."""
        with mp.workdps(DIGITS):
            return self._evaluate(case)

    def _evaluate(self, case: Case) -> Golden:
        names = [name for name in case.floating if case.gradient]
        slopes = {name: np.full(_table(case, name).shape, mpf(0)) for name in names}
        values = []
        for index, pixels in enumerate(_samples(case)):
            counted = [i for i, pixel in enumerate(pixels) if pixel is not None]
            scored = self._score(case, [pixel for pixel in pixels if pixel is not None])
            values.append(scored.value)
            for name in names if counted else ():
                if name == "weight":
                    slopes[name] += np.asarray(scored.by_weight)
                else:
                    rows = scored.by_logits if name == "pred" else scored.by_target
                    slopes[name][index, counted] = np.asarray(rows)
        reduction = case.options.get("reduction", "mean")
        scale = mpf(1) / max(len(values), 1) if reduction == "mean" else mpf(1)
        value = floats(values)
        if reduction != "none":
            value = np.asarray(float(mp.fsum(values) * scale))
        gradient = {name: _arranged(case, name, slopes[name] * scale) for name in names}
        return Golden(value, gradient)

    def _score(self, case: Case, pixels: Sequence[Pixel]) -> Scored:
        num_classes = case.arrays["pred"].shape[1]
        if not pixels:
            return Scored(mpf(self.nothing))
        if case.arrays["target"].dtype != np.float64:
            limit = self.num_labels or num_classes
            if not all(0 <= label < limit for _, (label,) in pixels):
                return Scored(mp.nan)
        weight = case.arrays.get("weight", np.ones(num_classes))
        options = {
            name: value
            for name, value in case.options.items()
            if name not in ("reduction", "ignore_index")
        }
        exact = [mpf(number) for number in weight.tolist()]
        return self.score(pixels, exact, case.gradient, **options)


def _table(case: Case, name: str) -> Data:
    """An argument with axes samples, pixels and numbers of a pixel; a weight as is."""
    array = case.arrays[name]
    if name == "weight":
        return array
    if name == "target" and array.dtype != np.float64:
        array = array[:, np.newaxis]
    samples, numbers, *spatial = array.shape
    return np.moveaxis(array, 1, -1).reshape(samples, math.prod(spatial), numbers)


def _samples(case: Case) -> list[list[Pixel | None]]:
    """The pixels of every sample, None where ignored."""
    ignored = case.options.get("ignore_index", -100)
    tables = [_table(case, name).tolist() for name in ("pred", "target")]
    return [
        [
            None if ignored in target else (tuple(logits), tuple(target))
            for logits, target in zip(*sample, strict=True)
        ]
        for sample in zip(*tables, strict=True)
    ]


def _arranged(case: Case, name: str, slopes: Plane) -> Floats:
    """A table with the axes of the argument again."""
    shape = case.arrays[name].shape
    found = floats(slopes.ravel()).reshape(slopes.shape)
    if name == "weight":
        return found
    return np.moveaxis(found.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def softmax(logits: Sequence[float]) -> list[Number]:
    """exp(z)/Σ exp(z); an infinite logit has the limit of a large one."""
    largest = max(logits)
    # inf − inf is no number, and exp(0) the limit.
    powers = [exp(mpf(z) - largest if z != largest else mpf(0)) for z in logits]
    return [power / mp.fsum(powers) for power in powers]


def pull_back(probabilities: Row, slopes: Row) -> list[Number]:
    """Slopes in the logits from those in p: p_j·Σ_c p_c (s_j − s_c)."""
    return [
        p_j * mp.fsum(p * (s_j - s) for p, s in zip(probabilities, slopes, strict=True))
        for p_j, s_j in zip(probabilities, slopes, strict=True)
    ]


def one_hot(target: Sequence[float], num_classes: int) -> list[Number]:
    """1 in the class of a label, which is an integer, 0 elsewhere; or probabilities."""
    if isinstance(target[0], float):
        return [mpf(t) for t in target]
    return [mpf(c == target[0]) for c in range(num_classes)]


def saturating(case: Case) -> Case:
    """The tolerance of a loss of a softmax whose logits are far apart, by their side.

    On the wrong side nothing is left of the slopes in the logits beside those in p,
    which are of the size of 1. On the right side eager torch takes 1 − p by
    subtraction, twice as fast as otherwise, and of a loss near 0 keeps no more than
    half a unit in the last place of 1.
    """
    if "wrong" in case.id:
        return replace(case, gradient_scale=1.0)
    return replace(case, scale_on={"torch": 1.0}) if "right" in case.id else case
