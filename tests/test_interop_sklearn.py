"""Losses as scikit-learn's metrics: against its own, in scorers and pipelines."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xloss
from xloss.interop import sklearn_metric

RNG = np.random.default_rng(0)
TRUE, PRED = RNG.standard_normal((2, 12))
WEIGHT = RNG.integers(1, 5, 12)
TRUES, PREDS = RNG.standard_normal((2, 12, 3))


class Column:
    """As of a data frame: no array, but NumPy makes one of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "own"),
    [
        (xloss.mse_loss, metrics.mean_squared_error),
        (xloss.L1Loss(), metrics.mean_absolute_error),
        # which is not symmetric: the target comes first
        (
            xloss.QuantileLoss(0.9),
            lambda *args, **kw: metrics.mean_pinball_loss(*args, alpha=0.9, **kw),
        ),
    ],
)
@pytest.mark.parametrize("arrays", [(TRUE, PRED), (TRUES, PREDS)], ids=["1", "3"])
def test_equals_scikit_learns_own(loss, own, arrays, weight):
    got = sklearn_metric(loss)(*arrays, sample_weight=weight)
    assert type(got) is float
    assert got == pytest.approx(own(*arrays, sample_weight=weight), rel=1e-14)


def test_cross_entropy_of_labels_and_scores():
    logits = 3.0 * PREDS
    labels = WEIGHT % 3
    odds = np.exp(logits)
    chances = odds / odds.sum(axis=1, keepdims=True)
    for weight in (None, WEIGHT):
        got = sklearn_metric(xloss.cross_entropy_loss)(
            labels, logits, sample_weight=weight
        )
        want = metrics.log_loss(labels, chances, sample_weight=weight)
        assert got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("make", [list, Column, lambda x: np.asarray(x, np.uint8)])
def test_whatever_numpy_makes_an_array_of(make):
    metric = sklearn_metric(xloss.mse_loss)
    assert metric(make([3, 250]), make([5, 0])) == (2**2 + 250**2) / 2
    weighted = metric(make([3, 250]), make([5, 0]), sample_weight=make([3, 1]))
    assert weighted == (3 * 2**2 + 250**2) / 4


def test_scorer_in_cross_validation():
    features = RNG.standard_normal((60, 4))
    target = features @ [1.0, -2.0, 0.5, 0.0] + 0.1 * RNG.standard_normal(60)
    model = make_pipeline(StandardScaler(), Ridge())
    metric = sklearn_metric(xloss.HuberLoss(delta=0.1))
    scorer = metrics.make_scorer(metric, greater_is_better=False)
    got = cross_val_score(model, features, target, cv=KFold(3), scoring=scorer)
    want = []
    for train, test in KFold(3).split(features):
        model.fit(features[train], target[train])
        size = np.abs(model.predict(features[test]) - target[test])
        near = 0.5 * size**2
        want.append(-np.where(size <= 0.1, near, 0.1 * (size - 0.05)).mean())
    np.testing.assert_allclose(got, want, rtol=1e-12)
    weight = np.arange(60.0)
    weighted = scorer(model, features, target, sample_weight=weight)
    plain = metric(target, model.predict(features), sample_weight=weight)
    assert weighted == -plain


@pytest.mark.parametrize("loss", [xloss.huber_loss, xloss.HuberLoss(delta=0.5)])
def test_scorers_print_and_travel(loss):
    scorer = metrics.make_scorer(sklearn_metric(loss), greater_is_better=False)
    assert "huber" in repr(scorer).lower()
    twin = pickle.loads(pickle.dumps(sklearn_metric(loss)))
    assert twin(TRUE, PRED) == sklearn_metric(loss)(TRUE, PRED)


def test_bad_input():
    metric = sklearn_metric(xloss.charbonnier_loss)
    with pytest.raises(ValueError, match=r"sklearn_metric: .*\(12,\).*'mean'"):
        metric(TRUE, PRED)
    metric = sklearn_metric(xloss.mse_loss)
    with pytest.raises(ValueError, match="mse_loss: shapes must be equal"):
        metric(TRUE[:, None], PRED)  # would broadcast to (12, 12)
    with pytest.raises(ValueError, match=r"sample_weight must broadcast.*\(5,\)"):
        metric(TRUE, PRED, sample_weight=WEIGHT[:5])


def test_none_of_the_libraries_is_imported():
    names = "scipy", "sklearn", "xgboost", "lightgbm", "torch", "jax"
    code = (
        "import sys, xloss.interop\n"
        f"print([name for name in {names} if name in sys.modules])"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
