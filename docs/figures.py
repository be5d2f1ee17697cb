"""The pages' figures, drawn from the library itself when the site is built."""

from __future__ import annotations

import runpy
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib as mpl
import mpmath
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import binary_erosion, gaussian_filter
from skimage import data, filters, segmentation

import xloss
from xloss.demo.registration import register

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

EXAMPLES = ("denoise", "robust_fit", "registration", "boosting")

DECIBELS = 24.0

CELLS = 64
DRAWS = 8

CLASSES = ("background", "rim", "coin")
GAMMA = 2.0


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
    _similarity("ssim_map")
    _focal("focal")
    _segmentation("focal_map")
    _divergence("divergence")
    _registration("registration")
    for example in EXAMPLES:
        _example(example)


def _example(name: str) -> None:
    """Run an example: its picture, and what it prints."""
    example = runpy.run_path(str(FOLDER.parents[2] / "examples" / f"{name}.py"))
    with (
        (FOLDER / f"example_{name}.txt").open("w") as printed,
        redirect_stdout(printed),
    ):
        example["main"](["--figure", str(FOLDER / f"example_{name}.png")])


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


def _similarity(name: str) -> None:
    """Draw a photograph with four errors of one PSNR, and the map of SSIM of each."""
    clean = _photograph()
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)
    pictures, maps = figure.subplots(2, 5)
    _picture(pictures[0], clean[0, 0], "photograph", cmap="gray")
    for above, below, (error, image) in zip(
        pictures[1:], maps[1:], _degraded(clean).items(), strict=True
    ):
        psnr = xloss.psnr(image, clean, max_val=1.0)
        ms_ssim = 1 - 2 * xloss.ms_ssim_loss(image, clean)
        similarity = xloss.ssim(image, clean, window_size=11)
        _picture(above, image[0, 0], f"{error}\nPSNR {psnr:.1f} dB", cmap="gray")
        title = f"SSIM {similarity.mean():.2f}\nMS-SSIM {ms_ssim:.2f}"
        _picture(below, similarity[0, 0], title, cmap="cividis")
    _scale(maps[0], maps[-1])
    figure.savefig(FOLDER / f"{name}.png", dpi=160, metadata={"Software": None})


def _photograph() -> np.ndarray:
    """Return a grey photograph of 256 x 256 pixels, in [0, 1]."""
    pixels = data.camera().reshape(256, 2, 256, 2).mean(axis=(1, 3)) / 255
    return pixels[np.newaxis, np.newaxis]


def _degraded(clean: np.ndarray) -> dict[str, np.ndarray]:
    """Return the image with each error, scaled to one mean square."""
    noise = np.random.default_rng(600).standard_normal(clean.shape)
    errors = {
        "brighter": np.ones_like(clean),
        "less contrast": clean.mean() - clean,
        "noise": noise,
        "blur": gaussian_filter(clean, (0, 0, 2.2, 2.2)) - clean,
    }
    size = 10 ** (-DECIBELS / 20)
    return {
        name: clean + error * (size / np.sqrt(np.mean(error**2)))
        for name, error in errors.items()
    }


def _picture(axes: Axes, values: np.ndarray, title: str, cmap: str) -> None:
    axes.imshow(values, cmap=cmap, vmin=0, vmax=1)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def _scale(axes: Axes, drawn: Axes) -> None:
    """Draw the colours of a map at the right end of empty axes."""
    axes.set_axis_off()
    axes.set_box_aspect(1)
    scale = axes.inset_axes((0.85, 0, 0.08, 1))
    axes.figure.colorbar(drawn.images[0], cax=scale, extend="min")
    scale.yaxis.set_ticks_position("left")
    scale.yaxis.set_label_position("left")
    scale.set_ylabel("SSIM, window 11", fontsize=9)
    scale.tick_params(labelsize=8)


