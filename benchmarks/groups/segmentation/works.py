"""What is measured of each segmentation loss: its call, its peer, its inputs."""

from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.segmentation import peers
from benchmarks.groups.segmentation.peers import (
    ALPHA,
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    GAMMA,
)
from benchmarks.peers import kornia, native
from benchmarks.works import Work

Arrays = tuple[NDArray[Any], ...]

BATCH, CLASSES = 4, 6
MANY_CLASSES = 21
CELLS = 8  # squares of one class along a side

# Of the largest gradient, 256 pixels a side: the peers subtract neighbouring Jaccard
# indices in float32, which leaves them 9e-4 from float64.
LOVASZ_AGREEMENT = 2e-3
# smp takes the overlap from a float32 norm, 5e-5 from float64 in the value.
NORM_AGREEMENT = 2e-4


def describe(size: int) -> str:
    large = 2 * size
    return (
        f"logits {BATCH} x {CLASSES} x {size} x {size} float32, labels int64 in "
        f"{CELLS} x {CELLS} squares\n"
        f"(lovasz_hinge: one class; one image: 1 x {CLASSES} x {large} x {large};\n"
        f"NumPy: {BATCH} x {MANY_CLASSES} x {large} x {large})"
    )


@cache
def _labelled(size: int) -> Arrays:
    return _logits_and_labels(BATCH, CLASSES, size)


@cache
def _one_image(size: int) -> Arrays:
    return _logits_and_labels(1, CLASSES, 2 * size)


@cache
def _many_classes(size: int) -> Arrays:
    return _logits_and_labels(BATCH, MANY_CLASSES, 2 * size)


def _logits_and_labels(batch: int, classes: int, side: int) -> Arrays:
    """Return logits (B, C, side, side), and labels that are the same in each square."""
    random = np.random.default_rng(2017)
    squares = random.integers(0, classes, (batch, CELLS, CELLS))
    cell = np.arange(side) * CELLS // side
    logits = random.standard_normal((batch, classes, side, side), np.float32)
    logits *= 2.0
    return logits, squares[:, cell[:, np.newaxis], cell]


@cache
def _foreground(size: int) -> Arrays:
    logits, labels = _labelled(size)
    return np.ascontiguousarray(logits[:, :1]), (labels == 0).astype(np.int64)


@cache
def _integers(size: int) -> Arrays:
    """Return logits, and 1 where the label is the class and 0 elsewhere."""
    logits, labels = _labelled(size)
    classes = np.arange(CLASSES).reshape(1, -1, 1, 1)
    return logits, (labels[:, np.newaxis] == classes).astype(np.int64)


@cache
def _floats(size: int) -> Arrays:
    logits, targets = _integers(size)
    return logits, targets.astype(np.float32)


@cache
def _probabilities(size: int) -> Arrays:
    """Return logits, and targets that are 0.7 for the label."""
    logits, targets = _floats(size)
    return logits, np.float32(0.64) * targets + np.float32(0.06)


_FOCAL = partial(xloss.focal_loss, alpha=ALPHA, gamma=GAMMA, reduction="mean")
_BINARY_FOCAL = partial(
    xloss.binary_focal_loss_with_logits, alpha=ALPHA, gamma=GAMMA, reduction="mean"
)
_MACRO = partial(xloss.dice_loss, average="macro")
_TVERSKY = partial(xloss.tversky_loss, alpha=FALSE_POSITIVES, beta=FALSE_NEGATIVES)
_BINARY_CROSS_ENTROPY = xloss.binary_cross_entropy_with_logits
_KORNIA_BINARY_FOCAL = kornia(
    "binary_focal_loss_with_logits", alpha=ALPHA, gamma=GAMMA, reduction="mean"
)
_KORNIA_TVERSKY = kornia("tversky_loss", alpha=FALSE_POSITIVES, beta=FALSE_NEGATIVES)

