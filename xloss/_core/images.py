"""Sums over whole images, which NumPy takes in pieces that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .checks import is_number
from .namespace import Fresh, cast, is_eager_torch, is_numpy, is_torch, over_numpy
from .numerics import absolute
from .numpy_blocks import Operands, elementwise_blocks, reduce_blocks
from .numpy_strips import strips
from .typing import Namespace

__all__ = ["mean_square", "steps", "variations"]

LARGE = 64 * 1024
"""elements of a sample: from here on NumPy takes each sample in blocks"""


def mean_square(
    xp: Namespace,
    x: Any,
    y: Any,
    unit: Any,
    axes: tuple[int, ...] | None,
    compute: Any,
) -> Any:
    """Return the mean of ((x - y)/unit)² over some axes, or over all for None."""
    # Between these the squares of what an image holds are far from the ends of float32.
    plain = is_number(unit) and 1e-9 <= unit <= 1e9
    if is_numpy(xp):
        mean = _mean_square_on_numpy(x, y, 1.0 if plain else unit, axes, compute)
        return mean / (unit * unit) if plain else mean
    x, y = cast(xp, x, compute), cast(xp, y, compute)
    if plain and axes is None and 0 not in x.shape and is_torch(xp):
        # a third of the time of the formula, with backward
        return xp.nn.functional.mse_loss(x, y) / (unit * unit)
    residual = (x - y) / unit
    square = residual * residual
    # the mean of nothing is 0, not 0/0
    return (xp.sum if 0 in x.shape else xp.mean)(square, axis=axes)


def _mean_square_on_numpy(
    x: Any, y: Any, unit: Any, axes: tuple[int, ...] | None, compute: Any
) -> Any:
    evaluate = partial(_square, unit=unit)
    if axes is None:
        operands = {"pred": x, "target": y}
        dtypes = dict.fromkeys(operands, compute)
        cut = partial(elementwise_blocks, dtypes)
        return reduce_blocks(evaluate, operands, cut, "mean", compute, None)
    if math.prod(x.shape[1:]) >= LARGE:
        pairs = zip(x, y, strict=True)
        each = [_mean_square_on_numpy(a, b, unit, None, compute) for a, b in pairs]
        return np.asarray(each, dtype=compute)
    square = evaluate(pred=cast(np, x, compute), target=cast(np, y, compute))[0]
    return (np.sum if 0 in x.shape else np.mean)(square, axis=axes)


def _square(pred: Any, target: Any, unit: Any) -> tuple[Any, None]:
    residual = pred - target
    if unit != 1.0:
        residual = residual / unit
    residual *= residual  # in place: one block less in the cache
    return residual, None


def variations(xp: Namespace, images: Any, compute: Any) -> tuple[Any, Any]:
    """Return the sums of the vertical and of the horizontal differences of (*, H, W).

    Both (*,), of their magnitudes.
    """
    if is_numpy(xp):
        return tuple(_variations_in_strips(images, compute))
    if over_numpy(xp) and images.varies:
        both = _recorded_variations(images, compute)
        return both[0, ...], both[1, ...]
    images = cast(xp, images, compute)
    if is_eager_torch(xp):
        from . import torch_step

        if torch_step.are_plain({"images": images}):
            both = torch_step.call(_Variations(xp), {"images": images})
            return both[0, ...], both[1, ...]
    down, right = [xp.sum(absolute(xp, d), axis=(-2, -1)) for d in steps(images)]
    return down, right


def steps(x: Any) -> tuple[Any, Any]:
    """Return the differences of vertical and of horizontal neighbours."""
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


class _Variations:
    """The same of torch tensors, a step of autograd's graph that keeps only these."""

    variables = frozenset(("images",))

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp

    def formula(self, images: Any) -> Any:
        """Return both sums in one array, (2, *)."""
        sums = [self.xp.sum(self.xp.abs(d), axis=(-2, -1)) for d in steps(images)]
        return self.xp.stack(sums)

    def forward(self, operands: Operands, _: Sequence[str], /) -> tuple[Any, Any]:
        """Return the same, in place as far as that goes."""
        sums = [self.xp.sum(d.abs_(), axis=(-2, -1)) for d in steps(operands["images"])]
        return self.xp.stack(sums), ()

    def backward(
        self, operands: Operands, _: Sequence[str], __: Any, gradient: Any, /
    ) -> dict[str, Any]:
        """Return the slope of the images."""
        images = operands["images"]
        slope = self.xp.zeros_like(images)
        down, right = steps(images)
        down.sgn_().mul_(gradient[0, ..., None, None])
        right.sgn_().mul_(gradient[1, ..., None, None])
        slope[..., 1:, :].add_(down)
        slope[..., :-1, :].sub_(down)
        slope[..., 1:].add_(right)
        slope[..., :-1].sub_(right)
        return {"images": slope}


def _variations_in_strips(images: Any, compute: Any) -> Any:
    """Return the same in one array, (2, *), from strips that share a row."""
    lead = images.shape[:-2]
    sums = np.zeros((2, math.prod(lead)), np.result_type(compute, np.float64))
    for part, down, right in _strips_of_steps(images, compute):
        for i, step in enumerate((down, right)):
            sums[i, part[0]] += np.sum(np.abs(step), axis=(1, 2))
    return sums.reshape((2, *lead))


def _strips_of_steps(images: Any, compute: Any) -> Iterator[tuple[Any, ...]]:
    """Yield strips (N, h, W) of images (*, H, W): their index, and their steps."""
    lead, (height, width) = images.shape[:-2], images.shape[-2:]
    images = images.reshape((math.prod(lead), 1, height, width))
    for strip in strips(images.shape, 1, None) if height else ():
        part = strip.images[0], 0, strip.images[2]
        x = cast(np, images[part], compute)
        down, right = steps(x)
        if strip.images[2].stop < height:  # the next strip has the last row too
            right = right[:, :-1]
        yield part, down, right


def _recorded_variations(images: Any, compute: Any) -> Any:
    """Return the same of traced images, as one step of their tape."""
    plain = images.value

    def backward(g: Any) -> Iterator[Fresh]:
        gradient = np.zeros(plain.shape, compute)
        whole = gradient.reshape((-1, 1, *plain.shape[-2:]))
        g = cast(np, g.reshape((2, -1, 1, 1)), compute)
        for part, down, right in _strips_of_steps(plain, compute):
            of_strip = whole[part]
            down = g[0, part[0]] * np.sign(down)
            right = g[1, part[0]] * np.sign(right)
            rows = slice(0, right.shape[1])
            of_strip[:, 1:] += down
            of_strip[:, :-1] -= down
            of_strip[:, rows, 1:] += right
            of_strip[:, rows, :-1] -= right
        yield Fresh(cast(np, gradient, plain.dtype))

    value = _variations_in_strips(plain, compute)
    return images.tape.record(value, [images], backward)
