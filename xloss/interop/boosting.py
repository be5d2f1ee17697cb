"""Elementwise losses as objectives of XGBoost and LightGBM."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from .._core.checks import check_same_shape, choice, is_number
from .._core.elementwise import elementwise_call, unweighted_call
from .._core.namespace import array_namespace, cast
from .._core.pointwise import pointwise
from .._core.typing import Namespace
from ..autodiff import grad
from ..second_order import curvature as curvature_of
from ..second_order import smooth_kernel
from .constant import best_constant

__all__ = ["BoostingObjective", "lightgbm_objective", "xgboost_objective"]

Curvature = Literal["hessian", "majorizer"] | float


@dataclass(frozen=True)
class BoostingObjective:
    """Gradient and Hessian of a loss, for boosting: see :func:`xgboost_objective`.

    A value, which can be copied, and pickled if the loss can.
    """

    loss: Callable[..., Any]
    curvature: Curvature = "majorizer"
    function: str = "BoostingObjective"
    """name for messages"""

    def __post_init__(self) -> None:
        _check_curvature(self.function, self.curvature)
        advice = "; pass sample_weight to fit"
        call = unweighted_call(self.function, self.loss, advice)
        if isinstance(self.curvature, str):
            try:
                smooth_kernel(self.function, call)
            except ValueError as error:
                msg = f"{error}; pass a positive number as curvature"
                raise ValueError(msg) from None

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tuple[Any, Any]:
        """Return gradient and Hessian of the sum of the loss by each prediction.

        Parameters
        ----------
        y_true, y_pred
            Targets and predictions, (n,), or (n, k) for several outputs.
        sample_weight
            One weight for each sample, (n,).

        Returns
        -------
        tuple
            Two float32 arrays of the shape of `y_pred`.
        """
        arrays = {"y_true": y_true, "y_pred": y_pred}
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        xp = array_namespace(self.function, {**arrays, **weights})
        check_same_shape(self.function, arrays)
        # Losses of classes ask for an axis of outputs.
        rows = (y_pred.shape[0], -1)
        pred, target = xp.reshape(y_pred, rows), xp.reshape(y_true, rows)
        parts = self._gradient(pred, target), self._hessian(xp, pred, target)
        if sample_weight is not None:
            _check_weight(self.function, sample_weight, y_pred.shape[0])
            weight = xp.reshape(sample_weight, (-1, 1))
            parts = weight * parts[0], weight * parts[1]
        gradient, hessian = [cast(xp, part, xp.float32) for part in parts]
        return xp.reshape(gradient, y_pred.shape), xp.reshape(hessian, y_pred.shape)

    def _gradient(self, pred: Any, target: Any) -> Any:
        return grad(self._sum)(pred, target)

    def _hessian(self, xp: Namespace, pred: Any, target: Any) -> Any:
        if isinstance(self.curvature, str):
            return curvature_of(self._sum, self.curvature)(pred, target)
        return xp.full_like(pred, self.curvature)

    def _sum(self, pred: Any, target: Any) -> Any:
        """Return the sum of the loss, whatever its own reduction."""
        call = elementwise_call(self.function, self.loss, pred, target)
        return pointwise(
            call.function, call.kernel, call.arrays, "sum", **call.keywords
        )

    def init_score(
        self, y_true: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        """Return the constant prediction of the least loss, to start boosting from.

        Parameters
        ----------
        y_true
            Targets (n,).
        sample_weight
            One weight for each sample, (n,).

        Returns
        -------
        float
            The mean for the squared error, the median for the absolute one, the
            quantile for the quantile loss, the log-odds for
            :func:`xloss.binary_cross_entropy_with_logits`. For the other smooth ones
            what iteratively reweighted least squares reaches from the median, to 8
            digits: where the loss is not convex, a local minimiser.

        Raises
        ------
        NotImplementedError
            If the minimiser has no such form.
        ValueError
            If the targets or the weights do not fit; for the log-odds, if there are
            not both labels.
        """
        return best_constant(self.function, self.loss, y_true, sample_weight)


def _check_weight(function: str, weight: Any, count: int) -> None:
    if math.prod(weight.shape) != count:
        msg = (
            f"{function}: sample_weight must be one number for each of the {count} "
            f"samples, got shape {tuple(weight.shape)}"
        )
        raise ValueError(msg)


def _check_curvature(function: str, value: Any) -> None:
    if isinstance(value, str):
        choice(function, "curvature", value, ("hessian", "majorizer"))
    elif not is_number(value) or not 0.0 < value < math.inf:
        kind = ValueError if is_number(value) else TypeError
        msg = (
            f"{function}: curvature must be 'hessian', 'majorizer' or a positive "
            f"number, got {value!r}"
        )
        raise kind(msg)


def xgboost_objective(
    loss: Callable[..., Any], curvature: Curvature = "majorizer"
) -> BoostingObjective:
    """Return a loss as an objective of XGBoost's estimators.

    Parameters
    ----------
    loss
        An elementwise loss, as a function or a criterion. The gradient is that of the
        sum over the samples, whatever its reduction.
    curvature
        What stands for the second derivative: ``"majorizer"`` or ``"hessian"`` for the
        losses of :func:`xloss.curvature`, or a positive number for any, such as the
        absolute error, the quantile loss and binary cross-entropy (0.25 is the largest
        second derivative of the last). A leaf's step is the sum of its gradients over
        the sum of these: a smaller number takes longer steps.

    Returns
    -------
    BoostingObjective
        Called as ``objective(y_true, y_pred, sample_weight=None)``, for
        ``XGBRegressor(objective=...)``, of several outputs too; it has a method
        `init_score`, for ``base_score``.

    Raises
    ------
    ValueError
        If the loss is not elementwise: that of a set (Dice, SSIM) is no sum over
        samples, and one of several classes mixes the outputs of a sample. If it has no
        curvature of the kind.
    TypeError
        If `curvature` is of the wrong type.

    Notes
    -----
    Of a loss that is not convex, such as Welsch's, the Hessian is negative far out,
    and boosting with it may diverge; with the majorizer no full step raises the loss.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> objective = xgboost_objective(xloss.HuberLoss(delta=2.0))
    >>> gradient, hessian = objective(np.asarray([0.0, 1.0]), np.asarray([8.0, 2.0]))
    >>> print(gradient, hessian)
    [2. 1.] [0.25 1.  ]
    >>> round(objective.init_score(np.asarray([1.0, 2.0, 3.0, 100.0])), 9)
    2.666666667
    """
    return BoostingObjective(loss, curvature, "xgboost_objective")


def lightgbm_objective(
    loss: Callable[..., Any], curvature: Curvature = "majorizer"
) -> BoostingObjective:
    """Return a loss as an objective of LightGBM's estimators.

    Parameters
    ----------
    loss, curvature
        See :func:`xgboost_objective`.

    Returns
    -------
    BoostingObjective
        Called as ``objective(y_true, y_pred, weight)``, for
        ``LGBMRegressor(objective=...)``; it has a method `init_score`.

    Raises
    ------
    TypeError, ValueError
        See :func:`xgboost_objective`.

    Notes
    -----
    LightGBM takes negative Hessians as they are, where XGBoost clips them: here the
    ``"hessian"`` of a loss that is not convex diverges.

    Examples
    --------
    >>> import numpy as np
    >>> import xloss
    >>> objective = lightgbm_objective(xloss.L1Loss(), curvature=0.5)
    >>> gradient, hessian = objective(np.asarray([0.0, 1.0]), np.asarray([8.0, 0.0]))
    >>> print(gradient, hessian)
    [ 1. -1.] [0.5 0.5]
    """
    return BoostingObjective(loss, curvature, "lightgbm_objective")
