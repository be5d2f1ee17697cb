"""The results of a group as JSON, and the same as aligned tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.rows import Result, Row, Settings

Outcome = tuple[Row, Result]
Report = dict[str, Any]
"""What a JSON file of results holds: the settings, the machine, and the rows."""

JsonRow = Mapping[str, Any]

HEADS = ("loss", "peer", "xloss", "peer's", "", "ratio", "quartiles")
# A heading of these is left-aligned, as its cells are.
TEXT = (0, 1, 4)


def as_json(
    group: str,
    inputs: str,
    settings: Settings,
    machine: dict[str, Any],
    outcomes: Iterable[Outcome],
) -> Report:
    """Return everything that the tables show, unrounded, and the machine."""
    return {
        "group": group,
        "inputs": inputs,
        "settings": asdict(settings),
        "machine": machine,
        "rows": [
            {
                "section": row.section,
                "loss": row.loss,
                "peer": row.peer,
                "at": row.at,
                **asdict(result),
            }
            for row, result in outcomes
        ],
    }


def heading(report: Report) -> str:
    """Say what was measured, and on what."""
    rounds, machine = report["settings"]["rounds"], report["machine"]
    load = machine["load_before"]
    facts = describe(machine)
    return "\n".join(
        [
            report["inputs"],
            f"{rounds} rounds; ratio = the peer's cost / xloss's, above 1 xloss costs "
            "less",
            facts if load is None else f"{facts}, load {load:.1f} before the run",
            versions(machine),
        ]
    )


def describe(machine: Mapping[str, Any]) -> str:
    facts = [machine["processor"], f"{machine['cores']} cores", machine["system"]]
    facts = [machine["device"], *facts] if machine.get("device") else facts
    facts += [f"Python {machine['python']}"]
    if machine["torch_threads"]:
        facts += [f"{machine['torch_threads']} threads in torch"]
    return ", ".join(facts)


def versions(machine: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {version or 'not installed'}"
        for name, version in machine["versions"].items()
    )


def tables(report: Report) -> str:
    """Lay out one table for each section."""
    lines = [cells(row) for row in report["rows"]]
    widths = [max(map(len, column)) for column in zip(HEADS, *lines, strict=True)]
    parts = []
    for section, rows in sections(report).items():
        parts += ["", section, "", _line(HEADS, widths)]
        parts += [_line(["-" * width for width in widths], widths)]
        for row in rows:
            end = _remark(row)
            parts.append(_line(cells(row), widths) + end)
    return "\n".join(parts)


def _remark(row: JsonRow) -> str:
    if of_copy := row.get("of_copy"):
        return f"  {of_copy:.0%} of a copy"
    return f"  {row['remark']}" if row["remark"] else ""


def rows_of(reports: Iterable[Report]) -> list[JsonRow]:
    return [row for report in reports for row in report["rows"]]


def sections(report: Report) -> dict[str, list[JsonRow]]:
    """Return the rows under each heading."""
    found: dict[str, list[JsonRow]] = {}
    for row in report["rows"]:
        found.setdefault(row["section"], []).append(row)
    return found


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.ljust(width) if i in TEXT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()


def cells(row: JsonRow) -> tuple[str, ...]:
    """Return what a table prints of a row under `HEADS`."""
    loss = row["loss"] if row["at"] is None else f"{row['loss']}, {row['at']:,}"
    if row["ours"] is None:
        return (loss, row["peer"], *[""] * 5)
    return (
        loss,
        row["peer"],
        cost(row),
        "" if row["theirs"] is None else number(row["theirs"]),
        row["unit"],
        "" if row["ratio"] is None else f"{row['ratio']:.2f} x",
        _quartiles(row),
    )


def cost(row: JsonRow) -> str:
    """Return what xloss costs, of a distance with its exponent."""
    ours: float = row["ours"]
    return f"{ours:.1e}" if row["unit"] == "apart" else number(ours)


def number(value: float) -> str:
    """Round to about three digits."""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _quartiles(row: JsonRow) -> str:
    if row["low"] is None or row["low"] == row["high"]:
        return ""
    return f"{row['low']:.2f} - {row['high']:.2f}"
