"""The robust and the regression losses: elementwise, so bound by memory."""

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks import memory, modes
from benchmarks.groups.pointwise import peers
from benchmarks.groups.pointwise.peers import KORNIA
from benchmarks.groups.pointwise.textbook import ALPHA, DELTA, Q
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import Peer, Row, measured, timed
from benchmarks.timing import Contender

Mode = Callable[[Loss, Inputs], Contender]
FULL, QUICK = 8 * 3 * 512 * 512, 8 * 3 * 64 * 64
MIB = 2**20
FEW = 16  # elements: nothing is left but the cost of the call

LOSSES: dict[str, Loss] = {
    "charbonnier": partial(xloss.charbonnier_loss, reduction="mean"),
    "cauchy": partial(xloss.cauchy_loss, reduction="mean"),
    "welsch": partial(xloss.welsch_loss, reduction="mean"),
    "geman_mcclure": partial(xloss.geman_mcclure_loss, reduction="mean"),
    "general_robust": partial(xloss.general_robust_loss, alpha=ALPHA, reduction="mean"),
    "mse": xloss.mse_loss,
    "l1": xloss.l1_loss,
    "smooth_l1": partial(xloss.smooth_l1_loss, beta=DELTA),
    "huber": partial(xloss.huber_loss, delta=DELTA),
    "log_cosh": xloss.log_cosh_loss,
    "quantile": partial(xloss.quantile_loss, q=Q),
}

# The targets: what the ratio theirs / ours must reach, or what ours may cost.
NUMPY_TARGETS = {**dict.fromkeys(LOSSES, 2.0), "log_cosh": 1.3}
NUMPY_MIB = 16.0
EAGER_TARGETS = {"charbonnier": 1.9, "cauchy": 0.9, "welsch": 1.9, "geman_mcclure": 0.8}
COMPILED_TARGETS = {**dict.fromkeys(KORNIA, 1.0), "huber": 1 / 1.1}
JAX_TARGETS = {"huber": 1.0}
SAVED_TARGETS = dict.fromkeys(KORNIA, 1.0)
NUMPY_CALL_US = 20.0
TORCH_CALL_US = 35.0


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from _numpy()
    yield from _races("torch eager, forward", modes.torch_forward, peers.on_torch, {})
    yield from _races(
        "torch eager, forward + backward",
        modes.torch_gradient,
        peers.on_torch,
        EAGER_TARGETS,
    )
    yield from _compiled()
    yield from _races("JAX jit, forward", modes.jax_forward, peers.on_jax, JAX_TARGETS)
    yield from _races(
        "JAX jit, value and gradient", modes.jax_gradient, peers.on_jax, JAX_TARGETS
    )
    yield from _calls()
    yield from _torch_memory()
    yield from _numpy_memory()


def describe(size: int) -> str:
    return f"{size:,} float32 elements"


@cache
def inputs(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a prediction and a target whose residuals lie on both sides of kinks."""
    random = np.random.default_rng(1964)
    pred, target = (random.standard_normal(size, np.float32) for _ in range(2))
    return pred, target


def _contenders(
    mode: Mode, ours: Loss, peer: Peer
) -> Callable[[int], tuple[Contender, Contender]]:
    def contenders(size: int) -> tuple[Contender, Contender]:
        modes.forget_compiled()
        return mode(ours, inputs(size)), mode(peer.load(), inputs(size))

    return contenders


def _races(
    section: str, mode: Mode, peer_of: Callable[[str], Peer], targets: dict[str, float]
) -> Iterator[Row]:
    for name, ours in LOSSES.items():
        peer = peer_of(name)
        both = _contenders(mode, ours, peer)
        yield Row(section, name, peer.name, peer.needs, timed(both), targets.get(name))


def _numpy() -> Iterator[Row]:
    section = "NumPy, mean"
    yield from _races(section, modes.numpy_forward, peers.on_numpy, NUMPY_TARGETS)
    for name, peer in peers.in_scipy().items():
        both = _contenders(modes.numpy_forward, LOSSES[name], peer)
        yield Row(section, name, peer.name, peer.needs, timed(both))


def _compiled() -> Iterator[Row]:
    section = "torch.compile (fullgraph), forward + backward"
    for row in _races(section, modes.torch_compiled, peers.on_torch, COMPILED_TARGETS):
        if row.peer != "textbook":  # compiling takes seconds for each contender
            yield row


def _calls() -> Iterator[Row]:
    for where, mode, peer_of, most in (
        ("NumPy", modes.numpy_forward, peers.on_numpy, NUMPY_CALL_US),
        ("torch eager", modes.torch_forward, peers.on_torch, TORCH_CALL_US),
    ):
        for name, ours in LOSSES.items():
            peer = peer_of(name)
            run = timed(_contenders(mode, ours, peer), size=FEW)
            section = f"{where}, a call with {FEW} elements"
            yield Row(section, name, peer.name, peer.needs, run, at_most=most)


def _torch_memory() -> Iterator[Row]:
    for section, cost, targets in (
        ("kept for backward", memory.kept_for_backward, SAVED_TARGETS),
        ("largest extra memory of forward + backward", memory.extra_with_backward, {}),
    ):
        for name, ours in LOSSES.items():
            peer = peers.on_torch(name)
            run = measured("inputs", partial(_cost, cost), ours, peer.load)
            title = f"torch eager, {section}"
            yield Row(title, name, peer.name, peer.needs, run, targets.get(name))


def _cost(cost: Callable[[Loss, Inputs], float], loss: Loss, size: int) -> float:
    return cost(loss, inputs(size))


def _numpy_memory() -> Iterator[Row]:
    for reduction, peer_of in (
        ("mean", peers.on_numpy),
        ("none", peers.unreduced_on_numpy),
    ):
        section = f"NumPy, extra memory beyond inputs and result, {reduction!r}"
        for name, loss in LOSSES.items():
            peer = peer_of(name)
            ours = partial(loss, reduction=reduction)
            run = measured("MiB", _largest_extra, ours, peer.load)
            yield Row(section, name, peer.name, peer.needs, run, at_most=NUMPY_MIB)


def _largest_extra(loss: Loss, size: int) -> float:
    """Return the most that a call needs at any of three sizes up to `size`."""
    sizes = (size // 64, size // 6, size)
    return max(memory.numpy_peak(loss, *inputs(max(n, 1))) for n in sizes) / MIB
