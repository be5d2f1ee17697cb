"""Losses of torch tensors on a processor, run eagerly, block by block.

Eager torch runs one kernel for each operation, over whole tensors at the speed of
memory, and keeps several results of that size for the backward pass. In blocks that
stay in the cache a loss takes two thirds to a fifth of the time and keeps nothing but
its inputs, from which backward computes the slopes, block by block once more.

It is one step of autograd's graph. Whoever differentiates that step again gets the
operations in its place, and transforms of functions never meet it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import array_api_compat.torch as xp
import torch
from torch.autograd import forward_ad

from .namespace import cast
from .numpy_blocks import Cut, Operands
from .reduction import divide, weight_sum

__all__ = [
    "TorchBlocks",
    "broadcast_blocks",
    "by_slope",
    "in_blocks",
    "is_transforming",
    "tiles",
]

BLOCK = 256 * 1024
"""elements for each thread: some temporaries of float32 fill a cache of 1 to 2 MiB"""

SMALLEST = 1024 * 1024
"""elements: below, whole tensors are in the cache"""

# Not public, yet what autograd.Function itself asks; without it nothing is in blocks.
is_transforming: Callable[[], bool] = getattr(
    torch._C, "_are_functorch_transforms_active", lambda: True
)

# Neither has types.
_unpack_dual: Callable[[Any], Any] = forward_ad.unpack_dual


def in_blocks(operands: Operands) -> bool:
    """Whether an eager call is one on large plain tensors in a processor's memory."""
    return (
        _first(operands).numel() >= SMALLEST
        and all(map(_is_plain, operands.values()))
        and not is_transforming()
    )


def _first(operands: Operands) -> Any:
    return next(iter(operands.values()))


def _is_plain(x: Any) -> bool:
    # A subclass may give its operators another meaning, and a dual number has a
    # tangent, which no step may lose.
    return (
        type(x) in (torch.Tensor, torch.nn.Parameter)
        and x.device.type == "cpu"
        and x.layout is torch.strided
        and _unpack_dual(x).tangent is None
    )


@dataclass(frozen=True, eq=False)
class TorchBlocks:
    """How a loss is computed in blocks."""

    evaluate: Callable[..., tuple[Any, Any]]
    """`(**block)` to the loss and the weights that `mean` divides by, or None"""
    differentiate: Callable[..., None]
    """`(parts, gradient, **block)`: store the gradients by the operands that the parts
    are named after, given the gradient of the loss"""
    whole: Callable[..., Any]
    """`(**operands)` to the reduced loss, by operations that autograd knows"""
    cut: Cut
    reduction: str
    result: Any
    """dtype of the loss"""

    def __call__(self, operands: Operands, variables: Iterable[str]) -> Any:
        """Return the loss; `variables` name what gradients are known by."""
        names = [name for name, x in operands.items() if x.requires_grad]
        if not (names and torch.is_grad_enabled()):
            return self.forward(operands)[0]
        if not set(names) <= set(variables):
            return self.whole(**operands)
        return _apply(self, names, list(operands), *operands.values())

    def forward(self, operands: Operands) -> tuple[Any, Any]:
        """Return the loss, and what `mean` divides by."""
        if self.reduction == "none":
            out = torch.empty_like(_first(operands), dtype=self.result)
            for block, parts in self.cut(operands, {"loss": out}):
                parts["loss"].copy_(self.evaluate(**block)[0])
            return out, None
        sums, counts = [], []
        for block, _ in self.cut(operands, {}):
            loss, weights = self.evaluate(**block)
            sums.append(torch.sum(loss))
            if weights is not None:
                counts.append(weight_sum(xp, loss, weights))
        total = _add_up(sums)
        if self.reduction == "sum":
            return total.to(self.result), None
        count = _add_up(counts) if counts else _first(operands).numel()
        mean = total / count if not counts else divide(xp, total, count)
        return mean.to(self.result), count

    def backward(
        self, operands: Operands, names: Sequence[str], gradient: Any, count: Any
    ) -> dict[str, Any]:
        """Return the gradients by some operands, given that of the loss."""
        slopes = {name: torch.empty_like(operands[name]) for name in names}
        outs = dict(slopes)
        if self.reduction == "none":
            outs["loss"] = gradient
        elif count is not None:
            gradient = gradient.to(torch.float64)
            gradient = divide(xp, gradient, torch.as_tensor(count))
        for block, parts in self.cut(operands, outs):
            given = parts.pop("loss", gradient)
            self.differentiate(parts, given, **block)
        return slopes


def _add_up(sums: list[Any]) -> Any:
    return torch.sum(torch.stack(sums), dtype=torch.float64)


class _Step(torch.autograd.Function):
    """A loss in blocks as a step of autograd's graph."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.blocks, ctx.variables, ctx.names, *operands = args
        loss, ctx.count = ctx.blocks.forward(
            dict(zip(ctx.names, operands, strict=True))
        )
        ctx.save_for_backward(*operands)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        operands = dict(zip(ctx.names, ctx.saved_tensors, strict=True))
        if torch.is_grad_enabled() or is_transforming():
            found = _recorded(ctx.blocks.whole, operands, ctx.variables, *gradients)
        else:
            found = ctx.blocks.backward(operands, ctx.variables, *gradients, ctx.count)
        return None, None, None, *(found.get(name) for name in ctx.names)


_apply: Callable[..., Any] = _Step.apply


def _recorded(
    whole: Callable[..., Any],
    operands: Operands,
    variables: Sequence[str],
    gradient: Any,
) -> dict[str, Any]:
    """Return gradients that can be differentiated in their turn."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = [operands[name] for name in variables]
        loss = whole(**operands)
        found = torch.autograd.grad(loss, inputs, gradient, create_graph=create_graph)
    return dict(zip(variables, found, strict=True))


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


def tiles(shape: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks of about one size, along its leading axes."""
    block = BLOCK * torch.get_num_threads()
    torch.empty(4 * block)  # as on NumPy: or glibc serves each block from fresh pages
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
