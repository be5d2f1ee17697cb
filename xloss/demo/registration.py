"""Registration: the losses of the photograph and a shifted one with other tones."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import xloss
from xloss.demo.table import aligned

FARTHEST = 12  # pixels
NOISE = 0.03  # standard deviation; the pixels lie in [0, 1]
_LONGEST_SIDE = 256  # pixels: more would only make it slow

TONES: Mapping[str, Callable[[Any], Any]] = {
    "gamma 2.2": lambda x: x**2.2,
    "inverted": lambda x: 1.0 - x,
    "solarised": lambda x: abs(2.0 * x - 1.0),
}
LOSSES: Mapping[str, Callable[..., Any]] = {
    "mutual_information": xloss.mutual_information_loss_2d,
    "normalized_mutual_information": xloss.normalized_mutual_information_loss_2d,
    "ncc": xloss.ncc_loss,
    "lncc": xloss.lncc_loss,
}


class Registration(NamedTuple):
    """A picture (H, W), the `moving` ones by their tones, and what losses say.

    `losses` holds, by tones and loss, one value for each of `shifts`; `shift` is by
    how many pixels the others were moved to the right.
    """

    fixed: NDArray[np.float64]
    moving: dict[str, NDArray[np.float64]]
    shift: int
    shifts: NDArray[np.int64]
    losses: dict[str, dict[str, NDArray[np.float64]]]

    def found(self, tones: str, loss: str) -> int:
        """Return the shift with the smallest loss."""
        return int(self.shifts[np.argmin(self.losses[tones][loss])])


def register(pixels: NDArray[np.float64]) -> Registration:
    """Move a picture (C, H, W), change its tones, and try all shifts."""
    brightness = _reduced(pixels.mean(axis=0))
    farthest = min(FARTHEST, brightness.shape[1] // 4)
    shift = (farthest + 1) // 2
    random = np.random.default_rng(19970901)
    fixed = _window(brightness, farthest, 0)
    moving, losses = {}, {}
    shifts = np.arange(-farthest, farthest + 1)
    for tones, change in TONES.items():
        image = np.roll(change(brightness), shift, axis=1)
        image += random.normal(0.0, NOISE, image.shape)
        moving[tones] = _window(image, farthest, 0)[0, 0]
        windows = [_window(image, farthest, by) for by in shifts.tolist()]
        losses[tones] = {
            name: np.asarray([loss(fixed, window).item() for window in windows])
            for name, loss in LOSSES.items()
        }
    return Registration(fixed[0, 0], moving, shift, shifts, losses)


def table(registration: Registration) -> str:
    """Say which shift each loss finds for each change of tones."""
    rows = [
        [name, *(str(registration.found(tones, name)) for tones in registration.losses)]
        for name in LOSSES
    ]
    return aligned([["loss", *registration.losses]], rows)


def _reduced(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average blocks of pixels until the longest side fits."""
    factor = -(-max(image.shape) // _LONGEST_SIDE)
    height, width = (side // factor for side in image.shape)
    blocks = image[: height * factor, : width * factor]
    reduced: NDArray[np.float64] = blocks.reshape(height, factor, width, factor).mean(
        axis=(1, 3)
    )
    return reduced


def _window(image: NDArray[np.float64], margin: int, shift: int) -> NDArray[np.float64]:
    """Return (1, 1, H, W) of the columns that no shift up to the margin runs out of."""
    width = image.shape[1] - 2 * margin
    columns = slice(margin + shift, margin + shift + width)
    return image[np.newaxis, np.newaxis, :, columns]
