"""Losses of torch tensors on a processor, run eagerly, block by block.

Eager torch runs one kernel for each operation, over whole tensors at the speed of
memory, and keeps several results of that size for the backward pass. In blocks that
stay in the cache a loss takes two thirds to a fifth of the time and keeps nothing but
its inputs, from which backward computes the slopes, block by block once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import array_api_compat.torch as xp
import torch

from .namespace import cast
from .numpy_blocks import Cut, Operands
from .reduction import divide, weight_sum
from .torch_step import Tensors

__all__ = [
    "TorchBlocks",
    "TorchSlopes",
    "broadcast_blocks",
    "by_slope",
    "pixel_blocks",
    "tiles",
]

BLOCK = 256 * 1024
"""elements for each thread: some temporaries of float32 fill a cache of 1 to 2 MiB"""


@dataclass(frozen=True, eq=False)
class TorchBlocks:
    """How a loss is computed in blocks: a step of autograd's graph."""

    evaluate: Callable[..., tuple[Any, Any]]
    """`(**block)` to the loss and the weights that `mean` divides by, or None"""
    differentiate: Callable[..., None]
    """`(parts, gradient, **block)`: store the gradients by the operands that the parts
    are named after, given the gradient of the loss"""
    formula: Callable[..., Any]
    """`(**operands)` to the reduced loss, by operations that autograd knows"""
    cut: Cut
    reduction: str
    result: Any
    """dtype of the loss"""
    variables: set[str]
    """what gradients are known by"""

    def forward(self, operands: Operands, _: Sequence[str], /) -> tuple[Any, Tensors]:
        """Return the loss, and what `mean` divides by."""
        if self.reduction == "none":
            out = torch.empty_like(_first(operands), dtype=self.result)
            for block, parts in self.cut(operands, {"loss": out}):
                parts["loss"].copy_(self.evaluate(**block)[0])
            return out, ()
        losses = (self.evaluate(**block) for block, _ in self.cut(operands, {}))
        return _reduced(losses, operands, self.reduction, self.result)

    def backward(
        self, operands: Operands, names: Sequence[str], kept: Tensors, gradient: Any
    ) -> dict[str, Any]:
        """Return the gradients by some operands, given that of the loss."""
        slopes = {name: torch.empty_like(operands[name]) for name in names}
        outs = dict(slopes)
        if self.reduction == "none":
            outs["loss"] = gradient
        gradient = _over(gradient, kept)
        for block, parts in self.cut(operands, outs):
            given = parts.pop("loss", gradient)
            self.differentiate(parts, given, **block)
        return slopes


@dataclass(frozen=True, eq=False)
class TorchSlopes:
    """A reduced loss whose blocks are differentiated by autograd: a step of its graph.

    That takes the loss of a block with its gradients, so that these are kept.
    """

    evaluate: Callable[..., tuple[Any, Any]]
    formula: Callable[..., Any]
    cut: Cut
    reduction: str
    result: Any
    variables: set[str]

    def forward(self, operands: Operands, names: Sequence[str]) -> tuple[Any, Tensors]:
        """Return the loss, its slopes, and what `mean` divides by."""
        slopes = {name: torch.empty_like(operands[name]) for name in names}
        losses = (
            _differentiated(self.evaluate, parts, block)
            for block, parts in self.cut(operands, slopes)
        )
        loss, count = _reduced(losses, operands, self.reduction, self.result)
        return loss, (*slopes.values(), *count)

    def backward(
        self, operands: Operands, names: Sequence[str], kept: Tensors, gradient: Any
    ) -> dict[str, Any]:
        """Return the slopes times the gradient of the loss."""
        slopes, count = kept[: len(names)], kept[len(names) :]
        gradient = _over(gradient, count)
        return {
            name: (slope * gradient).to(operands[name].dtype)
            for name, slope in zip(names, slopes, strict=True)
        }


