"""What a call costs, of every public loss: checks, dispatch, launches of kernels."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec

from benchmarks import modes
from benchmarks.groups.overhead import peers
from benchmarks.groups.overhead.works import CALLS, FEW, Call
from benchmarks.groups.overhead.works import describe as describe
from benchmarks.modes import Loss
from benchmarks.rows import Peer, Result, Row, Settings, timed
from benchmarks.timing import Contender
from benchmarks.works import Mode

Measure = Callable[[Settings], Result]
FULL = QUICK = FEW


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    on_torch, gradient = modes.torch_forward, modes.torch_gradient
    yield from _calls("torch eager, a call with", on_torch, peers.on_torch())
    yield from _calls("torch eager, forward + backward of", gradient, peers.on_torch())
    section, on_numpy = "NumPy, a call with", modes.numpy_forward
    yield from _calls(section, on_numpy, peers.on_numpy())
    yield from _elsewhere(section, on_numpy, peers.on_numpy(), "torch eager", on_torch)
    section, on_jax = "JAX jit, a call with", modes.jax_forward
    yield from _calls(section, on_jax, peers.on_jax())
    yield from _elsewhere(section, on_jax, peers.on_jax(), "NumPy", on_numpy)


def _calls(section: str, mode: Mode, peers_of: Mapping[str, Peer]) -> Iterator[Row]:
    for name, peer in peers_of.items():
        yield _row(section, name, mode, peer, mode)


def _elsewhere(
    section: str,
    mode: Mode,
    peers_of: Mapping[str, Peer],
    library: str,
    their_mode: Mode,
) -> Iterator[Row]:
    """List the losses without a peer against themselves in another library."""
    needs = ("torch",) if their_mode is modes.torch_forward else ("jax",)
    for name, call in CALLS.items():
        if name not in peers_of:
            same = Peer(f"xloss, {library}", needs, partial(_same, call))
            yield _row(section, name, mode, same, their_mode)


def _same(call: Call) -> Loss:
    return call.loss


def _row(section: str, name: str, mode: Mode, peer: Peer, their_mode: Mode) -> Row:
    call = CALLS[name]
    contenders = partial(_contenders, call, mode, peer, their_mode)
    race = timed(contenders, size=FEW, agreement=call.agreement)
    run = partial(_on_one_thread, race)
    return Row(f"{section} {FEW} elements", name, peer.name, peer.needs, run)


def _on_one_thread(race: Measure, settings: Settings) -> Result:
    """Keep torch from waking threads, whose waiting would drown the call."""
    if find_spec("torch") is None:
        return race(settings)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return race(settings)
    finally:
        torch.set_num_threads(threads)


def _contenders(
    call: Call, mode: Mode, peer: Peer, their_mode: Mode, size: int
) -> tuple[Contender, Contender]:
    inputs = call.inputs(size)
    return mode(call.loss, inputs), their_mode(peer.load(), inputs)
