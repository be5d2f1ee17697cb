"""One driver for losses of local windows: checks, promotion, weights, reduction."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from .checks import (
    arrays_among,
    check_broadcast,
    check_channels,
    check_mask,
    check_planes,
    check_reduction,
    check_same_shape,
)
from .filters import Border, Borders
from .local_moments import Centred, Omit, unusable, windows_with
from .namespace import as_operand, as_option, cast, is_numpy, resolve
from .numpy_blocks import Operands, reduce_blocks
from .numpy_strips import Strip, strips
from .recording import by_tape, plain_all, record_blocks, tape_of, varying
from .reduction import reduce, weigh
from .typing import ArrayT, Namespace

__all__ = ["LossMap", "check_windows", "plane_means", "windowed"]

LossMap = Callable[..., Any]
"""`(xp, img1, img2, borders, omit, **options)` to the loss at every window.

`omit` is an `Omit`, or None.
"""


def windowed(
    function: str,
    loss_map: LossMap,
    images: Mapping[str, ArrayT],
    reduction: str | None,
    *,
    width: int,
    border: Border,
    max_val: Any,
    spatial: Collection[int] = (1, 2, 3),
    over_channels: bool = False,
    where: Any = None,
    sample_weight: Any = None,
    **options: Any,
) -> ArrayT:
    """Return the loss of two images (B, C, *), weighted and reduced.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    loss_map
        The loss at every window.
    images
        The two images by their names in the public function, of one shape.
    reduction, where, sample_weight
        As the public function takes them.
    width
        Taps of a window.
    border
        What lies beyond the ends of an image; None: only whole windows count.
    max_val
        Range of the pixels, an option of `loss_map` too.
    spatial
        How many spatial axes images may have.
    over_channels
        Whether the map is (B, *), one loss for all channels.
    options
        Of `loss_map`: checked floats, or 0-d arrays.
    """
    reduction = check_reduction(function, reduction)
    options["max_val"] = max_val
    weights = {"where": where, "sample_weight": sample_weight}
    weights = {name: x for name, x in weights.items() if x is not None}
    extra = {**arrays_among(options), **weights}
    img1, img2 = images.values()
    traced: Operands = {"img1": img1, "img2": img2, **weights}
    tape, variables = tape_of({**traced, **extra}), varying({**traced, **extra})
    images, extra = plain_all(tape, images), plain_all(tape, extra)
    xp, dtype, compute = resolve(function, images, extra)
    check_windows(function, images, width, border, spatial)
    if over_channels:
        check_channels(function, images)
    shape = _map_shape(img1.shape, 0 if border else width - 1, over_channels)
    for name in weights:
        if name == "where":
            check_mask(function, xp, extra[name])
        check_broadcast(function, name, extra[name], shape)
    # A NaN that no reduction hides must not leave its windows.
    contain = reduction == "none" or where is not None
    whole = variables and reduction == "none"
    loss: Any
    if is_numpy(xp) and variables.keys() <= {"img1", "img2"} and not whole:
        options = {
            n: as_option(xp, x, compute) for n, x in plain_all(tape, options).items()
        }
        evaluate = partial(_evaluate, loss_map, contain, width, over_channels, options)
        operands = plain_all(tape, traced)
        dtypes = {n: np.bool_ if n == "where" else compute for n in operands}
        cuts = partial(strips, img1.shape, width - 1, border, over_channels)
        cut = partial(_blocks, shape, dtypes, cuts, over_channels)
        out = np.empty(shape, dtype) if reduction == "none" else None
        how = operands, cut, reduction, dtype, out
        if variables:
            run = by_tape(tape, evaluate, operator.iadd)  # strips overlap
            count = None if weights else math.prod(shape)
            more: Any = {"count": count, "like": np.zeros_like}
            loss = record_blocks(tape, variables, run, *how, **more)
        else:
            loss = reduce_blocks(partial(evaluate, xp), *how)
    else:
        if tape is not None:
            xp = tape.namespace
        options = {name: as_option(xp, x, compute) for name, x in options.items()}
        evaluate = partial(_evaluate, loss_map, contain, width, over_channels, options)
        kinds = {"where": xp.bool}
        operands = {
            n: as_operand(xp, x, kinds.get(n, compute), len(shape))
            for n, x in traced.items()
        }
        borders = ((border, border),) * (img1.ndim - 2)
        loss = reduce(xp, *evaluate(xp, borders=borders, **operands), reduction)
        loss = cast(xp, loss, dtype)
    result: ArrayT = loss
    return result


def check_windows(
    function: str,
    images: Mapping[str, Any],
    width: int,
    border: Border,
    spatial: Collection[int],
    scales: int = 1,
) -> None:
    """Refuse images of unequal shapes or wrong rank, or smaller than a window.

    At each further scale the images are half as large.
    """
    check_same_shape(function, images)
    check_planes(function, images, spatial)
    name, image = next(iter(images.items()))
    least = {"reflect": width // 2 + 1, "zeros": 1, None: width}[border]
    least *= 2 ** (scales - 1)
    if any(n < least for n in image.shape[2:]):
        at = f" at {scales} scales" if scales > 1 else ""
        msg = (
            f"{function}: every spatial axis of {name} must have at least {least} "
            f"pixels for a window of {width}{at}, got shape {tuple(image.shape)}; "
            f"take a smaller window{' or fewer scales' if scales > 1 else ''}"
        )
        raise ValueError(msg)


def _map_shape(
    shape: tuple[Any, ...], overlap: int, over_channels: bool
) -> tuple[Any, ...]:
    lead = shape[:1] if over_channels else shape[:2]
    return (*lead, *(n - overlap for n in shape[2:]))


def _evaluate(
    loss_map: LossMap,
    contain: bool,
    width: int,
    over_channels: bool,
    options: Mapping[str, Any],
    xp: Namespace,
    *,
    img1: Any,
    img2: Any,
    borders: Borders,
    where: Any = None,
    sample_weight: Any = None,
) -> tuple[Any, Any]:
    """Return the weighted loss, and the weights that `mean` divides by or `None`.

    To `contain` a pixel that is no number, or far beyond the range, makes NaN of the
    windows that hold it, and of no others.
    """
    if not contain:
        loss = loss_map(xp, img1, img2, borders, None, **options)
    else:
        pixels = unusable(xp, img1, img2, options["max_val"])
        centres = _centres(pixels.shape, borders, width // 2)
        counted = ~pixels[centres]
        if where is not None:
            has_axes = over_channels and where.ndim
            mask = xp.expand_dims(where, axis=1) if has_axes else where
            counted = counted & mask
        omit = Omit(pixels, centres, counted)
        loss = loss_map(xp, img1, img2, borders, omit, **options)
        spoiled = xp.any(pixels, axis=1) if over_channels else pixels
        spoiled = windows_with(xp, spoiled, loss, width, borders)
        loss = xp.where(spoiled, xp.nan, loss)
    if where is not None:
        loss = xp.where(where, loss, 0.0)
    return weigh(xp, loss, where, sample_weight)


def _centres(shape: tuple[int, ...], borders: Borders, reach: int) -> tuple[Any, ...]:
    """Return the index of the pixels that windows are centred at."""
    axes = [
        slice(0 if before else reach, n if after else n - reach)
        for n, (before, after) in zip(shape[2:], borders, strict=True)
    ]
    return (..., *axes)


def _blocks(
    shape: tuple[int, ...],
    dtypes: Operands,
    cuts: Callable[[], Iterator[Strip]],
    over_channels: bool,
    operands: Operands,
    outs: Operands,
) -> Iterator[tuple[Operands, Operands]]:
    """Yield the operands strip by strip, each with its parts of the outputs."""
    whole = {
        name: x if name.startswith("img") else np.broadcast_to(x, shape)
        for name, x in operands.items()
    }
    for strip in cuts():
        of_map = strip.map[:1] + strip.map[2:] if over_channels else strip.map
        index: dict[str, Any] = dict.fromkeys(("img1", "img2"), strip.images)
        block = {
            n: cast(np, x[index.get(n, of_map)], dtypes[n]) for n, x in whole.items()
        }
        parts = {n: x[index.get(n, of_map)] for n, x in outs.items()}
        yield {"borders": strip.borders, **block}, parts


def plane_means(
    xp: Namespace, local: Callable[[Centred, Borders], Any], images: Centred, width: int
) -> Any:
    """Return the means (B, C) of a function of all whole windows of width `width`."""
    total, difference, constants = images
    axes = tuple(range(2, total.ndim))
    if not is_numpy(xp):
        return xp.mean(local(images, ((None, None),) * len(axes)), axis=axes)
    sums = np.zeros(total.shape[:2])
    count = math.prod(n - width + 1 for n in total.shape[2:])
    for strip in strips(total.shape, width - 1, None):
        lead = strip.images[:2]
        part = Centred(
            total[strip.images],
            difference[strip.images],
            (constants[0][lead], constants[1][lead]),
        )
        sums[lead] += np.sum(local(part, strip.borders), axis=axes)
    return (sums / count).astype(total.dtype)
