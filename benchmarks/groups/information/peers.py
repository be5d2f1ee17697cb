"""What mutual information and cross-correlation run against, brought to the same work.

MONAI's windows reach over the borders: whole windows alone are compared.
"""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import devices, peers
from benchmarks.groups.information import textbook
from benchmarks.groups.information.textbook import BINS, WINDOW
from benchmarks.modes import Loss
from benchmarks.rows import Peer


def kornia(function: str, kernel: str) -> Peer:
    return Peer("kornia", ("torch", "kornia"), partial(_kornia, function, kernel))


def monai(spatial: int) -> Peer:
    return Peer("MONAI", ("torch", "monai"), partial(_monai, spatial))


def on_numpy(**options: Any) -> Peer:
    return Peer("textbook", (), partial(_textbook, "numpy", options))


def on_jax(**options: Any) -> Peer:
    return Peer("textbook", ("jax",), partial(_textbook, "jax.numpy", options))


def ncc(*needs: str) -> Peer:
    return Peer("textbook", needs, lambda: textbook.ncc)


def torch_lncc(size: int = WINDOW) -> Peer:
    return Peer("conv2d", ("torch",), partial(_torch_lncc, size))


def torchmetrics(function: str) -> Peer:
    """Return mutual information of two labellings."""
    return peers.torchmetrics(partial(_torchmetrics, function))


def sklearn(function: str) -> Peer:
    """Return mutual information of two labellings."""
    return peers.sklearn(partial(_sklearn, function))


def keras(library: str) -> Peer:
    return peers.keras(library, _keras_ncc)


def _kornia(function: str, kernel: str) -> Loss:
    losses = import_module("kornia.losses")
    member = getattr(losses.mutual_information.MIKernel, kernel)
    return partial(getattr(losses, function), kernel_function=member)


def _textbook(module: str, options: dict[str, Any]) -> Loss:
    return partial(textbook.mutual_information, devices.module(module), **options)


def _bincount() -> Loss:
    return partial(textbook.scattered, devices.module("numpy"))


def _monai(spatial: int) -> Loss:
    module = import_module("monai.losses")
    negative = module.LocalNormalizedCrossCorrelationLoss(
        spatial, WINDOW, reduction="none", smooth_dr=0.0
    )
    inner = (..., *[slice(WINDOW // 2, -(WINDOW // 2))] * spatial)
    return lambda x, y: 1 + negative(x, y)[inner].mean()


def _torch_lncc(size: int) -> Loss:
    functional = import_module("torch.nn.functional")
    margin = (size // 2,) * 4

    def mean(images: Any) -> Any:
        planes = images.reshape(-1, 1, *images.shape[2:])
        padded = functional.pad(planes, margin, mode="reflect")
        window = images.new_full((1, 1, size, size), 1 / size**2)
        return functional.conv2d(padded, window)

    return partial(textbook.lncc, mean)


def _jax_lncc() -> Loss:
    jax = import_module("jax")
    margin = ((0, 0), (0, 0), *[(WINDOW // 2,) * 2] * 2)
    window = jax.numpy.full((1, 1, WINDOW, WINDOW), 1 / WINDOW**2)

    def mean(images: Any) -> Any:
        planes = images.reshape(-1, 1, *images.shape[2:])
        padded = jax.numpy.pad(planes, margin, mode="reflect")
        return jax.lax.conv(padded, window, (1, 1), "VALID")

    return partial(textbook.lncc, mean)


def _scipy_lncc() -> Loss:
    uniform_filter = import_module("scipy.ndimage").uniform_filter
    mean = partial(uniform_filter, size=WINDOW, axes=(2, 3), mode="mirror")
    return partial(textbook.lncc, mean)


def _torchmetrics(function: str) -> Loss:
    score = getattr(import_module("torchmetrics.functional.clustering"), function)
    return _of_labellings(function, lambda x, y: score(x.long(), y.long()))


def _sklearn(function: str) -> Loss:
    score = getattr(import_module("sklearn.metrics"), function)
    return _of_labellings(function, lambda x, y: score(x.astype(int), y.astype(int)))


def _of_labellings(function: str, score: Loss) -> Loss:
    """Turn a score into the loss.

    A normalized one is 2 (Hx + Hy - Hxy) / (Hx + Hy), and the loss -(Hx + Hy) / Hxy.
    """
    if function.startswith("normalized"):
        return lambda x, y: -1 / (1 - 0.5 * score(x, y))
    return lambda x, y: -score(x, y)


def _skimage_nmi() -> Loss:
    score = import_module("skimage.metrics").normalized_mutual_information
    return lambda x, y: -score(x, y, bins=BINS)


def _torchmetrics_ncc() -> Loss:
    """It correlates columns."""
    score = import_module("torchmetrics.functional.regression").pearson_corrcoef
    return lambda x, y: (1 - score(_in_rows(x).T, _in_rows(y).T)).mean()


def _keras_ncc() -> Loss:
    score = import_module("keras").metrics.pearson_correlation
    return lambda x, y: (1 - score(_in_rows(x), _in_rows(y))).mean()


def _scipy_ncc() -> Loss:
    score = import_module("scipy.stats").pearsonr
    return lambda x, y: np.mean(1 - score(_in_rows(x), _in_rows(y), axis=1).statistic)


def _in_rows(images: Any) -> Any:
    return images.reshape(images.shape[0], -1)


SKIMAGE_NMI = Peer("scikit-image", ("skimage",), _skimage_nmi)
SCIPY_NCC = Peer("scipy pearsonr", ("scipy",), _scipy_ncc)
TORCHMETRICS_NCC = peers.torchmetrics(_torchmetrics_ncc)
BINCOUNT = Peer("np.bincount", (), _bincount)
JAX_LNCC = Peer("lax.conv", ("jax",), _jax_lncc)
SCIPY_LNCC = Peer("scipy uniform_filter", ("scipy",), _scipy_lncc)
