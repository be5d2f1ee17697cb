"""What is measured of a loss: its call, its peer, the inputs of both."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from benchmarks import modes, processes
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import (
    AGREEMENT,
    Peer,
    Result,
    Row,
    Settings,
    measured,
    timed,
)
from benchmarks.timing import Contender

Mode = Callable[[Loss, Inputs], Contender]


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

    def at(self, scale: Callable[[int], int]) -> "Work":
        """Return the work for another unit of size."""
        return self._replace(inputs=partial(_scaled, scale, self.inputs))

    def cost(self, of: Callable[[Loss, Inputs], float], loss: Loss, size: int) -> float:
        return of(loss, self.inputs(size))


def _scaled(
    scale: Callable[[int], int], inputs: Callable[[int], Inputs], size: int
) -> Inputs:
    return inputs(scale(size))


def races(section: str, mode: Mode, works: Iterable[Work]) -> Iterator[Row]:
    """List the times of works under a heading."""
    for work in works:
        run = partial(_timed, work, mode)
        if work.peer.variables:
            run = partial(processes.call, work.peer.variables, run)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)


def _timed(work: Work, mode: Mode, settings: Settings) -> Result:
    return timed(partial(work.race, mode), agreement=work.agreement)(settings)


def costs(
    section: str,
    unit: str,
    of: Callable[[Loss, Inputs], float],
    works: Iterable[Work],
) -> Iterator[Row]:
    """List what works need of memory under a heading."""
    for work in works:
        run = measured(unit, partial(work.cost, of), work.ours, work.peer.load)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)
