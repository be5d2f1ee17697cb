"""What is measured of each segmentation loss: its call, its peer, its inputs."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.segmentation import peers
from benchmarks.groups.segmentation.options import (
    ALPHA,
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    FOCAL_TVERSKY_GAMMA,
    GAMMA,
    LABEL_SMOOTHING,
)
from benchmarks.modes import Inputs, Loss
from benchmarks.peers import kornia, native
from benchmarks.rows import AGREEMENT, Peer
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


FOCAL = partial(xloss.focal_loss, alpha=ALPHA, gamma=GAMMA, reduction="mean")
BINARY_FOCAL = partial(
    xloss.binary_focal_loss_with_logits, alpha=ALPHA, gamma=GAMMA, reduction="mean"
)
TVERSKY = partial(xloss.tversky_loss, alpha=FALSE_POSITIVES, beta=FALSE_NEGATIVES)
FOCAL_TVERSKY = partial(
    xloss.focal_tversky_loss,
    alpha=FALSE_POSITIVES,
    beta=FALSE_NEGATIVES,
    gamma=FOCAL_TVERSKY_GAMMA,
)
_SMOOTHED = partial(xloss.cross_entropy_loss, label_smoothing=LABEL_SMOOTHING)
_MACRO_DICE = partial(xloss.dice_loss, average="macro")
_MACRO_JACCARD = partial(xloss.jaccard_loss, average="macro")

_LOSSES: dict[str, tuple[Loss, Callable[[int], Inputs]]] = {
    "focal": (FOCAL, _labelled),
    "binary_focal": (BINARY_FOCAL, _floats),
    "binary_focal, integers": (BINARY_FOCAL, _integers),
    "dice, micro": (xloss.dice_loss, _labelled),
    "dice, macro": (_MACRO_DICE, _labelled),
    "dice, macro, one image": (_MACRO_DICE, _one_image),
    "generalized_dice": (xloss.generalized_dice_loss, _labelled),
    "jaccard": (_MACRO_JACCARD, _labelled),
    "jaccard, one image": (_MACRO_JACCARD, _one_image),
    "tversky": (TVERSKY, _labelled),
    "tversky, one image": (TVERSKY, _one_image),
    "focal_tversky": (FOCAL_TVERSKY, _labelled),
    "lovasz_hinge": (xloss.lovasz_hinge_loss, _foreground),
    "lovasz_softmax": (xloss.lovasz_softmax_loss, _labelled),
    "cross_entropy": (xloss.cross_entropy_loss, _labelled),
    "cross_entropy, probabilities": (xloss.cross_entropy_loss, _probabilities),
    "cross_entropy, smoothed": (_SMOOTHED, _labelled),
    "binary_cross_entropy": (xloss.binary_cross_entropy_with_logits, _floats),
}


def _works(
    peers_of: Mapping[str, Peer], agreement: float = AGREEMENT
) -> Iterator[Work]:
    for name, peer in peers_of.items():
        ours, inputs = _LOSSES[name]
        yield Work(name, ours, peer, inputs, agreement)


def _against_kornia() -> Iterator[Work]:
    focal = {"alpha": ALPHA, "gamma": GAMMA, "reduction": "mean"}
    binary_focal = kornia("binary_focal_loss_with_logits", **focal)
    tversky = {"alpha": FALSE_POSITIVES, "beta": FALSE_NEGATIVES}
    yield from _works(
        {
            "focal": kornia("focal_loss", **focal),
            "binary_focal": binary_focal,
            "binary_focal, integers": binary_focal,
            "dice, micro": kornia("dice_loss"),
            "dice, macro": kornia("dice_loss", average="macro"),
            "tversky": kornia("tversky_loss", **tversky),
        }
    )
    names = "lovasz_hinge", "lovasz_softmax"
    lovasz = {name: kornia(f"{name}_loss") for name in names}
    yield from _works(lovasz, LOVASZ_AGREEMENT)


def _against_others() -> Iterator[Work]:
    monai, smp = peers.monai, peers.smp
    yield from _works(
        {
            "focal": monai("focal"),
            "dice, macro": monai("dice"),
            "jaccard": monai("jaccard"),
            "generalized_dice": monai("generalized_dice"),
            "tversky": monai("tversky"),
            "focal_tversky": monai("focal_tversky"),
        }
    )
    yield from _works(
        {
            "binary_focal": smp("binary_focal"),
            "binary_cross_entropy": smp("binary_cross_entropy"),
            "cross_entropy, smoothed": smp("cross_entropy"),
        }
    )
    # smp pools a batch into one ratio for each class: of one image that is the same.
    pooled = {
        "dice, macro, one image": smp("dice"),
        "jaccard, one image": smp("jaccard"),
        "tversky, one image": smp("tversky"),
    }
    yield from _works(pooled, NORM_AGREEMENT)
    names = "lovasz_hinge", "lovasz_softmax"
    yield from _works({name: smp(name) for name in names}, LOVASZ_AGREEMENT)


def _against_keras(library: str) -> Iterator[Work]:
    names = {
        "focal": "focal",
        "binary_focal": "binary_focal",
        "dice, macro": "dice",
        "jaccard": "jaccard",
        "tversky": "tversky",
        "focal_tversky": "focal_tversky",
        "cross_entropy": "cross_entropy",
        "cross_entropy, probabilities": "probabilities",
        "binary_cross_entropy": "binary_cross_entropy",
    }
    yield from _works({ours: peers.keras(library, its) for ours, its in names.items()})


AGAINST_KORNIA = list(_against_kornia())
AGAINST_TORCH = list(
    _works(
        {
            "cross_entropy": native("cross_entropy"),
            "cross_entropy, probabilities": native("cross_entropy"),
            "binary_cross_entropy": native("binary_cross_entropy_with_logits"),
        }
    )
)
AGAINST_OTHERS = list(_against_others())
AGAINST_KERAS = list(_against_keras("torch"))
ON_JAX = [
    *_works(
        {
            "binary_focal": peers.optax("binary_focal"),
            "dice, macro": peers.optax("dice"),
            "jaccard": peers.optax("jaccard"),
            "tversky": peers.optax("tversky"),
            "focal_tversky": peers.optax("focal_tversky"),
            "cross_entropy": peers.optax("cross_entropy"),
            "cross_entropy, probabilities": peers.optax("probabilities"),
            "binary_cross_entropy": peers.optax("binary_cross_entropy"),
        }
    ),
    *_against_keras("jax"),
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
    Work("focal", FOCAL, peers.on_numpy("focal"), _many_classes),
    Work(
        "focal, none",
        partial(FOCAL, reduction="none"),
        peers.on_numpy("focal_map"),
        _many_classes,
    ),
    *_works({"focal_tversky": peers.focal_tversky("numpy")}),
]
AGAINST_SKLEARN = list(
    _works(
        {
            "cross_entropy": peers.sklearn("cross_entropy"),
            "binary_cross_entropy": peers.sklearn("binary_cross_entropy"),
        }
    )
)
