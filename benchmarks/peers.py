"""Peers that losses of several groups run against."""

from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.modes import Loss
from benchmarks.rows import Peer


def kornia(function: str, **options: Any) -> Peer:
    return Peer("kornia", ("torch", "kornia"), partial(_kornia, function, options))


def kornia_class(name: str) -> Peer:
    """Return a criterion of kornia with its usual options."""
    return Peer("kornia", ("torch", "kornia"), partial(_kornia_class, name))


def native(function: str) -> Peer:
    return Peer(f"F.{function}", ("torch",), partial(_native, function))


def _kornia(function: str, options: dict[str, Any]) -> Loss:
    return partial(getattr(import_module("kornia.losses"), function), **options)


def _kornia_class(name: str) -> Loss:
    criterion: Loss = getattr(import_module("kornia.losses"), name)()
    return criterion


def _native(function: str) -> Loss:
    loss: Loss = getattr(import_module("torch.nn.functional"), function)
    return loss
