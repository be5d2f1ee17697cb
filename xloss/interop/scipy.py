"""Losses for SciPy's minimisers and for its nonlinear least squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt

from .._core.namespace import (
    array_namespace,
    cast,
    default_float,
    device_of,
    is_array,
    is_dask,
    is_jax,
    is_numpy,
    is_torch,
    widest_float,
)
from .._core.trees import leaves_of
from .._core.typing import Namespace
from ..autodiff import value_and_grad
from ..second_order import triple

__all__ = ["scipy_objective", "scipy_rho"]

Vector = npt.NDArray[np.float64]


def scipy_objective(
    loss: Callable[..., Any],
    target: Any,
    /,
    *,
    shape: int | tuple[int, ...] | None = None,
    dtype: Any = None,
    **options: Any,
) -> Callable[[Any], tuple[float, Vector]]:
    """Return value and gradient of a loss as ``scipy.optimize.minimize`` takes them.

    Parameters
    ----------
    loss
        A function ``loss(pred, target, **options)`` that returns a scalar: a loss, a
        criterion, or a function of one's own that is written against the Array API.
    target
        An array of any library, on any device, or a tuple, a list or a dict of arrays
        of one library.
    shape
        Shape of `pred`; by default that of `target`, which then is an array.
    dtype
        Floating dtype of `pred`, of the library of `target`; by default float64, or
        the widest that the device of `target` has.
    options
        Passed to `loss` at each call.

    Returns
    -------
    function
        From a vector of NumPy to the value, a float, and the gradient, a float64
        vector of NumPy; for ``minimize(fun, x0, jac=True)``. Both are copies: the
        minimisers write into theirs.

    Raises
    ------
    TypeError
        If there is no array in `target`, or arrays of two libraries; if `dtype` is no
        dtype of its library.
    ValueError
        If `shape` is missing, `dtype` is not floating or, at the call, `x` has another
        number of elements. At the call also as :func:`xloss.value_and_grad` raises.

    Notes
    -----
    The loss runs where `target` is. Of CuPy arrays and of tensors on a GPU, the vector
    goes there and value and gradient come back; nothing else is copied.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> fun = scipy_objective(xloss.mse_loss, np.asarray([[1.0, 2.0]]))
    >>> value, gradient = fun(np.zeros(2))
    >>> print(value, gradient)
    2.5 [-1. -2.]
    """
    xp, like = _library(target)
    shape = _shape(target, shape)
    dtype = _dtype(xp, like, dtype)
    differentiate = value_and_grad(loss)

    def fun(x: Any) -> tuple[float, Vector]:
        values = _reshaped(x, shape)
        pred = xp.asarray(values, dtype=dtype, device=device_of(xp, like))
        value, gradient = differentiate(pred, target, **options)
        vector = np.array(_to_host(xp, gradient), dtype=np.float64)
        return float(_to_host(xp, value)), vector.reshape(-1)

    return fun


def _library(target: Any) -> tuple[Namespace, Any]:
    """Return the namespace of the arrays of a target, and the first of them."""
    arrays = {name: x for name, x in leaves_of(target, "target") if is_array(x)}
    if not arrays:
        came = type(target).__name__
        msg = f"scipy_objective: target must be or hold an array, got {came}"
        raise TypeError(msg)
    xp = array_namespace("scipy_objective", arrays)
    return xp, next(iter(arrays.values()))


def _reshaped(x: Any, shape: tuple[int, ...]) -> Vector:
    """Return a copy in the shape of the prediction: SciPy uses its buffer again."""
    vector = np.array(x, dtype=np.float64)
    if vector.size != math.prod(shape):
        msg = (
            f"scipy_objective: x must have {math.prod(shape)} elements, one for each "
            f"of pred, of shape {shape}, got {vector.size}"
        )
        raise ValueError(msg)
    return np.reshape(vector, shape)


def _shape(target: Any, shape: int | tuple[int, ...] | None) -> tuple[int, ...]:
    if shape is not None:
        return (shape,) if isinstance(shape, int) else tuple(shape)
    if not is_array(target):
        msg = (
            "scipy_objective: shape must be given, that of the prediction, where "
            f"target is no array, got a {type(target).__name__}"
        )
        raise ValueError(msg)
    return tuple(target.shape)


def _dtype(xp: Namespace, like: Any, dtype: Any) -> Any:
    """Return the dtype of the prediction, checked, or the widest of the device."""
    if dtype is None:
        dtype = widest_float(xp, like)
        if xp.isdtype(dtype, "real floating"):
            return dtype
        return default_float(xp, like)
    try:
        floating = xp.isdtype(dtype, "real floating")
    except (TypeError, AttributeError):
        msg = (
            f"scipy_objective: dtype must be one of the library of target, "
            f"{xp.__name__}, got {dtype!r}"
        )
        raise TypeError(msg) from None
    if not floating:
        msg = f"scipy_objective: dtype must be a real floating one, got {dtype}"
        raise ValueError(msg)
    return dtype


def _to_host(xp: Namespace, x: Any) -> Any:
    """Return an array as NumPy's, perhaps of the same memory."""
    x = cast(xp, x, widest_float(xp, x))  # NumPy has no bfloat16
    if is_torch(xp):
        return x.detach().cpu().numpy()  # a target may ask for a gradient of its own
    if array_api_compat.is_cupy_array(x):
        return array_api_compat.to_device(x, "cpu")
    if is_numpy(xp) or is_jax(xp) or is_dask(xp):
        return np.asarray(x)
    return np.from_dlpack(x)


def scipy_rho(loss: Callable[..., Any]) -> Callable[[Any], npt.NDArray[np.float64]]:
    """Return a loss as ``scipy.optimize.least_squares`` takes it.

    Parameters
    ----------
    loss
        An elementwise loss that is smooth in the squared residual; see
        :func:`xloss.curvature`. Its own `scale` counts; its reduction does not.

    Returns
    -------
    function
        From z, the squared residuals (m,), to a new float64 array (3, m): twice the
        loss of each residual, and its two derivatives in z. For
        ``least_squares(residuals, x0, loss=...)``, whose cost is half their sum, and so
        the sum of the loss.

    Raises
    ------
    ValueError
        If the loss is not such a one.

    Notes
    -----
    SciPy's ``"soft_l1"`` is :func:`xloss.charbonnier_loss`, its ``"cauchy"`` with
    ``f_scale=2**0.5`` :func:`xloss.cauchy_loss`. ``f_scale`` is left at 1: another one
    divides the residuals by it and multiplies the loss by its square.

    References
    ----------
    Triggs et al., "Bundle adjustment: a modern synthesis", Vision Algorithms 1999.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> print(scipy_rho(xloss.CharbonnierLoss())(np.asarray([0.0, 3.0])))
    [[ 0.      2.    ]
     [ 1.      0.5   ]
     [-0.5    -0.0625]]
    """
    evaluate = triple("scipy_rho", loss)

    def rho(z: Any) -> npt.NDArray[np.float64]:
        with np.errstate(all="ignore"):  # a residual may be inf
            parts = evaluate(np, np.asarray(z, dtype=np.float64))
        return 2.0 * np.stack([np.broadcast_to(part, np.shape(z)) for part in parts])

    return rho
