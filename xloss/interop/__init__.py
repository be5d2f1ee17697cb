"""Losses as SciPy, XGBoost, LightGBM and scikit-learn take them.

None of these libraries is imported.
"""

from .boosting import BoostingObjective as BoostingObjective
from .boosting import lightgbm_objective as lightgbm_objective
from .boosting import xgboost_objective as xgboost_objective
from .scipy import scipy_objective as scipy_objective
from .scipy import scipy_rho as scipy_rho
from .sklearn import sklearn_metric as sklearn_metric

__all__ = [
    "BoostingObjective",
    "lightgbm_objective",
    "scipy_objective",
    "scipy_rho",
    "sklearn_metric",
    "xgboost_objective",
]
