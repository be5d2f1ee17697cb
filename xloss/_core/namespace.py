"""Namespace, dtype and device of a loss's arguments."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from .typing import Namespace

__all__ = [
    "Arguments",
    "Fresh",
    "Recorded",
    "RecordedNamespace",
    "array_namespace",
    "as_operand",
    "as_option",
    "beneath",
    "cast",
    "compute_dtype",
    "constant",
    "default_float",
    "default_integer",
    "device_of",
    "full",
    "in_range",
    "indices",
    "is_array",
    "is_compiling",
    "is_dask",
    "is_eager_torch",
    "is_jax",
    "is_numpy",
    "is_recorded",
    "is_torch",
    "over_numpy",
    "plain",
    "quiet",
    "resolve",
    "scalar",
    "vector",
    "widest_float",
]


class Arguments(NamedTuple):
    """What the array arguments of one call have in common."""

    xp: Namespace
    dtype: Any
    """dtype of the result"""
    compute: Any
    """dtype that the loss is computed and accumulated in"""


class Recorded:
    """A traced array: what is done to it is written down, to be differentiated.

    It has the traced `value` and the `tape`, of which `xp` is the value's namespace.
    """

    __slots__ = ()

    tape: Any
    value: Any

    @property
    def varies(self) -> bool:
        """Whether a gradient goes to it, or through it."""
        raise NotImplementedError


class RecordedNamespace:
    """The namespace of traced arrays, of one tape."""

    tape: Any


class Fresh(NamedTuple):
    """A gradient that no one else has, so that it may be added to in place."""

    array: Any


def plain(x: Any) -> Any:
    """Return what a traced array wraps."""
    return x.value if isinstance(x, Recorded) else x


def beneath(xp: Namespace, x: Any) -> tuple[Namespace, Any]:
    """Return an array whose values are at hand, and its namespace, of a traced one."""
    return (x.tape.xp, x.value) if isinstance(x, Recorded) else (xp, x)


def resolve(
    function: str, main: Mapping[str, Any], extra: Mapping[str, Any]
) -> Arguments:
    """Check the arrays of a call and find what they have in common.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    main
        Predictions and targets by argument name: they alone decide the dtype.
    extra
        Further arrays by argument name (weights, masks, array-valued options):
        they must be of the same library and on the same device.
    """
    everything = {**main, **extra} if extra else main
    xp = array_namespace(function, everything)
    _check_devices(function, xp, everything)
    for name, value in extra.items():
        _check_dtype(function, name, xp, value.dtype)
    return Arguments(xp, *_dtypes(function, xp, main))


def array_namespace(function: str, arrays: Mapping[str, Any]) -> Namespace:
    """Return the array namespace of the arguments, or say which one is no array."""
    values = arrays.values()
    for value in values:  # a third of the time of `all`
        if type(value) is not np.ndarray:
            break
    else:
        # Not at import: it loads all of NumPy, f2py included, for 0.1 s.
        from array_api_compat import numpy as numpy_namespace

        return numpy_namespace
    # Dynamo warns five times about the lru_cache wrappers inside
    # array_api_compat.array_namespace; an isinstance test does not meet them.
    torch = sys.modules.get("torch")
    if torch is not None:
        for value in values:
            if not isinstance(value, torch.Tensor):
                break
        else:
            from array_api_compat import torch as torch_namespace

            return torch_namespace
    for name, value in arrays.items():
        _check_is_array(function, name, value)
    for value in values:
        if isinstance(value, Recorded):  # an array beside it is a constant
            return value.tape.namespace
    try:
        return array_api_compat.array_namespace(*values)
    except TypeError:
        came = ", ".join(
            f"{name}: {_type_name(value)}" for name, value in arrays.items()
        )
        msg = f"{function}: all arrays must come from one library, got {came}"
        raise TypeError(msg) from None


def is_array(value: object) -> bool:
    """Whether a value is an array of any library."""
    if type(value) is np.ndarray:
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return True
    return bool(array_api_compat.is_array_api_obj(value))


def _check_is_array(function: str, name: str, value: object) -> None:
    # A Dask array says in _meta what its chunks are.
    if isinstance(getattr(value, "_meta", value), (np.ma.MaskedArray, np.matrix)):
        remedy = "pass numpy.asarray(it), and a mask as where=~mask"
        came = _type_name(value)
        msg = f"{function}: {name} must be a plain array, got {came}; {remedy}"
        raise TypeError(msg)
    if not is_array(value):
        msg = (
            f"{function}: {name} must be an array (of NumPy, CuPy, torch, JAX, Dask or "
            f"another Array API library), got {_type_name(value)}; "
            "convert it first, for example with numpy.asarray"
        )
        raise TypeError(msg)


def _type_name(value: object) -> str:
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _check_devices(function: str, xp: Namespace, arrays: Mapping[str, Any]) -> None:
    if not _has_devices(xp):
        return
    first, *others = arrays.values()
    device = device_of(xp, first)
    for other in others:
        if device_of(xp, other) == device:
            continue
        came = ", ".join(f"{name}: {device_of(xp, x)}" for name, x in arrays.items())
        msg = f"{function}: all arrays must be on one device, got {came}"
        raise ValueError(msg)


def _has_devices(xp: Namespace) -> bool:
    """Whether arrays of this library name a device that new arrays must share.

    NumPy has one device. JAX places new arrays itself; its tracers have no device
    and its sharded arrays answer with a sharding.
    """
    return not (is_numpy(xp) or is_jax(xp))


def device_of(xp: Namespace, x: Any) -> Any:
    """Return the device for a new array beside `x`, `None` where that is automatic."""
    if is_torch(xp):
        return x.device
    return array_api_compat.device(x) if _has_devices(xp) else None


# By name: the predicates of array_api_compat are lru_cache wrappers, of which Dynamo
# warns, and on a look-up in sys.modules it sets a guard, which the first traced call
# falsifies by importing the namespace.


def is_numpy(xp: Namespace) -> bool:
    """Whether this is NumPy's namespace, its own or that of array_api_compat."""
    return bool(xp.__name__ in ("numpy", "array_api_compat.numpy"))


