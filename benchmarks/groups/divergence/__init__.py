"""The divergences of heat maps: a logarithm or two of each pixel, and a sum."""

from collections.abc import Iterator
from functools import partial

from benchmarks import memory, modes
from benchmarks.groups.divergence.works import (
    AGAINST_KORNIA,
    AGAINST_TORCH,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.divergence.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 64, 32  # pixels a side

# The targets: what the ratio theirs / ours must reach.
TORCH_TARGETS = {work.name: 1.0 for work in AGAINST_KORNIA}


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY)
    for section, mode in (
        ("torch eager, forward", modes.torch_forward),
        ("torch eager, forward + backward", modes.torch_gradient),
        (
            "torch eager, forward + backward to both maps",
            partial(modes.torch_gradient, wanted=2),
        ),
        ("torch.compile (fullgraph), forward + backward", modes.torch_compiled),
    ):
        yield from races(section, mode, AGAINST_KORNIA, TORCH_TARGETS)
        yield from races(section, mode, AGAINST_TORCH)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX)
    against_torch = [*AGAINST_KORNIA, *AGAINST_TORCH]
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
        "NumPy, extra memory beyond inputs and result",
        "inputs",
        memory.extra_on_numpy,
        ON_NUMPY,
    )
