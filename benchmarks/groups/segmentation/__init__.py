"""The segmentation losses: a softmax and a few sums, or a sort, of labelled pixels."""

from collections.abc import Iterator

from benchmarks import memory, modes
from benchmarks.groups.segmentation.works import (
    AGAINST_KORNIA,
    AGAINST_OTHERS,
    AGAINST_TORCH,
    ON_JAX,
    ON_NUMPY,
)
from benchmarks.groups.segmentation.works import describe as describe
from benchmarks.rows import Row
from benchmarks.works import costs, races

FULL, QUICK = 256, 64  # pixels a side

_KORNIA = [work.name for work in AGAINST_KORNIA]

# The targets: what the ratio theirs / ours must reach, or what ours may cost.
GRADIENT_TARGETS = {
    # kornia has paths by hand for focal and dice on the CPU, with a backward of its own
    "focal": 0.6,
    "binary_focal": 1.3,
    "binary_focal, integers": 1.3,
    "dice, micro": 0.8,
    "dice, macro": 0.8,
    "tversky": 1.2,
    "lovasz_hinge": 1.0,
    "lovasz_softmax": 1.0,
}
COMPILED_TARGETS = dict.fromkeys(_KORNIA, 1.0)
SAVED_TARGETS = dict.fromkeys(_KORNIA, 1 / 1.5)
JAX_TARGETS = {work.name: 1.0 for work in ON_JAX}
NUMPY_INPUTS = {work.name: 2.0 for work in ON_NUMPY}


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy", modes.numpy_forward, ON_NUMPY)
    section = "torch eager, forward"
    yield from races(section, modes.torch_forward, [*AGAINST_KORNIA, *AGAINST_TORCH])
    section, mode = "torch eager, forward + backward", modes.torch_gradient
    yield from races(section, mode, AGAINST_KORNIA, GRADIENT_TARGETS)
    yield from races(section, mode, [*AGAINST_TORCH, *AGAINST_OTHERS])
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, AGAINST_KORNIA, COMPILED_TARGETS)
    yield from races(section, modes.torch_compiled, AGAINST_TORCH)
    yield from races("JAX jit, forward", modes.jax_forward, ON_JAX, JAX_TARGETS)
    yield from races(
        "JAX jit, value and gradient", modes.jax_gradient, ON_JAX, JAX_TARGETS
    )
    section = "torch eager, kept for backward"
    kept = memory.kept_for_backward
    yield from costs(section, "inputs", kept, AGAINST_KORNIA, SAVED_TARGETS)
    yield from costs(section, "inputs", kept, [*AGAINST_TORCH, *AGAINST_OTHERS])
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
        at_most=NUMPY_INPUTS,
    )
