"""Mutual information: kernels, bins, masks, and signals that tell nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from conformance.case import Case, Data, Loss, dyadic, pseudorandom
from conformance.information import KERNELS, mutual_information
from conformance.rows import PerRow

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]

SHAPE = (2, 40)
SHAPES = {1: SHAPE, 2: (2, 5, 7), 3: (2, 3, 4, 3)}
REDUCTIONS = ("none", "mean", "sum")
# An offset of 1000 beside sixteenths takes more digits than half precision has.
FULL = ("float64", "float32")
FEW: Options = {"num_bins": 9}

# A count is a sum of many weights, and the loss one of p·log p, below 1: 8 units, or
# 1e-6 in float32, with those of the sum. Where a sample lies among the bins is rounded
# in units of their number, and a kernel's slope changes by 3.6 from bin to bin.
COUNTED, STEEP = 2.0, 8.0
# Where nothing is told, slopes cancel that are of this size or more by themselves.
CANCELLED = 2.0**-4


def pair(seed: int = 1, shape: tuple[int, ...] = SHAPE) -> Arrays:
    """A signal, and one that it tells something of; no extreme of either is met twice.

    Multiples of 1/16 within ±8, and the extremes beyond.
    """
    x = dyadic(seed, shape)
    noise = dyadic(seed + 500, shape)
    y = np.where(pseudorandom(seed + 600, shape) % 3 > 0, 4 - x / 2 - x % 1, noise)
    arrays = {"input": x, "target": np.round(8 * y) / 8}
    for array in arrays.values():
        rows = array.reshape(shape[0], -1)
        rows[:, 3], rows[:, 17] = -8.0625, 8.3125
    return arrays


def contract(dtype: str = "float64") -> Arrays:
    """A = (i + 2j) mod 9 and B = (2A + i mod 3) mod 9 on 12 × 20: all on bins."""
    i, j = np.indices((12, 20))
    a = (i + 2 * j) % 9
    return {
        "input": a[np.newaxis].astype(dtype),
        "target": ((2 * a + i % 3) % 9)[np.newaxis].astype(dtype),
    }


def masks(seed: int, shape: tuple[int, ...]) -> Arrays:
    """Three quarters of the samples for each signal, with all four combinations."""
    return {
        name: pseudorandom(seed + k, shape) % 4 > 0
        for k, name in enumerate(("input_mask", "target_mask"))
    }


def spoiled(arrays: Arrays, own: Arrays) -> Arrays:
    """No number where the own mask does not hold."""
    result = {**arrays, **own}
    for name in ("input", "target"):
        if f"{name}_mask" in own:
            mask = own[f"{name}_mask"]
            result[name] = np.where(mask, arrays[name], np.nan)
            result[name][..., ~mask] = (np.nan, np.inf)[name == "target"]
    return result


def reduction_cases(arrays: Arrays, *, thorough: bool = False) -> Iterator[Case]:
    """The first case is the plain one, which every dtype compiles."""
    yield Case("default", arrays, core=True, thorough=thorough)
    for r in REDUCTIONS:
        yield Case(f"reduction_{r}", arrays, {**FEW, "reduction": r})


def kernel_cases() -> Iterator[Case]:
    """Every kernel at radii within a bin and beyond, with few bins and many."""
    arrays = pair(2)
    for kernel in KERNELS:
        for radius in (0.4, 1.0, 2.5, 3.0):
            own: Options = {"kernel_function": kernel, "window_radius": radius}
            core = radius == 2.5 and kernel == "truncated_gaussian"
            yield Case(f"{kernel}_radius_{radius:g}", arrays, {**own, **FEW}, core=core)
        for bins in (2, 64):
            yield Case(
                f"{kernel}_{bins}_bins",
                arrays,
                {"kernel_function": kernel, "num_bins": bins},
            )
        yield Case(f"{kernel}_on_bins", whole(3), {**FEW, "kernel_function": kernel})


def whole(seed: int) -> Arrays:
    """Whole numbers from 0 to 8, which lie on nine bins."""
    x = pseudorandom(seed, SHAPE) % 9 + 0.0
    y = (2 * x + pseudorandom(seed + 1, SHAPE) % 3) % 9
    x[:, :2] = y[:, 2:4] = 0.0, 8.0
    return {"input": x, "target": y}


def constant_cases() -> Iterator[Case]:
    """A signal of one number tells nothing, and has no slope."""
    x = pair(4)["input"]
    flat = np.full(SHAPE, 0.5)
    for name, arrays in {
        "constant_input": {"input": flat, "target": x},
        "constant_target": {"input": x, "target": flat},
        "two_constants": {"input": flat, "target": 3 * flat},
        "one_constant_row": {"input": np.stack([x[0], flat[0]]), "target": x},
    }.items():
        yield Case(name, arrays, FEW, core=name == "two_constants")
    wide: Options = {"window_radius": 2.5, **FEW}
    both = {"input": flat, "target": 3 * flat}
    yield Case("two_constants_wide", both, wide)
    yield Case("constant_input_wide", {"input": flat, "target": x}, wide)


def mask_cases(arrays: Arrays) -> Iterator[Case]:
    """The range of a signal is that of its own mask; samples count in both."""
    shape = arrays["input"].shape[1:]
    both = masks(5, shape)
    yield Case("masks", {**arrays, **both}, FEW)
    yield Case("masks_nan_outside", spoiled(arrays, both), FEW, core=True)
    outside = {
        name: np.where(both[f"{name}_mask"], array, 2 * array + 16)
        for name, array in arrays.items()
    }
    yield Case("masks_extremes_outside", {**outside, **both}, FEW)
    for name, mask in both.items():
        yield Case(f"{name}_alone", spoiled(arrays, {name: mask}), FEW)
    same = dict.fromkeys(both, both["input_mask"])
    yield Case("same_masks", spoiled(arrays, same), FEW)
    stored = {name: mask.astype(np.uint8) * 255 for name, mask in both.items()}
    yield Case("uint8_masks", {**arrays, **stored}, FEW)
    disjoint = {
        "input_mask": both["input_mask"],
        "target_mask": ~both["input_mask"],
    }
    yield Case("disjoint_masks", spoiled(arrays, disjoint), FEW)
    # Where the own mask holds and the other does not, a number still has its part.
    for name in ("input", "target"):
        far = {key: array.copy() for key, array in arrays.items()}
        mine, other = both[f"{name}_mask"], both[_other(f"{name}_mask", both)]
        far[name][..., np.argwhere(mine & ~other)[0][0]] = 16.0
        yield Case(f"extreme_of_{name}_not_common", {**far, **both}, FEW)
        far[name] = np.where(far[name] == 16.0, np.nan, far[name])
        nan = Case(f"nan_of_{name}_not_common", {**far, **both}, FEW, gradient=False)
        yield nan


def _other(name: str, names: Arrays) -> str:
    return next(key for key in names if key != name)


def signal_cases() -> Iterator[Case]:
    """Integers, offsets, copies, ties of extremes, and signals of few samples."""
    arrays = pair(6)
    identical = {"input": arrays["input"], "target": arrays["input"].copy()}
    yield Case("identical", identical, FEW, core=True)
    yield Case("inverted", identical | {"target": 2 - 2 * arrays["input"]}, FEW)
    for name, offset in {"1000": 1000.0, "-1000": -1000.0}.items():
        far = {key: array + offset for key, array in arrays.items()}
        yield Case(f"offset_{name}", far, FEW, FULL)
    few = whole(7)
    for dtype, own in {
        "uint8": {name: 30 * array for name, array in few.items()},
        "int16": {name: 100 * array - 300 for name, array in few.items()},
        "bool": {name: array > 3 for name, array in few.items()},
    }.items():
        typed = {name: array.astype(dtype) for name, array in own.items()}
        yield Case(f"{dtype}_signals", typed, FEW)
    mixed = {"input": arrays["input"], "target": few["target"].astype(np.uint8)}
    yield Case("uint8_with_float", mixed, FEW)
    ties = {key: np.clip(array, -4, 5) for key, array in arrays.items()}
    yield Case("ties_of_extremes", ties, FEW)
    wide: Options = {"window_radius": 2.5, **FEW}
    lowest = {key: np.maximum(array, -4) for key, array in arrays.items()}
    yield Case("ties_of_minima_wide", lowest, wide)
    highest = {key: np.minimum(array, 5) for key, array in arrays.items()}
    yield Case("ties_of_maxima_wide", highest, wide)
    yield Case("one_axis", {key: array[0] for key, array in arrays.items()}, FEW)
    three = {key: array.reshape(2, 2, 20) for key, array in arrays.items()}
    yield Case("three_axes", three, FEW)
    for r in REDUCTIONS:
        none = {key: array[:0] for key, array in arrays.items()}
        yield Case(f"0_signals_{r}", none, {**FEW, "reduction": r})
    for n in (0, 1, 2, 3):
        yield Case(f"{n}_samples", {k: a[:, 3 : 3 + n] for k, a in arrays.items()}, FEW)
    one = {key: array.copy() for key, array in arrays.items()}
    one["input"][0, 5] = np.nan
    yield Case("nan", one, FEW, gradient=False)
    yield Case("contract", {k: a.reshape(1, 240) for k, a in contract().items()}, FEW)


def cases(*, all_kernels: bool) -> Iterator[Case]:
    """Signals of one axis; what the two losses share goes through one of them."""
    yield from reduction_cases(pair(), thorough=all_kernels)
    if all_kernels:
        yield from kernel_cases()
        yield from signal_cases()
    else:
        shared = {case.id: case for case in (*kernel_cases(), *signal_cases())}
        yield from (shared[name] for name in NORMALIZED)
    yield from constant_cases()
    yield from mask_cases(pair(8))


NORMALIZED = (
    *("xu_radius_2.5", "truncated_gaussian_radius_2.5", "rectangular_radius_1"),
    *("xu_2_bins", "xu_on_bins", "identical", "offset_1000", "uint8_signals"),
    *("0_samples", "1_samples", "3_samples", "nan", "contract", "three_axes"),
)


def spatial_cases(spatial: int) -> Iterator[Case]:
    """Images and volumes, whose samples are those of a signal of one axis."""
    arrays = pair(9, SHAPES[spatial])
    yield from reduction_cases(arrays)
    one = {name: array[0] for name, array in arrays.items()}
    yield Case("no_leading_axes", one, FEW)
    more = {name: array[:, np.newaxis] for name, array in arrays.items()}
    yield Case("two_leading_axes", more, FEW)
    both = masks(10, SHAPES[spatial][1:])
    yield Case("masks_nan_outside", spoiled(arrays, both), FEW)
    columns = {name: np.asfortranarray(array) for name, array in arrays.items()}
    yield Case("column_major", columns, FEW)
    if spatial == 2:
        yield Case("contract", contract(), FEW)
        yield Case("contract_int64", contract("int64"), FEW)


def _graded(case: Case) -> Case:
    """With the tolerance of its gradient."""
    bins = case.options.get("num_bins", 64)
    nothing = any(word in case.id for word in ("constant", "2_bins", "_samples"))
    return replace(
        case,
        gradient_ulps=STEEP * max(bins, 9),  # type: ignore[type-var,operator]
        gradient_scale=CANCELLED if nothing else 0.0,
    )


def information_loss(name: str, *, normalized: bool, spatial: int) -> Loss:
    """A loss of this family."""
    own = cases(all_kernels=not normalized) if spatial == 1 else spatial_cases(spatial)
    score = partial(mutual_information, normalized=normalized)
    source = "Studholme et al. 1999, eq. 7; " if normalized else "Viola & Wells 1997; "
    return Loss(
        name + ("" if spatial == 1 else f"_{spatial}d"),
        PerRow(score, lambda _: tuple(range(-spatial, 0)), "none"),
        source + "Xu et al. 2008, eq. 22",
        tuple(_graded(case) for case in own),
        arrays=("input", "target"),
        elementwise=False,
        ulps=COUNTED,
        # The standard has no scatter: cells are differences of a running sum there.
        gradient_factor_on={"strict": 4.0},
        scale=1.0,
        bounds=(-2.0, -1.0) if normalized else (-math.inf, 0.0),
        costly=True,
    )


LOSSES = tuple(
    information_loss(name, normalized=normalized, spatial=spatial)
    for name, normalized in (
        ("mutual_information_loss", False),
        ("normalized_mutual_information_loss", True),
    )
    for spatial in (1, 2, 3)
)
