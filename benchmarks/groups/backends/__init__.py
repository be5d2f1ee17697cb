"""Every loss on NumPy, beside itself on torch: no array library is left behind."""

from collections.abc import Iterator
from functools import partial

from benchmarks import modes
from benchmarks.groups.backends.works import WORKS
from benchmarks.groups.backends.works import describe as describe
from benchmarks.rows import Row, timed
from benchmarks.timing import Contender
from benchmarks.works import Work

FULL, QUICK = 256, 64  # pixels a side


def rows() -> Iterator[Row]:
    """List what is compared, in the order of the table."""
    section = "NumPy against torch eager, forward"
    for work in WORKS:
        run = timed(partial(_contenders, work), agreement=work.agreement)
        yield Row(section, work.name, work.peer.name, work.peer.needs, run)


def _contenders(work: Work, size: int) -> tuple[Contender, Contender]:
    inputs, theirs = work.inputs(size), work.peer.load()
    return modes.numpy_forward(work.ours, inputs), modes.torch_forward(theirs, inputs)
