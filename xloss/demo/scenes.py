"""The photograph degraded in three ways, as the arguments that losses take."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xloss.demo import heat_maps
from xloss.demo.heat_maps import HeatMaps
from xloss.demo.tones import TONES, Tones, predict

NOISE = 0.1  # standard deviation; the pixels lie in [0, 1]
BLUR = 2.0  # standard deviation in pixels
OUTLIERS = 0.05  # share of the pixels that become black or white

DEGRADATIONS = {
    "noise": f"Gaussian noise, sigma = {NOISE}",
    "blur": f"Gaussian blur, sigma = {BLUR:g} pixels",
    "outliers": f"salt and pepper on {OUTLIERS:.0%} of the pixels",
}
LABELS = f"{', '.join(TONES)}: tones of the picture, predicted from the degraded one"
HEAT_MAPS = "where the steepest points of its quarters are, from the patch around each"


class Scene(NamedTuple):
    """Degraded pictures and the clean one beside each, (degradations, C, H, W).

    `tones` are the labels of the clean picture, and what the degraded ones predict;
    `heat_maps` are where its steepest points are, and where they seem to be.
    """

    degraded: NDArray[np.float32]
    clean: NDArray[np.float32]
    tones: Tones
    heat_maps: HeatMaps

    def arguments(self, kind: str) -> tuple[NDArray[Any], ...]:
        """Return the arguments that a loss of this `kind` takes.

        A kind is the name of a signature: ``"images"`` is a prediction and a target
        of one shape, ``"image"`` the prediction alone, ``"depth"`` an inverse depth and
        a colour image, ``"labels"`` logits and the labels of the pixels, ``"mask"``
        logits of one class and its mask, ``"probabilities"`` the same with a mask of
        floats in the shape of the logits, ``"shares"`` probabilities of the labels and
        the labels with an axis of one channel, ``"heat maps"`` two distributions over
        pixels. Every argument has the degradations along its first axis.
        """
        if kind == "image":
            return (self.degraded,)
        if kind == "depth":
            # As if brighter were nearer: one channel, on the grid of the picture.
            brightness = self.degraded.mean(axis=1, keepdims=True)
            return brightness, np.repeat(self.clean, 3 // self.clean.shape[1], axis=1)
        if kind == "labels":
            return self.tones.logits, self.tones.labels
        if kind == "shares":
            return self.tones.probabilities, self.tones.labels[:, np.newaxis]
        if kind == "heat maps":
            return self.heat_maps
        if kind in ("mask", "probabilities"):
            logits, mask = self.tones.bright_logits, self.tones.bright
            if kind == "mask":
                return logits, mask
            return logits, mask[:, np.newaxis].astype(np.float32)
        return {"images": (self.degraded, self.clean)}[kind]


def degrade(pixels: NDArray[np.float64]) -> Scene:
    """Degrade a picture of shape (C, H, W), the same way in every run."""
    random = np.random.default_rng(20190617)
    degraded = np.stack(
        [_noisy(pixels, random), _blurred(pixels), _salted(pixels, random)]
    )
    clean = np.broadcast_to(pixels, degraded.shape)
    # Rounded to float32 here, so that every backend and the float64 reference are
    # given the same numbers.
    rounded = degraded.astype(np.float32)
    return Scene(
        rounded,
        clean.astype(np.float32),
        predict(rounded, pixels),
        heat_maps.predict(rounded, pixels),
    )


def _noisy(
    pixels: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    return np.clip(pixels + random.normal(0.0, NOISE, pixels.shape), 0.0, 1.0)


def _blurred(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = round(3 * BLUR)
    offsets = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (offsets / BLUR) ** 2)
    window /= window.sum()
    for axis in (1, 2):
        margin = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(pixels, margin, mode="reflect")
        views = np.lib.stride_tricks.sliding_window_view(padded, len(window), axis)
        pixels = views @ window
    return pixels


def _salted(
    pixels: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    draw = random.random(pixels.shape[1:])
    salted = np.where(draw < OUTLIERS, 1.0, pixels)
    return np.where(draw < OUTLIERS / 2, 0.0, salted)
