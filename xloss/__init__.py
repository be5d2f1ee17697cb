"""Losses written once against the Python Array API standard.

The same functions run on NumPy, CuPy and Dask arrays and on torch and JAX tensors.
"""

from .autodiff import grad as grad
from .autodiff import value_and_grad as value_and_grad
from .combination import combine as combine
from .compilation import compile as compile  # noqa: A004 # what torch calls it
from .correlation import LnccLoss as LnccLoss
from .correlation import NccLoss as NccLoss
from .correlation import lncc_loss as lncc_loss
from .correlation import ncc_loss as ncc_loss
from .cross_entropy import BCEWithLogitsLoss as BCEWithLogitsLoss
from .cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from .cross_entropy import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from .cross_entropy import cross_entropy_loss as cross_entropy_loss
from .divergence import JsDivLoss as JsDivLoss
from .divergence import JsDivLoss2d as JsDivLoss2d
from .divergence import KlDivLoss as KlDivLoss
from .divergence import KlDivLoss2d as KlDivLoss2d
from .divergence import js_div_loss as js_div_loss
from .divergence import js_div_loss_2d as js_div_loss_2d
from .divergence import kl_div_loss as kl_div_loss
from .divergence import kl_div_loss_2d as kl_div_loss_2d
from .focal import BinaryFocalLossWithLogits as BinaryFocalLossWithLogits
from .focal import FocalLoss as FocalLoss
from .focal import binary_focal_loss_with_logits as binary_focal_loss_with_logits
from .focal import focal_loss as focal_loss
from .general_robust import GeneralRobustLoss as GeneralRobustLoss
from .general_robust import general_robust_loss as general_robust_loss
from .hausdorff import HausdorffERLoss as HausdorffERLoss
from .hausdorff import HausdorffERLoss3D as HausdorffERLoss3D
from .hausdorff import hausdorff_er_loss as hausdorff_er_loss
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
from .labels import check_values as check_values
from .labels import one_hot as one_hot
from .lovasz import LovaszHingeLoss as LovaszHingeLoss
from .lovasz import LovaszSoftmaxLoss as LovaszSoftmaxLoss
from .lovasz import lovasz_hinge_loss as lovasz_hinge_loss
from .lovasz import lovasz_softmax_loss as lovasz_softmax_loss
from .ms_ssim import MS_SSIMLoss as MS_SSIMLoss
from .ms_ssim import MsSsimLoss as MsSsimLoss
from .ms_ssim import ms_ssim_l1_loss as ms_ssim_l1_loss
from .ms_ssim import ms_ssim_loss as ms_ssim_loss
from .mutual_information import MIKernel as MIKernel
from .mutual_information import MILossFromRef as MILossFromRef
from .mutual_information import MILossFromRef2D as MILossFromRef2D
from .mutual_information import MILossFromRef3D as MILossFromRef3D
from .mutual_information import NMILossFromRef as NMILossFromRef
from .mutual_information import NMILossFromRef2D as NMILossFromRef2D
from .mutual_information import NMILossFromRef3D as NMILossFromRef3D
from .mutual_information import mutual_information_loss as mutual_information_loss
from .mutual_information import mutual_information_loss_2d as mutual_information_loss_2d
from .mutual_information import mutual_information_loss_3d as mutual_information_loss_3d
from .mutual_information import (
    normalized_mutual_information_loss as normalized_mutual_information_loss,
)
from .mutual_information import (
    normalized_mutual_information_loss_2d as normalized_mutual_information_loss_2d,
)
from .mutual_information import (
    normalized_mutual_information_loss_3d as normalized_mutual_information_loss_3d,
)
from .overlap import DiceLoss as DiceLoss
from .overlap import GeneralizedDiceLoss as GeneralizedDiceLoss
from .overlap import JaccardLoss as JaccardLoss
from .overlap import dice_loss as dice_loss
from .overlap import generalized_dice_loss as generalized_dice_loss
from .overlap import jaccard_loss as jaccard_loss
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
from .second_order import curvature as curvature
from .similarity import SSIM3DLoss as SSIM3DLoss
from .similarity import SSIMLoss as SSIMLoss
from .similarity import ssim as ssim
from .similarity import ssim3d_loss as ssim3d_loss
from .similarity import ssim_loss as ssim_loss
from .tversky import FocalTverskyLoss as FocalTverskyLoss
from .tversky import TverskyLoss as TverskyLoss
from .tversky import focal_tversky_loss as focal_tversky_loss
from .tversky import tversky_loss as tversky_loss

__version__ = "0.1.0"

__all__ = [
    "BCEWithLogitsLoss",
    "BinaryFocalLossWithLogits",
    "CauchyLoss",
    "CharbonnierLoss",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "FocalTverskyLoss",
    "GemanMcclureLoss",
    "GeneralRobustLoss",
    "GeneralizedDiceLoss",
    "HausdorffERLoss",
    "HausdorffERLoss3D",
    "HuberLoss",
    "InverseDepthSmoothnessLoss",
    "JaccardLoss",
    "JsDivLoss",
    "JsDivLoss2d",
    "KlDivLoss",
    "KlDivLoss2d",
    "L1Loss",
    "LnccLoss",
    "LogCoshLoss",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "MIKernel",
    "MILossFromRef",
    "MILossFromRef2D",
    "MILossFromRef3D",
    "MSELoss",
    "MS_SSIMLoss",
    "MsSsimLoss",
    "NMILossFromRef",
    "NMILossFromRef2D",
    "NMILossFromRef3D",
    "NccLoss",
    "PSNRLoss",
    "QuantileLoss",
    "SSIM3DLoss",
    "SSIMLoss",
    "SmoothL1Loss",
    "TotalVariation",
    "TverskyLoss",
    "WelschLoss",
    "binary_cross_entropy_with_logits",
    "binary_focal_loss_with_logits",
    "cauchy_loss",
    "charbonnier_loss",
    "check_values",
    "combine",
    "compile",
    "cross_entropy_loss",
    "curvature",
    "dice_loss",
    "focal_loss",
    "focal_tversky_loss",
    "geman_mcclure_loss",
    "general_robust_loss",
    "generalized_dice_loss",
    "grad",
    "hausdorff_er_loss",
    "huber_loss",
    "inverse_depth_smoothness_loss",
    "jaccard_loss",
    "js_div_loss",
    "js_div_loss_2d",
    "kl_div_loss",
    "kl_div_loss_2d",
    "l1_loss",
    "lncc_loss",
    "log_cosh_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "ms_ssim_l1_loss",
    "ms_ssim_loss",
    "mse_loss",
    "mutual_information_loss",
    "mutual_information_loss_2d",
    "mutual_information_loss_3d",
    "ncc_loss",
    "normalized_mutual_information_loss",
    "normalized_mutual_information_loss_2d",
    "normalized_mutual_information_loss_3d",
    "one_hot",
    "psnr",
    "psnr_loss",
    "quantile_loss",
    "smooth_l1_loss",
    "ssim",
    "ssim3d_loss",
    "ssim_loss",
    "total_variation",
    "tversky_loss",
    "value_and_grad",
    "welsch_loss",
]
