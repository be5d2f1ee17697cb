"""Where contenders compute: on the host, or on a CUDA device by torch, JAX and CuPy."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from array_api_compat import is_cupy_array, is_jax_array, is_torch_array

DEVICES = ("cpu", "cuda")
ON_CUDA = ("torch", "jax", "cupy")
HOST_ONLY = frozenset({"scipy", "skimage", "sklearn", "autograd"})

_current = ContextVar("device", default="cpu")


class UnavailableError(Exception):
    """Says why something cannot be measured on this device."""


@contextmanager
def use(device: str) -> Iterator[None]:
    """Make arrays on this device, and time what it computes."""
    token = _current.set(device)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    return _current.get()


def on_cuda() -> bool:
    return current() == "cuda"


def missing(library: str) -> str:
    """Say what keeps a library from computing on a CUDA device, if anything."""
    if find_spec(library) is None:
        return f"{library} is not installed"
    return "" if _SEES_CUDA[library]() else f"{library} sees no CUDA device"


def _torch_sees_cuda() -> bool:
    return bool(import_module("torch").cuda.is_available())


def _cupy_sees_cuda() -> bool:
    return bool(import_module("cupy").is_available())


def _jax_sees_cuda() -> bool:
    try:
        return bool(import_module("jax").devices("cuda"))
    except RuntimeError:  # jax's way to say no
        return False


_SEES_CUDA = {
    "torch": _torch_sees_cuda,
    "jax": _jax_sees_cuda,
    "cupy": _cupy_sees_cuda,
}


def title(section: str, device: str) -> str:
    """Return a heading as it reads on a device, where CuPy stands for NumPy."""
    return section.replace("NumPy", "CuPy") if device == "cuda" else section


def name(device: str) -> str | None:
    """Return what torch or CuPy calls the device, if it is not the host."""
    if device == "cpu":
        return None
    if not missing("torch"):
        return str(import_module("torch").cuda.get_device_name())
    if not missing("cupy"):
        properties = import_module("cupy").cuda.runtime.getDeviceProperties(0)
        return str(properties["name"].decode())
    return device


def module(name: str) -> Any:
    """Import a module of array functions; on a device cupy for numpy."""
    return import_module("cupy" if name == "numpy" and on_cuda() else name)


def as_numpy(arrays: Iterable[Any]) -> list[Any]:
    """Return NumPy arrays as they are, or on the device as CuPy's."""
    if not on_cuda():
        return list(arrays)
    cupy = _import("cupy")
    return [cupy.asarray(array) for array in arrays]


def as_torch(arrays: Iterable[Any]) -> list[Any]:
    """Return tensors that share memory with arrays of the same device."""
    if not on_cuda():
        torch = import_module("torch")
        return [torch.from_numpy(array) for array in arrays]
    torch = _import("torch")
    return [torch.as_tensor(array, device="cuda") for array in arrays]


def as_jax(arrays: Iterable[Any]) -> list[Any]:
    if not on_cuda():
        jax = import_module("jax")
        return [jax.numpy.asarray(array) for array in arrays]
    jax = _import("jax")
    (device, *_) = jax.devices("cuda")
    return [jax.device_put(array, device) for array in arrays]


def from_torch(tensor: Any) -> Any:
    """Return an array that shares memory with a tensor: NumPy's, or CuPy's."""
    return import_module("cupy").from_dlpack(tensor) if on_cuda() else tensor.numpy()


def _import(library: str) -> Any:
    if reason := missing(library):
        raise UnavailableError(reason)
    return import_module(library)


def wait(result: Any) -> None:
    """Wait for what a contender has started on a device, until its result is there."""
    if not on_cuda():
        return
    library = library_of(result)
    if library == "torch":
        import_module("torch").cuda.synchronize()
    elif library == "cupy":
        import_module("cupy").cuda.get_current_stream().synchronize()
    elif library == "jax":
        import_module("jax").block_until_ready(result)


def library_of(result: Any) -> str:
    """Name the library of an array, or of the last of several."""
    if isinstance(result, tuple):
        return library_of(result[-1])
    if is_torch_array(result):
        return "torch"
    if is_jax_array(result):
        return "jax"
    return "cupy" if is_cupy_array(result) else "numpy"


def to_numpy(array: Any) -> Any:
    """Copy an array of any library to the host."""
    if is_torch_array(array):
        return array.cpu().numpy()
    if is_cupy_array(array):
        return array.get()
    return np.asarray(array)
