"""Processes that start with variables of their own, for peers that read them once.

keras computes with one array library for the life of a process. A row against it is
measured, both contenders, in the process of that library.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import TypeVar

from benchmarks import devices

T = TypeVar("T")

Variables = tuple[tuple[str, str], ...]


def call(variables: Variables, function: Callable[..., T], *arguments: object) -> T:
    """Call a function, which pickles, where these variables are set."""
    process = _process(variables)
    return process.submit(_on, devices.current(), function, *arguments).result()


def _on(device: str, function: Callable[..., T], *arguments: object) -> T:
    with devices.use(device):
        return function(*arguments)


@cache
def _process(variables: Variables) -> ProcessPoolExecutor:
    """Start a process, which stays: it has imported and compiled what rows need."""
    return ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        initializer=_set,
        initargs=variables,
    )


def _set(*variables: tuple[str, str]) -> None:
    os.environ.update(variables)
