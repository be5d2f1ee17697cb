"""Losses of traced arrays as one step of their tape, value and gradient in one pass.

Written down operation by operation, a loss keeps each temporary at the size of its
arguments. A driver that takes NumPy arrays in blocks takes traced ones in the same
blocks: each is differentiated while it is in the cache. The extra memory is that of the
gradient and of a few blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .namespace import Fresh, Recorded, cast, compute_dtype
from .numpy_blocks import Cut, Operands, add_up, total_of

__all__ = [
    "Differentiate",
    "by_tape",
    "plain_all",
    "record_blocks",
    "tape_of",
    "traced_all",
    "varying",
]

Differentiate = Callable[..., tuple[Any, Any]]
"""`(parts, factor, **block)` to the loss of a block and the weights that `mean` divides
by, or None. The gradients of the sum of the loss, times a factor, go to the parts."""


def tape_of(arrays: Mapping[str, Any]) -> Any:
    """Return the tape of the traced arrays among some, or None."""
    for x in arrays.values():
        if isinstance(x, Recorded):
            return x.tape
    return None


def varying(arrays: Mapping[str, Any]) -> dict[str, Recorded]:
    """Return the traced arrays that a gradient goes to."""
    return {n: x for n, x in arrays.items() if isinstance(x, Recorded) and x.varies}


def plain_all(tape: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return what arrays wrap that are traced on a tape; without a tape themselves."""
    if tape is None:
        return dict(arrays)
    return {name: tape.unwrap(x) for name, x in arrays.items()}


def traced_all(tape: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays traced: some libraries refuse another's operand on the right."""
    return {
        name: x if isinstance(x, Recorded) else tape.constant(x)
        for name, x in arrays.items()
    }


def by_tape(
    tape: Any,
    evaluate: Callable[..., tuple[Any, Any]],
    store: Callable[[Any, Any], object],
) -> Differentiate:
    """Differentiate `evaluate(xp, **block)` by a tape of the block's own.

    `store` brings a gradient to its part of the whole.
    """

    def differentiate(parts: Operands, factor: float, **block: Any) -> tuple[Any, Any]:
        own = tape.another()
        traced = {name: own.variable(block[name]) for name in parts}
        loss, weights = evaluate(own.namespace, **{**block, **traced})
        values = own.unwrap(loss)
        if values is not loss:
            own.backward(loss, np.full(values.shape, factor, values.dtype))
        for name, x in traced.items():
            store(parts[name], own.gradient(x))
        return values, own.unwrap(weights)

    return differentiate


def record_blocks(
    tape: Any,
    traced: Mapping[str, Recorded],
    differentiate: Differentiate,
    operands: Operands,
    cut: Cut,
    reduction: str,
    result: Any,
    out: Any,
    *,
    count: int | None,
    like: Callable[..., Any] = np.empty_like,
) -> Any:
    """Return the reduced loss of NumPy arrays, as one step of a tape.

    Parameters
    ----------
    tape, traced
        The tape, and the operands that vary, by name.
    differentiate
        The loss of a block, and its gradients by these operands.
    operands, cut
        Arrays by name, and how they are cut into blocks.
    reduction, result, out
        As for plain arrays. For "none" an element of a traced operand must have no part
        in other elements of the loss than that at its place.
    count
        How many elements there are, where that is what `mean` divides by.
    like
        What makes an array for a gradient: zeros where parts of it overlap.
    """
    slopes = {
        name: like(operands[name], compute_dtype(np, operands[name].dtype))
        for name in traced
    }
    outs = slopes if out is None else {**slopes, "loss": out}
    factor = 1.0 / count if reduction == "mean" and count else 1.0

    def losses() -> Iterator[tuple[Any, Any]]:
        for block, parts in cut(operands, outs):
            of_traced = {name: parts[name] for name in traced}
            loss, weights = differentiate(of_traced, factor, **block)
            if out is not None:
                parts["loss"][...] = loss
            yield loss, weights

    total, divisor = add_up(losses())
    value = total_of(total, divisor, reduction, result) if out is None else out[()]
    scale = (divisor or 1.0) if reduction == "mean" and not count else 1.0

    def backward(gradient: Any) -> Iterator[Fresh]:
        gradient = gradient if scale == 1.0 else gradient / scale
        for name, slope in slopes.items():
            if gradient.ndim or gradient != 1.0:
                slope *= gradient
            yield Fresh(cast(np, slope, operands[name].dtype))

    return tape.record(value, list(traced.values()), backward)
