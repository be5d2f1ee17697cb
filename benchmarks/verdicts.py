"""Whether results reach a target: met, close (within the spread), or missed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.report import JsonRow, cost

NOT_MEASURED = "not measured"
WORST_FIRST = ("missed", "close", "met")


@dataclass(frozen=True)
class Target:
    """A bound for rows under `sections`, against peers whose names begin with `peers`.

    `at_least` bounds the ratio theirs / ours of each row, or, of a `mean`, the
    geometric mean over the losses; `at_most` bounds what xloss costs. `but` are losses
    with a bound of their own, `losses` all that count, if not every one. `because` says
    what keeps a loss, or "mean", from its bound.
    """

    what: str
    sections: tuple[str, ...]
    peers: tuple[str, ...] = ("",)
    losses: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    mean: bool = False
    but: Mapping[str, float] = field(default_factory=dict)
    because: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, row: JsonRow) -> bool:
        return (
            row["section"] in self.sections
            and row["peer"].startswith(self.peers)
            and (not self.losses or loss_of(row) in self.losses)
        )

    @property
    def bound(self) -> str:
        """The bound as a table prints it."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        least = f"{self.at_least:.2f}".rstrip("0").rstrip(".")
        return f"{'mean ' if self.mean else ''}>= {least} x"


@dataclass(frozen=True)
class Finding:
    """What a row, or the mean of rows, has reached.

    `margin` is 1 where the bound is just met; `possible` is that of the better end of
    the spread.
    """

    name: str
    measured: str
    margin: float
    possible: float
    because: str = ""

    @property
    def verdict(self) -> str:
        if self.margin >= 1:
            return "met"
        return "close" if self.possible >= 1 else "missed"


@dataclass(frozen=True)
class Judgement:
    """A target, and what was found of it, the narrowest first."""

    target: Target
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        verdicts = [finding.verdict for finding in self.findings]
        return min(verdicts, key=WORST_FIRST.index, default=NOT_MEASURED)

    @property
    def measured(self) -> str:
        """The mean, or what comes next to the bound or farthest from it."""
        if not self.findings:
            return ""
        worst = self.findings[0]
        return f"{worst.measured}, {worst.name}"

    @property
    def unmet(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict != "met"]


def judge(target: Target, rows: Iterable[JsonRow]) -> Judgement:
    """Hold rows to a target; one that failed misses it."""
    rows = [row for row in rows if target.concerns(row)]
    found = [_failure(target, row) for row in rows if row["failed"]]
    measured = [row for row in rows if row["ours"] is not None]
    if target.mean and measured:
        found.append(_mean(target, measured))
    elif not target.mean:
        found += [_finding(target, row) for row in measured]
    return Judgement(target, tuple(sorted(found, key=lambda finding: finding.margin)))


def _failure(target: Target, row: JsonRow) -> Finding:
    return Finding(_name(target, row), row["remark"], 0.0, 0.0)


def _finding(target: Target, row: JsonRow) -> Finding:
    name, because = _name(target, row), target.because.get(loss_of(row), "")
    if target.at_most is not None:
        ours = row["ours"]
        most = target.but.get(loss_of(row), target.at_most)
        margin = most / ours if ours else math.inf
        return Finding(name, f"{cost(row)} {row['unit']}", margin, margin, because)
    if row["ratio"] is None:
        return Finding(name, "costs nothing", math.inf, math.inf)
    assert target.at_least is not None  # one of the two is given
    least = target.but.get(loss_of(row), target.at_least)
    margins = row["ratio"] / least, row["high"] / least
    return Finding(name, f"{row['ratio']:.2f} x", *margins, because)


def _mean(target: Target, rows: Iterable[JsonRow]) -> Finding:
    """Count a loss once, however many rows it has."""
    by_loss: dict[str, list[JsonRow]] = {}
    for row in rows:
        by_loss.setdefault(loss_of(row), []).append(row)
    ratio, high = (
        geometric_mean(
            geometric_mean(row[key] for row in of_loss) for of_loss in by_loss.values()
        )
        for key in ("ratio", "high")
    )
    assert target.at_least is not None  # a mean is one of ratios
    return Finding(
        f"{len(by_loss)} losses",
        f"{ratio:.2f} x",
        ratio / target.at_least,
        high / target.at_least,
        target.because.get("mean", ""),
    )


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(math.fsum(logs) / len(logs))


def loss_of(row: JsonRow) -> str:
    """Return the loss without its variant: `dice` of "dice, macro"."""
    name: str = row["loss"]
    return name.partition(",")[0].removesuffix("_loss")


def _name(target: Target, row: JsonRow) -> str:
    """Say what a target's own words leave open."""
    name = str(row["loss"])
    if len(target.peers) > 1:
        name += f" against {row['peer']}"
    if len(target.sections) > 1:
        name += f", {row['section'].rpartition(', ')[2]}"
    return name
