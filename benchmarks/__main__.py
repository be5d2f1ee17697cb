"""Measure xloss against its peers: ``python -m benchmarks pointwise``."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import groups, machine, report
from benchmarks.report import Outcome
from benchmarks.rows import Row, Settings

ROUNDS, QUICK_ROUNDS = 15, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run a group and print its tables."""
    parser = _parser()
    options = parser.parse_args(argv)
    settings = Settings(
        options.size or groups.usual_size(options.group, quick=options.quick),
        options.repeats or (QUICK_ROUNDS if options.quick else ROUNDS),
    )
    rows = [row for row in groups.rows(options.group) if _wanted(row, options.only)]
    if not rows:
        words = " and ".join(map(repr, options.only))
        parser.error(f"--only: no row of {options.group} contains {words}")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder {str(options.json.parent)!r}")
    load = machine.load()
    outcomes = _measure(rows, settings)
    about = {**machine.description(), "load_before": load}
    inputs = groups.describe(options.group, settings.size)
    print(report.heading(inputs, settings.rounds, about))
    print(report.tables(outcomes))
    print(f"\n{report.summary(outcomes)}")
    if options.json:
        content = report.as_json(options.group, settings, about, outcomes)
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if any(result.failed for _, result in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("group", choices=groups.names(), help="family of losses")
    parser.add_argument(
        "--size",
        type=positive_number,
        metavar="N",
        help="elements (pointwise) or pixels a side (others) of an input",
    )
    parser.add_argument(
        "--repeats", type=positive_number, metavar="N", help="rounds of each race"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small inputs and few rounds"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="WORD",
        help="rows whose heading, loss and peer contain all of these words",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results here")
    return parser


def positive_number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {value}")
    return value


def _wanted(row: Row, words: Sequence[str]) -> bool:
    name = f"{row.section} {row.loss} {row.peer}".lower()
    return all(word.lower() in name for word in words)


def _measure(rows: Sequence[Row], settings: Settings) -> list[Outcome]:
    outcomes = []
    start = time.perf_counter()
    for done, row in enumerate(rows):
        seconds = time.perf_counter() - start
        where = f"{row.section}: {row.loss}"
        print(
            f"[{done + 1}/{len(rows)}, {seconds:.0f} s] {where}",
            file=sys.stderr,
            flush=True,
        )
        outcomes.append((row, row.run(settings)))
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
