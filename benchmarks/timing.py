"""Timing of two contenders, interleaved so that both meet the same machine."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks import devices

Contender = Callable[[], Any]

SHORTEST = 2e-3  # seconds: a sample this long is far above the clock's resolution
MOST_CALLS = 2000


class Times(NamedTuple):
    """Median seconds a call of both, and the ratio theirs / ours over the rounds."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def race(ours: Contender, theirs: Contender, rounds: int) -> Times:
    """Time both by turns, and compare them within each round.

    A ratio is taken inside a round, so that a machine that slows down for a while
    slows both; who goes first changes from round to round. `low` and `high` are the
    quartiles of the ratios.
    """
    calls = [(contender, _calls_per_sample(contender)) for contender in (ours, theirs)]
    samples: tuple[list[float], list[float]] = ([], [])
    with _collector_off():
        for turn in range(rounds):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                samples[which].append(seconds(*calls[which]))
    ratios = [b / a for a, b in zip(*samples, strict=True)]
    low, ratio, high = quartiles(ratios)
    return Times(
        statistics.median(samples[0]), statistics.median(samples[1]), ratio, low, high
    )


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _calls_per_sample(contender: Contender) -> int:
    """Warm a contender up, and count the calls that make a sample long enough."""
    devices.wait(contender())
    calls = 1
    while calls < MOST_CALLS:
        sample = calls * seconds(contender, calls)
        if sample >= SHORTEST:
            break
        calls = min(MOST_CALLS, 1 + round(1.2 * calls * SHORTEST / sample))
    return calls


def seconds(contender: Contender, calls: int) -> float:
    """Time a sample of calls, to the end of what they start on a device."""
    start = time.perf_counter()
    for _ in range(calls - 1):
        contender()
    devices.wait(contender())
    return (time.perf_counter() - start) / calls


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the garbage collector from starting inside a sample."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
