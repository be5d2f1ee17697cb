"""Every loss on a photograph, on each installed backend, against NumPy float64."""

import argparse
import sys

import xloss
from xloss.demo import backends as _backends
from xloss.demo import figure, pictures, registration, table
from xloss.demo.backends import Backend
from xloss.demo.errors import DemoError
from xloss.demo.pictures import Picture
from xloss.demo.progress import step
from xloss.demo.registration import Registration, register
from xloss.demo.rows import ROWS
from xloss.demo.scenes import DEGRADATIONS, HEAT_MAPS, LABELS, degrade

_SCENES = {**DEGRADATIONS, "labels": LABELS, "heat maps": HEAT_MAPS}


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``demo`` to the commands of the package."""
    parser = commands.add_parser("demo", help=__doc__, description=__doc__)
    parser.add_argument(
        "--image",
        metavar="FILE",
        help="picture to degrade (what Pillow reads, or .npy); default: a photograph "
        "that scikit-image or matplotlib ships",
    )
    parser.add_argument(
        "--figure",
        metavar="FILE",
        help="draw the pictures and the losses' shapes here (.png, .pdf, .svg)",
    )
    parser.add_argument(
        "--backend",
        metavar="NAMES",
        help=f"comma-separated, of {', '.join(_backends.NAMES)}; default: all "
        "that are installed",
    )
    parser.set_defaults(run=_guarded)


def _guarded(options: argparse.Namespace) -> int:
    try:
        return run(options)
    except DemoError as error:
        print(f"xloss demo: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Print the tables, and draw the figure when one is asked for."""
    names = None if options.backend is None else _backends.parse(options.backend)
    if options.figure is not None:
        figure.check(options.figure)
    picture = pictures.load(options.image)
    scene = degrade(picture.pixels)
    backends, remarks = _backends.start(names)
    _print_heading(picture, backends, remarks)
    side = min(picture.pixels.shape[1:])
    results = [
        table.measure(row, scene, backends) for row in ROWS if row.least_side <= side
    ]
    _print_tables(results, backends, scene.clean.size)
    for row in (row for row in ROWS if row.least_side > side):
        print(f"{row.name} is left out: it needs {row.least_side} pixels a side.")
    with step("registration"):
        registered = register(picture.pixels)
    _print_registration(registered)
    if options.figure is not None:
        with step("drawing"):
            figure.draw(options.figure, picture, scene, registered)
        print(f"\nfigure: {options.figure}")
    return 0


def _print_heading(
    picture: Picture, backends: list[Backend], remarks: list[str]
) -> None:
    versions = ", ".join(f"{backend.name} {backend.version}" for backend in backends)
    channels, height, width = picture.pixels.shape
    size = f"{width} x {height}, {channels} channel{'s' * (channels > 1)}"
    print(f"xloss {xloss.__version__} with {versions}")
    for remark in remarks:
        print(f"  {remark}")
    print(f"\npicture: {picture.source}, {size}")
    if not picture.is_photograph:
        print("  for a photograph: pip install scikit-image, or pass --image FILE")
    for name, description in _SCENES.items():
        print(f"  {name:<9} {description}")


def _print_tables(
    results: list[table.Result], backends: list[Backend], size: int
) -> None:
    print("\nMean loss of each degraded picture against the clean one\n")
    print(table.degradation_table(results))
    print()
    for row in (result.row for result in results if result.row.note):
        print(f"{row.name}: {row.note}")
    print(
        f"\nAll three at once on each backend: {size:,} values in float32, against "
        "NumPy float64\n"
    )
    print(table.backend_table(results, backends))
    if refusals := table.refusals(results, backends):
        print("", *refusals, sep="\n")
    worst = max(results, key=lambda result: result.disagreement)
    print(
        f"\nLargest relative difference from NumPy float64: {worst.disagreement:.1e} "
        f"({worst.row.name}); float32 has steps of 1.2e-07."
    )
    print(
        f"Times are medians of {table.REPEATS} calls after a first one, of fewer if "
        f"they take {table.ENOUGH:g} s; "
        "JAX under jit, Dask with its compute."
    )


def _print_registration(registered: Registration) -> None:
    print(
        f"\nRegistration: the picture moved by {registered.shift} pixels, in other "
        f"tones and with noise of sigma = {registration.NOISE};\n"
        f"the shift, from {registered.shifts[0]} to {registered.shifts[-1]}, at which "
        "each loss is least\n"
    )
    print(registration.table(registered))
