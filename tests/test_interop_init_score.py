"""The constant of the least loss: against a search of the formula's sum."""

import numpy as np
import pytest

import xloss
from xloss.interop import lightgbm_objective, xgboost_objective

MAKERS = [xgboost_objective, lightgbm_objective]
both = pytest.mark.parametrize("make", MAKERS)


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


def gauss(r, scale):
    return np.exp(-0.5 * (r / scale) ** 2)


SUMS = {
    "l1": (xloss.L1Loss(), np.abs),
    "quantile": (
        xloss.QuantileLoss(0.8),
        lambda r: np.where(r > 0, 0.2 * r, -0.8 * r),
    ),
    "mse": (xloss.mse_loss, np.square),
    "huber": (
        xloss.HuberLoss(delta=0.4),
        lambda r: np.where(abs(r) <= 0.4, r * r / 2, 0.4 * (abs(r) - 0.2)),
    ),
    "log_cosh": (xloss.LogCoshLoss(), lambda r: np.log(np.cosh(r))),
    "charbonnier": (xloss.CharbonnierLoss(scale=0.1), lambda r: np.hypot(r, 0.1)),
    "welsch": (xloss.WelschLoss(scale=0.8), lambda r: -gauss(r, 0.8)),
    "general": (
        xloss.GeneralRobustLoss(-2.0, scale=2.0),
        lambda r: -1 / (r * r / 16 + 1),
    ),
}


class TestInitScore:
    """The constant of the least loss: against a search of the formula's sum."""

    @both
    @pytest.mark.parametrize(("loss", "formula"), SUMS.values(), ids=list(SUMS))
    @pytest.mark.parametrize("weighted", [False, True])
    def test_no_constant_does_better(self, make, loss, formula, weighted):
        rng = np.random.default_rng(0)
        y = rng.standard_normal(51) + 5.0 * (rng.random(51) < 0.2)
        weight = rng.uniform(0.5, 2.0, 51) if weighted else np.ones(51)
        curvature = (
            "majorizer" if loss not in (SUMS["l1"][0], SUMS["quantile"][0]) else 1
        )
        got = make(loss, curvature).init_score(y, weight if weighted else None)
        grid = np.concatenate([np.linspace(y.min(), y.max(), 4001), y, [got]])
        total = np.sum(weight * formula(grid[:, None] - y), axis=1)
        assert total[-1] <= total.min() + 1e-13 * np.abs(total.min())

    def test_known_minimisers(self):
        y = np.asarray([3.0, 1.0, 2.0, 10.0])
        assert xgboost_objective(xloss.mse_loss).init_score(y) == 4.0
        assert xgboost_objective(xloss.l1_loss, 1.0).init_score(y) == np.median(y)
        objective = xgboost_objective(xloss.QuantileLoss(0.75), 1.0)
        assert objective.init_score(list(y)) == 6.5  # between 3 and 10 all are
        assert objective.init_score(y, [1, 1, 1, 0]) == 3.0
        objective = xgboost_objective(xloss.BCEWithLogitsLoss(), 0.25)
        assert objective.init_score([0, 1, 1, 1]) == pytest.approx(np.log(3.0))
        assert objective.init_score([0, 1], [3.0, 1.5]) == pytest.approx(-np.log(2.0))
        loss = xloss.BCEWithLogitsLoss(pos_weight=np.asarray([4.0]))
        score = xgboost_objective(loss, 0.25).init_score([0, 1, 1])
        assert score == pytest.approx(np.log(8.0))

    @pytest.mark.parametrize("q", [0.0, 1.0])
    def test_the_least_and_the_greatest_are_quantiles(self, q):
        objective = xgboost_objective(xloss.QuantileLoss(q), 1.0)
        assert objective.init_score([2.0, 1.0, 3.0]) == (3.0 if q else 1.0)

    def test_offsets_keep_their_digits(self):
        y = np.asarray([-1.0, 0.0, 0.5, 40.0])
        objective = xgboost_objective(xloss.CauchyLoss())
        near, far = objective.init_score(y), objective.init_score(y + 1e6)
        assert far - 1e6 == pytest.approx(near, abs=2e-6)  # 12 digits of 1e6, twice

    def test_a_loss_that_is_flat_everywhere_stays_at_the_median(self):
        objective = xgboost_objective(xloss.WelschLoss(scale=1e-3))
        assert objective.init_score([0.0, 100.0]) == 50.0

    @pytest.mark.parametrize(
        ("loss", "reason"),
        [
            (xloss.GeneralRobustLoss(3.0), "steeper than the squared error"),
            (xloss.QuantileLoss(np.asarray([0.1, 0.9])), "no closed form"),
            (xloss.BCEWithLogitsLoss(pos_weight=np.ones(2)), "one pos_weight"),
            (xloss.BinaryFocalLossWithLogits(), "no closed form"),
        ],
    )
    def test_what_is_not_known(self, loss, reason):
        with refused(NotImplementedError, "xgboost_objective", reason):
            xgboost_objective(loss, 1.0).init_score([0.0, 1.0])

    def test_bad_input(self):
        objective = lightgbm_objective(xloss.HuberLoss())
        function = "lightgbm_objective"
        with refused(ValueError, function, r"y_true.*\(n,\), got shape \(2, 1\)"):
            objective.init_score([[1.0], [2.0]])
        with refused(ValueError, function, "y_true.*NaN"):
            objective.init_score([1.0, np.nan])
        for weight in ([1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]):
            with refused(ValueError, function, "sample_weight.*2 targets"):
                objective.init_score([1.0, 2.0], weight)
        objective = lightgbm_objective(xloss.BCEWithLogitsLoss(), 0.25)
        with refused(ValueError, function, "both labels.*from 1.0 to 1.0"):
            objective.init_score([1, 1])
