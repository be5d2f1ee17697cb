"""How time grows with elements, batch, classes and window: the curves of the page."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from benchmarks.groups.growth.works import CURVES, ELEMENTS, LARGE, Curve
from benchmarks.groups.growth.works import describe as describe
from benchmarks.rows import Result, Row, Settings, timed
from benchmarks.timing import Contender

FULL, QUICK = ELEMENTS.places[-1], 200_000  # elements of the largest input


def rows() -> Iterator[Row]:
    """List the points of the curves."""
    for curve in CURVES:
        peer, axis = curve.work.peer, curve.axis
        section = f"{axis.name}: {curve.heading}"
        for place in axis.places:
            run = partial(_measure, curve, place)
            yield Row(section, curve.work.name, peer.name, peer.needs, run, place)


def _measure(curve: Curve, place: int, settings: Settings) -> Result:
    elements = curve.axis.elements(place)
    if elements > settings.size:
        return Result(remark=f"left out: {elements:,} elements")
    rounds = max(1, settings.rounds // (5 if elements >= LARGE else 2))
    run = timed(partial(_contenders, curve, place), agreement=curve.work.agreement)
    return run(replace(settings, rounds=rounds))


def _contenders(curve: Curve, place: int, _: int) -> tuple[Contender, Contender]:
    return curve.work.race(curve.mode, place)
