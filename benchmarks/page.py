"""Make the page's tables and figures of the results: ``python -m benchmarks.page``."""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import plots, report, targets
from benchmarks.report import JsonRow, Report
from benchmarks.targets import COMPILED, FORWARD, GRADIENT, JAX

RESULTS = Path(__file__).parent / "results"
FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"

# File, headings of its rows, and the words for those who cannot see it.
RATIOS = (
    ("torch_forward", (FORWARD,), "torch eager, forward"),
    ("torch_gradient", (GRADIENT,), "torch eager, forward and backward"),
    ("torch_compiled", (COMPILED,), "torch compiled, forward and backward"),
    ("jax", JAX[1:], "JAX jit, value and gradient"),
    ("numpy", ("NumPy", "NumPy, mean"), "NumPy, forward"),
)
AXES = ("elements", "batch", "classes", "window")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the parts, and remove the files that are none."""
    parser = argparse.ArgumentParser("python -m benchmarks.page", description=__doc__)
    parser.parse_args(argv)
    made = parts(results())
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.iterdir():
        if file.name not in made:
            file.unlink()
    for name, content in made.items():
        (FOLDER / name).write_text(content)
    print(f"{len(made)} files in {FOLDER}")
    return 0


def results() -> list[Report]:
    """Read the results of every group."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]


def parts(reports: Iterable[Report]) -> dict[str, str]:
    """Return the files that the page is made of, by name."""
    reports = list(reports)
    return {
        "targets.inc": _targets(report.rows_of(reports)),
        "machine.inc": _machine(reports),
        **{f"{each['group']}.md": _tables(each) for each in reports},
        **dict(_figures(report.rows_of(reports))),
    }


def _targets(rows: Iterable[JsonRow]) -> str:
    judgements = targets.judged(rows)
    lines = [
        (each.target.what, each.target.bound, each.measured, each.verdict)
        for each in judgements
    ]
    unmet = [
        f"- **{each.target.what}**, {each.target.bound}: {targets.shortcomings(each)}"
        for each in judgements
        if each.unmet
    ]
    table = _markdown(("target", "bound", "measured", "verdict"), "llll", lines)
    above, below = f"{targets.count(judgements)}.", "What is not met, the worst first:"
    return "\n".join([above, "", table, "", below, "", *unmet, ""])


def _machine(reports: Iterable[Report]) -> str:
    """Name each machine once, with the groups that ran on it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in reports:
        about = each["machine"]
        key = report.describe(about), report.versions(about)
        groups.setdefault(key, []).append(f"`{each['group']}`")
    return "".join(
        f"{', '.join(names)}: {about}; {versions}.\n\n"
        for (about, versions), names in groups.items()
    )


def _tables(result: Report) -> str:
    """Return a page of one group."""
    heading = report.heading(result).replace("\n", "\\\n")  # as lines
    parts = [f"# Results: {result['group']}", heading]
    heads = (*report.HEADS[:4], *report.HEADS[5:])
    for section, rows in report.sections(result).items():
        table = _markdown(heads, "ll" + "r" * len(heads[2:]), map(_cells, rows))
        parts += [f"## {section}", table]
    return "\n\n".join(parts) + "\n"


def _cells(row: JsonRow) -> list[str]:
    """Put the unit behind the costs, and what was not measured into the last cell."""
    loss, peer, ours, theirs, unit, *others, last = report.cells(row)
    costs = [f"{cost} {unit}".strip() for cost in (ours, theirs)]
    return [loss, peer, *costs, *others, last or row["remark"]]


def _markdown(
    heads: Sequence[str], alignment: str, lines: Iterable[Sequence[str]]
) -> str:
    rules = [{"l": "---", "r": "---:"}[side] for side in alignment]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rules, *lines))


def _figures(rows: Sequence[JsonRow]) -> Iterator[tuple[str, str]]:
    """Draw what there are rows of."""
    measured = {row["section"] for row in rows}
    for name, headings, where in RATIOS:
        if measured.intersection(headings):
            text = f"{where}: how many times as long as xloss each peer takes"
            figure = plots.ratios(rows, headings)
            yield f"{name}.svg", plots.as_svg(figure, name, text)
    for axis in AXES:
        if any(section.startswith(f"{axis}: ") for section in measured):
            text = f"Time over {axis}, of xloss and of its peers"
            yield f"{axis}.svg", plots.as_svg(plots.growth(rows, axis), axis, text)


if __name__ == "__main__":
    raise SystemExit(main())
