"""What is measured of registration losses: their calls, their peers, their signals."""

import math
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.information import peers
from benchmarks.groups.information.textbook import BINS
from benchmarks.works import Work

Pair = tuple[NDArray[np.float32], ...]

IMAGES = 4
MANY, VERY_MANY = 16, 64  # times as many samples

# Of the largest gradient: few samples decide on the slope of a bin, so that float32
# leaves both sides up to 1e-4 from float64.
AGREEMENT = 2e-4


def describe(size: int) -> str:
    side, depth = _side(size), _depth(size)
    return (
        f"signals of {size:,} samples float32, {BINS} bins "
        f"(large: {MANY * size:,}; on NumPy: {VERY_MANY * size:,});\n"
        f"ncc, lncc: {IMAGES} x 1 x {side} x {side} "
        f"(3-D: 1 x 1 x {depth} x {depth} x {depth})"
    )


def _signals(size: int) -> Pair:
    return _pair(size)


def _many(size: int) -> Pair:
    return _pair(MANY * size)


def _very_many(size: int) -> Pair:
    return _pair(VERY_MANY * size)


def _images(size: int) -> Pair:
    return _pair(IMAGES, 1, _side(size), _side(size))


def _volumes(size: int) -> Pair:
    return _pair(1, 1, *[_depth(size)] * 3)


@cache
def _pair(*shape: int) -> Pair:
    """Return a signal, and a curved and inverted copy of it with noise."""
    random = np.random.default_rng(1997)
    signal = random.standard_normal(shape, np.float32)
    noise = random.standard_normal(shape, np.float32)
    return signal, np.float32(0.3) * noise - np.tanh(signal)


@cache
def _labels(size: int) -> Pair:
    """Return signals whose values are the places of bins, so that each falls in one."""
    pair = []
    for signal in _pair(size):
        low, high = signal.min(), signal.max()
        pair.append(np.round((signal - low) / (high - low) * (BINS - 1)))
    return tuple(pair)


def _plane(size: int) -> Pair:
    return _pair(1, _side(size), _side(size))


def _block(size: int) -> Pair:
    return _pair(1, *[_depth(size)] * 3)


def _side(size: int) -> int:
    return math.isqrt(size)


def _depth(size: int) -> int:
    return round(math.cbrt(size))


_MI = xloss.mutual_information_loss
_NMI = xloss.normalized_mutual_information_loss
_WHOLE_WINDOWS = partial(xloss.lncc_loss, padding="valid")


_COUNTED: dict[str, Any] = {"kernel_function": "rectangular", "window_radius": 0.5}
_COUNTED_MI, _COUNTED_NMI = partial(_MI, **_COUNTED), partial(_NMI, **_COUNTED)


def _against_kornia() -> Iterator[Work]:
    for kernel in ("xu", "truncated_gaussian"):
        for name, loss in (("mi", _MI), ("nmi", _NMI)):
            ours = partial(loss, kernel_function=kernel)
            peer = peers.kornia(loss.__name__, kernel)
            yield Work(f"{name}, {kernel}", ours, peer, _signals, AGREEMENT)


def _of_images() -> Iterator[Work]:
    for spatial, inputs in ((2, _plane), (3, _block)):
        for name, start in (("mi", ""), ("nmi", "normalized_")):
            function = f"{start}mutual_information_loss_{spatial}d"
            ours, peer = getattr(xloss, function), peers.kornia(function, "xu")
            yield Work(f"{name}, {spatial}-D", ours, peer, inputs, AGREEMENT)


AGAINST_KORNIA = list(_against_kornia())
IMAGES_AGAINST_KORNIA = list(_of_images())
LARGE = Work("mi, xu, large", _MI, AGAINST_KORNIA[0].peer, _many)
AGAINST_OTHERS = [
    Work("ncc", xloss.ncc_loss, peers.ncc("torch"), _images),
    Work("lncc", xloss.lncc_loss, peers.torch_lncc(), _images),
    Work("lncc, whole windows", _WHOLE_WINDOWS, peers.monai(2), _images),
    Work("lncc, 3-D, whole windows", _WHOLE_WINDOWS, peers.monai(3), _volumes),
]
MORE = [
    Work(
        "ncc",
        xloss.ncc_loss,
        peers.TORCHMETRICS_NCC,
        _images,
        # Of the largest gradient: its float32, with the steps of a running mean, is
        # 1.1e-3 from float64 at 65 536 pixels.
        agreement=2e-3,
    ),
    Work("ncc", xloss.ncc_loss, peers.keras("torch"), _images),
]
COUNTED = [
    Work(
        "mi, rectangular",
        _COUNTED_MI,
        peers.torchmetrics("mutual_info_score"),
        _labels,
    ),
    Work(
        "nmi, rectangular",
        _COUNTED_NMI,
        peers.torchmetrics("normalized_mutual_info_score"),
        _labels,
    ),
]
COUNTED_ON_NUMPY = [
    Work("mi, rectangular", _COUNTED_MI, peers.sklearn("mutual_info_score"), _labels),
    Work(
        "nmi, rectangular",
        _COUNTED_NMI,
        peers.sklearn("normalized_mutual_info_score"),
        _labels,
    ),
    Work("nmi, rectangular", _COUNTED_NMI, peers.SKIMAGE_NMI, _labels),
]
ON_JAX = [
    Work("mi, xu", _MI, peers.on_jax(), _signals, AGREEMENT),
    Work("nmi, xu", _NMI, peers.on_jax(normalized=True), _signals, AGREEMENT),
    Work("ncc", xloss.ncc_loss, peers.ncc("jax"), _images),
    Work("lncc", xloss.lncc_loss, peers.JAX_LNCC, _images),
    Work("ncc", xloss.ncc_loss, peers.keras("jax"), _images),
]
ON_NUMPY = [
    Work("mi, xu", _MI, peers.on_numpy(), _signals),
    Work("mi, xu", _MI, peers.BINCOUNT, _signals),
    Work("nmi, xu", _NMI, peers.on_numpy(normalized=True), _signals),
    Work(
        "mi, truncated_gaussian",
        partial(_MI, kernel_function="truncated_gaussian"),
        peers.on_numpy(kernel="truncated_gaussian"),
        _signals,
    ),
    Work("ncc", xloss.ncc_loss, peers.ncc(), _images),
    Work("ncc", xloss.ncc_loss, peers.SCIPY_NCC, _images),
    Work("lncc", xloss.lncc_loss, peers.SCIPY_LNCC, _images),
]
LARGE_ON_NUMPY = Work("mi, xu, large", _MI, peers.BINCOUNT, _very_many)
