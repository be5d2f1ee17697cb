"""The cases that every pointwise loss goes through, whatever its formula."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.case import SHAPE, WIDE, Case, Data, dyadic, pair, powers, residuals

REDUCTIONS = ("none", "mean", "sum")


def common_cases() -> tuple[Case, ...]:
    """Reductions, weights, masks, dtypes, sizes and magnitudes.

    The first case is the plain one, which every dtype compiles.
    """
    return (
        Case("default", pair(), core=True, thorough=True),
        *(
            Case(f"reduction_{r}", pair(2), {"reduction": r}, core=True)
            for r in REDUCTIONS
        ),
        *_weights_and_masks(),
        *_nothing_counts(),
        *_integers(),
        *_sizes(),
        *_special_residuals(),
        *_magnitudes(),
    )


def _mask() -> Data:
    return dyadic(7) > 0


def _weights_and_masks() -> Iterator[Case]:
    positive = np.abs(dyadic(5)) + 0.5
    mask = _mask()
    spoiled = pair(4)
    spoiled["pred"] = np.where(mask, spoiled["pred"], np.nan)
    spoiled["target"] = np.where(mask, spoiled["target"], np.inf)
    spoiled_weight = np.where(mask, positive, np.nan)
    per_sample = positive[:, :1, :1]
    for r in REDUCTIONS:
        weighted = pair(3) | {"sample_weight": per_sample}
        yield Case(f"sample_weight_{r}", weighted, {"reduction": r})
        yield Case(f"where_{r}", spoiled | {"where": mask}, {"reduction": r})
        both = spoiled | {"where": mask, "sample_weight": spoiled_weight}
        yield Case(f"where_sample_weight_{r}", both, {"reduction": r}, core=True)
    last_axis = pair(3) | {"where": mask[0, :1], "sample_weight": positive[0]}
    yield Case("where_broadcasts_fewer_axes", last_axis, {"reduction": "mean"})
    zeros = pair(3) | {"sample_weight": np.where(mask, positive, 0.0)}
    yield Case("sample_weight_some_zero", zeros, {"reduction": "mean"})


def _nothing_counts() -> Iterator[Case]:
    nothing = {"where": np.zeros(SHAPE, dtype=bool)}
    empty = pair(1, (0, 3))
    for r in REDUCTIONS:
        yield Case(f"where_nothing_{r}", pair() | nothing, {"reduction": r})
        yield Case(f"empty_{r}", empty, {"reduction": r})
    weighted = pair() | nothing | {"sample_weight": np.ones((2, 1, 1))}
    yield Case("where_nothing_sample_weight_mean", weighted, {"reduction": "mean"})
    weighted = empty | {"sample_weight": np.ones((0, 1))}
    yield Case("empty_sample_weight_mean", weighted, {"reduction": "mean"})


def _integers() -> Iterator[Case]:
    """uint8 must not wrap, and bool has no difference of its own."""
    none = {"reduction": "none"}
    uint8 = np.asarray([20, 0, 255, 7], dtype=np.uint8)
    whole = np.asarray([-3, 0, 2, 7], dtype=np.int32)
    truth = np.asarray([True, False, True, False])
    floats = np.asarray([0.5, -1.25, 3.0, 7.5])
    yield Case("uint8", {"pred": uint8, "target": uint8[::-1].copy()}, none, core=True)
    yield Case("int32", {"pred": whole, "target": whole[::-1].copy()}, none)
    yield Case("bool", {"pred": truth, "target": truth[::-1].copy()}, none)
    yield Case("uint8_with_float", {"pred": uint8, "target": floats}, none)
    yield Case("float_with_int32", {"pred": floats, "target": whole}, none)
    yield Case("float_with_bool", {"pred": floats, "target": truth}, none)


def _sizes() -> Iterator[Case]:
    # Near the steepest slope, the measure of a gradient's error.
    single = {"pred": np.asarray(1.5), "target": np.asarray(0.25)}
    one = {name: array.reshape(1) for name, array in single.items()}
    yield Case("size_1", one, {"reduction": "mean"})
    yield Case("zero_dimensions_none", single, {"reduction": "none"})
    yield Case("zero_dimensions_mean", single, {"reduction": "mean"})
    fortran = {name: np.asfortranarray(array) for name, array in pair(8).items()}
    mixed = fortran | {"target": np.ascontiguousarray(fortran["target"])}
    yield Case("mixed_memory_layouts", mixed, {"reduction": "none"})
    for r in ("mean", "sum"):
        # Value alone: thousands of gradient entries would drown the golden file.
        many = pair(9, (2, 16, 64))
        yield Case(f"many_elements_{r}", many, {"reduction": r}, gradient=False)


def _special_residuals() -> Iterator[Case]:
    equal = {"pred": dyadic(1), "target": dyadic(1)}
    yield Case("residual_0_none", equal, {"reduction": "none"})
    yield Case("residual_0_mean", equal, {"reduction": "mean"})
    # Implementations like to change their formula at a round number.
    whole = np.arange(1.0, 61.0)
    both_signs = residuals(np.concatenate([whole, -whole]))
    yield Case("whole_residuals", both_signs, {"reduction": "none"}, core=True)
    nan = np.asarray([1.5, np.nan, -0.25, 3.0])
    none = {"reduction": "none"}
    yield Case("nan_in_prediction", residuals(nan), none, gradient=False)
    in_target = {"pred": np.zeros(4), "target": nan}
    yield Case("nan_in_target", in_target, none, gradient=False)


def _magnitudes() -> Iterator[Case]:
    none = {"reduction": "none"}
    wide, wider = residuals(powers(-59, 59)), residuals(powers(-498, 498))
    yield Case("1e-18_to_1e18", wide, none, WIDE, core=True, thorough=True)
    yield Case("1e-150_to_1e150", wider, none, ("float64",), core=True)
    narrow = residuals(powers(-14, 15))
    yield Case("float16_range", narrow, none, ("float16",), core=True)
    wide, wider = residuals(powers(-124, 124)), residuals(powers(-1000, 1000))
    yield Case("beyond_1e18", wide, none, WIDE, beyond=True)
    yield Case("beyond_1e150", wider, none, ("float64",), beyond=True)