def _differentiated(
    evaluate: Callable[..., tuple[Any, Any]], parts: Operands, block: Operands
) -> tuple[Any, Any]:
    """Return the loss of a block and its weights, and store its slopes."""
    if not parts:
        return evaluate(**block)
    with torch.enable_grad():
        traced = {name: block[name].detach().requires_grad_() for name in parts}
        loss, weights = evaluate(**{**block, **traced})
        found = torch.autograd.grad(torch.sum(loss), list(traced.values()))
    for part, slope in zip(parts.values(), found, strict=True):
        part.copy_(slope)
    return loss.detach(), weights


def _reduced(
    losses: Iterable[tuple[Any, Any]], operands: Operands, reduction: str, result: Any
) -> tuple[Any, Tensors]:
    """Return the loss of all blocks, and what `mean` divides by."""
    sums, counts = [], []
    for loss, weights in losses:
        sums.append(torch.sum(loss))
        if weights is not None:
            counts.append(weight_sum(xp, loss, weights))
    total = _add_up(sums)
    if reduction == "sum":
        return total.to(result), ()
    if counts:
        count = _add_up(counts)
    else:
        count = torch.tensor(_first(operands).numel(), dtype=torch.float64)
    return divide(xp, total, count).to(result), (count,)


def _over(gradient: Any, count: Tensors) -> Any:
    """Return the gradient of the sum, given that of the loss, in float64."""
    return divide(xp, gradient.to(torch.float64), *count) if count else gradient


def _first(operands: Operands) -> Any:
    return next(iter(operands.values()))


def _add_up(sums: list[Any]) -> Any:
    return torch.sum(torch.stack(sums), dtype=torch.float64)


def by_slope(
    slope_of: Callable[..., tuple[Any, Any]],
    parts: Operands,
    gradient: Any,
    **block: Any,
) -> None:
    """Store the slope in the prediction, and its negative in the target."""
    slope, _ = slope_of(**block)
    for name, part in parts.items():
        torch.mul(slope, gradient if name == "pred" else -gradient, out=part)


def pixel_blocks(
    dtypes: Mapping[str, Any], operands: Operands, outs: Operands
) -> Iterator[tuple[Operands, Operands]]:
    """Cut logits (B, C, *) and what stands beside their pixels, with all classes."""
    logits = operands["logits"]
    count, classes, *spatial = logits.shape
    for batch, *pixels in tiles((count, *spatial), classes):
        index = batch, slice(None), *pixels
        block = {}
        for name, x in operands.items():
            labels = x.ndim < logits.ndim
            part = x[batch, *pixels] if labels else _part(x, index)
            block[name] = cast(xp, part, dtypes[name])
        yield block, {name: out[index] for name, out in outs.items()}


def broadcast_blocks(
    dtypes: Mapping[str, Any], operands: Operands, outs: Operands
) -> Iterator[tuple[Operands, Operands]]:
    """Cut operands that broadcast to the shape of the first into blocks."""
    shape = _first(operands).shape
    for index in tiles(shape):
        block = {
            name: cast(xp, _part(x, index), dtypes[name])
            for name, x in operands.items()
        }
        yield block, {name: out[index] for name, out in outs.items()}


def _part(x: Any, index: tuple[slice, ...]) -> Any:
    """Return the part of a tensor that stands beside a block, in the block's rank."""
    x = x[(None,) * (len(index) - x.ndim)]
    every = slice(None)
    return x[tuple(every if n == 1 else i for n, i in zip(x.shape, index, strict=True))]


def tiles(shape: Sequence[int], each: int = 1) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks of about one size, along its leading axes.

    Every element stands for as many as `each` says.
    """
    block = BLOCK * torch.get_num_threads() // each
    torch.empty(
        4 * block * each
    )  # as on NumPy: or glibc serves each block from fresh pages
    axis, inner = 0, math.prod(shape[1:])
    while inner > block:
        axis += 1
        inner //= shape[axis]
    count = math.ceil(shape[axis] * inner / block)
    step = math.ceil(shape[axis] / count)
    rest = (slice(None),) * (len(shape) - axis - 1)
    for outer in product(*map(range, shape[:axis])):
        for start in range(0, shape[axis], step):
            leading = (slice(i, i + 1) for i in outer)
            yield *leading, slice(start, start + step), *rest
