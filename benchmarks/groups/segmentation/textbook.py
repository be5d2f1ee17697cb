"""The losses of labelled pixels as a textbook prints them.

`xp` is numpy, and for Tversky's index torch or jax.numpy as well.
"""

from typing import Any


def cross_entropy(xp: Any, logits: Any, labels: Any) -> Any:
    return xp.mean(cross_entropy_map(xp, logits, labels))


def cross_entropy_map(xp: Any, logits: Any, labels: Any) -> Any:
    return -_log_probability(xp, logits, labels)[:, 0]


def focal(xp: Any, logits: Any, labels: Any, alpha: float, gamma: float) -> Any:
    return xp.mean(focal_map(xp, logits, labels, alpha, gamma))


def focal_map(xp: Any, logits: Any, labels: Any, alpha: float, gamma: float) -> Any:
    """Return the loss of the label in its own place, and zeros beside it."""
    log_p = _log_probability(xp, logits, labels)
    factor = xp.where(labels[:, None] == 0, 1 - alpha, alpha).astype(log_p.dtype)
    loss = xp.zeros_like(logits)
    values = -factor * (1 - xp.exp(log_p)) ** gamma * log_p
    xp.put_along_axis(loss, labels[:, None], values, axis=1)
    return loss


def focal_tversky(
    xp: Any, logits: Any, labels: Any, alpha: float, beta: float, gamma: float
) -> Any:
    """Count by classes of each image; two spatial axes."""
    powers = xp.exp(logits)
    p = powers / powers.sum(1)[:, None]
    t = xp.stack([labels == label for label in range(p.shape[1])], 1)
    axes = 2, 3
    hits = (p * t).sum(axes)
    wrong, missed = p.sum(axes) - hits, t.sum(axes) - hits
    return ((1 - hits / (hits + alpha * wrong + beta * missed)) ** gamma).mean()


def _log_probability(xp: Any, logits: Any, labels: Any) -> Any:
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    return xp.take_along_axis(log_p, labels[:, None], axis=1)
