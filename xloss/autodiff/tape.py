"""Reverse-mode differentiation of functions written against the Array API standard.

A traced array wraps one of any library. Its operators, and the functions of its
namespace, compute with what they wrap, and write down on a tape where each result came
from. Backward, every function hands a gradient on to its arguments by its rule.
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import array_api_compat

from .._core.namespace import Recorded
from .._core.typing import Namespace
from .rules import CONSTANT, PLAIN, RULES

__all__ = ["Tape", "Traced"]


class Node:
    """The place of a traced array on its tape, where its gradient arrives."""

    __slots__ = ("backward", "gradient", "index", "parents")

    def __init__(
        self,
        index: int,
        parents: Sequence[Node | None] = (),
        backward: Callable[[Any], Sequence[Any]] = lambda _: (),
    ) -> None:
        self.index = index
        self.parents = parents
        self.backward = backward
        """from the gradient of this array to those of its parents"""
        self.gradient: Any = None

    def receive(self, gradient: Any) -> None:
        """Add to the gradient."""
        first = self.gradient is None
        self.gradient = gradient if first else self.gradient + gradient


class Tape:
    """The record of one call of a function."""

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp
        self.namespace = TracedNamespace(self)
        self._count = 0

    def variable(self, value: Any) -> Traced:
        """Wrap an array that gradients are asked for."""
        self._count += 1
        return Traced(self, value, Node(self._count))

    def constant(self, value: Any) -> Traced:
        """Wrap an array that no gradient goes to."""
        return Traced(self, value, None)

    def apply(self, name: str, function: Any, args: Any, options: Any) -> Any:
        """Call a function with what its arguments wrap, and write it down."""
        plain = [self.unwrap(arg) for arg in args]
        for key, option in options.items():
            if isinstance(option, Traced) and option.node is not None:
                msg = f"value_and_grad: {name} takes {key} as a constant alone"
                raise NotImplementedError(msg)
        options = {key: self.unwrap(option) for key, option in options.items()}
        out = function(*plain, **options)
        inputs = list(_each(args))
        nodes = [x.node if isinstance(x, Traced) else None for x in inputs]
        if name in CONSTANT or not any(nodes):
            return self._wrap(out)
        if name not in RULES:
            msg = f"value_and_grad: {name} has no rule for its derivative"
            raise NotImplementedError(msg)
        rule = RULES[name]

        def backward(gradient: Any) -> list[Any]:
            return [
                None
                if node is None
                else self._fit(
                    rule(i)(self.xp, gradient, out, *plain, **options), x.value
                )
                for i, (node, x) in enumerate(zip(nodes, inputs, strict=True))
            ]

        self._count += 1
        return Traced(self, out, Node(self._count, nodes, backward))

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

    def _fit(self, gradient: Any, like: Any) -> Any:
        """Return a gradient in the shape and dtype of its array.

        Summed over the axes that the array was broadcast along.
        """
        xp = self.xp
        extra = gradient.ndim - like.ndim
        short = [
            extra + i
            for i, n in enumerate(like.shape)
            if n == 1 != gradient.shape[extra + i]
        ]
        axes = (*range(extra), *short)
        if axes:
            gradient = xp.sum(gradient, axis=axes, keepdims=True)
        if gradient.shape != like.shape:
            gradient = xp.reshape(gradient, like.shape)
        same = gradient.dtype == like.dtype
        return gradient if same else xp.astype(gradient, like.dtype)

    def backward(self, result: Traced) -> None:
        """Take gradients of a 0-d result to the variables, and forget the rest."""
        if result.node is not None:
            result.node.receive(self.xp.ones_like(result.value))
            _propagate(result.node)

    def gradient(self, variable: Traced) -> Any:
        """Return the gradient that arrived at a variable."""
        node = variable.node
        if node is None or node.gradient is None:
            return self.xp.zeros_like(variable.value)
        return node.gradient


def _propagate(node: Node) -> None:
    """Hand gradients on from the latest array to the first; free each node after."""
    waiting = [(-node.index, node)]
    met = {node.index}
    while waiting:
        _, node = heapq.heappop(waiting)
        if not node.parents:
            continue
        gradients = node.backward(node.gradient)
        for parent, gradient in zip(node.parents, gradients, strict=True):
            if parent is not None:
                parent.receive(gradient)
                if parent.index not in met:
                    met.add(parent.index)
                    heapq.heappush(waiting, (-parent.index, parent))
        node.gradient, node.parents, node.backward = None, (), lambda _: ()


def _each(args: Any) -> Iterator[Any]:
    """Yield arguments, and what is in a list of traced arrays."""
    for arg in args:
        if isinstance(arg, (list, tuple)) and any(isinstance(x, Traced) for x in arg):
            yield from arg
        else:
            yield arg


class TracedNamespace:
    """A namespace whose functions take traced arrays."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.__name__ = f"traced {tape.xp.__name__}"

    def __getattr__(self, name: str) -> Any:
        tape = self._tape
        value = getattr(tape.xp, name)
        if name in PLAIN or isinstance(value, type) or not callable(value):
            return value

        def function(*args: Any, **options: Any) -> Any:
            return tape.apply(name, value, args, options)

        return function


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

    def __getitem__(self, key: Any) -> Any:
        return self.tape.apply("getitem", operator.getitem, (self, key), {})

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
