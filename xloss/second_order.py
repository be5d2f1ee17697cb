"""Second derivatives of elementwise losses, and weights of reweighted least squares.

For Newton's method, boosting and iteratively reweighted least squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from ._core.checks import choice
from ._core.elementwise import WEIGHTS, Call, elementwise_call, unweighted_call
from ._core.kernels import Kernel, Pair, Pairwise
from ._core.namespace import array_namespace, cast, widest_float
from ._core.numerics import at_most, largest_square
from ._core.pointwise import pointwise
from ._core.typing import Namespace

__all__ = ["curvature", "smooth_kernel", "triple"]


def curvature(
    loss: Callable[..., Any], kind: Literal["hessian", "majorizer"] = "hessian"
) -> Callable[..., Any]:
    r"""Return a function of the same arguments that gives the curvature of a loss.

    Parameters
    ----------
    loss
        An elementwise loss that is a smooth function :math:`\rho(z)` of the square
        :math:`z = (r/c)^2` of the residual, as a function or a criterion: Charbonnier,
        Cauchy, Geman-McClure, Welsch, the general robust loss, the squared error,
        Huber's, smooth L1 and log-cosh.
    kind
        ``"hessian"``: the second derivative by the prediction,
        :math:`(2 \rho' + 4 z \rho'')/c^2`, negative where a loss is not convex.
        ``"majorizer"``: the weight :math:`2 \rho'/c^2` of iteratively reweighted least
        squares, never negative: the curvature of the parabola that touches the loss
        and lies above it where :math:`\rho` is concave, as in all of them but the
        general robust loss with alpha > 2.

    Returns
    -------
    function
        Of `(pred, target, *, where=None, sample_weight=None)`, as `loss` takes them,
        to an array of the shape of the prediction: the diagonal of the matrix of
        second derivatives, so that for ``"mean"`` it is divided by what the mean
        divides by, as the gradient is; for ``"none"`` that of each element.

    Raises
    ------
    ValueError
        At the call: if the loss is not elementwise, or has no such derivatives, as the
        absolute error, whose weight is infinite at 0, or the quantile loss, which is
        no function of the square.
    TypeError
        At the call: as `loss` raises it.

    References
    ----------
    Holland and Welsch, "Robust regression using iteratively reweighted least-squares",
    Communications in Statistics 1977.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> pred, target = np.asarray([0.0, 1.0, 3.0]), np.zeros(3)
    >>> print(curvature(xloss.WelschLoss())(pred, target).round(3))
    [ 1.     0.    -0.089]
    >>> print(curvature(xloss.WelschLoss(), "majorizer")(pred, target).round(3))
    [1.    0.607 0.011]
    """
    choice("curvature", "kind", kind, ("hessian", "majorizer"))

    def curved(pred: Any, target: Any, *args: Any, **options: Any) -> Any:
        call = elementwise_call("curvature", loss, pred, target, *args, **options)
        kernel = smooth_kernel("curvature", call)
        result = _evaluate(call, partial(_curvature, kernel, kind), "none")
        return result if call.reduction != "mean" else _divided(call, result)

    return curved


def smooth_kernel(caller: str, call: Call) -> Kernel:
    """Return the kernel of a loss that is smooth in the square of the residual."""
    kernel = call.kernel
    if not isinstance(kernel, Kernel) or kernel.derivatives is None:
        msg = (
            f"{caller}: the loss must be a smooth function of the square of the "
            f"residual, with a derivative at 0, got {call.function}: its second "
            "derivative is 0, infinite, or not of that form"
        )
        raise ValueError(msg)
    return kernel


def triple(caller: str, loss: Callable[..., Any]) -> Callable[[Namespace, Any], Any]:
    """Return a function `(xp, z)` to a loss and its derivatives in z = residual²."""
    call = unweighted_call(caller, loss)
    kernel = smooth_kernel(caller, call)
    others = (*WEIGHTS, "weight_counts", "weight_broadcasts")
    options = {k: v for k, v in call.keywords.items() if k not in others}
    scale = options.pop("scale", 1.0)

    def evaluate(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
        assert kernel.derivatives is not None
        x = xp.sqrt(z) / scale
        inner = at_most(xp, z / scale / scale, largest_square(xp, x))
        first, second, _ = kernel.derivatives(xp, inner, **options)
        second = second / scale / scale / scale / scale
        return kernel.rho(xp, x, **options), first / scale / scale, second

    return evaluate


def _evaluate(call: Call, kernel: Pairwise, reduction: str, **changes: Any) -> Any:
    keywords = {**call.keywords, **changes}
    return pointwise(call.function, Pair(kernel), call.arrays, reduction, **keywords)


def _curvature(
    kernel: Kernel,
    kind: str,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    *,
    scale: Any = 1.0,
    **options: Any,
) -> tuple[Any, Any]:
    """Return the curvature of each element, in the place of a loss."""
    assert kernel.derivatives is not None  # see smooth_kernel
    x = (pred - target) / scale
    if where is not None:
        x = xp.where(where, x, 0.0)
    z = at_most(xp, x * x, largest_square(xp, x))
    first, _, hessian = kernel.derivatives(xp, z, **options)
    result = hessian if kind == "hessian" else 2.0 * first
    result = result / scale / scale
    return result if where is None else xp.where(where, result, 0.0), where


def _divided(call: Call, result: Any) -> Any:
    """Return the result divided by what the mean of the loss divides by."""
    xp = array_namespace("curvature", call.arrays)
    wide = cast(xp, xp.zeros_like(result), widest_float(xp, result))
    weight = call.keywords["weight"] if call.keywords["weight_counts"] else None
    ones = replace(call, arrays=dict.fromkeys(call.arrays, wide))
    total = _evaluate(ones, _one, "sum", weight=weight)
    total = xp.where(total == 0, xp.ones_like(total), total)
    return cast(xp, cast(xp, result, wide.dtype) / total, result.dtype)


def _one(
    xp: Namespace, pred: Any, target: Any, where: Any, **_: Any
) -> tuple[Any, Any]:
    one = xp.ones_like(pred)
    return one if where is None else xp.where(where, one, 0.0), where
