"""Losses written once against the Python Array API standard.

The same functions run on NumPy, CuPy and Dask arrays and on torch and JAX tensors.
"""

from .general_robust import GeneralRobustLoss as GeneralRobustLoss
from .general_robust import general_robust_loss as general_robust_loss
from .huber import HuberLoss as HuberLoss
from .huber import SmoothL1Loss as SmoothL1Loss
from .huber import huber_loss as huber_loss
from .huber import smooth_l1_loss as smooth_l1_loss
from .regression import L1Loss as L1Loss
from .regression import LogCoshLoss as LogCoshLoss
from .regression import MSELoss as MSELoss
from .regression import QuantileLoss as QuantileLoss
from .regression import l1_loss as l1_loss
from .regression import log_cosh_loss as log_cosh_loss
from .regression import mse_loss as mse_loss
from .regression import quantile_loss as quantile_loss
from .robust import CauchyLoss as CauchyLoss
from .robust import CharbonnierLoss as CharbonnierLoss
from .robust import GemanMcclureLoss as GemanMcclureLoss
from .robust import WelschLoss as WelschLoss
from .robust import cauchy_loss as cauchy_loss
from .robust import charbonnier_loss as charbonnier_loss
from .robust import geman_mcclure_loss as geman_mcclure_loss
from .robust import welsch_loss as welsch_loss

__version__ = "0.1.0"

__all__ = [
    "CauchyLoss",
    "CharbonnierLoss",
    "GemanMcclureLoss",
    "GeneralRobustLoss",
    "HuberLoss",
    "L1Loss",
    "LogCoshLoss",
    "MSELoss",
    "QuantileLoss",
    "SmoothL1Loss",
    "WelschLoss",
    "cauchy_loss",
    "charbonnier_loss",
    "geman_mcclure_loss",
    "general_robust_loss",
    "huber_loss",
    "l1_loss",
    "log_cosh_loss",
    "mse_loss",
    "quantile_loss",
    "smooth_l1_loss",
    "welsch_loss",
]
