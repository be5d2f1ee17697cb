"""One switch for the compilers of the array libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from importlib import import_module
from types import FunctionType, MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar

import array_api_compat

from ._core.fusion import fused
from ._core.namespace import is_array, plain
from ._core.trees import leaves_of

__all__ = ["Compiled", "compile"]

P = ParamSpec("P")
T = TypeVar("T")
Function = Callable[..., Any]

AS_IT_IS = "as it is"


class Compiled(Generic[P, T]):
    """A function that each library's own compiler compiles: see :func:`compile`."""

    def __init__(self, fn: Callable[P, T], dynamic: bool | None) -> None:
        update_wrapper(self, fn)
        self._fn, self._dynamic = fn, dynamic
        self._functions: dict[str, Function] = {}
        self._backends: dict[str, str] = {}

    @property
    def backends(self) -> Mapping[str, str]:
        """What became of the function, by the library whose arrays it was called with.

        One of ``"torch.compile(fullgraph=True)"``, ``"jax.jit"``, ``"cupy.fuse"`` and
        ``"as it is"``.
        """
        return MappingProxyType(self._backends)

    def __call__(self, *args: P.args, **options: P.kwargs) -> T:
        """Call the function, compiled for the library of the arrays among these."""
        library = _library(args, options)
        if library is None:
            return self._fn(*args, **options)
        if library not in self._functions:
            compiler: Function = _COMPILERS.get(library, _as_it_is)
            function, name = compiler(self._fn, self._dynamic, args, options)
            self._functions[library], self._backends[library] = function, name
        result: T = self._functions[library](*args, **options)
        return result

    def __repr__(self) -> str:
        return f"xloss.compile({self._fn!r}, dynamic={self._dynamic})"

    def __reduce__(self) -> Any:
        """Leave out what was compiled, which belongs to this process."""
        return partial(compile, dynamic=self._dynamic), (self._fn,)


def compile(  # noqa: A001 # what torch calls it
    fn: Callable[P, T], *, dynamic: bool | None = None
) -> Compiled[P, T]:
    """Return a function that each library's own compiler compiles.

    On its first call with arrays of a library it goes to the compiler of that library:

    ======= ================================= =======================================
    library compiler                          compiled anew for
    ======= ================================= =======================================
    torch   ``torch.compile(fullgraph=True)`` dtypes, ranks, and the second size of an
                                              axis and value of a float option, after
                                              which any size and value will do
    JAX     ``jax.jit``                       dtypes, shapes, and options that are no
                                              arrays and no floats
    CuPy    ``cupy.fuse``, for elementwise    dtypes
            losses
    NumPy   none: losses run in blocks
    others  none
    ======= ================================= =======================================

    Parameters
    ----------
    fn
        A loss, a criterion, or a function of your own of arrays of any library, or of
        tuples, lists and dicts of them.
    dynamic
        As ``torch.compile`` takes it: True makes sizes variables from the first call
        on, False compiles anew for each size, None decides when a second one comes.
        Other compilers have no such choice.

    Returns
    -------
    Compiled
        The function of the same arguments. Its ``backends`` says what was done, by
        library. What was compiled is held by it alone, and goes when it goes.

    Raises
    ------
    TypeError
        If `fn` is not callable, or `dynamic` is neither a bool nor None. At the call:
        on JAX, if an argument can be neither traced nor hashed.

    Notes
    -----
    On JAX a float argument is traced, so that a new value compiles nothing, unless the
    function has to look at it, as an ``if`` does.

    Within a trace, of a compiler or of :func:`value_and_grad`, and within a transform
    such as ``torch.func.vmap``, the function is called as it is, and compiled with what
    is around it.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> loss = xloss.compile(xloss.huber_loss)
    >>> print(loss(np.asarray([0.0, 3.0]), np.zeros(2), delta=2.0))
    2.0
    >>> dict(loss.backends)
    {'numpy': 'as it is'}
    """
    if not callable(fn):
        msg = (
            "compile: fn must be a loss, a criterion or another function, got "
            f"{type(fn).__name__}; pass the function itself, not its result"
        )
        raise TypeError(msg)
    if not (dynamic is None or isinstance(dynamic, bool)):
        msg = f"compile: dynamic must be True, False or None, got {dynamic!r}"
        raise TypeError(msg)
    return Compiled(fn._fn if isinstance(fn, Compiled) else fn, dynamic)


