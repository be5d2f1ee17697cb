"""The figures of the page, from results alone.

A figure goes into the page as it is, so that its ink is the page's: dark on light, or
light on dark.
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.report import JsonRow
from benchmarks.targets import TARGETS
from benchmarks.verdicts import Judgement, geometric_mean, judge

INK = "#010203"  # stands for the colour of the page's text
OURS: dict[str, Any] = {"color": "#d55e00", "linestyle": "-", "marker": "o"}
THEIRS: dict[str, Any] = {"color": "#2f8ac4", "linestyle": "--", "marker": "s"}
WIDTH = 7.4  # inches: that of the page's text, so that letters keep their size

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "svg.fonttype": "none",  # letters as text: small, and selectable
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.bottom": False,  # the grid shows where
    "ytick.left": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
}


def as_svg(figure: Figure, name: str, text: str) -> str:
    """Return a figure to stand in a page, with `text` for those who cannot see it.

    Making it again gives the same characters: no date, no random names, and no more
    digits than a screen has.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # What would reach beyond the figure: names, and a style for every element.
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg)
    svg = re.sub(r"<style.*?</style>", "", svg)
    svg = re.sub(r"(\d\.\d\d)\d+(?=[^<>]*>)", r"\1", svg)  # not of a text
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    head = f'<svg role="img" aria-label="{text}" style="stroke-linejoin: round"'
    return svg.replace("<svg", head, 1)


# Growth: a panel for each loss and each way to run it.


def growth(rows: Sequence[JsonRow], axis: str) -> Figure:
    """Draw the time of xloss and of its peer over the places of an axis."""
    rows = [row for row in rows if row["section"].startswith(f"{axis}: ")]
    headings = list(dict.fromkeys(row["section"] for row in rows))
    losses = list(dict.fromkeys(row["loss"] for row in rows))
    with mpl.rc_context(STYLE):
        size = WIDTH, 0.9 + 1.15 * len(losses)
        figure = Figure(figsize=size, layout="constrained")
        shape = len(losses), len(headings)
        panels = figure.subplots(*shape, sharex=True, sharey="row", squeeze=False)
        for loss, line in zip(losses, panels, strict=True):
            line[0].set_ylabel(loss, fontweight="bold")
            for heading, panel in zip(headings, line, strict=True):
                here = heading, loss
                _curves(panel, [r for r in rows if (r["section"], r["loss"]) == here])
        for heading, panel in zip(headings, panels[0], strict=True):
            panel.set_title(_title(heading.removeprefix(f"{axis}: ")))
        for panel in panels[-1]:
            _places(panel, axis, sorted({row["at"] for row in rows}))
        figure.supylabel("milliseconds a call", fontsize=STYLE["font.size"])
        _legend(figure)
    return figure


def _curves(panel: Axes, rows: Iterable[JsonRow]) -> None:
    rows = [row for row in rows if row["ours"] is not None]
    panel.set(xscale="log", yscale="log")
    panel.minorticks_off()
    panel.yaxis.set_major_formatter("{x:g}")
    panel.grid(color=INK, alpha=0.12, linewidth=0.6)
    if not rows:
        return
    at = [row["at"] for row in rows]
    panel.plot(at, [row["theirs"] for row in rows], **THEIRS)
    panel.plot(at, [row["ours"] for row in rows], **OURS)
    corner: dict[str, Any] = {
        "xycoords": "axes fraction",
        "va": "top",
        "color": THEIRS["color"],
    }
    panel.annotate(rows[0]["peer"], (0.04, 0.97), **corner)
    panel.margins(x=0.08, y=0.25)


def _title(heading: str) -> str:
    where, _, what = heading.replace(" (fullgraph)", "").partition(", ")
    return f"{where}\n{what}"


def _legend(figure: Figure) -> None:
    handles = [Line2D([], [], **OURS), Line2D([], [], **THEIRS)]
    labels = "xloss", "the peer that the panel names"
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)


def _places(panel: Axes, axis: str, places: Sequence[int]) -> None:
    panel.set_xticks(places, [_short(place) for place in places])
    panel.minorticks_off()
    panel.set_xlabel(axis)


def _short(number: int) -> str:
    for zeros, letter in ((10**6, "M"), (10**3, "k")):
        if number >= zeros:
            return f"{number // zeros}{letter}"
    return str(number)


# Ratios: a line for each loss, a dot for each peer.


