"""The robust and the regression losses: elementwise, so bound by memory."""

from collections.abc import Iterator, Mapping
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

import xloss
from benchmarks import memory, modes
from benchmarks.groups.pointwise import peers
from benchmarks.groups.pointwise.textbook import ALPHA, DELTA, Q
from benchmarks.modes import Loss
from benchmarks.rows import Peer, Row, measured
from benchmarks.works import Work, costs, races

FULL, QUICK = 8 * 3 * 512 * 512, 8 * 3 * 64 * 64
MIB = 2**20

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


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from races("NumPy, mean", modes.numpy_forward, _on_numpy())
    on_torch = _works({name: peers.on_torch(name) for name in LOSSES})
    others = [*_works(peers.in_torchmetrics()), *_works(peers.in_keras("torch"))]
    works = [*on_torch, *others]
    yield from races("torch eager, forward", modes.torch_forward, works)
    yield from races("torch eager, forward + backward", modes.torch_gradient, works)
    # compiling takes seconds for each contender
    works = [work for work in on_torch if work.peer.name != "textbook"]
    section = "torch.compile (fullgraph), forward + backward"
    yield from races(section, modes.torch_compiled, works)
    works = _on_jax()
    yield from races("JAX jit, forward", modes.jax_forward, works)
    yield from races("JAX jit, value and gradient", modes.jax_gradient, works)
    yield from _torch_memory(on_torch)
    yield from _numpy_memory()


def describe(size: int) -> str:
    return f"{size:,} float32 elements"


@cache
def inputs(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a prediction and a target whose residuals lie on both sides of kinks."""
    random = np.random.default_rng(1964)
    pred, target = (random.standard_normal(size, np.float32) for _ in range(2))
    return pred, target


def _works(peers_of: Mapping[str, Peer]) -> list[Work]:
    return [Work(name, LOSSES[name], peer, inputs) for name, peer in peers_of.items()]


def _on_numpy() -> list[Work]:
    textbook = {name: peers.on_numpy(name) for name in LOSSES}
    others = peers.in_scipy(), peers.in_skimage(), peers.in_sklearn()
    return [work for each in (textbook, *others) for work in _works(each)]


def _on_jax() -> list[Work]:
    usual = {name: peers.on_jax(name) for name in LOSSES}
    others = peers.in_dm_pix(), peers.in_keras("jax")
    return [work for each in (usual, *others) for work in _works(each)]


def _torch_memory(works: list[Work]) -> Iterator[Row]:
    section = "torch eager, kept for backward"
    yield from costs(section, "inputs", memory.kept_for_backward, works)
    section = "torch eager, largest extra memory of forward + backward"
    yield from costs(section, "inputs", memory.extra_with_backward, works)


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
            yield Row(section, name, peer.name, peer.needs, run)


def _largest_extra(loss: Loss, size: int) -> float:
    """Return the most that a call needs at any of three sizes up to `size`."""
    sizes = (size // 64, size // 6, size)
    return max(memory.numpy_peak(loss, *inputs(max(n, 1))) for n in sizes) / MIB
