"""The table on the console and the JSON report."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

from conformance.backends import BACKENDS
from conformance.runner import MODES, Outcome, Result, Status

SHORT = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}
WIDTH = max(map(len, [*SHORT.values(), "FAIL"]))
SHOWN_FAILURES = 40


def _text(outcome: Outcome) -> str:
    """A cell of the table."""
    if outcome.status is Status.FAIL:
        return "FAIL"
    mark = "x" if outcome.status is Status.EXPECTED_FAILURE else ""
    return mark + ("ok" if outcome.mode == "meta" else f"{outcome.units:.1f}")


def table(outcomes: Iterable[Outcome], missing: Sequence[str]) -> str:
    """One block per backend and device: loss × (dtype, mode)."""
    blocks: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        key = (outcome.backend, outcome.device)
        blocks.setdefault(key, []).append(outcome)
    parts = [_block(*key, found) for key, found in blocks.items()]
    parts += [f"{name}: {Status.NOT_INSTALLED}" for name in missing]
    return "\n\n".join(parts)


def _block(backend: str, device: str, outcomes: list[Outcome]) -> str:
    cells = {(o.loss, o.mode, o.dtype): _text(o) for o in outcomes}
    losses = list(dict.fromkeys(loss for loss, _, _ in cells))
    groups = {
        mode: [d for d in SHORT if any(key[1:] == (mode, d) for key in cells)]
        for mode in MODES
        if any(key[1] == mode for key in cells)
    }
    title = f"{backend} {device}"
    first = max(len(text) for text in [title, *losses])
    heads = {mode: _row(SHORT[d] for d in dtypes) for mode, dtypes in groups.items()}
    lines = [
        _line("", {mode: mode for mode in groups}, groups, first),
        _line(title, heads, groups, first),
    ]
    for loss in losses:
        row = {
            mode: _row(cells.get((loss, mode, d), "-") for d in dtypes)
            for mode, dtypes in groups.items()
        }
        lines.append(_line(loss, row, groups, first))
    return "\n".join(lines)


def _row(texts: Iterable[str]) -> str:
    return " ".join(text.rjust(WIDTH) for text in texts)


def _line(
    label: str,
    texts: Mapping[str, str],
    groups: Mapping[str, Sequence[str]],
    first: int,
) -> str:
    """A line with one column of dtypes per mode, each as wide as its widest text."""
    line = label.ljust(first)
    for mode, dtypes in groups.items():
        span = max(len(mode), (WIDTH + 1) * len(dtypes) - 1)
        line += "   " + texts[mode].ljust(span)
    return line.rstrip()


def failures(outcomes: Iterable[Outcome]) -> str:
    """Every failure by name, the first of them in full, and those that are expected."""
    lines = []
    for outcome in outcomes:
        where = f"{outcome.loss}, {outcome.backend} {outcome.device}, {outcome.dtype}"
        place = f"{where}, {outcome.mode}"
        for result in outcome.results:
            if result.status is Status.FAIL:
                name = f"{place}, case {result.case}"
                lines.append(f"{result.status}: {name}: {result.message}")
        expected = [r for r in outcome.results if r.status is Status.EXPECTED_FAILURE]
        for reason, count in Counter(result.message for result in expected).items():
            cases = expected[0].case if count == 1 else f"{count} cases"
            lines.append(f"{Status.EXPECTED_FAILURE}: {place}, {cases}: {reason}")
    if len(lines) > SHOWN_FAILURES:
        more = f"... and {len(lines) - SHOWN_FAILURES} more; --json lists them all"
        lines = [*lines[:SHOWN_FAILURES], more]
    return "\n".join(lines)


def summary(outcomes: Sequence[Outcome], missing: Sequence[str]) -> str:
    """How many checks had which outcome."""
    counts = dict.fromkeys(Status, 0)
    for outcome in outcomes:
        for result in outcome.results:
            counts[result.status] += 1
    parts = [f"{n} {status}" for status, n in counts.items() if n]
    if missing:
        parts.append(f"{Status.NOT_INSTALLED}: {', '.join(missing)}")
    losses = len({outcome.loss for outcome in outcomes})
    return f"{losses} losses in {len(outcomes)} cells: " + ", ".join(parts)


LEGEND = (
    "Largest error in the cell, in units in the last place of the result, or of 1 and "
    "of the\nlargest gradient where a loss's error is absolute; x: some cases are "
    "expected failures,\n-: no such case."
)


def as_json(outcomes: Iterable[Outcome], missing: Sequence[str]) -> dict[str, Any]:
    """Everything that ran, and what it ran on."""
    return {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": _versions(),
        "not_installed": list(missing),
        "cells": [_cell_as_json(outcome) for outcome in outcomes],
    }


def _versions() -> dict[str, str]:
    names = ("xloss", "array-api-compat", "array-api-strict", "mpmath")
    found = {}
    for name in (*names, *BACKENDS):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cell_as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "loss": outcome.loss,
        "backend": outcome.backend,
        "device": outcome.device,
        "dtype": outcome.dtype,
        "mode": outcome.mode,
        "status": str(outcome.status),
        "largest_error_ulp": outcome.units,
        "cases": {result.case: _result_as_json(result) for result in outcome.results},
    }


def _result_as_json(result: Result) -> dict[str, Any]:
    if result.status is Status.PASS:
        return {"status": str(result.status), "error_ulp": result.units}
    return {"status": str(result.status), "message": result.message}
