"""The margin of a class over the others, from logits, with all digits."""

from __future__ import annotations

from typing import Any, NamedTuple

from .labels import Labels, own, with_own
from .namespace import full, is_compiling, is_jax
from .numerics import (
    detach,
    largest_square,
    limited,
    sigmoid_pair,
    softplus,
    softplus_pair,
)
from .typing import Namespace

__all__ = ["CERTAIN", "Margin", "focal_term", "focal_terms", "margin", "minus_log_p"]

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
    # Neither inf - inf nor 0 inf is to be met. What is reduced are the caller's logits,
    # which gather keeps anyway, and which compilers need not change beforehand.
    z = limited(xp, usable, logits, 0.0)
    logit = limited(xp, usable, own(xp, labels, logits), 0.0)
    # Differences with the largest logit, which cancels: no offset costs digits.
    top = xp.max(detach(xp, logits), axis=1, keepdims=True)
    top = limited(xp, usable, top, 0.0)
    rivals = xp.exp(with_own(xp, labels, z - top, CERTAIN))
    rivals = xp.sum(rivals, axis=1, keepdims=True)
    # What is added keeps the slope finite, and stands below every e^(-70).
    tiny = float(xp.finfo(rivals.dtype).smallest_normal)
    m = xp.log(rivals + tiny) + (top - logit)
    unrivalled = detach(xp, rivals) == 0
    m = m + xp.where(unrivalled, full(xp, (), CERTAIN, logits), 0.0)
    return Margin(xp.where(usable, m, instead), z, logit)


def minus_log_p(xp: Namespace, found: Margin, logits: Any, labels: Labels) -> Any:
    """Return -log p, (B, 1, *), of the class that a margin was found for."""
    if not is_jax(xp):
        return softplus(xp, found.value)
    from . import jax_margins  # needs JAX

    usable, bound = labels.counted, largest_square(xp, logits)
    if labels.wrong is None:
        return jax_margins.minus_log_p(logits, labels.index, usable, bound)
    usable = usable & ~labels.wrong
    loss = jax_margins.minus_log_p(logits, labels.index, usable, bound)
    return xp.where(labels.wrong, xp.nan, loss)


def focal_term(xp: Namespace, m: Any, gamma: Any) -> Any:
    """Return -(1 - p)^gamma log p for the margin m of p.

    With s = -log p, log(1 - p) is m - s: the power is exp(gamma (m - s)), so that
    gamma = 0 is no special case and gamma < 1 has no infinite slope.
    """
    if _squares(xp, gamma):
        (missed, _), (_, s) = sigmoid_pair(xp, m), softplus_pair(xp, m)
        return missed * missed * s
    s = softplus(xp, m)
    return xp.exp(gamma * (m - s)) * s


def focal_terms(xp: Namespace, z: Any, gamma: Any) -> tuple[Any, Any]:
    """Return -(1 - p)^gamma log p and -p^gamma log(1 - p) for the logit z of p."""
    own, other = softplus_pair(xp, z)
    if _squares(xp, gamma):
        p, missed = sigmoid_pair(xp, z)
        return missed * missed * own, p * p * other
    return xp.exp(-gamma * other) * own, xp.exp(-gamma * own) * other


def _squares(xp: Namespace, gamma: Any) -> bool:
    """Whether to take a power by a product: torch's compiler has its base at hand."""
    return isinstance(gamma, float) and gamma == 2.0 and is_compiling(xp)
