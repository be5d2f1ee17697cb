"""Every loss on every backend: computing, timing, and the tables that show it."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xloss.demo.backends import Backend
from xloss.demo.progress import step
from xloss.demo.rows import Row
from xloss.demo.scenes import DEGRADATIONS, Scene

REPEATS = 5
ENOUGH = 2.0  # seconds of repeats: the windows of the image losses take a while


class Run(NamedTuple):
    """A loss on one backend: its value and its time, or why there is neither."""

    value: float = math.nan
    seconds: float = math.nan
    refusal: str = ""


class Result(NamedTuple):
    """One loss: its exact values, and per backend the float32 value and the time."""

    row: Row
    exact: float
    by_degradation: list[float]
    runs: list[Run]

    @property
    def disagreement(self) -> float:
        """Largest relative distance of a backend from NumPy float64."""
        apart = [abs(run.value - self.exact) for run in self.runs if not run.refusal]
        return max(apart, default=0.0) / (
            abs(self.exact) or 1.0  # a loss of 0 is compared absolutely
        )


def measure(row: Row, scene: Scene, backends: Iterable[Backend]) -> Result:
    """Compute one loss of a scene on each backend."""
    arrays = scene.arguments(row.arguments)
    exact = [_exact(array) for array in arrays]
    runs = [_run(row, arrays, backend) for backend in backends]
    return Result(
        row,
        float(row.call(*exact)),
        [
            float(row.call(*(array[i : i + 1] for array in exact)))
            for i in range(len(DEGRADATIONS))
        ],
        runs,
    )


def _exact(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _run(row: Row, arrays: Sequence[Any], backend: Backend) -> Run:
    """Return the value on a backend, and the median time of a few warm calls."""
    with step(f"{row.name} on {backend.name}"):
        call = backend.prepare(row.call)
        inputs = [backend.asarray(array) for array in arrays]
        try:
            value = float(call(*inputs))
        except NotImplementedError as error:  # the library lacks a function
            return Run(refusal=str(error))
        times = [_seconds(call, inputs)]
        while len(times) < REPEATS and sum(times) < ENOUGH:
            times.append(_seconds(call, inputs))
    return Run(value, statistics.median(times))


def _seconds(call: Callable[..., Any], inputs: Sequence[Any]) -> float:
    start = time.perf_counter()
    float(call(*inputs))  # waits for a device, and makes Dask compute
    return time.perf_counter() - start


def degradation_table(results: Iterable[Result]) -> str:
    """Say what each loss makes of each degradation."""
    rows = [
        [result.row.label, *(f"{value:.6f}" for value in result.by_degradation)]
        for result in results
    ]
    return aligned([["loss", *DEGRADATIONS]], rows)


def backend_table(results: Iterable[Result], backends: Sequence[Backend]) -> str:
    """Show each loss on each backend: values, disagreement, milliseconds."""
    names = [backend.name for backend in backends]
    gap = [""] * (len(names) - 1)
    heads = [
        ["", "value", *gap, "", "ms", *gap],
        ["loss", *names, "differ", *names],
    ]
    rows = [
        [
            result.row.name,
            *("-" if run.refusal else f"{run.value:.7f}" for run in result.runs),
            f"{result.disagreement:.0e}",
            *(
                "-" if run.refusal else f"{1e3 * run.seconds:.1f}"
                for run in result.runs
            ),
        ]
        for result in results
    ]
    return aligned(heads, rows)


def refusals(results: Iterable[Result], backends: Sequence[Backend]) -> list[str]:
    """Say which backend lacks what a loss needs."""
    return [
        f"{backend.name}: {run.refusal}"
        for result in results
        for backend, run in zip(backends, result.runs, strict=True)
        if run.refusal
    ]


def aligned(heads: list[list[str]], rows: list[list[str]]) -> str:
    """Lay out columns: the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*heads, *rows, strict=True)]
    lines = [*heads, ["-" * width for width in widths], *rows]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: list[str], widths: list[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [f"{c:>{width}}" for c, width in zip(cells[1:], widths[1:], strict=True)]
    return "  ".join([first, *others]).rstrip()
