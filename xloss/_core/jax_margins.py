"""The loss -log p on JAX, whose slopes are known."""

from __future__ import annotations

from typing import Any

__all__ = ["minus_log_p"]


def minus_log_p(logits: Any, index: Any, usable: Any, bound: float) -> Any:
    """Return -log p of one class of each pixel, (B, 1, *), 0 where it is not usable.

    JAX differentiates it by its slopes, which need the powers of e that the value does;
    the derivative of a formula that keeps their digits would store others too.

    Parameters
    ----------
    logits
        (B, C, *), beyond the bound or NaN where not usable.
    index, usable
        (B, 1, *): the class, and whether to take it.
    bound
        What infinite logits are taken for.
    """
    from jax import custom_jvp, lax
    from jax import numpy as xp

    def limited(x: Any, usable: Any) -> Any:
        return xp.clip(xp.where(usable, x, 0.0), -bound, bound)

    def parts(x: Any, index: Any, usable: Any) -> tuple[Any, ...]:
        """Return the mask of the class, and e^z of its rivals, their sum, and the gap.

        In units of the largest one, and from it to the class.
        """
        classes = xp.arange(x.shape[1], dtype=index.dtype)
        mine = index == classes.reshape((1, -1) + (1,) * (x.ndim - 2))
        top = limited(lax.stop_gradient(xp.max(x, axis=1, keepdims=True)), usable)
        logit = xp.sum(xp.where(mine, x, 0.0), axis=1, keepdims=True)
        gap = top - limited(logit, usable)
        others = xp.exp(xp.where(mine, -xp.inf, limited(x, usable) - top))
        return mine, others, xp.sum(others, axis=1, keepdims=True), gap

    @custom_jvp
    def loss(x: Any, index: Any, usable: Any) -> Any:
        _, _, rivals, gap = parts(x, index, usable)
        # Nothing cancels: own is 1 without a gap, and with one the rivals exceed 1.
        own = xp.exp(-gap)
        value = gap + xp.log1p(rivals + (own - 1.0))
        return xp.where(usable, value, 0.0)

    @loss.defjvp
    def rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
        mine, others, rivals, gap = parts(*primals)
        share = xp.where(primals[2], 1.0 / (rivals + xp.exp(-gap)), 0.0)
        slopes = xp.where(mine, -rivals, others) * share
        return loss(*primals), xp.sum(slopes * tangents[0], axis=1, keepdims=True)

    result: Any = loss(logits, index, usable)
    return result
