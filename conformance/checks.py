"""What a cell checks, one function per mode; each gives the largest error in ULP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from conformance.backends import Array, Arrays, Function
from conformance.case import Case, Data
from conformance.compare import FLAT, FORMATS, HALF, argmax, difference
from conformance.reference import Floats, Golden

if TYPE_CHECKING:
    from conformance.runner import Cell


class CheckError(Exception):
    """A result is not what the contract says."""


def _check_eager(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    return _check_value(cell, case, function(arrays), arrays, truth)


def _check_compiled(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    backend: Any = cell.backend
    thorough = case.thorough and cell.dtype == "float32"
    compiled = backend.compile(function, thorough=thorough)
    options: dict[str, Any] = {name: case.options[name] for name in case.traced}
    if options:
        # A second value is what makes torch trace a float instead of fixing it.
        compiled({**arrays, **{k: v / 2 for k, v in options.items()}})
    return _check_value(cell, case, compiled({**arrays, **options}), arrays, truth)


def _check_vmap(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    """Over the case's own leading axis, or over two copies where it has no such axis.

    A reduction inside of vmap is one of each sample, so the copies give two results;
    and a loss that is not elementwise may need every axis that the case has.
    """
    backend: Any = cell.backend
    mapped = backend.vmap(_program(cell, function))
    sizes = {array.shape[:1] for array in case.arrays.values()}
    unreduced = cell.loss.elementwise and case.options.get("reduction") == "none"
    if unreduced and len(sizes) == 1 and () not in sizes:
        return _check_value(cell, case, mapped(arrays), arrays, truth)
    stacked = {name: backend.stack(array) for name, array in arrays.items()}
    if truth is not None:
        truth = replace(truth, value=np.stack([truth.value, truth.value]))
    return _check_value(cell, case, mapped(stacked), stacked, truth)


def _check_meta(
    cell: Cell, _case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    backend: Any = cell.backend
    arrays = backend.meta(arrays)
    result = function(arrays)
    _check_kind(cell, result, arrays, None if truth is None else truth.value)
    return 0.0


def _check_gradient(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    backend: Any = cell.backend
    function = _program(cell, function)
    gradients = backend.gradient(function, arrays, list(case.floating))
    worst = 0.0
    for name, gradient in gradients.items():
        label = f"gradient in {name}"
        _check_like(cell, label, gradient, arrays[name], arrays[name].shape)
        got = backend.to_numpy(gradient).astype(np.float64)
        expected = np.full(got.shape, np.nan) if truth is None else truth.gradient[name]
        unstated = np.isnan(expected)  # any finite number is right
        _require_finite(cell, case, got, unstated, label)
        expected = np.where(unstated, got, expected)
        scale = max(case.gradient_scale, _own_scale(cell, case))
        steepest = max(_steepest(name, expected, truth), scale)
        allowed = _gradient_allowance(cell, case, name, steepest, expected.size)
        worst = max(worst, _require(cell, case, got, expected, allowed, label))
    return worst


CHECKS: Mapping[str, Callable[..., float]] = {
    "eager": _check_eager,
    "gradient": _check_gradient,
    "compiled": _check_compiled,
    "vmap": _check_vmap,
    "meta": _check_meta,
}


def _program(cell: Cell, function: Function) -> Function:
    return cell.backend.program(function) if cell.loss.costly else function


def _check_value(
    cell: Cell, case: Case, result: Array, arrays: Arrays, truth: Golden | None
) -> float:
    _check_kind(cell, result, arrays, None if truth is None else truth.value)
    got = np.asarray(cell.backend.to_numpy(result), dtype=np.float64)
    if _is_bounded(cell, case):
        _check_bounds(cell, case, got, finite=truth is None)
    if truth is None:
        if cell.loss.bounds is None:
            _check_grows(cell, case, got)
        return 0.0
    allowed = _value_allowance(cell, case, truth.value.size)
    return _require(cell, case, got, truth.value, allowed, "value")


def _is_bounded(cell: Cell, case: Case) -> bool:
    """Whether the loss's bounds hold for the result, neither a sum nor weighted."""
    weighted = "sample_weight" in case.arrays or case.options.get("reduction") == "sum"
    return cell.loss.bounds is not None and not weighted


