"""Which kernel an elementwise loss applies: asked by calling it with probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

__all__ = ["WEIGHTS", "Call", "Probe", "elementwise_call", "probed", "unweighted_call"]


WEIGHTS = ("where", "sample_weight", "weight")
"""what a call may weigh its elements by"""


class _NotElementwiseError(Exception):
    """Something other than the driver of elementwise losses met a probe."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise _NotElementwiseError


class _Opaque:
    """What nothing can be computed with."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves its operators to those below


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul", "floordiv", "mod"):
    setattr(_Opaque, f"__{_name}__", _refuse)
    setattr(_Opaque, f"__r{_name}__", _refuse)
for _name in ("neg", "abs", "getitem", "bool", "float", "len", "lt", "gt", "le", "ge"):
    setattr(_Opaque, f"__{_name}__", _refuse)


class Probe(_Opaque):
    """An argument in the place of an array, to be met by the driver alone."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    __array_namespace__ = _refuse


def probed(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays that probes stand for."""
    return {n: x.array if isinstance(x, Probe) else x for n, x in arrays.items()}


@dataclass(frozen=True, eq=False, slots=True)
class Call(_Opaque):
    """A call of the driver of elementwise losses: its arguments."""

    function: str
    kernel: Any
    arrays: Mapping[str, Any]
    reduction: str | None
    keywords: Mapping[str, Any]
    """the mask, the weights, `scale` and the options of the kernel"""


def elementwise_call(
    caller: str,
    loss: Callable[..., Any],
    pred: Any,
    target: Any,
    *args: Any,
    **options: Any,
) -> Call:
    """Return how a loss calls the driver, or refuse one that does not, or does more.

    Nothing is computed, and so no array is looked at.
    """
    probes = Probe(pred), Probe(target)
    call: Any
    try:
        call = loss(*probes, *args, **options)
    except (_NotElementwiseError, AttributeError):  # a probe has no attributes
        call = None
    if not _is_of(call, probes):
        name = getattr(loss, "__name__", type(loss).__name__)
        msg = (
            f"{caller}: the loss must be an elementwise one of this library, called on "
            "the prediction and the target as they are (its value a sum over elements "
            f"of a function of one prediction and its target), got {name}"
        )
        raise ValueError(msg)
    result: Call = replace(call, arrays=probed(call.arrays))
    return result


def unweighted_call(caller: str, loss: Callable[..., Any], advice: str = "") -> Call:
    """Return how a loss calls the driver for one sample of one output.

    Or refuse one with a mask or weights of its own, with advice.
    """
    one = np.zeros((1, 1))
    call = elementwise_call(caller, loss, one, one)
    if any(call.keywords[name] is not None for name in WEIGHTS):
        msg = f"{caller}: the loss must have no mask and no weights of its own{advice}"
        raise ValueError(msg)
    return call


def _is_of(call: Any, probes: tuple[Probe, Probe]) -> bool:
    """Whether this is a call on the probes in their places, and nowhere else."""
    if not isinstance(call, Call):
        return False
    places = zip(call.arrays.values(), probes, strict=True)
    others = call.keywords.values()
    return all(x is probe for x, probe in places) and not any(
        isinstance(x, Probe) for x in others
    )
