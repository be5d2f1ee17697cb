"""One module per family of losses, each with a function `rows` that lists its rows."""

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.rows import Row


def names() -> list[str]:
    """Return the groups that exist, one for each module here."""
    return sorted(module.name for module in iter_modules(__path__))


def rows(name: str) -> list[Row]:
    """Return the rows of a group in the order of its tables."""
    return list(import_module(f"{__name__}.{name}").rows())
