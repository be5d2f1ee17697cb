"""XGBoost and LightGBM fitted with losses: against the objectives they have."""

import copy
import pickle

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import xloss
from xloss.interop import lightgbm_objective, sklearn_metric, xgboost_objective

N = 400


def nonlinear(features):
    return 3 * np.sin(features[:, 0]) + features[:, 1]


def outliers():
    """Return features, targets of which a fifth is far off, and the truth to test."""
    rng = np.random.default_rng(0)
    features = rng.uniform(-3, 3, (2 * N, 2))
    truth = nonlinear(features)
    target = truth + 0.1 * rng.standard_normal(2 * N)
    target[rng.random(2 * N) < 0.2] += 40.0
    return features[:N], target[:N], features[N:], truth[N:]


def fit_xgboost(objective, features, target, **options):
    settings = {"n_estimators": 50, "max_depth": 3, "n_jobs": 1, **options}
    model = xgboost.XGBRegressor(objective=objective, **settings)
    return model.fit(features, target).predict


def fit_lightgbm(objective, features, target, start=0.0, **options):
    settings = {"n_estimators": 50, "max_depth": 3, "n_jobs": 1, "verbose": -1}
    settings |= {"learning_rate": 0.3, **options}
    model = lightgbm.LGBMRegressor(objective=objective, **settings)
    model.fit(features, target, init_score=np.full(len(target), start))
    return lambda features: start + model.predict(features)


class TestXGBoost:
    """XGBRegressor with an objective of a loss."""

    @pytest.mark.parametrize(
        ("loss", "factor"), [(xloss.mse_loss, 2.0), (xloss.HuberLoss(delta=1e6), 1.0)]
    )
    def test_squared_error_is_the_built_in_one(self, loss, factor):
        features, target, unseen, _ = outliers()
        start = {"base_score": 1.0}
        own = fit_xgboost("reg:squarederror", features, target, **start)
        # r² has twice the derivatives of r²/2; what they are compared with doubles
        start |= {"reg_lambda": factor, "min_child_weight": factor}
        got = fit_xgboost(xgboost_objective(loss), features, target, **start)
        np.testing.assert_allclose(got(unseen), own(unseen), rtol=1e-5, atol=1e-5)

    def test_pseudo_huber_is_the_built_in_one(self):
        features, target, unseen, _ = outliers()
        options = {"base_score": 1.0, "huber_slope": 2.0}
        own = fit_xgboost("reg:pseudohubererror", features, target, **options)
        # δ² times Charbonnier's, which has a curvature of 1 at 0
        objective = xgboost_objective(xloss.CharbonnierLoss(scale=2.0), "hessian")
        scaled = {"reg_lambda": 0.25, "min_child_weight": 0.25, "base_score": 1.0}
        got = fit_xgboost(objective, features, target, **scaled)
        np.testing.assert_allclose(got(unseen), own(unseen), rtol=1e-4, atol=1e-4)

    def test_outliers(self):
        features, target, unseen, truth = outliers()
        objective = xgboost_objective(xloss.WelschLoss())
        start = objective.init_score(target)
        robust = fit_xgboost(objective, features, target, base_score=start)
        squared = fit_xgboost("reg:squarederror", features, target)
        assert np.std(robust(unseen) - truth) < 0.4
        assert np.std(squared(unseen) - truth) > 4.0

    def test_weights_are_copies_of_samples(self):
        features, target, unseen, _ = outliers()
        weight = np.random.default_rng(1).integers(1, 4, N)
        options = {"base_score": 0.0, "tree_method": "exact"}
        settings = {"n_estimators": 5, "max_depth": 2, "n_jobs": 1, **options}
        settings["objective"] = xgboost_objective(xloss.CharbonnierLoss())
        model = xgboost.XGBRegressor(**settings)
        got = model.fit(features, target, sample_weight=weight).predict(unseen)
        copies = np.repeat(features, weight, axis=0), np.repeat(target, weight)
        want = xgboost.XGBRegressor(**settings).fit(*copies).predict(unseen)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)

    def test_several_outputs_are_as_many_models(self):
        features, target, unseen, _ = outliers()
        targets = np.stack([target, -target], axis=1)
        objective = xgboost_objective(xloss.LogCoshLoss())
        options = {"base_score": 0.0, "n_estimators": 10}
        both = fit_xgboost(objective, features, targets, **options)(unseen)
        for column in (0, 1):
            one = fit_xgboost(objective, features, targets[:, column], **options)
            np.testing.assert_allclose(both[:, column], one(unseen), rtol=1e-5)

    def test_base_score_of_a_classifier_is_the_chance(self):
        features = np.zeros((4, 1))
        labels = np.asarray([0, 1, 1, 1])
        objective = xgboost_objective(xloss.BCEWithLogitsLoss(), 0.25)
        chance = 1 / (1 + np.exp(-objective.init_score(labels)))
        model = xgboost.XGBClassifier(
            objective=objective, base_score=chance, n_estimators=2, n_jobs=1
        )
        chances = model.fit(features, labels).predict_proba(features)
        np.testing.assert_allclose(chances[:, 1], 0.75, rtol=1e-5)


