"""Gradients on NumPy: their cost, beside the value and beside other ways to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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

# The targets: what xloss may cost, or what the ratio theirs / ours must reach.
VALUES = {
    **{work.name: 2.5 for work in ELEMENTWISE},
    **{work.name: 4.0 for work in OTHERS},
}
MIB = {work.name: 16.0 for work in ELEMENTWISE}
TORCH_TARGETS = {"charbonnier": 1.0, "ssim": 1.0}
CALL_US = 60.0
CALLS_RATIO = 100.0
FITS_APART = 1e-8

Mode = Callable[[Loss, Inputs], Contender]


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the tables."""
    yield from _in_values()
    section = "NumPy, value and gradient"
    yield from _races(section, ALL, modes.torch_and_back, TORCH_TARGETS)
    textbook = [work._replace(peer=peers.autograd(work.name)) for work in ELEMENTWISE]
    yield from _races(section, textbook, modes.autograd_gradient, {})
    yield from _calls()
    yield from _memory()
    yield from _fits()


def _in_values() -> Iterator[Row]:
    section = "NumPy, value and gradient, in times of the value"
    for work in ALL:
        run, most = partial(times_of_the_value, work), VALUES.get(work.name)
        yield Row(section, work.name, "the value", ("torch",), run, at_most=most)


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


def _races(
    section: str, works: Iterable[Work], theirs: Mode, at_least: Mapping[str, float]
) -> Iterator[Row]:
    for work in works:
        run = timed(partial(_contenders, work, theirs), agreement=work.agreement)
        name, peer = work.name, work.peer
        yield Row(section, name, peer.name, peer.needs, run, at_least.get(name))


def _contenders(work: Work, theirs: Mode, size: int) -> tuple[Contender, Contender]:
    inputs = work.inputs(size)
    return modes.numpy_gradient(work.ours, inputs), theirs(work.peer.load(), inputs)


def _calls() -> Iterator[Row]:
    section = f"NumPy, value and gradient of {FEW} elements"
    for work in OF_ELEMENTS:
        run = timed(partial(_contenders, work, modes.torch_and_back), size=FEW)
        name, peer = work.name, work.peer
        yield Row(section, name, peer.name, peer.needs, run, at_most=CALL_US)


def _memory() -> Iterator[Row]:
    section = "NumPy, extra memory beyond inputs and gradient"
    for work in ALL:
        run, most = partial(_extra_memory, work), MIB.get(work.name)
        name, peer = work.name, work.peer
        yield Row(section, name, peer.name, peer.needs, run, at_most=most)


def _extra_memory(work: Work, settings: Settings) -> Result:
    inputs = work.inputs(settings.size)
    ours = memory.gradient_mib_on_numpy(work.ours, inputs)
    theirs = memory.gradient_mib_on_torch(work.peer.load(), inputs)
    ratio = theirs / ours
    return Result("MiB", ours, theirs, ratio, ratio, ratio)


def _fits() -> Iterator[Row]:
    section = "SciPy's L-BFGS-B, evaluations to the same optimum"
    name, peer, needs = f"denoising, {SIDE} x {SIDE}", "finite differences", ("scipy",)
    yield Row(section, name, peer, needs, _to_denoise, at_least=CALLS_RATIO)
    section = "SciPy's least_squares, relative difference of the fits"
    for alpha, peer, f_scale in ((1.0, "soft_l1", 1.0), (0.0, "cauchy", 2**0.5)):
        run = partial(_distance, alpha, peer, f_scale)
        name = f"general_robust, alpha {alpha:g}"
        yield Row(section, name, peer, needs, run, at_most=FITS_APART)


def _to_denoise(_: Settings) -> Result:
    return evaluations_to_denoise()


def _distance(alpha: float, name: str, f_scale: float, _: Settings) -> Result:
    return distance_of_fits(alpha, name, f_scale)
