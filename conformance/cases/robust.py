"""Barron's general robust loss and its four named members (arXiv:1701.03077)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from mpmath import exp, inf, log, sqrt

from conformance.case import WIDE, Case, Data, Loss, dyadic, pair, powers, residuals
from conformance.pointwise import common_cases
from conformance.reference import Number, Pointwise

PAPER = "Barron 2019, arXiv:1701.03077"


def charbonnier(residual: Number, scale: Number) -> Number:
    """α = 1, equation 3: sqrt(x² + 1) − 1."""
    return sqrt((residual / scale) ** 2 + 1) - 1


def cauchy(residual: Number, scale: Number) -> Number:
    """α = 0, equation 5: log(x²/2 + 1)."""
    return log((residual / scale) ** 2 / 2 + 1)


def welsch(residual: Number, scale: Number) -> Number:
    """α = −∞, equation 7: 1 − exp(−x²/2)."""
    return 1 - exp(-((residual / scale) ** 2) / 2)


def geman_mcclure(residual: Number, scale: Number) -> Number:
    """α = −2, equation 6: 2x²/(x² + 4)."""
    z = (residual / scale) ** 2
    return 2 * z / (z + 4)


def general(residual: Number, alpha: Number, scale: Number) -> Number:
    """Equation 8, with its limits at α = 0, 2 and −∞, and at ∞."""
    z = (residual / scale) ** 2
    if alpha == 2:
        return z / 2
    if alpha == 0:
        return log(z / 2 + 1)
    if alpha == -inf:
        return 1 - exp(-z / 2)
    if alpha == inf:
        return exp(z / 2) - 1
    b = abs(alpha - 2)
    return b / alpha * ((z / b + 1) ** (alpha / 2) - 1)


def scale_cases() -> tuple[Case, ...]:
    """The scale as a Python float, and as an array without axes that is learned."""
    none = {"reduction": "none"}
    learned = pair(12) | {"scale": np.asarray(2.0)}
    return (
        Case("scale_0.5", pair(10), none | {"scale": 0.5}, traced=("scale",)),
        Case("scale_2", pair(11), none | {"scale": 2.0}),
        Case("scale_array", learned, none),
        Case("scale_array_mean", learned, {"reduction": "mean"}),
    )


def named(name: str, rho: Callable[..., Number]) -> Loss:
    """One of the four members; they differ in the formula alone."""
    reference = Pointwise(rho, reduction="none", parameters={"scale": 1.0})
    cases = common_cases() + scale_cases()
    return Loss(name, reference, f"{PAPER}: {rho.__doc__}", cases)


def at(case: Case, alpha: float) -> Case:
    """The same case with a scalar α."""
    return replace(case, options={**case.options, "alpha": alpha})


def shape_cases() -> list[Case]:
    """Every branch of α as a Python float, small enough not to overflow at α = ∞."""
    none = {"reduction": "none"}
    scalars = (-inf, -2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, inf)
    small = {name: array / 8 for name, array in pair(13).items()}
    return [
        Case(f"alpha_{float(alpha):g}", small, none | {"alpha": float(alpha)})
        for alpha in scalars
    ]


def learned_cases() -> list[Case]:
    """α and scale as arrays, with the singular values of α among the regular ones."""
    none = {"reduction": "none"}
    small = {name: array / 4 for name, array in pair(14).items()}
    alpha = np.asarray([-2.0, 0.0, 1.0, 2.0])
    regular = np.asarray([[[-0.5]], [[1.5]]])
    scale = np.abs(dyadic(15)) / 4 + 0.5
    # Apart: the slope is bounded for the first, and grows without end for the second.
    to_minus = np.asarray([-inf, 0.0, -inf, 1.0], dtype=np.float64)
    to_plus = np.asarray([inf, 2.0, inf, 1.5], dtype=np.float64)
    both = small | {"alpha": regular, "scale": scale}
    return [
        Case("alpha_array", small | {"alpha": alpha}, none),
        Case("alpha_array_mean", small | {"alpha": alpha}, {"reduction": "mean"}),
        Case("alpha_array_minus_infinite", small | {"alpha": to_minus}, none),
        Case("alpha_array_plus_infinite", small | {"alpha": to_plus}, none),
        Case("alpha_0d_array", small | {"alpha": np.asarray(0.5)}, none),
        Case("alpha_and_scale_arrays", both, none),
        Case("alpha_and_scale_arrays_mean", both, {"reduction": "mean"}),
        Case("residual_0_alpha_array", residuals(np.zeros(4)) | {"alpha": alpha}, none),
    ]


def magnitude_cases() -> list[Case]:
    """α as a Python float and as an array over the range of float32."""
    none = {"reduction": "none"}
    arrays = residuals(powers(-59, 59))
    cases = []
    for alpha in (-2.0, 0.0, 1.0, 1.5, 2.0):
        name = f"{alpha:g}_1e-18_to_1e18"
        learned = arrays | {"alpha": np.asarray(alpha)}
        cases.append(Case(f"alpha_{name}", arrays, none | {"alpha": alpha}, WIDE))
        cases.append(Case(f"alpha_array_{name}", learned, none, WIDE))
    return cases


def alpha_of(case: Case) -> Data:
    """α of a case, given as an option or as an array."""
    alpha = case.arrays.get("alpha", case.options.get("alpha"))
    return np.asarray(alpha, dtype=np.float64)


def bounded_slope(case: Case) -> bool:
    """The slope in the residual is bounded where α ≤ 1."""
    return bool(np.all(alpha_of(case) <= 1))


GENERAL = Loss(
    "general_robust_loss",
    Pointwise(
        general,
        reduction="none",
        parameters={"alpha": None, "scale": 1.0},
        # ∂ρ/∂α diverges at 2 and is a limit at ±∞; only finiteness is promised.
        unstated={"alpha": (2.0, float("inf"), -float("inf"))},
    ),
    f"{PAPER}: {general.__doc__}",
    (
        *(at(case, 0.5) for case in common_cases() + scale_cases()[:2]),
        *shape_cases(),
        *learned_cases(),
        *magnitude_cases(),
    ),
    bounded_slope=bounded_slope,
)

LOSSES = (
    named("charbonnier_loss", charbonnier),
    named("cauchy_loss", cauchy),
    named("welsch_loss", welsch),
    named("geman_mcclure_loss", geman_mcclure),
    GENERAL,
)
