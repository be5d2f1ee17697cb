"""What the segmentation losses run against, brought to the same work.

Each peer is told by its options to compute what xloss computes: no term beside the
count in a ratio, one ratio for each image and class, the mean over both.
"""

import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import devices, peers
from benchmarks.groups.segmentation import in_keras, textbook
from benchmarks.groups.segmentation.options import (
    ALPHA,
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    FOCAL_TVERSKY_GAMMA,
    GAMMA,
    LABEL_SMOOTHING,
)
from benchmarks.modes import Loss
from benchmarks.rows import Peer

_FOCAL = {"alpha": ALPHA, "gamma": GAMMA}
_TVERSKY = {"alpha": FALSE_POSITIVES, "beta": FALSE_NEGATIVES}


def monai(loss: str) -> Peer:
    return Peer("MONAI", ("torch", "monai"), partial(_monai, loss))


def smp(loss: str) -> Peer:
    needs = ("torch", "segmentation_models_pytorch")
    return Peer("smp", needs, partial(_smp, loss))


def keras(library: str, loss: str) -> Peer:
    return peers.keras(library, partial(in_keras.load, loss))


def sklearn(loss: str) -> Peer:
    return peers.sklearn(partial(_sklearn, loss))


def optax(loss: str) -> Peer:
    return Peer("optax", ("jax", "optax"), partial(_optax, loss))


def on_numpy(function: str) -> Peer:
    return Peer("textbook", (), partial(_on_numpy, function))


def _on_numpy(function: str) -> Loss:
    options = _FOCAL if function.startswith("focal") else {}
    return partial(getattr(textbook, function), devices.module("numpy"), **options)


def focal_tversky(module: str) -> Peer:
    """Return the textbook expression, with the functions of a module."""
    needs = () if module == "numpy" else (module.partition(".")[0],)
    return Peer("textbook", needs, partial(_focal_tversky, module))


def _focal_tversky(module: str) -> Loss:
    options = {**_TVERSKY, "gamma": FOCAL_TVERSKY_GAMMA}
    return partial(textbook.focal_tversky, devices.module(module), **options)


def _monai(loss: str) -> Loss:
    """It wants labels with an axis of one channel, and averages over all classes."""
    module = import_module("monai.losses")
    softmax = {"softmax": True, "to_onehot_y": True, "smooth_nr": 0.0, "smooth_dr": 0.0}
    function = {
        "dice": partial(module.DiceLoss, **softmax),
        "jaccard": partial(module.DiceLoss, jaccard=True, **softmax),
        "generalized_dice": partial(module.GeneralizedDiceLoss, **softmax),
        "tversky": partial(module.TverskyLoss, **softmax, **_TVERSKY),
        "focal_tversky": partial(
            module.TverskyLoss, **softmax, **_TVERSKY, reduction="none"
        ),
        "focal": partial(
            module.FocalLoss, use_softmax=True, to_onehot_y=True, **_FOCAL
        ),
    }[loss]()
    if loss == "focal_tversky":
        return lambda logits, labels: (
            function(logits, labels.unsqueeze(1)) ** FOCAL_TVERSKY_GAMMA
        ).mean()
    return lambda logits, labels: function(logits, labels.unsqueeze(1))


def _smp(loss: str) -> Loss:
    module = _smp_losses()
    functions = {
        "dice": partial(module.DiceLoss, "multiclass"),
        "jaccard": partial(module.JaccardLoss, "multiclass"),
        "tversky": partial(module.TverskyLoss, "multiclass", **_TVERSKY),
        "binary_cross_entropy": module.SoftBCEWithLogitsLoss,
        "cross_entropy": partial(
            module.SoftCrossEntropyLoss, smooth_factor=LABEL_SMOOTHING
        ),
        # Its focal loss of many classes is the binary one, class by class.
        "binary_focal": partial(module.FocalLoss, "multilabel", **_FOCAL),
        "lovasz_hinge": partial(module.LovaszLoss, "binary", per_image=True),
        "lovasz_softmax": partial(module.LovaszLoss, "multiclass", per_image=True),
    }
    function: Loss = functions[loss]()
    return function


def _smp_losses() -> ModuleType:
    """Import the losses of segmentation_models_pytorch, which need torch alone.

    The package around them imports torchvision and timm, which they do not use.
    """
    name = "segmentation_models_pytorch_losses"
    if name not in sys.modules:
        package = find_spec("segmentation_models_pytorch")
        assert package is not None  # a row runs where its peer is installed
        assert package.submodule_search_locations is not None  # it is a package
        folder = Path(package.submodule_search_locations[0], "losses")
        spec = spec_from_file_location(name, folder / "__init__.py")
        assert spec is not None  # it is a Python file
        assert spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _optax(loss: str) -> Loss:
    losses, jax = import_module("optax.losses"), import_module("jax")

    def overlap(logits: Any, labels: Any, **options: Any) -> Any:
        # The classes stand last there; XLA moves them while it computes.
        targets = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
        logits = jax.numpy.moveaxis(logits, 1, -1)
        return losses.dice_loss(
            logits, targets, smooth=0.0, reduction="none", **options
        )

    def focal_tversky(logits: Any, labels: Any) -> Any:
        of_each = overlap(logits, labels, **_TVERSKY)
        return (of_each**FOCAL_TVERSKY_GAMMA).mean()

    labelled = losses.softmax_cross_entropy_with_integer_labels
    binary_focal = partial(losses.sigmoid_focal_loss, **_FOCAL)
    functions: dict[str, Loss] = {
        "dice": _mean(overlap),
        "jaccard": _mean(partial(overlap, alpha=1.0, beta=1.0)),
        "tversky": _mean(partial(overlap, **_TVERSKY)),
        "focal_tversky": focal_tversky,
        "cross_entropy": _mean(partial(labelled, axis=1)),
        "probabilities": _mean(partial(losses.softmax_cross_entropy, axis=1)),
        "binary_focal": _mean(binary_focal),
        "binary_cross_entropy": _mean(losses.sigmoid_binary_cross_entropy),
    }
    return functions[loss]


def _mean(loss: Loss) -> Loss:
    return lambda logits, targets: loss(logits, targets).mean()


def _sklearn(loss: str) -> Loss:
    """It wants probabilities, a row for each pixel, and counts each label."""
    log_loss = import_module("sklearn.metrics").log_loss
    special = import_module("scipy.special")

    def binary_cross_entropy(logits: Any, targets: Any) -> Any:
        return log_loss(targets.ravel(), special.expit(logits).ravel())

    def cross_entropy(logits: Any, labels: Any) -> Any:
        rows = np.moveaxis(special.softmax(logits, axis=1), 1, -1)
        return log_loss(labels.ravel(), rows.reshape(-1, logits.shape[1]))

    return {f.__name__: f for f in (binary_cross_entropy, cross_entropy)}[loss]
