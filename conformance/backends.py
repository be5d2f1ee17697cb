"""One adapter per array library: arrays in and out, and the library's transformations.

Everything that the suite knows about a library is here. A transformation takes a
function of a dictionary of arrays and gives one back.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from array_api_compat import device as device_of

import xloss
from conformance.case import DTYPES, Data

Array = Any
Arrays = Mapping[str, Array]
Function = Callable[[Arrays], Array]


class Backend:
    """What an adapter says about its library; NumPy's own answers are the defaults."""

    name = "numpy"
    module = "numpy"
    modes: tuple[str, ...] = ("eager", "gradient")
    # Where each case costs a compilation, so that fewer of them run.
    compiling_modes: tuple[str, ...] = ()
    # Where a case of a costly loss takes half a second, so that core cases run, and
    # where it takes seconds, so that one does.
    costly_modes: tuple[str, ...] = ()
    slow_modes: tuple[str, ...] = ()
    immutable = False
    flushes = False  # numbers below the smallest normal one become 0

    def __init__(self) -> None:
        self.xp = importlib.import_module(self.module)

    def devices(self) -> tuple[str, ...]:
        """Names of the devices at hand."""
        return ("cpu",)

    def kind(self, device: str) -> str:
        """What hardware a device is: cpu or cuda."""
        return device

    def dtypes(self, device: str) -> tuple[str, ...]:
        """Floating dtypes that the device computes with."""
        return ("float64", "float32", "float16")

    def default_dtype(self, device: str) -> str:
        """Dtype of a loss between integers."""
        return "float64"

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        """An array that refuses to be written to, where the library has such."""
        array = np.array(data, dtype=dtype)
        array.setflags(write=False)
        return array

    def to_numpy(self, array: Array) -> Data:
        """Its values in NumPy; half precision comes back as float64."""
        return np.asarray(array)

    def dtype_name(self, array: Array) -> str:
        """The dtype without the library's prefix."""
        return str(array.dtype).rpartition(".")[2]

    def device(self, array: Array) -> object:
        """Where the array lives, comparable with ``==``."""
        return device_of(array)

    def wrong_type(self, result: Array) -> str:
        """What is wrong with the type of a loss, beyond its namespace."""
        return ""

    def gradient(self, function: Function, arrays: Arrays, names: list[str]) -> Arrays:
        """Gradient of the sum of the result, on a tape."""

        def total(leaves: Arrays) -> Array:
            result = function({**arrays, **leaves})
            return result.__array_namespace__().sum(result)

        found: Arrays = xloss.grad(total)({name: arrays[name] for name in names})
        return found

    def program(self, function: Function) -> Function:
        """In one piece, where each operation by itself costs a compilation."""
        return function

    def session(self) -> AbstractContextManager[object]:
        """Settings that hold while a cell runs."""
        return nullcontext()


class NumPy(Backend):
    """The reference library; reduced losses are NumPy scalars, as its own means are."""

    def wrong_type(self, result: Array) -> str:
        if result.shape == () and not isinstance(result, np.generic):
            return f"result is a {type(result).__name__}, expected a NumPy scalar"
        return ""


class Torch(Backend):
    """PyTorch eager, differentiated, compiled, batched, and on tensors without data."""

    name = module = "torch"
    modes = ("eager", "gradient", "compiled", "vmap", "meta")
    compiling_modes = slow_modes = ("compiled",)
    costly_modes = ("vmap", "meta")

    def __init__(self) -> None:
        super().__init__()
        importlib.import_module("torch._dynamo")
        with warnings.catch_warnings():
            # Inductor imports this, and torch warns of its own deprecated decorator.
            warnings.simplefilter("ignore", DeprecationWarning)
            importlib.import_module("torch.utils.mkldnn")

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda:0") if self.xp.cuda.is_available() else ("cpu",)

    def kind(self, device: str) -> str:
        return device.partition(":")[0]

    def dtypes(self, device: str) -> tuple[str, ...]:
        return DTYPES

    def default_dtype(self, device: str) -> str:
        return "float32"

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        return self.xp.asarray(data.copy()).to(getattr(self.xp, dtype)).to(device)

    def to_numpy(self, array: Array) -> Data:
        array = array.detach().cpu()
        return np.asarray(array.double() if array.is_floating_point() else array)

    def gradient(self, function: Function, arrays: Arrays, names: list[str]) -> Arrays:
        """Gradient of the sum of the result."""
        leaves = {n: arrays[n].clone().requires_grad_() for n in names}
        result = function({**arrays, **leaves})
        ones = self.xp.ones_like(result)
        gradients = self.xp.autograd.grad(result, list(leaves.values()), ones)
        return dict(zip(names, gradients, strict=True))

    def compile(self, function: Function, *, thorough: bool) -> Function:
        """Without a graph break; Inductor's C++ takes seconds, so only if `thorough`.

        AOT autograd without Inductor still traces the same graph, to the same end.
        """
        self.xp.compiler.reset()
        # Dynamo warns once a process; whoever compiles this call first is warned.
        self.xp._dynamo.utils.warn_once_cache.clear()
        backend = "inductor" if thorough else "aot_eager"
        compiled: Function = self.xp.compile(function, fullgraph=True, backend=backend)
        return compiled

    def vmap(self, function: Function) -> Function:
        """Over the leading axis of every array."""
        mapped: Function = self.xp.func.vmap(function)
        return mapped

    def stack(self, array: Array) -> Array:
        """Two copies along a new leading axis."""
        return self.xp.stack([array, array])

    def meta(self, arrays: Arrays) -> Arrays:
        """Shapes and dtypes without data."""
        return {name: array.to("meta") for name, array in arrays.items()}


