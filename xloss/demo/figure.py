"""The demo's picture: degradations, maps of losses, their shapes and influence."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import xloss
from xloss.demo.errors import DemoError
from xloss.demo.pictures import Picture
from xloss.demo.registration import LOSSES, Registration
from xloss.demo.rows import REGRESSION, ROBUST, Row, described
from xloss.demo.scenes import DEGRADATIONS, Scene
from xloss.demo.tones import TONES
from xloss.general_robust import GENERAL_ROBUST

# Members of Barron's family by α, the ones with a name and some between them.
_NAMED = {"charbonnier": "1", "cauchy": "0", "geman_mcclure": "−2", "welsch": "−∞"}
_BETWEEN = (2.0, 1.5, 0.5, -0.7, -5.0)

# Okabe and Ito's colours, told apart by colour-blind readers too.
_ROBUST_COLOURS = ("#d55e00", "#e69f00", "#009e73", "#0072b2")
_REGRESSION_STYLES = (
    ("#000000", "-"),
    ("#cc79a7", "-"),
    ("#e69f00", "--"),
    ("#0072b2", "-."),
    ("#009e73", "-"),
    ("#d55e00", "-"),
)

_TONE_STYLES = (("#0072b2", "-"), ("#d55e00", "-"), ("#009e73", "--"))

_LOSSES = 0.01, 10.0  # a label with a probability of 99 %, and of 5 in 100 000
_RESIDUAL = np.linspace(-5.0, 5.0, 1001)


def check(path: str) -> None:
    """Refuse a figure that could not be saved, before anything is computed."""
    if find_spec("matplotlib") is None:
        raise DemoError("--figure needs matplotlib: pip install matplotlib")
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise DemoError(
            f"--figure: {path!r} is no picture's name; end it with .png, .pdf or .svg"
        )
    if not Path(path).absolute().parent.is_dir():
        raise DemoError(f"--figure: there is no folder {str(Path(path).parent)!r}")


def draw(path: str, picture: Picture, scene: Scene, registered: Registration) -> None:
    """Save the figure at `path`."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(12, 22.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
    rows = figure.subfigures(4, 1, height_ratios=(2.3, 1.2, 1, 1))
    _draw_pictures(rows[0], picture, scene)
    _draw_registration(rows[1], registered)
    _draw_robust(rows[2])
    _draw_regression(rows[3])
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise DemoError(f"--figure: {path!r} cannot be written ({error})") from None


def _draw_pictures(panel: Any, picture: Picture, scene: Scene) -> None:
    """Draw the degraded pictures, and their maps of SSIM and of cross-entropy."""
    grid = panel.subplots(3, 1 + len(DEGRADATIONS))
    for axes in grid.ravel():
        axes.set_axis_off()
    _draw_picture(grid[0, 0], picture.pixels, "the picture")
    for axes, title, pixels in zip(
        grid[0, 1:], DEGRADATIONS.values(), scene.degraded, strict=True
    ):
        _draw_picture(axes, pixels, title)
    similarity = _draw_similarity(grid[1, 1:], scene)
    entropy = _draw_segmentation(grid[2], scene)
    # The scales of both rows of maps stand in the place that is left.
    height, width = similarity.get_array().shape
    grid[1, 0].set_box_aspect(height / width)
    said = "SSIM in windows of 11 pixels,\nmean of the channels"
    _draw_scale(grid[1, 0], 0.9, similarity, said, extend="min")
    _draw_scale(grid[1, 0], 0.25, entropy, "cross-entropy of the labels", extend="both")


def _draw_similarity(row: Any, scene: Scene) -> Any:
    """Draw the maps of SSIM, and return one of them for its colours."""
    similarity = xloss.ssim(scene.degraded, scene.clean, window_size=11).mean(axis=1)
    drawn = None
    for axes, values in zip(row, similarity, strict=True):
        drawn = axes.imshow(values, cmap="cividis", vmin=0, vmax=1)
        axes.set_title(f"SSIM {values.mean():.3f}", fontsize=10)
    return drawn


def _draw_segmentation(row: Any, scene: Scene) -> Any:
    """Draw the labels, and what their prediction from each degraded picture costs."""
    from matplotlib.colors import LogNorm

    logits, labels = scene.arguments("labels")
    _draw_picture(row[0], labels[:1] / (len(TONES) - 1), f"labels: {', '.join(TONES)}")
    losses = xloss.cross_entropy_loss(logits, labels, reduction="none")
    drawn = None
    for axes, values in zip(row[1:], losses, strict=True):
        shown = np.maximum(values, _LOSSES[0])  # the logarithm of 0 has no colour
        drawn = axes.imshow(shown, cmap="magma", norm=LogNorm(*_LOSSES))
        axes.set_title(f"cross-entropy {values.mean():.3f}", fontsize=10)
    return drawn


