"""Registration losses: a histogram of pairs of samples, or moments of windows."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.information.works import (
    AGAINST_KORNIA,
    AGAINST_OTHERS,
    COUNTED,
    COUNTED_ON_NUMPY,
    IMAGES_AGAINST_KORNIA,
    LARGE,
    LARGE_ON_NUMPY,
    MORE,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.information.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 65_536, 2_048  # samples


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    on_numpy = [*ON_NUMPY, LARGE_ON_NUMPY]
    yield from races("NumPy", modes.numpy_forward, [*on_numpy, *COUNTED_ON_NUMPY])
    against_torch = [*AGAINST_KORNIA, *IMAGES_AGAINST_KORNIA, *AGAINST_OTHERS]
    works = [*against_torch, *MORE, *COUNTED]
    yield from races("torch eager, forward", modes.torch_forward, works)
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, [*against_torch, *MORE])
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, AGAINST_KORNIA)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX)
    yield from costs(
        "torch eager, kept for backward",
        "inputs",
        memory.kept_for_backward,
        against_torch,
    )
    yield from costs(
        "torch eager, largest extra memory of forward + backward",
        "inputs",
        memory.extra_with_backward,
        against_torch,
    )
    yield from costs(
        "torch eager, largest memory of a process that does forward + backward",
        "MiB",
        memory.resident_with_backward,
        [LARGE],
    )
    yield from costs(
        "NumPy, extra memory beyond inputs and result",
        "MiB",
        memory.extra_mib_on_numpy,
        on_numpy,
    )
