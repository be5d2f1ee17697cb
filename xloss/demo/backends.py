"""The array libraries that the demo knows how to start."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from xloss.demo.errors import DemoError
from xloss.demo.progress import step


class Backend(NamedTuple):
    """An array library: how arrays get in, and how a loss is made ready to run."""

    name: str
    version: str
    asarray: Callable[[Any], Any]
    prepare: Callable[[Callable[..., Any]], Callable[..., Any]]


def _unchanged(call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _numpy() -> Backend:
    return Backend("numpy", np.__version__, np.asarray, _unchanged)


def _torch() -> Backend:
    torch = import_module("torch")
    return Backend("torch", torch.__version__, torch.asarray, _unchanged)


def _jax() -> Backend:
    jax = import_module("jax")
    return Backend("jax", jax.__version__, jax.numpy.asarray, jax.jit)


def _cupy() -> Backend:
    cupy = import_module("cupy")
    cupy.cuda.runtime.getDeviceCount()  # raises where there is no GPU
    return Backend("cupy", cupy.__version__, cupy.asarray, _unchanged)


def _dask() -> Backend:
    # One degraded picture per chunk, so that they are computed side by side.
    asarray = partial(import_module("dask.array").from_array, chunks={0: 1})
    return Backend("dask", version("dask"), asarray, _unchanged)


_START = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
    "cupy": _cupy,
    "dask": _dask,
}
NAMES = tuple(_START)


def start(names: Sequence[str] | None) -> tuple[list[Backend], list[str]]:
    """Start the named backends, or all that are installed when `names` is None.

    Returns them, and a remark for each that is left out.
    """
    if names is not None:
        return [_start(name) for name in names], []
    backends, remarks = [], []
    for name in NAMES:
        try:
            backends.append(_start(name))
        except DemoError as error:
            remarks.append(str(error))
    return backends, remarks


def parse(option: str) -> list[str]:
    """Split the ``--backend`` option into names, each once."""
    names = list(dict.fromkeys(name.strip() for name in option.split(",")))
    for name in names:
        if name not in _START:
            raise DemoError(
                f"--backend: unknown backend {name!r}; known are {', '.join(NAMES)}"
            )
    return names


def _start(name: str) -> Backend:
    if find_spec(name) is None:
        raise DemoError(f"{name} is not installed: pip install 'xloss[{name}]'")
    try:
        with step(f"importing {name}"):
            return _START[name]()
    except Exception as error:  # a library may fail to start in any way
        reason = str(error).strip().splitlines()[:1]
        raise DemoError(
            f"{name} is installed but does not start: {type(error).__name__}"
            + "".join(f": {line}" for line in reason)
        ) from error
