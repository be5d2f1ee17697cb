"""The Hausdorff loss by erosion: errors that outlast none, some or all erosions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from conformance.case import Case, Data, Loss, pseudorandom
from conformance.hausdorff import hausdorff

Options: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Data]

SHAPE = (2, 2, 6, 7)
# An average less ½ is off by units in the last place of 1, however little is left of
# it, and more so once it is divided by its extent: so is every map, times its weight.
# Backwards, slopes are divided by all extents; those of both extremes are sums over
# the image of terms of either sign.
ERODED, STEEP, DEPTH = 24.0, 32.0, 3
REDUCTIONS = ("none", "mean", "sum")


def scene(
    seed: int = 1,
    shape: tuple[int, ...] = SHAPE,
    dtype: str = "int64",
    num_labels: int | None = None,
) -> Arrays:
    """Labels, and probabilities that are wrong but for a corner of the image.

    Errors are no smaller than 3/4 where they are wrong, so that they outlast erosions,
    and no larger than 1/4 elsewhere. Multiples of 1/128, of which squares and sums are
    exact: no tie of the first erosion hangs on a rounding.
    """
    labels = pseudorandom(seed, (shape[0], 1, *shape[2:])) % (num_labels or shape[1])
    own = labels == np.arange(shape[1]).reshape(-1, *(1 for _ in shape[2:]))
    small = pseudorandom(seed + 100, shape) % 33 / 128
    places = zip(np.indices(shape[2:]), shape[2:], strict=True)
    right = np.all([index < length // 3 for index, length in places], axis=0)
    error = np.where(right, small, 1 - small)
    return {
        "pred": np.where(own, 1 - error, error),
        "target": labels.astype(dtype),
    }


def saturated(shape: tuple[int, ...]) -> Arrays:
    """0 or 1 for two classes: right in a margin of one pixel, wrong in all others."""
    inside = np.zeros(shape)
    inside[tuple(slice(1, n - 1) for n in shape)] = 1.0
    pred = np.stack([1 - inside, inside])[np.newaxis]
    return {"pred": pred, "target": np.zeros((1, 1, *shape), np.int64)}


def uniform(error: float, shape: tuple[int, ...] = (1, 2, 5, 6)) -> Arrays:
    """The same error everywhere, with all labels 0."""
    pred = np.full(shape, error)
    pred[:, 0] = 1 - error
    return {"pred": pred, "target": np.zeros((shape[0], 1, *shape[2:]), np.int64)}


def shape_cases(none: Options) -> Iterator[Case]:
    """One to three spatial axes, one to five classes, and images of a few pixels."""
    short = {**none, "k": 3}
    yield Case("one_spatial_axis", scene(3, (2, 2, 9)), short)
    yield Case("three_spatial_axes", scene(2, (1, 2, 4, 5, 4)), short, core=True)
    yield Case("four_spatial_axes", scene(4, (1, 1, 3, 2, 3, 3)), none)
    yield Case("five_classes", scene(2, (1, 5, 5, 6)), none)
    yield Case("absent_class", scene(6, (1, 3, 5, 6), num_labels=2), none)
    yield Case("one_class", scene(7, (2, 1, 5, 6)), none)
    for name, shape in {
        "one_pixel": (2, 2, 1, 1),
        "one_row": (1, 2, 1, 9),
        "two_pixels": (2, 1, 2),
    }.items():
        yield Case(name, scene(8, shape), none)
    columns = {name: np.asfortranarray(array) for name, array in scene(9).items()}
    yield Case("column_major", columns, none)


def error_cases(none: Options) -> Iterator[Case]:
    """Errors that are equal, so that they outlast all erosions or none, and ties."""
    perfect = saturated((5, 6))
    perfect["pred"] = np.stack([np.ones((5, 6)), np.zeros((5, 6))])[np.newaxis]
    yield Case("perfect", perfect, none)
    # Their squares are 1/4, and a little less and more than 1/2.
    for name, error in {"0.5": 0.5, "0.703": 90 / 128, "0.711": 91 / 128}.items():
        yield Case(f"uniform_{name}", uniform(error), none)
    # A second erosion would leave ½ exactly, or not, as a fifth is rounded.
    yield Case("uniform_1", uniform(1.0), {**none, "k": 1}, core=True)
    # M∗b is exactly ½ in the middle, where max(·, 0) has its kink.
    kink = uniform(1.0, (1, 1, 3, 3))
    kink["pred"][0, 0] = [[1, 1, 1], [0.5, 0.5, 0.5], [1, 1, 1]]
    yield Case("half", kink, none)
    yield Case("saturated", saturated((6, 9)), {**none, "k": 3}, core=True)
    yield Case("saturated_one_axis", saturated((9,)), none)
    yield Case("saturated_three_axes", saturated((4, 5, 5)), none)
    # Of predictions that are no probabilities: what is left is the same everywhere.
    beyond = uniform(3.0, (1, 1, 2))
    yield Case("beyond_1_flat", beyond, {**none, "k": 1})
    yield Case("beyond_1", {**scene(10), "pred": 4 * scene(10)["pred"] - 1}, none)


def label_cases(none: Options) -> Iterator[Case]:
    """Labels of every dtype, and those that are no class."""
    for dtype in ("bool", "int8", "uint8", "int32"):
        yield Case(f"{dtype}_labels", scene(11, dtype=dtype), none)
    for name, dtype, label in (
        ("2", "int64", 2),
        ("-1", "int8", -1),
        ("-100", "int64", -100),
    ):
        arrays = scene(12, dtype=dtype)
        arrays["target"][1, 0, 2, 3] = label
        for r in REDUCTIONS[:2]:
            yield Case(
                f"wrong_label_{name}_{r}",
                arrays,
                {**none, "reduction": r},
                gradient=False,
                core=name == "2" and r == "none",
                refused_by=("numpy",),
            )


def cases() -> Iterator[Case]:
    """The first case is the plain one, which every dtype compiles."""
    yield Case("short", scene(), {"k": 3}, core=True)
    yield Case("default", scene())
    none: Options = {"reduction": "none", "k": 5}
    for r in REDUCTIONS:
        own = {**none, "reduction": r}
        yield Case(f"reduction_{r}", scene(13), own)
        empty = {name: array[:0] for name, array in scene(13).items()}
        yield Case(f"empty_{r}", empty, own)
    for k in (1, 2, 3, 10):
        yield Case(f"k_{k}", scene(14), {**none, "k": k})
    for alpha in (-1.0, 0.0, 0.5, 1.0, 3.0):
        yield Case(f"alpha_{alpha:g}", scene(15), {**none, "alpha": alpha})
    traced = {"alpha": 0.5, "k": 3}
    yield Case(
        "every_float_option", scene(16), traced, traced=("alpha",), thorough=True
    )
    yield from shape_cases(none)
    yield from error_cases(none)
    yield from label_cases(none)


def deepest(case: Case) -> float:
    """The weight of the last erosion that errors in such small images outlast."""
    alpha, k = case.options.get("alpha", 2.0), case.options.get("k", 10)
    return float(min(int(k), DEPTH) ** alpha)  # type: ignore[arg-type,operator]


LOSSES = (
    Loss(
        "hausdorff_er_loss",
        hausdorff,
        "Karimi & Salcudean 2020, arXiv:1904.10030, eq. 10",
        tuple(cases()),
        elementwise=False,
        ulps=ERODED,
        scale=deepest,
        gradient_ulps=STEEP,
        costly=True,
    ),
)