def _check_bounds(cell: Cell, case: Case, got: Floats, *, finite: bool) -> None:
    """Nothing outside of the loss's bounds by as much as a rounding error."""
    low, high = cell.loss.bounds or (-math.inf, math.inf)
    outside = (got < low) | (got > high)
    if finite:
        outside |= ~np.isfinite(got)
    if np.any(outside):
        index = argmax(outside)
        place = _where(cell, case, index)
        raise CheckError(f"value{place}: {got[index]} is not within [{low}, {high}]")


def _check_grows(cell: Cell, case: Case, got: Floats) -> None:
    """No NaN, and no step down where the magnitude of the residual rises."""
    rises = np.concatenate([~np.isnan(got[..., :1]), got[..., 1:] >= got[..., :-1]], -1)
    if not np.all(rises):
        index = argmax(~rises)
        before = got[(*index[:-1], max(index[-1] - 1, 0))]
        place = _where(cell, case, index)
        raise CheckError(f"value{place}: {got[index]} after {before}")


def _check_kind(cell: Cell, result: Array, arrays: Arrays, value: Data | None) -> None:
    like = arrays[cell.loss.arrays[0]]
    if value is not None:
        shape = value.shape
    else:  # beyond what golden values reach, where another loss's map is its own affair
        shape = like.shape if cell.loss.elementwise else result.shape
    _check_like(cell, "result", result, like, shape)
    problem = cell.backend.wrong_type(result)
    if problem:
        raise CheckError(problem)


def _check_like(
    cell: Cell, label: str, result: Array, like: Array, shape: tuple[int, ...]
) -> None:
    """Namespace, dtype, device and shape."""
    backend = cell.backend
    if array_namespace(result) is not array_namespace(like):
        raise CheckError(f"{label} is a {type(result).__name__}, not of the library")
    if backend.dtype_name(result) != cell.dtype:
        raise CheckError(f"{label} has dtype {result.dtype}, expected {cell.dtype}")
    if tuple(result.shape) != tuple(shape):
        raise CheckError(f"{label} has shape {tuple(result.shape)}, expected {shape}")
    if backend.device(result) != backend.device(like):
        raise CheckError(f"{label} is on {backend.device(result)}, not with its input")


def check_refused(cell: Cell, function: Function, arrays: Arrays) -> None:
    """A ValueError that names the loss."""
    try:
        function(arrays)
    except ValueError as error:
        if cell.loss.name not in str(error):
            raise CheckError(f"the error does not name the loss: {error}") from error
        return
    raise CheckError("expected a ValueError, and there is a result")


def check_unchanged(cell: Cell, case: Case, arrays: Arrays) -> None:
    if cell.backend.immutable:
        return
    for name, array in arrays.items():
        data = case.arrays[name]
        equal_nan = data.dtype == np.float64
        if not np.array_equal(cell.backend.to_numpy(array), data, equal_nan=equal_nan):
            raise CheckError(f"the call changed its argument {name}")


@dataclass(frozen=True)
class Allowance:
    """The error that passes: `ulps` units of at least `floor` each, beyond `slack`."""

    ulps: float
    floor: float = 0.0
    slack: float = 0.0


def _value_allowance(cell: Cell, case: Case, size: int) -> Allowance:
    """Of a result of `size` numbers."""
    ulps = _ulps(cell, case, size)
    scale = max(cell.loss.scale_of(case), _own_scale(cell, case))
    if scale:
        return _absolute(cell, ulps, scale)
    ulps = 1.0 if cell.dtype in HALF else ulps
    return Allowance(ulps, _flush_floor(cell) / ulps)


def _gradient_allowance(
    cell: Cell, case: Case, name: str, steepest: float, size: int
) -> Allowance:
    """Of a gradient of `size` numbers, the largest of which is `steepest`."""
    stated = case.gradient_ulps or cell.loss.gradient_ulps
    if stated is not None:
        factor = cell.loss.gradient_factor_on.get(cell.backend.name, 1.0)
        return _absolute(cell, factor * stated, steepest)
    ulps = 1.0 if cell.dtype in HALF else _ulps(cell, case, size)
    return Allowance(ulps, _gradient_floor(cell, case, name, steepest, ulps) / ulps)


