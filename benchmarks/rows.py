"""One comparison: what runs against what, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks import devices
from benchmarks.bandwidth import share_of_copy
from benchmarks.modes import Loss
from benchmarks.processes import Variables
from benchmarks.timing import Contender, race

# Relative: peers round differently, and the textbook's forms cancel.
AGREEMENT = 2e-5


class Peer(NamedTuple):
    """A contender: `load` imports what it `needs`, and returns its function.

    `variables` are those of the environment that its import reads.
    """

    name: str
    needs: tuple[str, ...]
    load: Callable[[], Loss]
    variables: Variables = ()


@dataclass(frozen=True)
class Settings:
    """Size of an input, in the unit of its group, rounds of a race, and where."""

    size: int
    rounds: int
    device: str = "cpu"


@dataclass(frozen=True)
class Result:
    """What both contenders cost, less being better, or why there is no result.

    `ratio` is theirs / ours, the median over the rounds of a race, and `low` and
    `high` are its quartiles; None where xloss costs nothing. `of_copy` is the bandwidth
    at which xloss moves inputs and outputs, in times of a copy's.
    """

    unit: str = ""
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    of_copy: float | None = None
    remark: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Row:
    """A comparison under a heading; `needs` are the modules of the peer.

    `at` is its place on an axis where the heading names one, such as a number of
    classes.
    """

    section: str
    loss: str
    peer: str
    needs: tuple[str, ...]
    measure: Callable[[Settings], Result]
    at: int | None = None

    def run(self, settings: Settings) -> Result:
        """Measure, or say which package is missing or what went wrong."""
        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            return Result(remark=f"not installed: {', '.join(missing)}")
        host = sorted(devices.HOST_ONLY.intersection(self.needs))
        if settings.device != "cpu" and host:
            return Result(remark=f"on the host alone: {', '.join(host)}")
        try:
            with devices.use(settings.device):
                return self.measure(settings)
        except devices.UnavailableError as reason:
            return Result(remark=str(reason))
        except Exception as error:  # the other rows are worth having
            first = str(error).strip().partition("\n")[0]
            return Result(remark=f"{type(error).__name__}: {first}", failed=True)


def timed(
    contenders: Callable[[int], tuple[Contender, Contender]],
    size: int | None = None,
    agreement: float = AGREEMENT,
) -> Callable[[Settings], Result]:
    """Measure by a race of two contenders, made for a size.

    A `size` of its own makes it a measure of the cost of a call, in microseconds.
    """
    unit, seconds = ("ms", 1e-3) if size is None else ("us", 1e-6)

    def measure(settings: Settings) -> Result:
        ours, theirs = contenders(settings.size if size is None else size)
        result = ours()
        check_same(result, theirs(), agreement)
        times = race(ours, theirs, settings.rounds)
        costs = times.ours / seconds, times.theirs / seconds
        ratios = times.ratio, times.low, times.high
        # The cost of a call is not that of bytes.
        of_copy = share_of_copy(ours, result, times.ours) if size is None else None
        return Result(unit, *costs, *ratios, of_copy)

    return measure


def measured(
    unit: str,
    cost: Callable[[Loss, int], float],
    ours: Loss,
    load_theirs: Callable[[], Loss],
) -> Callable[[Settings], Result]:
    """Measure what does not vary from call to call, such as memory."""

    def measure(settings: Settings) -> Result:
        mine = cost(ours, settings.size)
        other = cost(load_theirs(), settings.size)
        ratio = other / mine if mine else None
        return Result(unit, mine, other, ratio, ratio, ratio)

    return measure


def check_same(ours: Any, theirs: Any, agreement: float) -> None:
    """Refuse to compare contenders whose results differ."""
    apart = difference(ours, theirs)
    if not apart <= agreement:
        raise ValueError(f"different work: the results are {apart:.1e} apart")


def difference(ours: Any, theirs: Any) -> float:
    """Return how far two results are apart, relative to the largest element.

    A result is an array, or a tuple of arrays such as a value and a gradient.
    """
    if isinstance(ours, tuple):
        return max(difference(a, b) for a, b in zip(ours, theirs, strict=True))
    mine, other = (devices.to_numpy(x).astype(np.float64) for x in (ours, theirs))
    if mine.shape != other.shape:
        return float("inf")
    return float(np.max(np.abs(mine - other)) / np.max(np.abs(other)))
