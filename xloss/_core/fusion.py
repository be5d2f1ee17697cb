"""Elementwise losses of CuPy arrays with their formula as one kernel of the GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .elementwise import elementwise_call
from .kernels import Kernel
from .namespace import array_namespace
from .pointwise import pointwise
from .typing import Namespace

__all__ = ["fused"]

Function = Callable[..., Any]


def fused(fn: Function, fuse: Function, args: Any, options: Any) -> Function | None:
    """Return an elementwise loss with its formula fused, or None where that can't be.

    It is taken where it agrees with the operations one by one on the arguments at hand:
    what `cupy.fuse` takes, and of what dtype a number is among float32 arrays, is not
    documented.
    """
    kernels: dict[Any, Function] = {}

    def function(*args: Any, **options: Any) -> Any:
        call = elementwise_call("compile", fn, *args, **options)
        if not isinstance(call.kernel, Kernel):
            msg = f"compile: {call.function} is no function of the residual"
            raise TypeError(msg)
        kernel = call.kernel._replace(rho=_fused_rho(call.kernel.rho, fuse, kernels))
        keywords = call.keywords
        return pointwise(call.function, kernel, call.arrays, call.reduction, **keywords)

    try:
        same = _agree(function(*args, **options), fn(*args, **options))
    except Exception:  # of the compiler's own, of many kinds
        return None
    return function if same else None


def _fused_rho(rho: Function, fuse: Function, kernels: dict[Any, Function]) -> Function:
    """Return a formula that is compiled once for all values of its options."""

    def call(xp: Namespace, residual: Any, **options: Any) -> Any:
        names = tuple(options)

        def formula(residual: Any, *values: Any) -> Any:
            return rho(xp, residual, **dict(zip(names, values, strict=True)))

        kernel = kernels.setdefault((rho, names), fuse(formula))
        return kernel(residual, *options.values())

    return call


def _agree(a: Any, b: Any) -> bool:
    """Whether two results differ by no more than the order of operations."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    xp = array_namespace("compile", {"a": a, "b": b})
    apart = math.sqrt(xp.finfo(b.dtype).eps) * xp.abs(b)
    return bool(xp.all((a == b) | (xp.abs(a - b) <= apart)))
