"""What a call has to move, as a share of what its library moves when it copies."""

import statistics
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import devices, timing
from benchmarks.timing import Contender

COPIED = 2**27  # bytes: far more than caches hold
ROUNDS = 7


def share_of_copy(contender: Contender, result: Any, seconds: float) -> float | None:
    """Return the bandwidth of a call that takes `seconds`, in times of a copy's.

    Counted is the least that any implementation moves: inputs read once and outputs
    written once. Above 1, the inputs stayed in a cache.
    """
    inputs = getattr(contender, "args", ())  # of a partial
    if not inputs:
        return None
    moved = sum(map(_bytes, inputs)) + _bytes(result)
    library = devices.library_of(result)
    return moved / seconds / of_copy(library, devices.current())


def _bytes(arrays: Any) -> int:
    if isinstance(arrays, tuple):
        return sum(map(_bytes, arrays))
    return int(getattr(arrays, "nbytes", 0))  # of a Python number next to nothing


@cache
def of_copy(library: str, device: str) -> float:
    """Return the bytes per second that a library reads and writes to copy an array."""
    del device  # another device, another number
    contender = _COPIES[library]()
    devices.wait(contender())
    times = [timing.seconds(contender, 1) for _ in range(ROUNDS)]
    return 2 * COPIED / statistics.median(times)


def _source() -> Any:
    return np.ones(COPIED // 4, np.float32)


def _numpy_copy() -> Contender:
    (source,) = devices.as_numpy([_source()])
    xp = devices.module("numpy")
    target = xp.empty_like(source)

    def copy() -> Any:
        xp.copyto(target, source)
        return target

    return copy


def _torch_copy() -> Contender:
    (source,) = devices.as_torch([_source()])
    return partial(import_module("torch").empty_like(source).copy_, source)


def _jax_copy() -> Contender:
    (source,) = devices.as_jax([_source()])
    jax = import_module("jax")
    copy = jax.jit(jax.numpy.copy)
    return lambda: jax.block_until_ready(copy(source))


_COPIES: dict[str, Callable[[], Contender]] = {
    "numpy": _numpy_copy,
    "cupy": _numpy_copy,
    "torch": _torch_copy,
    "jax": _jax_copy,
}