class TestLightGBM:
    """LGBMRegressor with an objective of a loss."""

    @pytest.mark.parametrize(
        ("loss", "factor"), [(xloss.mse_loss, 2.0), (xloss.HuberLoss(delta=1e6), 1.0)]
    )
    def test_squared_error_is_the_built_in_one(self, loss, factor):
        features, target, unseen, _ = outliers()
        options = {"boost_from_average": False}
        own = fit_lightgbm("regression", features, target, **options)
        # r² has twice the derivatives of r²/2
        options = {"min_child_weight": factor * 1e-3}
        got = fit_lightgbm(lightgbm_objective(loss), features, target, **options)
        np.testing.assert_allclose(got(unseen), own(unseen), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("loss", [xloss.WelschLoss(), xloss.CauchyLoss(scale=0.3)])
    def test_outliers(self, loss):
        features, target, unseen, truth = outliers()
        objective = lightgbm_objective(loss)
        start = objective.init_score(target)
        robust = fit_lightgbm(objective, features, target, start)
        squared = fit_lightgbm("regression", features, target)
        assert np.std(robust(unseen) - truth) < 0.4
        assert np.std(squared(unseen) - truth) > 4.0

    def test_the_hessian_of_a_loss_that_is_not_convex_diverges(self):
        features, target, unseen, truth = outliers()
        loss = xloss.WelschLoss()
        start = lightgbm_objective(loss).init_score(target)
        error = {}
        for kind in ("hessian", "majorizer"):
            objective = lightgbm_objective(loss, kind)
            got = fit_lightgbm(objective, features, target, start, n_estimators=100)
            error[kind] = np.std(got(unseen) - truth)
        assert error["hessian"] > 10 * np.std(truth)
        assert error["majorizer"] < 0.1 * np.std(truth)

    def test_weights_reach_the_objective(self):
        features, target, _, _ = outliers()
        weight = np.where(target > 20.0, 0.0, 1.0)
        model = lightgbm.LGBMRegressor(
            objective=lightgbm_objective(xloss.mse_loss), n_jobs=1, verbose=-1
        )
        got = model.fit(features, target, sample_weight=weight).predict(features)
        assert np.abs(got - nonlinear(features)).mean() < 0.3

    def test_classes_are_refused(self):
        model = lightgbm.LGBMClassifier(
            objective=lightgbm_objective(xloss.mse_loss), n_jobs=1, verbose=-1
        )
        with pytest.raises(
            ValueError, match=r"lightgbm_objective: .*y_pred: \(300, 3\)"
        ):
            model.fit(np.arange(300.0)[:, None], np.arange(300) % 3)


class TestEstimators:
    """What scikit-learn does with an estimator."""

    @pytest.mark.parametrize(
        ("make", "estimator"),
        [
            (xgboost_objective, xgboost.XGBRegressor(n_jobs=1)),
            (
                lightgbm_objective,
                lightgbm.LGBMRegressor(n_jobs=1, verbose=-1, min_child_samples=5),
            ),
        ],
    )
    def test_clone_cross_validate_and_pickle(self, make, estimator):
        features, target, unseen, _ = outliers()
        objective = make(xloss.CharbonnierLoss(scale=0.5))
        estimator.set_params(objective=objective, n_estimators=5)
        assert clone(estimator).get_params()["objective"] == objective
        assert copy.deepcopy(objective) == objective
        metric = sklearn_metric(xloss.l1_loss)

        def scorer(model, features, target):
            return metric(target, model.predict(features))

        errors = cross_val_score(estimator, features, target, scoring=scorer, cv=2)
        assert np.all(errors < np.mean(np.abs(target)))
        model = clone(estimator).fit(features, target)
        twin = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(twin.predict(unseen), model.predict(unseen))
