"""Elementwise losses on NumPy: in blocks that stay in the processor's cache.

A chain of ufuncs over a large array runs at the speed of memory, once per
operation. In blocks the temporaries stay in cache: two to five times faster, and
the extra memory is a few blocks at any size. `np.nditer` is the block loop: it
broadcasts weights, casts uint8 or float16 in its buffers and walks any layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from .namespace import cast, is_numpy
from .reduction import weight_sum
from .typing import Namespace

__all__ = [
    "Cut",
    "Operands",
    "add_up",
    "elementwise_blocks",
    "planewise",
    "reduce_blocks",
    "tiles",
    "total_of",
]

BLOCK = 64 * 1024
"""elements: below, the loop itself costs; above, temporaries leave a 1 MiB cache"""

HEAP = 2 * 2**20
"""bytes: what the temporaries of a block take, in float64"""

Operands = dict[str, Any]

Evaluate = Callable[..., tuple[Any, Any]]
"""From blocks of the operands to the loss and the weights that `mean` divides by."""

Cut = Callable[[Operands, Operands], Iterable[tuple[Operands, Operands]]]
"""From operands and outputs to blocks of the operands, each with its parts of the
outputs. One named "loss" is of the shape of the loss, another of that operand's."""


def reduce_blocks(
    evaluate: Evaluate,
    operands: Operands,
    cut: Cut,
    reduction: str,
    result: Any,
    out: Any,
) -> Any:
    """Evaluate a loss block by block and reduce it.

    Parameters
    ----------
    evaluate
        The loss of one block.
    operands
        Arrays by name.
    cut
        To blocks of the operands.
    reduction
        "none", "mean" or "sum".
    result
        dtype of the result.
    out
        An array for the result of "none", otherwise None.
    """
    # Overflow to inf, and NaN out where NaN went in, are results, not surprises.
    with np.errstate(all="ignore"):
        if out is not None:
            for block, parts in cut(operands, {"loss": out}):
                parts["loss"][...] = evaluate(**block)[0]
            return out[()]  # a scalar for 0-d arguments, as a ufunc gives
        total, count = add_up(evaluate(**block) for block, _ in cut(operands, {}))
        return total_of(total, count, reduction, result)


def add_up(losses: Iterable[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the sum of the loss, and the count or the sum of the weights."""
    total = count = np.float64(0.0)  # a longdouble block widens them
    for loss, weights in losses:
        # Pairwise within a block, which float32 stands; float64 across blocks.
        total = total + np.add.reduce(loss, axis=None)
        if weights is None or loss.size == 0:
            count = count + loss.size
        else:
            count = count + weight_sum(np, loss, weights)
    return total, count


def total_of(total: Any, count: Any, reduction: str, result: Any) -> Any:
    """Return the sum, or the mean, 0 of nothing, as a scalar of a dtype."""
    if reduction == "mean":
        total = total / count if count else 0.0
    return np.dtype(result).type(total)


def elementwise_blocks(
    dtypes: Operands, operands: Operands, outs: Operands
) -> Iterable[tuple[Operands, Operands]]:
    """Cut operands of one shape, or that broadcast to that of the first, into blocks.

    `dtypes` says what each operand is cast to, by name.
    """
    if next(iter(operands.values())).size > BLOCK:
        return _iterate(dtypes, operands, outs)
    return [({name: cast(np, x, dtypes[name]) for name, x in operands.items()}, outs)]


def _iterate(
    dtypes: Operands, operands: Operands, outs: Operands
) -> Iterator[tuple[Operands, Operands]]:
    # glibc serves a block from fresh pages, and zeroes them, each time anew, until
    # it has seen something larger freed (mallopt(3), dynamic mmap threshold).
    np.empty(HEAP, np.uint8)
    names = [*operands, *outs]
    count = len(operands)
    arrays: Any = [*operands.values(), *outs.values()]
    flags: Any = [["readonly"]] * count
    flags += [["writeonly"]] * len(outs)
    casts = [dtypes[name] for name in operands] + [dtypes["pred"]] * len(outs)
    iterator = np.nditer(
        arrays,
        flags=["external_loop", "buffered"],
        op_flags=flags,
        op_dtypes=casts,
        casting="unsafe",  # a float16 result is computed in float32 blocks
        order="K",
        buffersize=BLOCK,
    )
    with iterator:
        for views in iterator:
            block = list(zip(names, views, strict=True))
            yield dict(block[:count]), dict(block[count:])


def tiles(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Cut an array of rows into blocks: whole rows, or else parts of one."""
    count, length = shape
    np.empty(HEAP, np.uint8)  # as for blocks of one array
    rows = max(1, BLOCK // max(1, length))
    for row in range(0, count, rows):
        for column in range(0, length, BLOCK):
            yield slice(row, row + rows), slice(column, column + BLOCK)


def planewise(
    xp: Namespace,
    evaluate: Callable[..., Any],
    arrays: Sequence[Any],
    shape: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Return a function of planes (B, C, *), on NumPy evaluated a few at a time.

    The result, of a shape (B, C) or (B, C, *), has those of the planes one by one.
    """
    if not is_numpy(xp):
        return evaluate(*arrays)
    out = np.empty(shape, dtype)
    step = max(1, BLOCK // math.prod(arrays[0].shape[2:]))
    for b, c in product(range(shape[0]), range(0, shape[1], step)):
        part = slice(b, b + 1), slice(c, c + step)
        out[part] = evaluate(*(x[part] for x in arrays))
    return out
