"""The segmentation losses as their papers write them, in torch's float64.

One sample and one class after the other, and pixels that do not count are cut out, not
masked. The arguments are those of the functions in xloss, arrays among them in NumPy
or torch; torch's autograd gives the derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .textbook import reduced


def double(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else torch.tensor(np.asarray(x)).double()


def weights_of(weight: Any, count: int) -> Tensor:
    return torch.ones(count).double() if weight is None else double(weight)


def along_axis_1(weight: Any, like: Tensor) -> Tensor:
    """Weights of the classes beside (B, C, *)."""
    weights = weights_of(weight, like.shape[1])
    return weights.reshape(1, -1, *[1] * (like.ndim - 2))


def counted_pixels(target: Tensor, ignore_index: int | None) -> Tensor:
    """(B, *), true where a label counts."""
    if ignore_index is None:
        return torch.ones_like(target, dtype=torch.bool)
    return target != ignore_index


def at_labels(x: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """(B, C, *) to (B, *): the entry of the label; of class 0 where none counts."""
    index = torch.where(counted, target, torch.zeros_like(target)).long()
    return x.gather(1, index.unsqueeze(1)).squeeze(1)


def both(mask: Any, where: Any) -> Tensor:
    return mask if where is None else mask & torch.as_tensor(where)


def focal_loss(
    pred: Tensor,
    target: Tensor,
    alpha: float | None,
    gamma: float = 2.0,
    reduction: str = "none",
    weight: Any = None,
    ignore_index: int | None = -100,
    *,
    where: Any = None,
    sample_weight: Any = None,
) -> Tensor:
    counted = counted_pixels(target, ignore_index)
    log_p = at_labels(torch.log_softmax(pred, 1), target, counted)
    term = -((1 - log_p.exp()) ** gamma) * log_p
    loss = torch.zeros_like(pred)
    for c in range(pred.shape[1]):
        factor = weights_of(weight, pred.shape[1])[c]
        if alpha is not None:
            factor = factor * (alpha if c else 1 - alpha)
        loss[:, c] = torch.where(counted & (target == c), factor * term, 0.0)
    elements = counted.unsqueeze(1).expand(pred.shape)
    return reduced(loss, reduction, both(elements, where), sample_weight)


def binary_focal_loss_with_logits(
    pred: Tensor,
    target: Tensor,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: str = "none",
    pos_weight: Any = None,
    weight: Any = None,
    ignore_index: int | None = -100,
    *,
    where: Any = None,
    sample_weight: Any = None,
) -> Tensor:
    p, q = torch.sigmoid(pred), torch.sigmoid(-pred)
    positive = -(q**gamma) * target * p.log() * along_axis_1(pos_weight, pred)
    negative = -(p**gamma) * (1 - target) * q.log()
    if alpha is not None:
        positive, negative = alpha * positive, (1 - alpha) * negative
    loss = along_axis_1(weight, pred) * (positive + negative)
    counted = counted_pixels(target, ignore_index)
    return reduced(loss, reduction, both(counted, where), sample_weight)


def cross_entropy_loss(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    where: Any = None,
    sample_weight: Any = None,
) -> Tensor:
    if input.ndim == 1:
        loss = cross_entropy_loss(
            input[None], target[None], weight, ignore_index, "none", label_smoothing
        )
        return loss[0] if reduction == "none" else loss.sum()
    classes = input.shape[1]
    log_p = torch.log_softmax(input, 1)
    if target.shape == input.shape:
        target = (1 - label_smoothing) * target + label_smoothing / classes
        loss = -(along_axis_1(weight, input) * target * log_p).sum(1)
        return reduced(loss, reduction, where, sample_weight)
    counted = counted_pixels(target, ignore_index)
    weight_of_label = at_labels(
        along_axis_1(weight, input).expand(input.shape), target, counted
    )
    smooth = -(along_axis_1(weight, input) * log_p).sum(1) / classes
    loss = -weight_of_label * at_labels(log_p, target, counted)
    loss = (1 - label_smoothing) * loss + label_smoothing * smooth
    mask = both(counted, where)
    if reduction != "mean":
        return reduced(loss, reduction, mask, sample_weight)
    given = torch.ones(()) if sample_weight is None else torch.as_tensor(sample_weight)
    counts = torch.where(mask, weight_of_label * given, 0.0).sum()
    return reduced(loss, "sum", mask, sample_weight) / counts


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
    *,
    where: Any = None,
    sample_weight: Any = None,
) -> Tensor:
    positive = -target * torch.sigmoid(input).log()
    if pos_weight is not None:
        positive = double(pos_weight) * positive
    loss = positive - (1 - target) * torch.sigmoid(-input).log()
    if weight is not None:
        loss = double(weight) * loss
    return reduced(loss, reduction, where, sample_weight)


def samples(
    pred: Tensor, target: Tensor, ignore_index: int | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Probabilities and shares of the classes, (C, pixels), of each sample's pixels."""
    classes = pred.shape[1]
    probabilities = torch.softmax(pred, 1).reshape(len(pred), classes, -1)
    if target.shape == pred.shape:
        target = target.reshape(len(pred), classes, -1)
        yield from zip(probabilities, target, strict=True)
        return
    for p, labels in zip(probabilities, target.reshape(len(pred), -1), strict=True):
        counted = counted_pixels(labels, ignore_index)
        own = [(labels[counted] == c).double() for c in range(classes)]
        yield p[:, counted], torch.stack(own)


