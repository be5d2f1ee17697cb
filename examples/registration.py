"""Register two photographs of different tones in NumPy, by mutual information.

One is turned, shifted, noisy and solarised: dark is bright in it, bright is bright too,
and only what lies between is dark. The squared error has nothing to compare there;
mutual information asks only whether one image tells of the other.

Run it with ``python examples/registration.py --figure registration.png``.
"""

import argparse
import time
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.optimize import minimize
from skimage import data

import xloss
from xloss.interop import scipy_objective

TRUTH = np.asarray([10.0, 6.0, -8.0])  # degrees, and pixels down and to the right
BOUNDS = [(-20.0, 20.0), (-16.0, 16.0), (-16.0, 16.0)]
BLURS = 4.0, 2.0, 0.7  # from coarse to fine, in pixels
NOISE = 0.02

TONES = {"the same tones": lambda x: x, "solarised": lambda x: abs(2 * x - 1)}
LOSSES = {
    "squared error": xloss.mse_loss,
    "mutual information": partial(xloss.mutual_information_loss_2d, num_bins=32),
}


def photograph():
    """Return a grey photograph of 256 × 256 pixels, in [0, 1]."""
    pixels = data.astronaut().mean(axis=2) / 255
    return pixels.reshape(256, 2, 256, 2).mean(axis=(1, 3))


def other(image, tones, side):
    """Return the middle of an image, turned and shifted, in other tones, with noise."""
    cos, sin = np.cos(np.deg2rad(TRUTH[0])), np.sin(np.deg2rad(TRUTH[0]))
    turn = np.asarray([[cos, -sin], [sin, cos]])
    centre = (np.asarray(image.shape) - 1) / 2 + TRUTH[1:]
    corner = centre - turn @ np.full(2, (side - 1) / 2)
    seen = affine_transform(image, turn, corner, output_shape=(side, side))
    noise = np.random.default_rng(1997).normal(0.0, NOISE, seen.shape)
    return tones(seen.clip(0.0, 1.0)) + noise


def place(pose, y, x):
    """Return row and column of a point, turned and shifted; all from the middle."""
    xp = pose.__array_namespace__()
    angle, down, right = pose[0] * (np.pi / 180), pose[1], pose[2]
    cos, sin = xp.cos(angle), xp.sin(angle)
    return cos * y - sin * x + down, sin * y + cos * x + right


def warp(image, pose, side):
    """Return what of an image is seen in a pose, between pixels linearly.

    Written against the Array API: xloss differentiates it by the pose.
    """
    xp = pose.__array_namespace__()
    height, width = image.shape
    x = xp.arange(side, dtype=xp.float64) - (side - 1) / 2
    row, column = place(pose, xp.reshape(x, (-1, 1)), x)
    row, column = row + (height - 1) / 2, column + (width - 1) / 2
    top, left = xp.floor(row), xp.floor(column)
    first = xp.reshape(xp.astype(top * width + left, xp.int64), (-1,))
    pixels = xp.reshape(image, (-1,))
    a, b, c, d = (
        xp.reshape(xp.take(pixels, first + step), row.shape)
        for step in (0, 1, width, width + 1)
    )
    above = a + (column - left) * (b - a)
    below = c + (column - left) * (d - c)
    return above + (row - top) * (below - above)


def misfit(pose, goal, image, measure):
    """Return the loss of what is seen in a pose, and what should be seen."""
    return measure(warp(image, pose, goal.shape[0]), goal)


def register(moving, fixed, loss):
    """Return the pose in which one image shows the other, and what that took."""
    pose, evaluations = np.zeros(3), 0
    for blur in BLURS:
        image, goal = gaussian_filter(moving, blur), gaussian_filter(fixed, blur)
        fun = scipy_objective(misfit, goal, shape=(3,), image=image, measure=loss)
        found = minimize(fun, pose, jac=True, method="L-BFGS-B", bounds=BOUNDS)
        pose, evaluations = found.x, evaluations + found.nfev
    return pose, evaluations


def draw(path, moving, fixed, poses):
    """Draw the images, and what the photograph shows in each pose."""
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    panels = figure.subplots(1, 4)
    images = {"photograph": moving, "the other, solarised": fixed}
    for name, pose in poses.items():
        images[f"placed by {name}"] = warp(moving, pose, len(fixed))
    for axes, (title, image) in zip(panels, images.items(), strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    styles = {"truth": ("w-", 4), "squared error": ("C1--", 2)}
    y, x = np.asarray([[-1, -1, 1, 1, -1], [-1, 1, 1, -1, -1]]) * (len(fixed) - 1) / 2
    for name, pose in {"truth": TRUTH, **poses}.items():
        row, column = (along + (len(moving) - 1) / 2 for along in place(pose, y, x))
        colour, width = styles.get(name, ("C0-", 2))
        panels[0].plot(column, row, colour, linewidth=width, label=name)
    figure.legend(loc="outside lower left", ncols=3, facecolor="0.8")
    figure.savefig(path, dpi=160, metadata={"Software": None})


def main(arguments=None):
    """Register, and print the poses that were found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=160, help="pixels, at most 160")
    parser.add_argument("--figure", metavar="PATH", help="draw the images")
    chosen = parser.parse_args(arguments)
    moving = photograph()
    print(f"{'':36} degrees   down  right")
    print(f"{'truth':36}", *(f"{x:6.2f}" for x in TRUTH))
    for tones, change in TONES.items():
        fixed, poses = other(moving, change, chosen.side), {}
        for name, loss in LOSSES.items():
            start = time.perf_counter()
            poses[name], evaluations = register(moving, fixed, loss)
            seconds = time.perf_counter() - start
            print(
                f"{tones + ', ' + name:36}",
                *(f"{x:6.2f}" for x in poses[name]),
                f"  {evaluations} gradients, {seconds:.1f} s",
            )
    if chosen.figure:
        draw(chosen.figure, moving, fixed, poses)


if __name__ == "__main__":
    main()
