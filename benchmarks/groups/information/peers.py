"""What mutual information and cross-correlation run against, brought to the same work.

MONAI's windows reach over the borders: whole windows alone are compared.
"""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.groups.information import textbook
from benchmarks.groups.information.textbook import WINDOW
from benchmarks.modes import Loss
from benchmarks.rows import Peer


def kornia(function: str, kernel: str) -> Peer:
    return Peer("kornia", ("torch", "kornia"), partial(_kornia, function, kernel))


def monai(spatial: int) -> Peer:
    return Peer("MONAI", ("torch", "monai"), partial(_monai, spatial))


def on_numpy(**options: Any) -> Peer:
    function = partial(textbook.mutual_information, np, **options)
    return Peer("textbook", (), lambda: function)


def on_jax(**options: Any) -> Peer:
    return Peer("textbook", ("jax",), partial(_on_jax, options))


def ncc(*needs: str) -> Peer:
    return Peer("textbook", needs, lambda: textbook.ncc)


def _kornia(function: str, kernel: str) -> Loss:
    losses = import_module("kornia.losses")
    member = getattr(losses.mutual_information.MIKernel, kernel)
    return partial(getattr(losses, function), kernel_function=member)


def _on_jax(options: dict[str, Any]) -> Loss:
    namespace = import_module("jax.numpy")
    return partial(textbook.mutual_information, namespace, **options)


def _monai(spatial: int) -> Loss:
    module = import_module("monai.losses")
    negative = module.LocalNormalizedCrossCorrelationLoss(
        spatial, WINDOW, reduction="none", smooth_dr=0.0
    )
    inner = (..., *[slice(WINDOW // 2, -(WINDOW // 2))] * spatial)
    return lambda x, y: 1 + negative(x, y)[inner].mean()


def _torch_lncc() -> Loss:
    torch = import_module("torch")
    functional = torch.nn.functional
    margin = (WINDOW // 2,) * 4
    window = torch.full((1, 1, WINDOW, WINDOW), 1 / WINDOW**2)

    def mean(images: Any) -> Any:
        planes = images.reshape(-1, 1, *images.shape[2:])
        padded = functional.pad(planes, margin, mode="reflect")
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


BINCOUNT = Peer("np.bincount", (), lambda: textbook.scattered)
TORCH_LNCC = Peer("conv2d", ("torch",), _torch_lncc)
JAX_LNCC = Peer("lax.conv", ("jax",), _jax_lncc)
SCIPY_LNCC = Peer("scipy uniform_filter", ("scipy",), _scipy_lncc)
