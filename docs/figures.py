"""The pages' figures, drawn from the library itself when the site is built."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import xloss

FOLDER = Path(__file__).parent / "_build" / "figures"

ROBUST = {
    "squared / 2": 2.0,
    "Charbonnier": 1.0,
    "Cauchy": 0.0,
    "Geman-McClure": -2.0,
    "Welsch": -np.inf,
}
REGRESSION = {
    "squared": xloss.MSELoss("none"),
    "absolute": xloss.L1Loss("none"),
    "Huber, δ = 1": xloss.HuberLoss("none"),
    "smooth L1, β = ½": xloss.SmoothL1Loss("none", beta=0.5),
    "log-cosh": xloss.LogCoshLoss("none"),
    "quantile, q = 0.9": xloss.QuantileLoss(q=0.9, reduction="none"),
}


def draw() -> None:
    """Draw every figure; a build on another machine gives the same files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    x = np.linspace(-6, 6, 1201)
    robust = {
        f"{name} (α = {alpha:g})".replace("-inf", "−∞").replace("= -", "= −"): (
            xloss.general_robust_loss(x, 0 * x, alpha)
        )
        for name, alpha in ROBUST.items()
    }
    _curves("robust", x, robust, 6.5)
    x = np.linspace(-3, 3, 1201)
    regression = {name: loss(x, 0 * x) for name, loss in REGRESSION.items()}
    _curves("regression", x, regression, 4.0)


def _curves(
    name: str, x: np.ndarray, curves: dict[str, np.ndarray], height: float
) -> None:
    """Draw losses and, beside them, what an error of one size pulls with."""
    with mpl.rc_context({"svg.hashsalt": "xloss", "font.size": 9}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        loss, slope = figure.subplots(1, 2)
        for label, values in curves.items():
            loss.plot(x, values, label=label)
            slope.plot(x, np.gradient(values, x), label=label)
        loss.set(title="loss", xlabel="residual", ylim=(0, height))
        slope.set(title="derivative", xlabel="residual", ylim=(-2.5, 2.5))
        for axes in (loss, slope):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        figure.legend(*loss.get_legend_handles_labels(), loc="outside right center")
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
