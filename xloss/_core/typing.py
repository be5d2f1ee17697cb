"""The types that public signatures are written with."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, TypeVar

__all__ = ["Array", "ArrayT", "Namespace", "Reduction"]


class Array(Protocol):
    """What xloss asks of an array's type: shape, number of axes and dtype.

    Deliberately small: NumPy and CuPy arrays, torch and JAX tensors and Dask
    collections all satisfy it as they are typed today, lists and Python numbers
    do not. Operators stay out, because the libraries' stubs disagree on them.
    """

    @property
    def shape(self) -> tuple[Any, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> Any: ...


ArrayT = TypeVar("ArrayT", bound=Array)

Namespace: TypeAlias = Any
"""An Array API namespace: a module, whose functions no type describes yet."""

Reduction: TypeAlias = Literal["none", "mean", "sum"] | None
