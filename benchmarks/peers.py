"""Peers that losses of several groups run against."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from benchmarks.modes import Loss
from benchmarks.rows import Peer


def kornia(function: str, **options: Any) -> Peer:
    return Peer("kornia", ("torch", "kornia"), partial(_kornia, function, options))


def kornia_class(name: str) -> Peer:
    """Return a criterion of kornia with its usual options."""
    return Peer("kornia", ("torch", "kornia"), partial(_kornia_class, name))


def torchmetrics(load: Callable[[], Loss]) -> Peer:
    return Peer("torchmetrics", ("torch", "torchmetrics"), load)


def sklearn(load: Callable[[], Loss]) -> Peer:
    return Peer("scikit-learn", ("sklearn",), load)


def keras(library: str, load: Callable[[], Loss]) -> Peer:
    """Return a peer that computes with torch or jax, and with its usual settings.

    It would read others from a file in the home directory, or write that file.
    """
    home = str(Path(gettempdir(), "keras-of-xloss-benchmarks"))
    variables = (("KERAS_BACKEND", library), ("KERAS_HOME", home))
    return Peer("keras", (library, "keras"), load, variables)


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