def is_recorded(xp: Namespace) -> bool:
    """Whether this is the namespace of traced arrays."""
    return isinstance(xp, RecordedNamespace)


def over_numpy(xp: Namespace) -> bool:
    """Whether this is NumPy's namespace, or that of traced arrays of NumPy."""
    return is_numpy(_untraced(xp))


def _untraced(xp: Namespace) -> Namespace:
    """Return the namespace of what traced arrays wrap; of others their own."""
    return xp.tape.xp if isinstance(xp, RecordedNamespace) else xp


def is_torch(xp: Namespace) -> bool:
    """Whether this is torch's namespace."""
    return bool(xp.__name__ == "array_api_compat.torch")


def is_jax(xp: Namespace) -> bool:
    """Whether this is JAX's namespace."""
    return bool(xp.__name__ == "jax.numpy")


def is_dask(xp: Namespace) -> bool:
    """Whether this is Dask's namespace, or that of traced arrays of Dask."""
    return bool(_untraced(xp).__name__ == "array_api_compat.dask.array")


def is_eager_torch(xp: Namespace) -> bool:
    """Whether every operation runs on its own, over whole torch tensors."""
    # spelled out, because losses ask for it often, and a call takes its time
    return bool(
        xp.__name__ == "array_api_compat.torch" and not xp.compiler.is_compiling()
    )


def is_compiling(xp: Namespace) -> bool:
    """Whether torch's compiler is tracing, perhaps for any shape."""
    return is_torch(xp) and bool(xp.compiler.is_compiling())


