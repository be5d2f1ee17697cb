"""Measure xloss against its peers: ``python -m benchmarks [pointwise]``."""

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
    """Run a group, or all of them, and print their tables."""
    parser = _parser()
    options = parser.parse_args(argv)
    names = [options.group] if options.group else groups.names()
    wanted = {name: _wanted(groups.rows(name), options.only) for name in names}
    if not any(wanted.values()):
        words = " and ".join(map(repr, options.only))
        parser.error(f"--only: no row of {', '.join(names)} contains {words}")
    if not options.group and (options.size or options.json):
        parser.error("--size and --json are for one group: name it")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder {str(options.json.parent)!r}")
    codes = [_run(name, rows, options) for name, rows in wanted.items() if rows]
    return max(codes)


def _run(group: str, rows: Sequence[Row], options: argparse.Namespace) -> int:
    """Measure rows of a group, and return 1 if one of them failed."""
    settings = Settings(
        options.size or groups.usual_size(group, quick=options.quick),
        options.repeats or (QUICK_ROUNDS if options.quick else ROUNDS),
    )
    load = machine.load()
    outcomes = _measure(rows, settings)
    about = {**machine.description(), "load_before": load}
    inputs = groups.describe(group, settings.size)
    print(report.heading(inputs, settings.rounds, about))
    print(report.tables(outcomes))
    print(f"\n{report.summary(outcomes)}")
    if options.json:
        content = report.as_json(group, settings, about, outcomes)
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if any(result.failed for _, result in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "group",
        nargs="?",
        choices=groups.names(),
        help="family of losses; default: all, one after the other",
    )
    parser.add_argument(
        "--size",
        type=positive_number,
        metavar="N",
        help="elements (pointwise, information) or pixels a side (others) of an input",
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


def _wanted(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    names = [f"{row.section} {row.loss} {row.peer}".lower() for row in rows]
    return [
        row
        for row, name in zip(rows, names, strict=True)
        if all(word.lower() in name for word in words)
    ]


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
