"""Divergences, erosion, information and correlation as one table, with arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import xloss

from . import information_textbook as textbook


class Problem(NamedTuple):
    """A loss with one setting of its options, and its textbook formula."""

    name: str
    function: Callable[..., Any]
    formula: Callable[..., torch.Tensor]
    draw: Callable[..., tuple[np.ndarray, np.ndarray]]
    """from a generator and a shape"""
    shape: tuple[int, ...]
    options: dict[str, Any]
    """arrays among them are NumPy's; see `on`"""

    def __call__(self, *arrays: Any, **kwargs: Any) -> Any:
        return self.function(*arrays, **{**self.options, **kwargs})

    def arrays(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return two arrays that no kink and no tie meets."""
        return self.draw(np.random.default_rng(seed), self.shape)

    @property
    def parameters(self) -> tuple[str, str]:
        """What the function calls its arrays."""
        first, second, *_ = signature(self.function).parameters
        return first, second

    def on(self, asarray: Callable[[Any], Any]) -> Problem:
        """Return the same with the arrays among its options in another library."""
        options = {
            k: asarray(v) if isinstance(v, np.ndarray) else v
            for k, v in self.options.items()
        }
        return self._replace(options=options)

    def expected(self, *arrays: Any, **kwargs: Any) -> np.ndarray:
        """Return what the formula gives."""
        return np.asarray(self._formula(*map(double, arrays), **kwargs))

    def gradients(self, *arrays: Any, **kwargs: Any) -> list[np.ndarray]:
        """Return the derivatives of the formula, summed up, in each floating array."""
        tensors = [double(x) for x in arrays]
        leaves = [x.requires_grad_() for x in tensors if x.is_floating_point()]
        self._formula(*tensors, **kwargs).sum().backward()
        return [np.asarray(leaf.grad) for leaf in leaves]

    def hessian(self, *arrays: Any) -> np.ndarray:
        """Return the second derivative of the summed formula in the first array."""
        first, second = map(double, arrays)
        second_order = torch.autograd.functional.hessian(
            lambda x: self._formula(x, second).sum(), first
        )
        return np.asarray(second_order)

    def _formula(self, *arrays: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return self.formula(*arrays, **{**self.options, **kwargs})


def double(x: Any) -> torch.Tensor:
    """A copy: in float64, but for labels."""
    x = torch.tensor(np.asarray(x))
    return x.double() if x.is_floating_point() else x


def distributions(rng, shape, axes=(-1,)):
    """Two arrays whose entries sum to 1 along the axes."""
    drawn = [rng.random(shape) + 0.1 for _ in range(2)]
    return tuple(x / x.sum(axes, keepdims=True) for x in drawn)


def heat_maps(rng, shape):
    return distributions(rng, shape, (2, 3))


def whole(rng, shape):
    return distributions(rng, shape, None)


def mostly_wrong(rng, shape):
    """Probabilities whose errors outlast some erosions, and their labels."""
    batch, classes, *space = shape
    labels = rng.integers(0, classes, (batch, 1, *space))
    own = labels == np.arange(classes).reshape(1, -1, *[1] * len(space))
    return np.where(own, 0.02, 0.98) + 0.2 * rng.random(shape) - 0.1, labels


def signals(rng, shape):
    """Two that have something in common, in different units."""
    x = rng.random(shape)
    return x, 3 * x**2 + rng.random(shape)


KL = xloss.kl_div_loss, textbook.kl_div_loss
JS = xloss.js_div_loss, textbook.js_div_loss
HAUSDORFF = xloss.hausdorff_er_loss, textbook.hausdorff_er_loss
NCC = xloss.ncc_loss, textbook.ncc_loss, signals
LNCC = xloss.lncc_loss, textbook.lncc_loss, signals


def information(name, spatial, shape, normalized=False, **options):
    prefix = "normalized_" if normalized else ""
    suffix = "" if spatial == 1 else f"_{spatial}d"
    function = getattr(xloss, f"{prefix}mutual_information_loss{suffix}")
    formula = partial(
        textbook.mutual_information, spatial=spatial, normalized=normalized
    )
    return Problem(name, function, formula, signals, shape, options)


def mask(*shape: int, seed: int = 1, dtype: type = bool) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.8).astype(dtype)


PROBLEMS = [
    Problem("kl", *KL, distributions, (2, 3, 5), {}),
    Problem(
        "kl_axes", *KL, partial(distributions, axes=(0, 2)), (2, 3, 4), {"axis": (0, 2)}
    ),
    Problem("js", *JS, distributions, (2, 3, 5), {}),
    Problem("js_all", *JS, whole, (2, 3, 2), {"axis": None}),
    Problem(
        "kl_2d",
        xloss.kl_div_loss_2d,
        textbook.kl_div_loss_2d,
        heat_maps,
        (2, 2, 3, 4),
        {},
    ),
    Problem(
        "js_2d",
        xloss.js_div_loss_2d,
        textbook.js_div_loss_2d,
        heat_maps,
        (2, 2, 3, 4),
        {},
    ),
    Problem("hausdorff", *HAUSDORFF, mostly_wrong, (2, 3, 5, 6), {"k": 4}),
    Problem("hausdorff_1d", *HAUSDORFF, mostly_wrong, (2, 2, 9), {"alpha": 0.5}),
    Problem(
        "hausdorff_3d",
        *HAUSDORFF,
        mostly_wrong,
        (2, 2, 3, 4, 3),
        {"alpha": 1.5, "k": 3},
    ),
    information("mi", 1, (3, 40), num_bins=7),
    information("mi_wide", 1, (2, 30), num_bins=9, window_radius=2.5),
    information(
        "mi_masked",
        1,
        (2, 50),
        num_bins=6,
        kernel_function="truncated_gaussian",
        input_mask=mask(50),
        target_mask=mask(50, seed=2),
    ),
    information("mi_2d", 2, (2, 5, 8), input_mask=mask(5, 8), num_bins=8),
    information("mi_3d", 3, (2, 3, 4, 3), num_bins=5, window_radius=0.7),
    information("nmi", 1, (2, 2, 30), True, num_bins=6),
    information(
        "nmi_2d",
        2,
        (2, 6, 5),
        True,
        num_bins=8,
        kernel_function="truncated_gaussian",
        window_radius=1.5,
        target_mask=mask(6, 5, dtype=np.uint8),
    ),
    information("nmi_3d", 3, (2, 2, 4, 3), True, num_bins=5),
    Problem("ncc", *NCC, (2, 3, 4, 5), {}),
    Problem("ncc_1d", *NCC, (2, 2, 7), {}),
    Problem("lncc", *LNCC, (2, 2, 6, 7), {"window_size": 5}),
    Problem("lncc_valid", *LNCC, (2, 2, 7, 6), {"window_size": 3, "padding": "valid"}),
    Problem("lncc_3d", *LNCC, (2, 1, 3, 4, 3), {"window_size": 3}),
]

LOSSES = list({p.function: p for p in PROBLEMS}.values())
"""one for each function"""

DIVERGENCES = [p for p in PROBLEMS if p.name.startswith(("kl", "js"))]
HAUSDORFFS = [p for p in PROBLEMS if p.name.startswith("hausdorff")]
INFORMATION = [p for p in PROBLEMS if p.name.startswith(("mi", "nmi"))]
CORRELATIONS = [p for p in PROBLEMS if "ncc" in p.name]

by_name = {p.name: p for p in PROBLEMS}


def every(problems: list[Problem]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("loss", problems, ids=lambda p: p.name)


every_problem = every(PROBLEMS)
every_function = every(LOSSES)
every_reduction = pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