AGAINST_KORNIA = [
    Work(
        "focal",
        _FOCAL,
        kornia("focal_loss", alpha=ALPHA, gamma=GAMMA, reduction="mean"),
        _labelled,
    ),
    Work("binary_focal", _BINARY_FOCAL, _KORNIA_BINARY_FOCAL, _floats),
    Work("binary_focal, integers", _BINARY_FOCAL, _KORNIA_BINARY_FOCAL, _integers),
    Work("dice, micro", xloss.dice_loss, kornia("dice_loss"), _labelled),
    Work("dice, macro", _MACRO, kornia("dice_loss", average="macro"), _labelled),
    Work("tversky", _TVERSKY, _KORNIA_TVERSKY, _labelled),
    Work(
        "lovasz_hinge",
        xloss.lovasz_hinge_loss,
        kornia("lovasz_hinge_loss"),
        _foreground,
        LOVASZ_AGREEMENT,
    ),
    Work(
        "lovasz_softmax",
        xloss.lovasz_softmax_loss,
        kornia("lovasz_softmax_loss"),
        _labelled,
        LOVASZ_AGREEMENT,
    ),
]
AGAINST_TORCH = [
    Work(
        "cross_entropy",
        xloss.cross_entropy_loss,
        native("cross_entropy"),
        _labelled,
    ),
    Work(
        "cross_entropy, probabilities",
        xloss.cross_entropy_loss,
        native("cross_entropy"),
        _probabilities,
    ),
    Work(
        "binary_cross_entropy",
        _BINARY_CROSS_ENTROPY,
        native("binary_cross_entropy_with_logits"),
        _floats,
    ),
]
AGAINST_OTHERS = [
    Work("focal", _FOCAL, peers.monai("focal"), _labelled),
    Work("dice, macro", _MACRO, peers.monai("dice"), _labelled),
    Work(
        "jaccard",
        partial(xloss.jaccard_loss, average="macro"),
        peers.monai("jaccard"),
        _labelled,
    ),
    Work(
        "generalized_dice",
        xloss.generalized_dice_loss,
        peers.monai("generalized_dice"),
        _labelled,
    ),
    Work("tversky", _TVERSKY, peers.monai("tversky"), _labelled),
    Work("binary_focal", _BINARY_FOCAL, peers.smp("binary_focal"), _floats),
    # smp pools a batch into one ratio for each class: of one image that is the same.
    Work(
        "dice, macro, one image",
        _MACRO,
        peers.smp("dice"),
        _one_image,
        NORM_AGREEMENT,
    ),
    Work(
        "tversky, one image",
        _TVERSKY,
        peers.smp("tversky"),
        _one_image,
        NORM_AGREEMENT,
    ),
    Work(
        "lovasz_hinge",
        xloss.lovasz_hinge_loss,
        peers.smp("lovasz_hinge"),
        _foreground,
        LOVASZ_AGREEMENT,
    ),
    Work(
        "lovasz_softmax",
        xloss.lovasz_softmax_loss,
        peers.smp("lovasz_softmax"),
        _labelled,
        LOVASZ_AGREEMENT,
    ),
]
ON_JAX = [
    Work("binary_focal", _BINARY_FOCAL, peers.optax("binary_focal"), _floats),
    Work("dice, macro", _MACRO, peers.optax("dice"), _labelled),
    Work(
        "cross_entropy",
        xloss.cross_entropy_loss,
        peers.optax("cross_entropy"),
        _labelled,
    ),
    Work(
        "binary_cross_entropy",
        _BINARY_CROSS_ENTROPY,
        peers.optax("binary_cross_entropy"),
        _floats,
    ),
]
ON_NUMPY = [
    Work(
        "cross_entropy",
        xloss.cross_entropy_loss,
        peers.on_numpy("cross_entropy"),
        _many_classes,
    ),
    Work(
        "cross_entropy, none",
        partial(xloss.cross_entropy_loss, reduction="none"),
        peers.on_numpy("cross_entropy_map"),
        _many_classes,
    ),
    Work("focal", _FOCAL, peers.on_numpy("focal"), _many_classes),
    Work(
        "focal, none",
        partial(_FOCAL, reduction="none"),
        peers.on_numpy("focal_map"),
        _many_classes,
    ),
]
