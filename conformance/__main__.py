"""Command line: ``python -m conformance``.

Exit status: 0 all pass; 1 something failed; 2 nothing ran, or a backend, device or
loss that was asked for is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance import golden
from conformance.backends import BACKENDS, load
from conformance.case import DTYPES, Loss
from conformance.cases import all_losses
from conformance.parallel import Task, run_all, with_progress
from conformance.report import LEGEND, as_json, failures, summary, table
from conformance.runner import MODES, Selection, Status

PASSED, FAILED, NOTHING_RAN = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(argv)
    try:
        losses = _chosen("loss", options.loss, all_losses())
        if options.generate or options.check:
            return _goldens(losses, generate=options.generate)
        return _conformance(losses, options)
    except LookupError as error:
        print(f"conformance: {error.args[0]}", file=sys.stderr)
        return NOTHING_RAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Hold every backend to the golden values of every loss.",
        epilog="Lists are separated by commas. Exit status: 0 all pass, 1 something "
        "failed, 2 nothing ran or something that was asked for is not there.",
    )
    add = parser.add_argument
    add("--loss", type=_list, default=(), help="losses to run (default: all)")
    add(
        "--backend",
        type=_list,
        default=(),
        help=f"of {', '.join(BACKENDS)} (default: those that are installed)",
    )
    add("--device", type=_list, default=(), help="cpu, cuda, or a backend's own name")
    add("--dtype", type=_list, default=(), help=f"of {', '.join(DTYPES)}")
    add("--mode", type=_list, default=(), help=f"of {', '.join(MODES)}")
    add(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes (default: CPUs)",
    )
    add("--library", default="xloss", help="module whose functions are tested")
    add("--json", type=Path, metavar="FILE", help="write everything that ran")
    goldens = parser.add_mutually_exclusive_group()
    goldens.add_argument("--generate", action="store_true", help="write golden files")
    goldens.add_argument(
        "--check", action="store_true", help="compute golden files afresh and compare"
    )
    return parser


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _chosen(what: str, asked: Sequence[str], known: dict[str, Any]) -> dict[str, Any]:
    for name in asked:
        if name not in known:
            raise LookupError(f"no {what} {name!r}; there are {', '.join(known)}")
    return {name: known[name] for name in asked or known}


def _goldens(losses: dict[str, Loss], *, generate: bool) -> int:
    problems = []
    for loss in with_progress(list(losses.values())):
        if generate:
            golden.write(loss)
        else:
            problems += golden.check(loss)
    state = "written" if generate else "as computed"
    print("\n".join(problems) or f"golden files {state}: {len(losses)}")
    return FAILED if problems else PASSED


def _conformance(losses: dict[str, Loss], options: argparse.Namespace) -> int:
    _chosen("dtype", options.dtype, dict.fromkeys(DTYPES))
    _chosen("mode", options.mode, dict.fromkeys(MODES))
    backends, missing = _backends(options.backend)
    selection = Selection(options.device, options.dtype, options.mode)
    task = Task(tuple(losses), selection, options.library)
    outcomes = run_all(backends, task, options.jobs)
    if not outcomes:
        raise LookupError("nothing ran: no cell has this device, dtype and mode")
    parts = (table(outcomes, missing), LEGEND, failures(outcomes))
    print("\n\n".join(part for part in (*parts, summary(outcomes, missing)) if part))
    if options.json:
        report = json.dumps(as_json(outcomes, missing), indent=1)
        options.json.write_text(report + "\n", encoding="utf-8")
    failed = any(outcome.status is Status.FAIL for outcome in outcomes)
    return FAILED if failed else PASSED


def _backends(asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """Backends at hand, and those that are missing; a missing one must not be asked."""
    found = {name: load(name) for name in _chosen("backend", asked, dict(BACKENDS))}
    missing = [name for name, backend in found.items() if backend is None]
    if asked and missing:
        names = ", ".join(missing)
        raise LookupError(f"not installed, or without a device: {names}")
    return [name for name in found if name not in missing], missing


if __name__ == "__main__":
    raise SystemExit(main())
