"""The image losses: bound by Gaussian windows or, without any, by memory."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.image.works import (
    LARGE_IMAGE,
    ON_JAX,
    ON_NUMPY,
    ON_TORCH,
)
from benchmarks.groups.image.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 256, 64  # pixels a side

_KORNIA = [work.name for work in ON_TORCH if work.peer.name == "kornia"]

# The targets: what the ratio theirs / ours must reach, or what ours may cost.
NUMPY_TARGETS = {"ssim, valid": 2.0}
FORWARD_TARGETS = {**dict.fromkeys([*_KORNIA, "ms_ssim"], 0.9), "ssim": 0.8}
GRADIENT_TARGETS = {
    "ssim": 2.0,
    "ssim, valid": 1.0,
    "ssim3d": 5.0,
    "ms_ssim_l1, one image": 10.0,
    "total_variation": 1.0,
    "psnr": 1.0,
}
COMPILED_TARGETS = dict.fromkeys(_KORNIA, 1.0)
JAX_TARGETS = {"ssim, valid": 5.0}
SAVED_INPUTS = {"ssim": 14.0}
NUMPY_MIB = {"ssim, large image": 2048.0}


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY, NUMPY_TARGETS)
    for section, mode, targets in (
        ("torch eager, forward", modes.torch_forward, FORWARD_TARGETS),
        ("torch eager, forward + backward", modes.torch_gradient, GRADIENT_TARGETS),
        (
            "torch.compile (fullgraph), forward + backward",
            modes.torch_compiled,
            COMPILED_TARGETS,
        ),
    ):
        yield from races(section, mode, ON_TORCH, targets)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX, JAX_TARGETS)
    yield from races(
        "JAX jit, value and gradient", modes.jax_gradient, ON_JAX, JAX_TARGETS
    )
    yield from costs(
        "torch eager, kept for backward",
        "inputs",
        memory.kept_for_backward,
        ON_TORCH,
        at_most=SAVED_INPUTS,
    )
    yield from costs(
        "torch eager, largest extra memory of forward + backward",
        "inputs",
        memory.extra_with_backward,
        ON_TORCH,
    )
    yield from costs(
        "NumPy, extra memory beyond inputs",
        "MiB",
        memory.extra_mib_on_numpy,
        [*ON_NUMPY, LARGE_IMAGE],
        at_most=NUMPY_MIB,
    )
