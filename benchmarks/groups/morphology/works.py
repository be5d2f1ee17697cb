"""What is measured of the Hausdorff loss: segmentations with errors of some depth."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.morphology import peers
from benchmarks.modes import Loss
from benchmarks.peers import kornia_class
from benchmarks.rows import Peer
from benchmarks.works import Work

Arrays = tuple[NDArray[Any], ...]

MANY_CLASSES = 21
CELLS = 8  # squares (cubes) of one class along a side
SHARPNESS = 4.0  # logits of what is predicted; the noise has standard deviation 1

# Of the largest gradient: each erosion is rescaled by its range, which magnifies what
# the one before was rounded by, so that float32 leaves both sides 7e-5 from float64.
AGREEMENT = 2e-4


def describe(size: int) -> str:
    half, volume = size // 2, size // 8
    return (
        f"probabilities 4 x 2 x {size} x {size} float32, labels int64 in squares; "
        f"3-D: 1 x 2 x {volume} x {volume} x {volume};\n"
        f"{MANY_CLASSES} classes: 2 x {MANY_CLASSES} x {size} x {size} "
        f"(one image: 1 x {MANY_CLASSES} x {half} x {half})"
    )


def _plane(size: int) -> Arrays:
    return _prediction(4, 2, (size, size))


def _volume(size: int) -> Arrays:
    return _prediction(1, 2, (size // 8,) * 3)


def _classes(size: int) -> Arrays:
    return _prediction(2, MANY_CLASSES, (size, size))


def _classes_of_one(size: int) -> Arrays:
    return _prediction(1, MANY_CLASSES, (size // 2, size // 2))


@cache
def _prediction(batch: int, classes: int, shape: tuple[int, ...]) -> Arrays:
    """Return a softmax of labels that are shifted by a quarter of a square, and noise.

    So the errors outlast an erosion or more.
    """
    random = np.random.default_rng(2019)
    squares = random.integers(0, classes, (batch, 1, *(CELLS,) * len(shape)))
    labels = squares
    for axis, side in enumerate(shape, start=2):
        labels = np.take(labels, np.arange(side) * CELLS // side, axis=axis)
    shift = shape[-1] // (4 * CELLS) + 1
    seen = np.roll(labels, shift, axis=-1)
    each = np.arange(classes).reshape(1, -1, *(1,) * len(shape))
    logits = random.standard_normal((batch, classes, *shape), np.float32)
    logits += np.float32(SHARPNESS) * (seen == each)
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), labels


def _works(in_plane: Peer, in_space: Peer) -> Iterator[Work]:
    plane: Loss = xloss.hausdorff_er_loss
    yield Work("hausdorff_er", plane, in_plane, _plane, AGREEMENT)
    yield Work(
        "hausdorff_er, 3-D", xloss.HausdorffERLoss3D(), in_space, _volume, AGREEMENT
    )
    name = f"hausdorff_er, {MANY_CLASSES} classes"
    yield Work(f"{name}, one image", plane, in_plane, _classes_of_one, AGREEMENT)
    yield Work(name, plane, in_plane, _classes, AGREEMENT)


AGAINST_KORNIA = list(
    _works(kornia_class("HausdorffERLoss"), kornia_class("HausdorffERLoss3D"))
)
ON_JAX = list(_works(peers.ON_JAX, peers.ON_JAX))
ON_NUMPY = list(_works(peers.ON_NUMPY, peers.ON_NUMPY))
