"""The losses of keras, brought to the same work: one ratio for each image and class.

Its Tversky's index counts with alpha what is missed, and with beta what is false.
"""

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.groups.segmentation.options import (
    ALPHA,
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    FOCAL_TVERSKY_GAMMA,
    GAMMA,
)
from benchmarks.modes import Loss

_SPATIAL = (2, 3)
_TVERSKY = {"alpha": FALSE_NEGATIVES, "beta": FALSE_POSITIVES}


def load(loss: str) -> Loss:
    """Return a loss of logits and labels, or of logits and targets of their shape."""
    functions = [
        binary_cross_entropy,
        binary_focal,
        cross_entropy,
        probabilities,
        focal,
        dice,
        jaccard,
        tversky,
        focal_tversky,
    ]
    return {function.__name__: function for function in functions}[loss]


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    return _losses().binary_crossentropy(targets, logits, from_logits=True).mean()


def binary_focal(logits: Any, targets: Any) -> Any:
    function = _losses().binary_focal_crossentropy
    options = {"apply_class_balancing": True, "alpha": ALPHA, "gamma": GAMMA}
    return function(targets, logits, from_logits=True, **options).mean()


def cross_entropy(logits: Any, labels: Any) -> Any:
    function = _losses().sparse_categorical_crossentropy
    last = _keras().ops.moveaxis(logits, 1, -1)  # the one axis that it takes
    return function(labels, last, from_logits=True).mean()


def probabilities(logits: Any, targets: Any) -> Any:
    function = _losses().categorical_crossentropy
    return function(targets, logits, from_logits=True, axis=1).mean()


def focal(logits: Any, labels: Any) -> Any:
    classes = logits.shape[1]
    weights = np.full((classes, 1, 1), ALPHA, np.float32)
    weights[0] = 1 - ALPHA
    function = _losses().categorical_focal_crossentropy
    options = {"alpha": weights, "gamma": GAMMA, "axis": 1}
    of_pixels = function(_one_hot(labels, classes), logits, from_logits=True, **options)
    return of_pixels.mean() / classes


def dice(logits: Any, labels: Any) -> Any:
    return _overlap(_losses().dice, logits, labels).mean()


def jaccard(logits: Any, labels: Any) -> Any:
    index = _losses().tversky
    return _overlap(index, logits, labels, alpha=1.0, beta=1.0).mean()


def tversky(logits: Any, labels: Any) -> Any:
    return _overlap(_losses().tversky, logits, labels, **_TVERSKY).mean()


def focal_tversky(logits: Any, labels: Any) -> Any:
    of_each = _overlap(_losses().tversky, logits, labels, **_TVERSKY)
    return (of_each**FOCAL_TVERSKY_GAMMA).mean()


def _overlap(function: Loss, logits: Any, labels: Any, **options: Any) -> Any:
    prediction = _keras().ops.softmax(logits, axis=1)
    targets = _one_hot(labels, logits.shape[1])
    return function(targets, prediction, axis=_SPATIAL, **options)


def _one_hot(labels: Any, classes: int) -> Any:
    return _keras().ops.one_hot(labels, classes, axis=1)


def _losses() -> Any:
    return _keras().losses


def _keras() -> Any:
    return import_module("keras")
