"""One module per family of losses.

Each has a function `rows` that lists its rows, the sizes `FULL` and `QUICK` of their
inputs, and a function `describe` that says what inputs a size stands for.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from benchmarks.rows import Row


def names() -> list[str]:
    """Return the groups that exist, one for each module here."""
    return sorted(module.name for module in iter_modules(__path__))


def rows(name: str) -> list[Row]:
    """Return the rows of a group in the order of its tables."""
    return list(_module(name).rows())


def usual_size(name: str, *, quick: bool) -> int:
    """Return the size of a group's inputs unless another is asked for."""
    module = _module(name)
    return int(module.QUICK if quick else module.FULL)


def has_one_size(name: str) -> bool:
    return usual_size(name, quick=True) == usual_size(name, quick=False)


def describe(name: str, size: int) -> str:
    """Say what inputs a size stands for in a group."""
    return str(_module(name).describe(size))


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
