"""MS-SSIM over a pyramid, and MS-SSIM with an absolute error at full resolution."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np

from conformance.case import Case
from conformance.images import (
    REDUCTIONS,
    WORST,
    Options,
    integer_cases,
    masked_cases,
    named,
    offset_cases,
    pair,
    range_cases,
    similar,
    special_cases,
    weighted_cases,
)
from conformance.similarity import ms_ssim_l1_loss, ms_ssim_loss

# Scales of Zhao et al. whose window does not drown a small image.
FINE: Options = {"sigmas": (0.5, 1.0)}
PYRAMID: Options = {"window_size": 3, "power_factors": (0.25, 0.75)}

# Five indices, one for each scale, multiply; a mean over windows evens errors out.
FIVE_SCALES, POOLED = 80.0, 2.0


def mixture_cases() -> Iterator[Case]:
    """MS-SSIM + L1: few scales where every pixel is checked, all of them on little."""
    images = pair(6)
    map_shape = (2, 6, 7)
    unreduced = {**FINE, "reduction": "none"}
    yield from weighted_cases(images, FINE, map_shape)
    close = {"sigmas": (0.25, 0.5)}
    yield from masked_cases(images, close, map_shape, reach=1)
    yield from offset_cases(images, unreduced, WORST, 160.0, core=True)
    yield from special_cases(images, unreduced, gradient_scale=1.0)
    yield from integer_cases(images, unreduced, "data_range")
    yield from range_cases(images, unreduced, "data_range")
    all_scales: Options = {"reduction": "none"}
    yield Case("all_scales", pair(7, (1, 2, 4, 5)), all_scales)
    long = pair(7, (1, 1, 71))
    yield Case("all_scales_one_long_axis", long, all_scales, ulps=FIVE_SCALES)
    flat = np.ones((1, 1, 40))
    yield Case("constant_one_long_axis", named(flat * 0.75, flat * 0.5), all_scales)
    others: dict[str, Options] = {
        "alpha_0": {"alpha": 0.0},
        "alpha_1": {"alpha": 1.0},
        "compensation_1": {"compensation": 1.0},
        "other_K": {"K": (0.05, 0.125)},
        "one_scale": {"sigmas": (1.5,)},
    }
    for name, value in others.items():
        yield Case(name, images, unreduced | value)
    floats = {"data_range": 0.5, "alpha": 0.25, "compensation": 2.0}
    own: Options = {"sigmas": (0.5,), **floats}
    yield Case("every_float_option", images, own, traced=tuple(floats))
    for name, shape in {
        "one_axis": (2, 2, 9),
        "three_axes": (1, 2, 3, 4, 3),
        "one_channel": (2, 1, 6, 7),
        "four_channels": (1, 4, 4, 5),
    }.items():
        yield Case(name, pair(8, shape), unreduced)


def pyramid_cases() -> Iterator[Case]:
    """Wang's MS-SSIM: two levels of small windows, and the defaults at least once."""
    shape = (2, 2, 7, 8)
    images = pair(9, shape)
    unreduced = {**PYRAMID, "reduction": "none"}
    yield Case("default", images, PYRAMID, core=True)
    for r in REDUCTIONS:
        own = {**PYRAMID, "reduction": r}
        yield Case(f"reduction_{r}", images, own)
    yield from offset_cases(images, unreduced, POOLED)
    # Inverted images have means of cs below 0, whose powers are 0 with slope 0.
    yield from special_cases(images, unreduced, gradient_scale=1.0)
    yield from integer_cases(images, unreduced, "max_val")
    yield from range_cases(images, unreduced, "max_val")
    yield Case("least_side", pair(10, (2, 1, 6, 6)), unreduced)
    for name, other in {
        "one_axis": (2, 2, 9),
        "three_axes": (1, 1, 6, 7, 6),
        "one_channel": (2, 1, 7, 8),
        "four_channels": (1, 4, 7, 8),
    }.items():
        yield Case(name, pair(11, other), unreduced)
    powers = {"power_factors": (0.125, 0.25, 0.625)}
    yield Case("three_levels", pair(12, (1, 1, 13, 15)), unreduced | powers)
    one = {**unreduced, "power_factors": (1.0,)}
    yield Case("one_level", images, one)
    half = one | {"max_val": 0.5}
    yield Case("every_float_option", images, half, traced=("max_val",))
    yield Case("five_levels_one_axis", pair(13, (1, 2, 177)))
    deep = pair(14, (1, 1, 49, 51))
    yield Case("five_levels", deep, {"window_size": 3}, gradient=False)
    # 31 thousand windows: value alone, in one dtype.
    least = pair(15, (1, 1, 176, 176))
    yield Case("five_levels_176", least, {}, ("float32",), gradient=False)


def weight_of_structure(case: Case) -> float:
    """What multiplies the index in MS-SSIM + L1; the error of the rest is relative."""
    options: dict[str, Any] = {"alpha": 0.025, "compensation": 200.0, **case.options}
    return float(options["alpha"] * options["compensation"])


LOSSES = (
    similar(
        "ms_ssim_l1_loss",
        ms_ssim_l1_loss,
        "Zhao et al. 2017, eq. 8, 9 and 12",
        tuple(mixture_cases()),
        scale=weight_of_structure,
        gradient_ulps=32.0,
        bounds=(0.0, inf),
    ),
    similar(
        "ms_ssim_loss",
        ms_ssim_loss,
        "Wang, Simoncelli & Bovik 2003, eq. 7",
        tuple(pyramid_cases()),
        ulps=POOLED,
        gradient_ulps=48.0,
        bounds=(0.0, 0.5),
    ),
)
