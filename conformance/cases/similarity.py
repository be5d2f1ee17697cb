"""Structural similarity: its map, and its loss in one to three spatial axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.case import Case
from conformance.images import (
    REDUCTIONS,
    VOLUME,
    WORST,
    Options,
    bytes_of,
    integer_cases,
    levels,
    masked_cases,
    named,
    offset_cases,
    pair,
    range_cases,
    similar,
    special_cases,
    weighted_cases,
)
from conformance.similarity import ssim, ssim_loss

PLAIN: Options = {"window_size": 5}
VALID: Options = {**PLAIN, "padding": "valid"}


def ssim_cases(options: Options, worst: float) -> Iterator[Case]:
    """What the index and the loss share: maps, unreduced."""
    images = pair(1)
    valid = {**options, "padding": "valid"}
    yield Case("valid", images, valid)
    yield from offset_cases(images, options, worst)
    yield from integer_cases(images, options, "max_val")
    yield from range_cases(images, options, "max_val")
    yield Case("eps_0", images, {**options, "eps": 0.0})
    yield Case("eps_large", images, {**options, "eps": 1e-3})
    for name, shape in {
        "one_long_axis": (1, 1, 71),
        "three_axes": VOLUME,
        "one_channel": (2, 1, 6, 7),
        "four_channels": (1, 4, 6, 7),
    }.items():
        yield Case(name, pair(2, shape), {**options, "window_size": 3})
    # Three pixels that are nearly equal and far from the mean of their plane: NumPy's
    # product of matrices rounds after every tap, to 14 eps in the value and 144 in the
    # gradient, where libraries that fuse the steps have 3.
    yield Case(
        "one_axis",
        pair(2, (2, 2, 9)),
        {**options, "window_size": 3},
        ulps=worst,
        gradient_ulps=256.0,
    )
    yield Case("one_long_axis_valid", pair(2, (1, 1, 71)), {**valid, "window_size": 3})
    yield Case("window_1", images, {**options, "window_size": 1})
    yield Case("window_1_valid", images, {**valid, "window_size": 1})
    yield Case("widest_window", images, {**options, "window_size": 11})
    yield Case("widest_window_valid", pair(3, (1, 1, 5, 6)), valid)
    fortran = {name: np.asfortranarray(array) for name, array in images.items()}
    yield Case("column_major", fortran, options)
    spoiled = named(images["img1"].copy(), images["img2"])
    spoiled["img1"][0, 0, 0, 0] = np.nan
    yield Case("nan_in_image", spoiled, options, gradient=False)


def loss_cases() -> Iterator[Case]:
    """SSIM's loss: reductions, masks and weights of both paddings."""
    images = pair(1)
    map_shape = images["img1"].shape
    yield from weighted_cases(images, PLAIN, map_shape)
    yield from masked_cases(images, PLAIN, map_shape, reach=2)
    for r in REDUCTIONS[1:]:
        yield Case(f"valid_{r}", images, {**VALID, "reduction": r})
    inner = {"where": levels(14, (2, 2, 2, 3)) > 100}
    yield Case("valid_where", images | inner, VALID)
    yield from (
        replace(case, id=f"mean_{case.id}")
        for case in offset_cases(images, PLAIN, WORST, core=True)
    )
    unreduced = {**PLAIN, "reduction": "none"}
    yield from special_cases(images, unreduced, gradient_scale=0.0)
    yield from ssim_cases(unreduced, WORST)
    floats = {"max_val": 0.5, "eps": 1e-3}
    # Inductor's C++ takes 10 s for a similarity: one of them goes through it.
    yield Case(
        "every_float_option",
        images,
        PLAIN | floats,
        traced=tuple(floats),
        thorough=True,
    )


def index_cases() -> Iterator[Case]:
    """The index itself."""
    yield Case("default", pair(1), PLAIN, core=True)
    yield from ssim_cases(PLAIN, 2 * WORST)


def volume_cases() -> Iterator[Case]:
    """Three spatial axes, which share everything with two but their number."""
    images = pair(4, VOLUME)
    options: Options = {"window_size": 3}
    unreduced = {**options, "reduction": "none"}
    valid = {**options, "padding": "valid"}
    yield from weighted_cases(images, options, VOLUME)
    mask = {"where": levels(15, VOLUME) > 100}
    yield Case("where_mean", images | mask, options)
    yield Case("valid", images, valid)
    yield from offset_cases(images, unreduced, WORST)
    identical = named(images["img1"], images["img1"])
    yield Case("identical", identical, unreduced)
    yield Case("widest_window", images, {**unreduced, "window_size": 7})
    yield Case("widest_window_valid", pair(5, (1, 1, 3, 4, 5)), valid)
    yield Case("uint8", bytes_of(images), {**options, "max_val": 255.0})


WANG = "Wang et al. 2004, eq. 13"

LOSSES = (
    similar("ssim", ssim, WANG, tuple(index_cases()), ulps=24.0, bounds=(-1.0, 1.0)),
    similar("ssim_loss", ssim_loss, f"(1 − SSIM)/2, {WANG}", tuple(loss_cases())),
    similar("ssim3d_loss", ssim_loss, f"(1 − SSIM)/2, {WANG}", tuple(volume_cases())),
)
