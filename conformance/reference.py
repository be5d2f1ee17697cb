"""What the definitions share: elementwise loops and reductions in high precision.

A definition is the textbook formula of one element in mpmath; nothing here is written
for speed or for stability, since the precision makes up for every cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray

from conformance.case import Case, Data

Number = Any  # mpmath has no types
Reference = Callable[[Case], "Golden"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Golden:
    """The right value, and the gradient of its sum with respect to each argument.

    A gradient entry is NaN where the loss promises a finite number and no more.
    """

    value: Floats
    gradient: Mapping[str, Floats]


@dataclass(frozen=True)
class Pointwise:
    """Reference of a loss that is ρ(residual) elementwise, weighted and reduced.

    Parameters
    ----------
    rho
        The formula for one element, ``rho(residual, **parameters)``.
    reduction
        The default reduction.
    parameters
        Names of the parameters of ρ and their defaults (None: required).
    weighted_mean
        Whether ``mean`` divides by the sum of ``weight`` too.
    unstated
        Parameter values at which the gradient in that parameter is only finite.
    """

    rho: Callable[..., Number]
    reduction: str = "mean"
    parameters: Mapping[str, float | None] = field(default_factory=dict)
    weighted_mean: bool = False
    unstated: Mapping[str, Collection[float]] = field(default_factory=dict)

    def __call__(self, case: Case) -> Golden:
        """Value and gradients of `case`."""
        with mp.workdps(_digits(case)):
            return self._evaluate(case)

    def _evaluate(self, case: Case) -> Golden:
        shape = case.arrays["pred"].shape
        elements = elements_of(case, self.parameters, shape)
        losses = [self._differentiate(element) for element in elements]
        reduction = str(case.options.get("reduction", self.reduction))
        value, partials = reduce_terms(elements, losses, reduction, self.weighted_mean)
        gradient = {
            name: collect(name, case.arrays[name], partials, shape)
            for name in case.floating
        }
        result_shape = shape if reduction == "none" else ()
        return Golden(floats(value).reshape(result_shape), gradient)

    def _differentiate(self, element: Mapping[str, Number]) -> dict[str, Number]:
        """ρ and its partial derivatives for one element; excluded ones are skipped."""
        if not element["where"]:
            return {}
        residual = element["pred"] - element["target"]
        parameters = {name: element[name] for name in self.parameters}

        def rho(**changed: Number) -> Number:
            point = {"residual": residual} | parameters | changed
            return self.rho(point.pop("residual"), **point)

        # Every pointwise loss has its least value at 0: a flat point or a kink, where
        # the gradient is 0 by contract.
        slope = mpf(0) if residual == 0 else _slope(rho, "residual", residual)
        partial = {"rho": rho(), "pred": slope, "target": -slope}
        for name, value in parameters.items():
            stated = value not in self.unstated.get(name, ())
            partial[name] = _slope(rho, name, value) if stated else mp.nan
        return partial


def _digits(case: Case) -> int:
    """Decimal digits that keep 20 after the worst cancellation.

    ρ of a residual 10**-d is 10**-2d beside 1, and a difference quotient with a
    relative step of 1e-20 takes as much again.
    """
    sizes = [abs(a[np.isfinite(a) & (a != 0)]) for a in case.arrays.values()]
    sizes = [size.astype(np.float64) for size in sizes if size.size]
    decades = max((float(np.max(abs(np.log10(size)))) for size in sizes), default=0)
    return 80 + 4 * int(np.ceil(decades))


def elements_of(
    case: Case, parameters: Mapping[str, float | None], shape: tuple[int, ...]
) -> list[dict[str, Number]]:
    """Arguments and parameters of every element, broadcast, exact in mpmath."""
    defaults = {"where": True, "weight": 1.0, "sample_weight": 1.0} | dict(parameters)
    named = {name: case.options.get(name, v) for name, v in defaults.items()}
    columns = {
        name: np.broadcast_to(np.asarray(array), shape).ravel().tolist()
        for name, array in {**named, **case.arrays}.items()
    }
    return [
        {name: mpf(column[i]) for name, column in columns.items()}
        for i in range(int(np.prod(shape)))
    ]


def collect(
    name: str, array: Data, partials: list[dict[str, Number]], shape: tuple[int, ...]
) -> Floats:
    """Sum the elements' partials over the axes along which `array` broadcasts."""
    owner = np.broadcast_to(np.arange(array.size).reshape(array.shape), shape)
    sums = [mpf(0)] * array.size
    for index, partial in zip(owner.ravel(), partials, strict=True):
        sums[index] += partial.get(name, 0)
    return floats(sums).reshape(array.shape)


def _slope(rho: Callable[..., Number], name: str, at: Number) -> Number:
    """Central difference; its error is of the order of the step squared, 1e-40."""
    if mp.isnan(at):
        return mp.nan
    step = mpf(10) ** -20 * (abs(at) if at != 0 else 1)
    return (rho(**{name: at + step}) - rho(**{name: at - step})) / (2 * step)


def reduce_terms(
    elements: list[dict[str, Number]],
    losses: list[dict[str, Number]],
    reduction: str,
    weighted_mean: bool,
) -> tuple[list[Number], list[dict[str, Number]]]:
    """Σ w·l, divided for the mean, and the partials of the result's sum.

    With N = Σ w·s·ρ and the divisor D = Σ s, or Σ w·s, the mean is m = N/D and
    ∂m = (∂N − m·∂D)/D; without a divisor D is 1 and does not change.
    """
    terms = [
        e["weight"] * e["sample_weight"] * loss["rho"] if loss else mpf(0)
        for e, loss in zip(elements, losses, strict=True)
    ]
    divisor, mean = mpf(1), mpf(0)
    if reduction == "mean":
        divisor = mp.fsum(
            e["sample_weight"] * (e["weight"] if weighted_mean else 1)
            for e, loss in zip(elements, losses, strict=True)
            if loss
        )
        if divisor == 0:  # nothing counts: 0, with zero gradient
            return [mpf(0)], [{} for _ in elements]
        mean = mp.fsum(terms) / divisor
    partials = [
        _weigh(e, loss, mean, divisor, weighted_mean) if loss else {}
        for e, loss in zip(elements, losses, strict=True)
    ]
    if reduction == "none":
        return terms, partials
    return [mp.fsum(terms) / divisor], partials


def _weigh(
    element: Mapping[str, Number],
    loss: Mapping[str, Number],
    mean: Number,
    divisor: Number,
    weighted_mean: bool,
) -> dict[str, Number]:
    """Partials of (N, D) -> N/D for one element, by the quotient rule."""
    weight, sample_weight = element["weight"], element["sample_weight"]
    scale = weight * sample_weight / divisor
    partial = {name: scale * value for name, value in loss.items() if name != "rho"}
    own_mean = mean if weighted_mean else 0
    share = mean * (weight if weighted_mean else 1)
    partial["weight"] = sample_weight * (loss["rho"] - own_mean) / divisor
    partial["sample_weight"] = (weight * loss["rho"] - share) / divisor
    return partial


def floats(numbers: Iterable[Number]) -> Floats:
    return np.asarray([float(number) for number in numbers], dtype=np.float64)


def mpf_of(number: Fraction) -> Number:
    """A fraction in high precision."""
    return mpf(number.numerator) / mpf(number.denominator)
