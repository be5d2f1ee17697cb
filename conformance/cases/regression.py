"""Mean squared and absolute error, Huber, log-cosh and quantile losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from mpmath import cosh, log

from conformance.case import Case, Loss, Option, dyadic, pair, residuals
from conformance.pointwise import REDUCTIONS, common_cases
from conformance.reference import Number, Pointwise


def mse(residual: Number) -> Number:
    """r²."""
    return residual**2


def l1(residual: Number) -> Number:
    """|r|."""
    return abs(residual)


def huber(residual: Number, delta: Number) -> Number:
    """½r² for |r| ≤ δ, δ(|r| − ½δ) beyond (Huber 1964)."""
    r = abs(residual)
    return r**2 / 2 if r <= delta else delta * (r - delta / 2)


def smooth_l1(residual: Number, beta: Number) -> Number:
    """huber(δ = β)/β, and |r| at β = 0 (Girshick 2015)."""
    return abs(residual) if beta == 0 else huber(residual, beta) / beta


def log_cosh(residual: Number) -> Number:
    """log(cosh(r))."""
    return log(cosh(residual))


def quantile(residual: Number, q: Number) -> Number:
    """max(q(t − p), (q − 1)(t − p)) with r = p − t (Koenker and Bassett 1978)."""
    return max(q * -residual, (q - 1) * -residual)


def weight_cases() -> tuple[Case, ...]:
    """`weight` has the shape of the prediction; `sample_weight` broadcasts."""
    positive = np.abs(dyadic(21)) + 0.5
    mask = dyadic(22) > 0
    weighted = pair(20) | {"weight": positive}
    masked = weighted | {"where": mask, "sample_weight": positive[:, :1, :1]}
    masked["pred"] = np.where(mask, masked["pred"], np.nan)
    nothing = weighted | {"where": np.zeros_like(mask)}
    return (
        *(Case(f"weight_{r}", weighted, {"reduction": r}) for r in REDUCTIONS),
        *(Case(f"weight_where_{r}", masked, {"reduction": r}) for r in REDUCTIONS),
        Case("weight_where_nothing_mean", nothing, {"reduction": "mean"}),
    )


def threshold_cases(name: str) -> tuple[Case, ...]:
    """δ or β as an option, as a learned array, and residuals exactly on it."""
    on_it = residuals(np.asarray([-2.0, -0.5, 0.5, 1.0]))
    none = {"reduction": "none"}
    return (
        Case(f"{name}_0.5", pair(23), none | {name: 0.5}, traced=(name,)),
        Case(f"{name}_2", pair(24), {"reduction": "mean", name: 2.0}),
        *(
            Case(f"residual_on_{name}_{value:g}", on_it, none | {name: value})
            for value in (0.5, 1.0, 2.0)
        ),
        Case(f"{name}_array", pair(25) | {name: np.asarray(2.0)}, none),
    )


def zero_beta_cases() -> tuple[Case, ...]:
    """β = 0 is the absolute error, kink included; the gradient in β is not stated."""
    none: dict[str, Option] = {"reduction": "none", "beta": 0.0}
    kink = residuals(np.asarray([-0.5, 0.0, 0.5, 0.0]))
    learned = pair(26) | {"beta": np.asarray(0.0)}
    return (
        Case("beta_0", pair(26), none, traced=("beta",)),
        Case("beta_0_residual_0", kink, none),
        Case("beta_0_array", learned, {"reduction": "sum"}),
    )


def quantile_cases() -> tuple[Case, ...]:
    """q at its ends, off the dyadic grid, and as arrays that broadcast."""
    none = {"reduction": "none"}
    per_column = np.asarray([0.0, 0.125, 0.75, 1.0])
    return (
        Case("q_0.1", pair(27), none | {"q": 0.1}, traced=("q",)),
        *(Case(f"q_{q:g}", pair(28), none | {"q": q}) for q in (0.0, 0.9, 1.0)),
        Case("q_array", pair(29) | {"q": per_column}, none),
        Case("q_array_mean", pair(29) | {"q": per_column}, {"reduction": "mean"}),
        Case("q_0d_array", pair(29) | {"q": np.asarray(0.25)}, {"reduction": "mean"}),
    )


def regression(
    rho: Callable[..., Number],
    extra: tuple[Case, ...] = (),
    parameters: dict[str, float | None] | None = None,
    *,
    weighted_mean: bool = False,
    bounded_slope: bool = True,
    unstated: dict[str, tuple[float, ...]] | None = None,
) -> Loss:
    """A loss of this family, named after its formula, with the mean as default."""
    return Loss(
        f"{rho.__name__}_loss",
        Pointwise(rho, "mean", parameters or {}, weighted_mean, unstated or {}),
        f"{rho.__doc__}",
        common_cases() + extra,
        bounded_slope=bounded_slope,
    )


# log1p(2·sinh²(r/2)) rounds a few times more than the others do.
LOG_COSH = replace(regression(log_cosh), ulps=12.0)

LOSSES = (
    regression(mse, weight_cases(), weighted_mean=True, bounded_slope=False),
    regression(l1, weight_cases(), weighted_mean=True),
    regression(
        smooth_l1,
        threshold_cases("beta") + zero_beta_cases(),
        {"beta": 1.0},
        unstated={"beta": (0.0,)},
    ),
    regression(huber, weight_cases() + threshold_cases("delta"), {"delta": 1.0}),
    LOG_COSH,
    regression(quantile, quantile_cases(), {"q": 0.5}),
)
