"""Focal losses of labelled pixels and of independent binary labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from mpmath import exp, log1p, mpf

from conformance.case import Case, Data, Loss, pseudorandom
from conformance.pixelwise import (
    NAN,
    Numbers,
    Pixelwise,
    Term,
    by_class,
    by_element,
    odds_against,
    softplus,
    times,
)
from conformance.reference import Number
from conformance.segmentation import (
    DASK_EMPTY,
    REDUCTIONS,
    SHAPE,
    Arrays,
    Options,
    binary_cases,
    certain,
    elements,
    ignored,
    infinite,
    label_cases,
    mask_cases,
    saturated_cases,
    scene,
    some,
    two_sides,
    weights,
)
from conformance.windows import STEP

PAPER = "Lin et al. 2017, arXiv:1708.02002, eq. 5"
GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
PIXELS = (2, 1, 2, 4)


def focal(numbers: Numbers, alpha: float | None, gamma: float = 2.0) -> list[Term]:
    """−α_t·w_t·(1 − p_t)^γ·log p_t in the class of the label, 0 in the others."""
    pred, (label,) = numbers["pred"], numbers["target"]
    if label not in range(len(pred)):
        return [NAN] * len(pred)
    odds = odds_against(pred, int(label))
    loss = (odds / (1 + odds)) ** mpf(gamma) * log1p(odds)
    if alpha is not None:
        loss *= 1 - mpf(alpha) if label == 0 else mpf(alpha)
    if "weight" in numbers:
        loss *= numbers["weight"][int(label)]
    return [(loss if k == label else mpf(0), mpf(1)) for k in range(len(pred))]


def binary_focal(
    numbers: Numbers, alpha: float | None = 0.25, gamma: float = 2.0
) -> list[Term]:
    """−w·(v·α·t·(1 − p)^γ·log p + (1 − α)·(1 − t)·p^γ·log(1 − p)), p = sigmoid(z)."""
    (z,), (t,) = numbers["pred"], numbers["target"]
    # A difference quotient takes a step out of the range.
    if not -STEP <= t <= 1 + STEP:
        return [NAN]
    positive, negative = t, 1 - t
    if alpha is not None:
        positive, negative = mpf(alpha) * t, (1 - mpf(alpha)) * (1 - t)
    if "pos_weight" in numbers:
        positive *= numbers["pos_weight"][0]
    loss = times(positive, _term(-z, gamma)) + times(negative, _term(z, gamma))
    return [(loss * numbers.get("weight", (mpf(1),))[0], mpf(1))]


def _term(z: Number, gamma: float) -> Number:
    """p^γ·(−log(1 − p)) with p = sigmoid(z)."""
    return (1 / (1 + exp(-z))) ** mpf(gamma) * softplus(z)


def focal_cases() -> Iterator[Case]:
    """Labels, masks and weights, α and γ, saturated and infinite logits."""
    yield from label_cases({"alpha": 0.25})
    for r in REDUCTIONS:
        own: Options = {"alpha": 0.25, "reduction": r}
        weighted = scene(15) | {"weight": weights(15, (3,))}
        yield from mask_cases(scene(14), own, PIXELS)
        yield Case(f"class_weights_{r}", weighted, own, core=r == "mean")
        both = ignored(weighted, some()) | {"sample_weight": weights(16, PIXELS)}
        yield Case(f"ignored_and_weighted_{r}", both, own)
        # An element off the class of the label has no loss, but counts in the mean.
        entries = {"where": pseudorandom(17, SHAPE) % 3 > 0}
        by_entry = scene(16) | entries | {"sample_weight": weights(18, SHAPE)}
        yield Case(f"where_by_class_{r}", by_entry, own)
        yield Case(f"infinite_{r}", infinite(), own)
    none: Options = {"reduction": "none"}
    zero = scene(15) | {"weight": np.asarray([0.0, 1.0, 0.5])}
    yield Case("zero_class_weight", zero, none | {"alpha": None})
    for alpha in (None, 0.0, 0.25, 1.0):
        yield Case(f"alpha_{alpha}", scene(20), none | {"alpha": alpha})
    for gamma in GAMMAS:
        yield from _gamma_cases(none | {"alpha": None, "gamma": gamma})
    floats = {"alpha": 0.25, "gamma": 2.0}
    traced = tuple(floats)
    yield Case("every_float_option", scene(22), floats, traced=traced, thorough=True)


def _gamma_cases(own: Options) -> Iterator[Case]:
    gamma, name = own["gamma"], f"gamma_{own['gamma']:g}"
    digits = partial(_digits, gamma=gamma)
    # JAX traces all of them, and torch those that its first call does not fix.
    traced = ("gamma",) if gamma in (0.0, 0.5) else ()
    yield Case(name, scene(21), own, traced=traced, ulps=digits(8.0))
    yield Case(f"{name}_one_class", scene(19, (2, 1, 4)), own)
    for case in saturated_cases(own, digits, core=gamma == 2):
        yield replace(case, id=f"{name}_{case.id}")


def _digits(gap: float, gamma: float) -> float:
    """Units that may be lost where the label's logit is so far from the others.

    The loss is s·exp(γ·(m − s)) with a margin m of about the gap, which is the log of a
    number, and s = log(1 + exp(m)). On the right side half a unit of m is (1 + γ)·gap/2
    units of the loss, on the wrong side γ·gap/2, and the product with γ rounds by as
    much again. At γ = 2 and a gap of 28 this is 1e-5 in float32.
    """
    return max(8.0, (1 + gamma) * gap)


def binary_focal_cases() -> Iterator[Case]:
    """The same for binary labels, of which some or all are ignored."""
    yield from binary_cases({})
    for r in REDUCTIONS:
        own: Options = {"reduction": r}
        per_class = {"weight": weights(23, (3,)), "pos_weight": weights(24, (3,))}
        weighted = elements(23) | per_class
        yield Case(f"class_weights_{r}", weighted, own, core=r == "mean")
        third = pseudorandom(25, SHAPE) % 3 == 0
        whole, soft = elements(24, dtype="int32"), elements(24)
        for name, arrays in {"integer": whole, "float": soft}.items():
            spoiled = _ignored(arrays, third)
            yield Case(f"{name}_ignored_{r}", spoiled, own, core=r == "mean")
        yield Case(f"all_ignored_{r}", _ignored(whole, third | ~third), own)
    none: Options = {"reduction": "none"}
    byte = _ignored(elements(26, dtype="uint8"), pseudorandom(25, SHAPE) % 3 == 0, 255)
    yield Case("uint8_ignored_255", byte, none | {"ignore_index": 255})
    yield Case("nothing_ignored", elements(26), none | {"ignore_index": None})
    for alpha in (None, 0.0, 0.5, 1.0):
        yield Case(f"alpha_{alpha}", elements(27), none | {"alpha": alpha})
    for gamma in GAMMAS:
        own, name = none | {"gamma": gamma}, f"gamma_{gamma:g}"
        yield Case(name, elements(28), own, ulps=_digits(4.0, gamma))
        ulps = _digits(70.0, gamma)
        yield Case(f"{name}_saturated", two_sides(), own, core=gamma == 2, ulps=ulps)
        yield Case(f"{name}_infinite", certain(), own)
    traced = {"alpha": 0.25, "gamma": 2.0}
    yield Case("every_float_option", elements(29), traced, traced=tuple(traced))
    yield from _wrong_target_cases(none)


def _ignored(arrays: Arrays, mask: Data, label: int = -100) -> Arrays:
    pred = np.where(mask, np.nan, arrays["pred"])
    target = np.where(mask, label, arrays["target"]).astype(arrays["target"].dtype)
    return {"pred": pred, "target": target}


def _wrong_target_cases(none: Options) -> Iterator[Case]:
    """Outside [0, 1] and not ignored; 156 has the same bits as −100."""
    for dtype, target in (("int64", 2), ("int8", -1), ("float64", 1.5), ("uint8", 156)):
        arrays = elements(30, dtype=dtype)
        arrays["target"][1, 0, 1, 2] = target
        yield Case(
            f"wrong_target_{target}",
            arrays,
            none,
            gradient=False,
            core=dtype == "uint8",
            refused_by=("numpy",),
        )


by_pixel = partial(by_class, entries=True)
binary = partial(by_element, classes=True)

LOSSES = (
    Loss(
        "focal_loss",
        Pixelwise(focal, by_pixel),
        f"{PAPER}: {focal.__doc__}",
        tuple(focal_cases()),
        elementwise=False,
        # Logits of ±4, and the default γ.
        ulps=_digits(8.0, 2.0),
        bounds=(0.0, float("inf")),
        costly=True,
        expected_failures=(DASK_EMPTY,),
    ),
    Loss(
        "binary_focal_loss_with_logits",
        Pixelwise(binary_focal, binary),
        f"{PAPER}: {binary_focal.__doc__}",
        tuple(binary_focal_cases()),
        elementwise=False,
        ulps=_digits(4.0, 2.0),
        bounds=(0.0, float("inf")),
        costly=True,
    ),
)
