"""What a cell checks, one function per mode; each gives the largest error in ULP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from conformance.backends import Array, Arrays, Function
from conformance.case import Case, Data
from conformance.compare import FLAT, FORMATS, HALF, Difference, argmax, difference
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
    options = {name: case.options[name] for name in case.traced}
    if options:
        # A second value is what makes torch trace a float instead of fixing it.
        compiled({**arrays, **{k: float(v or 0) / 2 for k, v in options.items()}})
    return _check_value(cell, case, compiled({**arrays, **options}), arrays, truth)


def _check_vmap(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    """Over the case's own leading axis, or over two copies where it has no such axis.

    A reduction inside of vmap is one of each sample, so the copies give two results.
    """
    backend: Any = cell.backend
    mapped = backend.vmap(function)
    sizes = {array.shape[:1] for array in case.arrays.values()}
    if case.options.get("reduction") == "none" and len(sizes) == 1 and () not in sizes:
        return _check_value(cell, case, mapped(arrays), arrays, truth)
    result = mapped({name: backend.stack(array) for name, array in arrays.items()})
    if truth is not None:
        truth = replace(truth, value=np.stack([truth.value, truth.value]))
    return _check_value(cell, case, result, arrays, truth)


def _check_meta(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    backend: Any = cell.backend
    arrays = backend.meta(arrays)
    result = function(arrays)
    _check_kind(cell, case, result, arrays, None if truth is None else truth.value)
    return 0.0


def _check_gradient(
    cell: Cell, case: Case, function: Function, arrays: Arrays, truth: Golden | None
) -> float:
    backend: Any = cell.backend
    gradients = backend.gradient(function, arrays, list(case.floating))
    worst = 0.0
    for name, gradient in gradients.items():
        label = f"gradient in {name}"
        _check_like(cell, label, gradient, arrays[name], arrays[name].shape)
        got = backend.to_numpy(gradient).astype(np.float64)
        expected = np.full(got.shape, np.nan) if truth is None else truth.gradient[name]
        unstated = np.isnan(expected)  # any finite number is right
        _require_finite(case, got, unstated, label)
        expected = np.where(unstated, got, expected)
        tolerance = _tolerance(cell, case, expected.size)
        steepest = _steepest(name, expected, truth)
        floor = _gradient_floor(cell, case, name, steepest, tolerance) / tolerance
        found = difference(got, expected, cell.dtype, floor=floor)
        worst = max(worst, _require(case, found, tolerance, label))
    return worst


CHECKS: Mapping[str, Callable[..., float]] = {
    "eager": _check_eager,
    "gradient": _check_gradient,
    "compiled": _check_compiled,
    "vmap": _check_vmap,
    "meta": _check_meta,
}


def _check_value(
    cell: Cell, case: Case, result: Array, arrays: Arrays, truth: Golden | None
) -> float:
    _check_kind(cell, case, result, arrays, None if truth is None else truth.value)
    got = np.asarray(cell.backend.to_numpy(result), dtype=np.float64)
    if truth is None:
        _check_grows(case, got)
        return 0.0
    tolerance = _tolerance(cell, case, truth.value.size)
    floor = _flush_floor(cell) / tolerance
    found = difference(got, truth.value, cell.dtype, floor=floor)
    return _require(case, found, tolerance, "value")


def _check_grows(case: Case, got: Floats) -> None:
    """No NaN, and no step down where the magnitude of the residual rises."""
    rises = np.concatenate([~np.isnan(got[..., :1]), got[..., 1:] >= got[..., :-1]], -1)
    if not np.all(rises):
        index = argmax(~rises)
        before = got[(*index[:-1], max(index[-1] - 1, 0))]
        raise CheckError(f"value{_where(case, index)}: {got[index]} after {before}")


def _check_kind(
    cell: Cell, case: Case, result: Array, arrays: Arrays, value: Data | None
) -> None:
    shape = case.arrays["pred"].shape if value is None else value.shape
    _check_like(cell, "result", result, arrays["pred"], shape)
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


def check_unchanged(cell: Cell, case: Case, arrays: Arrays) -> None:
    if cell.backend.immutable:
        return
    for name, array in arrays.items():
        data = case.arrays[name]
        equal_nan = data.dtype == np.float64
        if not np.array_equal(cell.backend.to_numpy(array), data, equal_nan=equal_nan):
            raise CheckError(f"the call changed its argument {name}")


def _tolerance(cell: Cell, case: Case, size: int) -> float:
    """ULP that a result of `size` numbers may be off.

    Half precision is computed in float32, so that one rounding remains. A sum of n
    terms rounds log2(n) times along the path of a term where it is pairwise or spread
    over vector lanes, as it is in every library here.
    """
    if cell.dtype in HALF:
        return 1.0
    terms = max(case.arrays["pred"].size // max(size, 1), 1)
    return cell.loss.ulps + math.ceil(math.log2(terms))


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
    cell: Cell, case: Case, name: str, steepest: float, tolerance: float
) -> float:
    """Absolute error that passes in a gradient, whatever its own magnitude.

    In the prediction and the target: a part of the steepest slope met in the case. In
    weights and learned options: the gradient is a sum of terms of either sign, whose
    roundings are those of the largest.
    """
    flush = _flush_floor(cell)
    if name not in ("pred", "target"):
        ulp = FORMATS[cell.dtype].ulp(np.asarray(steepest))
        return max(flush, float(ulp) * tolerance)
    if cell.loss.has_bounded_slope(case):
        return max(flush, FLAT[cell.dtype] * steepest)
    return flush


def _flush_floor(cell: Cell) -> float:
    return FORMATS[cell.dtype].smallest_normal if cell.backend.flushes else 0.0


def _require_finite(case: Case, got: Floats, where: Data, label: str) -> None:
    wrong = where & ~np.isfinite(got)
    if np.any(wrong):
        index = argmax(wrong)
        place = _where(case, index)
        raise CheckError(f"{label}{place}: expected a finite number, got {got[index]}")


def _require(case: Case, found: Difference, tolerance: float, label: str) -> float:
    if found.units > tolerance:
        raise CheckError(
            f"{label}{_where(case, found.index)}: expected {found.expected!r}, "
            f"got {found.got!r}, {found.units:.3g} ULP, {tolerance:.3g} allowed"
        )
    return found.units


def _where(case: Case, index: tuple[int, ...]) -> str:
    """The element that is wrong and, for an elementwise loss, its arguments."""
    text = f" at [{', '.join(map(str, index))}]" if index else ""
    pred, target = case.arrays["pred"], case.arrays["target"]
    if pred.ndim == len(index):
        text += f" (prediction {pred[index]}, target {target[index]})"
    return text
