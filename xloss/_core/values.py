"""When the values of an array may be looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .namespace import beneath, is_compiling, is_dask, is_jax, is_numpy, is_torch
from .typing import Namespace

__all__ = ["check_values", "holds_anywhere"]

_checking = ContextVar(
    "xloss.check_values", default=os.environ.get("XLOSS_CHECK_VALUES") == "1"
)


@contextmanager
def check_values(enabled: bool = True) -> Iterator[None]:
    """Raise on labels out of range, on every library that runs eagerly.

    NumPy's labels are always checked. To look at those of another library may wait
    for a device, so that without this they make the loss NaN. Under a compiler, a
    trace or `vmap`, and on Dask, there are no values to look at, and nothing changes.
    The environment variable ``XLOSS_CHECK_VALUES=1`` turns the checks on from the
    start of a process.

    Parameters
    ----------
    enabled
        Whether to check, or not, within the ``with`` block.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> with xloss.check_values():
    ...     loss = xloss.dice_loss(np.zeros((1, 2, 4)), np.ones((1, 4), int))
    """
    token = _checking.set(enabled)
    try:
        yield
    finally:
        _checking.reset(token)


def holds_anywhere(xp: Namespace, condition: Any) -> bool:
    """Whether a condition holds somewhere, as far as its values may be looked at."""
    xp, condition = beneath(xp, condition)
    if is_numpy(xp):
        return bool(condition.any())
    # is_compiling first: to read a ContextVar would break the graph
    if is_compiling(xp) or not _checking.get() or not _runs_eagerly(xp, condition):
        return False
    try:
        return bool(xp.any(condition))
    except RuntimeError:
        # torch under vmap, on the meta device or of fake tensors: no values at hand,
        # and no public way to ask beforehand
        if is_torch(xp):
            return False
        raise


def _runs_eagerly(xp: Namespace, x: Any) -> bool:
    if is_jax(xp):
        from jax.core import Tracer

        return not isinstance(x, Tracer)
    return not is_dask(xp)