def per_sample(
    score: Callable[[Tensor, Tensor], Tensor],
    pred: Tensor,
    target: Tensor,
    ignore_index: int | None,
    reduction: str,
) -> Tensor:
    """The loss of each sample, 1 where its target holds nothing, reduced."""
    losses = []
    for p, t in samples(pred, target, ignore_index):
        losses.append(score(p, t) if t.sum() > 0 else 0 * p.sum() + 1)
    return reduced(torch.stack(losses), reduction)


def intersection(p: Tensor, t: Tensor) -> Tensor:
    """Of every class; of labels, the sum of the probabilities of the pixels."""
    return torch.minimum(p, t).sum(1)


def mean_over_present(loss: Tensor, t: Tensor, weight: Tensor) -> Tensor:
    present = t.sum(1) > 0
    return (weight * loss)[present].sum() / weight[present].sum()


def dice_loss(
    pred: Tensor,
    target: Tensor,
    average: str = "micro",
    eps: float = 1e-8,
    weight: Any = None,
    ignore_index: int | None = -100,
    *,
    reduction: str = "mean",
) -> Tensor:
    w = weights_of(weight, pred.shape[1])

    def score(p: Tensor, t: Tensor) -> Tensor:
        both, sizes = intersection(p, t), p.sum(1) + t.sum(1)
        if average == "micro":
            return 1 - 2 * (w * both).sum() / ((w * sizes).sum() + eps)
        return mean_over_present(1 - 2 * both / (sizes + eps), t, w)

    return per_sample(score, pred, target, ignore_index, reduction)


def jaccard_loss(
    pred: Tensor,
    target: Tensor,
    average: str = "micro",
    eps: float = 1e-8,
    weight: Any = None,
    ignore_index: int | None = -100,
    *,
    reduction: str = "mean",
) -> Tensor:
    w = weights_of(weight, pred.shape[1])

    def score(p: Tensor, t: Tensor) -> Tensor:
        both = intersection(p, t)
        union = p.sum(1) + t.sum(1) - both
        if average == "micro":
            return 1 - (w * both).sum() / ((w * union).sum() + eps)
        return mean_over_present(1 - both / (union + eps), t, w)

    return per_sample(score, pred, target, ignore_index, reduction)


def generalized_dice_loss(
    pred: Tensor,
    target: Tensor,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: str = "mean",
) -> Tensor:
    def score(p: Tensor, t: Tensor) -> Tensor:
        present = t.sum(1) > 0
        inverse = t.sum(1)[present] ** -2.0
        w = torch.full((len(t),), inverse.max(), dtype=torch.float64)
        w[present] = inverse
        w = w / inverse.max()  # with another unit of eps
        sizes = p.sum(1) + t.sum(1)
        return 1 - 2 * (w * intersection(p, t)).sum() / ((w * sizes).sum() + eps)

    return per_sample(score, pred, target, ignore_index, reduction)


def tversky_index(p: Tensor, t: Tensor, a: float, b: float, eps: float) -> Tensor:
    both = intersection(p, t)
    false, missed = p.sum(1) - both, t.sum(1) - both
    return both / (both + a * false + b * missed + eps)


def tversky_loss(
    pred: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: str = "mean",
) -> Tensor:
    def score(p: Tensor, t: Tensor) -> Tensor:
        index = tversky_index(p, t, alpha, beta, eps)
        return 1 - mean_over_present(index, t, torch.ones_like(index))

    return per_sample(score, pred, target, ignore_index, reduction)


def focal_tversky_loss(
    pred: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    gamma: float,
    eps: float = 1e-8,
    ignore_index: int | None = -100,
    *,
    reduction: str = "mean",
) -> Tensor:
    def score(p: Tensor, t: Tensor) -> Tensor:
        index = tversky_index(p, t, alpha, beta, eps)
        return mean_over_present((1 - index) ** gamma, t, torch.ones_like(index))

    return per_sample(score, pred, target, ignore_index, reduction)


def lovasz_extension(errors: Tensor, foreground: Tensor) -> Tensor:
    """Of the Jaccard loss: the largest errors weigh what they add to it."""
    order = torch.argsort(errors, descending=True, stable=True)
    found, false, total, last = 0, 0, int(foreground.sum()), 0.0
    loss = 0 * errors.sum()
    for k in order.tolist():
        found, false = found + bool(foreground[k]), false + (not foreground[k])
        jaccard = 1 - (total - found) / (total + false)
        loss = loss + errors[k] * (jaccard - last)
        last = jaccard
    return loss


def lovasz_hinge_loss(
    pred: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> Tensor:
    losses = []
    rows = (x.reshape(len(pred), -1) for x in (pred, target))
    for z, labels in zip(*rows, strict=True):
        counted = counted_pixels(labels, ignore_index)
        z, t = z[counted], labels[counted].double()
        losses.append(lovasz_extension((1 - z * (2 * t - 1)).clamp(min=0), t > 0))
    return reduced(torch.stack(losses), reduction)


def lovasz_softmax_loss(
    pred: Tensor,
    target: Tensor,
    weight: Any = None,
    *,
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> Tensor:
    w = weights_of(weight, pred.shape[1])
    losses = []
    for p, t in samples(pred, target, ignore_index):
        terms = [
            lovasz_extension((own - x).abs(), own > 0)
            for x, own in zip(p, t, strict=True)
        ]
        losses.append((w * torch.stack(terms)).mean())
    return reduced(torch.stack(losses), reduction)
