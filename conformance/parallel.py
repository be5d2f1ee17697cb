"""Backends in processes beside each other, with a word on where they are."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Protocol, TypeVar

from conformance.backends import load
from conformance.cases import all_losses
from conformance.runner import Outcome, Selection, plan, run


@dataclass(frozen=True)
class Task:
    """What to run on each backend, in names, which travel between processes."""

    losses: tuple[str, ...]
    selection: Selection
    library: str


class Named(Protocol):
    """Anything that progress can be told of."""

    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


def run_all(backends: Sequence[str], task: Task, jobs: int) -> list[Outcome]:
    """Every cell of every backend, one process per backend, `jobs` at a time."""
    job = partial(_run_backend, task)
    if min(jobs, len(backends)) < 2:
        found = [job(name) for name in backends]
    else:
        # Spawned: a fork of a process whose threads run may deadlock.
        context = get_context("spawn")
        with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1) as pool:
            found = list(pool.map(job, backends))
    return [outcome for outcomes in found for outcome in outcomes]


def _run_backend(task: Task, name: str) -> list[Outcome]:
    backend = load(name)
    if backend is None:
        raise LookupError(f"{name} is not installed")
    library = importlib.import_module(task.library)
    losses = [all_losses()[loss] for loss in task.losses]
    cells = list(plan(losses, backend, task.selection))
    return [run(cell, library) for cell in with_progress(cells)]


def with_progress(steps: Sequence[NamedT]) -> Iterator[NamedT]:
    """Say on stderr what is being worked on, where it has taken over a second."""
    told = time.monotonic()
    for number, step in enumerate(steps, 1):
        if time.monotonic() - told > 1:
            print(f"{number}/{len(steps)} {step.name}", file=sys.stderr, flush=True)
            told = time.monotonic()
        yield step
