"""Every public loss, with sixteen elements or the few that its windows need."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups import pointwise
from benchmarks.groups.overhead.peers import WINDOW
from benchmarks.groups.segmentation import works as segmentation
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import AGREEMENT

Arrays = tuple[NDArray[Any], ...]

FEW = 16  # elements: nothing is left but the cost of the call
MS_SSIM_SIDE = 48  # pixels: four halvings must leave a whole window

# Of the largest gradient, where float32 leaves kornia 3e-4 from float64: the slopes of
# sixteen samples in 64 bins nearly cancel.
HISTOGRAM_AGREEMENT = 5e-4
# pytorch-msssim's window is rounded to float32, its means cancel.
MS_SSIM_AGREEMENT = 2e-4


class Call(NamedTuple):
    """A loss with its options, its inputs, and how far a peer may be from it."""

    loss: Loss
    inputs: Callable[[int], Inputs]
    agreement: float = AGREEMENT


def describe(_: int) -> str:
    return (
        f"{FEW} float32 elements: images 1 x 1 x 4 x 4, logits 1 x 2 x 2 x 4 with "
        "labels, volumes 1 x 1 x 2 x 2 x 4\n"
        f"(ms_ssim_loss: {MS_SSIM_SIDE} x {MS_SSIM_SIDE}; an image beside depths has "
        f"three channels); windows of {WINDOW}; torch on one thread"
    )


@cache
def _random(*shape: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two arrays of numbers in [0, 1)."""
    random = np.random.default_rng(1964)
    return random.random(shape, np.float32), random.random(shape, np.float32)


def _elements(_: int) -> Inputs:
    return pointwise.inputs(FEW)


def _uniform(*shape: int) -> Callable[[int], Arrays]:
    return lambda _: _random(*shape)


_IMAGES = _uniform(1, 1, 4, 4)


def _similar(_: int) -> Arrays:
    """Return images whose structure agrees: elsewhere MS-SSIM is 0, without slope."""
    first, second = _random(1, 1, MS_SSIM_SIDE, MS_SSIM_SIDE)
    return np.float32(0.5) * first + np.float32(0.5) * second, first


def _image(_: int) -> Arrays:
    return _random(1, 1, 4, 4)[:1]


def _depth_and_image(_: int) -> Arrays:
    return _random(1, 1, 4, 4)[0], _random(1, 3, 4, 4)[1]


def _labelled(_: int) -> Arrays:
    logits = 4 * _random(1, 2, 2, 4)[0] - 2
    return logits, np.asarray([[[0, 1, 1, 0], [1, 1, 0, 0]]])


def _foreground(_: int) -> Arrays:
    logits, labels = _labelled(FEW)
    return logits.reshape(1, 1, 4, 4), np.concat([labels, 1 - labels], axis=1)


def _binary(_: int) -> Arrays:
    logits, labels = _labelled(FEW)
    return logits, np.stack([1 - labels, labels], axis=1).astype(np.float32)


def _distributions(*shape: int) -> Callable[[int], Arrays]:
    return lambda _: tuple(x / x.sum((-2, -1), keepdims=True) for x in _random(*shape))


def _misplaced(*shape: int) -> Callable[[int], Arrays]:
    """Return probabilities of two classes, and labels which are all the other one."""
    first = 0.1 * _random(1, 1, *shape)[0]
    probabilities = np.concat([first, 1 - first], axis=1)
    return lambda _: (probabilities, np.zeros((1, 1, *shape), np.int64))


_INFORMATION = {
    "": _uniform(FEW),
    "_2d": _uniform(1, 4, 4),
    "_3d": _uniform(1, 2, 2, 4),
}

CALLS: dict[str, Call] = {
    **{
        f"{name}_loss": Call(loss, _elements) for name, loss in pointwise.LOSSES.items()
    },
    "ssim_loss": Call(partial(xloss.ssim_loss, window_size=WINDOW), _IMAGES),
    "ssim3d_loss": Call(
        partial(xloss.ssim3d_loss, window_size=WINDOW), _uniform(1, 1, 2, 2, 4)
    ),
    "ms_ssim_loss": Call(
        partial(xloss.ms_ssim_loss, window_size=WINDOW),
        _similar,
        MS_SSIM_AGREEMENT,
    ),
    "ms_ssim_l1_loss": Call(xloss.ms_ssim_l1_loss, _IMAGES),
    "psnr_loss": Call(partial(xloss.psnr_loss, max_val=1.0), _IMAGES),
    "total_variation": Call(xloss.total_variation, _image),
    "inverse_depth_smoothness_loss": Call(
        xloss.inverse_depth_smoothness_loss, _depth_and_image
    ),
    "hausdorff_er_loss": Call(xloss.hausdorff_er_loss, _misplaced(2, 4)),
    "hausdorff_er_loss, 3-D": Call(xloss.hausdorff_er_loss, _misplaced(2, 2, 2)),
    "cross_entropy_loss": Call(xloss.cross_entropy_loss, _labelled),
    "binary_cross_entropy_with_logits": Call(
        xloss.binary_cross_entropy_with_logits, _binary
    ),
    "focal_loss": Call(segmentation.FOCAL, _labelled),
    "binary_focal_loss_with_logits": Call(segmentation.BINARY_FOCAL, _binary),
    "dice_loss": Call(xloss.dice_loss, _labelled),
    "generalized_dice_loss": Call(xloss.generalized_dice_loss, _labelled),
    "jaccard_loss": Call(partial(xloss.jaccard_loss, average="macro"), _labelled),
    "tversky_loss": Call(segmentation.TVERSKY, _labelled),
    "focal_tversky_loss": Call(segmentation.FOCAL_TVERSKY, _labelled),
    "lovasz_hinge_loss": Call(xloss.lovasz_hinge_loss, _foreground),
    "lovasz_softmax_loss": Call(xloss.lovasz_softmax_loss, _labelled),
    # Rows of eight, over whose last two axes a heat map's loss sums as well.
    "kl_div_loss": Call(xloss.kl_div_loss, _distributions(2, 1, 8)),
    "kl_div_loss_2d": Call(xloss.kl_div_loss_2d, _distributions(1, 1, 4, 4)),
    "js_div_loss": Call(xloss.js_div_loss, _distributions(2, 1, 8)),
    "js_div_loss_2d": Call(xloss.js_div_loss_2d, _distributions(1, 1, 4, 4)),
    "ncc_loss": Call(xloss.ncc_loss, _IMAGES),
    "lncc_loss": Call(partial(xloss.lncc_loss, window_size=WINDOW), _IMAGES),
    **{
        f"{name}{dimensions}": Call(
            getattr(xloss, f"{name}{dimensions}"), inputs, HISTOGRAM_AGREEMENT
        )
        for name in ("mutual_information_loss", "normalized_mutual_information_loss")
        for dimensions, inputs in _INFORMATION.items()
    },
}
