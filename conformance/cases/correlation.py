"""Global and local normalised cross-correlation of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from mpmath import mp, mpf

from conformance.case import WIDE, Case, Data, Loss
from conformance.images import (
    FULL,
    REDUCTIONS,
    VOLUME,
    bytes_of,
    flat_halves,
    levels,
    masked_cases,
    plus,
    similar,
    times,
    weighted_cases,
)
from conformance.images import pair as named_pair
from conformance.reference import Golden, Number
from conformance.rows import PerRow, Scored
from conformance.similarity import of_planes
from conformance.windows import DIGITS, Local, Plane, box_windows, local

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]

SHAPE = (2, 2, 6, 7)
# A difference quotient leaves as much of a window without contrast.
FLAT = mpf(10) ** -30
# A variance is a difference of mean squares, which are 1e4 times as large where a half
# of a plane has a contrast of a level of 256: so are the errors, of about 12 units.
FAINT = 2.0**17


def dissimilarity(x: Sequence[float], y: Sequence[float]) -> Scored:
    """1 − r, r = Σ(x − x̄)(y − ȳ)/(|x − x̄|·|y − ȳ|); 0 where one is constant."""
    nothing = [mpf(0)] * len(x)
    if any(number != number for number in (*x, *y)):
        return Scored(mp.nan, nothing, nothing)
    if min(x) == max(x) or min(y) == max(y):
        return Scored(mpf(1), nothing, nothing)
    (a, size_x), (b, size_y) = _unit(x), _unit(y)
    r = mp.fdot(a, b)
    pairs = list(zip(a, b, strict=True))
    # r changes with what is left of the other beside the own direction
    by_x = [-(q - r * p) / size_x for p, q in pairs]
    by_y = [-(p - r * q) / size_y for p, q in pairs]
    return Scored(1 - r, by_x, by_y)


def _unit(row: Sequence[float]) -> tuple[list[Number], Number]:
    """A row without its mean, of norm 1, and the norm that it had."""
    numbers = [mpf(number) for number in row]
    mean = mp.fsum(numbers) / len(numbers)
    size = mp.sqrt(mp.fsum((number - mean) ** 2 for number in numbers))
    return [(number - mean) / size for number in numbers], size


def local_dissimilarity(m: Plane) -> Number:
    """1 − σxy²/(σx²·σy²) of one window; 1 where one of the variances is 0."""
    mx, my, xx, yy, xy = m
    variances = xx - mx**2, yy - my**2
    if min(variances) < FLAT:
        return mpf(1)
    return 1 - (xy - mx * my) ** 2 / (variances[0] * variances[1])


def lncc(case: Case) -> Golden:
    """1 − r² in every window (Avants et al. 2008, eq. 4), reduced."""
    with mp.workdps(DIGITS):
        size = int(case.options.get("window_size", 9))  # type: ignore[arg-type]
        padding = str(case.options.get("padding", "same"))
        windows = box_windows(case.arrays["pred"].shape[2:], size, padding)

        def of_plane(x: Plane, y: Plane) -> Local:
            return local(local_dissimilarity, [windows], x, y)

        reduction = str(case.options.get("reduction", "mean"))
        return of_planes(case, of_plane, windows.map_shape, reduction)


def pair(seed: int, shape: tuple[int, ...] = SHAPE) -> Arrays:
    """An image with values in [0, 1] and a noisy copy."""
    return renamed(named_pair(seed, shape))


def renamed(arrays: Any) -> Arrays:
    """Two images under the names that the correlations have for them."""
    names = {"img1": "pred", "img2": "target"}
    return {names.get(name, name): array for name, array in arrays.items()}


def unlike(seed: int, shape: tuple[int, ...] = SHAPE) -> Arrays:
    """Two images that have nothing to do with each other."""
    return {
        "pred": levels(seed, shape) / 256,
        "target": levels(seed + 700, shape) / 256,
    }


def common(options: Options) -> Iterator[Case]:
    """Shapes, dtypes and offsets that both correlations go through, unreduced."""
    images = pair(2)
    yield Case("unlike", unlike(3), options, core=True)
    grey = renamed(bytes_of(named_pair(2)))
    yield Case("uint8", grey, options)
    mixed = {"pred": grey["pred"], "target": images["target"] * 256}
    yield Case("uint8_with_float", mixed, options)
    columns = {name: np.asfortranarray(array) for name, array in images.items()}
    yield Case("column_major", columns, options)
    for name, offsets in {
        "1e4": (1e4, 1e4),
        "-1e4_and_1e4": (-1e4, 1e4),
        "1e4_of_one": (0.0, 1e4),
    }.items():
        yield Case(f"offset_{name}", plus(images, *offsets), options, FULL)
    yield Case("times_2**-40", times(images, 2.0**-40), options, WIDE)
    yield Case("times_2**40", times(images, 2.0**40), options, WIDE)
    yield Case("one_axis", pair(4, (2, 2, 11)), options)
    yield Case("three_axes", pair(5, VOLUME), options)
    for r in REDUCTIONS:
        empty = {name: array[:0] for name, array in images.items()}
        yield Case(f"empty_{r}", empty, {**options, "reduction": r})


def alike(seed: int) -> Iterator[tuple[str, Arrays]]:
    """Images that are alike but for brightness and contrast, or the inverse."""
    image = levels(seed, SHAPE) // 2 / 128  # of which a half is exact in bfloat16
    for name, other in {
        "identical": image.copy(),
        "brighter": image / 2 + 0.25,
        "inverted": 1 - image,
        "inverted_brighter": 0.75 - image / 2,
    }.items():
        yield name, {"pred": image, "target": other}


def ncc_cases() -> Iterator[Case]:
    """From one pattern to none; the first case is the plain one."""
    none: Options = {"reduction": "none"}
    yield Case("default", pair(1), core=True)
    for r in REDUCTIONS:
        yield Case(f"reduction_{r}", pair(6), {"reduction": r}, core=r == "none")
    yield from common(none)
    for name, arrays in alike(7):
        core = name in ("identical", "inverted")
        yield Case(name, arrays, none, core=core, gradient_scale=1.0)
    image = levels(8, SHAPE) / 256
    for k in (2, 3, 4):
        steps = np.round(2.0**24 * 10.0**-k * (levels(9, SHAPE) / 256 - 0.5))
        arrays = {"pred": image + steps / 2**24, "target": image}
        yield Case(f"near_1e-{k}", arrays, none, FULL, gradient_scale=1.0)
    flat = np.full(SHAPE, 0.625)
    partly = image.copy()
    partly[0, 1] = 0.25
    for name, arrays in {
        "constant_pred": {"pred": flat, "target": image},
        "constant_target": {"pred": image, "target": flat},
        "two_constants": {"pred": flat, "target": 0 * flat},
        "one_constant_plane": {"pred": image, "target": partly},
    }.items():
        yield Case(name, arrays, none, core=name == "two_constants")
    yield Case("one_pixel", pair(10, (2, 3, 1, 1)), none)
    yield Case("two_pixels", unlike(10, (2, 3, 2)), none, gradient_scale=4.0)
    yield Case("four_axes", pair(11, (1, 2, 2, 3, 2, 2)), none)
    spoiled = pair(12)
    spoiled["pred"][0, 1, 2, 3] = np.nan
    yield Case("nan", spoiled, none, gradient=False)
    many = {name: np.tile(array, (1, 1, 20, 20)) for name, array in pair(13).items()}
    yield Case("many", many, none, gradient=False)


def lncc_cases() -> Iterator[Case]:
    """Windows of both paddings, masks, and patches without contrast."""
    images = pair(1)
    own: Options = {"window_size": 5}
    none: Options = {**own, "reduction": "none"}
    small: Options = {**none, "window_size": 3}
    named = named_pair(1)
    for case in (
        *weighted_cases(named, own, SHAPE),
        *masked_cases(named, own, SHAPE, reach=2),
    ):
        yield replace(case, arrays=renamed(case.arrays))
    yield from common(none)
    yield Case("window_3", images, small)
    yield Case("window_9", images, {"reduction": "none"})
    for size in (3, 5):
        valid = {**none, "window_size": size, "padding": "valid"}
        yield Case(f"window_{size}_valid", images, valid)
    yield Case("valid_mean", images, {**own, "padding": "valid"})
    inner = {"where": levels(14, (2, 2, 2, 3)) > 100}
    yield Case("valid_where", images | inner, {**own, "padding": "valid"})
    yield Case("one_axis_valid", pair(4, (2, 2, 11)), {**none, "padding": "valid"})
    for name, arrays in alike(7):
        yield Case(name, arrays, none, gradient_scale=1.0)
    yield from _flat_cases(images, small)
    spoiled = {name: image.copy() for name, image in images.items()}
    spoiled["pred"][0, 0, 0, 0] = np.nan
    yield Case("nan", spoiled, small, gradient=False)


def _flat_cases(images: Arrays, options: Options) -> Iterator[Case]:
    """Windows of one or both images that are flat, far from the mean of the plane."""
    flat = np.full(SHAPE, 0.625)
    both = {"pred": images["pred"].copy(), "target": images["target"].copy()}
    both["pred"][..., :4] = 0.125
    yield Case("flat_patch", both, options, core=True)
    both = {**both, "target": images["target"].copy()}
    both["target"][..., 2:, :] = 0.75
    yield Case("flat_patches", both, options)
    yield Case("constant_pred", {"pred": flat, "target": images["target"]}, options)
    yield Case("two_constants", {"pred": flat, "target": 0 * flat}, options)
    halves = renamed(flat_halves(SHAPE))
    faint = Case("flat_halves", halves, options, FULL, ulps=FAINT)
    yield replace(faint, gradient_ulps=4 * FAINT)
    yield Case("window_1", images, {**options, "window_size": 1})


def gap(case: Case) -> float:
    """How far apart images of norm 1 are: 1 but for those that are nearly alike."""
    return float(case.id.partition("near_")[2] or 1)


LOSSES = (
    Loss(
        "ncc_loss",
        PerRow(dissimilarity, lambda case: tuple(range(2, case.arrays["pred"].ndim))),
        "Gonzalez & Woods, section 12.2: " + str(dissimilarity.__doc__),
        tuple(ncc_cases()),
        elementwise=False,
        costly=True,
        # Half the square of a gap between images of norm 1, each of which is rounded.
        scale=gap,
        gradient_ulps=16.0,
        bounds=(0.0, 2.0),
    ),
    similar(
        "lncc_loss",
        lncc,
        str(lncc.__doc__),
        tuple(lncc_cases()),
        arrays=("pred", "target"),
        # Those of r double in its square.
        ulps=24.0,
    ),
)
