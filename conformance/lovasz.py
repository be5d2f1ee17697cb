"""The Lovász extension of the Jaccard loss, in high precision (Berman et al. 2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from mpmath import mp, mpf

from conformance.reference import Number
from conformance.samples import Pixel, Row, Scored, pull_back, softmax

# How many pixels have an error, and are of the foreground or not.
Errors: TypeAlias = Mapping[tuple[Number, bool], int]


def extension(errors: Errors) -> Number:
    """∫ J({pixels with an error of at least θ}) dθ for θ from 0 on (definition 1).

    J is the Jaccard loss of a mask that is wrong in these pixels: of TP of the n pixels
    of the foreground, and of FP others.
    """
    levels = sorted({error for error, _ in errors}, reverse=True)
    size = sum(count for (_, foreground), count in errors.items() if foreground)
    value, true_positives, false_positives = mpf(0), 0, 0
    for level, below in zip(levels, [*levels[1:], mpf(0)], strict=True):
        true_positives += errors.get((level, True), 0)
        false_positives += errors.get((level, False), 0)
        value += (level - below) * _jaccard(size, true_positives, false_positives)
    return value


def slopes_of(errors: Row, foreground: Sequence[bool]) -> list[Number]:
    """∂extension/∂error: J_k − J_(k−1) for the k-th largest (algorithm 1).

    Equal errors go in the order of the pixels.
    """
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    found = [mpf(0)] * len(errors)
    before, true_positives, false_positives = mpf(0), 0, 0
    for i in order:
        true_positives += foreground[i]
        false_positives += not foreground[i]
        jaccard = _jaccard(sum(foreground), true_positives, false_positives)
        found[i], before = jaccard - before, jaccard
    return found


def _jaccard(size: int, true_positives: int, false_positives: int) -> Number:
    """1 − (n − TP)/(n + FP)."""
    return 1 - mpf(size - true_positives) / (size + false_positives)


def _of_label(
    pixels: Sequence[Pixel], label: int, error: Callable[[Pixel], Number], slopes: bool
) -> tuple[Number, list[Number]]:
    """The extension, a label being the foreground, and its slope in every error."""
    found = {pixel: error(pixel) for pixel in set(pixels)}
    errors = Counter[tuple[Number, bool]]()
    for pixel, count in Counter(pixels).items():
        errors[found[pixel], pixel[1][0] == label] += count
    if not slopes:
        return extension(errors), []
    in_order = [found[pixel] for pixel in pixels]
    steps = slopes_of(in_order, [pixel[1][0] == label for pixel in pixels])
    rows = zip(steps, in_order, strict=True)
    return extension(errors), [step * (e > 0) for step, e in rows]


def hinge(pixels: Sequence[Pixel], _weight: Row, slopes: bool) -> Scored:
    """Of the errors max(0, 1 − z·(2t − 1)), whose slope at 0 is 0."""

    def error(pixel: Pixel) -> Number:
        (z,), (t,) = pixel
        return max(mpf(0), 1 - mpf(z) * (2 * t - 1))

    value, steps = _of_label(pixels, 1, error, slopes)
    rows = zip(pixels, steps, strict=bool(steps))
    return Scored(value, [[step * (1 - 2 * t)] for (_, (t,)), step in rows])


def softmax_loss(pixels: Sequence[Pixel], weight: Row, slopes: bool) -> Scored:
    """The mean over the classes of w_c times that of the errors |[t = c] − p_c|."""
    p = {pixel: softmax(pixel[0]) for pixel in set(pixels)}
    losses, by_p = [], []
    for c, own in enumerate(weight):

        def error(pixel: Pixel, c: int = c) -> Number:
            return abs((pixel[1][0] == c) - p[pixel][c])

        value, steps = _of_label(pixels, c, error, slopes)
        losses.append(value / len(weight))
        rows = zip(pixels, steps, strict=bool(steps))
        share = own / len(weight)
        by_p.append([share * (-step if t == c else step) for (_, (t,)), step in rows])
    by_logits = [
        pull_back(p[pixel], row)
        for pixel, row in zip(pixels, zip(*by_p, strict=True), strict=slopes)
    ]
    return Scored(mp.fdot(weight, losses), by_logits, by_weight=losses)
