"""A line on stderr for each step that takes long enough to be wondered about."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

PATIENCE = 1.0  # seconds of silence before a step is announced


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce `what` on stderr once it has taken longer than `PATIENCE`."""
    announced: list[str] = []

    def announce() -> None:
        announced.append(what)
        print(f"{what} ...", file=sys.stderr, flush=True)

    timer = Timer(PATIENCE, announce)
    timer.daemon = True
    start = time.perf_counter()
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if announced:
            seconds = time.perf_counter() - start
            print(f"{what}: {seconds:.1f} s", file=sys.stderr, flush=True)
