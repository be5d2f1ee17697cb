"""The divergences of heat maps: a logarithm or two of each pixel, and a sum."""

from collections.abc import Iterator
from functools import partial

from benchmarks import memory, modes
from benchmarks.groups.divergence.works import (
    AGAINST_KERAS,
    AGAINST_KORNIA,
    AGAINST_TORCH,
    AGAINST_TORCHMETRICS,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.divergence.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 64, 32  # pixels a side


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY)
    against_torch = [*AGAINST_KORNIA, *AGAINST_TORCH]
    works = [*against_torch, *AGAINST_TORCHMETRICS, *AGAINST_KERAS]
    yield from races("torch eager, forward", modes.torch_forward, works)
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, [*against_torch, *AGAINST_KERAS])
    section = "torch eager, forward + backward to both maps"
    yield from races(section, partial(mode, wanted=2), against_torch)
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, against_torch)
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
        "NumPy, extra memory beyond inputs and result",
        "inputs",
        memory.extra_on_numpy,
        ON_NUMPY,
    )
