"""Definitions of the structural similarities, from the formulas of their papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from mpmath import mp, mpf

from conformance.case import Case
from conformance.reference import (
    Floats,
    Golden,
    Number,
    collect,
    elements_of,
    floats,
    reduce_terms,
)
from conformance.windows import (
    DIGITS,
    Local,
    Plane,
    differentiate,
    exact,
    gaussian_windows,
    local,
    rounded,
)

SIGMA = 1.5
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
Moments: TypeAlias = Plane  # E[x], E[y], E[x²], E[y²], E[xy] of one window


def luminance(m: Moments, c1: Number) -> Number:
    """l = (2μxμy + C1)/(μx² + μy² + C1) (Wang et al. 2004, eq. 6)."""
    mx, my, _, _, _ = m
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1)


def contrast(m: Moments, c2: Number) -> Number:
    """cs = (2σxy + C2)/(σx² + σy² + C2) (Wang et al. 2004, eq. 9 and 10, C3 = C2/2)."""
    mx, my, xx, yy, xy = m
    return (2 * (xy - mx * my) + c2) / (xx - mx**2 + yy - my**2 + c2)


def index(m: Moments, c1: Number, c2: Number, eps: Number) -> Number:
    """SSIM, 1 − (1 − l·cs)·D/(D + eps), D being the product of the denominators."""
    mx, my, xx, yy, _ = m
    d = (mx**2 + my**2 + c1) * (xx - mx**2 + yy - my**2 + c2)
    return 1 - (1 - luminance(m, c1) * contrast(m, c2)) * d / (d + eps)


def structure(m: Moments, c1: Number, c2: Number) -> Number:
    """l of the last scale times cs of all scales (Zhao et al. 2017, eq. 8)."""
    result = luminance(m[-5:], c1)
    for first in range(0, len(m), 5):
        result *= contrast(m[first : first + 5], c2)
    return result


def ssim(case: Case) -> Golden:
    """The index of every window."""
    with mp.workdps(DIGITS):
        return _ssim(case, lambda value: value, "none")


def ssim_loss(case: Case) -> Golden:
    """(1 − index)/2; at its bound 0 it has its least value, and slope 0."""
    with mp.workdps(DIGITS):
        return _ssim(case, lambda value: (1 - value) / 2, _reduction(case))


def _ssim(case: Case, of_index: Callable[[Number], Number], reduction: str) -> Golden:
    options = _options(case, max_val=1.0, eps=1e-12, padding="same")
    c1, c2 = _constants(options["max_val"])
    eps, size = mpf(options["eps"]), options["window_size"]
    spatial = case.arrays["img1"].shape[2:]
    windows = gaussian_windows(spatial, size, SIGMA, options["padding"])

    def of_plane(x: Plane, y: Plane) -> Local:
        return local(lambda m: of_index(index(m, c1, c2, eps)), [windows], x, y)

    return of_planes(case, of_plane, windows.map_shape, reduction)


def ms_ssim_l1_loss(case: Case) -> Golden:
    """compensation·(α(1 − MS-SSIM) + (1 − α)·G∗|x − y|/range), the mean of channels.

    Zhao et al. 2017, eq. 8, 9 and 12, with every scale at full resolution.
    """
    with mp.workdps(DIGITS):
        spatial = case.arrays["img1"].shape[2:]
        options = _options(
            case,
            sigmas=SCALES,
            data_range=1.0,
            K=(0.01, 0.03),
            alpha=0.025,
            compensation=200.0,
        )
        constants = _constants(options["data_range"], *options.pop("K"))

        def of_plane(x: Plane, y: Plane) -> Local:
            return _mixture(x, y, constants, **options)

        return of_planes(case, of_plane, spatial, _reduction(case), average=True)


def _mixture(
    x: Plane,
    y: Plane,
    constants: tuple[Number, Number],
    *,
    sigmas: tuple[float, ...],
    data_range: float,
    alpha: float,
    compensation: float,
) -> Local:
    """The loss of one channel."""
    size = 2 * int(2 * sigmas[-1]) + 1
    scales = [gaussian_windows(x.shape, size, sigma, "zero") for sigma in sigmas]
    of_structure = mpf(compensation) * mpf(alpha)
    of_distance = mpf(compensation) * (1 - mpf(alpha)) / mpf(data_range)
    dissimilarity = local(
        lambda m: of_structure * (1 - structure(m, *constants)), scales, x, y
    )
    distance = of_distance * scales[-1].mean(abs(x - y))

    def pull_back(gradient: Plane) -> list[Plane]:
        by_x, by_y = dissimilarity.pull_back(gradient)
        slope = of_distance * scales[-1].transpose(gradient) * _sign(x - y)
        return [by_x + slope, by_y - slope]

    return Local(dissimilarity.value + distance, pull_back)


def ms_ssim_loss(case: Case) -> Golden:
    """(1 − MS-SSIM)/2 of each sample, MS-SSIM being the mean of channels.

    Wang, Simoncelli & Bovik 2003, eq. 7, with the means of cs and of the index in
    place of those of c, s and l, as in their program.
    """
    with mp.workdps(DIGITS):
        options = _options(case, window_size=11, max_val=1.0, power_factors=POWERS)

        def of_plane(x: Plane, y: Plane) -> Local:
            return _pyramid(x, y, **options)

        return of_planes(case, of_plane, (), _reduction(case), average=True)


def _pyramid(
    x: Plane,
    y: Plane,
    *,
    window_size: int,
    max_val: float,
    power_factors: tuple[float, ...],
) -> Local:
    """The loss of one channel, over levels of half the size each."""
    c1, c2 = _constants(max_val)
    levels = []
    for level in range(len(power_factors)):
        last = level == len(power_factors) - 1
        windows = gaussian_windows(x.shape, window_size, SIGMA, "valid")

        def of_moments(m: Moments, last: bool = last) -> Number:
            return index(m, c1, c2, mpf(0)) if last else contrast(m, c2)

        levels.append(local(of_moments, [windows], x, y))
        x, y = _halve(x), _halve(y)

    def of_means(means: Moments) -> Number:
        factors = zip(means, power_factors, strict=True)
        return (1 - mp.fprod(max(m, mpf(0)) ** mpf(p) for m, p in factors)) / 2

    means = np.stack([np.mean(level.value) for level in levels])

    def pull_back(gradient: Number) -> list[Plane]:
        slopes = gradient * differentiate(of_means, means)
        shares = [
            np.full(level.value.shape, slope / level.value.size)
            for level, slope in zip(levels, slopes, strict=True)
        ]
        total = levels[-1].pull_back(shares[-1])
        for level, share in zip(levels[-2::-1], shares[-2::-1], strict=True):
            finer = level.pull_back(share)
            total = [a + _double(b, a.shape) for a, b in zip(finer, total, strict=True)]
        return total

    return Local(of_means(means), pull_back)


def _halve(plane: Plane) -> Plane:
    """Mean of 2 pixels along every axis; the last of an odd number is left out."""
    for axis in range(plane.ndim):
        lines = np.moveaxis(plane, axis, 0)
        even = len(lines) // 2 * 2
        plane = np.moveaxis((lines[0:even:2] + lines[1:even:2]) / 2, 0, axis)
    return plane


def _double(plane: Plane, shape: tuple[int, ...]) -> Plane:
    """Gradient in the argument of `_halve`, of this shape."""
    for axis, length in enumerate(shape):
        lines = np.moveaxis(plane, axis, 0)
        wide = np.full((length, *lines.shape[1:]), mpf(0))
        wide[: 2 * len(lines)] = np.repeat(lines, 2, axis=0) / 2
        plane = np.moveaxis(wide, 0, axis)
    return plane


def _options(case: Case, **defaults: Any) -> dict[str, Any]:
    """The options of a case but for its reduction."""
    given = {k: v for k, v in case.options.items() if k != "reduction"}
    return defaults | given


def _reduction(case: Case) -> str:
    return str(case.options.get("reduction", "mean"))


def _constants(
    value_range: float, k1: float = 0.01, k2: float = 0.03
) -> tuple[Number, Number]:
    """C1 and C2 (Wang et al. 2004, eq. 7 and 9)."""
    return (mpf(k1) * mpf(value_range)) ** 2, (mpf(k2) * mpf(value_range)) ** 2


def _sign(plane: Plane) -> Plane:
    return np.where(plane > 0, 1, np.where(plane < 0, -1, 0))


def of_planes(
    case: Case,
    of_plane: Callable[[Plane, Plane], Local],
    map_shape: tuple[int, ...],
    reduction: str,
    *,
    average: bool = False,
) -> Golden:
    """A loss of each sample's channels, or the `average` of its channels, reduced.

    The images are the first two arrays.
    """
    first, second = list(case.arrays)[:2]
    x, y = exact(case.arrays[first]), exact(case.arrays[second])
    planes = {k: of_plane(x[k], y[k]) for k in np.ndindex(x.shape[:2])}
    values = np.full((*x.shape[:2], *map_shape), mpf(0))
    for k, plane in planes.items():
        values[k] = plane.value
    shape = values.shape
    if average:
        values = np.sum(values, axis=1) / x.shape[1]
    value, slopes, gradient = _reduce(case, values, reduction)
    if not case.gradient:
        return Golden(value, {})
    if average:
        slopes = np.broadcast_to(slopes[:, np.newaxis] / x.shape[1], shape)
    by_image = {name: np.full(x.shape, mpf(0)) for name in (first, second)}
    for k, plane in planes.items():
        by_image[first][k], by_image[second][k] = plane.pull_back(slopes[k])
    gradient |= {name: rounded(plane) for name, plane in by_image.items()}
    return Golden(value, {name: gradient[name] for name in case.floating})


def _reduce(
    case: Case, values: Plane, reduction: str
) -> tuple[Floats, Plane, dict[str, Floats]]:
    """The value, and the gradients in the map and in the weights."""
    weights = {k: v for k, v in case.arrays.items() if k in ("where", "sample_weight")}
    elements = elements_of(Case("weights", weights), {}, values.shape)
    losses = [
        {"rho": value, "map": mpf(1)} if element["where"] else {}
        for value, element in zip(values.ravel(), elements, strict=True)
    ]
    terms, partials = reduce_terms(elements, losses, reduction, weighted_mean=False)
    shape = values.shape if reduction == "none" else ()
    slopes = np.full(len(elements), mpf(0))
    slopes[:] = [partial.get("map", mpf(0)) for partial in partials]
    gradient = {
        name: collect(name, array, partials, values.shape)
        for name, array in weights.items()
        if array.dtype == np.float64
    }
    return floats(terms).reshape(shape), slopes.reshape(values.shape), gradient
