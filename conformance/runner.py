"""Run cases in cells, a cell being loss × backend × device × dtype × mode."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import numpy as np

from conformance import golden
from conformance.backends import Array, Arrays, Backend, Function
from conformance.case import Case, Data, ExpectedFailure, Loss, Option
from conformance.checks import CHECKS, CheckError, check_refused, check_unchanged

MESSAGE_LENGTH = 300
MODES = ("eager", "gradient", "compiled", "vmap", "meta")


class Status(StrEnum):
    """Four different things; nothing is skipped in silence."""

    PASS = "pass"
    FAIL = "fail"
    EXPECTED_FAILURE = "expected failure"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Cell:
    """One combination of the axes; every case that applies runs in it."""

    loss: Loss
    backend: Backend
    device: str
    dtype: str
    mode: str

    @property
    def name(self) -> str:
        """Loss, backend, device, dtype and mode in one word."""
        parts = (self.loss.name, self.backend.name, self.device, self.dtype, self.mode)
        return "-".join(parts)


@dataclass(frozen=True)
class Result:
    """Outcome of one case in one cell; `units` is its error in ULP."""

    case: str
    status: Status
    units: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class Outcome:
    """A cell by its names, and what its cases gave."""

    loss: str
    backend: str
    device: str
    dtype: str
    mode: str
    results: Sequence[Result]

    @property
    def status(self) -> Status:
        """The worst status among the cases."""
        found = {result.status for result in self.results}
        for status in (Status.FAIL, Status.EXPECTED_FAILURE):
            if status in found:
                return status
        return Status.PASS

    @property
    def units(self) -> float:
        """The largest error among the cases that pass."""
        passed = (r.units for r in self.results if r.status is Status.PASS)
        return max(passed, default=0.0)


@dataclass(frozen=True)
class Selection:
    """Filters; an empty one lets everything through."""

    devices: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()

    def admits(self, backend: Backend, device: str, dtype: str, mode: str) -> bool:
        """Whether a cell was asked for; a device goes by its name or by its kind."""
        names = {device, backend.kind(device)}
        return (
            (not self.devices or not names.isdisjoint(self.devices))
            and (not self.dtypes or dtype in self.dtypes)
            and (not self.modes or mode in self.modes)
        )


def plan(
    losses: Iterable[Loss], backend: Backend, selection: Selection
) -> Iterator[Cell]:
    """Every cell of a backend that was asked for and in which a case applies."""
    for device in backend.devices():
        for loss in losses:
            for dtype in backend.dtypes(device):
                for mode in backend.modes:
                    cell = Cell(loss, backend, device, dtype, mode)
                    if selection.admits(backend, device, dtype, mode) and any(
                        applies(cell, case) for case in loss.cases
                    ):
                        yield cell


def run(cell: Cell, library: Any) -> Outcome:
    """Run every case that applies to `cell` on the function of `library`."""
    results = [
        _settle(cell, case, _run_case(cell, case, library))
        for case in cell.loss.cases
        if applies(cell, case)
    ]
    return Outcome(
        cell.loss.name, cell.backend.name, cell.device, cell.dtype, cell.mode, results
    )


def applies(cell: Cell, case: Case) -> bool:
    """Whether a case has a meaning, and is worth its time, in a cell."""
    if cell.dtype not in case.dtypes or cell.dtype != _result_dtype(cell, case):
        return False
    if cell.mode == "gradient" and not (case.gradient and case.floating):
        return False
    backend = cell.backend
    if cell.loss.costly and cell.mode in backend.costly_modes + backend.slow_modes:
        return _is_worth_its_time(cell, case)
    if cell.mode not in backend.compiling_modes:
        return True
    # Where every case costs a compilation (XLA 0.05 s, Dynamo 0.4 s), a graph of
    # another dtype, which differs in casts alone, is compiled for fewer cases.
    if cell.mode in ("eager", "gradient"):
        return case.core or cell.dtype == "float32"
    if cell.dtype == "float32":
        return case.core or bool(case.traced)
    return case is cell.loss.cases[0]


def _is_worth_its_time(cell: Cell, case: Case) -> bool:
    """Of a costly loss fewer cases still, and hardly any in other dtypes."""
    first = case is cell.loss.cases[0]
    slow = cell.mode in cell.backend.slow_modes
    if cell.dtype != "float32" and _is_floating(cell, case):
        return first and cell.mode == "compiled" and not slow
    if cell.mode == "compiled" and case.traced:
        return True
    return first or (case.core and not slow)


def _result_dtype(cell: Cell, case: Case) -> str:
    if _is_floating(cell, case):
        return cell.dtype
    return cell.backend.default_dtype(cell.device)


def _is_floating(cell: Cell, case: Case) -> bool:
    """Whether an array that decides the dtype of the result is a floating one."""
    main = [case.arrays[name] for name in cell.loss.arrays]
    return any(array.dtype == np.float64 for array in main)


def _settle(cell: Cell, case: Case, result: Result) -> Result:
    """Turn an expected failure into one, and an unexpected pass into a failure."""
    for expected in cell.loss.expected_failures:
        if _matches(expected, cell, case):
            if result.status is Status.FAIL:
                status, message = Status.EXPECTED_FAILURE, expected.reason
            else:
                status = Status.FAIL
                message = f"passes, but is expected to fail: {expected.reason}"
            return replace(result, status=status, message=message)
    return result


def _matches(expected: ExpectedFailure, cell: Cell, case: Case) -> bool:
    return (
        expected.backend == cell.backend.name
        and fnmatchcase(case.id, expected.case)
        and fnmatchcase(cell.device, expected.device)
        and fnmatchcase(cell.dtype, expected.dtype)
        and fnmatchcase(cell.mode, expected.mode)
    )


def _run_case(cell: Cell, case: Case, library: Any) -> Result:
    try:
        with warnings.catch_warnings(), cell.backend.session():
            warnings.simplefilter("error")
            units = _check_case(cell, case, library)
    except CheckError as error:
        return Result(case.id, Status.FAIL, math.inf, str(error))
    except Exception as error:  # whatever a loss raises is a finding, not a crash
        text = " ".join(str(error).split())  # torch puts the cause on a later line
        message = f"{type(error).__name__}: {text[:MESSAGE_LENGTH]}"
        return Result(case.id, Status.FAIL, math.inf, message)
    return Result(case.id, Status.PASS, units)


def _check_case(cell: Cell, case: Case, library: Any) -> float:
    function = _function(cell.loss, case, getattr(library, cell.loss.name))
    arrays = {
        name: cell.backend.asarray(data, _dtype_of(cell, data), cell.device)
        for name, data in case.arrays.items()
    }
    if cell.backend.name in case.refused_by:
        check_refused(cell, function, arrays)
        return 0.0
    truth = None if case.beyond else golden.read(cell.loss, case)
    units = CHECKS[cell.mode](cell, case, function, arrays, truth)
    check_unchanged(cell, case, arrays)
    return units


def _dtype_of(cell: Cell, data: Data) -> str:
    return cell.dtype if data.dtype == np.float64 else data.dtype.name


def _function(loss: Loss, case: Case, function: Callable[..., Array]) -> Function:
    """The call as a function of the arrays, its options fixed."""
    return _with_options(function, loss.arrays, tuple(case.options.items()))


@cache
def _with_options(
    function: Callable[..., Array],
    arrays: tuple[str, ...],
    options: tuple[tuple[str, Option], ...],
) -> Function:
    """One function for all cases with these options, whose programs JAX then shares."""

    def call(given: Arrays) -> Array:
        named = {**dict(options), **given}
        positional = [named.pop(name) for name in arrays]
        return function(*positional, **named)

    return call
