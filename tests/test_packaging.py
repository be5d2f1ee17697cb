"""What is installed, what importing it costs, and that NumPy alone is enough."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import xloss

ROOT = Path(__file__).parent.parent
BACKENDS = ("torch", "jax", "dask", "cupy")


def python(code: str) -> str:
    """Run code in an interpreter of its own and return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {Path(name).parts[0].split("-")[0] for name in names} == {"xloss"}
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "xloss").rglob("*.py")}
    assert sources <= set(names)
    assert "xloss/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_has_the_version_and_depends_on_two_packages(
    wheel: zipfile.ZipFile,
) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    lines = wheel.read(metadata).decode().splitlines()
    assert f"Version: {xloss.__version__}" in lines
    required = [
        line.partition(": ")[2]
        for line in lines
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert sorted(required) == ["array-api-compat<2,>=1.15", "numpy>=2.0"]


def test_import_loads_no_backend() -> None:
    loaded = python(
        "import sys, xloss\n"
        f"print([name for name in {BACKENDS} if name in sys.modules])"
    )
    assert loaded == "[]"


def test_import_is_quick() -> None:
    # CPU time of the import alone, and the best of three: other work on the
    # machine does not count. 0.2 s beyond NumPy is the promise.
    code = (
        "import numpy, time\n"
        "start = time.process_time()\n"
        "import xloss\n"
        "print(time.process_time() - start)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.2


def test_runs_with_numpy_alone() -> None:
    # A name that is None in sys.modules cannot be imported.
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({(*BACKENDS, 'scipy', 'mpmath')}))\n"
        "import numpy as np, xloss\n"
        "print(float(xloss.charbonnier_loss(np.array([0.75]), np.array([0.0]), 'sum')))"
    )
    assert python(code) == "0.25"


def test_every_package_the_tests_use_is_pinned() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted = {
        entry.partition("[")[0].partition("=")[0].lower()
        for group in groups.values()
        for entry in group
        if isinstance(entry, str)
    }
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    assert wanted <= pinned
