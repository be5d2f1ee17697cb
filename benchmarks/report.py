"""The results as aligned tables and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from benchmarks.rows import Result, Row, Settings

Outcome = tuple[Row, Result]

HEADS = ("loss", "peer", "xloss", "peer's", "", "ratio", "spread", "target", "")
# A heading of these is left-aligned, as its cells are.
_TEXT = (0, 1, 4, 8)


def heading(inputs: str, rounds: int, machine: dict[str, Any]) -> str:
    """Say what was measured, and on what."""
    versions = [
        f"{name} {version or 'not installed'}"
        for name, version in machine["versions"].items()
    ]
    facts = [machine["processor"], f"{machine['cores']} cores", machine["system"]]
    facts += [f"Python {machine['python']}"]
    if machine["torch_threads"]:
        facts += [f"{machine['torch_threads']} threads in torch"]
    if machine["load_before"] is not None:
        facts += [f"load {machine['load_before']:.1f} before the run"]
    return "\n".join(
        [
            inputs,
            f"{rounds} rounds; ratio = the peer's cost / xloss's, above 1 xloss costs "
            "less",
            ", ".join(facts),
            ", ".join(versions),
        ]
    )


def tables(outcomes: Iterable[Outcome]) -> str:
    """Lay out one table for each section."""
    outcomes = list(outcomes)
    lines = {id(row): _cells(row, result) for row, result in outcomes}
    widths = [
        max(map(len, cells)) for cells in zip(HEADS, *lines.values(), strict=True)
    ]
    parts = []
    for section, group in groupby(outcomes, key=lambda outcome: outcome[0].section):
        parts += ["", section, "", _line(HEADS, widths)]
        parts += [_line(tuple("-" * width for width in widths), widths)]
        for row, result in group:
            end = f"  {result.remark}" if result.remark else ""
            parts.append(_line(lines[id(row)], widths) + end)
    return "\n".join(parts)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = (
        cell.ljust(width) if i in _TEXT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()


def _cells(row: Row, result: Result) -> tuple[str, ...]:
    if result.ours is None:
        return (row.loss, row.peer, *[""] * 5, row.target, "")
    return (
        row.loss,
        row.peer,
        _number(result.ours) if result.unit != "apart" else f"{result.ours:.1e}",
        _number(result.theirs),
        result.unit,
        "" if result.ratio is None else f"{result.ratio:.2f} x",
        _spread(result),
        row.target,
        row.verdict(result),
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.2f}"


def _spread(result: Result) -> str:
    if result.low is None or result.low == result.high:
        return ""
    return f"{result.low:.2f} - {result.high:.2f}"


def summary(outcomes: Iterable[Outcome]) -> str:
    """Count the targets, and name those that are not met."""
    judged = [(row, row.verdict(result)) for row, result in outcomes]
    counts = {
        word: sum(verdict == word for _, verdict in judged)
        for word in ("met", "close", "missed")
    }
    unmet = [
        f"  {verdict}: {row.section}: {row.loss} against {row.peer} ({row.target})"
        for row, verdict in judged
        if verdict in ("close", "missed")
    ]
    counted = ", ".join(f"{count} {word}" for word, count in counts.items())
    return "\n".join([f"Targets: {counted}", *unmet])


def as_json(
    group: str, settings: Settings, machine: dict[str, Any], outcomes: Iterable[Outcome]
) -> dict[str, Any]:
    """Return everything that the tables show, unrounded, and the machine."""
    return {
        "group": group,
        "settings": asdict(settings),
        "machine": machine,
        "rows": [
            {
                "section": row.section,
                "loss": row.loss,
                "peer": row.peer,
                "at_least": row.at_least,
                "at_most": row.at_most,
                "verdict": row.verdict(result),
                **asdict(result),
            }
            for row, result in outcomes
        ],
    }
