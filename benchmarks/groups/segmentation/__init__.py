"""The segmentation losses: a softmax and a few sums, or a sort, of labelled pixels."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.segmentation.works import (
    AGAINST_KERAS,
    AGAINST_KORNIA,
    AGAINST_OTHERS,
    AGAINST_SKLEARN,
    AGAINST_TORCH,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.segmentation.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 256, 64  # pixels a side


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, [*ON_NUMPY, *AGAINST_SKLEARN])
    against_all = [*AGAINST_KORNIA, *AGAINST_TORCH, *AGAINST_OTHERS]
    for section, mode in (
        ("torch eager, forward", modes.torch_forward),
        ("torch eager, forward + backward", modes.torch_gradient),
    ):
        yield from races(section, mode, [*against_all, *AGAINST_KERAS])
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, [*AGAINST_KORNIA, *AGAINST_TORCH])
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX)
    section = "torch eager, kept for backward"
    yield from costs(section, "inputs", memory.kept_for_backward, against_all)
    yield from costs(
        "torch eager, largest extra memory of forward + backward",
        "inputs",
        memory.extra_with_backward,
        [*AGAINST_KORNIA, *AGAINST_TORCH],
    )
    yield from costs(
        "NumPy, extra memory beyond inputs and result",
        "inputs",
        memory.extra_on_numpy,
        ON_NUMPY,
    )
