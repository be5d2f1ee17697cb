"""Denoise a photograph in NumPy: total variation and a robust error, by L-BFGS-B.

The photograph has a little noise everywhere, and one pixel in ten is lost. The squared
error trades every lost pixel for blur; the Charbonnier loss lets go of them.

Run it with ``python examples/denoise.py --figure denoise.png``.
"""

import argparse
import time
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import median_filter
from scipy.optimize import minimize
from skimage import data

import xloss
from xloss.interop import scipy_objective

NOISE = 0.05  # standard deviation; the pixels lie in [0, 1]
LOST = 0.1  # the share of pixels that show an arbitrary colour
STEP = 0.02  # errors and edges count squared below this, and by their size above

CHARBONNIER = partial(xloss.charbonnier_loss, scale=STEP, reduction="sum")
SQUARED = partial(xloss.mse_loss, reduction="sum")
# The smoothness with which each error leaves the best PSNR.
METHODS = {"squared error": (SQUARED, 0.005), "Charbonnier": (CHARBONNIER, 0.5)}


def photograph(side):
    """Return a part of a photograph, (3, side, side) in [0, 1]; 256 is all of it."""
    pixels = data.astronaut().reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)) / 255
    left = (256 - side) // 2
    return pixels.transpose(2, 0, 1)[:, :side, left : left + side]


def damaged(clean):
    """Return the photograph with noise, and pixels lost."""
    random = np.random.default_rng(1992)
    noisy = clean + random.normal(0.0, NOISE, clean.shape)
    lost = random.random(clean.shape[1:]) < LOST
    return np.where(lost, random.random(clean.shape), noisy).clip(0.0, 1.0)


def energy(image, noisy, error, smoothness):
    """Return the error of an image and its total variation, rounded at 0."""
    down = CHARBONNIER(image[:, 1:], image[:, :-1])
    right = CHARBONNIER(image[:, :, 1:], image[:, :, :-1])
    return error(image, noisy) + smoothness * (down + right)


def denoise(noisy, error, smoothness):
    """Return the image of the least energy, and how often that was evaluated."""
    fun = scipy_objective(energy, noisy, error=error, smoothness=smoothness)
    options = {"maxiter": 300}
    found = minimize(fun, noisy.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(noisy.shape), found.nfev


def quality(image, clean):
    """Return PSNR, in decibels, and the mean of SSIM."""
    similarity = xloss.ssim(image[np.newaxis], clean[np.newaxis], window_size=11)
    return float(xloss.psnr(image, clean, max_val=1.0)), float(similarity.mean())


def draw(path, images, clean):
    """Draw the images, and below each the middle of its upper half, enlarged."""
    middle = slice(clean.shape[2] // 4, 3 * clean.shape[2] // 4)
    figure = Figure(figsize=(9, 4.1), layout="constrained")
    columns = figure.subplots(2, len(images) + 1).T
    for axes, (name, image) in zip(
        columns, {**images, "photograph": clean}.items(), strict=True
    ):
        pixels = image.clip(0.0, 1.0).transpose(1, 2, 0)
        axes[0].imshow(pixels)
        axes[1].imshow(pixels[: clean.shape[1] // 2, middle])
        scores = "" if image is clean else "{:.1f} dB, SSIM {:.2f}"
        title = f"{name}\n{scores.format(*quality(image, clean))}"
        axes[0].set_title(title, fontsize=9)
        for panel in axes:
            panel.set_axis_off()
    figure.savefig(path, dpi=160, metadata={"Software": None})


def main(arguments=None):
    """Denoise, and print what it won."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="pixels, at most 256")
    parser.add_argument("--figure", metavar="PATH", help="draw the images")
    chosen = parser.parse_args(arguments)
    clean = photograph(chosen.side)
    noisy = damaged(clean)
    images = {"damaged": noisy, "median of 3 × 3": median_filter(noisy, (1, 3, 3))}
    costs = []
    for name, (error, smoothness) in METHODS.items():
        start = time.perf_counter()
        images[name], evaluations = denoise(noisy, error, smoothness)
        seconds = time.perf_counter() - start
        costs.append(f"{name}: {evaluations} gradients in {seconds:.1f} s,")
        values = evaluations * (noisy.size + 1)
        costs.append(f"  for which finite differences take {values:,} values")
    for name, image in images.items():
        psnr, ssim = quality(image, clean)
        print(f"{name:16} PSNR {psnr:5.2f} dB   SSIM {ssim:.3f}")
    print(*costs, sep="\n")
    if chosen.figure:
        draw(chosen.figure, images, clean)


if __name__ == "__main__":
    main()
