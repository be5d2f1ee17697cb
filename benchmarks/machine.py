"""What a number was measured on."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import xloss
from benchmarks import devices

PEERS = (
    "array-api-compat",
    "torch",
    "kornia",
    "pytorch-msssim",
    "monai",
    "segmentation-models-pytorch",
    "torchmetrics",
    "jax",
    "optax",
    "dm-pix",
    "keras",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "autograd",
)
ON_CUDA = ("cupy-cuda12x", "cupy-cuda13x")


def description(device: str = "cpu") -> dict[str, Any]:
    """Return the machine and the versions; torch's threads if it was imported."""
    torch = sys.modules.get("torch")
    names = PEERS if device == "cpu" else (*PEERS, *ON_CUDA)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if _has_affinity() else os.cpu_count(),
        "device": devices.name(device),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch_threads": torch.get_num_threads() if torch else None,
        "versions": {
            "xloss": xloss.__version__,
            "numpy": np.__version__,
            **{name: _version(name) for name in names},
        },
    }


def load() -> float | None:
    """Return the load average: other work makes the spread of a ratio wider."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _has_affinity() -> bool:
    return hasattr(os, "sched_getaffinity")  # Linux alone has it


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
