"""The public types, as mypy --strict and pyright see them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    name: ROOT / "tests" / "typing" / f"{name}.py" for name in ("accepted", "rejected")
}

Report = dict[str, dict[int, str]]
"""Messages by line, for each of the files."""


def run(*command: str) -> str:
    files = [str(path) for path in FILES.values()]
    result = subprocess.run(
        [sys.executable, "-m", *command, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return result.stdout


def mypy() -> Report:
    found: Report = {name: {} for name in FILES}
    # What it finds in the package itself is for `make lint` to report.
    output = run("mypy", "--strict", "--no-error-summary")
    for match in re.finditer(r"typing/(\w+)\.py:(\d+): error: (.*)", output):
        found[match[1]][int(match[2])] = match[3]
    return found


def pyright() -> Report:
    found: Report = {name: {} for name in FILES}
    for entry in json.loads(
        run("pyright", "--outputjson", "--pythonpath", sys.executable)
    )["generalDiagnostics"]:
        line = entry["range"]["start"]["line"] + 1
        found[Path(entry["file"]).stem][line] = entry["message"]
    return found


@pytest.fixture(scope="module", params=[mypy, pyright], ids=["mypy", "pyright"])
def report(request: pytest.FixtureRequest) -> Report:
    pytest.importorskip(request.param.__name__)
    return request.param()


def test_right_calls_keep_the_array_type(report: Report) -> None:
    assert report["accepted"] == {}


def test_wrong_calls_are_errors(report: Report) -> None:
    lines = FILES["rejected"].read_text().splitlines()
    marked = [n for n, line in enumerate(lines, 1) if line.endswith("# error")]
    assert marked
    assert sorted(report["rejected"]) == marked
