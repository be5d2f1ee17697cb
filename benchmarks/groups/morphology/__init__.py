"""The Hausdorff loss by erosion: ten passes over each class of each image."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.morphology.works import (
    AGAINST_KORNIA,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.morphology.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 256, 64  # pixels a side

# A compiler takes a minute for kornia's loop over 21 classes.
FEW_CLASSES = AGAINST_KORNIA[:2]


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY)
    yield from races("torch eager, forward", modes.torch_forward, AGAINST_KORNIA)
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, AGAINST_KORNIA)
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, FEW_CLASSES)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX[:2])
    yield from races("JAX jit, value and gradient", modes.jax_gradient, ON_JAX[:2])
    yield from costs(
        "torch eager, kept for backward",
        "inputs",
        memory.kept_for_backward,
        AGAINST_KORNIA,
    )
    yield from costs(
        "torch eager, largest extra memory of forward + backward",
        "inputs",
        memory.extra_with_backward,
        AGAINST_KORNIA,
    )
    yield from costs(
        "NumPy, extra memory beyond inputs and result",
        "inputs",
        memory.extra_on_numpy,
        ON_NUMPY,
    )
