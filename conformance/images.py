"""Images, and the cases that every similarity of two images goes through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from conformance.case import WIDE, Case, Data, Loss, pseudorandom

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]

SHAPE = (2, 2, 6, 7)
VOLUME = (1, 2, 4, 5, 4)
REDUCTIONS = ("none", "mean", "sum")
# A grey level beside an offset takes more digits than half precision has.
FULL = ("float64", "float32")

# Where a plane without its mean is ±3/8 and flat, its variance is a difference between
# squares of 0.14, each rounded by up to 0.07 eps, and C2 = 9e-4 is all that it is
# divided by: some 80 eps in the index, half of it in its loss. Of both, and of the
# gradient, a multiple of two or so of what all backends reach. The contract's bounds in
# float32 are 5e-5 in the index and 1e-4 of the largest gradient: 419 and 839 eps.
WORST, STEEP = 24.0, 839.0


def levels(seed: int, shape: tuple[int, ...] = SHAPE) -> Data:
    """Grey levels from 32 to 223, of the 256 of a byte."""
    return 32.0 + pseudorandom(seed, shape) % 192


def noise(seed: int, shape: tuple[int, ...] = SHAPE) -> Data:
    """Odd numbers of grey levels from −15 to 15: never 0, where |x − y| has a kink."""
    return 2.0 * (pseudorandom(seed + 500, shape) % 16) - 15


def pair(seed: int, shape: tuple[int, ...] = SHAPE) -> Arrays:
    """An image with values in [0, 1] and a noisy copy."""
    image = levels(seed, shape)
    return named(image / 256, (image + noise(seed, shape)) / 256)


def named(img1: Data, img2: Data) -> Arrays:
    """Two images under the names that the similarities have for them."""
    return {"img1": img1, "img2": img2}


def times(arrays: Arrays, factor: float) -> Arrays:
    """Every array multiplied."""
    return {name: array * factor for name, array in arrays.items()}


def plus(arrays: Mapping[str, Data], *offsets: float) -> Arrays:
    """An offset added to each array."""
    named_offsets = zip(arrays.items(), offsets, strict=True)
    return {name: array + offset for (name, array), offset in named_offsets}


def bytes_of(arrays: Arrays) -> Arrays:
    """Values in [0, 1] as grey levels in uint8."""
    return {name: (array * 256).astype(np.uint8) for name, array in arrays.items()}


def weighted_cases(
    arrays: Arrays, options: Options, map_shape: tuple[int, ...]
) -> Iterator[Case]:
    """Reductions and one weight per image; the first case is the plain one."""
    weights = levels(11, (map_shape[0], *(1 for _ in map_shape[1:]))) / 64
    yield Case("default", arrays, options, core=True)
    for r in REDUCTIONS:
        own = {**options, "reduction": r}
        yield Case(f"reduction_{r}", arrays, own)
        yield Case(f"sample_weight_{r}", arrays | {"sample_weight": weights}, own)


def masked_cases(
    arrays: Arrays, options: Options, map_shape: tuple[int, ...], reach: int
) -> Iterator[Case]:
    """`where` leaves out all windows that hold the last pixel, NaN and inf there."""
    mask = levels(12, map_shape) > 90
    mask[..., -1 - reach :, -1 - reach :] = False
    spoiled = {name: image.copy() for name, image in arrays.items()}
    spoiled["img1"][..., -1, -1] = np.nan
    spoiled["img2"][..., -1, -1] = np.inf
    weights = np.where(mask, levels(13, map_shape) / 64, np.nan)
    nothing = {"where": np.zeros(map_shape, dtype=bool)}
    for r in REDUCTIONS:
        own = {**options, "reduction": r}
        yield Case(f"where_{r}", spoiled | {"where": mask}, own)
        both = {"where": mask, "sample_weight": weights}
        yield Case(f"where_sample_weight_{r}", spoiled | both, own, core=r == "mean")
        yield Case(f"where_nothing_{r}", spoiled | nothing, own)
    yield Case("where_broadcasts_fewer_axes", spoiled | {"where": mask[0]}, options)


def offset_cases(
    arrays: Arrays,
    options: Options,
    worst: float,
    steep: float = STEEP,
    *,
    core: bool = False,
) -> Iterator[Case]:
    """A mean that is large beside the contrast, the same or not in both images.

    `worst` and `steep` are what the value and the gradient may be off, in units in the
    last place, where the halves of the plane are far apart.
    """
    offsets = {
        "100": (100.0, 100.0),
        "1000": (1000.0, 1000.0),
        "30000": (30000.0, 30000.0),
        "100_and_1000": (100.0, 1000.0),
        "30000_and_29999": (30000.0, 29999.0),
    }
    for name, own in offsets.items():
        both = plus(arrays, *own)
        main = core and name == "30000"
        yield Case(f"offset_{name}", both, options, FULL, core=main)
    edge = flat_halves(arrays["img1"].shape)
    halves = Case("flat_halves", edge, options, FULL, ulps=worst, gradient_ulps=steep)
    yield halves
    far = plus(edge, 30000.0, 30000.0)
    yield replace(halves, id="flat_halves_offset_30000", arrays=far)


def flat_halves(shape: tuple[int, ...]) -> Arrays:
    """A dark and a bright half, each flat but for a level or two of 256.

    The mean of the plane is far from that of every window, and no window has contrast
    to hide an error.
    """
    edge = np.where(np.arange(shape[-1]) < shape[-1] // 2, 0.125, 0.875)
    first, second = (levels(seed, shape) % 3 / 256 for seed in (16, 17))
    return named(edge + first, edge + second)


def special_cases(
    arrays: Arrays, options: Options, gradient_scale: float
) -> Iterator[Case]:
    """Identical, constant, negative and inverted images, and one without samples.

    Between identical images the loss is exactly 0, and its gradient is 0 beside
    `gradient_scale`: a compiler may round the two images' means differently.
    """
    image = arrays["img1"]
    flat, black = np.ones_like(image), np.zeros_like(image)
    one_pixel = image.copy()
    one_pixel[0, 0].flat[0] = 0.5
    same = Case("identical", named(image, image), options, core=True)
    same = replace(same, gradient_scale=gradient_scale)
    yield same
    far = plus(same.arrays, 30000.0, 30000.0)
    offset = replace(same, id="identical_offset_30000", arrays=far, core=False)
    yield replace(offset, dtypes=FULL)
    yield Case("one_pixel_differs", named(image, one_pixel), options)
    yield Case("constant", named(flat * 0.796875, flat * 0.59375), options)
    yield Case("constant_and_image", named(flat * 0.5, image), options)
    yield Case("black", named(black, black), options)
    yield Case("negative", plus(arrays, -0.5, -0.5), options)
    yield Case("inverted", named(image, 1 - image), options)
    for r in REDUCTIONS:
        own = {**options, "reduction": r}
        yield Case(f"empty_{r}", {k: a[:0] for k, a in arrays.items()}, own)


def integer_cases(arrays: Arrays, options: Options, span: str) -> Iterator[Case]:
    """uint8 must not wrap; `span` is the name of the option for 255."""
    grey = bytes_of(arrays)
    mixed = named(grey["img1"], arrays["img2"] * 256)
    ones = {name: array > 0.5 for name, array in arrays.items()}
    yield Case("uint8", grey, {**options, span: 255.0}, core=True)
    yield Case("uint8_with_float", mixed, {**options, span: 255.0})
    yield Case("bool", ones, options)


def range_cases(arrays: Arrays, options: Options, span: str) -> Iterator[Case]:
    """Images of every brightness, also far beyond the stated range."""
    yield Case(f"{span}_255", times(arrays, 256.0), {**options, span: 255.0})
    dark, huge = times(arrays, 2.0**-7), times(arrays, 2.0**50)
    huge["img2"][-1] *= -1
    yield Case(f"{span}_0.01", dark, {**options, span: 0.01})
    yield Case("1e15_times_the_range", huge, options, WIDE, beyond=True)


# The index is a difference from 1, so that its error is absolute; its gradient is a
# sum over windows of terms of either sign.
similar = partial(
    Loss,
    arrays=("img1", "img2"),
    elementwise=False,
    ulps=12.0,
    scale=1.0,
    gradient_ulps=128.0,
    bounds=(0.0, 1.0),
    costly=True,
)
