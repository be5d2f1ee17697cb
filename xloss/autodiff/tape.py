"""Reverse-mode differentiation of functions written against the Array API standard.

A traced array wraps one of any library. Its operators, and the functions of its
namespace, compute with what they wrap, and write down on a tape where each result came
from. Backward, every function hands a gradient on to its arguments by its rule.
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NoReturn

import array_api_compat
import numpy as np

from .._core.namespace import Fresh, Recorded, RecordedNamespace, cast
from .._core.typing import Namespace
from .composed import COMPOSED
from .rules import CONSTANT, PLAIN, RULES, Part

__all__ = ["Tape", "Traced"]


class Node:
    """The place of a traced array on its tape, where its gradient arrives."""

    __slots__ = ("gradient", "index", "owned", "parents", "spread")

    def __init__(
        self,
        index: int,
        parents: Sequence[Node] = (),
        spread: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.index = index
        self.parents = parents
        self.spread = spread
        """hands the gradient of this array on to its parents"""
        self.gradient: Any = None
        self.owned = False
        """whether no one else has the gradient, so that it may be added to in place"""

    def receive(self, gradient: Any, *, fresh: bool = False) -> None:
        """Add to the gradient an array, perhaps one that no one else has."""
        if self.gradient is None:
            self.gradient, self.owned = gradient, fresh
        elif self.owned:
            self.gradient += gradient
        else:
            self.gradient, self.owned = self.gradient + gradient, True

    def receive_part(self, xp: Namespace, like: Any, part: Part) -> None:
        """Add to a part of the gradient of an array."""
        if self.gradient is None:
            self.gradient = xp.zeros_like(like)
        elif not (self.owned and self.gradient.ndim):  # one without axes is a scalar
            self.gradient = xp.asarray(self.gradient, copy=True)
        self.gradient[part.key] += part.gradient
        self.owned = True


class Tape:
    """The record of one call of a function."""

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp
        self.namespace = TracedNamespace(self)
        self._count = 0
        self._floating: dict[Any, bool] = {}

    def variable(self, value: Any) -> Traced:
        """Wrap an array that gradients are asked for."""
        self._count += 1
        return Traced(self, self._plain(value), Node(self._count))

    def constant(self, value: Any) -> Traced:
        """Wrap an array that no gradient goes to."""
        return Traced(self, value, None)

    def _plain(self, value: Any) -> Any:
        """Return an array of no subclass, and a NumPy scalar as an array."""
        if type(value) is np.ndarray:
            return value
        of_numpy = isinstance(value, (np.ndarray, np.generic))
        return np.asarray(value) if of_numpy else value

    def another(self) -> Tape:
        """Return an empty tape of the same library."""
        return Tape(self.xp)

    def apply(self, name: str, function: Any, args: Any, options: Any) -> Any:
        """Call a function with what its arguments wrap, and write it down."""
        plain = [self.unwrap(arg) for arg in args]
        for key, option in options.items():
            if isinstance(option, Traced) and option.varies:
                msg = f"value_and_grad: {name} takes {key} as a constant alone"
                raise NotImplementedError(msg)
        options = {key: self.unwrap(option) for key, option in options.items()}
        out = function(*plain, **options)
        inputs = list(_each(args))
        varying = [i for i, x in enumerate(inputs) if isinstance(x, Traced) and x.node]
        if name in CONSTANT or not varying or not self._varies(name, out):
            return self._wrap(out)
        if name not in RULES:
            msg = f"value_and_grad: {name} has no rule for its derivative"
            raise NotImplementedError(msg)
        rule = RULES[name]

        def backward(gradient: Any) -> Iterator[Any]:
            for i in varying:
                yield rule(i)(self.xp, gradient, out, *plain, **options)

        return self.record(out, [inputs[i] for i in varying], backward)

    def _varies(self, name: str, out: Any) -> bool:
        """Whether a result may have a derivative: integers and masks have none."""
        dtype = getattr(out, "dtype", None)
        if dtype is None:  # several results
            return True
        if dtype not in self._floating:
            if self.xp.isdtype(dtype, "complex floating"):
                msg = f"value_and_grad: {name} gives complex numbers, without rules"
                raise NotImplementedError(msg)
            self._floating[dtype] = bool(self.xp.isdtype(dtype, "real floating"))
        return self._floating[dtype]

    def record(
        self,
        value: Any,
        inputs: Sequence[Traced],
        backward: Callable[[Any], Iterable[Any]],
    ) -> Traced:
        """Wrap a result of arrays that all vary, or of none that does.

        `backward` takes its gradient to those of the inputs: of the shape that the
        input was broadcast to, or a :class:`Part`, or :class:`Fresh`.
        """
        parents = [x.node for x in inputs if x.node is not None]
        if not parents:
            return self.constant(value)

        def spread(gradient: Any) -> None:
            for x, found in zip(inputs, backward(gradient), strict=True):
                self._hand(x, found)

        self._count += 1
        return Traced(self, value, Node(self._count, parents, spread))

    def _hand(self, x: Traced, gradient: Any) -> None:
        assert x.node is not None  # it varies
        if isinstance(gradient, Part):
            x.node.receive_part(self.xp, x.value, gradient)
        elif isinstance(gradient, Fresh):
            x.node.receive(gradient.array, fresh=True)
        else:
            x.node.receive(_fit(self.xp, gradient, x.value))

    def unwrap(self, x: Any) -> Any:
        """Return what a traced array wraps, also within a tuple or a list."""
        if isinstance(x, Traced):
            if x.tape is not self:
                msg = (
                    "value_and_grad: arrays of two calls, one in the other, do not mix"
                )
                raise ValueError(msg)
            return x.value
        if isinstance(x, (list, tuple)) and any(isinstance(y, Traced) for y in x):
            return type(x)(self.unwrap(y) for y in x)
        return x

    def _wrap(self, out: Any) -> Any:
        if isinstance(out, (list, tuple)):
            return [self._wrap(x) for x in out]
        return self.constant(out) if hasattr(out, "dtype") else out

    def backward(self, result: Traced, gradient: Any = None) -> None:
        """Take a gradient, or 1, from a result to the variables; forget the rest."""
        if result.node is not None:
            if gradient is None:  # of a scalar
                gradient = self._one(result.value)
            result.node.receive(gradient)
            _propagate(result.node)

    def _one(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            return type(value)(1)
        return self.xp.ones_like(value)

    def gradient(self, variable: Traced) -> Any:
        """Return the gradient that arrived at a variable, an array of its own."""
        node = variable.node
        if node is None or node.gradient is None:
            return self.xp.zeros_like(variable.value)
        gradient = node.gradient
        return gradient if node.owned else self.xp.asarray(gradient, copy=True)


def _propagate(node: Node) -> None:
    """Hand gradients on from the latest array to the first; free each node after."""
    waiting = [(-node.index, node)]
    met = {node.index}
    while waiting:
        _, node = heapq.heappop(waiting)
        if not node.parents:
            continue
        node.spread(node.gradient)
        for parent in node.parents:
            if parent.index not in met:
                met.add(parent.index)
                heapq.heappush(waiting, (-parent.index, parent))
        node.gradient, node.parents, node.spread = None, (), lambda _: None


def _fit(xp: Namespace, gradient: Any, like: Any) -> Any:
    """Return a gradient in the shape and dtype of its array.

    Summed over the axes that the array was broadcast along.
    """
    if gradient.shape != like.shape:
        extra = gradient.ndim - like.ndim
        short = [
            extra + i
            for i, n in enumerate(like.shape)
            if n == 1 != gradient.shape[extra + i]
        ]
        if axes := (*range(extra), *short):
            gradient = xp.sum(gradient, axis=axes, keepdims=True)
        assert gradient.shape[max(extra, 0) :] == like.shape, "a rule is wrong"
        gradient = xp.reshape(gradient, like.shape)
    return cast(xp, gradient, like.dtype)


def _each(args: Any) -> Iterator[Any]:
    """Yield arguments, and what is in a list of traced arrays."""
    for arg in args:
        if isinstance(arg, (list, tuple)) and any(isinstance(x, Traced) for x in arg):
            yield from arg
        else:
            yield arg


class TracedNamespace(RecordedNamespace):
    """A namespace whose functions take traced arrays."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.__name__ = f"traced {tape.xp.__name__}"

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.tape.xp, name)
        if name in COMPOSED:
            return partial(COMPOSED[name], self)
        if isinstance(value, ModuleType):
            return _Extension(self.tape, value, name)
        if name in PLAIN or isinstance(value, type) or not callable(value):
            return value
        return _traced(self.tape, name, value)


