"""The losses of labelled pixels as a textbook prints them, in NumPy."""

from typing import Any

import numpy as np


def cross_entropy(logits: Any, labels: Any) -> Any:
    return np.mean(cross_entropy_map(logits, labels))


def cross_entropy_map(logits: Any, labels: Any) -> Any:
    return -_log_probability(logits, labels)[:, 0]


def focal(logits: Any, labels: Any, alpha: float, gamma: float) -> Any:
    return np.mean(focal_map(logits, labels, alpha, gamma))


def focal_map(logits: Any, labels: Any, alpha: float, gamma: float) -> Any:
    """Return the loss of the label in its own place, and zeros beside it."""
    log_p = _log_probability(logits, labels)
    factor = np.where(labels[:, np.newaxis] == 0, 1 - alpha, alpha).astype(log_p.dtype)
    loss = np.zeros_like(logits)
    values = -factor * (1 - np.exp(log_p)) ** gamma * log_p
    np.put_along_axis(loss, labels[:, np.newaxis], values, axis=1)
    return loss


def _log_probability(logits: Any, labels: Any) -> Any:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return np.take_along_axis(log_p, labels[:, np.newaxis], axis=1)
