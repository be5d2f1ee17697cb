"""One comparison: what runs against what, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.modes import Loss
from benchmarks.timing import Contender, race

# Relative: peers round differently, and the textbook's forms cancel.
AGREEMENT = 2e-5


class Peer(NamedTuple):
    """A contender: `load` imports what it `needs`, and returns its function."""

    name: str
    needs: tuple[str, ...]
    load: Callable[[], Loss]


@dataclass(frozen=True)
class Settings:
    """Size of an input, in the unit of its group, and rounds of a race."""

    size: int
    rounds: int


@dataclass(frozen=True)
class Result:
    """What both contenders cost, less being better, or why there is no result.

    `ratio` is theirs / ours, the median over the rounds of a race, and `low` and
    `high` are its quartiles; None where xloss costs nothing.
    """

    unit: str = ""
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    remark: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Row:
    """A comparison under a heading, with the target it is held to, if any.

    `needs` are the modules of the peer. `at_least` bounds the ratio theirs / ours
    from below, `at_most` what xloss costs from above.
    """

    section: str
    loss: str
    peer: str
    needs: tuple[str, ...]
    measure: Callable[[Settings], Result]
    at_least: float | None = None
    at_most: float | None = None

    def run(self, settings: Settings) -> Result:
        """Measure, or say which package is missing or what went wrong."""
        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            return Result(remark=f"not installed: {', '.join(missing)}")
        try:
            return self.measure(settings)
        except Exception as error:  # the other rows are worth having
            first = str(error).strip().partition("\n")[0]
            return Result(remark=f"{type(error).__name__}: {first}", failed=True)

    @property
    def target(self) -> str:
        """The target as the table prints it."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:.2f} x"

    def verdict(self, result: Result) -> str:
        """Say whether the target is met; `close` when it lies within the spread."""
        if result.ours is None or not self.target:
            return ""
        if self.at_most is not None:
            return "met" if result.ours <= self.at_most else "missed"
        if result.ratio is None or result.high is None:
            return "met"  # xloss costs nothing
        assert self.at_least is not None  # there is a target
        if result.ratio >= self.at_least:
            return "met"
        return "close" if result.high >= self.at_least else "missed"


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
        check_same(ours(), theirs(), agreement)
        times = race(ours, theirs, settings.rounds)
        costs = times.ours / seconds, times.theirs / seconds
        return Result(unit, *costs, times.ratio, times.low, times.high)

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
    mine = np.asarray(ours, dtype=np.float64)
    other = np.asarray(theirs, dtype=np.float64)
    if mine.shape != other.shape:
        return float("inf")
    return float(np.max(np.abs(mine - other)) / np.max(np.abs(other)))
