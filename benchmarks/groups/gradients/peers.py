"""What one differentiates with on NumPy otherwise: torch, or the package autograd."""

from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.groups.pointwise import textbook
from benchmarks.modes import Loss
from benchmarks.rows import Peer


def torch(loss: Loss) -> Peer:
    """Return the same loss, to be run on torch."""
    return Peer("torch, and back", ("torch",), lambda: loss)


def autograd(name: str) -> Peer:
    """Return the textbook expression of a loss."""
    return Peer("autograd, textbook", ("autograd",), partial(_textbook, name))


def _textbook(name: str) -> Loss:
    if name == "binary_cross_entropy":
        return partial(_binary_cross_entropy, import_module("autograd.numpy"))
    return textbook.mean(name, "autograd.numpy")


def _binary_cross_entropy(xp: Any, logits: Any, target: Any) -> Any:
    softplus = xp.maximum(logits, 0) + xp.log(1 + xp.exp(-xp.abs(logits)))
    return xp.mean(softplus - target * logits)