def _library(args: Any, options: Any) -> str | None:
    """Return whose arrays are among the arguments, None for a call as it is.

    A NumPy array beside another library's is for that one to take or to refuse.
    """
    found = None
    if _within_torch():
        return None
    for _, leaf in leaves_of((args, options), ""):
        if is_array(leaf):
            found = _library_of(plain(leaf))
            if found != "numpy":
                break
    return found


def _within_torch() -> bool:
    """Whether torch's compiler traces, or one of its transforms is at work."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if torch.compiler.is_compiling():
        return True
    from ._core.torch_step import is_transforming

    return is_transforming()


def _library_of(x: Any) -> str:
    if array_api_compat.is_torch_array(x):
        return "torch"
    if array_api_compat.is_jax_array(x):
        return "jax"
    return type(x).__module__.partition(".")[0]


def _as_it_is(fn: Function, *_: Any) -> tuple[Function, str]:
    return fn, AS_IT_IS


def _by_torch(fn: Function, dynamic: bool | None, *_: Any) -> tuple[Function, str]:
    import torch

    def run(*args: Any, **options: Any) -> Any:
        return fn(*args, **options)

    # torch keeps what it compiles with the code object, of which it allows eight: a
    # copy keeps functions apart, and goes with this one.
    own = FunctionType(
        run.__code__.replace(), run.__globals__, run.__name__, None, run.__closure__
    )
    compiled = torch.compile(own, fullgraph=True, dynamic=dynamic)
    return compiled, "torch.compile(fullgraph=True)"


def _by_jax(fn: Function, *_: Any) -> tuple[Function, str]:
    import jax

    def run(traced: list[Any], static: Static, tree: Any) -> Any:
        given = iter(traced)
        leaves = [next(given) if slot is None else slot[1] for slot in static]
        args, options = jax.tree.unflatten(tree, leaves)
        return fn(*args, **options)

    def can_trace(place: int, leaves: list[Any], tree: Any) -> bool:
        others = _floats(leaves) - {place}
        traced, static = _split(leaves, others)
        try:
            jax.eval_shape(lambda traced: run(traced, static, tree), traced)
        except TypeError:
            return False
        return True

    jitted = jax.jit(run, static_argnums=(1, 2))
    looked_at: dict[Any, set[int]] = {}  # floats, by the rest of the call

    def call(*args: Any, **options: Any) -> Any:
        leaves, tree = jax.tree.flatten((args, options))
        traced, static = _split(leaves, set())
        kind = static, tree
        if kind in looked_at:
            return jitted(*_split(leaves, looked_at[kind]), tree)
        try:
            return jitted(traced, *kind)
        except TypeError:
            found = {i for i in _floats(leaves) if not can_trace(i, leaves, tree)}
            if not found:
                raise
        result = jitted(*_split(leaves, found), tree)
        looked_at[kind] = found
        return result

    return call, "jax.jit"


Static = tuple[tuple[type, Any] | None, ...]
"""What is not traced, with its type, as 1 is not True; None in the place of the rest"""


def _floats(leaves: list[Any]) -> set[int]:
    return {i for i, x in enumerate(leaves) if isinstance(x, float)}


def _split(leaves: list[Any], kept: set[int]) -> tuple[list[Any], Static]:
    """Return the arrays and floats, but for those that are kept, and the rest."""
    traced_places = _floats(leaves) - kept
    traced_places |= {i for i, x in enumerate(leaves) if is_array(x)}
    traced = [x for i, x in enumerate(leaves) if i in traced_places]
    static = (
        None if i in traced_places else (type(x), x) for i, x in enumerate(leaves)
    )
    return traced, tuple(static)


def _by_cupy(
    fn: Function, _: bool | None, args: Any, options: Any
) -> tuple[Function, str]:
    fuse = import_module("cupy").fuse

    function = fused(fn, fuse, args, options)
    return (fn, AS_IT_IS) if function is None else (function, "cupy.fuse")


_COMPILERS: Mapping[str, Function] = {
    "torch": _by_torch,
    "jax": _by_jax,
    "cupy": _by_cupy,
}