def _dtypes(function: str, xp: Namespace, arrays: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the dtypes of the result and of the computation."""
    first, *others = arrays.values()
    dtype = first.dtype
    for other in others:
        if other.dtype != dtype:
            break
    else:
        if _is_plain_float(xp, dtype):
            return dtype, dtype
    for name, value in arrays.items():
        _check_dtype(function, name, xp, value.dtype)
    dtypes = [value.dtype for value in arrays.values()]
    floating = [d for d in dtypes if xp.isdtype(d, "real floating")]
    dtype = _result_type(xp, floating, first)
    return dtype, compute_dtype(xp, dtype)


def _is_plain_float(xp: Namespace, dtype: Any) -> bool:
    return bool(dtype == xp.float32 or dtype == xp.float64)


def _check_dtype(function: str, name: str, xp: Namespace, dtype: Any) -> None:
    if not _is_real(xp, dtype):
        msg = (
            f"{function}: {name} must have a real floating, integer or bool dtype, "
            f"got {dtype}; convert it first"
        )
        raise ValueError(msg)


def _is_real(xp: Namespace, dtype: Any) -> bool:
    if is_numpy(xp):
        # Kind "V" holds ml_dtypes' bfloat16, with which NumPy computes wrongly.
        return dtype.kind in "biuf"
    if xp.isdtype(dtype, ("bool", "integral")):
        return True
    # Below 16 bits no library computes; 8-bit floats are storage formats.
    return bool(xp.isdtype(dtype, "real floating")) and xp.finfo(dtype).bits >= 16


def _result_type(xp: Namespace, floating: list[Any], like: Any) -> Any:
    if not floating:
        return default_float(xp, like)
    if is_numpy(xp):
        return np.result_type(*floating).newbyteorder("=")
    if is_torch(xp):  # torch.result_type breaks fullgraph
        return reduce(xp.promote_types, floating)
    return xp.result_type(*floating)


def default_float(xp: Namespace, like: Any) -> Any:
    """Return the library's default real floating dtype on the device of `like`."""
    return _default_dtypes(xp, like)["real floating"]


def default_integer(xp: Namespace, like: Any) -> Any:
    """Return the library's default integer dtype on the device of `like`."""
    return xp.int64 if is_torch(xp) else _default_dtypes(xp, like)["integral"]


def _default_dtypes(xp: Namespace, like: Any) -> Any:
    info = xp.__array_namespace_info__()
    return info.default_dtypes(device=device_of(xp, like))


def widest_float(xp: Namespace, like: Any) -> Any:
    """Return float64, or the dtype of `like` where its device has none."""
    info = xp.__array_namespace_info__()
    floats = info.dtypes(device=device_of(xp, like), kind="real floating")
    return floats.get("float64", like.dtype)


def compute_dtype(xp: Namespace, dtype: Any) -> Any:
    """float16 and bfloat16 keep three digits: compute and accumulate in float32."""
    if _is_plain_float(xp, dtype) or xp.finfo(dtype).bits > 16:
        return dtype
    return xp.float32


def cast(xp: Namespace, x: Any, dtype: Any) -> Any:
    """Return `x` in `dtype`, itself where it has it."""
    return x if x.dtype == dtype else xp.astype(x, dtype)


def in_range(xp: Namespace, value: float, dtype: Any) -> float:
    """Return an option within what the dtype of the computation can hold.

    inf becomes the largest number, and a denormal, which JAX takes for 0, the
    smallest normal one.
    """
    if 1e-37 < value < 1e38 or value == 0.0:  # in every dtype that computes
        return value
    if value < 0.0:
        return -in_range(xp, -value, dtype)
    limits = xp.finfo(dtype)
    if value > float(limits.max):
        return float(limits.max)
    tiny = float(limits.smallest_normal)
    return tiny if value < tiny else value


def as_option(xp: Namespace, value: Any, dtype: Any) -> Any:
    """Return an option, a number or an array, as the computation takes it."""
    if isinstance(value, (int, float)):
        return in_range(xp, value, dtype)
    return cast(xp, value, dtype)


def constant(xp: Namespace, value: Any, like: Any) -> Any:
    """Return an option as an operand of the dtype and device of `like`.

    A 0-d array is right everywhere that a Python number is not: the standard's
    `minimum` and `maximum` refuse one. An option that is an array stays as it is.
    """
    if not isinstance(value, (int, float)):
        return value
    return full(xp, (), value, like)


def quiet(xp: Namespace) -> AbstractContextManager[Any]:
    """Keep NumPy from warning: inf, and NaN where NaN went in, are results."""
    return np.errstate(all="ignore") if is_numpy(xp) else nullcontext()


def scalar(xp: Namespace, x: Any) -> Any:
    """Return a 0-d array of NumPy as a scalar, which its reductions give."""
    return x[()] if is_numpy(xp) else x


def vector(xp: Namespace, values: Sequence[float], like: Any) -> Any:
    """Return Python numbers as a 1-d array of the dtype and device of `like`."""
    return xp.asarray(values, dtype=like.dtype, device=device_of(xp, like))


def full(xp: Namespace, shape: tuple[int, ...], value: float, like: Any) -> Any:
    """Return a new array of one value, of the dtype and device of `like`."""
    return xp.full(shape, value, dtype=like.dtype, device=device_of(xp, like))


def indices(xp: Namespace, count: int, like: Any, axis: int) -> Any:
    """Return 0, ..., count - 1 along an axis, of the dtype and rank of `like`."""
    values = xp.arange(count, dtype=like.dtype, device=device_of(xp, like))
    return xp.reshape(values, (1,) * axis + (count,) + (1,) * (like.ndim - axis - 1))


def as_operand(xp: Namespace, x: Any, dtype: Any, ndim: int) -> Any:
    """Return `x` in the dtype it enters the computation with, and with `ndim` axes.

    JAX refuses to broadcast unequal ranks under `jax_numpy_rank_promotion="raise"`.
    """
    if 0 < x.ndim < ndim:
        x = xp.reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape))
    return cast(xp, x, dtype)
