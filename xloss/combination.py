"""Sums of losses."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ._core.checks import is_number, number
from ._core.namespace import cast, resolve

__all__ = ["Combination", "combine"]

Criterion = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Combination:
    """Weighted sum of criteria, a criterion itself; :func:`combine` makes it."""

    criteria: tuple[Criterion, ...]
    weights: tuple[Any, ...]

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        """Return the weighted sum; every criterion gets all arguments."""
        losses = [criterion(*arrays, **options) for criterion in self.criteria]
        shapes = [tuple(getattr(loss, "shape", ())) for loss in losses]
        if any(shape != shapes[0] for shape in shapes):
            came = ", ".join(
                f"{_name(criterion)}: {shape}"
                for criterion, shape in zip(self.criteria, shapes, strict=True)
            )
            msg = f"combine: all terms must have one shape, got {came}; reduce them"
            raise ValueError(msg)
        terms = map(_weighted, self.weights, losses)
        return reduce(operator.add, terms)


def _weighted(weight: Any, loss: Any) -> Any:
    if is_number(weight):
        return weight * loss
    xp = resolve("combine", {"loss": loss}, {"weight": weight}).xp
    return cast(xp, weight, loss.dtype) * loss  # a weight does not widen the loss


def combine(*criteria: Criterion, weights: Sequence[Any] | None = None) -> Combination:
    """Weighted sum of losses as one criterion.

    Parameters
    ----------
    criteria
        Criteria that take the same arrays, or any functions of them.
    weights
        One number for each criterion, or a 0-d array, through which a weight can be
        learned; None: 1 for each.

    Returns
    -------
    Combination
        A criterion: called with the arrays, it returns the sum, of the shape that all
        terms must share.

    Raises
    ------
    TypeError
        If a criterion cannot be called, or a weight is no number.
    ValueError
        If there are no criteria, or as many weights; at the call, if the terms are of
        different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> criterion = combine(
    ...     xloss.DiceLoss(), xloss.CrossEntropyLoss(), weights=[1.0, 0.5]
    ... )
    >>> print(criterion(np.zeros((1, 2, 4)), np.asarray([[0, 1, 1, 0]])).round(4))
    0.8466
    """
    if not criteria:
        raise ValueError("combine: at least one criterion is needed, got none")
    for criterion in criteria:
        if not callable(criterion):
            came = type(criterion).__name__
            msg = f"combine: every criterion must be callable, got a {came}"
            raise TypeError(msg)
    if weights is None:
        weights = (1.0,) * len(criteria)
    if not isinstance(weights, (tuple, list)):
        came = type(weights).__name__
        msg = f"combine: weights must be a list or tuple of numbers, got a {came}"
        raise TypeError(msg)
    if len(weights) != len(criteria):
        counts = f"{len(weights)} weights for {len(criteria)} criteria"
        raise ValueError(f"combine: one weight for each criterion, got {counts}")
    checked = tuple(
        number("combine", "every weight", w, lambda v: v == v, "a number")
        for w in weights
    )
    return Combination(criteria, checked)


def _name(criterion: Criterion) -> str:
    return getattr(criterion, "__name__", type(criterion).__name__)
