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

from benchmarks.groups.segmentation import textbook
from benchmarks.modes import Loss
from benchmarks.rows import Peer

ALPHA, GAMMA = 0.25, 2.0  # focal
FALSE_POSITIVES, FALSE_NEGATIVES = 0.3, 0.7  # Tversky's alpha and beta

_FOCAL = {"alpha": ALPHA, "gamma": GAMMA}
_TVERSKY = {"alpha": FALSE_POSITIVES, "beta": FALSE_NEGATIVES}


def monai(loss: str) -> Peer:
    return Peer("MONAI", ("torch", "monai"), partial(_monai, loss))


def smp(loss: str) -> Peer:
    needs = ("torch", "segmentation_models_pytorch")
    return Peer("smp", needs, partial(_smp, loss))


def optax(loss: str) -> Peer:
    return Peer("optax", ("jax", "optax"), partial(_optax, loss))


def on_numpy(function: str) -> Peer:
    options = _FOCAL if function.startswith("focal") else {}
    loss = partial(getattr(textbook, function), **options)
    return Peer("textbook", (), lambda: loss)


def _monai(loss: str) -> Loss:
    """It wants labels with an axis of one channel, and averages over all classes."""
    module = import_module("monai.losses")
    softmax = {"softmax": True, "to_onehot_y": True, "smooth_nr": 0.0, "smooth_dr": 0.0}
    function = {
        "dice": partial(module.DiceLoss, **softmax),
        "jaccard": partial(module.DiceLoss, jaccard=True, **softmax),
        "generalized_dice": partial(module.GeneralizedDiceLoss, **softmax),
        "tversky": partial(module.TverskyLoss, **softmax, **_TVERSKY),
        "focal": partial(
            module.FocalLoss, use_softmax=True, to_onehot_y=True, **_FOCAL
        ),
    }[loss]()
    return lambda logits, labels: function(logits, labels.unsqueeze(1))


def _smp(loss: str) -> Loss:
    module = _smp_losses()
    functions = {
        "dice": partial(module.DiceLoss, "multiclass"),
        "tversky": partial(module.TverskyLoss, "multiclass", **_TVERSKY),
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

    def dice(logits: Any, labels: Any) -> Any:
        # The classes stand last there; XLA moves them while it computes.
        targets = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
        logits = jax.numpy.moveaxis(logits, 1, -1)
        return losses.dice_loss(logits, targets, smooth=0.0).mean()

    def cross_entropy(logits: Any, labels: Any) -> Any:
        function = losses.softmax_cross_entropy_with_integer_labels
        return function(logits, labels, axis=1).mean()

    def binary_focal(logits: Any, targets: Any) -> Any:
        return losses.sigmoid_focal_loss(logits, targets, **_FOCAL).mean()

    def binary_cross_entropy(logits: Any, targets: Any) -> Any:
        return losses.sigmoid_binary_cross_entropy(logits, targets).mean()

    functions = [dice, cross_entropy, binary_focal, binary_cross_entropy]
    return {function.__name__: function for function in functions}[loss]
