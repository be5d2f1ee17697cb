"""The margin of a class over the others, from logits, with all digits."""

from __future__ import annotations

from typing import Any, NamedTuple

from .labels import Labels, own, with_own
from .namespace import full, is_eager_torch
from .numerics import detach, limited, softplus
from .typing import Namespace

__all__ = ["CERTAIN", "Margin", "focal_term", "margin"]

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


def margin(xp: Namespace, logits: Any, labels: Labels) -> Margin:
    """Return the margin of the other classes over the labelled one.

    Every loss of the probability p of a class is a smooth function of the margin m
    with slopes that keep their digits: -log p = softplus(m), 1 - p = sigmoid(m). From
    p itself nothing is left of 1 - p once p rounds to 1, at a logit gap of 17.

    What does not count gets a margin without loss, whatever its logits hold; so does a
    class without rivals. A wrong label gets NaN.
    """
    instead = full(xp, (), CERTAIN, logits)
    usable = labels.counted
    if labels.wrong is not None:
        usable = usable & ~labels.wrong
        instead = xp.where(labels.wrong, xp.nan, instead)
    # neither inf - inf nor 0 inf is to be met
    z = limited(xp, usable, logits, 0.0)
    if is_eager_torch(xp):  # gather keeps what it reads: better the caller's logits
        logit = limited(xp, usable, own(xp, labels, logits), 0.0)
    else:
        logit = own(xp, labels, z)
    # Differences with the largest logit, which cancels: no offset costs digits.
    top = xp.max(detach(xp, z), axis=1, keepdims=True)
    rivals = with_own(xp, labels, xp.exp(z - top), 0.0)
    rivals = xp.sum(rivals, axis=1, keepdims=True)
    # What is added keeps the slope finite, and stands below every e^(-70).
    tiny = float(xp.finfo(rivals.dtype).smallest_normal)
    m = xp.log(rivals + tiny) + (top - logit)
    unrivalled = detach(xp, rivals) == 0
    m = m + xp.where(unrivalled, full(xp, (), CERTAIN, logits), 0.0)
    return Margin(xp.where(usable, m, instead), z, logit)


def focal_term(xp: Namespace, m: Any, gamma: Any) -> Any:
    """Return -(1 - p)^gamma log p for the margin m of p.

    With s = -log p, log(1 - p) is m - s: the power is exp(gamma (m - s)), so that
    gamma = 0 is no special case and gamma < 1 has no infinite slope.
    """
    s = softplus(xp, m)
    return xp.exp(gamma * (m - s)) * s
