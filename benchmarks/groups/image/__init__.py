"""The image losses: bound by Gaussian windows or, without any, by memory."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.image.works import (
    AGAINST_OTHERS,
    LARGE_IMAGE,
    ON_JAX,
    ON_NUMPY,
    ON_TORCH,
)
from benchmarks.groups.image.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 256, 64  # pixels a side


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY)
    against_all = [*ON_TORCH, *AGAINST_OTHERS]
    yield from races("torch eager, forward", modes.torch_forward, against_all)
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, against_all)
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, ON_TORCH)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX)
    yield from costs(
        "torch eager, kept for backward",
        "inputs",
        memory.kept_for_backward,
        ON_TORCH,
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
    )
