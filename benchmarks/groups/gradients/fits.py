"""Fits by SciPy's minimisers: how many evaluations, and which optimum."""

from functools import partial
from typing import Any

import numpy as np

import xloss
from benchmarks.rows import Result, check_same, difference
from xloss.interop import scipy_objective, scipy_rho

SIDE = 24  # pixels of the image that is denoised
NOISE = 0.2  # standard deviation; the pixels are 0, 1 and 2
SMOOTHNESS, STEP = 0.03, 0.1

TOLERANCES = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15)  # rounding is left
OBJECTIVES_AGREE = 1e-7  # finite differences stop a little above the optimum


def evaluations_to_denoise() -> Result:
    """Count what L-BFGS-B asks for, with gradients and with finite differences."""
    from scipy.optimize import minimize

    noisy = _noisy_image()
    start = noisy.reshape(-1)
    options = {"maxfun": 10**6}  # one for each pixel and step
    ours = minimize(scipy_objective(_energy, noisy), start, jac=True, method="L-BFGS-B")
    theirs = minimize(
        lambda x: float(_energy(x.reshape(noisy.shape), noisy)),
        start,
        method="L-BFGS-B",
        options=options,
    )
    check_same(ours.fun, theirs.fun, OBJECTIVES_AGREE)
    ratio = theirs.nfev / ours.nfev
    return Result("calls", ours.nfev, theirs.nfev, ratio, ratio, ratio)


def _noisy_image() -> Any:
    rows, columns = np.indices((SIDE, SIDE)) / SIDE
    clean = (rows > 0.35) + 1.0 * (columns > 0.5)
    return clean + NOISE * np.random.default_rng(1992).standard_normal(clean.shape)


def _energy(image: Any, noisy: Any) -> Any:
    """Return the squared error and the total variation, rounded at 0."""
    size = xloss.CharbonnierLoss("sum", scale=STEP)
    variation = size(image[1:], image[:-1]) + size(image[:, 1:], image[:, :-1])
    return 0.5 * xloss.mse_loss(image, noisy, "sum") + SMOOTHNESS * variation


def distance_of_fits(alpha: float, name: str, f_scale: float) -> Result:
    """Return how far two fits of a line are apart, one of them by SciPy's own loss."""
    from scipy.optimize import least_squares

    x = np.linspace(0.0, 10.0, 100)
    y = 3.0 * x + 5.0 + 0.3 * np.random.default_rng(2019).standard_normal(x.shape)
    y[::5] += 20.0  # outliers
    slopes = np.stack([x, np.ones_like(x)], axis=1)
    fit = partial(
        least_squares,
        lambda line: slopes @ line - y,
        np.zeros(2),
        lambda _: slopes,  # finite differences would blur the optimum
        **TOLERANCES,
    )
    ours = fit(loss=scipy_rho(xloss.GeneralRobustLoss(alpha=alpha))).x
    theirs = fit(loss=name, f_scale=f_scale).x
    return Result("apart", difference(ours, theirs))
