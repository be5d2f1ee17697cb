"""Checks of arguments: each message says what was wanted, what came, what to do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from .namespace import is_array
from .typing import Namespace

__all__ = [
    "arrays_among",
    "check_axes",
    "check_broadcast",
    "check_channels",
    "check_class_weights",
    "check_mask",
    "check_planes",
    "check_reduction",
    "check_same_shape",
    "choice",
    "floats",
    "is_number",
    "not_negative",
    "number",
    "odd_size",
    "option",
    "positive",
    "refuse_size_average",
    "whole_number",
]


def check_reduction(function: str, reduction: object) -> str:
    """Return the reduction's name; `None` stands for "none"."""
    if reduction is None:
        return "none"
    if isinstance(reduction, str) and reduction in ("none", "mean", "sum"):
        return reduction
    kind = ValueError if isinstance(reduction, str) else TypeError
    msg = f"{function}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}"
    raise kind(msg)


def refuse_size_average(
    function: str, reduction: object, position: str = "third"
) -> None:
    """Refuse what torch takes as `size_average` at this position."""
    if reduction is None or isinstance(reduction, bool):
        msg = (
            f"{function}: the {position} argument is reduction ('none', 'mean' or "
            f"'sum'), got {reduction!r}; torch's deprecated size_average is not taken"
        )
        raise TypeError(msg)


def check_same_shape(function: str, arrays: Mapping[str, Any]) -> None:
    """Refuse arrays of unequal shapes: nothing is broadcast silently."""
    first, *others = arrays.values()
    for other in others:  # half the time of `any`
        if other.shape == first.shape:
            continue
        came = ", ".join(f"{name}: {tuple(x.shape)}" for name, x in arrays.items())
        remedy = "compute_chunk_sizes of" if "nan" in came else "broadcast"
        msg = f"{function}: shapes must be equal, got {came}; {remedy} them first"
        raise ValueError(msg)


def check_broadcast(
    function: str, name: str, array: Any, shape: tuple[int, ...]
) -> None:
    """Refuse an array that does not broadcast to `shape` as it stands."""
    own = tuple(array.shape)
    fits = len(own) <= len(shape) and all(
        a in (1, b) for a, b in zip(reversed(own), reversed(shape), strict=False)
    )
    if not fits:
        msg = (
            f"{function}: {name} must broadcast to the shape of the loss, "
            f"{tuple(shape)}, got {own}; one weight per image comes as (B, 1, 1, 1)"
        )
        raise ValueError(msg)


