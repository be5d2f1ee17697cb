"""One driver for losses of labelled pixels: checks, promotion, weights, reduction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from .checks import (
    arrays_among,
    check_broadcast,
    check_class_weights,
    check_mask,
    check_reduction,
)
from .labels import Labels, check_ignore_index, read_labels, resolve_labelled
from .namespace import (
    as_option,
    cast,
    is_eager_torch,
    is_numpy,
    over_numpy,
    scalar,
)
from .numerics import largest_index
from .numpy_blocks import Operands, reduce_blocks
from .numpy_strips import strips
from .recording import by_tape, plain_all, record_blocks, tape_of, varying
from .reduction import reduce
from .typing import ArrayT, Namespace

__all__ = ["Term", "labelled"]

LARGE = 1024 * 1024
"""logits: below, whole torch tensors are in the cache"""

Term = Callable[..., tuple[Any, Any]]
"""`(xp, logits, labels, target, **options)` to the loss of every pixel, (B, 1, *), and
the weights that `mean` divides by beside those of the call, or None.

`target` holds probabilities, 0 where nothing counts, and `labels` are those of the
largest logits; or it is None, and the labels are the target. The loss is 0 where
`labels.counted` is False, and NaN where `labels.wrong` is True.
"""


def labelled(
    function: str,
    term: Term,
    arrays: Mapping[str, ArrayT],
    reduction: str | None,
    *,
    ignore_index: int | None,
    weight: Any = None,
    where: Any = None,
    sample_weight: Any = None,
    per_class: bool = False,
    soft: bool = False,
    **options: Any,
) -> ArrayT:
    """Return the loss of logits (B, C, *) and their target, weighted and reduced.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    term
        The loss of every pixel.
    arrays
        Logits and target by their names in the public function.
    reduction, ignore_index, where, sample_weight
        As the public function takes them.
    weight
        One weight for each class, an option of `term`.
    per_class
        Whether the unreduced loss is (B, C, *), 0 off the class of the label.
    soft
        Whether the target may hold probabilities, and the batch axis may be missing.
    options
        Of `term`: checked floats, 0-d arrays, or None.
    """
    reduction = check_reduction(function, reduction)
    ignore_index = check_ignore_index(function, ignore_index)
    options = {name: value for name, value in options.items() if value is not None}
    weights = {"weight": weight, "where": where, "sample_weight": sample_weight}
    weights = {name: x for name, x in weights.items() if x is not None}
    extra = {**arrays_among(options), **weights}
    resolved = resolve_labelled(function, arrays, extra, soft, unbatched=soft)
    xp, dtype, compute, has_labels, logits, target = resolved
    shape = logits.shape if per_class else (logits.shape[0], 1, *logits.shape[2:])
    unreduced = _unreduced(next(iter(arrays.values())), per_class)
    options = {name: as_option(xp, x, compute) for name, x in options.items()}
    operands: Operands = {"logits": logits, "target": target}
    for name, x in weights.items():
        if name == "weight":
            check_class_weights(function, name, x, logits.shape[1])
            shape_of_weight = (1, -1, *(1,) * (logits.ndim - 2))
            options[name] = cast(xp, xp.reshape(x, shape_of_weight), compute)
            continue
        if name == "where":
            check_mask(function, xp, x)
        check_broadcast(function, name, x, unreduced)
        operands[name] = _beside_classes(xp, x, len(unreduced), per_class)

    read: Any = None
    if has_labels:
        name = list(arrays)[1]
        read = partial(read_labels, function, name, ignore_index=ignore_index)
    evaluate = partial(_evaluate, term, read, per_class)
    dtypes = dict.fromkeys(operands, compute)
    if has_labels:
        dtypes["target"] = target.dtype
    if where is not None:
        dtypes["where"] = xp.bool
    reduced = reduction != "none"
    tape = tape_of({**operands, **options})
    variables = varying({**operands, **options})
    in_blocks = variables.keys() <= {"logits", "target"} and (reduced or not variables)
    loss: Any
    if over_numpy(xp) and in_blocks:
        evaluate = partial(evaluate, not reduced, plain_all(tape, options))
        out = None if reduced else np.empty(shape, dtype)
        cut = partial(_blocks, dtypes)
        how = plain_all(tape, operands), cut, reduction, dtype, out
        if variables:
            run = by_tape(tape, evaluate, np.copyto)
            loss = record_blocks(tape, variables, run, *how, count=None)
        else:
            loss = reduce_blocks(partial(evaluate, tape.xp if tape else xp), *how)
    else:
        of_block = partial(evaluate, not reduced, options, xp)
        whole = partial(_whole, of_block, xp, dtypes, reduction, dtype)
        if reduced and is_eager_torch(xp) and logits.numel() >= LARGE:
            loss = _in_torch_blocks(
                operands, options, of_block, whole, dtypes, reduction, dtype
            )
        else:
            loss = whole(**operands)
    if reduction == "none":
        loss = xp.reshape(loss, unreduced)
    result: ArrayT = loss if unreduced else scalar(xp, loss)
    return result


def _whole(
    evaluate: Callable[..., Any],
    xp: Namespace,
    dtypes: Mapping[str, Any],
    reduction: str,
    result: Any,
    **operands: Any,
) -> Any:
    """Return the loss by operations over whole arrays."""
    operands = {name: cast(xp, x, dtypes[name]) for name, x in operands.items()}
    loss, counted = evaluate(**operands)
    return cast(xp, reduce(xp, loss, counted, reduction), result)


def _in_torch_blocks(
    operands: Operands,
    options: Mapping[str, Any],
    evaluate: Callable[..., Any],
    whole: Callable[..., Any],
    dtypes: Mapping[str, Any],
    reduction: str,
    result: Any,
) -> Any:
    """Return the reduced loss of torch tensors block by block, where that can be."""
    from . import torch_blocks, torch_step  # need torch

    arrays = arrays_among(options)
    if any(x.requires_grad for x in arrays.values()) or not torch_step.are_plain(
        {**operands, **arrays}
    ):
        return whole(**operands)
    blocks = torch_blocks.TorchSlopes(
        evaluate,
        whole,
        partial(torch_blocks.pixel_blocks, dtypes),
        reduction,
        result,
        {"logits", "target"},
    )
    return torch_step.call(blocks, operands)


def _unreduced(logits: Any, per_class: bool) -> tuple[Any, ...]:
    """Return the shape of the unreduced loss: (B, C, *), or without the class axis."""
    shape = tuple(logits.shape)
    if per_class:
        return shape
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def _beside_classes(xp: Namespace, x: Any, ndim: int, per_class: bool) -> Any:
    """Return weights of the unreduced loss in the rank of logits (B, C, *)."""
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    if not per_class:
        shape = (*shape[:1], 1, *shape[1:]) if shape else (1, 1)
    return xp.reshape(x, shape)


def _evaluate(
    term: Term,
    read: Callable[..., Labels] | None,
    per_class: bool,
    unreduced: bool,
    options: Mapping[str, Any],
    xp: Namespace,
    *,
    logits: Any,
    target: Any,
    where: Any = None,
    sample_weight: Any = None,
) -> tuple[Any, Any]:
    """Return the weighted loss, and the weights that `mean` divides by.

    Both are (B, 1, *), unless an unreduced loss is spread over the classes.
    """
    if read is not None:
        labels = read(xp, target, logits.shape[1], where=where)
        target = None
    else:
        labels = _largest(xp, logits)
    mask = labels.counted
    if where is not None:
        mask = mask & where
        labels = labels.among(_at_label(xp, labels, where))
    if target is not None:
        target = xp.where(labels.counted, target, 0.0)
    loss, counts = term(xp, logits, labels, target, **options)

    # The weight of every element of the unreduced loss: (B, 1, *) where it is the
    # same for all classes, as it nearly always is, (B, C, *) where it is not.
    if sample_weight is None:
        weights = cast(xp, mask, loss.dtype)
    else:
        weights = xp.where(mask, sample_weight, 0.0)
        loss = loss * _of_label(xp, labels, weights)
    if per_class and unreduced:
        return _spread(xp, labels, loss, where), None
    if weights.shape[1] > 1:
        weights = xp.sum(weights, axis=1, keepdims=True)
    elif per_class:
        weights = weights * logits.shape[1]
    return loss, weights if counts is None else weights * counts


def _spread(xp: Namespace, labels: Labels, loss: Any, where: Any) -> Any:
    """Return the loss (B, C, *) in the place of its class, and 0 beside it."""
    if is_numpy(xp) and where is None:  # half the time of a choice
        shape = (loss.shape[0], labels.num_classes, *loss.shape[2:])
        spread = np.zeros(shape, loss.dtype)
        np.put_along_axis(spread, labels.index, loss, axis=1)
        return spread
    elements = _elements(xp, labels)
    return xp.where(elements if where is None else elements & where, loss, 0.0)


def _elements(xp: Namespace, labels: Labels) -> Any:
    """Return the mask (B, C, *) of the element of each label, all for a wrong one."""
    classes = labels.classes(xp)
    return classes if labels.wrong is None else classes | labels.wrong


def _at_label(xp: Namespace, labels: Labels, where: Any) -> Any:
    """Return the mask of the element of each label, (B, 1, *)."""
    if where.shape[1] == 1:
        return where
    return xp.any(_elements(xp, labels) & where, axis=1, keepdims=True)


def _of_label(xp: Namespace, labels: Labels, weights: Any) -> Any:
    """Return the weight of the element of each label, (B, 1, *)."""
    if weights.shape[1] == 1:
        return weights
    return xp.sum(xp.where(labels.classes(xp), weights, 0.0), axis=1, keepdims=True)


def _largest(xp: Namespace, logits: Any) -> Labels:
    """Return the labels of the largest logits, of which -log p is the least."""
    best = largest_index(xp, logits, axis=1)
    counted = xp.ones_like(best, dtype=xp.bool)
    return Labels(best, counted, None, logits.shape[1])


def _blocks(
    dtypes: Mapping[str, Any], operands: Operands, outs: Operands
) -> Iterator[tuple[Operands, Operands]]:
    """Yield strips of the operands with all classes, and their parts of the outputs."""
    shape = operands["logits"].shape
    for strip in strips(shape, 0, None, whole_channels=True):
        block: Operands = {}
        for name, x in operands.items():
            index = strip.images
            if x.ndim < len(shape):  # labels
                index = index[:1] + index[2:]
            else:
                x = np.broadcast_to(x, (shape[0], x.shape[1], *shape[2:]))
            block[name] = cast(np, x[index], dtypes[name])
        yield block, {name: out[strip.images] for name, out in outs.items()}
