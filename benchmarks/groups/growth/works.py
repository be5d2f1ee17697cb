"""What grows: a loss and its peer along an axis, one curve for each way to run them."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks import modes
from benchmarks.groups import pointwise
from benchmarks.groups.growth import peers
from benchmarks.groups.image import peers as image
from benchmarks.groups.pointwise import peers as elementwise
from benchmarks.groups.segmentation import peers as segmentation
from benchmarks.groups.segmentation.options import ALPHA, GAMMA
from benchmarks.modes import Inputs, Loss
from benchmarks.peers import kornia, native
from benchmarks.rows import AGREEMENT, Peer
from benchmarks.timing import Contender
from benchmarks.works import Mode, Work

Arrays = tuple[NDArray[Any], ...]

CLASSES_OF_BATCH, SIDE_OF_BATCH = 6, 64
SIDE_OF_CLASSES = 128
SIDE_OF_WINDOW = 256
USUAL_CLASSES = 10
LARGE = 10**6  # elements from which few rounds do

# Of the largest gradient: it is a sum of many small ones in float32.
FLOAT32_AGREEMENT = 2e-4


class Axis(NamedTuple):
    """What grows, its places, and the elements of the first input at a place."""

    name: str
    places: tuple[int, ...]
    elements: Callable[[int], int]


ELEMENTS = Axis("elements", tuple(10**i for i in range(3, 8)), lambda n: n)
BATCH = Axis("batch", (1, 4, 16, 64), lambda b: b * CLASSES_OF_BATCH * SIDE_OF_BATCH**2)
CLASSES = Axis("classes", (2, 4, 16, 64, 256), lambda c: c * SIDE_OF_CLASSES**2)
WINDOW = Axis("window", (3, 7, 11, 21, 33), lambda _: 3 * SIDE_OF_WINDOW**2)


class Curve(NamedTuple):
    """A work whose inputs are for a place on an axis, and how it runs."""

    axis: Axis
    heading: str
    mode: Mode
    work: Work


def describe(size: int) -> str:
    return (
        f"inputs of at most {size:,} float32 elements; logits over elements: "
        f"{USUAL_CLASSES} classes;\n"
        f"over batch: images 3 x {SIDE_OF_BATCH} x {SIDE_OF_BATCH}, "
        f"logits {CLASSES_OF_BATCH} x {SIDE_OF_BATCH} x {SIDE_OF_BATCH}; "
        f"over classes: {SIDE_OF_CLASSES} x {SIDE_OF_CLASSES} pixels;\n"
        f"over window: 3 x {SIDE_OF_WINDOW} x {SIDE_OF_WINDOW}; "
        f"half of the rounds, a fifth from {LARGE:,} elements"
    )


def _compiled_forward(loss: Loss, inputs: Inputs) -> Contender:
    import torch

    return modes.torch_forward(torch.compile(loss, fullgraph=True), inputs)


def _logits(batch: int, classes: int, *shape: int) -> Arrays:
    random = np.random.default_rng(2017)
    logits = 2 * random.standard_normal((batch, classes, *shape), np.float32)
    return logits, random.integers(0, classes, (batch, *shape))


def _images(*shape: int) -> Arrays:
    random = np.random.default_rng(2004)
    clean, noise = (random.random(shape, np.float32) for _ in range(2))
    return np.float32(0.8) * clean + np.float32(0.2) * noise, clean


def _logits_of(elements: int) -> Arrays:
    return _logits(1, USUAL_CLASSES, elements // USUAL_CLASSES**2, USUAL_CLASSES)


def _image_of(elements: int) -> Arrays:
    return _images(1, 1, *[math.isqrt(elements)] * 2)


def _logits_of_batch(batch: int) -> Arrays:
    return _logits(batch, CLASSES_OF_BATCH, *[SIDE_OF_BATCH] * 2)


def _images_of_batch(batch: int) -> Arrays:
    return _images(batch, 3, *[SIDE_OF_BATCH] * 2)


def _logits_of_classes(classes: int) -> Arrays:
    return _logits(1, classes, *[SIDE_OF_CLASSES] * 2)


def _image_of_window(_: int) -> Arrays:
    return _images(1, 3, *[SIDE_OF_WINDOW] * 2)


class _Loss(NamedTuple):
    """A loss, beside the best that it runs against, with the arrays of each library."""

    name: str
    on: Mapping[str, tuple[Loss, Peer]]
    agreement: float = AGREEMENT


def _same_everywhere(name: str, loss: Loss, *theirs: Peer) -> _Loss:
    pairs = zip(_LIBRARIES, theirs, strict=True)
    on = {library: (loss, peer) for library, peer in pairs}
    return _Loss(name, on, FLOAT32_AGREEMENT)


_LIBRARIES = "numpy", "torch", "jax"


def _elementwise(name: str, on_numpy: Peer) -> _Loss:
    others = elementwise.on_torch(name), elementwise.on_jax(name)
    return _same_everywhere(name, pointwise.LOSSES[name], on_numpy, *others)


_CHARBONNIER = _elementwise("charbonnier", elementwise.on_numpy("charbonnier"))
_HUBER = _elementwise("huber", elementwise.in_scipy()["huber"])
_CROSS_ENTROPY = _same_everywhere(
    "cross_entropy",
    xloss.cross_entropy_loss,
    segmentation.on_numpy("cross_entropy"),
    native("cross_entropy"),
    segmentation.optax("cross_entropy"),
)
_DICE = _same_everywhere(
    "dice",
    partial(xloss.dice_loss, average="macro"),
    peers.dice("numpy"),
    kornia("dice_loss", average="macro"),
    segmentation.optax("dice"),
)
_FOCAL = _same_everywhere(
    "focal",
    partial(xloss.focal_loss, alpha=ALPHA, gamma=GAMMA, reduction="mean"),
    segmentation.on_numpy("focal"),
    kornia("focal_loss", alpha=ALPHA, gamma=GAMMA, reduction="mean"),
    peers.FOCAL_ON_JAX,
)


def _ssim(window: int, on_numpy: Peer) -> _Loss:
    """Whole windows on NumPy and on JAX, as the peers have it there."""
    loss = partial(xloss.ssim_loss, window_size=window)
    whole = partial(loss, padding="valid")
    on = {
        "numpy": (whole, on_numpy),
        "torch": (loss, kornia("ssim_loss", window_size=window)),
        "jax": (whole, image.dm_pix_ssim(window)),
    }
    return _Loss("ssim", on, FLOAT32_AGREEMENT)


_SSIM = _ssim(image.WINDOW, image.SKIMAGE_SSIM)


class _Way(NamedTuple):
    """How to run with the arrays of a library, at every so many places of an axis."""

    heading: str
    library: str
    mode: Mode
    every: int = 1


_FORWARD = (
    _Way("NumPy, forward", "numpy", modes.numpy_forward),
    _Way("torch eager, forward", "torch", modes.torch_forward),
    # Compiling takes seconds for each contender.
    _Way("torch.compile (fullgraph), forward", "torch", _compiled_forward, every=2),
    _Way("JAX jit, forward", "jax", modes.jax_forward),
)
_GRADIENT = (
    _Way("NumPy, forward", "numpy", modes.numpy_forward),
    _Way("torch eager, forward + backward", "torch", modes.torch_gradient),
    _Way("JAX jit, value and gradient", "jax", modes.jax_gradient),
)

_OVER_ELEMENTS: tuple[tuple[_Loss, Callable[[int], Inputs]], ...] = (
    (_CHARBONNIER, pointwise.inputs),
    (_HUBER, pointwise.inputs),
    (_CROSS_ENTROPY, _logits_of),
    (_DICE, _logits_of),
    (_SSIM, _image_of),
)
_OVER_BATCH_AND_CLASSES = (
    (BATCH, _SSIM, _images_of_batch),
    (BATCH, _DICE, _logits_of_batch),
    (BATCH, _CROSS_ENTROPY, _logits_of_batch),
    (CLASSES, _CROSS_ENTROPY, _logits_of_classes),
    (CLASSES, _DICE, _logits_of_classes),
    (CLASSES, _FOCAL, _logits_of_classes),
)


def _curves() -> Iterator[Curve]:
    for loss, inputs in _OVER_ELEMENTS:
        for way in _FORWARD:
            yield _curve(ELEMENTS, way, loss, inputs)
    for axis, loss, inputs in _OVER_BATCH_AND_CLASSES:
        for way in _GRADIENT:
            yield _curve(axis, way, loss, inputs)
    for window in WINDOW.places:
        loss = _ssim(window, peers.ssim_on_numpy(window))
        for way in _GRADIENT:
            yield _curve(WINDOW._replace(places=(window,)), way, loss, _image_of_window)


def _curve(
    axis: Axis, way: _Way, loss: _Loss, inputs: Callable[[int], Inputs]
) -> Curve:
    ours, peer = loss.on[way.library]
    work = Work(loss.name, ours, peer, inputs, loss.agreement)
    axis = axis._replace(places=axis.places[:: way.every])
    return Curve(axis, way.heading, way.mode, work)


CURVES = list(_curves())
