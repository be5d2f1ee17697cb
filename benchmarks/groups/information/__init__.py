"""Registration losses: a histogram of pairs of samples, or moments of windows."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.information.works import (
    AGAINST_KORNIA,
    AGAINST_OTHERS,
    LARGE,
    LARGE_ON_NUMPY,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.information.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 65_536, 2_048  # samples

_KORNIA = [work.name for work in AGAINST_KORNIA]

# The targets: what the ratio theirs / ours must reach, or what ours may cost.
GRADIENT_TARGETS = dict.fromkeys(_KORNIA, 3.0)
COMPILED_TARGETS = dict.fromkeys(_KORNIA, 1.0)
SAVED_INPUTS = dict.fromkeys(_KORNIA, 60.0)
RESIDENT_MIB = {LARGE.name: 1024.0}
NUMPY_MIB = {LARGE_ON_NUMPY.name: 8.0}


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, [*ON_NUMPY, LARGE_ON_NUMPY])
    against_torch = [*AGAINST_KORNIA, *AGAINST_OTHERS]
    yield from races("torch eager, forward", modes.torch_forward, against_torch)
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, against_torch, GRADIENT_TARGETS)
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, AGAINST_KORNIA, COMPILED_TARGETS)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX)
    yield from costs(
        "torch eager, kept for backward",
        "inputs",
        memory.kept_for_backward,
        against_torch,
        at_most=SAVED_INPUTS,
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
        at_most=RESIDENT_MIB,
    )
    yield from costs(
        "NumPy, extra memory beyond inputs and result",
        "MiB",
        memory.extra_mib_on_numpy,
        [*ON_NUMPY, LARGE_ON_NUMPY],
        at_most=NUMPY_MIB,
    )