class _Extension:
    """A part of a namespace, such as linalg."""

    def __init__(self, tape: Tape, module: ModuleType, name: str) -> None:
        self._tape, self._module, self._name = tape, module, name

    def __getattr__(self, name: str) -> Any:
        known = name if name in RULES else f"{self._name}.{name}"  # linalg.matmul
        return _traced(self._tape, known, getattr(self._module, name))


def _traced(tape: Tape, name: str, function: Any) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        return tape.apply(name, function, args, options)

    return call


def _refuse(what: str, instead: str) -> Callable[..., NoReturn]:
    def method(self: Traced, *_: Any) -> NoReturn:
        msg = f"value_and_grad: {what} a traced array is not possible; {instead}"
        raise TypeError(msg)

    return method


class Traced(Recorded):
    """An array of any library, and where it is on the tape."""

    __slots__ = ("node", "tape", "value")

    __array_ufunc__ = None  # NumPy leaves its operators to those below
    __hash__ = None  # type: ignore[assignment]  # == is elementwise

    def __init__(self, tape: Tape, value: Any, node: Node | None) -> None:
        self.tape = tape
        self.value = value
        self.node = node

    @property
    def varies(self) -> bool:
        """Whether a gradient goes to it, or through it."""
        return self.node is not None

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return self.tape.namespace

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.value.shape)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self.value.ndim)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return int(self.value.size)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self.value.dtype

    @property
    def device(self) -> Any:
        """Where the elements are."""
        return array_api_compat.device(self.value)

    @property
    def T(self) -> Any:  # noqa: N802 - the standard's name
        """The transposed matrix."""
        return self.tape.namespace.permute_dims(self, (1, 0))

    @property
    def mT(self) -> Any:  # noqa: N802 - the standard's name
        """The transposed matrices."""
        return self.tape.namespace.matrix_transpose(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self.tape.apply("getitem", operator.getitem, (self, key), {})

    def __getattr__(self, name: str) -> NoReturn:
        msg = (
            f"value_and_grad: a traced array has no {name}; use the functions of its "
            "namespace, xp = x.__array_namespace__()"
        )
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    _value_needed = "compute with the functions of its namespace, as with where"
    __bool__ = _refuse("a condition on", _value_needed)
    __float__ = _refuse("a number from", _value_needed)
    __int__ = _refuse("an integer from", _value_needed)
    __index__ = _refuse("an index from", _value_needed)
    __array__ = _refuse("a NumPy array from", _value_needed)
    __setitem__ = _refuse("to write into", "make a new array, as with where")


def _operator(name: str, function: Any, reverse: bool) -> Any:
    def method(self: Traced, *others: Any) -> Any:
        args = (*others, self) if reverse else (self, *others)
        return self.tape.apply(name, function, args, {})

    return method


_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "logical_not"}
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}

for _method, _name in _UNARY.items():
    _function = getattr(operator, f"__{_method}__")
    setattr(Traced, f"__{_method}__", _operator(_name, _function, reverse=False))
for _method in _COMPARISONS:
    _function = getattr(operator, f"__{_method}__")
    setattr(Traced, f"__{_method}__", _operator("equal", _function, reverse=False))
for _method, _name in _BINARY.items():
    _function = getattr(operator, f"__{_method}__")
    setattr(Traced, f"__{_method}__", _operator(_name, _function, reverse=False))
    setattr(Traced, f"__r{_method}__", _operator(_name, _function, reverse=True))
