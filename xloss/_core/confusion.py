"""How much of every class is missed, and how much is falsely found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .labels import Labels, class_sums, own, with_own
from .namespace import (
    Fresh,
    Recorded,
    cast,
    is_eager_torch,
    is_jax,
    is_numpy,
    is_recorded,
    over_numpy,
    plain,
)
from .numerics import (
    at_most,
    count,
    detach,
    largest_square,
    limited,
    matmul,
    select,
    softmax,
    split_softmax,
)
from .numpy_strips import strips
from .samples import Read
from .typing import Namespace

__all__ = ["Confusion", "Ratio", "confused", "mean_present", "probabilities", "share"]


class Confusion(NamedTuple):
    """Sums over the pixels of every sample, (B, C), or over all classes too, (B, 1)."""

    false: Any
    """how much more of a class is predicted than the target has"""
    missed: Any
    """how much less of it is predicted"""
    total: Any
    """how much of it the target has: the number of its pixels"""


CHUNK = 256
"""pixels, at most: what is added one by one"""

Ratio = Callable[..., Any]
"""`(xp, Confusion, **options)` to the loss of every sample, (B,)."""


def confused(
    ratio: Ratio,
    pooled: bool,
    xp: Namespace,
    logits: Any,
    target: Any,
    read: Read | None,
    compute: Any,
    **options: Any,
) -> tuple[Any, Any]:
    """Return a ratio of the confusion of every sample, and where a label is wrong."""
    sums_of = partial(_of_shares, xp, pooled)
    if read is not None:
        sums_of = partial(_of_labels, xp, pooled, read)
    if read is not None and over_numpy(xp) and isinstance(logits, Recorded):
        sums, wrong = _recorded(pooled, read, logits, plain(target), compute), None
    elif is_numpy(xp):
        sums, wrong = _in_strips(sums_of, logits, target, compute, pooled, read), None
    else:
        target = target if read else cast(xp, target, compute)
        sums, wrong = sums_of(cast(xp, logits, compute), target)
    return ratio(xp, sums, **options), wrong


def _in_strips(
    sums_of: Callable[..., tuple[Confusion, Any]],
    logits: Any,
    target: Any,
    compute: Any,
    pooled: bool,
    read: Read | None,
) -> Confusion:
    """Return the sums of NumPy arrays, strip by strip, in float64."""
    totals = np.zeros((3, logits.shape[0], 1 if pooled else logits.shape[1]))
    for strip in strips(logits.shape, 0, None, whole_channels=True):
        batch, _, *spatial = strip.images
        x = logits[strip.images].astype(compute, copy=False)
        if read is None:
            t = target[strip.images].astype(compute, copy=False)
        else:
            t = target[batch, *spatial]
        sums, _ = sums_of(x, t)
        totals[:, batch] += np.stack(sums)
    return Confusion(*totals)


def _recorded(
    pooled: bool, read: Read, traced: Recorded, target: Any, compute: Any
) -> Confusion:
    """Return the sums of traced NumPy logits, as one step of their tape.

    It keeps the probabilities, and turns them into the gradient strip by strip.
    """
    logits = traced.value
    p = np.empty(logits.shape, compute)
    totals = np.zeros((3, logits.shape[0], 1 if pooled else logits.shape[1]))
    for part, labels in _labelled_strips(read, logits, target):
        others, rivals, mine = _exponentials(
            np, cast(np, logits[part], compute), labels
        )
        share = np.where(labels.counted, 1.0 / (rivals + mine), 0.0)
        p[part] = with_own(np, labels, others, mine) * share
        sums = _sums(np, pooled, labels, others, share, rivals * share)
        totals[:, part[0]] += np.stack(sums)

    def backward(g: Any) -> Iterator[Fresh]:
        g = cast(np, g, compute)
        for part, labels in _labelled_strips(read, logits, target):
            _to_gradient(p[part], g[:, part[0]], pooled, labels)
        yield Fresh(cast(np, p, logits.dtype))

    sums = traced.tape.record(cast(np, totals, compute), [traced], backward)
    return Confusion(*(sums[i, ...] for i in range(3)))


def _to_gradient(p: Any, g: Any, pooled: bool, labels: Labels) -> None:
    """Turn probabilities, in place, into the gradient of sums whose gradients are g.

    With the slope s in each probability, it is p (s - sum of p s), to all of which a
    constant may be added: the slope in that of the label becomes 0.
    """
    spatial = (1,) * (p.ndim - 2)
    false, missed = (x.reshape(*x.shape, *spatial) for x in g[:2])
    if pooled:  # both sums are of the missed probability
        slopes = np.broadcast_to(false + missed, p.shape)
    else:
        slopes = false + np.take_along_axis(missed, labels.index, axis=1)
    slopes = with_own(np, labels, slopes, 0.0)
    slopes -= np.sum(p * slopes, axis=1, keepdims=True)
    p *= slopes


def _labelled_strips(
    read: Read, logits: Any, target: Any
) -> Iterator[tuple[tuple[slice, ...], Labels]]:
    for strip in strips(logits.shape, 0, None, whole_channels=True):
        batch, _, *spatial = strip.images
        yield strip.images, read(np, target[batch, *spatial], logits.shape[1])


def _of_labels(
    xp: Namespace, pooled: bool, read: Read, logits: Any, target: Any
) -> tuple[Confusion, Any]:
    labels = read(xp, target, logits.shape[1])
    sums = _sums(xp, pooled, labels, *_factors(xp, logits, labels))
    return sums, labels.wrong_samples(xp)


def _sums(
    xp: Namespace, pooled: bool, labels: Labels, powers: Any, share: Any, missed: Any
) -> Confusion:
    """Return the sums of probabilities powers * share."""
    if pooled:  # the false probability of a pixel is the missed one
        spatial = tuple(range(2, missed.ndim))
        false = missed = xp.sum(missed, axis=spatial)
        total = count(xp, labels.counted, spatial, missed.dtype)
        return Confusion(false, missed, total)
    missed = class_sums(xp, labels, missed)
    total = class_sums(xp, labels, cast(xp, labels.counted, powers.dtype))
    false = _pixel_sums(xp, powers, share)
    if is_eager_torch(xp):
        false = false - (total - missed)
    return Confusion(false, missed, total)


def _pixel_sums(xp: Namespace, x: Any, weights: Any) -> Any:
    """Return the sums (B, C) of x (B, C, *) times weights (B, 1, *) over the pixels."""
    if not is_jax(xp) or x.size == 0:
        return xp.sum(x * weights, axis=tuple(range(2, x.ndim)))
    # XLA takes a fifth of the time for the gradient of a product of matrices, which on
    # a CPU adds one by one: of as few pixels as keep the digits.
    count = math.prod(x.shape[2:])
    length = math.gcd(count, CHUNK)
    rows = xp.reshape(x, (*x.shape[:2], count // length, 1, length))
    columns = xp.reshape(weights, (x.shape[0], 1, count // length, length, 1))
    return xp.sum(matmul(xp, rows, columns), axis=(2, 3, 4))


def probabilities(xp: Namespace, logits: Any, labels: Labels) -> tuple[Any, Any]:
    """Return the probability of every class, and of all but the label's.

    (B, C, *), of no meaning at the class of the label, and (B, 1, *), both 0 where the
    label does not count, whatever the logits hold.
    """
    powers, share, missed = _factors(xp, logits, labels)
    return powers * share, missed


def _factors(xp: Namespace, logits: Any, labels: Labels) -> tuple[Any, Any, Any]:
    """Return factors of the probabilities of all classes, and the missed probability.

    (B, C, *), of no meaning at the class of the label, and (B, 1, *).
    """
    if is_eager_torch(xp):
        # Twice as fast as the other way, for an error of half a unit in the last place
        # of 1, which in eager torch is all that is left of a loss near 0.
        p = softmax(xp, limited(xp, labels.counted, logits, 0.0), axis=1)
        missed = xp.where(labels.counted, 1.0 - own(xp, labels, p), 0.0)
        return p, labels.counted, missed
    if is_recorded(xp):
        z = limited(xp, labels.counted, logits, 0.0)
        shares = split_softmax(xp, z, labels.classes(xp))
        counted = cast(xp, labels.counted, shares.dtype)
        return (
            with_own(xp, labels, shares, 0.0),
            counted,
            own(xp, labels, shares) * counted,
        )
    # Of 1 - p nothing is left as p nears 1. A sum that is divided by itself and the
    # rest has digits at both ends, and so have its slopes.
    others, rivals, mine = _exponentials(xp, logits, labels)
    share = xp.where(labels.counted, 1.0 / (rivals + mine), 0.0)
    return others, share, rivals * share


def _exponentials(xp: Namespace, logits: Any, labels: Labels) -> tuple[Any, Any, Any]:
    """Return e^z of all classes but the label's, 0 there, their sum, and the label's.

    In units of the largest one.
    """
    # a difference of infinite logits is no number
    z = limited(xp, labels.counted, logits, 0.0)
    top = xp.max(detach(xp, logits), axis=1, keepdims=True)
    e = xp.exp(z - limited(xp, labels.counted, top, 0.0))
    others = with_own(xp, labels, e, 0.0)
    return others, xp.sum(others, axis=1, keepdims=True), own(xp, labels, e)


def _of_shares(
    xp: Namespace, pooled: bool, logits: Any, target: Any
) -> tuple[Confusion, Any]:
    axes = tuple(range(2, logits.ndim))
    p = softmax(xp, at_most(xp, logits, largest_square(xp, logits)), axis=1)
    excess = p - target
    # 0 at a tie, as are the slopes; by negation, so that NaN stays
    parts = [
        select(xp, ~(excess <= 0), excess),
        select(xp, ~(excess >= 0), -excess),
        target,
    ]
    sums = [xp.sum(part, axis=axes) for part in parts]
    if pooled:
        sums = [xp.sum(x, axis=1, keepdims=True) for x in sums]
    return Confusion(*sums), None


def share(xp: Namespace, errors: Any, whole: Any, eps: Any) -> Any:
    """Return errors/whole, 1 with zero gradient where there is nothing to score.

    This is 1 - (whole - errors)/(whole + eps), without the subtraction that loses the
    digits of a small loss.
    """
    empty = whole == 0
    return xp.where(empty, 1.0, (errors + eps) / xp.where(empty, 1.0, whole + eps))


def mean_present(xp: Namespace, loss: Any, sums: Confusion, weight: Any = 1.0) -> Any:
    """Return the mean over the classes that the target has, 1 where it has none."""
    weights = xp.where(sums.total > 0, xp.ones_like(loss) * weight, 0.0)
    return share(xp, xp.sum(weights * loss, axis=1), xp.sum(weights, axis=1), 0.0)
