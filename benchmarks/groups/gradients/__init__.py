"""Gradients on NumPy: their cost, beside the value and beside other ways to them."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import memory, modes
from benchmarks.groups.gradients import peers
from benchmarks.groups.gradients.fits import (
    SIDE,
    distance_of_fits,
    evaluations_to_denoise,
)
from benchmarks.groups.gradients.works import (
    ELEMENTWISE,
    FOR_INFORMATION,
    OF_ELEMENTS,
    OTHERS,
)
from benchmarks.groups.gradients.works import describe as describe
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import Result, Row, Settings, check_same, timed
from benchmarks.timing import Contender, race
from benchmarks.works import Work

FULL, QUICK = 512, 128  # pixels a side
FEW = 16  # elements: nothing is left but the cost of the call

ALL = [*ELEMENTWISE, *OTHERS, *FOR_INFORMATION]

Mode = Callable[[Loss, Inputs], Contender]


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from _in_values()
    section = "NumPy, value and gradient"
    yield from _races(section, ALL, modes.torch_and_back)
    textbook = [work._replace(peer=peers.autograd(work.name)) for work in ELEMENTWISE]
    yield from _races(section, textbook, modes.autograd_gradient)
    yield from _calls()
    yield from _memory()
    yield from _fits()


def _in_values() -> Iterator[Row]:
    section = "NumPy, value and gradient, in times of the value"
    for work in ALL:
        run = partial(times_of_the_value, work)
        yield Row(section, work.name, "the value", ("torch",), run)


def times_of_the_value(work: Work, settings: Settings) -> Result:
    """Race value and gradient against the value, once torch agrees in float64."""
    inputs = work.inputs(settings.size)
    both = modes.numpy_gradient(work.ours, inputs)
    value = modes.numpy_forward(work.ours, inputs)
    exact = modes.torch_and_back(work.ours, [_in_float64(x) for x in inputs])()
    check_same(both(), exact, work.agreement)
    check_same(value(), exact[0], work.agreement)
    times = race(both, value, settings.rounds)
    return Result("values", 1 / times.ratio, 1.0, times.ratio, times.low, times.high)


def _in_float64(x: Any) -> Any:
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _races(section: str, works: Iterable[Work], theirs: Mode) -> Iterator[Row]:
    for work in works:
        run = timed(partial(_contenders, work, theirs), agreement=work.agreement)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)


def _contenders(work: Work, theirs: Mode, size: int) -> tuple[Contender, Contender]:
    inputs = work.inputs(size)
    return modes.numpy_gradient(work.ours, inputs), theirs(work.peer.load(), inputs)


def _calls() -> Iterator[Row]:
    section = f"NumPy, value and gradient of {FEW} elements"
    for work in OF_ELEMENTS:
        run = timed(partial(_contenders, work, modes.torch_and_back), size=FEW)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)


def _memory() -> Iterator[Row]:
    section = "NumPy, extra memory beyond inputs and gradient"
    for work in ALL:
        run = partial(_extra_memory, work)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)


def _extra_memory(work: Work, settings: Settings) -> Result:
    inputs = work.inputs(settings.size)
    ours = memory.gradient_mib_on_numpy(work.ours, inputs)
    theirs = memory.gradient_mib_on_torch(work.peer.load(), inputs)
    ratio = theirs / ours
    return Result("MiB", ours, theirs, ratio, ratio, ratio)


def _fits() -> Iterator[Row]:
    section = "SciPy's L-BFGS-B, evaluations to the same optimum"
    name, peer, needs = f"denoising, {SIDE} x {SIDE}", "finite differences", ("scipy",)
    yield Row(section, name, peer, needs, _to_denoise)
    section = "SciPy's least_squares, relative difference of the fits"
    for alpha, peer, f_scale in ((1.0, "soft_l1", 1.0), (0.0, "cauchy", 2**0.5)):
        run = partial(_distance, alpha, peer, f_scale)
        name = f"general_robust, alpha {alpha:g}"
        yield Row(section, name, peer, needs, run)


def _to_denoise(_: Settings) -> Result:
    return evaluations_to_denoise()


def _distance(alpha: float, name: str, f_scale: float, _: Settings) -> Result:
    return distance_of_fits(alpha, name, f_scale)
