"""The image losses as their papers write them, in torch's float64.

Windows are dense matrices filled tap by tap, and torch's autograd gives the
derivatives. The arguments are those of the functions in xloss.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


def window_matrix(length: int, size: int, sigma: float, border: str) -> Tensor:
    """One row for each window along an axis: ``same``, ``valid`` or ``zeros``."""
    reach = size // 2
    taps = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)]
    margin = reach if border == "valid" else 0
    matrix = np.zeros((length - 2 * margin, length))
    for row, centre in enumerate(range(margin, length - margin)):
        for k, tap in enumerate(taps):
            place = centre - reach + k
            if border == "same":  # the reflection does not repeat the outermost pixel
                place = min(abs(place), 2 * (length - 1) - abs(place))
            if 0 <= place < length:
                matrix[row, place] += tap / math.fsum(taps)
    return torch.tensor(matrix)


def filtered(x: Tensor, size: int, sigma: float, border: str) -> Tensor:
    for axis in range(2, x.ndim):
        matrix = window_matrix(x.shape[axis], size, sigma, border)
        x = torch.movedim(torch.tensordot(x, matrix, ([axis], [1])), -1, axis)
    return x


class Moments(NamedTuple):
    mean_x: Tensor
    mean_y: Tensor
    variance_x: Tensor
    variance_y: Tensor
    covariance: Tensor

    def luminance(self, c1: float) -> Tensor:
        x, y = self.mean_x, self.mean_y
        return (2 * x * y + c1) / (x**2 + y**2 + c1)

    def contrast(self, c2: float) -> Tensor:
        return (2 * self.covariance + c2) / (self.variance_x + self.variance_y + c2)


def moments(x: Tensor, y: Tensor, size: int, sigma: float, border: str) -> Moments:
    def mean(z: Tensor) -> Tensor:
        return filtered(z, size, sigma, border)

    mean_x, mean_y = mean(x), mean(y)
    if border != "zeros":
        # Variances are the same without the offset, which would cost float64 its
        # digits too: 30000² is 1e12 times the least variance that counts.
        axes = tuple(range(2, x.ndim))
        x, y = (z - z.detach().mean(axes, keepdim=True) for z in (x, y))
    a, b = mean(x), mean(y)
    return Moments(
        mean_x,
        mean_y,
        mean(x * x) - a * a,
        mean(y * y) - b * b,
        mean(x * y) - a * b,
    )


def reduced(
    loss: Tensor, reduction: str, where: Any = None, sample_weight: Any = None
) -> Tensor:
    weight = torch.ones_like(loss)
    if sample_weight is not None:
        weight = weight * torch.as_tensor(sample_weight)
    if where is not None:
        chosen = torch.as_tensor(where).expand(loss.shape)
        loss = torch.where(chosen, loss, 0.0)
        weight = torch.where(chosen, weight, 0.0)
    if reduction == "none":
        return weight * loss
    total = torch.sum(weight * loss)
    return total if reduction == "sum" else total / torch.sum(weight)


def ssim(
    img1: Tensor,
    img2: Tensor,
    window_size: int,
    max_val: float = 1.0,
    eps: float = 1e-12,
    padding: str = "same",
) -> Tensor:
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    m = moments(img1, img2, window_size, 1.5, padding)
    product = m.luminance(c1) * m.contrast(c2)
    d = (m.mean_x**2 + m.mean_y**2 + c1) * (m.variance_x + m.variance_y + c2)
    return 1 - (1 - product) * d / (d + eps)


def ssim_loss(
    img1: Tensor,
    img2: Tensor,
    window_size: int,
    max_val: float = 1.0,
    eps: float = 1e-12,
    reduction: str = "mean",
    padding: str = "same",
    **weights: Any,
) -> Tensor:
    index = ssim(img1, img2, window_size, max_val, eps, padding)
    return reduced(((1 - index) / 2).clamp(0, 1), reduction, **weights)


def ms_ssim_l1_loss(
    img1: Tensor,
    img2: Tensor,
    sigmas: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0),
    data_range: float = 1.0,
    K: tuple[float, float] = (0.01, 0.03),  # noqa: N803 # the paper's name
    alpha: float = 0.025,
    compensation: float = 200.0,
    reduction: str = "mean",
    **weights: Any,
) -> Tensor:
    size = 2 * int(2 * sigmas[-1]) + 1
    c1, c2 = ((k * data_range) ** 2 for k in K)
    scales = [moments(img1, img2, size, sigma, "zeros") for sigma in sigmas]
    similarity = scales[-1].luminance(c1)
    for m in scales:
        similarity = similarity * m.contrast(c2)
    distance = filtered((img1 - img2).abs(), size, sigmas[-1], "zeros") / data_range
    loss = alpha * (1 - similarity).mean(1) + (1 - alpha) * distance.mean(1)
    return reduced(compensation * loss, reduction, **weights)


def ms_ssim_loss(
    img1: Tensor,
    img2: Tensor,
    window_size: int = 11,
    max_val: float = 1.0,
    power_factors: tuple[float, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    reduction: str = "mean",
) -> Tensor:
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    axes = tuple(range(2, img1.ndim))
    similarity = torch.ones(img1.shape[:2], dtype=torch.float64)
    for level, power in enumerate(power_factors, 1):
        m = moments(img1, img2, window_size, 1.5, "valid")
        index = m.contrast(c2)
        if level == len(power_factors):
            index = index * m.luminance(c1)
        similarity = similarity * index.mean(axes).clamp(min=0) ** power
        img1, img2 = halved(img1), halved(img2)
    return reduced((1 - similarity.mean(1)) / 2, reduction)


def halved(x: Tensor) -> Tensor:
    """Means of pairs along each spatial axis; what is left over is dropped."""
    for axis in range(2, x.ndim):
        half = x.shape[axis] // 2
        x = x.narrow(axis, 0, 2 * half).unflatten(axis, (half, 2)).mean(axis + 1)
    return x


def psnr(
    image: Tensor, target: Tensor, max_val: float, *, reduction: str = "mean"
) -> Tensor:
    axes = tuple(range(0 if reduction == "mean" else 1, image.ndim))
    error = ((image - target) ** 2).mean(axes)
    return reduced(20 * math.log10(max_val) - 10 * error.log10(), reduction)


def psnr_loss(
    image: Tensor, target: Tensor, max_val: float, *, reduction: str = "mean"
) -> Tensor:
    return -psnr(image, target, max_val, reduction=reduction)


def total_variation(img: Tensor, reduction: str = "sum") -> Tensor:
    total = torch.zeros(img.shape[:-2], dtype=torch.float64)
    for axis in (-2, -1):
        difference = img.diff(dim=axis).abs()
        if difference.numel():
            over = torch.mean if reduction == "mean" else torch.sum
            total = total + over(difference, (-2, -1))
    return total


def inverse_depth_smoothness_loss(
    idepth: Tensor, image: Tensor, *, reduction: str = "mean"
) -> Tensor:
    total = torch.zeros(len(idepth), dtype=torch.float64)
    for axis in (-2, -1):
        edges = image.diff(dim=axis).abs().mean(1, keepdim=True)
        terms = idepth.diff(dim=axis).abs() * torch.exp(-edges)
        if terms.numel():
            total = total + terms.mean((1, 2, 3))
    return reduced(total, reduction)
