"""Sums of a sample's pixels for each class, which the overlap losses are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mpf

from conformance.reference import Number
from conformance.samples import Pixel, Row, Scored, one_hot, pull_back, softmax
from conformance.windows import differentiate


@dataclass(frozen=True)
class Sums:
    """T = Σ t, FP = Σ max(p − t, 0) and FN = Σ max(t − p, 0) of every class.

    For targets 0 and 1 the last two are the usual Σ p·(1 − t) and Σ (1 − p)·t.
    """

    targets: Row
    false_positives: Row
    false_negatives: Row
    # The classes with T > 0, and those with the least such T, whose derivative they
    # share; a difference quotient does not change either.
    present: Sequence[bool]
    rarest: Sequence[bool]

    @property
    def intersections(self) -> Row:
        """I = T − FN, which is Σ min(p, t)."""
        return [t - n for t, n in zip(self.targets, self.false_negatives, strict=True)]

    @property
    def cardinalities(self) -> Row:
        """P + T, with P = Σ p = I + FP."""
        rows = (self.intersections, self.false_positives, self.targets)
        return [i + f + t for i, f, t in zip(*rows, strict=True)]


@dataclass(frozen=True)
class Overlap:
    """Loss of a sample that is ``loss(sums, weight, **options)``."""

    loss: Callable[..., Number]

    def __call__(
        self, pixels: Sequence[Pixel], weight: Row, slopes: bool, **options: Any
    ) -> Scored:
        """The loss, and its slopes through those in the sums."""
        size = len(weight)
        counts = Counter(pixels)
        sums = np.full((3, size), mpf(0))
        for pixel, count in counts.items():
            sums += count * _parts(*pixel)
        present = [total > 0 for total in sums[0]]
        least = min((total for total in sums[0] if total > 0), default=None)
        rarest = [total == least for total in sums[0]]

        def of(point: Any) -> Number:
            rows = point.reshape(4, size)
            return self.loss(
                Sums(rows[0], rows[1], rows[2], present, rarest), rows[3], **options
            )

        point = np.concatenate([sums.ravel(), np.asarray(weight, dtype=object)])
        if not slopes:
            return Scored(of(point))
        by_sum = differentiate(of, point).reshape(4, size)
        found = {pixel: _pull_back(*pixel, by_sum) for pixel in counts}
        by_logits, by_target = zip(*(found[pixel] for pixel in pixels), strict=True)
        return Scored(of(point), by_logits, by_target, by_sum[3])


def _parts(logits: Sequence[float], target: Sequence[float]) -> Any:
    """What a pixel adds to the sums."""
    p = softmax(logits)
    t = one_hot(target, len(p))
    false_positives = [max(a - b, mpf(0)) for a, b in zip(p, t, strict=True)]
    false_negatives = [max(b - a, mpf(0)) for a, b in zip(p, t, strict=True)]
    return np.asarray([t, false_positives, false_negatives], dtype=object)


def _pull_back(
    logits: Sequence[float], target: Sequence[float], by_sum: Any
) -> tuple[Row, Row]:
    """Slopes in the logits and in the target; at p = t neither maximum has one."""
    p = softmax(logits)
    by_p, by_t = [], []
    for a, b, slopes in zip(p, one_hot(target, len(p)), by_sum.T, strict=True):
        of_target, of_false_positive, of_false_negative, _ = slopes
        slope = of_false_positive * (a > b) - of_false_negative * (b > a)
        by_p.append(slope)
        by_t.append(of_target - slope)
    return pull_back(p, by_p), by_t
