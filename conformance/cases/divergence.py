"""Divergences of distributions, from equal ones to those that share nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from mpmath import inf, log, mp, mpf

from conformance.case import WIDE, Case, Data, Loss, pseudorandom
from conformance.reference import Number
from conformance.rows import PerRow, Scored

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]
Cell: TypeAlias = tuple[Number, Number, Number]  # its share, and the slopes in p and t

SHAPE = (2, 3, 5)
MAPS = (2, 3, 2, 4)
REDUCTIONS = ("none", "mean", "sum")
# Distributions that are nearly alike differ in digits that half precision lacks.
FULL = ("float64", "float32")
# A cell between 0 and this has lost digits in some dtype, and is 0 where such numbers
# are flushed: its share is nothing, and its slope any finite number.
NORMAL = 2.0**-126
# Its inverse square overflows in float32.
TINY = -100
# KL: the ratio in a cell's logarithm is rounded, by which the cell is off by as much as
# a unit in the last place of t. Their sum is a fiftieth or more of the target in these
# cases. Of nearly equal distributions no such digits may be lost: 1e-6 in float32.
KULLBACK, NEAR = 24.0, 8.0
# JS: XLA's atanh is off by 31 units in float64, twice as much beside what cancels
# (https://github.com/jax-ml/jax/issues/39707).
ATANH = 96.0
# The slope of KL in the target is a difference of two logarithms, of up to 80 in size
# where cells are unnormalised, each right to a unit in its own last place.
LOGARITHMS = 160.0


def kullback_leibler(p: Number, t: Number) -> Cell:
    """KL(t‖p) = Σ t·log(t/p), where a cell with t = 0 has no part in it."""
    if t == 0:
        return mpf(0), mpf(0), mpf(0)
    if p == 0:
        return inf, mp.nan, mp.nan
    return t * log(t / p), -t / p, log(t / p) + 1


def jensen_shannon(p: Number, t: Number) -> Cell:
    """½·KL(t‖m) + ½·KL(p‖m), m = (p + t)/2, where a zero has no slope of its own."""
    m = (p + t) / 2
    # the slope in p is ½·log(p/m) + ½ − (p + t)/(4m), of which the last two cancel
    by_p, by_t = (log(x / m) / 2 if x else mpf(0) for x in (p, t))
    return p * by_p + t * by_t, by_p, by_t


def of_cells(p: list[float], t: list[float], *, cell: Any) -> Scored:
    """The sum over the cells of two distributions, NaN if one is negative."""
    if min([0, *p, *t]) < 0:
        return Scored(mp.nan, p, t)
    pairs = list(zip(p, t, strict=True))
    cells = [cell(mpf(a), mpf(b)) for a, b in pairs]
    stated = [not any(0 < x < NORMAL for x in pair) for pair in pairs]
    slopes = [
        [own[k] if known else mp.nan for own, known in zip(cells, stated, strict=True)]
        for k in (1, 2)
    ]
    return Scored(mp.fsum(own[0] for own in cells), *slopes)


def axes(case: Case) -> tuple[int, ...]:
    """Those that a distribution extends over: the last one if nothing is said."""
    axis = case.options.get("axis", -1)
    if axis is None:
        return tuple(range(case.arrays["pred"].ndim))
    return axis if isinstance(axis, tuple) else (axis,)  # type: ignore[return-value]


def distributions(seed: int, shape: tuple[int, ...] = SHAPE, spatial: int = 1) -> Data:
    """Multiples of 1/256 of sum 1 over the last axes, none of them small."""
    size = math.prod(shape[-spatial:])
    rows = (*shape[:-spatial], size)
    parts = 96 // size + pseudorandom(seed, rows) % (144 // size) + 0.0
    parts[..., -1] += 256 - parts.sum(axis=-1)
    return parts.reshape(shape) / 256


def pair(seed: int, shape: tuple[int, ...] = SHAPE, spatial: int = 1) -> Arrays:
    """A prediction and its target."""
    return {
        "pred": distributions(seed, shape, spatial),
        "target": distributions(seed + 1000, shape, spatial),
    }


def near(gap: float, shape: tuple[int, ...] = SHAPE, spatial: int = 1) -> Arrays:
    """Distributions of the same sum that differ by about this part of every cell.

    Multiples of 2**-24, so that float32 holds them and their sums.
    """
    target = distributions(3, shape, spatial)
    rows = target.reshape(*shape[:-spatial], -1)
    step = np.round(2.0**24 * gap * rows * (0.5 + pseudorandom(4, rows.shape) % 5 / 4))
    step *= np.where(np.arange(rows.shape[-1]) % 2, -1, 1)
    step[..., -1] -= step.sum(axis=-1)
    return {"pred": (rows + step / 2**24).reshape(shape), "target": target}


def rounded(gap: float) -> Arrays:
    """Such distributions as a program normalises them in float32: the sums are off."""
    target = np.sin(1.0 + np.arange(30.0)).reshape(SHAPE) + 1.5
    pred = target * (1 + gap * np.cos(np.arange(30.0)).reshape(SHAPE))
    return {
        name: (x / x.sum(axis=-1, keepdims=True)).astype(np.float32).astype(float)
        for name, x in {"pred": pred, "target": target}.items()
    }


def emptied(array: Data, *cells: int) -> Data:
    """Without these cells, whose mass the next one after them has."""
    rows = array.reshape(-1, array.shape[-1]).copy()
    for cell in cells:
        rows[:, cell + 1] += rows[:, cell]
        rows[:, cell] = 0.0
    return rows.reshape(array.shape)


def filled(array: Data, value: float) -> Data:
    """With a number in the first cell of every row."""
    changed = array.copy()
    changed[..., 0] = value
    return changed


def axis_cases(none: Options) -> Iterator[Case]:
    """Distributions along the first axis, several or all of them, and of few cells."""
    arrays = {"pred": distributions(5, (5, 3, 2), 3)}
    arrays["target"] = np.moveaxis(distributions(6, (3, 2, 5), 3), -1, 0)
    several: dict[str, int | tuple[int, ...] | None] = {
        "first": 0,
        "middle": -2,
        "outer": (0, 2),
        "last_two": (-1, -2),
        "all": None,
    }
    for name, axis in several.items():
        yield Case(f"axis_{name}", arrays, {**none, "axis": axis})
    yield Case("axis_all_mean", arrays, {"axis": None})
    yield Case("one_axis", pair(7, (6,)), none)
    one = {"pred": np.asarray([[0.5], [2.0]]), "target": np.asarray([[0.75], [0.5]])}
    yield Case("one_cell", one, none)
    yield Case("no_cells", {name: np.zeros((2, 0)) for name in one}, none)
    columns = {name: np.asfortranarray(array) for name, array in pair(9).items()}
    yield Case("column_major", columns, none)


def zero_cases(arrays: Arrays, none: Options) -> Iterator[Case]:
    """Cells without target, without prediction and without both."""
    p, t = arrays["pred"], arrays["target"]
    yield Case("zero_target", {"pred": p, "target": emptied(t, 0, 2)}, none, core=True)
    both = {"pred": emptied(p, 1), "target": emptied(t, 0, 1)}
    yield Case("zero_both", both, none, core=True)
    zeros = np.zeros_like(p)
    yield Case("all_zero_target", {"pred": p, "target": zeros}, none)
    yield Case("all_zero", {"pred": zeros, "target": zeros}, none)


def zero_prediction_cases(
    arrays: Arrays, none: Options, *, gradient: bool
) -> Iterator[Case]:
    """Cells without prediction, which make KL infinite."""
    p, t = arrays["pred"], arrays["target"]
    zero = {"pred": emptied(p, 0, 2), "target": t}
    yield Case("zero_prediction", zero, none, gradient=gradient, core=True)
    even = np.arange(p.shape[-1]) % 2 == 0
    disjoint = {"pred": np.where(even, p, 0.0), "target": np.where(even, 0.0, t)}
    for r in REDUCTIONS:
        own = {**none, "reduction": r}
        yield Case(f"disjoint_{r}", disjoint, own, gradient=gradient)


def magnitude_cases(arrays: Arrays, none: Options) -> Iterator[Case]:
    """Far from alike, of any sum, of numbers with few digits, and of no numbers."""
    for name, power in {"tiny": TINY, "large": 60}.items():
        scaled = {key: array * 2.0**power for key, array in arrays.items()}
        yield Case(f"unnormalised_{name}", scaled, none, WIDE, core=True)
    unlike = {"pred": arrays["pred"] * 4.0, "target": arrays["target"] / 8.0}
    yield Case("unnormalised", unlike, none)
    zero = {name: emptied(array, 0) for name, array in arrays.items()}
    p, t = arrays["pred"], arrays["target"]
    for name, far in {
        "prediction": {"pred": filled(zero["pred"], 2.0**-20), "target": t},
        "target": {"pred": p, "target": filled(zero["target"], 2.0**-20)},
    }.items():
        yield Case(f"small_{name}", far, none, WIDE)
    both = {name: filled(array, 2.0**TINY) for name, array in zero.items()}
    yield Case("tiny_both", both, none, WIDE, core=True)
    for dtype, least in {"float32": 2.0**-140, "float64": 2.0**-1060}.items():
        few = {"pred": p, "target": filled(zero["target"], least)}
        yield Case(f"denormal_target_{dtype}", few, none, (dtype,))
        few = {"pred": filled(zero["pred"], least), "target": zero["target"]}
        yield Case(f"denormal_prediction_{dtype}", few, none, (dtype,))
        few = {name: filled(array, least) for name, array in zero.items()}
        yield Case(f"denormal_both_{dtype}", few, none, (dtype,))
    spoiled = p.copy()
    spoiled[0, :2, 0] = np.nan
    yield Case("nan", {"pred": spoiled, "target": t}, none, gradient=False)
    many = {name: np.tile(array, (40, 20, 1)) for name, array in arrays.items()}
    yield Case("many", many, {"axis": None}, gradient=False)


def negative_cases(arrays: Arrays, none: Options) -> Iterator[Case]:
    """No distribution: refused where values are at hand, NaN elsewhere."""
    for name in ("pred", "target"):
        wrong = {key: array.copy() for key, array in arrays.items()}
        wrong[name][1, 0].flat[2] = -0.25
        for r in REDUCTIONS[:2]:
            yield Case(
                f"negative_{name}_{r}",
                wrong,
                {**none, "reduction": r},
                gradient=False,
                core=r == "none" and name == "pred",
                refused_by=("numpy",),
            )


def reduction_cases(arrays: Arrays) -> Iterator[Case]:
    """The first case is the plain one, which every dtype compiles."""
    yield Case("default", arrays, core=True, thorough=arrays["pred"].shape == SHAPE)
    for r in REDUCTIONS:
        yield Case(f"reduction_{r}", arrays, {"reduction": r}, core=r == "none")
        empty = {name: array[:0] for name, array in arrays.items()}
        yield Case(f"empty_{r}", empty, {"reduction": r})


def near_cases(none: Options, shape: tuple[int, ...], spatial: int) -> Iterator[Case]:
    """Alike but for one part in a hundred to one in a million, and equal."""
    p = distributions(2, shape, spatial)
    yield Case("equal", {"pred": p, "target": p.copy()}, none, core=True)
    for k in (2, 3, 4, 5, 6):
        arrays = near(10.0**-k, shape, spatial)
        yield Case(f"near_1e-{k}", arrays, none, FULL, core=True, ulps=NEAR)


def integer_cases(none: Options) -> Iterator[Case]:
    """Counts, which are no distributions, as they come."""
    counts = {name: (x * 256).astype(np.uint8) for name, x in pair(10).items()}
    yield Case("uint8", counts, none, core=True)
    mixed = {"pred": pair(10)["pred"], "target": counts["target"]}
    yield Case("uint8_with_float", mixed, none)


def cases(*, kullback: bool) -> Iterator[Case]:
    """Over any axes."""
    none: Options = {"reduction": "none"}
    arrays = pair(1)
    yield from reduction_cases(arrays)
    yield from near_cases(none, SHAPE, 1)
    for k in (3, 4):
        yield Case(f"rounded_1e-{k}", rounded(10.0**-k), none, FULL, ulps=NEAR)
    yield from zero_cases(arrays, none)
    yield from zero_prediction_cases(arrays, none, gradient=not kullback)
    yield from axis_cases(none)
    yield from magnitude_cases(arrays, none)
    yield from integer_cases(none)
    yield from negative_cases(arrays, none)


def map_cases(*, kullback: bool) -> Iterator[Case]:
    """Heat maps, which share everything but the axes."""
    none: Options = {"reduction": "none"}
    arrays = pair(1, MAPS, 2)
    yield from reduction_cases(arrays)
    for case in near_cases(none, MAPS, 2):
        yield replace(case, core=case.id in ("equal", "near_1e-4"))
    yield from zero_cases(arrays, none)
    yield from zero_prediction_cases(arrays, none, gradient=not kullback)
    yield Case("one_pixel", pair(2, (2, 3, 1, 1), 2), none)
    yield from negative_cases(arrays, none)


LOSSES = tuple(
    Loss(
        f"{name}_div_loss{suffix}",
        PerRow(partial(of_cells, cell=cell), own_axes),
        f"{source}: {cell.__doc__}",
        tuple(own_cases(kullback=name == "kl")),
        elementwise=False,
        costly=True,
        ulps=KULLBACK if name == "kl" else 8.0,
        ulps_on={} if name == "kl" else {("jax", "float64"): ATANH},
        gradient_ulps=LOGARITHMS if name == "kl" else None,
        # never below 0, whatever the sums of the two
        bounds=None if name == "kl" else (0.0, math.inf),
    )
    for name, cell, source in (
        ("kl", kullback_leibler, "Kullback & Leibler 1951, eq. 2.4"),
        ("js", jensen_shannon, "Lin 1991, eq. 4.1"),
    )
    for suffix, own_axes, own_cases in (
        ("", axes, cases),
        ("_2d", lambda _: (-2, -1), map_cases),
    )
)
