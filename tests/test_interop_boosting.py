"""Objectives for boosting: gradients and Hessians against formulas, bad input."""

import numpy as np
import pytest

import xloss
from xloss.interop import (
    BoostingObjective,
    lightgbm_objective,
    xgboost_objective,
)

MAKERS = [xgboost_objective, lightgbm_objective]
both = pytest.mark.parametrize("make", MAKERS)
Y = np.asarray([0.0, 1.0, -2.0, 0.5, 3.0], np.float32)
P = np.asarray([0.25, -1.0, 4.0, 0.5, 2.5], np.float32)
R = (P - Y).astype(np.float64)
WEIGHT = np.asarray([1.0, 0.5, 2.0, 3.0, 0.0], np.float32)
RTOL = 4 * np.finfo(np.float32).eps
"""the results are float32"""


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


def gauss(r, scale):
    return np.exp(-0.5 * (r / scale) ** 2)


SMOOTH = {
    "mse": (
        xloss.MSELoss(),
        lambda r: (2 * r, 2 + 0 * r, 2 + 0 * r),
    ),
    "huber": (
        xloss.HuberLoss("sum", delta=1.5),
        lambda r: (np.clip(r, -1.5, 1.5), abs(r) <= 1.5, 1.5 / np.maximum(abs(r), 1.5)),
    ),
    "log_cosh": (
        xloss.log_cosh_loss,
        lambda r: (
            np.tanh(r),
            np.cosh(r) ** -2,
            np.where(r == 0, 1, np.tanh(r) / np.where(r == 0, 1, r)),
        ),
    ),
    "charbonnier": (
        xloss.CharbonnierLoss("mean", scale=2.0),
        lambda r: (
            0.25 * r / np.sqrt(1 + r * r / 4),
            0.25 * (1 + r * r / 4) ** -1.5,
            0.25 / np.sqrt(1 + r * r / 4),
        ),
    ),
    "welsch": (
        xloss.WelschLoss(scale=3.0),
        lambda r: (
            r / 9 * gauss(r, 3),
            (1 - r * r / 9) / 9 * gauss(r, 3),
            gauss(r, 3) / 9,
        ),
    ),
    "cauchy": (
        lambda p, t: xloss.cauchy_loss(p, t, "sum"),
        lambda r: (
            r / (1 + r * r / 2),
            (1 - r * r / 2) / (1 + r * r / 2) ** 2,
            1 / (1 + r * r / 2),
        ),
    ),
}
every_smooth = pytest.mark.parametrize(
    ("loss", "formula"), SMOOTH.values(), ids=list(SMOOTH)
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def focal_slope(z):
    """Return the derivative of -p² log(1 - p), p the sigmoid of z."""
    z = z.astype(np.float64)
    p = sigmoid(z)
    return p * p * (p + 2 * (1 - p) * np.log1p(np.exp(z)))


class TestGradientAndHessian:
    """Of the sum over samples, in float32 and the shape of the prediction."""

    @both
    @every_smooth
    def test_formulas(self, make, loss, formula):
        first, hessian, majorizer = formula(R)
        for kind, second in (("hessian", hessian), ("majorizer", majorizer)):
            for dtype in (np.float32, np.float64):  # XGBoost's and LightGBM's
                pair = make(loss, kind)(Y, P.astype(dtype))
                for got, want in zip(pair, (first, second), strict=True):
                    assert got.dtype == np.float32
                    assert got.flags.c_contiguous
                    # Welsch's Hessian crosses 0 at |r| = scale: a difference of ones
                    np.testing.assert_allclose(got, want, rtol=RTOL, atol=1e-7)

    @both
    def test_losses_without_curvature_take_a_number(self, make):
        target = (Y > 0.25).astype(np.float32)
        cases = [
            (xloss.L1Loss("mean"), Y, np.sign(R)),
            (xloss.QuantileLoss(0.9), Y, np.where(R > 0, 0.1, -0.9) * (R != 0)),
            (xloss.BCEWithLogitsLoss(), target, sigmoid(P) - target),
            (
                xloss.BinaryFocalLossWithLogits(alpha=0.3, gamma=2.0),
                target,
                np.where(target == 1.0, 0.3 * -focal_slope(-P), 0.7 * focal_slope(P)),
            ),
        ]
        for loss, labels, want in cases:
            gradient, hessian = make(loss, 0.5)(labels, P)
            np.testing.assert_allclose(gradient, want, rtol=RTOL)
            np.testing.assert_array_equal(hessian, np.full(5, 0.5, np.float32))

    @both
    @pytest.mark.parametrize("curvature", ["majorizer", "hessian", 0.25])
    def test_weights_multiply_both(self, make, curvature):
        objective = make(xloss.CharbonnierLoss(), curvature)
        plain = objective(Y, P)
        weighted = objective(Y, P, sample_weight=WEIGHT)
        for one, all_ in zip(weighted, plain, strict=True):
            np.testing.assert_allclose(one, WEIGHT * all_, rtol=RTOL)

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_several_outputs_share_the_weight_of_their_sample(self, order):
        y, p = np.stack([Y, 2 * Y], 1), np.asarray(np.stack([P, P], 1), order=order)
        objective = xgboost_objective(xloss.MSELoss())
        gradient, hessian = objective(y, p, WEIGHT)
        np.testing.assert_allclose(gradient, 2 * (p - y) * WEIGHT[:, None], rtol=RTOL)
        np.testing.assert_allclose(hessian, 2 * np.stack([WEIGHT, WEIGHT], 1))

    def test_quantiles_of_several_outputs(self):
        objective = xgboost_objective(xloss.QuantileLoss(np.asarray([0.1, 0.9])), 1.0)
        gradient, _ = objective(np.zeros((1, 2)), np.full((1, 2), -1.0))
        np.testing.assert_allclose(gradient, [[-0.1, -0.9]], rtol=RTOL)


class TestBadInput:
    """Refused when the objective is made, or with the names of its arguments."""

    @both
    @pytest.mark.parametrize(
        "loss", [xloss.DiceLoss(), xloss.SSIMLoss(11), xloss.CrossEntropyLoss()]
    )
    def test_losses_of_sets_and_of_classes(self, make, loss):
        name = type(loss).__name__
        with refused(ValueError, make.__name__, f"elementwise.*{name}"):
            make(loss, 1.0)

    @both
    @pytest.mark.parametrize(
        "loss", [xloss.l1_loss, xloss.QuantileLoss(), xloss.BCEWithLogitsLoss()]
    )
    def test_no_curvature(self, make, loss):
        with refused(ValueError, make.__name__, "square.*pass a positive number"):
            make(loss)

    @pytest.mark.parametrize(
        ("curvature", "kind"),
        [
            ("newton", ValueError),
            (0, ValueError),
            (float("nan"), ValueError),
            (float("inf"), ValueError),
            (True, TypeError),
            (None, TypeError),
        ],
    )
    def test_curvature(self, curvature, kind):
        with refused(kind, "xgboost_objective", "curvature must be 'hessian'"):
            xgboost_objective(xloss.mse_loss, curvature)

    def test_weights_of_the_loss_itself(self):
        def loss(pred, target):
            return xloss.mse_loss(pred, target, sample_weight=WEIGHT)

        with refused(ValueError, "xgboost_objective", "no weights.*sample_weight to"):
            xgboost_objective(loss)

    @both
    def test_arrays(self, make):
        objective = make(xloss.mse_loss)
        with refused(TypeError, make.__name__, "y_true must be an array.*list"):
            objective([1.0], P)
        with refused(ValueError, make.__name__, r"y_true: \(5,\), y_pred: \(5, 1\)"):
            objective(Y, P[:, None])

    def test_an_objective_is_a_value(self):
        objective = xgboost_objective(xloss.HuberLoss(delta=2.0))
        assert isinstance(objective, BoostingObjective)
        assert objective == xgboost_objective(xloss.HuberLoss(delta=2.0))
        assert "HuberLoss(reduction='mean', delta=2.0)" in repr(objective)
