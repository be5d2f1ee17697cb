"""One driver for every elementwise loss: checks, promotion, weights, reduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from .checks import (
    check_broadcast,
    check_mask,
    check_reduction,
    check_same_shape,
    is_number,
)
from .elementwise import Call, Probe
from .namespace import as_operand, cast, in_range, is_numpy, resolve
from .numpy_blocks import reduce_in_blocks
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
    if any(isinstance(x, Probe) for x in arrays.values()):
        keywords = {
            **options,
            "where": where,
            "sample_weight": sample_weight,
            "weight": weight,
            "weight_counts": weight_counts,
            "weight_broadcasts": weight_broadcasts,
        }
        probed = {name: getattr(x, "array", x) for name, x in arrays.items()}
        call: Any = Call(function, kernel, probed, reduction, keywords)
        return call  # type: ignore[no-any-return]
    numbers: dict[str, float] = {}
    extra: dict[str, Any] = {}
    for name, value in options.items():
        (numbers if is_number(value) else extra)[name] = value
    weights = ("where", where), ("sample_weight", sample_weight), ("weight", weight)
    extra |= {name: x for name, x in weights if x is not None}
    xp, dtype, compute = resolve(function, arrays, extra)
    _check_shapes(function, xp, arrays, extra, weight_broadcasts)

    pred, target = arrays.values()
    operands = {"pred": pred, "target": target, **extra}
    dtypes = {name: xp.bool if name == "where" else compute for name in operands}
    numbers = {name: in_range(xp, x, compute) for name, x in numbers.items()}
    loss_of = partial(_of_residual, kernel) if isinstance(kernel, Kernel) else kernel
    evaluate = partial(_evaluate, xp, loss_of, weight_counts, **numbers)
    loss: Any
    if is_numpy(xp):
        loss = reduce_in_blocks(evaluate, operands, dtypes, reduction, dtype)
    else:
        for name, x in operands.items():
            operands[name] = as_operand(xp, x, dtypes[name], pred.ndim)
        loss = cast(xp, reduce(xp, *evaluate(**operands), reduction), dtype)
    result: ArrayT = loss
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


def _evaluate(
    xp: Namespace,
    loss_of: Pairwise,
    weight_counts: bool,
    *,
    pred: Any,
    target: Any,
    where: Any = None,
    sample_weight: Any = None,
    weight: Any = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Return the weighted loss, and the weights that `mean` divides by or `None`."""
    loss, where = loss_of(xp, pred, target, where, **options)
    loss, counted = weigh(xp, loss, where, sample_weight)
    if weight is not None:
        weight = mask_weights(xp, where, weight)
        loss = weight * loss
        if weight_counts:
            # the weights of a mask are 0 outside already
            counted = weight if sample_weight is None else counted * weight
    return loss, counted


def _of_residual(
    kernel: Kernel,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    *,
    scale: Any = 1.0,
    **options: Any,
) -> tuple[Any, Any]:
    residual = pred - target
    if where is not None:
        # Before the kernel, so that NaN and inf meet neither value nor gradient.
        residual = xp.where(where, residual, 0.0)
        scale = _mask_option(xp, where, scale)
        options = {k: _mask_option(xp, where, v) for k, v in options.items()}
    if not is_number(scale) or scale != 1.0:
        residual = residual / scale
    return kernel.rho(xp, residual, **options), where


def _mask_option(xp: Namespace, where: Any, value: Any) -> Any:
    return value if is_number(value) else xp.where(where, value, 1.0)
