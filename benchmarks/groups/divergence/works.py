"""What is measured of each divergence: its call, its peer, its heat maps."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.divergence import peers
from benchmarks.peers import kornia
from benchmarks.works import Work

Maps = tuple[NDArray[np.float32], ...]

BATCH, MAPS = 8, 16
LARGER = 4  # times as many pixels a side, of the maps on NumPy


def describe(size: int) -> str:
    large = LARGER * size
    return (
        f"heat maps {BATCH} x {MAPS} x {size} x {size} float32, a softmax over pixels\n"
        f"(NumPy: {BATCH} x {MAPS} x {large} x {large})"
    )


@cache
def _maps(size: int) -> Maps:
    """Return two softmaxes of logits that have half of their variance in common."""
    random = np.random.default_rng(1951)
    shape = BATCH, MAPS, size, size
    common = random.standard_normal(shape, np.float32)
    pair = (common + random.standard_normal(shape, np.float32) for _ in range(2))
    return tuple(map(_softmax, pair))


def _large_maps(size: int) -> Maps:
    return _maps(LARGER * size)


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(logits - logits.max(axis=(2, 3), keepdims=True))
    softmax: NDArray[Any] = powers / powers.sum(axis=(2, 3), keepdims=True)
    return softmax


_KL, _JS = xloss.kl_div_loss_2d, xloss.js_div_loss_2d

AGAINST_KORNIA = [
    Work("kl_div", _KL, kornia("kl_div_loss_2d"), _maps),
    Work("js_div", _JS, kornia("js_div_loss_2d"), _maps),
]
AGAINST_TORCH = [Work("kl_div", _KL, peers.NATIVE, _maps)]
# It differentiates the division by the sum too: forward alone is the same work.
AGAINST_TORCHMETRICS = [
    Work("kl_div", _KL, peers.TORCHMETRICS_KL, _maps),
    Work("js_div", _JS, peers.TORCHMETRICS_JS, _maps),
]
AGAINST_KERAS = [Work("kl_div", _KL, peers.in_keras("torch"), _maps)]
ON_JAX = [
    Work("kl_div", _KL, peers.on_jax("kl_div"), _maps),
    Work("kl_div", _KL, peers.OPTAX, _maps),
    Work("js_div", _JS, peers.on_jax("js_div"), _maps),
    Work("kl_div", _KL, peers.in_keras("jax"), _maps),
]
ON_NUMPY = [
    Work("kl_div", _KL, peers.on_numpy("kl_div"), _large_maps),
    Work("kl_div", _KL, peers.SCIPY_KL, _large_maps),
    Work("js_div", _JS, peers.on_numpy("js_div"), _large_maps),
    Work("js_div", _JS, peers.SCIPY_JS, _large_maps),
]
