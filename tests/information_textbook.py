"""Divergences, erosion, information, correlation as their papers write them, in torch.

In float64, one class, bin and window after the other: samples outside of a mask are cut
out, neighbours stand in a matrix, a histogram has a row for every bin. The arguments
are those of the functions in xloss; torch's autograd gives the derivatives.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .textbook import reduced


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return axis if isinstance(axis, tuple) else (axis,)


def relative(t: Tensor, p: Tensor) -> Tensor:
    """t log(t/p), 0 where t is 0."""
    some = t > 0
    term = torch.zeros_like(t)
    term[some] = t[some] * (t[some] / p[some]).log()
    return term


def kl_div_loss(
    pred: Tensor, target: Tensor, axis: Any = -1, reduction: str = "mean"
) -> Tensor:
    loss = relative(target, pred).sum(axes_of(axis, pred.ndim))
    return reduced(loss, reduction)


def js_div_loss(
    pred: Tensor, target: Tensor, axis: Any = -1, reduction: str = "mean"
) -> Tensor:
    mean = (pred + target) / 2
    loss = (relative(target, mean) + relative(pred, mean)) / 2
    return reduced(loss.sum(axes_of(axis, pred.ndim)), reduction)


def kl_div_loss_2d(pred: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return kl_div_loss(pred, target, (2, 3), reduction)


def js_div_loss_2d(pred: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return js_div_loss(pred, target, (2, 3), reduction)


def neighbour_means(shape: tuple[int, ...]) -> Tensor:
    """The mean of a pixel and its nearest neighbours, a row for each pixel."""
    pixels = list(np.ndindex(shape))
    matrix = np.zeros((len(pixels), len(pixels)))
    for row, pixel in enumerate(pixels):
        for column, other in enumerate(pixels):
            if sum(abs(a - b) for a, b in zip(pixel, other, strict=True)) <= 1:
                matrix[row, column] = 1 / (2 * len(shape) + 1)
    return torch.tensor(matrix)


def hausdorff_er_loss(
    pred: Tensor,
    target: Tensor,
    alpha: float = 2.0,
    k: int = 10,
    reduction: str = "mean",
) -> Tensor:
    classes, space = pred.shape[1], pred.shape[2:]
    means = neighbour_means(tuple(space))
    maps = []
    for c, (z, labels) in itertools.product(
        range(classes), list(zip(pred, target, strict=True))
    ):
        e = (z[c] - (labels[0] == c).double()).flatten() ** 2
        total = torch.zeros_like(e)
        for i in range(1, k + 1):
            e = (means @ e - 0.5).clamp(min=0)
            if e.max() > e.min():
                e = (e - e.amin()) / (e.amax() - e.amin())
            total = total + i**alpha * e
        maps.append(total.reshape(1, *space))
    stacked = torch.stack(maps).reshape(classes, len(pred), 1, *space)
    return reduced(stacked, reduction)


def kernel(u: Tensor, name: str) -> Tensor:
    """A Parzen kernel at u = distance/radius, with slope 0 at u = 0 and u = 1."""
    if name == "rectangular":
        return (u <= 1).double()
    if name == "truncated_gaussian":
        edge = math.exp(-0.5) * (u == 1).double()
        density = torch.where(u < 1, (-(u**2) / 2).exp(), edge)
        return density / math.sqrt(2 * math.pi)
    near = 1 - 0.1 * u - 1.8 * u**2
    far = 1.9 - 3.7 * u + 1.8 * u**2
    return torch.where(u < 0.5, near, torch.where(u < 1, far, 0.0))


def shares_of_bins(
    x: Tensor, own: Tensor, both: Tensor, name: str, num_bins: int, radius: float
) -> Tensor:
    """(num_bins, samples) of one signal (N,)."""
    low, high = x[own].amin(), x[own].amax()
    if high > low:
        place = (x[both] - low) / (high - low) * (num_bins - 1)
    else:
        place = 0 * x[both]
    bins = torch.arange(num_bins).double().unsqueeze(1)
    return kernel((bins - place).abs() / radius, name)


def entropy(p: Tensor) -> Tensor:
    p = p[p > 0]
    return -(p * p.log()).sum()


def information(
    x: Tensor,
    y: Tensor,
    masks: list[Tensor],
    options: tuple[str, int, float],
    normalized: bool,
) -> Tensor:
    both = masks[0] & masks[1]
    rows = [
        shares_of_bins(z, own, both, *options)
        for z, own in zip((x, y), masks, strict=True)
    ]
    joint = rows[0] @ rows[1].T
    joint = joint / joint.sum()
    apart = entropy(joint.sum(0)) + entropy(joint.sum(1))
    if normalized:
        return -apart / entropy(joint)
    return -(apart - entropy(joint))


def mutual_information(
    input: Tensor,
    target: Tensor,
    input_mask: Any = None,
    target_mask: Any = None,
    kernel_function: Any = "xu",
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: str = "none",
    spatial: int = 1,
    normalized: bool = False,
) -> Tensor:
    lead, shape = input.shape[:-spatial], input.shape[-spatial:]
    masks = [
        torch.ones(shape, dtype=torch.bool) if m is None else torch.tensor(m) != 0
        for m in (input_mask, target_mask)
    ]
    masks = [mask.flatten() for mask in masks]
    options = getattr(kernel_function, "value", kernel_function), num_bins
    rows = [z.reshape(math.prod(lead), -1) for z in (input, target)]
    losses = [
        information(x, y, masks, (*options, window_radius), normalized)
        for x, y in zip(*rows, strict=True)
    ]
    return reduced(torch.stack(losses).reshape(lead), reduction)


def ncc_loss(pred: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    rows = [x.flatten(2) for x in (pred, target)]
    x, y = (row - row.mean(-1, keepdim=True) for row in rows)
    norm = ((x * x).sum(-1) * (y * y).sum(-1)).sqrt()
    return reduced(1 - (x * y).sum(-1) / norm, reduction)


def reflected(place: int, length: int) -> int:
    """Without repeating the outermost pixel."""
    return min(abs(place), 2 * (length - 1) - abs(place))


def windows(shape: tuple[int, ...], size: int, padding: str) -> np.ndarray:
    """The pixels of each window, a row for each window."""
    reach = size // 2
    margin = reach if padding == "valid" else 0
    rows = []
    for centre in itertools.product(*(range(margin, n - margin) for n in shape)):
        row = []
        for step in itertools.product(range(-reach, reach + 1), repeat=len(shape)):
            place = [
                reflected(c + s, n) for c, s, n in zip(centre, step, shape, strict=True)
            ]
            row.append(np.ravel_multi_index(place, shape))
        rows.append(row)
    return np.asarray(rows)


def lncc_loss(
    pred: Tensor,
    target: Tensor,
    window_size: int = 9,
    reduction: str = "mean",
    padding: str = "same",
    *,
    where: Any = None,
    sample_weight: Any = None,
) -> Tensor:
    space = tuple(pred.shape[2:])
    index = torch.tensor(windows(space, window_size, padding))
    x, y = (z.flatten(2)[..., index] for z in (pred, target))
    x, y = (z - z.mean(-1, keepdim=True) for z in (x, y))
    covariance = (x * y).mean(-1)
    r2 = covariance**2 / ((x * x).mean(-1) * (y * y).mean(-1))
    lost = window_size - 1 if padding == "valid" else 0
    loss = 1 - r2.reshape(*pred.shape[:2], *(n - lost for n in space))
    return reduced(loss, reduction, where, sample_weight)
