"""What an elementwise loss computes of one element, and its slope."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .checks import is_number
from .namespace import Recorded, is_jax
from .recording import plain_all, varying
from .typing import Namespace

__all__ = ["Kernel", "Pair", "Pairwise", "loss_of", "slope_of"]

Pairwise = Callable[..., tuple[Any, Any]]
"""`(xp, pred, target, where, **options)` to a value for each element, 0 where excluded,
and the mask of what counts, narrower or None as it came."""


class Kernel(NamedTuple):
    """An elementwise loss as functions of the residual.

    Both take `(xp, residual, **options)` and are 0 at residual 0, which is what an
    excluded element is given. They use functions of the standard alone, so that a
    tracer, a tape or another library runs them unchanged.
    """

    rho: Callable[..., Any]
    """the loss"""
    psi: Callable[..., Any]
    """its derivative with respect to the residual, 0 at a kink"""
    derivatives: Callable[..., tuple[Any, Any, Any]] | None = None
    """of a loss that is smooth in z = residual²: `(xp, z, **options)` to its first and
    second derivatives in z, and the second one in the residual"""


class Pair(NamedTuple):
    """An elementwise loss that is no function of the residual."""

    loss: Pairwise
    slope: Pairwise | None = None
    """its derivative with respect to the prediction"""


def loss_of(kernel: Kernel | Pair) -> Pairwise:
    """Return the loss as a function of both arrays."""
    return partial(_of_residual, kernel) if isinstance(kernel, Kernel) else kernel.loss


def slope_of(kernel: Kernel | Pair) -> Pairwise | None:
    """Return its derivative with respect to the prediction, where it is known.

    That with respect to the target is the negative, for a function of the residual.
    """
    return partial(_slope, kernel) if isinstance(kernel, Kernel) else kernel.slope


def _of_residual(
    kernel: Kernel,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    **options: Any,
) -> tuple[Any, Any]:
    residual, _, options = _scaled(xp, pred, target, where, **options)
    if is_jax(xp) and all(map(is_number, options.values())):
        return _on_jax(kernel, xp, residual, options), where
    if not isinstance(residual, Recorded) or varying(options):
        return kernel.rho(xp, residual, **options), where
    tape = residual.tape
    x, options = tape.unwrap(residual), plain_all(tape, options)
    loss = kernel.rho(tape.xp, x, **options)

    def backward(g: Any) -> list[Any]:
        return [g * kernel.psi(tape.xp, x, **options)]

    return tape.record(loss, [residual], backward), where


def _on_jax(
    kernel: Kernel, xp: Namespace, residual: Any, options: dict[str, Any]
) -> Any:
    from .jax_slopes import with_slopes

    def loss(x: Any, axes: tuple[int, ...]) -> Any:
        del axes  # nothing is summed
        return kernel.rho(xp, x, **options)

    return with_slopes(loss, [partial(kernel.psi, xp, **options)], [residual])


def _slope(
    kernel: Kernel,
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    **options: Any,
) -> tuple[Any, Any]:
    residual, scale, options = _scaled(xp, pred, target, where, **options)
    slope = kernel.psi(xp, residual, **options)
    return slope if _is_one(scale) else slope / scale, where


def _scaled(
    xp: Namespace,
    pred: Any,
    target: Any,
    where: Any,
    *,
    scale: Any = 1.0,
    **options: Any,
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the residual in units of the scale, the scale, and the other options."""
    residual = pred if target is None else pred - target
    if where is not None:
        # Before the kernel, so that NaN and inf meet neither value nor gradient.
        residual = xp.where(where, residual, 0.0)
        scale = _mask_option(xp, where, scale)
        options = {k: _mask_option(xp, where, v) for k, v in options.items()}
    return residual if _is_one(scale) else residual / scale, scale, options


def _is_one(scale: Any) -> bool:
    return is_number(scale) and bool(scale == 1.0)


def _mask_option(xp: Namespace, where: Any, value: Any) -> Any:
    return value if is_number(value) else xp.where(where, value, 1.0)
