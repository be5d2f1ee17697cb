"""What is measured of a loss: its call, its peer, the inputs of both."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from benchmarks import modes
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import AGREEMENT, Peer, Row, measured, timed
from benchmarks.timing import Contender

Mode = Callable[[Loss, Inputs], Contender]
Targets = Mapping[str, float]


class Work(NamedTuple):
    """A loss, whom it runs against, and the arrays of both for a side in pixels."""

    name: str
    ours: Loss
    peer: Peer
    inputs: Callable[[int], Inputs]
    agreement: float = AGREEMENT

    def race(self, mode: Mode, size: int) -> tuple[Contender, Contender]:
        modes.forget_compiled()
        inputs = self.inputs(size)
        return mode(self.ours, inputs), mode(self.peer.load(), inputs)

    def cost(self, of: Callable[[Loss, Inputs], float], loss: Loss, size: int) -> float:
        return of(loss, self.inputs(size))


def races(
    section: str, mode: Mode, works: Iterable[Work], at_least: Targets | None = None
) -> Iterator[Row]:
    """List the times of works under a heading, with the ratios to reach by name."""
    for work in works:
        run = timed(partial(work.race, mode), agreement=work.agreement)
        name, peer = work.name, work.peer
        target = (at_least or {}).get(name)
        yield Row(section, name, peer.name, peer.needs, run, target)


def costs(
    section: str,
    unit: str,
    of: Callable[[Loss, Inputs], float],
    works: Iterable[Work],
    at_least: Targets | None = None,
    at_most: Targets | None = None,
) -> Iterator[Row]:
    """List what works need of memory, with bounds on the ratio or on xloss by name."""
    for work in works:
        name, peer = work.name, work.peer
        run = measured(unit, partial(work.cost, of), work.ours, peer.load)
        bounds = [(targets or {}).get(name) for targets in (at_least, at_most)]
        yield Row(section, name, peer.name, peer.needs, run, *bounds)
