"""Golden files: one JSON per loss, written from the definitions and read by the runner.

Arrays are flat lists, one line each; inf and NaN are strings. A gradient entry that
is only promised to be finite is "nan".
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case import Case, Loss
from conformance.reference import Floats, Golden

FOLDER = Path(__file__).parent / "golden"


class StaleGoldenError(Exception):
    """A golden file is missing or does not belong to the cases in the code."""


def write(loss: Loss) -> None:
    """Write the golden file of `loss`."""
    (FOLDER / f"{loss.name}.json").write_text(_render(loss), encoding="utf-8")


def check(loss: Loss) -> list[str]:
    """Compute the golden file of `loss` afresh and name what differs."""
    path = FOLDER / f"{loss.name}.json"
    if not path.exists():
        return [f"{path.name}: missing"]
    # Numbers decide, not the versions that the file was written with.
    stored = json.loads(path.read_text(encoding="utf-8"))["cases"]
    fresh = json.loads(_render(loss))["cases"]
    return [
        f"{path.name}: {name}: {_difference(stored.get(name), fresh.get(name))}"
        for name in dict.fromkeys([*stored, *fresh])
        if stored.get(name) != fresh.get(name)
    ]


def read(loss: Loss, case: Case) -> Golden:
    """The stored golden of one case, refused when the case has changed since."""
    entry = _load(FOLDER / f"{loss.name}.json").get(case.id)
    if entry is None or entry["inputs"] != case.digest:
        raise StaleGoldenError(
            f"{loss.name}: the golden of {case.id!r} is missing or was written for "
            f"other inputs; run `python -m conformance --generate --loss {loss.name}`"
        )
    value = _decode(entry["value"], tuple(entry["shape"]))
    gradient = {
        name: _decode(stored, case.arrays[name].shape)
        for name, stored in entry["gradient"].items()
    }
    return Golden(value, gradient)


@cache
def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    cases: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases


def _render(loss: Loss) -> str:
    head = {
        "loss": loss.name,
        "source": loss.source,
        "written_with": {p: metadata.version(p) for p in ("mpmath", "numpy")},
    }
    cases = [
        f"    {json.dumps(case.id)}: {_render_case(loss, case)}"
        for case in loss.cases
        if not case.beyond
    ]
    body = json.dumps(head, indent=2)[:-2]
    return body + ',\n  "cases": {\n' + ",\n".join(cases) + "\n  }\n}\n"


def _render_case(loss: Loss, case: Case) -> str:
    golden = loss.reference(case)
    gradient = golden.gradient if case.gradient else {}
    lines = [
        f'"call": {json.dumps(_call(case))}',
        f'"inputs": {json.dumps(case.digest)}',
        f'"shape": {json.dumps(list(golden.value.shape))}',
        f'"value": {_encode(golden.value)}',
        '"gradient": {'
        + ",".join(
            f"\n        {json.dumps(name)}: {_encode(array)}"
            for name, array in gradient.items()
        )
        + "}",
    ]
    return "{\n      " + ",\n      ".join(lines) + "\n    }"


def _call(case: Case) -> str:
    """The call as a reader would write it, with shapes in place of the arrays."""
    arrays = [
        f"{name}: {array.dtype.name.replace('float64', 'float')}{list(array.shape)}"
        for name, array in case.arrays.items()
    ]
    return ", ".join(arrays + [f"{k}={v!r}" for k, v in case.options.items()])


def _encode(array: Floats) -> str:
    return json.dumps([x if math.isfinite(x) else str(x) for x in array.ravel()])


def _decode(entries: list[float | str], shape: tuple[int, ...]) -> Floats:
    return np.asarray([float(x) for x in entries], dtype=np.float64).reshape(shape)


def _difference(stored: dict[str, Any] | None, fresh: dict[str, Any] | None) -> str:
    if stored is None or fresh is None:
        return "not in the file" if stored is None else "no such case"
    return ", ".join(key for key in fresh if stored.get(key) != fresh[key]) + " differ"
