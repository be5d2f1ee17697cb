"""Gradients of losses, and of other functions of arrays, whatever the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._core.namespace import array_namespace, is_array, is_jax, is_torch
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
        At the call: if the function does not return a scalar, or an array to
        differentiate by is not of a floating dtype.
    NotImplementedError
        At the call: if the function uses one of the standard whose derivative is not
        known here, or none of the standard.

    Notes
    -----
    For JAX arrays this is ``jax.value_and_grad``, for torch tensors
    ``torch.func.grad_and_value``. For NumPy, CuPy and other libraries that implement
    the standard, the function is called with arrays that record what is done to them.

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
        leaves = dict(leaves_of(args, "argument "))
        if options:
            leaves |= dict(leaves_of(options, ""))
        arrays = {name: x for name, x in leaves.items() if is_array(x)}
        xp = _check(arrays, args, numbers)
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


def _check(arrays: Mapping[str, Any], args: Any, numbers: tuple[Any, ...]) -> Any:
    """Return the namespace of all arrays, if the chosen ones can be varied."""
    for number in numbers:
        if not (isinstance(number, int) and -len(args) <= number < len(args)):
            msg = (
                f"value_and_grad: argnums must be places among the {len(args)} "
                f"positional arguments, got {number!r}"
            )
            raise TypeError(msg)
    if not arrays:
        msg = "value_and_grad: there must be an array among the arguments, got none"
        raise TypeError(msg)
    xp = array_namespace("value_and_grad", arrays)
    for number in numbers:
        place = number % len(args)
        chosen = dict(leaves_of(args[place], f"argument {place}"))
        for name, x in chosen.items():
            if not is_array(x):
                msg = (
                    f"value_and_grad: {name} must be an array, or a tuple, a list or a "
                    f"dict of arrays, got {type(x).__name__}"
                )
                raise TypeError(msg)
            if not xp.isdtype(x.dtype, "real floating"):
                msg = (
                    f"value_and_grad: {name} must have a real floating dtype to "
                    f"differentiate by it, got {x.dtype}; convert it first"
                )
                raise ValueError(msg)
    return xp


def _recorded(
    loss: Callable[..., Any], xp: Any, numbers: tuple[int, ...], args: Any, options: Any
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value, and the gradients by some arguments, from a tape."""
    tape = Tape(xp)
    places = [number % len(args) for number in numbers]

    def constant(x: Any) -> Any:
        return tape.constant(x) if is_array(x) else x

    traced = [
        map_leaves(tape.variable if i in places else constant, arg)
        for i, arg in enumerate(args)
    ]
    with np.errstate(all="ignore"):  # inf and NaN are results here too
        result = loss(*traced, **map_leaves(constant, options))
        _check_scalar(result)
        if not isinstance(result, Traced):
            result = tape.constant(result)
        tape.backward(result)
        gradients = [map_leaves(tape.gradient, traced[i]) for i in places]
    return result.value, tuple(gradients)


def _check_scalar(result: Any) -> None:
    shape = tuple(getattr(result, "shape", ("none",)))
    if shape != ():
        came = f"shape {shape}" if hasattr(result, "shape") else type(result).__name__
        msg = (
            f"value_and_grad: the function must return a scalar array, got {came}; "
            "reduce the loss with 'mean' or 'sum'"
        )
        raise ValueError(msg)
