"""Labels as arrays of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.case import Case, Loss
from conformance.reference import Golden
from conformance.segmentation import labels


def one_hot(case: Case) -> Golden:
    """1 at (n, label, …), eps elsewhere; NaN along the classes of a wrong label."""
    found = case.arrays["labels"]
    num_classes = int(case.options["num_classes"])  # type: ignore[arg-type]
    eps = float(case.options.get("eps", 0.0))  # type: ignore[arg-type]
    value = np.full((found.shape[0], num_classes, *found.shape[1:]), eps)
    for (sample, *place), label in np.ndenumerate(found):
        if 0 <= label < num_classes:
            value[(sample, int(label), *place)] = 1.0
        else:
            value[(sample, slice(None), *place)] = np.nan
    return Golden(value, {})


def one_hot_cases() -> Iterator[Case]:
    """Labels of many dtypes and shapes, absent classes and wrong labels."""
    options = {"num_classes": 3}
    for dtype in ("int64", "int8", "int32", "uint8", "uint16"):
        found = labels(1, (2, 3, 4), dtype=dtype)
        yield Case(f"{dtype}_labels", {"labels": found}, options, core=dtype == "uint8")
    yield Case("bool_labels", {"labels": labels(1, (2, 2, 4), dtype="bool")}, options)
    for name, shape in {
        "no_spatial_axes": (4, 3),
        "three_spatial_axes": (2, 3, 2, 1, 3),
        "empty": (0, 3, 2),
        "no_pixels": (2, 3, 0),
    }.items():
        yield Case(name, {"labels": labels(2, shape)}, options)
    yield Case("one_class", {"labels": labels(3, (2, 1, 3))}, {"num_classes": 1})
    absent = {"labels": labels(4, (2, 3, 4))}
    yield Case("absent_classes", absent, {"num_classes": 6}, core=True)
    for eps in (0.25, 1e-6):
        yield Case(f"eps_{eps:g}", absent, {**options, "eps": eps})
    yield Case("traced_eps", absent, {**options, "eps": 0.5}, traced=("eps",))
    for dtype, label in (("int64", 3), ("int8", -1), ("uint8", 255)):
        wrong = labels(5, (2, 3, 4), dtype=dtype)
        wrong[1, 2] = label
        name = f"wrong_label_{label}"
        yield Case(name, {"labels": wrong}, options, refused_by=("numpy",))


LOSSES = (
    Loss(
        "one_hot",
        one_hot,
        one_hot.__doc__ or "",
        tuple(one_hot_cases()),
        arrays=("labels",),
        elementwise=False,
        # 0 and 1 are exact, and eps is rounded.
        ulps=0.5,
    ),
)
