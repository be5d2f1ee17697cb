"""The image losses as one table, with arguments, for tests that hold of all of them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import xloss

from . import textbook


class Problem(NamedTuple):
    """An image loss with one setting of its options, and its textbook formula."""

    name: str
    function: Callable[..., Any]
    formula: Callable[..., torch.Tensor]
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any]
    reductions: tuple[str, ...] = ("none", "mean", "sum")
    """() where there is nothing to reduce"""

    def __call__(self, *arrays: Any, **kwargs: Any) -> Any:
        return self.function(*arrays, **{**self.options, **kwargs})

    def arrays(self, seed: int = 0) -> list[np.ndarray]:
        """Return images in [0, 1] that no kink and no tie meets, the second alike."""
        rng = np.random.default_rng(seed)
        images = [rng.random(shape) for shape in self.shapes]
        if self.shapes == pair(*self.shapes[0]):
            images[1] = 0.6 * images[0] + 0.4 * images[1]
        return images

    def expected(self, *arrays: Any, **kwargs: Any) -> np.ndarray:
        """Return what the formula gives."""
        return np.asarray(self._formula(*map(double, arrays), **kwargs))

    def gradients(self, *arrays: Any, **kwargs: Any) -> list[np.ndarray]:
        """Return the derivatives of the formula, summed up, in every array."""
        leaves = [double(x).requires_grad_() for x in arrays]
        self._formula(*leaves, **kwargs).sum().backward()
        return [np.asarray(leaf.grad) for leaf in leaves]

    def hessian(self, *arrays: Any, **kwargs: Any) -> np.ndarray:
        """Return the second derivative of the summed formula in the first array."""
        first, *others = map(double, arrays)

        def total(x: torch.Tensor) -> torch.Tensor:
            return self._formula(x, *others, **kwargs).sum()

        return np.asarray(torch.func.hessian(total)(first))

    def _formula(self, *arrays: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return self.formula(*arrays, **{**self.options, **kwargs})


def double(x: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(x), dtype=torch.float64)


def pair(*shape: int) -> tuple[tuple[int, ...], ...]:
    return shape, shape


SSIM = xloss.ssim_loss, textbook.ssim_loss
PROBLEMS = [
    Problem("ssim", *SSIM, pair(2, 2, 6, 7), {"window_size": 5}),
    Problem(
        "ssim_valid",
        *SSIM,
        pair(2, 2, 6, 7),
        {"window_size": 3, "max_val": 2.0, "eps": 1e-3, "padding": "valid"},
    ),
    Problem("ssim_1d", *SSIM, pair(2, 2, 9), {"window_size": 11}),
    Problem(
        "ssim3d",
        xloss.ssim3d_loss,
        textbook.ssim_loss,
        pair(2, 1, 4, 5, 3),
        {"window_size": 3},
    ),
    Problem(
        "ssim_map", xloss.ssim, textbook.ssim, pair(2, 2, 6, 7), {"window_size": 5}, ()
    ),
    Problem(
        "ms_ssim_l1",
        xloss.ms_ssim_l1_loss,
        textbook.ms_ssim_l1_loss,
        pair(2, 2, 5, 6),
        {"sigmas": (0.5, 1.5), "K": (0.02, 0.05), "alpha": 0.3, "compensation": 7.0},
    ),
    Problem(
        "ms_ssim",
        xloss.ms_ssim_loss,
        textbook.ms_ssim_loss,
        pair(2, 2, 7, 6),
        # at the smallest window that has neighbours, so that a hessian stays small
        {"window_size": 3, "power_factors": (0.4, 0.7), "max_val": 2.0},
    ),
    Problem("psnr", xloss.psnr, textbook.psnr, pair(2, 2, 3, 4), {"max_val": 2.0}),
    Problem(
        "psnr_loss",
        xloss.psnr_loss,
        textbook.psnr_loss,
        pair(2, 2, 3, 4),
        {"max_val": 0.5},
    ),
    Problem(
        "total_variation",
        xloss.total_variation,
        textbook.total_variation,
        ((2, 2, 4, 5),),
        {},
        ("mean", "sum"),
    ),
    Problem(
        "depth",
        xloss.inverse_depth_smoothness_loss,
        textbook.inverse_depth_smoothness_loss,
        ((2, 1, 4, 5), (2, 3, 4, 5)),
        {},
    ),
]

WEIGHTED = [p for p in PROBLEMS if "where" in signature(p.function).parameters]
"""those that take `where` and `sample_weight`"""

SETTINGS = [
    p._replace(name=f"{p.name}-{r}", options={**p.options, "reduction": r})
    for p in PROBLEMS
    for r in p.reductions
] + [p for p in PROBLEMS if not p.reductions]
"""each with each of its reductions"""

every_image_loss = pytest.mark.parametrize("loss", PROBLEMS, ids=lambda p: p.name)
every_weighted_loss = pytest.mark.parametrize("loss", WEIGHTED, ids=lambda p: p.name)
every_setting = pytest.mark.parametrize("loss", SETTINGS, ids=lambda p: p.name)
