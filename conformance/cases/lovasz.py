"""Lovász losses: the hinge of one class, and of the softmax of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.case import Case, ExpectedFailure, Loss
from conformance.lovasz import hinge, softmax_loss
from conformance.samples import GRADIENT_ULPS, PerSample, saturating
from conformance.segmentation import (
    FAR,
    NEAR,
    REDUCTIONS,
    SHAPE,
    Options,
    ignored,
    label_cases,
    saturated_cases,
    scene,
    some,
    weights,
)

PAPER = "Berman et al. 2018, arXiv:1705.08790, algorithm 1"


def of_one_class(case: Case) -> Case:
    """The same case with the first logit alone, and with labels 1 for 2."""
    target = case.arrays["target"]
    target = np.where(target == 2, 1, target).astype(target.dtype)
    return replace(case, arrays={"pred": case.arrays["pred"][:, :1], "target": target})


def hinge_cases() -> Iterator[Case]:
    """Errors are sixteenths, exact in every dtype: ties are, and go by index."""
    for case in label_cases({}):
        if case.id != "21_classes":
            yield of_one_class(case)
    none: Options = {"reduction": "none"}
    literal = {
        "pred": np.asarray([[[[2.0, -1.0], [0.0, 3.0]]]]),
        "target": np.asarray([[[1, 0], [0, 1]]]),
    }
    yield Case("literal", literal, {})
    # The hinge has a kink at a margin of 1, and the order does not matter below it.
    pred = np.asarray([[[1.0, -1.0, 2.0, 0.5, 1.0]], [[1.0, 1.0, 1.0, 3.0, -1.0]]])
    target = np.asarray([[1, 0, 1, 1, 0], [1, 1, 1, 1, 0]])
    kink = {"pred": np.tile(pred, 4), "target": np.tile(target, 4)}
    yield Case("at_the_kink", kink, none, core=True)
    tied = scene(50, (2, 1, 20), num_classes=2)
    tied["pred"] = np.round(tied["pred"] / 4)
    yield Case("ties", tied, none, core=True)
    gaps = np.asarray([*NEAR, *FAR, *(-gap for gap in (*NEAR, *FAR))])
    both = np.stack([gaps, -gaps])[:, np.newaxis]
    saturated = {"pred": both, "target": np.ones((2, 20), dtype=np.int64)}
    yield Case("saturated", saturated, none, core=True)
    one_each = {
        "pred": gaps.reshape(-1, 1, 1),
        "target": np.ones((20, 1), dtype=np.int64),
    }
    yield Case("saturated_pixels", one_each, none)
    sure = np.asarray([[[np.inf, -np.inf, 0.5, -0.5]], [[np.inf, -np.inf] * 2]])
    target = np.asarray([[1, 0] * 10] * 2)
    infinite = {"pred": np.tile(sure, 5), "target": target}
    yield Case("infinite", infinite, none, core=True)


def softmax_cases() -> Iterator[Case]:
    """Every class of every sample, present or not."""
    for case in label_cases({}):
        yield replace(case, thorough=case.id == "default")
    none: Options = {"reduction": "none"}
    for case in saturated_cases(none):
        yield saturating(case)
    for r in REDUCTIONS:
        weighted = scene(51) | {"weight": weights(51, (3,))}
        yield Case(f"class_weights_{r}", weighted, {"reduction": r}, core=r == "mean")
        spoiled = ignored(weighted, some())
        yield Case(f"ignored_and_weighted_{r}", spoiled, {"reduction": r})
    zero = scene(51) | {"weight": np.asarray([0.0, 1.0, 0.5])}
    yield Case("zero_class_weight", zero, none)
    # A half is the error of a pixel of either label.
    equal = scene(52, (2, 2, 6))
    equal["pred"] = np.zeros((2, 2, 6))
    yield Case("ties_of_two_classes", equal, none)
    same = scene(53)
    same["pred"] = np.broadcast_to(same["pred"][..., :1], SHAPE).copy()
    yield Case("ties_of_three_classes", same, none, core=True)


no_dask = ExpectedFailure("Dask has no take_along_axis", backend="dask")

LOSSES = (
    Loss(
        "lovasz_hinge_loss",
        PerSample(hinge, nothing=0.0, num_labels=2),
        f"{PAPER}: {hinge.__doc__}",
        tuple(hinge_cases()),
        elementwise=False,
        gradient_ulps=8.0,
        bounds=(0.0, float("inf")),
        costly=True,
        expected_failures=(no_dask,),
    ),
    Loss(
        "lovasz_softmax_loss",
        PerSample(softmax_loss, nothing=0.0),
        f"{PAPER}: {softmax_loss.__doc__}",
        tuple(softmax_cases()),
        elementwise=False,
        gradient_ulps=GRADIENT_ULPS,
        bounds=(0.0, float("inf")),
        costly=True,
        expected_failures=(no_dask,),
    ),
)
