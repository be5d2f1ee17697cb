"""One driver for every elementwise loss: checks, promotion, weights, reduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .checks import (
    check_broadcast,
    check_mask,
    check_reduction,
    check_same_shape,
    is_number,
)
from .elementwise import Call, Probe
from .namespace import as_operand, cast, in_range, is_numpy, resolve
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

__all__ = ["Kernel", "Pairwise", "pointwise"]

Pairwise = Callable[..., tuple[Any, Any]]
"""An elementwise loss that is no function of the residual.

`(xp, pred, target, where, **options)` to the loss, 0 where excluded, and the mask of
what counts, narrower or None as it came.
"""


class Kernel(NamedTuple):
    """An elementwise loss as functions of the residual.

    Both take `(xp, residual, **options)` and are 0 at residual 0, which is what an
    excluded element is given. They use functions of the standard alone, so that a
    tracer, a tape or another library runs them unchanged.
    """

    rho: Callable[..., Any]
    """the loss"""
    psi: Callable[..., Any]
    """its derivative with respect to the residual, 0 at a kink"""
    derivatives: Callable[..., tuple[Any, Any, Any]] | None = None
    """of a loss that is smooth in z = residual²: `(xp, z, **options)` to its first and
    second derivatives in z, and the second one in the residual"""


def pointwise(
    function: str,
    kernel: Kernel | Pairwise,
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
    weights = {"where": where, "sample_weight": sample_weight, "weight": weight}
    if isinstance(pred, Probe) or isinstance(target, Probe):
        counts = {
            "weight_counts": weight_counts,
            "weight_broadcasts": weight_broadcasts,
        }
        keywords = {**options, **weights, **counts}
        call: Any = Call(function, kernel, arrays, reduction, keywords)
        return call
    numbers: dict[str, float] = {}
    extra = {name: x for name, x in weights.items() if x is not None}
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

    dtypes = {name: xp.bool if name == "where" else compute for name in operands}
    numbers = {name: in_range(xp, x, compute) for name, x in numbers.items()}
    evaluate: Callable[..., Any] = partial(_evaluate, weight_counts, numbers)
    variables = {} if tape is None else varying(traced)
    loss: Any
    if is_numpy(xp) and variables.keys() <= {"pred", "target"}:
        cut, out = partial(elementwise_blocks, dtypes), None
        if reduction == "none":
            out = np.empty_like(operands["pred"], dtype, subok=False)
        how = operands, cut, reduction, dtype, out
        if variables:
            run = _differentiable(kernel, evaluate, tape)
            count = _count(kernel, operands, weight_counts)
            loss = record_blocks(tape, variables, run, *how, count=count)
        else:
            loss = reduce_blocks(partial(evaluate, _term(kernel), xp), *how)
    else:
        if tape is not None:
            xp, operands = tape.namespace, traced_all(tape, traced)
        ndim = operands["pred"].ndim
        for name, x in operands.items():
            operands[name] = as_operand(xp, x, dtypes[name], ndim)
        loss, counted = evaluate(_term(kernel), xp, **operands)
        loss = cast(xp, reduce(xp, loss, counted, reduction), dtype)
    result: ArrayT = loss
    return result


def _count(
    kernel: Kernel | Pairwise, operands: Operands, weight_counts: bool
) -> int | None:
    """Return the number of elements, where `mean` divides by no less."""
    weights = {"where", "sample_weight", *(["weight"] if weight_counts else [])}
    if weights & operands.keys() or not isinstance(kernel, Kernel):
        return None  # a pair may be ignored
    size: int = operands["pred"].size
    return size


def _term(kernel: Kernel | Pairwise) -> Pairwise:
    return partial(_of_residual, kernel) if isinstance(kernel, Kernel) else kernel


def _differentiable(
    kernel: Kernel | Pairwise, evaluate: Callable[..., Any], tape: Any
) -> Differentiate:
    """Return the loss of a block with its slopes, known or found by a tape."""
    if not isinstance(kernel, Kernel):
        return by_tape(tape, partial(evaluate, kernel), np.copyto)
    loss_of = partial(evaluate, _term(kernel), tape.xp)
    slope_of = partial(evaluate, partial(_slope, kernel), tape.xp)
    return partial(_with_slope, loss_of, slope_of)


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


def _evaluate(
    weight_counts: bool,
    numbers: Mapping[str, float],
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
    """Return the weighted loss, and the weights that `mean` divides by or `None`."""
    loss, where = term(xp, pred, target, where, **numbers, **options)
    loss, counted = weigh(xp, loss, where, sample_weight)
    if weight is not None:
        weight = mask_weights(xp, where, weight)
        loss = weight * loss
        if weight_counts:
            # the weights of a mask are 0 outside already
            counted = weight if sample_weight is None else counted * weight
    return loss, counted


def _with_slope(
    loss_of: Callable[..., tuple[Any, Any]],
    slope_of: Callable[..., tuple[Any, Any]],
    parts: Operands,
    factor: float,
    **block: Any,
) -> tuple[Any, Any]:
    """Return the loss and its weights, and store its slopes times a factor."""
    block["pred"], block["target"] = block["pred"] - block["target"], None
    loss, weights = loss_of(**block)
    slope, _ = slope_of(**block)
    for name, part in parts.items():
        np.multiply(slope, factor if name == "pred" else -factor, out=part)
    return loss, weights


def _of_residual(
    kernel: Kernel,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    **options: Any,
) -> tuple[Any, Any]:
    residual, _, options = _scaled(xp, pred, target, where, **options)
    tape = tape_of({"residual": residual})
    if tape is None or varying(options):
        return kernel.rho(xp, residual, **options), where
    x, options = tape.unwrap(residual), plain_all(tape, options)
    loss = kernel.rho(tape.xp, x, **options)

    def backward(g: Any) -> list[Any]:
        return [g * kernel.psi(tape.xp, x, **options)]

    return tape.record(loss, [residual], backward), where


def _slope(
    kernel: Kernel,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    **options: Any,
) -> tuple[Any, Any]:
    residual, scale, options = _scaled(xp, pred, target, where, **options)
    slope = kernel.psi(xp, residual, **options)
    return slope if _is_one(scale) else slope / scale, where


def _scaled(
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    *,
    scale: Any = 1.0,
    **options: Any,
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the residual in units of the scale, the scale, and the other options."""
    residual = pred if target is None else pred - target  # of both at once
    if where is not None:
        # Before the kernel, so that NaN and inf meet neither value nor gradient.
        residual = xp.where(where, residual, 0.0)
        scale = _mask_option(xp, where, scale)
        options = {k: _mask_option(xp, where, v) for k, v in options.items()}
    return residual if _is_one(scale) else residual / scale, scale, options


def _is_one(scale: Any) -> bool:
    return is_number(scale) and bool(scale == 1.0)


def _mask_option(xp: Namespace, where: Any, value: Any) -> Any:
    return value if is_number(value) else xp.where(where, value, 1.0)
