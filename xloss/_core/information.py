"""Mutual information of two signals, by their joint histogram."""

from __future__ import annotations

import math
from typing import Any

from .checks import (
    check_reduction,
    check_same_shape,
    is_number,
    positive,
    whole_number,
)
from .entropy import relative_entropy
from .histogram import Binning, MIKernel, joint_histogram
from .namespace import cast, quiet, resolve, scalar
from .numerics import detach
from .reduction import reduce
from .typing import Array, Namespace

__all__ = ["mutual_information"]


def _information(xp: Namespace, joint: Any, normalized: bool) -> Any:
    """Return the mutual information (L,) of joint histograms (L, X, Y)."""
    total = xp.sum(joint, axis=(1, 2), keepdims=True)
    p = joint / xp.where(total == 0, 1.0, total)
    independent = xp.sum(p, axis=1, keepdims=True) * xp.sum(p, axis=2, keepdims=True)
    empty = p == 0
    some = xp.where(empty, 1.0, p)
    information = relative_entropy(
        xp, xp.where(empty, 1.0, independent), some, axes=(1, 2)
    )
    # Both sum to 1: what rounding left of the difference would be of first order.
    information = information + detach(xp, xp.sum(independent - p, axis=(1, 2)))
    if not normalized:
        return information
    # (Hx + Hy)/Hxy; without any entropy, two constants, 1 as with one of them
    entropy = -xp.sum(p * xp.log(some), axis=(1, 2))
    return 1.0 + information / xp.where(entropy == 0, 1.0, entropy)


def mutual_information(
    function: str,
    signals: dict[str, Any],
    masks: dict[str, Any],
    kernel_function: Any,
    num_bins: Any,
    window_radius: Any,
    reduction: str | None,
    *,
    spatial: int,
    normalized: bool,
) -> Any:
    """Return the loss of two signals whose last axes are those of one signal."""
    reduction = check_reduction(function, reduction)
    binning = _check_binning(function, kernel_function, num_bins, window_radius)
    given = {name: mask for name, mask in masks.items() if mask is not None}
    xp, dtype, compute = resolve(function, signals, given)
    check_same_shape(function, signals)
    for name, signal in signals.items():
        _check_rank(function, name, signal, spatial)
    first = next(iter(signals.values()))
    lead, shape = tuple(first.shape[:-spatial]), tuple(first.shape[-spatial:])
    rows = math.prod(lead), math.prod(shape)
    flat = [xp.reshape(signal, rows) for signal in signals.values()]
    inside = [
        None if mask is None else _flat_mask(function, xp, name, mask, shape)
        for name, mask in masks.items()
    ]
    with quiet(xp):
        joint = joint_histogram(xp, flat, inside, binning, compute)
        loss = 0.0 - _information(xp, joint, normalized)  # not -0.0
        loss = reduce(xp, xp.reshape(loss, lead), None, reduction)
        return scalar(xp, cast(xp, loss, dtype))


def _check_binning(
    function: str, kernel: Any, num_bins: Any, window_radius: Any
) -> Binning:
    names = [member.value for member in MIKernel]
    known = isinstance(kernel, MIKernel) or (
        isinstance(kernel, str) and kernel in names
    )
    if not known:
        kind = ValueError if isinstance(kernel, str) else TypeError
        msg = (
            f"{function}: kernel_function must be a member of MIKernel "
            f"({', '.join(names)}), got {kernel!r}"
        )
        raise kind(msg)
    num_bins = whole_number(function, "num_bins", num_bins, 2)
    window_radius = positive(function, "window_radius", window_radius)
    if not is_number(window_radius):  # how many bins it reaches shapes the computation
        came = type(window_radius).__name__
        msg = f"{function}: window_radius must be a plain number, got a {came}"
        raise TypeError(msg)
    return Binning(MIKernel(kernel), num_bins, window_radius)


def _check_rank(function: str, name: str, signal: Array, spatial: int) -> None:
    if signal.ndim < spatial:
        wanted = ", ".join(("N",) if spatial == 1 else "DHW"[-spatial:])
        msg = (
            f"{function}: {name} must have shape (*, {wanted}), "
            f"got {tuple(signal.shape)}"
        )
        raise ValueError(msg)


def _flat_mask(
    function: str, xp: Namespace, name: str, mask: Any, shape: tuple[int, ...]
) -> Any:
    """Return a mask (N,), common to all signals."""
    if tuple(mask.shape) != shape:
        msg = (
            f"{function}: {name} must have shape {shape}, that of one signal, got "
            f"{tuple(mask.shape)}"
        )
        raise ValueError(msg)
    if mask.dtype == xp.uint8:  # as a mask is stored
        mask = mask != 0
    if not xp.isdtype(mask.dtype, "bool"):
        msg = f"{function}: {name} must be boolean, got {mask.dtype}; compare it first"
        raise ValueError(msg)
    return xp.reshape(mask, (-1,))
