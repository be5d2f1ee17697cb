"""What the image losses run against, brought to the same work.

A peer that returns a similarity, or one value for each image, is turned into the loss
that xloss computes; what that adds is one operation on a few numbers.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.modes import Loss
from benchmarks.rows import Peer

WINDOW = 11


def kornia(loss: str) -> Peer:
    """Return kornia's loss of an image pair, or of an inverse depth and an image."""
    return Peer("kornia", ("torch", "kornia"), partial(_kornia, loss))


def pytorch_msssim(measure: str, size: int = WINDOW) -> Peer:
    """Return a loss of pytorch-msssim, which knows whole windows only."""
    needs = ("torch", "pytorch_msssim")
    return Peer("pytorch-msssim", needs, partial(_pytorch_msssim, measure, size))


def torchmetrics(measure: str) -> Peer:
    """Return a loss of torchmetrics, whose SSIM mirrors the borders.

    Its MS-SSIM mixes means with the borders and without: no row of xloss's does.
    """
    return peers.torchmetrics(partial(_torchmetrics, measure))


def monai(spatial: int) -> Peer:
    """Return MONAI's SSIM, which knows whole windows only."""
    return Peer("MONAI", ("torch", "monai"), partial(_monai, spatial))


def keras(library: str, measure: str) -> Peer:
    """Return a loss of keras, which knows whole windows only."""
    return peers.keras(library, partial(_keras, measure))


def _kornia(loss: str) -> Loss:
    losses = import_module("kornia.losses")
    functions: dict[str, Callable[[], Loss]] = {
        "ssim": lambda: partial(losses.ssim_loss, window_size=WINDOW),
        "ssim3d": lambda: partial(losses.ssim3d_loss, window_size=WINDOW),
        "ms_ssim_l1": losses.MS_SSIMLoss,
        "total_variation": lambda: lambda image: losses.total_variation(image).sum(),
        "psnr": lambda: partial(losses.psnr_loss, max_val=1.0),
        "inverse_depth_smoothness": lambda: losses.inverse_depth_smoothness_loss,
    }
    return functions[loss]()


def _pytorch_msssim(measure: str, size: int) -> Loss:
    similarity = getattr(import_module("pytorch_msssim"), measure)
    return lambda x, y: 0.5 * (1 - similarity(x, y, data_range=1.0, win_size=size))


def _torchmetrics(measure: str) -> Loss:
    image = import_module("torchmetrics.functional.image")
    ssim = image.structural_similarity_index_measure
    psnr = image.peak_signal_noise_ratio
    functions: dict[str, Loss] = {
        "ssim": lambda x, y: 0.5 * (1 - ssim(x, y, data_range=1.0)),
        "psnr": lambda x, y: -psnr(x, y, data_range=1.0),
        "total_variation": image.total_variation,
    }
    return functions[measure]


def _monai(spatial: int) -> Loss:
    loss = import_module("monai.losses").SSIMLoss(spatial, win_size=WINDOW)
    return lambda x, y: 0.5 * loss(x, y)


def _keras(measure: str) -> Loss:
    ops = import_module("keras").ops
    ssim = partial(ops.image.ssim, data_format="channels_first")
    functions: dict[str, Loss] = {
        "ssim": lambda x, y: 0.5 * (1 - ssim(x, y).mean()),
        "psnr": lambda x, y: -ops.psnr(x, y, max_val=1.0),
    }
    return functions[measure]


def _skimage_ssim() -> Loss:
    """The mean leaves out the windows that the border cuts."""
    similarity = import_module("skimage.metrics").structural_similarity
    options = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 1.0,
    }

    def loss(x: Any, y: Any) -> Any:
        pairs = zip(_planes(x), _planes(y), strict=True)
        return 0.5 * (1 - np.mean([similarity(a, b, **options) for a, b in pairs]))

    return loss


def _skimage_psnr() -> Loss:
    psnr = import_module("skimage.metrics").peak_signal_noise_ratio
    return lambda x, y: -psnr(x, y, data_range=1.0)


def dm_pix_ssim(size: int = WINDOW) -> Peer:
    return Peer("dm-pix", ("jax", "dm_pix"), partial(_dm_pix_ssim, size))


def _dm_pix_ssim(size: int) -> Loss:
    """The channels stand last there: planes go in as images of one channel."""
    similarity = import_module("dm_pix").ssim

    def loss(x: Any, y: Any) -> Any:
        x, y = (_planes(image)[..., None] for image in (x, y))
        return 0.5 * (1 - similarity(x, y, filter_size=size).mean())

    return loss


def _dm_pix_psnr() -> Loss:
    """There one value for each image; all planes in a row are one image."""
    psnr = import_module("dm_pix").psnr
    return lambda x, y: -psnr(x.reshape(1, -1, 1), y.reshape(1, -1, 1))


def _planes(images: Any) -> Any:
    return images.reshape(-1, *images.shape[2:])


SKIMAGE_SSIM = Peer("scikit-image", ("skimage",), _skimage_ssim)
SKIMAGE_PSNR = Peer("scikit-image", ("skimage",), _skimage_psnr)
DM_PIX_SSIM = dm_pix_ssim()
DM_PIX_PSNR = Peer("dm-pix", ("jax", "dm_pix"), _dm_pix_psnr)
