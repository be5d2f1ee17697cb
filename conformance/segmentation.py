"""Logits and labels, and the cases that every loss of labelled pixels goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from conformance.case import Case, Data, ExpectedFailure, dyadic, pseudorandom

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]

SHAPE = (2, 3, 2, 4)
REDUCTIONS = ("none", "mean", "sum")
# An offset of 1000 beside sixteenths takes more digits than half precision has.
FULL = ("float64", "float32")
# Gaps between logits; 10240 is the number beside 10**4 that every dtype holds.
NEAR = (5.0, 10.0, 15.0, 20.0, 28.0)
FAR = (40.0, 50.0, 60.0, 70.0, 10240.0)

DASK_EMPTY = ExpectedFailure(
    "Dask gives a maximum with keepdims of an empty batch the wrong shape",
    backend="dask",
    case="empty_mean",
)


def logits(seed: int, shape: tuple[int, ...] = SHAPE) -> Data:
    """Multiples of 1/16 in (−4, 4)."""
    return dyadic(seed, shape) / 2


def labels(
    seed: int,
    shape: tuple[int, ...] = SHAPE,
    num_classes: int | None = None,
    dtype: str = "int64",
) -> Data:
    """Labels (B, *) for logits of this shape (B, C, *)."""
    count = num_classes or shape[1]
    found = pseudorandom(seed + 2000, (shape[0], *shape[2:])) % count
    return found.astype(dtype)


def scene(
    seed: int = 1,
    shape: tuple[int, ...] = SHAPE,
    num_classes: int | None = None,
    dtype: str = "int64",
) -> Arrays:
    """Logits (B, C, *) and labels (B, *)."""
    return {
        "pred": logits(seed, shape),
        "target": labels(seed, shape, num_classes, dtype),
    }


def probabilities(seed: int, shape: tuple[int, ...] = SHAPE) -> Data:
    """Multiples of 1/256 in (0, 1) whose sum over axis 1 is 1, none of them small."""
    parts = 16.0 + pseudorandom(seed + 3000, shape) % (200 // shape[1])
    parts[:, -1] += 256 - parts.sum(axis=1)
    return parts / 256


def ignored(arrays: Arrays, mask: Data, label: int = -100) -> Arrays:
    """Labels to be ignored where `mask` is True, with logits that are no numbers."""
    pred = arrays["pred"].copy()
    for k in range(pred.shape[1]):
        pred[:, k][mask] = (np.nan, np.inf, -np.inf)[k % 3]
    target = np.where(mask, label, arrays["target"]).astype(arrays["target"].dtype)
    return {**arrays, "pred": pred, "target": target}


def some(seed: int = 5, shape: tuple[int, ...] = SHAPE) -> Data:
    """A third of the pixels of logits of this shape."""
    mask: Data = pseudorandom(seed, (shape[0], *shape[2:])) % 3 == 0
    return mask


def saturated(gaps: tuple[float, ...], *, right: bool) -> Arrays:
    """A sample for each gap; the label's logit is above the others, or below one.

    The third class keeps off the largest, so that a sum of others has two terms.
    """
    pred = np.zeros((len(gaps), 3, 2))
    target = np.zeros((len(gaps), 2), dtype=np.int64)
    for sample, gap in enumerate(gaps):
        for pixel in range(2):
            target[sample, pixel] = pixel
            pred[sample, pixel if right else pixel + 1, pixel] = gap
            pred[sample, (pixel + 2) % 3, pixel] = -1.0
    return {"pred": pred, "target": target}


def infinite() -> Arrays:
    """Right and certain in three ways; a class that cannot be; and finite logits."""
    pred = logits(6, (5, 3, 2))
    pred[0, 1] = np.inf
    pred[1, 0] = pred[1, 2] = -np.inf
    pred[2] = -np.inf
    pred[2, 1] = np.inf
    pred[3, 0] = -np.inf
    return {"pred": pred, "target": np.ones((5, 2), dtype=np.int64)}


def saturated_cases(
    own: Options, digits: Callable[[float], float] | None = None, *, core: bool = True
) -> Iterator[Case]:
    """Right and wrong by all gaps, beside 0 and beside a common offset.

    `digits` says how many units may be lost at a gap.
    """
    for name, gaps in {"": NEAR, "far_": FAR}.items():
        # At the largest nothing is left to lose digits.
        ulps = digits(min(gaps[-1], 70.0)) if digits else None
        for side, right in {"right": True, "wrong": False}.items():
            arrays = saturated(gaps, right=right)
            yield Case(f"{name}{side}", arrays, own, core=core, ulps=ulps)
            moved = arrays | {"pred": arrays["pred"] + (1000.0 if right else -1000.0)}
            yield Case(f"{name}{side}_offset", moved, own, FULL, ulps=ulps)
    yield Case("infinite", infinite(), own, core=core)


def label_cases(options: Options) -> Iterator[Case]:
    """Reductions, ignored pixels, labels of all kinds, and any number of axes.

    The first case is the plain one, which every dtype compiles.
    """
    yield Case("default", scene(), options, core=True)
    for r in REDUCTIONS:
        own = {**options, "reduction": r}
        yield Case(f"reduction_{r}", scene(2), own, core=r == "none")
        yield from _ignored_cases(own)
        empty = {name: array[:0] for name, array in scene(2).items()}
        yield Case(f"empty_{r}", empty, own, core=r == "mean")
        yield Case(f"no_pixels_{r}", scene(2, (2, 3, 0)), own)
    yield from _dtype_cases({**options, "reduction": "none"})
    yield from _shape_cases({**options, "reduction": "none"})
    yield from _class_cases({**options, "reduction": "none"})
    yield from _wrong_label_cases({**options, "reduction": "none"})
    mean = {**options, "reduction": "mean"}
    yield Case("512_by_512", large(), mean, gradient=False)


def _ignored_cases(own: Options) -> Iterator[Case]:
    r = own["reduction"]
    one = np.zeros((2, 2, 4), dtype=bool)
    one[1] = True
    spoiled = ignored(scene(3), some())
    # Cases with the same options and shapes share a program where that is compiled.
    core = r != "sum"
    yield Case(f"some_ignored_{r}", spoiled, own, core=core)
    yield Case(f"one_sample_ignored_{r}", ignored(scene(3), one), own, core=core)
    yield Case(f"all_ignored_{r}", ignored(scene(3), one | ~one), own, core=core)


def _dtype_cases(none: Options) -> Iterator[Case]:
    """Labels of many dtypes; uint8 has no −100, which then ignores nothing."""
    for dtype in ("int8", "int16", "int32", "uint8", "uint16"):
        yield Case(f"{dtype}_labels", scene(4, dtype=dtype), none)
    # Margins of sizes that differ: where 1 − p of one pixel is p of another, they tie.
    two = (2, 2, 2, 4)
    yield Case("bool_labels", scene(55, two, dtype="bool"), none)
    byte = scene(4, dtype="uint8")
    spoiled = ignored(byte, some(), 255)
    yield Case("uint8_ignored_255", spoiled, {**none, "ignore_index": 255})
    signed = ignored(scene(4, dtype="int8"), some())
    yield Case("int8_ignored", signed, none)
    # A class may be the one that does not count.
    yield Case("ignored_class", scene(4), {**none, "ignore_index": 0})
    yield Case("nothing_ignored", scene(4), {**none, "ignore_index": None})


def _shape_cases(none: Options) -> Iterator[Case]:
    yield Case("no_spatial_axes", scene(7, (4, 3)), none)
    yield Case("one_spatial_axis", scene(7, (2, 3, 5)), none)
    yield Case("three_spatial_axes", scene(7, (2, 3, 2, 1, 3)), none)
    yield Case("two_classes", scene(7, (2, 2, 2, 4)), none)
    yield Case("21_classes", scene(7, (1, 21, 6)), none)
    # Of small logits: beside no other pixel, the gradient of a saturated one is lost.
    one = scene(7, (1, 3, 1, 1))
    yield Case("one_pixel", one | {"pred": one["pred"] / 4}, none)
    columns = {name: np.asfortranarray(array) for name, array in scene(8).items()}
    yield Case("column_major", columns, none)


def _class_cases(none: Options) -> Iterator[Case]:
    """Classes that no pixel of a sample has."""
    one = scene(9)
    one["target"] = np.full_like(one["target"], 2)
    yield Case("one_class_present", one, none, core=True)
    yield Case("absent_class", scene(9, num_classes=2), none, core=True)
    equal = scene(9)
    equal["pred"] = np.zeros(SHAPE)
    yield Case("equal_logits", equal, none, core=True)


def _wrong_label_cases(none: Options) -> Iterator[Case]:
    """No class and not ignored: refused where values are at hand, NaN elsewhere."""
    for name, dtype, label, own in (
        ("3", "int64", 3, none),
        ("3_mean", "int64", 3, {**none, "reduction": "mean"}),
        ("-1", "int8", -1, none),
        ("3_nothing_ignored", "int32", 3, {**none, "ignore_index": None}),
        # The same bits as those of the ignored label.
        ("156", "uint8", 156, none),
        ("65436", "uint16", 65436, none),
        ("-1_ignored_255", "int8", -1, {**none, "ignore_index": 255}),
    ):
        arrays = scene(10, dtype=dtype)
        arrays["target"][1, 0, 2] = label
        core = name in ("3", "156")
        yield Case(
            f"wrong_label_{name}",
            arrays,
            own,
            gradient=False,
            core=core,
            refused_by=("numpy",),
        )


def large(num_classes: int = 2) -> Arrays:
    """An image of 512 × 512 whose counts are beyond float16: a tile, repeated."""
    tile = scene(11, (1, num_classes, 32, 32))
    return {
        "pred": np.tile(tile["pred"], (1, 1, 16, 16)),
        "target": np.tile(tile["target"], (1, 16, 16)),
    }


def weights(seed: int, shape: tuple[int, ...]) -> Data:
    """Positive weights, multiples of 1/16."""
    return np.abs(dyadic(seed, shape)) + 0.5


def mask_cases(
    arrays: Arrays, own: Options, entries: tuple[int, ...], axis: int | None = None
) -> Iterator[Case]:
    """Masks and weights of this shape, which broadcasts to the logits.

    The unreduced loss may lack an `axis` of it. What is left out is NaN, in the logits
    and in the weights.
    """

    def given(array: Data) -> Data:
        return array if axis is None else np.squeeze(array, axis)

    r, (pred, values) = own["reduction"], next(iter(arrays.items()))
    mask = pseudorandom(12, entries) % 3 > 0
    one_each = weights(14, (entries[0], *(1 for _ in entries[1:])))
    spoiled = arrays | {pred: np.where(mask, values, np.nan)}
    both = {
        "where": given(mask),
        "sample_weight": given(np.where(mask, weights(13, entries), np.nan)),
    }
    nothing = {"where": given(np.zeros(entries, dtype=bool))}
    yield Case(f"where_{r}", spoiled | {"where": given(mask)}, own)
    yield Case(f"where_sample_weight_{r}", spoiled | both, own, core=r == "mean")
    yield Case(f"where_nothing_{r}", spoiled | nothing, own)
    yield Case(f"sample_weight_{r}", arrays | {"sample_weight": given(one_each)}, own)


def elements(
    seed: int, shape: tuple[int, ...] = SHAPE, dtype: str = "float64"
) -> Arrays:
    """Logits with targets of the same shape: labels 0 and 1, or floats in (0, 1)."""
    numbers = pseudorandom(seed + 4000, shape)
    soft = dtype == "float64"
    target = (numbers % 15 + 1) / 16 if soft else (numbers % 2).astype(dtype)
    return {"pred": logits(seed, shape), "target": target}


def binary_cases(options: Options) -> Iterator[Case]:
    """What the losses of independent binary labels share."""
    none = {**options, "reduction": "none"}
    yield Case("default", elements(1), options, core=True)
    for r in REDUCTIONS:
        own = {**options, "reduction": r}
        yield Case(f"reduction_{r}", elements(2), own, core=r == "none")
        yield Case(f"empty_{r}", elements(2, (0, 3, 2)), own)
        yield from mask_cases(elements(3), own, SHAPE)
    for dtype in ("bool", "int8", "int32", "int64", "uint8"):
        yield Case(f"{dtype}_labels", elements(4, dtype=dtype), none)
    edges = elements(5)
    edges["target"] = np.round(edges["target"])
    yield Case("float_labels", edges, none, core=True)
    for r in REDUCTIONS[:2]:
        yield Case(f"infinite_{r}", certain(), {**options, "reduction": r})
    yield Case("two_axes", elements(6, (4, 3)), none)
    yield Case("five_axes", elements(6, (2, 3, 2, 1, 3)), none)
    yield Case("one_element", elements(6, (1, 1)), none)
    columns = {name: np.asfortranarray(array) for name, array in elements(7).items()}
    yield Case("column_major", columns, none)
    tile = elements(8, (1, 1, 32, 32))
    many = {name: np.tile(array, (1, 1, 16, 16)) for name, array in tile.items()}
    yield Case("512_by_512", many, {**options, "reduction": "mean"}, gradient=False)
    yield Case("512_by_512_sum", many, {**options, "reduction": "sum"}, FULL, False)


def two_sides() -> Arrays:
    """Saturated logits for a label and against it, by all gaps."""
    gaps = np.asarray([*NEAR, *FAR])
    gaps = np.concatenate([gaps, -gaps])
    pred = np.stack([gaps, gaps], axis=1)
    return {"pred": pred, "target": np.broadcast_to([0, 1], pred.shape).copy()}


def certain() -> Arrays:
    """Infinite logits on the right side, and a finite one."""
    pred = np.asarray([[np.inf, -np.inf, 0.5]])
    return {"pred": pred, "target": np.asarray([[1, 0, 1]])}
