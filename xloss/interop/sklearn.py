"""Losses as metrics of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["sklearn_metric"]


@dataclass(frozen=True, eq=False)  # a criterion may hold an array
class _Metric:
    """What :func:`sklearn_metric` returns: an object that can be pickled."""

    loss: Callable[..., Any]

    @property
    def __name__(self) -> str:  # a scorer prints it, and XGBoost takes it apart
        return getattr(self.loss, "__name__", type(self.loss).__name__)

    def __call__(
        self,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Return the loss of a prediction and a target."""
        target, pred = np.asarray(y_true), np.asarray(y_pred)
        if sample_weight is None:
            return _scalar(self.loss(pred, target))
        weight = np.asarray(sample_weight)
        # One weight for each sample: it is shared by the outputs of that sample.
        weight = weight.reshape(weight.shape + (1,) * (target.ndim - weight.ndim))
        return _scalar(self.loss(pred, target, sample_weight=weight))


def _scalar(value: Any) -> float:
    if np.ndim(value):
        msg = (
            "sklearn_metric: loss must return one number, got an array of shape "
            f"{np.shape(value)}; give it reduction='mean'"
        )
        raise ValueError(msg)
    return float(value)


def sklearn_metric(loss: Callable[..., Any]) -> Callable[..., float]:
    """Return a loss as a metric of scikit-learn, which takes the target first.

    Parameters
    ----------
    loss
        A loss or a criterion that returns a scalar, or a function of one's own of the
        prediction and the target; it takes `sample_weight` if that is passed.

    Returns
    -------
    function
        ``metric(y_true, y_pred, *, sample_weight=None)`` to a float, of whatever NumPy
        makes arrays of: lists, integers, columns of a data frame. `sample_weight` is
        one for each sample, also of several outputs (n, k). It can be pickled if the
        loss can, for ``make_scorer(metric, greater_is_better=False)``.

    Raises
    ------
    ValueError
        At the call: if the loss does not return a scalar, or as the loss does.

    Examples
    --------
    >>> import xloss
    >>> metric = sklearn_metric(xloss.QuantileLoss(0.9))
    >>> metric([3, 5], [1, 5], sample_weight=[1, 3])
    0.45
    """
    return _Metric(loss)
