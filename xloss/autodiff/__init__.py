"""Gradients of losses, and of other functions of arrays, whatever the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._core.namespace import (
    array_namespace,
    is_array,
    is_jax,
    is_recorded,
    is_torch,
    scalar,
)
from .._core.trees import leaves_of, map_leaves
from .tape import Tape, Traced

__all__ = ["grad", "value_and_grad"]


def value_and_grad(
    loss: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return a function of the same arguments that gives the loss and its gradient.

    Parameters
    ----------
    loss
        A function that returns a scalar: a loss, a criterion, or a function of one's
        own that is written against the Array API standard, a model and a loss in one.
    argnums
        The positional argument to differentiate by, or a tuple of them. An argument is
        an array of a real floating dtype, or a tuple, a list or a dict of such.

    Returns
    -------
    function
        To `(value, gradient)`: the gradient has the structure, shapes and dtypes of
        its argument; for a tuple `argnums` it is a tuple of gradients.

    Raises
    ------
    TypeError
        At the call: if there is no such argument or no array in it, or if the function
        asks for the value of an array, as ``if`` and ``float`` do, or writes into it.
    ValueError
        At the call: if the function does not return a scalar, an array to differentiate
        by is not of a floating dtype, or this is a call within another. For the last
        two torch and JAX have errors of their own, or none.
    NotImplementedError
        At the call: if the function uses one of the standard whose derivative is not
        known here, or none of the standard.

    Notes
    -----
    For JAX arrays this is ``jax.value_and_grad``, for torch tensors
    ``torch.func.grad_and_value``. For NumPy, CuPy and other libraries that implement
    the standard, the function is called with arrays that record what is done to them,
    in the place of all arrays among the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> loss = xloss.CharbonnierLoss(reduction="sum")
    >>> value, gradient = value_and_grad(loss)(np.asarray([0.0, 3.0]), np.zeros(2))
    >>> print(gradient.round(4))
    [0.     0.9487]
    """

    def differentiated(*args: Any, **options: Any) -> tuple[Any, Any]:
        numbers = argnums if isinstance(argnums, tuple) else (argnums,)
        xp = _check(args, options, numbers)
        if is_torch(xp):
            from torch.func import grad_and_value

            gradient, value = grad_and_value(loss, argnums)(*args, **options)
            return value, gradient
        if is_jax(xp):
            import jax

            result: tuple[Any, Any] = jax.value_and_grad(loss, argnums)(
                *args, **options
            )
            return result
        value, gradients = _recorded(loss, xp, numbers, args, options)
        return value, gradients if isinstance(argnums, tuple) else gradients[0]

    return differentiated


def grad(
    loss: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., Any]:
    """Return a function of the same arguments that gives the gradient alone.

    Parameters
    ----------
    loss, argnums
        See :func:`value_and_grad`.

    Returns
    -------
    function
        To the gradient.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        At the call: see :func:`value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> print(grad(xloss.mse_loss)(np.asarray([1.0, 3.0]), np.asarray([0.0, 1.0])))
    [1. 2.]
    """
    both = value_and_grad(loss, argnums)

    def gradient(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return gradient


def _check(args: Any, options: Mapping[str, Any], numbers: tuple[Any, ...]) -> Any:
    """Return the namespace of all arrays, if the chosen ones can be varied."""
    _check_places(len(args), numbers)
    places = {number % len(args) for number in numbers}
    arrays: dict[str, Any] = {}
    chosen: dict[str, Any] = {}
    for place, arg in enumerate(args):
        leaves = leaves_of(arg, f"argument {place}")
        if place in places:
            chosen.update(leaves)
        else:
            arrays.update((name, x) for name, x in leaves if _is_data(x))
    for key, option in options.items():
        leaves = leaves_of(option, key)
        arrays.update((name, x) for name, x in leaves if _is_data(x))
    for name, x in chosen.items():
        if not is_array(x):
            kind = "an array, or a tuple, a list or a dict of arrays"
            msg = f"value_and_grad: {name} must be {kind}, got {type(x).__name__}"
            raise TypeError(msg)
    if not arrays and not chosen:
        msg = "value_and_grad: there must be an array among the arguments, got none"
        raise TypeError(msg)
    xp = array_namespace("value_and_grad", {**arrays, **chosen})
    if is_recorded(xp):
        msg = (
            "value_and_grad: one call within another is not possible for arrays of "
            f"{xp.tape.xp.__name__}; take torch or JAX for second derivatives, or "
            "xloss.curvature"
        )
        raise ValueError(msg)
    for name, x in chosen.items():
        if not xp.isdtype(x.dtype, "real floating"):
            msg = (
                f"value_and_grad: {name} must have a real floating dtype to "
                f"differentiate by it, got {x.dtype}; convert it first"
            )
            raise ValueError(msg)
    return xp


def _check_places(count: int, numbers: tuple[Any, ...]) -> None:
    for number in numbers:
        if not (isinstance(number, int) and -count <= number < count):
            msg = (
                f"value_and_grad: argnums must be places among the {count} positional "
                f"arguments, got {number!r}"
            )
            raise TypeError(msg)
    if len({number % count for number in numbers}) < len(numbers):
        msg = f"value_and_grad: argnums must be different places, got {numbers}"
        raise ValueError(msg)


def _is_data(x: Any) -> bool:
    """Whether an argument is an array; a NumPy scalar is an option, like a number."""
    return not isinstance(x, (str, float, int, np.generic)) and is_array(x)


def _recorded(
    loss: Callable[..., Any], xp: Any, numbers: tuple[int, ...], args: Any, options: Any
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value, and the gradients by some arguments, from a tape."""
    tape = Tape(xp)
    places = [number % len(args) for number in numbers]

    def constant(x: Any) -> Any:
        return tape.constant(x) if _is_data(x) else x

    traced = [
        map_leaves(tape.variable if i in places else constant, arg)
        for i, arg in enumerate(args)
    ]
    with np.errstate(all="ignore"):  # inf and NaN are results here too
        options = map_leaves(constant, options) if options else options
        result = loss(*traced, **options)
        _check_scalar(result)
        if not isinstance(result, Traced):
            result = tape.constant(result)
        value = tape.unwrap(result)
        tape.backward(result)
        gradients = [map_leaves(tape.gradient, traced[i]) for i in places]
    return scalar(xp, value), tuple(gradients)


def _check_scalar(result: Any) -> None:
    shape = getattr(result, "shape", None)
    if shape == ():
        return
    came = type(result).__name__ if shape is None else f"shape {tuple(shape)}"
    msg = (
        f"value_and_grad: the function must return a scalar array, got {came}; "
        "reduce the loss with 'mean' or 'sum'"
    )
    raise ValueError(msg)