def check_axes(function: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Check one axis or several, None for all, and return them counted from 0."""
    axes = range(ndim) if axis is None else axis
    if not isinstance(axes, (tuple, list, range)):
        axes = (axes,)
    try:
        given = [operator.index(a) for a in axes]
    except TypeError:
        given = None
    if given is None or any(isinstance(a, bool) for a in axes):
        came = f"{type(axis).__name__} {axis!r}"
        msg = f"{function}: axis must be an int, a tuple of ints or None, got {came}"
        raise TypeError(msg)
    counted = tuple(a + ndim if a < 0 else a for a in given)
    fits = all(0 <= a < ndim for a in counted)
    if not fits or not counted or len(set(counted)) != len(counted):
        msg = (
            f"{function}: axis must name one or more different axes of {ndim}, "
            f"got {axis}"
        )
        raise ValueError(msg)
    return counted


def check_mask(function: str, xp: Namespace, where: Any) -> None:
    """Refuse a mask that is not boolean: a 0/1 array is an index to some libraries."""
    if not xp.isdtype(where.dtype, "bool"):
        msg = (
            f"{function}: where must be a boolean mask, got dtype {where.dtype}; "
            "compare it (where > 0), or pass weights as sample_weight"
        )
        raise ValueError(msg)


def check_planes(
    function: str, arrays: Mapping[str, Any], counts: Collection[int]
) -> None:
    """Refuse images that are not (B, C, *) with as many spatial axes as allowed."""
    names = {1: "one", 2: "two", 3: "three"}
    wanted = " or ".join(names[count] for count in counts)
    for name, array in arrays.items():
        if array.ndim - 2 not in counts:
            msg = (
                f"{function}: {name} must have shape (B, C, *) with {wanted} spatial "
                f"axes, got {tuple(array.shape)}; reshape it, for example with a batch "
                "or channel axis of length 1"
            )
            raise ValueError(msg)


def check_channels(function: str, arrays: Mapping[str, Any]) -> None:
    """Refuse images (B, C, *) without a channel, where channels are averaged."""
    name, image = next(iter(arrays.items()))
    if image.shape[1] == 0:
        came = tuple(image.shape)
        msg = f"{function}: {name} must have at least one channel, got shape {came}"
        raise ValueError(msg)


def check_class_weights(function: str, name: str, weight: Any, classes: int) -> None:
    """Refuse weights that are not one for each class."""
    if tuple(weight.shape) != (classes,):
        msg = (
            f"{function}: {name} must have shape ({classes},), one weight for each "
            f"class, got {tuple(weight.shape)}"
        )
        raise ValueError(msg)


def odd_size(function: str, name: str, value: Any) -> int:
    """Check the size of a window, an odd number of pixels."""
    size = _integer(function, name, value, "an odd number of pixels")
    if size < 1 or size % 2 == 0:
        msg = f"{function}: {name} must be odd and at least 1, got {size}"
        raise ValueError(msg)
    return size


def whole_number(function: str, name: str, value: Any, least: int) -> int:
    """Check an option that is an integer, of any library's type."""
    count = _integer(function, name, value, "an integer")
    if count < least:
        msg = f"{function}: {name} must be at least {least}, got {count}"
        raise ValueError(msg)
    return count


def _integer(function: str, name: str, value: Any, expected: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        came = type(value).__name__
        msg = f"{function}: {name} must be {expected}, got a {came}"
        raise TypeError(msg)
    return number


def choice(function: str, name: str, value: object, allowed: Collection[str]) -> str:
    """Check an option that is one of a few words."""
    if isinstance(value, str) and value in allowed:
        return value
    kind = ValueError if isinstance(value, str) else TypeError
    words = " or ".join(repr(word) for word in allowed)
    msg = f"{function}: {name} must be {words}, got {value!r}"
    raise kind(msg)


def floats(
    function: str,
    name: str,
    values: Any,
    valid: Callable[[Any], Any],
    expected: str,
    count: int | None = None,
) -> tuple[float, ...]:
    """Check an option that is a tuple of numbers, of any length but 0 or of `count`."""
    if not isinstance(values, (tuple, list)):
        came = type(values).__name__
        msg = f"{function}: {name} must be a tuple of numbers, got {came}"
        raise TypeError(msg)
    if len(values) != (count or len(values) or 1):
        wanted = count or "one or more"
        msg = f"{function}: {name} must be {wanted} numbers, got {len(values)}"
        raise ValueError(msg)
    for value in values:
        if not (is_number(value) or _is_numpy_number(value)):
            came = type(value).__name__
            msg = f"{function}: {name} must be a tuple of numbers, got a {came} in it"
            raise TypeError(msg)
        if not valid(value):
            msg = f"{function}: every number of {name} must be {expected}, got {value}"
            raise ValueError(msg)
    return tuple(float(value) for value in values)


def is_number(value: object) -> bool:
    """Whether an option is a plain number, not an array nor a tracer."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def arrays_among(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are arrays rather than numbers."""
    return {name: value for name, value in options.items() if not is_number(value)}


def positive(function: str, name: str, value: Any) -> Any:
    """Check an option that must be one number above 0."""
    return number(function, name, value, lambda v: v > 0, "positive")


def not_negative(function: str, name: str, value: Any) -> Any:
    """Check an option that must be one number of at least 0."""
    return number(function, name, value, lambda v: v >= 0, "at least 0")


def number(
    function: str, name: str, value: Any, valid: Callable[[Any], Any], expected: str
) -> Any:
    """Check an option that must be one number; a 0-d array may be a traced one."""
    if type(value) is float and valid(value):  # what it nearly always is
        return value
    value = option(function, name, value, valid, expected)
    if not is_number(value) and value.ndim:
        msg = f"{function}: {name} must be one number, got shape {tuple(value.shape)}"
        raise ValueError(msg)
    return value


def option(
    function: str, name: str, value: Any, valid: Callable[[Any], Any], expected: str
) -> Any:
    """Check a real option and return it as a Python float or as the array it is.

    NumPy's values are at hand and checked; those of another library's array may
    be traced or on a device, and pass.
    """
    if type(value) is float and valid(value):  # what it nearly always is
        return value
    if _is_numpy_number(value):
        value = float(value)
    if is_number(value):
        # The comparison refuses NaN too: math.isnan would break fullgraph once
        # Dynamo has made the float dynamic.
        if not valid(value):
            msg = f"{function}: {name} must be {expected}, got {value}"
            raise ValueError(msg)
        return _to_float(function, name, value)
    if not is_array(value):
        came = type(value).__name__
        msg = f"{function}: {name} must be a number or an array of numbers, got {came}"
        raise TypeError(msg)
    if isinstance(value, np.ndarray) and not np.all(valid(value)):
        worst = value[np.logical_not(valid(value))].flat[0]
        msg = f"{function}: {name} must be {expected} everywhere, got {worst}"
        raise ValueError(msg)
    return value


def _is_numpy_number(value: object) -> bool:
    """Whether this is one real number of NumPy, as a scalar or a 0-d array."""
    return (
        isinstance(value, (np.ndarray, np.generic))
        and not isinstance(value, np.ma.MaskedArray)
        and value.ndim == 0
        and value.dtype.kind in "fiu"
    )


def _to_float(function: str, name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        msg = f"{function}: {name} must be a number that float64 can hold"
        raise ValueError(msg) from None
