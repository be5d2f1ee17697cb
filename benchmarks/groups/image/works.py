"""What is measured of each image loss: its call, its peer, its inputs."""

from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks.groups.image import peers
from benchmarks.groups.image.peers import WINDOW
from benchmarks.works import Work

Images = tuple[NDArray[np.float32], ...]

LEAST_MS_SSIM = 176  # pixels a side: four halvings must leave a whole window


def describe(size: int) -> str:
    volume, large = _volume_side(size), _large_side(size)
    return (
        f"8 x 3 x {size} x {size} float32 images (one image: 1 x 3 x {size} x {size};\n"
        f"ssim3d: 1 x 1 x {volume} x {volume} x {volume}; "
        f"large image: 1 x 1 x {large} x {large}; "
        f"ms_ssim: sides of at least {LEAST_MS_SSIM})"
    )


@cache
def _pair(size: int) -> Images:
    return _images(8, 3, size, size)


def _images(*shape: int) -> Images:
    """Return a noisy image and the one without the noise, in [0, 1]."""
    random = np.random.default_rng(2004)
    clean = random.random(shape, np.float32)
    noisy = random.standard_normal(shape, np.float32)
    noisy *= 0.1
    noisy += clean
    return np.clip(noisy, 0, 1, out=noisy), clean


def _one_pair(size: int) -> Images:
    noisy, clean = _pair(size)
    return noisy[:1], clean[:1]


def _ms_ssim_pair(size: int) -> Images:
    return _pair(max(size, LEAST_MS_SSIM))


def _noisy_image(size: int) -> Images:
    return _pair(size)[:1]


def _depth_and_image(size: int) -> Images:
    noisy, clean = _pair(size)
    return np.ascontiguousarray(noisy[:, :1]), clean


def _volumes(size: int) -> Images:
    return _images(1, 1, *[_volume_side(size)] * 3)


def _large_image(size: int) -> Images:
    return _images(1, 1, *[_large_side(size)] * 2)


def _volume_side(size: int) -> int:
    return max(WINDOW, 48 * size // 256)


def _large_side(size: int) -> int:
    return 10_000 * size // 256


def _total_variation(image: Any) -> Any:
    return xloss.total_variation(image).sum()


_SSIM = partial(xloss.ssim_loss, window_size=WINDOW)
_WHOLE_WINDOWS = partial(_SSIM, padding="valid")
_IN_SPACE = partial(xloss.ssim3d_loss, window_size=WINDOW)
_WHOLE_IN_SPACE = partial(_IN_SPACE, padding="valid")
_PSNR = partial(xloss.psnr_loss, max_val=1.0)

ON_NUMPY = [
    Work("ssim, valid", _WHOLE_WINDOWS, peers.SKIMAGE_SSIM, _pair),
    Work("ssim3d, valid", _WHOLE_IN_SPACE, peers.SKIMAGE_SSIM, _volumes),
    Work("psnr", _PSNR, peers.SKIMAGE_PSNR, _pair),
]
LARGE_IMAGE = Work(
    "ssim, large image", _WHOLE_WINDOWS, peers.SKIMAGE_SSIM, _large_image
)
ON_TORCH = [
    Work("ssim", _SSIM, peers.kornia("ssim"), _pair),
    Work("ssim, valid", _WHOLE_WINDOWS, peers.pytorch_msssim("ssim"), _pair),
    Work("ssim3d", _IN_SPACE, peers.kornia("ssim3d"), _volumes),
    Work(
        "ms_ssim_l1, one image",  # kornia takes seconds for eight
        xloss.ms_ssim_l1_loss,
        peers.kornia("ms_ssim_l1"),
        _one_pair,
    ),
    Work(
        "ms_ssim",
        xloss.ms_ssim_loss,
        peers.pytorch_msssim("ms_ssim"),
        _ms_ssim_pair,
        # Of the largest gradient: pytorch-msssim's float32 is 8e-5 from float64,
        # its window rounded to float32 another 1e-5.
        agreement=2e-4,
    ),
    Work(
        "total_variation",
        _total_variation,
        peers.kornia("total_variation"),
        _noisy_image,
    ),
    Work("psnr", _PSNR, peers.kornia("psnr"), _pair),
    Work(
        "inverse_depth_smoothness",
        xloss.inverse_depth_smoothness_loss,
        peers.kornia("inverse_depth_smoothness"),
        _depth_and_image,
    ),
]
AGAINST_OTHERS = [
    Work("ssim", _SSIM, peers.torchmetrics("ssim"), _pair),
    Work("ssim, valid", _WHOLE_WINDOWS, peers.monai(2), _pair),
    Work("ssim, valid", _WHOLE_WINDOWS, peers.keras("torch", "ssim"), _pair),
    Work("ssim3d", _IN_SPACE, peers.torchmetrics("ssim"), _volumes),
    Work("ssim3d, valid", _WHOLE_IN_SPACE, peers.monai(3), _volumes),
    Work("psnr", _PSNR, peers.torchmetrics("psnr"), _pair),
    Work("psnr", _PSNR, peers.keras("torch", "psnr"), _pair),
    Work(
        "total_variation",
        _total_variation,
        peers.torchmetrics("total_variation"),
        _noisy_image,
    ),
]
ON_JAX = [
    Work("ssim, valid", _WHOLE_WINDOWS, peers.DM_PIX_SSIM, _pair),
    Work("psnr", _PSNR, peers.DM_PIX_PSNR, _pair),
    Work("ssim, valid", _WHOLE_WINDOWS, peers.keras("jax", "ssim"), _pair),
    Work("psnr", _PSNR, peers.keras("jax", "psnr"), _pair),
]
