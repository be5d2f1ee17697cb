"""Losses of the overlap of predicted and labelled classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from mpmath import mp, mpf

from conformance.case import Case, Loss
from conformance.overlap import Overlap, Sums
from conformance.reference import Number
from conformance.samples import GRADIENT_ULPS, PerSample, Row, saturating
from conformance.segmentation import (
    DASK_EMPTY,
    REDUCTIONS,
    Arrays,
    Options,
    ignored,
    label_cases,
    logits,
    probabilities,
    saturated_cases,
    scene,
    some,
    weights,
)

SOFT = "Wang et al. 2023, arXiv:2303.16296, for probabilities"
EPS = 1e-8
# Four classes: a quarter is a probability that every dtype holds.
FOUR = (2, 4, 2, 4)


def dice(sums: Sums, weight: Row, average: str = "micro", eps: float = EPS) -> Number:
    """1 − 2·Σ w·I/(Σ w·(P + T) + eps), or the w-weighted mean of present classes."""
    twice = [2 * i for i in sums.intersections]
    return _averaged(sums, weight, average, twice, sums.cardinalities, eps)


def jaccard(
    sums: Sums, weight: Row, average: str = "micro", eps: float = EPS
) -> Number:
    """1 − Σ w·I/(Σ w·(P + T − I) + eps), or the w-weighted mean of present classes."""
    rows = zip(sums.cardinalities, sums.intersections, strict=True)
    unions = [both - i for both, i in rows]
    return _averaged(sums, weight, average, sums.intersections, unions, eps)


def _averaged(
    sums: Sums, weight: Row, average: str, parts: Row, wholes: Row, eps: float
) -> Number:
    if average == "micro":
        return 1 - _ratio(_dot(weight, parts), _dot(weight, wholes) + mpf(eps))
    rows = zip(parts, wholes, strict=True)
    losses = [1 - _ratio(part, whole + mpf(eps)) for part, whole in rows]
    return _mean_present(sums, losses, weight)


def generalized_dice(sums: Sums, _weight: Row, eps: float = EPS) -> Number:
    """1 − 2·Σ w·I/(Σ w·(P + T) + eps), w = (least T/T)², 1 for an absent class."""
    least = _dot(sums.rarest, sums.targets) / sum(sums.rarest)
    rows = zip(sums.targets, sums.present, strict=True)
    weight = [(least / t) ** 2 if there else mpf(1) for t, there in rows]
    return dice(sums, weight, eps=eps)


def tversky(
    sums: Sums, weight: Row, alpha: float, beta: float, eps: float = EPS
) -> Number:
    """1 − the mean over present classes of I/(I + α·FP + β·FN + eps)."""
    return focal_tversky(sums, weight, alpha, beta, 1.0, eps)


def focal_tversky(
    sums: Sums, _weight: Row, alpha: float, beta: float, gamma: float, eps: float = EPS
) -> Number:
    """The mean over present classes of (1 − I/(I + α·FP + β·FN + eps))^γ."""
    rows = zip(
        sums.intersections, sums.false_positives, sums.false_negatives, strict=True
    )
    losses = [
        1 - _ratio(i, i + mpf(alpha) * fp + mpf(beta) * fn + mpf(eps))
        for i, fp, fn in rows
    ]
    # A difference quotient steps below 0, where a power is complex.
    powers = [max(loss, mpf(0)) ** mpf(gamma) for loss in losses]
    return _mean_present(sums, powers, [mpf(1)] * len(powers))


def _mean_present(sums: Sums, losses: Row, weight: Row) -> Number:
    own = [w * there for w, there in zip(weight, sums.present, strict=True)]
    total = mp.fsum(own)
    return _dot(own, losses) / total if total != 0 else mpf(1)


def _ratio(part: Number, whole: Number) -> Number:
    """0 where there is nothing to score."""
    return part / whole if whole != 0 else mpf(0)


def _dot(a: Row, b: Row) -> Number:
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def common(options: Options) -> Iterator[Case]:
    """What all overlap losses share."""
    yield from label_cases(options)
    yield from _more(options)


def _more(options: Options) -> Iterator[Case]:
    none = {**options, "reduction": "none"}
    yield from _saturated(none, core=True)
    for r in REDUCTIONS:
        yield Case(f"soft_{r}", soft(30), {**options, "reduction": r}, core=r == "none")
    yield Case("soft_no_spatial_axes", soft(31, (4, 3)), none)
    yield Case("soft_empty", soft(31, (0, 3, 2)), options)
    hard = soft(32)
    hard["target"] = np.moveaxis(np.eye(4)[hard["target"].argmax(axis=1)], -1, 1)
    yield Case("soft_zeros_and_ones", hard, none, core=True)
    equal = {"pred": np.zeros(FOUR), "target": np.full(FOUR, 0.25)}
    yield Case("soft_equal", equal, none, core=True)
    equal = {name: array[:, :2] for name, array in equal.items()}
    equal["target"] = 2 * equal["target"]
    yield Case("soft_equal_two_classes", equal, none)
    yield Case("one_class", scene(19, (2, 1, 4)), none)
    for eps in (0.0, 1.0):
        own = {**none, "eps": eps}
        yield Case(f"eps_{eps:g}", ignored(scene(33), some()), own)
        yield Case(f"eps_{eps:g}_soft", soft(33), own)
        nothing = ignored(scene(33), np.ones((2, 2, 4), dtype=bool))
        yield Case(f"eps_{eps:g}_all_ignored", nothing, own)
    for case in _saturated(none | {"eps": 0.0}, core=False):
        yield replace(case, id=f"eps_0_{case.id}")


def _saturated(options: Options, *, core: bool) -> Iterator[Case]:
    for case in saturated_cases(options, core=core):
        yield saturating(case)


def soft(seed: int, shape: tuple[int, ...] = FOUR) -> Arrays:
    """Logits and probabilities of the same shape."""
    return {"pred": logits(seed, shape), "target": probabilities(seed, shape)}


def averaged_cases() -> Iterator[Case]:
    """Over all classes, or over each and then their mean, with class weights."""
    yield from common({})
    macro: Options = {"average": "macro"}
    for case in common(macro):
        # Micro has been through the others.
        if case.id in MACRO:
            yield replace(case, id=f"macro_{case.id}", core=case.id in PLAIN)
    for average in ("micro", "macro"):
        own: Options = {"average": average}
        for name, arrays in {"": scene(40), "soft_": soft(40)}.items():
            for r in REDUCTIONS:
                weighted = arrays | {"weight": weights(41, arrays["pred"].shape[1:2])}
                options = own | {"reduction": r}
                yield Case(f"{average}_{name}weights_{r}", weighted, options)
        zero = scene(40) | {"weight": np.asarray([0.0, 1.0, 0.5])}
        yield Case(f"{average}_zero_weight", zero, own)
        absent = scene(9, num_classes=2) | {"weight": weights(42, (3,))}
        yield Case(f"{average}_weights_absent_class", absent, own)
    yield Case("every_float_option", scene(43), {"eps": 0.5}, traced=("eps",))


# Of losses that share nearly all their code, what runs where a program is dear.
PLAIN = ("right", "far_right", "wrong", "far_wrong", "infinite")
MACRO = (
    *("default", "reduction_none", "some_ignored_none", "one_sample_ignored_none"),
    *("one_class_present", "absent_class", "equal_logits", "21_classes", "512_by_512"),
    *("right", "far_right", "wrong", "far_wrong", "infinite", "soft_none"),
    *(
        "soft_zeros_and_ones",
        "soft_equal_4_classes",
        "eps_0",
        "eps_1",
        "eps_0_far_right",
    ),
)


def generalized_cases() -> Iterator[Case]:
    """One class far larger than the others."""
    yield from common({})
    rare = scene(44, (2, 3, 2, 16))
    rare["target"] = np.where(rare["target"] == 1, 0, rare["target"])
    rare["target"][:, 0, 0] = 1
    for r in REDUCTIONS:
        yield Case(f"rare_class_{r}", rare, {"reduction": r})
    yield Case("every_float_option", scene(43), {"eps": 0.5}, traced=("eps",))


def tversky_cases() -> Iterator[Case]:
    """α and β, equal or not, and of either alone."""
    options: Options = {"alpha": 0.25, "beta": 0.75}
    yield from common(options)
    for alpha, beta in ((0.5, 0.5), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.75, 0.25)):
        own: Options = {"alpha": alpha, "beta": beta, "reduction": "none"}
        yield Case(f"alpha_{alpha:g}_beta_{beta:g}", scene(45), own)
    floats = {"alpha": 0.25, "beta": 0.5, "eps": 0.5}
    traced = tuple(floats)
    yield Case("every_float_option", scene(43), floats, traced=traced, thorough=True)


def focal_tversky_cases() -> Iterator[Case]:
    """γ on either side of 1, below which a loss near 0 has few digits."""
    options: Options = {"alpha": 0.25, "beta": 0.75, "gamma": 1.5}
    yield from common(options)
    for gamma in (0.5, 0.75, 1.0, 2.0):
        own = {**options, "gamma": gamma, "reduction": "none"}
        yield Case(f"gamma_{gamma:g}", scene(46), own)
        yield Case(f"gamma_{gamma:g}_soft", soft(46), own)
    traced = {"alpha": 0.25, "beta": 0.5, "gamma": 1.5, "eps": 0.5}
    yield Case("every_float_option", scene(43), traced, traced=tuple(traced))


def overlapping(
    name: str, formula: Callable[..., Number], source: str, cases: Iterator[Case]
) -> Loss:
    """A loss of this family."""
    if formula is not dice:
        kept = (*PLAIN, "soft_none", "soft_zeros_and_ones", "soft_equal")
        cases = (replace(case, core=case.id in kept) for case in cases)
    return Loss(
        name,
        PerSample(Overlap(formula)),
        f"{source}: {formula.__doc__} {SOFT}",
        tuple(cases),
        elementwise=False,
        gradient_ulps=GRADIENT_ULPS,
        bounds=(0.0, 1.0),
        costly=True,
        expected_failures=(DASK_EMPTY,),
    )


LOSSES = (
    overlapping(
        "dice_loss", dice, "Milletari et al. 2016, arXiv:1606.04797", averaged_cases()
    ),
    overlapping("jaccard_loss", jaccard, "Rahman & Wang 2016, eq. 3", averaged_cases()),
    overlapping(
        "generalized_dice_loss",
        generalized_dice,
        "Sudre et al. 2017, arXiv:1707.03237",
        generalized_cases(),
    ),
    overlapping(
        "tversky_loss",
        tversky,
        "Salehi et al. 2017, arXiv:1706.05721",
        tversky_cases(),
    ),
    overlapping(
        "focal_tversky_loss",
        focal_tversky,
        "Abraham & Khan 2019, arXiv:1810.07842",
        focal_tversky_cases(),
    ),
)
