"""Cross-entropies of labels, of probabilities and of independent binary targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from mpmath import log1p, mpf

from conformance.case import Case, Loss
from conformance.pixelwise import (
    NAN,
    Numbers,
    Pixelwise,
    Row,
    Term,
    by_class,
    by_element,
    odds_against,
    softplus,
    times,
)
from conformance.reference import Golden, Number
from conformance.segmentation import (
    DASK_EMPTY,
    REDUCTIONS,
    SHAPE,
    Arrays,
    Options,
    binary_cases,
    elements,
    ignored,
    label_cases,
    logits,
    mask_cases,
    probabilities,
    saturated_cases,
    scene,
    some,
    two_sides,
    weights,
)

SMOOTHING = "Szegedy et al. 2016, arXiv:1512.00567, section 7"
PIXELS = (2, 1, 2, 4)


def of_label(numbers: Numbers, label_smoothing: float = 0.0) -> list[Term]:
    """Σ_c −q_c·w_c·log p_c with q = (1 − s)·[t = c] + s/C; w_t counts in the mean."""
    size, (label,) = len(numbers["input"]), numbers["target"]
    if label not in range(size):
        return [NAN]
    target = [mpf(c == label) for c in range(size)]
    loss = _of_target(numbers, target, mpf(label_smoothing))
    return [(loss, _weight(numbers)[int(label)])]


def of_probabilities(numbers: Numbers, label_smoothing: float = 0.0) -> list[Term]:
    """Σ_c −q_c·w_c·log p_c with q = (1 − s)·t + s/C; pixels count in the mean."""
    loss = _of_target(numbers, numbers["target"], mpf(label_smoothing))
    return [(loss, mpf(1))]


def _of_target(numbers: Numbers, target: Row, smoothing: Number) -> Number:
    pred = numbers["input"]
    total = mpf(0)
    for c, (t, w) in enumerate(zip(target, _weight(numbers), strict=True)):
        share = w * ((1 - smoothing) * t + smoothing / len(pred))
        # What has no share may be impossible, with an infinite logarithm.
        if share != 0:
            total += share * log1p(odds_against(pred, c))
    return total


def _weight(numbers: Numbers) -> Row:
    return numbers.get("weight", [mpf(1)] * len(numbers["input"]))


def cross_entropy(case: Case) -> Golden:
    """Of labels or of probabilities, by the dtype of the target."""
    soft = case.arrays["target"].dtype == np.float64
    formula = of_probabilities if soft else of_label
    grid = partial(by_class, logits="input")
    return Pixelwise(formula, grid, reduction="mean")(case)


def binary_cross_entropy(numbers: Numbers) -> list[Term]:
    """−w·(v·t·log p + (1 − t)·log(1 − p)), p = sigmoid(z)."""
    (z,), (t,) = numbers["input"], numbers["target"]
    positive = t * numbers.get("pos_weight", (mpf(1),))[0]
    loss = times(positive, softplus(-z)) + times(1 - t, softplus(z))
    return [(loss * numbers.get("weight", (mpf(1),))[0], mpf(1))]


def renamed(case: Case) -> Case:
    """The same case with the logits under torch's name."""
    arrays = {"input" if k == "pred" else k: array for k, array in case.arrays.items()}
    return replace(case, arrays=arrays)


def digits(gap: float) -> float:
    """Units that may be lost where the label's logit is so far above the others.

    The loss is there exp(m) for a margin m of about −gap, which is the log of a number:
    half a unit of m is gap/2 units of the loss.
    """
    return max(8.0, gap)


