"""A function of torch tensors as one step of autograd's graph.

Eager torch keeps several results for the backward pass of a formula. One whose slopes
are known keeps nothing but its inputs. Whoever differentiates the step again gets the
formula in its place, and transforms of functions never meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.autograd import forward_ad

from .numpy_blocks import Operands

__all__ = ["Step", "Sums", "are_plain", "call", "is_transforming"]

# Not public, yet what autograd.Function itself asks; without it there is no step.
is_transforming: Callable[[], bool] = getattr(
    torch._C, "_are_functorch_transforms_active", lambda: True
)


Tensors = tuple[Any, ...]


class Step(Protocol):
    """A function of tensors by name, and its gradients."""

    @property
    def variables(self) -> Set[str]:
        """What gradients are known by."""
        ...

    @property
    def formula(self) -> Callable[..., Any]:
        """`(**operands)` to the value, by operations that autograd knows."""
        ...

    def forward(
        self, operands: Operands, names: Sequence[str], /
    ) -> tuple[Any, Tensors]:
        """Return the value, and what else is kept for gradients by some operands."""
        ...

    def backward(
        self, operands: Operands, names: Sequence[str], kept: Tensors, gradient: Any, /
    ) -> dict[str, Any]:
        """Return the gradients by some operands, given that of the value."""
        ...


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums over some axes of a function of the elements of two tensors."""

    value: Callable[..., Any]
    """of both and the axes, to the sums"""
    slopes: Sequence[Callable[..., Any]]
    """of both, to the derivative of each element by either"""
    sums: Callable[..., Any]
    """as `value`, by operations that autograd knows"""
    axes: tuple[int, ...]
    variables: Set[str] = frozenset(("pred", "target"))

    def formula(self, **operands: Any) -> Any:
        """Return the sums by operations that autograd knows."""
        return self.sums(*operands.values(), self.axes)

    def forward(self, operands: Operands, _: Sequence[str], /) -> tuple[Any, Tensors]:
        """Return the sums."""
        return self.value(*operands.values(), self.axes), ()

    def backward(
        self, operands: Operands, names: Sequence[str], _: Tensors, gradient: Any, /
    ) -> dict[str, Any]:
        """Return the slopes times the gradients of their sums."""
        ndim = operands["pred"].ndim
        for axis in sorted(axis % ndim for axis in self.axes):
            gradient = gradient.unsqueeze(axis)
        slopes = dict(zip(operands, self.slopes, strict=True))
        return {name: gradient * slopes[name](*operands.values()) for name in names}


def are_plain(operands: Operands) -> bool:
    """Whether these are plain tensors in a processor's memory, called eagerly."""
    return not is_transforming() and all(map(_is_plain, operands.values()))


def _is_plain(x: Any) -> bool:
    # A subclass may give its operators another meaning, and a dual number has a
    # tangent, which no step may lose.
    return (
        type(x) in (torch.Tensor, torch.nn.Parameter)
        and x.device.type == "cpu"
        and x.layout is torch.strided
        and _unpack_dual(x).tangent is None
    )


def call(step: Step, operands: Operands) -> Any:
    """Return the value of a step of plain tensors, to be differentiated or not."""
    names = [name for name, x in operands.items() if x.requires_grad]
    if not (names and torch.is_grad_enabled()):
        return step.forward(operands, ())[0]
    if not step.variables >= set(names):
        return step.formula(**operands)
    return _apply(step, names, list(operands), *operands.values())


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.step, ctx.variables, ctx.names, *tensors = args
        operands = dict(zip(ctx.names, tensors, strict=True))
        value, kept = ctx.step.forward(operands, ctx.variables)
        ctx.save_for_backward(*tensors, *kept)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        saved = iter(ctx.saved_tensors)
        operands = {name: next(saved) for name in ctx.names}
        kept = tuple(saved)
        if torch.is_grad_enabled() or is_transforming():
            found = _by_formula(ctx.step.formula, operands, ctx.variables, *gradients)
        else:
            found = ctx.step.backward(operands, ctx.variables, kept, *gradients)
        return None, None, None, *(found.get(name) for name in ctx.names)


def _by_formula(
    formula: Callable[..., Any],
    operands: Operands,
    names: Sequence[str],
    gradient: Any,
) -> dict[str, Any]:
    """Return gradients that can be differentiated in their turn."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = [operands[name] for name in names]
        value = formula(**operands)
        found = torch.autograd.grad(value, inputs, gradient, create_graph=create_graph)
    return dict(zip(names, found, strict=True))


# Neither has types.
_unpack_dual: Callable[[Any], Any] = forward_ad.unpack_dual
_apply: Callable[..., Any] = _Function.apply