def _draw_scale(place: Any, left: float, drawn: Any, label: str, extend: str) -> None:
    scale = place.inset_axes((left, 0.0, 0.06, 1.0))
    place.figure.colorbar(drawn, cax=scale, extend=extend)
    scale.yaxis.set_ticks_position("left")
    scale.yaxis.set_label_position("left")
    scale.set_ylabel(label, fontsize=10)


def _draw_picture(axes: Any, pixels: Any, title: str) -> None:
    image = np.moveaxis(pixels, 0, -1).squeeze()
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    axes.set_title(title, fontsize=10)


def _draw_registration(panel: Any, registered: Registration) -> None:
    """Draw a picture and what it is registered to; below, losses over the shift."""
    shift = registered.shift
    title = f"Registration: a picture, and others moved by {shift} pixels"
    panel.suptitle(title, fontsize=12, fontweight="bold")
    pictures, curves = panel.subplots(2, len(LOSSES))
    images = {"the picture": registered.fixed, **registered.moving}
    for axes, (name, image) in zip(pictures, images.items(), strict=True):
        _draw_picture(axes, image[np.newaxis], name)
        axes.set_axis_off()
    for axes, loss in zip(curves, LOSSES, strict=True):
        for tones, (colour, dashes) in zip(
            registered.losses, _TONE_STYLES, strict=True
        ):
            values = registered.losses[tones][loss]
            style = {"color": colour, "linestyle": dashes, "lw": 2.0, "label": tones}
            axes.plot(registered.shifts, values, **style)
        axes.axvline(shift, color="0.35", lw=1.2, linestyle=":", label="true shift")
        axes.set_title(loss.replace("_", " "), fontsize=10)
        axes.set_xlabel("shift (pixels)")
        _plain(axes)
    curves[0].set_ylabel("loss")
    entries = curves[0].get_legend_handles_labels()
    panel.legend(*entries, loc="outside lower center", ncols=4, fontsize=9)


def _draw_robust(panel: Any) -> None:
    shape, influence = _axes(panel, "Barron's robust losses, scale 1")
    for i, alpha in enumerate(_BETWEEN):
        label = "α = " + ", ".join(f"{a:g}".replace("-", "−") for a in _BETWEEN)
        style = {"color": "0.72", "lw": 1.2, "label": None if i else label}
        shape.plot(_RESIDUAL, GENERAL_ROBUST.rho(np, _RESIDUAL, alpha), **style)
        influence.plot(_RESIDUAL, GENERAL_ROBUST.psi(np, _RESIDUAL, alpha), **style)
    labels = [f"{name}, α = {alpha}" for name, alpha in _NAMED.items()]
    styles = [(colour, "-") for colour in _ROBUST_COLOURS]
    rows = [row for row in ROBUST if row.curve is not None]
    _draw_curves((shape, influence), rows, labels, styles)
    shape.set_ylim(-0.1, 4)
    influence.set_ylim(-1.7, 1.7)
    influence.legend(loc="lower right", fontsize=9)


def _draw_regression(panel: Any) -> None:
    axes = _axes(panel, "Regression losses")
    rows = [row for row in REGRESSION if row.curve is not None]
    labels = [described(row.name, row.curve[1]) for row in rows if row.curve]
    _draw_curves(axes, rows, labels, _REGRESSION_STYLES)
    axes[0].set_ylim(-0.1, 4)
    axes[1].set_ylim(-1.7, 1.7)
    axes[1].legend(loc="lower right", fontsize=9)


def _axes(panel: Any, title: str) -> tuple[Any, Any]:
    """Make the two plots of a family: its shapes, and its influence functions."""
    panel.suptitle(title, fontsize=12, fontweight="bold")
    shape, influence = panel.subplots(1, 2)
    shape.set_title("loss ρ(r)", fontsize=10)
    influence.set_title("influence ψ(r) = ρ′(r)", fontsize=10)
    for axes in (shape, influence):
        axes.set_xlabel("residual r = prediction − target")
        axes.set_xlim(_RESIDUAL[0], _RESIDUAL[-1])
        _plain(axes)
    influence.axhline(0, color="0.6", lw=0.8)
    return shape, influence


def _plain(axes: Any) -> None:
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_curves(
    panels: tuple[Any, Any],
    rows: Iterable[Row],
    labels: Iterable[str],
    styles: Iterable[tuple[str, str]],
) -> None:
    for row, label, (colour, dashes) in zip(rows, labels, styles, strict=True):
        assert row.curve is not None  # the callers leave out the others
        kernel, options = row.curve
        style = {"color": colour, "linestyle": dashes, "lw": 2.0, "label": label}
        for axes, curve in zip(panels, (kernel.rho, kernel.psi), strict=True):
            axes.plot(_RESIDUAL, curve(np, _RESIDUAL, **options), **style)
