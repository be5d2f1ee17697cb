"""Labels of pixels: to masks of classes, with an ignored label and wrong ones."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .namespace import (
    beneath,
    cast,
    default_integer,
    indices,
    is_compiling,
    is_eager_torch,
    is_numpy,
    over_numpy,
    plain,
    resolve,
)
from .numerics import clip, in_rows, select
from .typing import Namespace
from .values import holds_anywhere

__all__ = [
    "LabelledArguments",
    "Labels",
    "check_ignore_index",
    "check_logits",
    "class_sums",
    "holds_labels",
    "own",
    "own_weight",
    "read_labels",
    "refuse_wrong",
    "resolve_labelled",
    "with_own",
]


class Labels(NamedTuple):
    """Labels (B, *) as a loss of logits (B, C, *) takes them: indices and masks."""

    index: Any
    """(B, 1, *): a class everywhere; that of the label where it counts and is right"""
    counted: Any
    """(B, 1, *): the label is not ignored"""
    wrong: Any
    """(B, 1, *): the label is neither a class nor ignored; None where none can be"""
    num_classes: int

    def wrong_samples(self, xp: Namespace) -> Any:
        """Return which samples have a wrong label, (B,), or None."""
        if self.wrong is None:
            return None
        rows = xp.reshape(
            self.wrong, (self.wrong.shape[0], math.prod(self.wrong.shape[1:]))
        )
        return xp.any(rows, axis=1)

    def among(self, where: Any) -> Labels:
        """Return the labels, ignored outside a mask (B, 1, *) too."""
        return self._replace(counted=self.counted & where)

    def classes(self, xp: Namespace) -> Any:
        """Return the mask (B, C, *) of the class of every label.

        Where a label does not count it is that of any class: to leave it out here, in
        all classes, would take torch's compiler three times as long as the whole loss.
        """
        return self.index == indices(xp, self.num_classes, self.index, axis=1)


def own(xp: Namespace, labels: Labels, x: Any) -> Any:
    """Return the element (B, 1, *) of x (B, C, *) at the class of the label.

    Where the label does not count it is that of any class, or 0.
    """
    if is_numpy(xp):
        return np.take_along_axis(x, labels.index, axis=1)
    if is_eager_torch(xp):  # a fifth of the time of a masked sum
        return x.gather(1, labels.index)
    return xp.sum(xp.where(labels.classes(xp), x, 0.0), axis=1, keepdims=True)


def with_own(xp: Namespace, labels: Labels, x: Any, value: Any) -> Any:
    """Return x (B, C, *) with another value, (B, 1, *), at the class of the label.

    Where the label does not count that of any class may have changed.
    """
    if is_numpy(xp):
        x = x.copy()
        np.put_along_axis(x, labels.index, value, axis=1)
        return x
    if is_eager_torch(xp):  # a third of the time of `where`
        return x.scatter(1, labels.index, value)
    return xp.where(labels.classes(xp), value, x)


def own_weight(xp: Namespace, labels: Labels, weight: Any) -> Any:
    """Return the weight (B, 1, *) of each label's class, of weights (1, C, 1, ...).

    Where the label does not count it is that of any class.
    """
    return xp.sum(select(xp, labels.classes(xp), weight), axis=1, keepdims=True)


def class_sums(xp: Namespace, labels: Labels, x: Any) -> Any:
    """Return the sums (B, C) of x (B, 1, *) over the pixels of every class.

    x is 0 where the label does not count.
    """
    if is_eager_torch(xp) and x.dtype == xp.float32:
        # a quarter of the time of masked sums, in float64 since it adds one by one
        rows = (x.shape[0], math.prod(x.shape[1:]))
        sums = x.new_zeros((x.shape[0], labels.num_classes), dtype=xp.float64)
        terms = x.reshape(rows).to(xp.float64)
        return sums.scatter_add(1, labels.index.reshape(rows), terms).to(x.dtype)
    spatial = tuple(range(2, x.ndim))
    return xp.sum(select(xp, labels.classes(xp), x), axis=spatial)


def read_labels(
    function: str,
    name: str,
    xp: Namespace,
    labels: Any,
    num_classes: int,
    ignore_index: int | None,
    where: Any = None,
) -> Labels:
    """Return labels (B, *) of any integer dtype as a loss takes them.

    No label is wrong outside a mask, (B, 1, *) or (B, C, *).

    Raises
    ------
    ValueError
        If a label is out of range, where the values may be looked at.
    """
    shape = (labels.shape[0], 1, *labels.shape[1:])
    unsigned = xp.isdtype(labels.dtype, ("unsigned integer", "bool"))
    # One signed dtype that holds every class: where it cannot hold a Python number,
    # torch and JAX wrap the number before they compare, and array-api-strict raises.
    given = xp.reshape(in_rows(xp, labels), shape)
    labels = cast(xp, given, default_integer(xp, labels))
    ignores = _may_match(xp, labels, ignore_index, unsigned)
    if is_compiling(xp):
        return _coded(xp, labels, num_classes, ignore_index if ignores else None, where)
    index = clip(xp, labels, 0, num_classes - 1)
    wrong = index != labels
    if ignores:
        counted = labels != ignore_index
        wrong = wrong & counted
    else:
        counted = xp.ones_like(labels, dtype=xp.bool)
    if where is not None:
        wrong = wrong & xp.any(where, axis=1, keepdims=True)
    expected = f"labels from 0 to {num_classes - 1}"
    given = labels if given.dtype == xp.bool else given
    refuse_wrong(function, name, xp, given, wrong, expected, ignore_index)
    return Labels(index, counted, None if over_numpy(xp) else wrong, num_classes)


IGNORED, WRONG = -1, -2  # in the place of a class, for a compiler


def _coded(
    xp: Namespace, labels: Any, num_classes: int, ignore_index: int | None, where: Any
) -> Labels:
    """Return labels as one number for each, that is no class where it is not one.

    For torch's compiler, which would store masks for backward, slowly. What are
    comparisons of one array of 32 bits it compares anew.
    """
    code = xp.where((labels >= 0) & (labels < num_classes), labels, WRONG)
    if ignore_index is not None:
        code = xp.where(labels == ignore_index, IGNORED, code)
    if where is not None:
        outside = (code == WRONG) & ~xp.any(where, axis=1, keepdims=True)
        code = xp.where(outside, IGNORED, code)
    code = cast(xp, code, xp.int32)
    return Labels(code, code != IGNORED, code == WRONG, num_classes)


def _may_match(
    xp: Namespace, labels: Any, ignore_index: int | None, unsigned: bool
) -> bool:
    """Whether labels of the default integer dtype can be the ignored one."""
    if ignore_index is None or (unsigned and ignore_index < 0):
        return False  # an unsigned label that became negative is too large
    limits = xp.iinfo(labels.dtype)
    return bool(limits.min <= ignore_index <= limits.max)


def refuse_wrong(
    function: str,
    name: str,
    xp: Namespace,
    values: Any,
    wrong: Any,
    expected: str,
    ignore_index: int | None,
) -> None:
    """Refuse targets that are wrong somewhere, where they may be looked at."""
    if not holds_anywhere(xp, wrong):
        return
    xp, values = beneath(xp, values)
    wrong = plain(wrong)
    low = xp.min(xp.where(wrong, values, xp.zeros_like(values)))
    high = xp.max(xp.where(wrong, values, xp.zeros_like(values)))
    came = float(low) if low < 0 else float(high)
    ignored = "" if ignore_index is None else f", or ignore_index = {ignore_index}"
    msg = f"{function}: {name} must hold {expected}{ignored}; got {came:g}"
    raise ValueError(msg)


def check_ignore_index(function: str, value: Any) -> int | None:
    """Check the label that does not count; None stands for no label."""
    if value is None:
        return None
    try:
        index = operator.index(value)
    except TypeError:
        index = None
    if index is None or isinstance(value, bool):
        came = f"{value!r}, a {type(value).__name__}"
        msg = f"{function}: ignore_index must be an integer label or None, got {came}"
        raise TypeError(msg)
    return index


class LabelledArguments(NamedTuple):
    """What the arguments of a loss of logits and their target have in common."""

    xp: Namespace
    dtype: Any
    """dtype of the result"""
    compute: Any
    """dtype that the loss is computed and accumulated in"""
    has_labels: bool
    """the target holds labels (B, *), not probabilities (B, C, *)"""
    logits: Any
    target: Any


def holds_labels(xp: Namespace, array: Any) -> bool:
    """Whether the dtype of an array is one of labels, not of probabilities."""
    return bool(xp.isdtype(array.dtype, ("integral", "bool")))


def resolve_labelled(
    function: str,
    arrays: Mapping[str, Any],
    extra: Mapping[str, Any],
    soft: bool,
    *,
    unbatched: bool = False,
    least_classes: int = 1,
) -> LabelledArguments:
    """Check logits, their target and further arrays, and find what they share.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    arrays
        Logits (B, C, *) and target by argument name.
    extra
        Further arrays by argument name.
    soft
        Whether the target may hold probabilities (B, C, *): any floats.
    unbatched
        Whether logits (C,) stand for a batch of one.
    least_classes
        How many classes there must be.
    """
    (logits_name, logits), (name, target) = arrays.items()
    first = {logits_name: logits}
    xp, dtype, compute = resolve(function, first, {name: target, **extra})
    least_axes = 1 if unbatched else 2
    check_logits(function, logits_name, logits, least_axes, least_classes)
    has_labels = holds_labels(xp, target)
    if has_labels:
        _check_label_shape(function, arrays)
    elif soft and tuple(target.shape) == tuple(logits.shape):
        xp, dtype, compute = resolve(function, arrays, extra)
    else:
        shape = tuple(logits.shape)
        also = f", or probabilities of the shape of {logits_name}, {shape}"
        msg = (
            f"{function}: {name} must hold integer labels, one for each pixel"
            f"{also if soft else ''}; got shape {tuple(target.shape)}, {target.dtype}"
        )
        raise ValueError(msg)
    if logits.ndim == 1:
        logits, target = xp.expand_dims(logits, axis=0), xp.expand_dims(target, axis=0)
    return LabelledArguments(xp, dtype, compute, has_labels, logits, target)


def check_logits(
    function: str, name: str, logits: Any, least_axes: int = 2, least_classes: int = 1
) -> None:
    """Refuse logits that are not (B, C, *), or have too few classes."""
    axis = min(logits.ndim, 2) - 1
    if logits.ndim >= least_axes and logits.shape[axis] >= least_classes:
        return
    wanted = "one class" if least_classes == 1 else f"{least_classes} classes"
    msg = (
        f"{function}: {name} must have shape (B, C, *), with at least {wanted} along "
        f"axis 1, got {tuple(logits.shape)}"
    )
    raise ValueError(msg)


def _check_label_shape(function: str, arrays: Mapping[str, Any]) -> None:
    """Refuse labels that are not (B, *) beside logits (B, C, *), or () beside (C,)."""
    (logits_name, logits), (name, labels) = arrays.items()
    shape = tuple(logits.shape)
    wanted = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if tuple(labels.shape) != wanted:
        msg = (
            f"{function}: {name} must have shape {wanted}, one label for each pixel of "
            f"{logits_name} {shape}, got {tuple(labels.shape)}"
        )
        raise ValueError(msg)
