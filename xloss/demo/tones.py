"""The tones of the photograph as labels, and their prediction from a degraded one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TONES = ("dark", "middle", "bright")
SPREAD = 0.1  # standard deviation of a tone that the prediction assumes
_ENOUGH = 100  # rounds: photographs take some twenty


class Tones(NamedTuple):
    """Logits (B, tones, H, W) of degraded pictures, and the labels (B, H, W)."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The softmax of the logits, (B, tones, H, W)."""
        powers = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @property
    def bright_logits(self) -> NDArray[np.float32]:
        """The logits of bright against the best of the others, (B, 1, H, W)."""
        others = self.logits[:, :-1].max(axis=1, keepdims=True)
        gap: NDArray[np.float32] = self.logits[:, -1:] - others
        return gap

    @property
    def bright(self) -> NDArray[np.int64]:
        """The mask of the bright pixels, (B, H, W), as labels 0 and 1."""
        mask: NDArray[np.int64] = (self.labels == len(TONES) - 1).astype(np.int64)
        return mask


def predict(degraded: NDArray[np.float32], clean: NDArray[np.float64]) -> Tones:
    """Label the pixels of a picture (C, H, W), and predict them from degraded ones.

    The prediction is the log-likelihood of each tone, normal about its mean: of the
    clean picture itself it is right everywhere.
    """
    brightness = clean.mean(axis=0)
    means = tone_means(brightness)
    labels = _nearest(brightness, means)
    seen = degraded.mean(axis=1, dtype=np.float64, keepdims=True)
    distance = (seen - means.reshape(-1, 1, 1)) / SPREAD
    logits = (-0.5 * distance**2).astype(np.float32)
    return Tones(logits, np.repeat(labels[np.newaxis], len(degraded), axis=0))


def tone_means(brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of the tones that vary least within themselves.

    These are the classes of Otsu's thresholds, found by moving each mean to the
    middle of the pixels that are nearest to it.
    """
    count = len(TONES)
    means = np.quantile(brightness, (np.arange(count) + 0.5) / count)
    for _ in range(_ENOUGH):
        labels = _nearest(brightness, means).ravel()
        sizes = np.bincount(labels, minlength=count)
        sums = np.bincount(labels, brightness.ravel(), count)
        moved = np.where(sizes > 0, sums / np.maximum(sizes, 1), means)
        if np.array_equal(moved, means):
            break
        means = moved
    return means


def _nearest(
    brightness: NDArray[np.float64], means: NDArray[np.float64]
) -> NDArray[np.int64]:
    return np.searchsorted((means[:-1] + means[1:]) / 2, brightness)
