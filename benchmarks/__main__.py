"""Measure xloss against its peers: ``python -m benchmarks [pointwise]``."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import devices, groups, machine, report, targets
from benchmarks.report import Outcome, Report
from benchmarks.rows import Row, Settings

ROUNDS, QUICK_ROUNDS = 15, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run a group, or all of them, and print their tables and the targets."""
    parser = _parser()
    options = parser.parse_args(argv)
    names = [options.group] if options.group else groups.names()
    wanted = {name: _wanted(groups.rows(name), options.only) for name in names}
    if not any(wanted.values()):
        words = " and ".join(map(repr, options.only))
        parser.error(f"--only: no row of {', '.join(names)} contains {words}")
    if not options.group and options.size:
        parser.error("--size is for one group: name it")
    if options.size and groups.has_one_size(options.group):
        parser.error(f"--size: the inputs of {options.group} have one size")
    if options.device == "cuda":
        reasons = [devices.missing(library) for library in devices.ON_CUDA]
        if all(reasons):
            parser.error(f"--device cuda: {', '.join(reasons)}")
    if options.json and not options.json.is_dir():
        parser.error(f"--json: there is no folder {str(options.json)!r}")
    reports = [_run(name, rows, options) for name, rows in wanted.items() if rows]
    measured = report.rows_of(reports)
    # The targets are those of two cores.
    if options.device == "cpu" and (judgements := targets.judged(measured)):
        print(targets.table(judgements))
    return 1 if any(row["failed"] for row in measured) else 0


def _run(group: str, rows: Sequence[Row], options: argparse.Namespace) -> Report:
    """Measure rows of a group, print their table, and write them."""
    settings = Settings(
        options.size or groups.usual_size(group, quick=options.quick),
        options.repeats or (QUICK_ROUNDS if options.quick else ROUNDS),
        options.device,
    )
    load = machine.load()
    outcomes = _measure(rows, settings)
    about = {**machine.description(options.device), "load_before": load}
    inputs = groups.describe(group, settings.size)
    result = report.as_json(group, inputs, settings, about, outcomes)
    print(f"{group}\n{'=' * len(group)}\n{report.heading(result)}")
    print(f"{report.tables(result)}\n")
    if options.json:
        file = options.json / f"{group}.json"
        file.write_text(json.dumps(result, indent=1) + "\n")
    return result


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
        "--device",
        choices=devices.DEVICES,
        default="cpu",
        help="where to compute; on cuda CuPy takes the place of NumPy",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="WORD",
        help="rows whose heading, loss and peer contain all of these words",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FOLDER",
        help="write GROUP.json of each group here",
    )
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
        section = devices.title(row.section, settings.device)
        outcomes.append((replace(row, section=section), row.run(settings)))
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
