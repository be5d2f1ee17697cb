"""Functions on JAX whose slopes are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["with_slopes"]


def with_slopes(
    value: Callable[..., Any],
    slopes: Sequence[Callable[..., Any]],
    arrays: Sequence[Any],
    axes: tuple[int, ...] = (),
) -> Any:
    """Return a function of arrays, element by element, and summed over some axes.

    JAX differentiates it by the slopes, one for each array: the derivative of a formula
    would store several arrays. What value and slopes have in common beside the arrays,
    be it a constant, XLA (on a CPU, 0.10) stores too; behind a barrier, and with one
    axis more, they have nothing in common.
    """
    from jax import custom_jvp, lax
    from jax import numpy as xp

    barrier: Callable[..., Any] = lax.optimization_barrier  # has no types

    def rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
        again: Any = barrier([x[None] for x in primals])
        pairs = zip([slope(*primals) for slope in slopes], tangents, strict=True)
        first, *others = [slope * tangent for slope, tangent in pairs]
        return function(*again)[0], xp.sum(sum(others, start=first), axis=from_end)

    from_end = tuple(axis - arrays[0].ndim for axis in axes)
    function = custom_jvp(lambda *arrays: value(*arrays, axes=from_end))
    function.defjvp(rule)
    return function(*arrays)
