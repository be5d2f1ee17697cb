"""Losses written once against the Python Array API standard.

The same functions run on NumPy, CuPy and Dask arrays and on torch and JAX tensors.
"""

from .general_robust import GeneralRobustLoss as GeneralRobustLoss
from .general_robust import general_robust_loss as general_robust_loss
from .huber import HuberLoss as HuberLoss
from .huber import SmoothL1Loss as SmoothL1Loss
from .huber import huber_loss as huber_loss
from .huber import smooth_l1_loss as smooth_l1_loss
from .image import InverseDepthSmoothnessLoss as InverseDepthSmoothnessLoss
from .image import PSNRLoss as PSNRLoss
from .image import TotalVariation as TotalVariation
from .image import inverse_depth_smoothness_loss as inverse_depth_smoothness_loss
from .image import psnr as psnr
from .image import psnr_loss as psnr_loss
from .image import total_variation as total_variation
from .ms_ssim import MS_SSIMLoss as MS_SSIMLoss
from .ms_ssim import MsSsimLoss as MsSsimLoss
from .ms_ssim import ms_ssim_l1_loss as ms_ssim_l1_loss
from .ms_ssim import ms_ssim_loss as ms_ssim_loss
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
from .similarity import SSIM3DLoss as SSIM3DLoss
from .similarity import SSIMLoss as SSIMLoss
from .similarity import ssim as ssim
from .similarity import ssim3d_loss as ssim3d_loss
from .similarity import ssim_loss as ssim_loss

__version__ = "0.1.0"

__all__ = [
    "CauchyLoss",
    "CharbonnierLoss",
    "GemanMcclureLoss",
    "GeneralRobustLoss",
    "HuberLoss",
    "InverseDepthSmoothnessLoss",
    "L1Loss",
    "LogCoshLoss",
    "MSELoss",
    "MS_SSIMLoss",
    "MsSsimLoss",
    "PSNRLoss",
    "QuantileLoss",
    "SSIM3DLoss",
    "SSIMLoss",
    "SmoothL1Loss",
    "TotalVariation",
    "WelschLoss",
    "cauchy_loss",
    "charbonnier_loss",
    "geman_mcclure_loss",
    "general_robust_loss",
    "huber_loss",
    "inverse_depth_smoothness_loss",
    "l1_loss",
    "log_cosh_loss",
    "ms_ssim_l1_loss",
    "ms_ssim_loss",
    "mse_loss",
    "psnr",
    "psnr_loss",
    "quantile_loss",
    "smooth_l1_loss",
    "ssim",
    "ssim3d_loss",
    "ssim_loss",
    "total_variation",
    "welsch_loss",
]
