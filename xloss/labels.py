"""Labels as arrays of their own."""

from __future__ import annotations

from typing import Any

import array_api_compat

from ._core.checks import number, whole_number
from ._core.labels import holds_labels, read_labels
from ._core.namespace import cast, full, resolve
from ._core.typing import ArrayT, Namespace
from ._core.values import check_values

__all__ = ["check_values", "one_hot"]


def one_hot(
    labels: ArrayT,
    num_classes: int,
    device: Any = None,
    dtype: Any = None,
    eps: float = 0.0,
) -> ArrayT:
    r"""One-hot form of labels: 1 at the class of each, 0 or `eps` at the others.

    Parameters
    ----------
    labels
        Labels (N, \*) of any integer dtype, from 0 to `num_classes` - 1.
    num_classes
        How many classes there are.
    device
        Device of the result; None: that of the labels.
    dtype
        dtype of the result; None: the library's default real floating dtype.
    eps
        In [0, 1]: stands in the place of 0, in a floating dtype.

    Returns
    -------
    array
        (N, C, \*).

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_classes`.
    ValueError
        If a dtype does not fit; on NumPy, and under :func:`check_values`, if a label is
        out of range, which is NaN in all classes elsewhere, or 0 in an integer dtype.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot(np.asarray([[0, 2]]), 3)
    array([[[1., 0.],
            [0., 0.],
            [0., 1.]]])
    """
    function = "one_hot"
    xp, default, _ = resolve(function, {"labels": labels}, {})
    if labels.ndim == 0 or not holds_labels(xp, labels):
        came = f"shape {tuple(labels.shape)}, {labels.dtype}"
        msg = f"{function}: labels must be (N, *) of an integer dtype, got {came}"
        raise ValueError(msg)
    eps = number(function, "eps", eps, lambda v: (v >= 0) & (v <= 1), "in [0, 1]")
    dtype = default if dtype is None else dtype
    floating = _is_floating(function, xp, dtype)
    if not (floating or (isinstance(eps, float) and eps == 0.0)):
        msg = f"{function}: eps needs a floating dtype, got {dtype}; pass eps=0"
        raise ValueError(msg)
    num_classes = whole_number(function, "num_classes", num_classes, 1)
    found = read_labels(function, "labels", xp, labels, num_classes, None)
    classes = found.classes(xp)
    if found.wrong is not None:
        classes = classes & ~found.wrong
    result: Any = cast(xp, classes, dtype)
    if floating:
        result = xp.where(classes, full(xp, (), 1.0, result), eps)
        if found.wrong is not None:
            result = xp.where(found.wrong, xp.nan, result)
    if device is not None:
        result = array_api_compat.to_device(result, device)
    one_of_each: ArrayT = result
    return one_of_each


def _is_floating(function: str, xp: Namespace, dtype: Any) -> bool:
    try:
        real = xp.isdtype(dtype, ("bool", "integral", "real floating"))
    except TypeError:
        msg = f"{function}: dtype must be a dtype of the labels' library, got {dtype!r}"
        raise TypeError(msg) from None
    if not real:
        msg = f"{function}: dtype must be floating, integer or bool, got {dtype}"
        raise ValueError(msg)
    return bool(xp.isdtype(dtype, "real floating"))
