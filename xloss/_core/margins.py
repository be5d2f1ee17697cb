"""The margin of a class over the others, from logits, with all digits."""

from __future__ import annotations

from typing import Any, NamedTuple

from .labels import Labels, own, with_own
from .namespace import full
from .numerics import clip, detach, largest_square, softplus
from .typing import Namespace

__all__ = ["CERTAIN", "Margin", "bounded", "focal_term", "margin"]

CERTAIN = -1e4
"""a margin whose loss and slope are exactly 0 in every dtype"""


class Margin(NamedTuple):
    """By how much all other classes together exceed one, and what it comes from."""

    value: Any
    """(B, 1, *): log((1 - p)/p) for the probability p of the class"""
    logits: Any
    """(B, C, *): 0 where the label does not count"""
    logit: Any
    """(B, 1, *): that of the class"""


def bounded(xp: Namespace, logits: Any) -> Any:
    """Return logits far below overflow: neither inf - inf nor 0 inf is to be met."""
    limit = largest_square(xp, logits)
    return clip(xp, logits, -limit, limit)


def margin(xp: Namespace, logits: Any, labels: Labels) -> Margin:
    """Return the margin of the other classes over the labelled one.

    Every loss of the probability p of a class is a smooth function of the margin m
    with slopes that keep their digits: -log p = softplus(m), 1 - p = sigmoid(m). From
    p itself nothing is left of 1 - p once p rounds to 1, at a logit gap of 17.

    What does not count gets a margin without loss, whatever its logits hold; so does a
    class without rivals. A wrong label gets NaN. A pixel with an infinite logit is
    decided, without a slope.
    """
    limit = largest_square(xp, logits)
    top = detach(xp, xp.max(logits, axis=1, keepdims=True))
    logit = own(xp, labels, logits)
    lost = labels.counted & (logit < top)
    decided = xp.where(lost, full(xp, (), limit, logits), CERTAIN)
    # by negation, so that NaN stays
    usable = labels.counted & ~((top > limit) | (logit < -limit))
    if labels.wrong is not None:
        decided = xp.where(labels.wrong, xp.nan, decided)
        usable = usable & ~labels.wrong
    logit, top = xp.where(usable, logit, 0.0), xp.where(usable, top, 0.0)
    z = xp.where(usable, logits, 0.0)
    # Differences with the largest logit, which cancels: no offset costs digits.
    rivals = with_own(xp, labels, xp.exp(z - top), 0.0)
    rivals = xp.sum(rivals, axis=1, keepdims=True)
    # What is added keeps the slope finite, and stands below every e^(-70).
    tiny = float(xp.finfo(rivals.dtype).smallest_normal)
    m = xp.log(rivals + tiny) + (top - logit)
    m = m + xp.where(detach(xp, rivals) == 0, full(xp, (), CERTAIN, logits), 0.0)
    return Margin(xp.where(usable, m, decided), z, logit)


def focal_term(xp: Namespace, m: Any, gamma: Any) -> Any:
    """Return -(1 - p)^gamma log p for the margin m of p.

    With s = -log p, log(1 - p) is m - s: the power is exp(gamma (m - s)), so that
    gamma = 0 is no special case and gamma < 1 has no infinite slope.
    """
    s = softplus(xp, m)
    return xp.exp(gamma * (m - s)) * s
