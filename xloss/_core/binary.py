"""Binary losses of logits: targets in [0, 1], element by element."""

from __future__ import annotations

from typing import Any

from .checks import check_class_weights
from .labels import refuse_wrong
from .margins import CERTAIN, bounded
from .namespace import is_numpy
from .numerics import clip, detach, largest_square
from .typing import Namespace

__all__ = ["Refusal", "counted_pairs", "per_class"]

Refusal = tuple[str, str, int | None]
"""Function and argument for the message of a wrong target, and the ignored label."""


def counted_pairs(
    xp: Namespace, logits: Any, target: Any, where: Any, refusal: Refusal | None
) -> tuple[Any, Any, Any]:
    """Return bounded logits, their targets, and the mask of what counts or None.

    What does not count gets a logit and a target without loss or slope, whatever it
    holds. With a `refusal` the ignored label does not count, and a target outside
    [0, 1] is refused or NaN.
    """
    usable = xp.abs(logits) <= largest_square(xp, logits)
    # A choice has half of the backward of a clip, and keeps no logits for it.
    instead = bounded(xp, detach(xp, logits))
    if refusal is not None:
        function, name, ignore_index = refusal
        within = clip(xp, target, 0.0, 1.0)
        wrong = within != target
        if ignore_index is not None:
            counted = target != float(ignore_index)
            where = counted if where is None else where & counted
        if where is not None:
            wrong = wrong & where
        expected = "labels or probabilities in [0, 1]"
        refuse_wrong(function, name, xp, target, wrong, expected, ignore_index)
        if not is_numpy(xp):
            usable, instead = usable & ~wrong, xp.where(wrong, xp.nan, instead)
            target = within
    if where is not None:
        usable, instead = usable & where, xp.where(where, instead, CERTAIN)
        target = xp.where(where, target, 0.0)
    return xp.where(usable, logits, instead), target, where


def per_class(function: str, name: str, xp: Namespace, weight: Any, logits: Any) -> Any:
    """Return weights (C,) as they multiply logits (B, C, *), or None."""
    if weight is None:
        return None
    check_class_weights(function, name, weight, logits.shape[1])
    return xp.reshape(weight, (1, -1, *(1,) * (logits.ndim - 2)))
