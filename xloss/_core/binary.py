"""Binary losses of logits: targets in [0, 1], element by element."""

from __future__ import annotations

from typing import Any

from .checks import check_class_weights
from .labels import refuse_wrong
from .margins import CERTAIN
from .namespace import full, over_numpy
from .numerics import limited
from .typing import Namespace

__all__ = ["Refusal", "counted_pairs", "per_class"]

Refusal = tuple[str, str, int | None]
"""Function and argument for the message of a wrong target, and the ignored label."""


def counted_pairs(
    xp: Namespace, logits: Any, target: Any, where: Any, refusal: Refusal | None
) -> tuple[Any, Any, Any, Any]:
    """Return bounded logits, their targets, the mask of what counts, and what to add.

    What does not count gets a logit and a target without loss or slope, whatever it
    holds. With a `refusal` the ignored label does not count, and a target outside
    [0, 1] is refused, or makes NaN of its loss by what is to be added, without a slope.
    """
    poison = 0.0
    usable = where
    if refusal is not None:
        function, name, ignore_index = refusal
        # By comparisons alone, which torch's compiler makes anew for backward rather
        # than store them, slowly.
        right = (target >= 0.0) & (target <= 1.0)
        if ignore_index is not None and abs(ignore_index) < 2**64:
            counted = target != float(ignore_index)
            usable = where = counted if where is None else where & counted
        wrong = ~right if where is None else ~right & where
        expected = "labels or probabilities in [0, 1]"
        refuse_wrong(function, name, xp, target, wrong, expected, ignore_index)
        if not over_numpy(xp):
            usable = right if where is None else where & right
            poison = xp.where(wrong, full(xp, (), float("nan"), logits), 0.0)
    logits = limited(xp, usable, logits, CERTAIN)  # 0 inf is not to be met
    if usable is not None:
        target = xp.where(usable, target, 0.0)
    return logits, target, where, poison


def per_class(function: str, name: str, xp: Namespace, weight: Any, logits: Any) -> Any:
    """Return weights (C,) as they multiply logits (B, C, *), or None."""
    if weight is None:
        return None
    check_class_weights(function, name, weight, logits.shape[1])
    return xp.reshape(weight, (1, -1, *(1,) * (logits.ndim - 2)))