def _focal(name: str) -> None:
    """Draw the focal loss of two classes in float32, and its error, over the gap."""
    gap = np.linspace(0, 28, 56 * 32, endpoint=False, dtype=np.float32)
    exact = _exact_focal(gap.astype(np.float64))
    logits = np.stack([gap, 0 * gap], axis=1)
    labels = np.zeros(gap.size, np.int64)
    ours = xloss.focal_loss(logits, labels, alpha=None, gamma=GAMMA).sum(axis=1)
    forms = {"xloss": (ours, "-"), "textbook": (_textbook_focal(logits), "--")}
    with mpl.rc_context({"svg.hashsalt": "xloss", "font.size": 9}):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        loss, error = figure.subplots(1, 2)
        loss.semilogy(gap, exact, color="0.8", linewidth=5, label="exact")
        for label, (values, dashes) in forms.items():
            shown = np.where(values > 0, values, np.nan)
            loss.semilogy(gap, shown, dashes, label=label)
            apart = np.abs(values - exact) / exact
            error.semilogy(gap[::32], apart.reshape(-1, 32).max(axis=1), dashes)
        last = np.flatnonzero(forms["textbook"][0])[-1]
        loss.annotate(
            "textbook: 0 from here on",
            (gap[last], forms["textbook"][0][last]),
            xytext=(1, 1e-30),
            arrowprops={"arrowstyle": "->"},
        )
        loss.set(title=f"focal loss in float32, γ = {GAMMA:g}")
        error.set(title="largest relative error", ylim=(1e-8, 10))
        for axes in (loss, error):
            axes.set_xlabel("logit of the label minus the other")
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        figure.legend(*loss.get_legend_handles_labels(), loc="outside right center")
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})


def _exact_focal(gap: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-gap)) / (1 + np.exp(gap)) ** GAMMA


def _textbook_focal(logits: np.ndarray) -> np.ndarray:
    """Return the loss of the first, larger logit as the definition states it."""
    log_p = -np.log(np.sum(np.exp(logits - logits[:, :1]), axis=1))
    return -((1 - np.exp(log_p)) ** np.float32(GAMMA)) * log_p


def _segmentation(name: str) -> None:
    """Draw coins, their labels, and where two losses of a prediction are large."""
    photograph, labels = _coins()
    logits = _prediction(labels)
    entropy = xloss.cross_entropy_loss(logits, labels, reduction="none")
    focal = xloss.focal_loss(logits, labels, alpha=None, gamma=GAMMA).sum(axis=1)
    figure = Figure(figsize=(9, 2.3), layout="constrained")
    axes = figure.subplots(1, 4)
    _picture(axes[0], photograph, "photograph", cmap="gray")
    _picture(axes[1], labels[0] / 2, ", ".join(CLASSES), cmap="gray")
    _picture(axes[2], entropy[0], f"cross-entropy {entropy.mean():.3f}", cmap="magma")
    _picture(axes[3], focal[0], f"focal loss {focal.mean():.3f}", cmap="magma")
    scale = axes[3].inset_axes((1.05, 0, 0.06, 1))
    figure.colorbar(axes[3].images[0], cax=scale, extend="max")
    scale.tick_params(labelsize=8)
    figure.savefig(FOLDER / f"{name}.png", dpi=160, metadata={"Software": None})


