"""Fit a line and a curve to data of which 30 % are wrong, by SciPy's least_squares.

``scipy_rho`` hands any smooth robust loss of xloss to SciPy. That of Welsch forgets
what is far from the curve, where "soft_l1" of SciPy still pulls with all its weight.

Run it with ``python examples/robust_fit.py --figure robust_fit.png``.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import xloss
from xloss.interop import scipy_rho

NOISE = 0.1  # standard deviation of what is right
WRONG = 0.3  # the share of points that are too large, by up to 4
# With this scale the fit of clean data is 95 % as efficient as least squares.
WELSCH = xloss.WelschLoss(scale=2.11 * NOISE)


def line(parameters, x):
    """Return a line of some slope and offset."""
    slope, offset = parameters
    return slope * x + offset


def decay(parameters, x):
    """Return a decay of some height and time, to a level."""
    height, time, level = parameters
    return height * np.exp(-x / time) + level


# (model, names of its parameters, the true ones, where the fit starts, x to)
PROBLEMS = {
    "line": (line, ("slope", "offset"), (2.0, 1.0), (0.0, 0.0), 1.0),
    "decay": (decay, ("height", "time", "level"), (4.0, 1.5, 1.0), (1.0, 1.0, 0.0), 6),
}


def measure(model, truth, end, points):
    """Return x, y, and which of the points are wrong."""
    random = np.random.default_rng(1977)
    x = np.linspace(0.0, end, points)
    y = model(truth, x) + random.normal(0.0, NOISE, points)
    wrong = random.permutation(points) < round(WRONG * points)
    return x, np.where(wrong, y + random.uniform(0.5, 4.0, points), y), wrong


def fits(model, x, y, start):
    """Return the parameters that each loss finds."""

    def residuals(parameters):
        return model(parameters, x) - y

    linear = least_squares(residuals, start)
    soft = least_squares(residuals, start, loss="soft_l1", f_scale=NOISE)
    # It is not convex: the other robust fit is where it starts.
    welsch = least_squares(residuals, soft.x, loss=scipy_rho(WELSCH))
    return {"linear": linear.x, "soft_l1": soft.x, "Welsch": welsch.x}


def standard_errors(model, x, y, wrong, start):
    """Return how far off a fit of the right points alone is expected to be."""
    right = least_squares(lambda p: model(p, x[~wrong]) - y[~wrong], start)
    return NOISE * np.sqrt(np.diag(np.linalg.inv(right.jac.T @ right.jac)))


def draw(path, panels):
    """Draw points and fits."""
    styles = {"linear": (":", "C1"), "soft_l1": ("--", "C2"), "Welsch": ("-", "C0")}
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (name, (model, truth, x, y, wrong, found)) in zip(
        figure.subplots(1, len(panels)), panels.items(), strict=True
    ):
        axes.plot(x, model(truth, x), color="0.8", linewidth=6, label="truth")
        axes.plot(x[~wrong], y[~wrong], ".", color="0.4", label="right points")
        axes.plot(x[wrong], y[wrong], "x", color="0.6", label="wrong points")
        for loss, parameters in found.items():
            dashes, colour = styles[loss]
            axes.plot(x, model(parameters, x), dashes, color=colour, label=loss)
        axes.set(title=name, xlabel="x", ylabel="y")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center")
    figure.savefig(path, dpi=160, metadata={"Software": None})


def main(arguments=None):
    """Fit, and print the errors of the parameters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200, help="of each fit")
    parser.add_argument("--figure", metavar="PATH", help="draw the fits")
    chosen = parser.parse_args(arguments)
    panels = {}
    for name, (model, names, truth, start, end) in PROBLEMS.items():
        x, y, wrong = measure(model, truth, end, chosen.points)
        found = fits(model, x, y, start)
        panels[name] = model, truth, x, y, wrong, found
        print(f"{name + ', errors':14}", *(f"{parameter:>7}" for parameter in names))
        errors = {loss: parameters - truth for loss, parameters in found.items()}
        errors["standard error"] = standard_errors(model, x, y, wrong, start)
        for loss, error in errors.items():
            print(f"{loss:14}", *(f"{off:7.3f}" for off in error))
        print()
    if chosen.figure:
        draw(chosen.figure, panels)


if __name__ == "__main__":
    main()