def label_targets() -> Iterator[Case]:
    """Labels, masks and weights, smoothed or not."""
    yield from label_cases({})
    none: Options = {"reduction": "none"}
    yield from saturated_cases(none, digits)
    for r in REDUCTIONS:
        own: Options = {"reduction": r}
        weighted = scene(15) | {"weight": weights(15, (3,))}
        yield from mask_cases(scene(14), own, PIXELS, axis=1)
        yield Case(f"class_weights_{r}", weighted, own)
        both = ignored(weighted, some())
        both |= {"sample_weight": weights(16, PIXELS)[:, 0]}
        yield Case(f"ignored_and_weighted_{r}", both, own)
        smooth = own | {"label_smoothing": 0.125}
        yield Case(f"smoothed_{r}", scene(17), smooth)
        yield Case(f"smoothed_and_weighted_{r}", both, smooth, core=r == "mean")
        zero = ignored(scene(15), some()) | {"weight": np.zeros(3)}
        yield Case(f"zero_class_weights_{r}", zero, own)
    some_zero = scene(15) | {"weight": np.asarray([0.0, 1.0, 0.5])}
    yield Case("zero_class_weight", some_zero, {})
    yield Case("one_class", scene(19, (2, 1, 4)), none)
    for smoothing in (0.1, 1.0):
        own = none | {"label_smoothing": smoothing}
        yield Case(f"smoothing_{smoothing:g}", scene(18), own)
        for case in saturated_cases(own, core=False):
            if case.id != "infinite":
                yield replace(case, id=f"smoothing_{smoothing:g}_{case.id}")
    traced = ("label_smoothing",)
    yield Case(
        "every_float_option", scene(18), {"label_smoothing": 0.125}, traced=traced
    )
    alone = {"pred": logits(20, (3,)), "target": np.asarray(1)}
    for r in REDUCTIONS:
        yield Case(f"no_batch_{r}", alone, {"reduction": r})


def soft(seed: int, shape: tuple[int, ...] = SHAPE) -> Arrays:
    """Logits and probabilities of the same shape."""
    return {"pred": logits(seed, shape), "target": probabilities(seed, shape)}


def probability_targets() -> Iterator[Case]:
    """Probabilities, which are differentiated too."""
    none: Options = {"reduction": "none"}
    for r in REDUCTIONS:
        own: Options = {"reduction": r}
        yield Case(f"soft_{r}", soft(30), own, core=r == "none")
        weighted = soft(31) | {"weight": weights(31, (3,))}
        yield Case(f"soft_class_weights_{r}", weighted, own)
        smooth = own | {"label_smoothing": 0.125}
        yield Case(f"soft_smoothed_and_weighted_{r}", weighted, smooth)
        for case in mask_cases(soft(32), own, PIXELS, axis=1):
            yield replace(case, id=f"soft_{case.id}", core=False)
        yield Case(f"soft_empty_{r}", soft(33, (0, 3, 2)), own)
    yield Case("soft_no_batch", soft(34, (1, 4)), none)
    hard = soft(35)
    hard["target"] = np.moveaxis(np.eye(3)[scene(35)["target"]], -1, 1)
    yield Case("soft_zeros_and_ones", hard, none, core=True)
    yield Case("soft_one_class", soft(36, (2, 1, 4)), none)
    for case in saturated_cases(none, digits, core=False):
        # Without a gradient in the target, which an infinite logarithm would be.
        sure = np.moveaxis(np.eye(3)[case.arrays["target"]], -1, 1)
        arrays = dict(case.arrays) | {"target": sure}
        yield replace(case, id=f"soft_{case.id}", arrays=arrays, gradient=False)


def binary_targets() -> Iterator[Case]:
    """Targets in [0, 1], with weights that broadcast."""
    yield from binary_cases({})
    none: Options = {"reduction": "none"}
    for r in REDUCTIONS:
        own: Options = {"reduction": r}
        whole = {"weight": weights(40, SHAPE), "pos_weight": weights(41, SHAPE)}
        yield Case(f"weights_{r}", elements(40) | whole, own)
        rows = {"weight": weights(42, (3, 1, 1)), "pos_weight": weights(43, (4,))}
        yield Case(f"broadcast_weights_{r}", elements(42) | rows, own, core=r == "mean")
    yield Case("saturated", two_sides(), none, core=True, ulps=digits(70.0))
    yield Case("no_axes", elements(44, ()), none)
    yield Case("one_axis", elements(44, (5,)), none)


LOSSES = (
    Loss(
        "cross_entropy_loss",
        cross_entropy,
        f"labels: {of_label.__doc__}; probabilities: {of_probabilities.__doc__} "
        f"({SMOOTHING})",
        tuple(renamed(case) for case in (*label_targets(), *probability_targets())),
        arrays=("input", "target"),
        elementwise=False,
        bounds=(0.0, float("inf")),
        costly=True,
        expected_failures=(DASK_EMPTY,),
    ),
    Loss(
        "binary_cross_entropy_with_logits",
        Pixelwise(binary_cross_entropy, partial(by_element, logits="input"), "mean"),
        binary_cross_entropy.__doc__ or "",
        tuple(renamed(case) for case in binary_targets()),
        arrays=("input", "target"),
        bounds=(0.0, float("inf")),
        costly=True,
    ),
)