def _coins() -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph of coins and the classes of its pixels, (1, H, W)."""
    grey = data.coins()[12:226, 12:244]
    # Certain pixels of both grow along the edges until they meet.
    seeds = np.where(grey > 150, 2, np.where(grey < 30, 1, 0))
    coins = segmentation.watershed(filters.sobel(grey), seeds) == 2
    inside = binary_erosion(coins, iterations=4)
    return grey / 255, (coins.astype(np.int64) + inside)[np.newaxis]


def _prediction(labels: np.ndarray) -> np.ndarray:
    """Return logits of the labels seen through a blur, with noise."""
    classes = np.arange(len(CLASSES)).reshape(1, -1, 1, 1)
    shares = gaussian_filter((labels[:, np.newaxis] == classes) * 1.0, (0, 0, 2, 2))
    noise = np.random.default_rng(708).standard_normal(shares.shape)
    return np.log(shares + 0.02) + 3 * gaussian_filter(noise, (0, 0, 1.5, 1.5))


def _divergence(name: str) -> None:
    """Draw the error in float32 for distributions of which cells differ by a factor."""
    difference = np.logspace(-5, -0.05, 45)
    errors = np.asarray([_divergence_errors(d) for d in difference])
    with mpl.rc_context({"svg.hashsalt": "xloss", "font.size": 9}):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        titles = "Kullback-Leibler, KL(t ‖ p)", "Jensen-Shannon"
        for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
            axes.loglog(difference, errors[:, i, 0], "-", label="xloss")
            axes.loglog(difference, errors[:, i, 1], "--", label="textbook")
            axes.axhline(1, color="0.6", linewidth=0.8)
            axes.set(title=title, xlabel="relative difference d of the cells")
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("largest relative error, float32")
        panels[0].text(1, 1.3, "no digit is right", ha="right")
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside right center"
        )
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})


def _divergence_errors(difference: float) -> list[list[float]]:
    """Return the largest errors of KL and JS, each by xloss and by the textbook."""
    random = np.random.default_rng(1951)
    apart: list[list[list[float]]] = []
    for _ in range(DRAWS):
        pred, target = _close_distributions(difference, random)
        kl, js = _exact_divergences(pred.tolist(), target.tolist())
        middle = (pred + target) / 2
        textbook = _entropy(target, middle) / 2 + _entropy(pred, middle) / 2
        values = (
            (kl, xloss.kl_div_loss(pred, target), _entropy(target, pred)),
            (js, xloss.js_div_loss(pred, target), textbook),
        )
        apart.append(
            [[abs(float(x) / exact - 1) for x in both] for exact, *both in values]
        )
    return np.max(apart, axis=0).tolist()


def _close_distributions(
    difference: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 cells t and t(1 ± d) with exactly the same sum."""
    target = random.integers(2**22, 2**23, CELLS)
    moved = np.rint(difference * target[::2].clip(max=target[1::2])).astype(int)
    pred = target + np.stack([moved, -moved], axis=1).ravel()
    # Below 2^24: no integer is rounded. The sum of the cells is 1 by about a tenth.
    scale = np.float32(2.0**-29)
    return pred.astype(np.float32) * scale, target.astype(np.float32) * scale


def _exact_divergences(pred: list[float], target: list[float]) -> tuple[float, float]:
    with mpmath.workdps(40):
        pairs = [
            (mpmath.mpf(p), mpmath.mpf(t)) for p, t in zip(pred, target, strict=True)
        ]
        kl = mpmath.fsum(t * mpmath.log(t / p) for p, t in pairs)
        js = mpmath.fsum(
            (t * mpmath.log(2 * t / (p + t)) + p * mpmath.log(2 * p / (p + t))) / 2
            for p, t in pairs
        )
        return float(kl), float(js)


def _entropy(p: np.ndarray, q: np.ndarray) -> np.float32:
    """Return the relative entropy as the definition states it."""
    return np.sum(p * (np.log(p) - np.log(q)))


def _registration(name: str) -> None:
    """Draw a photograph, its negative at another place, and losses over the shift."""
    registered = register(_photograph()[0])
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 2.5), layout="constrained")
        left, right, *curves = figure.subplots(1, 4, width_ratios=(1, 1, 1.4, 1.4))
        negative = registered.moving["inverted"]
        _picture(left, registered.fixed, "photograph", cmap="gray")
        title = f"inverted, {registered.shift} pixels to the right"
        _picture(right, negative, title, cmap="gray")
        for axes, tones in zip(curves, ("gamma 2.2", "inverted"), strict=True):
            axes.axvline(registered.shift, color="0.6", label="true shift")
            for loss, values in registered.losses[tones].items():
                scaled = (values - values.min()) / np.ptp(values)
                axes.plot(registered.shifts, scaled, label=loss.replace("_", " "))
            axes.set_title(f"losses, {tones}", fontsize=9)
            axes.set(xlabel="shift, pixels", yticks=(0, 1))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        curves[0].set_yticklabels(("least", "largest"))
        curves[1].set_yticklabels(())
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower right", ncols=5
        )
        figure.savefig(FOLDER / f"{name}.png", dpi=160, metadata={"Software": None})