def _own_scale(cell: Cell, case: Case) -> float:
    return case.scale_on.get(cell.backend.name, 0.0)


def _absolute(cell: Cell, ulps: float, scale: float) -> Allowance:
    """Units in the last place of `scale`, or of the result where it is larger.

    Half precision is computed in float32, whose error the last rounding adds to.
    """
    if cell.dtype in HALF:
        slack = ulps * float(FORMATS["float32"].ulp(np.asarray(scale)))
        return Allowance(1.0, _flush_floor(cell), slack)
    unit = float(FORMATS[cell.dtype].ulp(np.asarray(scale)))
    return Allowance(ulps, max(unit, _flush_floor(cell) / ulps))


def _ulps(cell: Cell, case: Case, size: int) -> float:
    """ULP that a result of `size` numbers may be off in float32 and float64.

    A sum of n terms rounds log2(n) times along the path of a term where it is pairwise
    or spread over vector lanes, as it is in every library here.
    """
    if case.ulps is not None:
        return case.ulps
    terms = max(case.arrays[cell.loss.arrays[0]].size // max(size, 1), 1)
    own = cell.loss.ulps_on.get((cell.backend.name, cell.dtype), cell.loss.ulps)
    return own + math.ceil(math.log2(terms))


def _steepest(name: str, gradient: Floats, truth: Golden | None) -> float:
    """Largest finite gradient in an argument, or the value where that is larger.

    The gradient in a weight of the mean is the difference between a loss and the mean
    loss, so that both round.
    """
    found = [gradient]
    if truth is not None and name in ("weight", "sample_weight"):
        found.append(truth.value)
    entries = np.concatenate([np.abs(array).ravel() for array in found])
    return float(np.max(entries[np.isfinite(entries)], initial=0.0))


def _gradient_floor(
    cell: Cell, case: Case, name: str, steepest: float, ulps: float
) -> float:
    """Absolute error that passes in a gradient, whatever its own magnitude.

    In the positional arguments: a part of the steepest slope met in the case. In
    weights and learned options: the gradient is a sum of terms of either sign, whose
    roundings are those of the largest.
    """
    flush = _flush_floor(cell)
    if name not in cell.loss.arrays:
        return max(flush, float(FORMATS[cell.dtype].ulp(np.asarray(steepest))) * ulps)
    if cell.loss.has_bounded_slope(case):
        return max(flush, FLAT[cell.dtype] * steepest)
    return flush


def _flush_floor(cell: Cell) -> float:
    return FORMATS[cell.dtype].smallest_normal if cell.backend.flushes else 0.0


def _require_finite(
    cell: Cell, case: Case, got: Floats, where: Data, label: str
) -> None:
    wrong = where & ~np.isfinite(got)
    if np.any(wrong):
        index = argmax(wrong)
        place = _where(cell, case, index)
        raise CheckError(f"{label}{place}: expected a finite number, got {got[index]}")


def _require(
    cell: Cell,
    case: Case,
    got: Floats,
    expected: Floats,
    allowed: Allowance,
    label: str,
) -> float:
    """The error in units, which must be allowed."""
    found = difference(
        got, expected, cell.dtype, floor=allowed.floor, slack=allowed.slack
    )
    if found.units > allowed.ulps:
        raise CheckError(
            f"{label}{_where(cell, case, found.index)}: expected {found.expected!r}, "
            f"got {found.got!r}, {found.units:.3g} ULP, {allowed.ulps:.3g} allowed"
        )
    return found.units


def _where(cell: Cell, case: Case, index: tuple[int, ...]) -> str:
    """The element that is wrong and, for an elementwise loss, its arguments."""
    text = f" at [{', '.join(map(str, index))}]" if index else ""
    arguments = {name: case.arrays[name] for name in cell.loss.arrays}
    if cell.loss.elementwise and arguments[cell.loss.arrays[0]].ndim == len(index):
        values = (f"{name} {array[index]}" for name, array in arguments.items())
        text += f" ({', '.join(values)})"
    return text
