"""What the divergences run against, brought to the same work."""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import devices
from benchmarks.groups.divergence import textbook
from benchmarks.modes import Loss
from benchmarks.peers import keras, torchmetrics
from benchmarks.rows import Peer


def on_numpy(function: str) -> Peer:
    return Peer("textbook", (), partial(_textbook, function, "numpy"))


def on_torch(function: str) -> Peer:
    return Peer("textbook", ("torch",), partial(_textbook, function, "torch"))


def on_jax(function: str) -> Peer:
    return Peer("textbook", ("jax",), partial(_textbook, function, "jax.numpy"))


def _textbook(function: str, module: str) -> Loss:
    return partial(getattr(textbook, function), devices.module(module))


def _native() -> Loss:
    """Take the logarithm first, and average over the maps."""
    function = import_module("torch.nn.functional").kl_div

    def loss(pred: Any, target: Any) -> Any:
        maps = pred.shape[0] * pred.shape[1]
        return function(pred.log(), target, reduction="sum") / maps

    return loss


def _scipy_kl() -> Loss:
    entropy = import_module("scipy.special").rel_entr
    return lambda pred, target: entropy(target, pred).sum((-2, -1)).mean()


def _scipy_js() -> Loss:
    distance = import_module("scipy.spatial.distance").jensenshannon

    def loss(pred: Any, target: Any) -> Any:
        flat = [maps.reshape(*maps.shape[:2], -1) for maps in (pred, target)]
        return np.mean(distance(*flat, axis=-1) ** 2)

    return loss


def _optax() -> Loss:
    """Take the logarithm first."""
    function = import_module("optax.losses").kl_divergence
    log = import_module("jax.numpy").log
    return lambda pred, target: function(log(pred), target, axis=(-2, -1)).mean()


def _torchmetrics(function: str) -> Loss:
    """It takes a matrix, and divides each row by its sum."""
    of_rows = getattr(import_module("torchmetrics.functional.regression"), function)
    return lambda pred, target: of_rows(_rows(target), _rows(pred))


def _keras() -> Loss:
    """It clips at 1e-7, which cuts nothing off here."""
    function = import_module("keras").losses.kl_divergence
    return lambda pred, target: function(_rows(target), _rows(pred)).mean()


def _rows(maps: Any) -> Any:
    return maps.reshape(-1, maps.shape[-2] * maps.shape[-1])


def in_keras(library: str) -> Peer:
    return keras(library, _keras)


NATIVE = Peer("F.kl_div", ("torch",), _native)
TORCHMETRICS_KL = torchmetrics(partial(_torchmetrics, "kl_divergence"))
TORCHMETRICS_JS = torchmetrics(partial(_torchmetrics, "jensen_shannon_divergence"))
SCIPY_KL = Peer("scipy rel_entr", ("scipy",), _scipy_kl)
SCIPY_JS = Peer("scipy jensenshannon", ("scipy",), _scipy_js)
OPTAX = Peer("optax", ("jax", "optax"), _optax)
