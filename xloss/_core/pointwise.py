"""One driver for every elementwise loss: checks, promotion, weights, reduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .checks import (
    check_broadcast,
    check_mask,
    check_reduction,
    check_same_shape,
    is_number,
)
from .elementwise import WEIGHTS, Call, Probe
from .kernels import Kernel, Pair, Pairwise, loss_of, slope_of
from .namespace import as_operand, cast, in_range, is_eager_torch, is_numpy, resolve
from .numpy_blocks import Operands, elementwise_blocks, reduce_blocks
from .recording import (
    Differentiate,
    by_tape,
    plain_all,
    record_blocks,
    tape_of,
    traced_all,
    varying,
)
from .reduction import mask_weights, reduce, weigh
from .typing import ArrayT, Namespace

__all__ = ["pointwise"]

LARGE = 1024 * 1024
"""elements: below, whole torch tensors are in the cache"""


def pointwise(
    function: str,
    kernel: Kernel | Pair,
    arrays: Mapping[str, ArrayT],
    reduction: str | None,
    *,
    where: Any = None,
    sample_weight: Any = None,
    weight: Any = None,
    weight_counts: bool = True,
    weight_broadcasts: bool = False,
    **options: Any,
) -> ArrayT:
    """Return the loss of two arrays, element by element, weighted and reduced.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    kernel
        The loss of one residual, the first array minus the second, or of one pair.
    arrays
        Prediction and target by their names in the public function.
    reduction, where, sample_weight
        As the public function takes them.
    weight
        Elementwise weights of the shape of the prediction.
    weight_broadcasts
        Whether `weight` may have a shape that broadcasts to it.
    weight_counts
        Whether `mean` divides by the sum of `weight`; otherwise by the count.
    options
        The kernel's options and `scale`, which divides the residual: checked
        floats, or arrays that broadcast.
    """
    reduction = check_reduction(function, reduction)
    pred, target = arrays.values()
    weights = {}
    if where is not None or sample_weight is not None or weight is not None:
        weights = {"where": where, "sample_weight": sample_weight, "weight": weight}
        weights = {name: x for name, x in weights.items() if x is not None}
    if isinstance(pred, Probe) or isinstance(target, Probe):
        counts = {
            "weight_counts": weight_counts,
            "weight_broadcasts": weight_broadcasts,
        }
        keywords = {**options, **dict.fromkeys(WEIGHTS), **weights, **counts}
        call: Any = Call(function, kernel, arrays, reduction, keywords)
        return call
    numbers: dict[str, float] = {}
    extra = weights
    for name, value in options.items():
        (numbers if is_number(value) else extra)[name] = value
    operands: Operands = {"pred": pred, "target": target, **extra}
    traced, tape = operands, tape_of(operands)
    if tape is not None:
        operands = plain_all(tape, traced)
        arrays = dict(zip(arrays, operands.values(), strict=False))
        extra = {name: operands[name] for name in extra}
    xp, dtype, compute = resolve(function, arrays, extra)
    _check_shapes(function, xp, arrays, extra, weight_broadcasts)

    dtypes = dict.fromkeys(operands, compute)
    if where is not None:
        dtypes["where"] = xp.bool
    for name, x in numbers.items():
        numbers[name] = in_range(xp, x, compute)
    loss = _Loss(kernel, numbers, weight_counts, dtypes, reduction, dtype)
    variables = {} if tape is None else varying(traced)
    result: ArrayT
    if is_numpy(xp) and variables.keys() <= {"pred", "target"}:
        result = loss.on_numpy(xp, operands, tape, variables)
    elif tape is not None:
        result = loss.whole(tape.namespace, **traced_all(tape, traced))
    elif is_eager_torch(xp):
        result = loss.on_torch(xp, operands)
    else:
        result = loss.whole(xp, **operands)
    return result


def _check_shapes(
    function: str,
    xp: Namespace,
    arrays: Mapping[str, Any],
    extra: Mapping[str, Any],
    weight_broadcasts: bool,
) -> None:
    check_same_shape(function, arrays)
    for name, array in extra.items():
        if name == "where":
            check_mask(function, xp, array)
        if name == "weight" and not weight_broadcasts:
            check_same_shape(function, {**arrays, name: array})
        else:
            check_broadcast(function, name, array, next(iter(arrays.values())).shape)


@dataclass(eq=False, slots=True)  # frozen, it would take 2 microseconds to make
class _Loss:
    """An elementwise loss with its options, of operands that are checked."""

    kernel: Kernel | Pair
    numbers: Mapping[str, float]
    """the options that are no arrays"""
    weight_counts: bool
    dtypes: Operands
    """of the operands in the computation"""
    reduction: str
    result: Any
    """dtype of the result"""

    def whole(self, xp: Namespace, **operands: Any) -> Any:
        """Return it by operations over whole arrays."""
        ndim = operands["pred"].ndim
        for name, x in operands.items():
            operands[name] = as_operand(xp, x, self.dtypes[name], ndim)
        loss, counted = self.weighted(loss_of(self.kernel), xp, **operands)
        return cast(xp, reduce(xp, loss, counted, self.reduction), self.result)

    def on_numpy(
        self, xp: Namespace, operands: Operands, tape: Any, variables: Operands
    ) -> Any:
        """Return it of NumPy arrays, block by block."""
        cut, out = partial(elementwise_blocks, self.dtypes), None
        if self.reduction == "none":
            out = np.empty_like(operands["pred"], dtype=self.result, subok=False)
        how = operands, cut, self.reduction, self.result, out
        if variables:
            run, count = self._differentiate(tape, variables), self._count(operands)
            return record_blocks(tape, variables, run, *how, count=count)
        return reduce_blocks(partial(self.weighted, loss_of(self.kernel), xp), *how)

    def on_torch(self, xp: Namespace, operands: Operands) -> Any:
        """Return it of torch tensors, block by block where these are large."""
        slope = slope_of(self.kernel)
        if operands["pred"].numel() < LARGE or slope is None:
            return self.whole(xp, **operands)
        from . import torch_blocks, torch_step  # need torch

        if not torch_step.are_plain(operands):
            return self.whole(xp, **operands)
        blocks = torch_blocks.TorchBlocks(
            partial(self.weighted, loss_of(self.kernel), xp),
            partial(torch_blocks.by_slope, partial(self.weighted, slope, xp)),
            partial(self.whole, xp),
            partial(torch_blocks.broadcast_blocks, self.dtypes),
            self.reduction,
            self.result,
            self._known,
        )
        return torch_step.call(blocks, operands)

    @property
    def _known(self) -> set[str]:
        """What the slope gives the gradients by."""
        is_of_residual = isinstance(self.kernel, Kernel)
        return {"pred", "target"} if is_of_residual else {"pred"}

    def _differentiate(self, tape: Any, variables: Operands) -> Differentiate:
        """Return the loss of a block with its slopes, known or found by a tape."""
        loss, slope = loss_of(self.kernel), slope_of(self.kernel)
        if slope is None or not variables.keys() <= self._known:
            return by_tape(tape, partial(self.weighted, loss), np.copyto)
        value = partial(self.weighted, loss, tape.xp)
        slope = partial(self.weighted, slope, tape.xp)
        return partial(_with_slope, isinstance(self.kernel, Kernel), value, slope)

    def _count(self, operands: Operands) -> int | None:
        """Return the number of elements, where `mean` divides by no less."""
        weights = {
            "where",
            "sample_weight",
            *(["weight"] if self.weight_counts else []),
        }
        if weights & operands.keys() or not isinstance(self.kernel, Kernel):
            return None  # a pair may be ignored
        size: int = operands["pred"].size
        return size

    def weighted(
        self,
        term: Pairwise,
        xp: Namespace,
        *,
        pred: Any,
        target: Any,
        where: Any = None,
        sample_weight: Any = None,
        weight: Any = None,
        **options: Any,
    ) -> tuple[Any, Any]:
        """Return a weighted term, and the weights that `mean` divides by or `None`."""
        loss, where = term(xp, pred, target, where, **self.numbers, **options)
        loss, counted = weigh(xp, loss, where, sample_weight)
        if weight is not None:
            weight = mask_weights(xp, where, weight)
            loss = weight * loss
            if self.weight_counts:
                # the weights of a mask are 0 outside already
                counted = weight if sample_weight is None else counted * weight
        return loss, counted


def _with_slope(
    of_residual: bool,
    loss_of: Callable[..., tuple[Any, Any]],
    slope_of: Callable[..., tuple[Any, Any]],
    parts: Operands,
    factor: float,
    **block: Any,
) -> tuple[Any, Any]:
    """Return the loss and its weights, and store its slopes times a factor."""
    if of_residual:  # of both at once
        block["pred"], block["target"] = block["pred"] - block["target"], None
    loss, weights = loss_of(**block)
    slope, _ = slope_of(**block)
    for name, part in parts.items():
        np.multiply(slope, factor if name == "pred" else -factor, out=part)
    return loss, weights
