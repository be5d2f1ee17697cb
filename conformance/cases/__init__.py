"""The losses under test, one module per family; each module lists its ``LOSSES``.

Modules are discovered, so that a new family is one new file and nothing else.
"""

import importlib
import pkgutil
from functools import cache

from conformance.case import Loss


@cache
def all_losses() -> dict[str, Loss]:
    """Every loss of every family by name, in the order of the files."""
    losses: dict[str, Loss] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for loss in importlib.import_module(f"{__name__}.{module}").LOSSES:
            if loss.name in losses:
                raise ValueError(f"two cases files define the loss {loss.name!r}")
            losses[loss.name] = loss
    return losses
