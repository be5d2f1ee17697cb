"""The segmentation losses as one table, with arguments, for tests that hold of all."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import xloss

from . import segmentation_textbook as textbook

IGNORED = -100
"""the default of ignore_index"""


class Problem(NamedTuple):
    """A segmentation loss with one setting of its options, and its textbook formula."""

    name: str
    function: Callable[..., Any]
    formula: Callable[..., torch.Tensor]
    shape: tuple[int, ...]
    """of the logits"""
    target: str
    """a name in TARGETS"""
    options: dict[str, Any]
    """arrays among them are NumPy's; see `on`"""

    def __call__(self, *arrays: Any, **kwargs: Any) -> Any:
        return self.function(*arrays, **{**self.options, **kwargs})

    def arrays(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and a target that no kink and no tie meets."""
        rng = np.random.default_rng(seed)
        return 2 * rng.standard_normal(self.shape), TARGETS[self.target](
            rng, self.shape, self.options.get("ignore_index", IGNORED)
        )

    def on(self, asarray: Callable[[Any], Any]) -> Problem:
        """Return the same with the arrays among its options in another library."""
        arrays = {k for k, v in self.options.items() if isinstance(v, np.ndarray)}
        options = {k: asarray(v) if k in arrays else v for k, v in self.options.items()}
        return self._replace(options=options)

    def expected(self, *arrays: Any, **kwargs: Any) -> np.ndarray:
        """Return what the formula gives."""
        return np.asarray(self._formula(*map(textbook.double, arrays), **kwargs))

    def gradient(self, pred: Any, target: Any, **kwargs: Any) -> np.ndarray:
        """Return the derivative of the formula, summed up, in the logits."""
        leaf, target = torch.tensor(np.float64(pred)), textbook.double(target)
        self._formula(leaf.requires_grad_(), target, **kwargs).sum().backward()
        return np.asarray(leaf.grad)

    def hessian(self, pred: Any, target: Any) -> np.ndarray:
        """Return the second derivative of the summed formula in the logits."""
        leaf, target = torch.tensor(np.float64(pred)), textbook.double(target)
        second = torch.autograd.functional.hessian(
            lambda z: self._formula(z, target).sum(), leaf
        )
        return np.asarray(second)

    def _formula(self, *arrays: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return self.formula(*arrays, **{**self.options, **kwargs})


def labels(rng, shape, ignore_index):
    """One label for each pixel; one class is absent from the first sample."""
    batch, classes, *space = shape
    drawn = rng.integers(0, classes, (batch, *space))
    drawn[0] = np.where(drawn[0] == classes - 1, 0, drawn[0])
    return with_ignored(drawn, ignore_index)


def mask(rng, shape, ignore_index):
    """Labels 0 and 1 for one channel of logits."""
    drawn = rng.integers(0, 2, (shape[0], *shape[2:]))
    return with_ignored(drawn, ignore_index)


def bits(rng, shape, ignore_index):
    """Labels 0 and 1 for every logit."""
    return with_ignored(rng.integers(0, 2, shape), ignore_index)


def with_ignored(drawn, ignore_index):
    if ignore_index is not None:
        drawn.reshape(-1)[::6] = ignore_index
    return drawn


def shares(rng, shape, ignore_index):
    """Probabilities of the classes of each pixel."""
    drawn = rng.random(shape)
    return drawn / drawn.sum(1, keepdims=True)


def portions(rng, shape, ignore_index):
    """A probability for every logit."""
    return rng.random(shape)


TARGETS = {
    "labels": labels,
    "mask": mask,
    "bits": bits,
    "shares": shares,
    "portions": portions,
}


def pair(
    target: str, shape: tuple[int, ...], ignore_index: int | None = None, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and a target as tensors."""
    rng = np.random.default_rng(seed)
    pred = 2 * torch.tensor(rng.standard_normal(shape))
    return pred, torch.tensor(TARGETS[target](rng, shape, ignore_index))


PICTURE = 2, 4, 3, 5
WEIGHT = np.asarray([0.5, 2.0, 1.0, 3.0])
POS_WEIGHT = np.asarray([1.5, 0.5, 2.0, 1.0])


def problem(name: str, function: str, target: str, shape=PICTURE, **options) -> Problem:
    ours, theirs = getattr(xloss, function), getattr(textbook, function)
    return Problem(name, ours, theirs, shape, target, options)


PROBLEMS = [
    problem("focal", "focal_loss", "labels", alpha=0.3),
    problem(
        "focal_weight",
        "focal_loss",
        "labels",
        (2, 4, 7),
        alpha=None,
        gamma=0.5,
        weight=WEIGHT,
        ignore_index=2,
    ),
    problem("binary_focal", "binary_focal_loss_with_logits", "bits"),
    problem(
        "binary_focal_soft",
        "binary_focal_loss_with_logits",
        "portions",
        (3, 4),
        alpha=0.6,
        gamma=1.5,
        pos_weight=POS_WEIGHT,
        weight=WEIGHT,
    ),
    problem("cross_entropy", "cross_entropy_loss", "labels"),
    problem(
        "cross_entropy_smooth",
        "cross_entropy_loss",
        "labels",
        (5, 4),
        weight=WEIGHT,
        ignore_index=1,
        label_smoothing=0.2,
    ),
    problem(
        "cross_entropy_soft",
        "cross_entropy_loss",
        "shares",
        (2, 4, 6),
        weight=WEIGHT,
    ),
    problem(
        "bce",
        "binary_cross_entropy_with_logits",
        "portions",
        (2, 3, 4),
        weight=WEIGHT,
        pos_weight=POS_WEIGHT,
    ),
    problem("dice", "dice_loss", "labels", weight=WEIGHT),
    problem("dice_macro", "dice_loss", "labels", average="macro", weight=WEIGHT),
    problem("dice_soft", "dice_loss", "shares", (2, 4, 6), eps=0.5),
    problem("jaccard", "jaccard_loss", "labels", (2, 4, 9), ignore_index=0),
    problem("jaccard_macro", "jaccard_loss", "shares", average="macro", weight=WEIGHT),
    problem("generalized_dice", "generalized_dice_loss", "labels", eps=0.25),
    problem("generalized_dice_soft", "generalized_dice_loss", "shares"),
    problem("tversky", "tversky_loss", "labels", alpha=0.3, beta=0.7),
    problem("tversky_soft", "tversky_loss", "shares", alpha=0.8, beta=0.4, eps=0.1),
    problem(
        "focal_tversky", "focal_tversky_loss", "labels", alpha=0.3, beta=0.7, gamma=0.75
    ),
    problem(
        "focal_tversky_soft",
        "focal_tversky_loss",
        "shares",
        (3, 4, 5),
        alpha=0.6,
        beta=0.6,
        gamma=1.5,
    ),
    problem("lovasz_hinge", "lovasz_hinge_loss", "mask", (2, 1, 3, 5)),
    problem("lovasz_softmax", "lovasz_softmax_loss", "labels", weight=WEIGHT),
]

WEIGHTED = [p for p in PROBLEMS if "where" in signature(p.function).parameters]
"""those that take `where` and `sample_weight`"""

SETS = [p for p in PROBLEMS if "where" not in signature(p.function).parameters]
"""those that are one number for each sample"""

LABELLED = [p for p in PROBLEMS if p.target in ("labels", "mask", "bits")]
"""those whose target holds labels, some of them ignored"""

every_segmentation_loss = pytest.mark.parametrize(
    "loss", PROBLEMS, ids=lambda p: p.name
)
every_labelled_loss = pytest.mark.parametrize("loss", LABELLED, ids=lambda p: p.name)
every_weighted_loss = pytest.mark.parametrize("loss", WEIGHTED, ids=lambda p: p.name)
every_reduction = pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
