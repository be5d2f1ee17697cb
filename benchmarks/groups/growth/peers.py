"""What no other group has: textbook expressions of losses that grow."""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import devices
from benchmarks.groups.segmentation import textbook
from benchmarks.groups.segmentation.options import ALPHA, GAMMA
from benchmarks.modes import Loss
from benchmarks.rows import Peer

DEVIATION = 1.5  # of SSIM's Gaussian window
STABILISERS = 0.01**2, 0.03**2


def dice(module: str) -> Peer:
    """Return Tversky's index, which counts both kinds of errors by half."""
    return Peer("textbook", (), partial(_dice, module))


def _dice(module: str) -> Loss:
    half = {"alpha": 0.5, "beta": 0.5, "gamma": 1.0}
    return partial(textbook.focal_tversky, devices.module(module), **half)


def _focal_on_jax() -> Loss:
    jax = import_module("jax")

    def loss(logits: Any, labels: Any) -> Any:
        every = jax.nn.log_softmax(logits, axis=1)
        log_p = jax.numpy.take_along_axis(every, labels[:, None], axis=1)
        factor = jax.numpy.where(labels[:, None] == 0, 1 - ALPHA, ALPHA)
        values = -factor * (1 - jax.numpy.exp(log_p)) ** GAMMA * log_p
        return values.sum() / logits.size

    return loss


def ssim_on_numpy(window: int) -> Peer:
    return Peer("scipy correlate1d", ("scipy",), partial(_ssim_on_numpy, window))


def _ssim_on_numpy(window: int) -> Loss:
    """Filter five maps; scikit-image's window has one size for each deviation."""
    correlate = import_module("scipy.ndimage").correlate1d
    offsets = np.arange(window) - window // 2
    weights = np.exp(-(offsets**2) / (2 * DEVIATION**2))
    weights /= weights.sum()
    whole = slice(window // 2, -(window // 2))

    def mean(images: Any) -> Any:
        along_rows = correlate(images, weights, axis=2)
        return correlate(along_rows, weights, axis=3)[..., whole, whole]

    def loss(x: Any, y: Any) -> Any:
        first, second = STABILISERS
        mean_x, mean_y = mean(x), mean(y)
        variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
        covariance = mean(x * y) - mean_x * mean_y
        luminance = (2 * mean_x * mean_y + first) / (mean_x**2 + mean_y**2 + first)
        return 0.5 * (
            1 - (luminance * (2 * covariance + second) / (variances + second)).mean()
        )

    return loss


FOCAL_ON_JAX = Peer("textbook", ("jax",), _focal_on_jax)