class Library(NamedTuple):
    """How a peer is drawn; its rows bear names that begin with one of `names`."""

    name: str
    names: tuple[str, ...]
    colour: str
    marker: str


LIBRARIES = (
    Library("kornia", ("kornia",), "#d55e00", "o"),
    Library("torch.nn.functional", ("F.",), "#2f8ac4", "s"),
    Library("MONAI", ("MONAI",), "#009e73", "^"),
    Library("smp", ("smp",), "#b8659a", "v"),
    Library("pytorch-msssim", ("pytorch-msssim",), "#b07d00", "D"),
    Library("torchmetrics", ("torchmetrics",), "#7c6fd0", "P"),
    Library("keras", ("keras",), "#c8404a", "X"),
    Library("optax", ("optax",), "#d55e00", "o"),
    Library("dm-pix", ("dm-pix",), "#2f8ac4", "s"),
    Library("scikit-image", ("scikit-image",), "#d55e00", "o"),
    Library("SciPy", ("scipy",), "#2f8ac4", "s"),
    Library("scikit-learn", ("scikit-learn",), "#009e73", "^"),
    Library("textbook", ("",), "#808890", "d"),
)


def library(row: JsonRow) -> Library:
    """Return whose a peer is; what nobody wrote is the textbook's."""
    return next(each for each in LIBRARIES if row["peer"].startswith(each.names))


def ratios(rows: Sequence[JsonRow], headings: Sequence[str]) -> Figure:
    """Draw how many times as long each peer takes, with the quartiles."""
    rows = [
        row for row in rows if row["section"] in headings and row["ratio"] is not None
    ]
    losses = _by_ratio(rows)
    shown = [each for each in LIBRARIES if each in {library(row) for row in rows}]
    with mpl.rc_context(STYLE):
        height = 1.1 + 0.16 * len(losses)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        for each in shown:
            _dots(axes, each, rows, losses)
        _scale(axes, losses)
        for target in TARGETS:
            if set(target.sections) <= set(headings) and not target.losses:
                _bound(axes, judge(target, rows))
        handles = axes.get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper center", ncols=6, frameon=False)
    return figure


def _by_ratio(rows: Iterable[JsonRow]) -> list[str]:
    """Return the losses, those with the least ratios first."""
    of: dict[str, list[float]] = {}
    for row in rows:
        of.setdefault(row["loss"], []).append(row["ratio"])
    return sorted(of, key=lambda loss: geometric_mean(of[loss]))


def _dots(
    axes: Axes, whose: Library, rows: Iterable[JsonRow], losses: Sequence[str]
) -> None:
    rows = [row for row in rows if library(row) is whose]
    ratio = [row["ratio"] for row in rows]
    ends = (
        [row["ratio"] - row["low"] for row in rows],
        [row["high"] - row["ratio"] for row in rows],
    )
    axes.errorbar(
        ratio,
        [losses.index(row["loss"]) for row in rows],
        xerr=ends,
        fmt=whose.marker,
        color=whose.colour,
        elinewidth=1.1,
        label=whose.name,
    )


def _scale(axes: Axes, losses: Sequence[str]) -> None:
    axes.set(xscale="log", ylim=(-0.8, len(losses) - 0.2))
    low, high = axes.get_xlim()
    steps = [step * 10.0**i for i in range(-2, 4) for step in (1, 2, 5)]
    ticks = [step for step in steps if low <= step <= high]
    axes.set_xticks(ticks, [f"{tick:g} ×" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(losses)), losses)
    axes.spines["left"].set_visible(False)
    axes.grid(color=INK, alpha=0.12, linewidth=0.6)
    axes.axvline(1, color=INK, linewidth=0.9)
    axes.set_xlabel("time of the peer / time of xloss: right of 1, xloss is faster")


def _bound(axes: Axes, judgement: Judgement) -> None:
    """Draw a target, and of a mean what was measured beside it."""
    target = judgement.target
    assert target.at_least is not None  # these are ratios
    axes.axvline(target.at_least, color=INK, linewidth=0.9, linestyle=":")
    top: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "textcoords": "offset points",
    }
    if not target.mean:
        text = f"each ≥ {target.at_least:g} "
        axes.annotate(text, (target.at_least, 1), (0, 2), ha="right", **top)
        return
    whom, reached = target.peers[0], judgement.measured
    text = f" mean against {whom}: {reached}, target {target.at_least:g}"
    axes.annotate(text, (target.at_least, 1), (0, 2), ha="left", **top)