class Jax(Backend):
    """JAX with 64-bit dtypes, where nothing may promote a dtype or a rank silently."""

    name = "jax"
    module = "jax.numpy"
    modes = compiling_modes = ("eager", "gradient", "compiled", "vmap")
    costly_modes, slow_modes = ("gradient", "compiled"), ("eager", "vmap")
    immutable = flushes = True

    def __init__(self) -> None:
        super().__init__()
        self.jax = importlib.import_module("jax")

    def devices(self) -> tuple[str, ...]:
        accelerator = self.jax.default_backend()
        return ("cpu",) if accelerator == "cpu" else ("cpu", "cuda")

    def dtypes(self, device: str) -> tuple[str, ...]:
        return DTYPES

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        place = self.jax.devices(device)[0]
        return self.jax.device_put(data.astype(self.xp.dtype(dtype)), place)

    def to_numpy(self, array: Array) -> Data:
        half = self.dtype_name(array) == "bfloat16"
        return np.asarray(array.astype("float64") if half else array)

    def session(self) -> AbstractContextManager[object]:
        return self._strict()

    @contextmanager
    def _strict(self) -> Iterator[None]:
        jax = self.jax
        with (
            jax.enable_x64(True),
            jax.numpy_dtype_promotion("strict"),
            jax.numpy_rank_promotion("raise"),
        ):
            yield

    def gradient(self, function: Function, arrays: Arrays, names: list[str]) -> Arrays:
        """Gradient of the sum of the result."""

        def of(leaves: Arrays) -> Array:
            return function({**arrays, **leaves})

        result, pull_back = self.jax.vjp(of, {name: arrays[name] for name in names})
        (gradients,) = pull_back(self.xp.ones_like(result))
        found: Arrays = gradients
        return found

    def program(self, function: Function) -> Function:
        compiled: Function = self.jax.jit(function)
        return compiled

    def compile(self, function: Function, *, thorough: bool) -> Function:
        """One graph per case; XLA is always the compiler."""
        return self.program(function)

    def vmap(self, function: Function) -> Function:
        """Over the leading axis of every array."""
        mapped: Function = self.jax.vmap(function)
        return mapped

    def stack(self, array: Array) -> Array:
        """Two copies along a new leading axis."""
        return self.xp.stack([array, array])


class Strict(Backend):
    """array-api-strict with nothing beyond the 2024.12 standard, on three devices."""

    name = "strict"
    module = "array_api_strict"

    def devices(self) -> tuple[str, ...]:
        return ("CPU_DEVICE", "device1", "no_float64")

    def kind(self, device: str) -> str:
        return "cpu"

    def dtypes(self, device: str) -> tuple[str, ...]:
        return ("float32",) if device == "no_float64" else ("float64", "float32")

    def default_dtype(self, device: str) -> str:
        return self.dtypes(device)[0]

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        place = self.xp.Device(device)
        # no_float64 refuses the conversion itself, so it happens before.
        data = data.astype(dtype)
        return self.xp.asarray(data, dtype=getattr(self.xp, dtype), device=place)

    def to_numpy(self, array: Array) -> Data:
        return np.asarray(array.to_device(self.xp.Device("CPU_DEVICE")))

    def session(self) -> AbstractContextManager[object]:
        return self._strict()

    @contextmanager
    def _strict(self) -> Iterator[None]:
        flags = self.xp.ArrayAPIStrictFlags(
            api_version="2024.12",
            boolean_indexing=False,
            data_dependent_shapes=False,
            enabled_extensions=(),
        )
        # NumPy underneath warns of overflow; the standard has no warnings.
        with flags, np.errstate(all="ignore"):
            yield


class Dask(Backend):
    """Dask in several chunks; building a loss must compute nothing."""

    name = "dask"
    module = "dask.array"
    modes = ("eager",)
    costly_modes = ("eager",)
    immutable = True

    def __init__(self) -> None:
        super().__init__()
        self.config = importlib.import_module("dask.config")

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        # Two along the first axis: sums then cross chunks, and graphs stay small.
        chunks = tuple(
            max(1, (n + 1) // 2) if axis == 0 else n
            for axis, n in enumerate(data.shape)
        )
        return self.xp.from_array(data.astype(dtype), chunks=chunks)

    def to_numpy(self, array: Array) -> Data:
        # What NumPy warns of when the graph runs is no longer the loss's doing.
        with np.errstate(all="ignore"):
            return np.asarray(array.compute(scheduler="synchronous"))

    def session(self) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = self.config.set(scheduler=_refuse)
        return context


class CuPy(Backend):
    """CuPy, with NumPy's answers on the GPU."""

    name = module = "cupy"

    def devices(self) -> tuple[str, ...]:
        return ("cuda",) if self.xp.cuda.is_available() else ()

    def asarray(self, data: Data, dtype: str, device: str) -> Array:
        return self.xp.asarray(data.astype(dtype))

    def to_numpy(self, array: Array) -> Data:
        return np.asarray(self.xp.asnumpy(array))


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("the loss computed a Dask array instead of staying lazy")


BACKENDS: dict[str, type[Backend]] = {
    cls.name: cls for cls in (NumPy, Torch, Jax, Strict, Dask, CuPy)
}


def load(name: str) -> Backend | None:
    """The adapter, or None where its library is not installed or has no device."""
    try:
        backend = BACKENDS[name]()
    except ImportError:
        return None
    return backend if backend.devices() else None
