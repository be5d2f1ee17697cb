"""Wrong calls: a type checker reports each line marked `# error`, and no other.

Checked by test_typing.py, never run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    import xloss


def unknown_reduction(x: torch.Tensor) -> None:
    xloss.charbonnier_loss(x, x, "max")  # error
    xloss.CharbonnierLoss(reduction="max")  # error


def list_as_prediction(x: torch.Tensor) -> None:
    xloss.cauchy_loss([1.0, 2.0], x)  # error
    xloss.MSELoss()(x, [1.0, 2.0])  # error


def number_as_target(x: torch.Tensor) -> None:
    xloss.l1_loss(x, 0.0)  # error


def size_average(x: torch.Tensor) -> None:
    xloss.mse_loss(x, x, True)  # error


def options_out_of_place(x: torch.Tensor) -> None:
    xloss.welsch_loss(x, x, scale="wide")  # error
    xloss.huber_loss(x, x, epsilon=1.0)  # error
    xloss.geman_mcclure_loss(x, x, "mean", 2.0)  # error
    xloss.HuberLoss(delta="1")  # error


def options_of_image_losses(x: torch.Tensor) -> None:
    xloss.ssim_loss(x, x)  # error
    xloss.ssim_loss(x, x, 11, padding="full")  # error
    xloss.ssim_loss(x, x, 11.0)  # error
    xloss.ssim(x, x, 11, reduction="mean")  # error
    xloss.ms_ssim_l1_loss(x, x, sigmas=1.5)  # error
    xloss.ms_ssim_l1_loss(x, x, K=(0.01,))  # error
    xloss.psnr_loss(x, x, 1.0, "mean")  # error
    xloss.total_variation(x, "none")  # error
    xloss.SSIMLoss()  # error
    xloss.PSNRLoss()  # error


def options_of_segmentation_losses(x: torch.Tensor) -> None:
    xloss.focal_loss(x, x)  # error
    xloss.focal_loss(x, x, 0.25, "mean")  # error
    xloss.dice_loss(x, x, "weighted")  # error
    xloss.dice_loss(x, x, where=x)  # error
    xloss.dice_loss(x, x, ignore_index=255.0)  # error
    xloss.dice_loss(x, x, weight=[1.0, 2.0])  # error
    xloss.cross_entropy_loss(x, x, None, -100, True)  # error
    xloss.lovasz_softmax_loss(x, x, None, -100)  # error
    xloss.TverskyLoss(0.3)  # error
    xloss.CrossEntropyLoss(size_average=True)  # error
    xloss.one_hot(x, "3")  # error
    xloss.combine(xloss.DiceLoss(), weights=0.5)  # error


def options_of_losses_of_information(x: torch.Tensor) -> None:
    xloss.kl_div_loss(x, x, 1.0)  # error
    xloss.js_div_loss_2d(x, x, -1)  # error
    xloss.hausdorff_er_loss(x, x, k=2.5)  # error
    xloss.HausdorffERLoss(alpha="2")  # error
    xloss.mutual_information_loss(x, x, kernel_function="gaussian")  # error
    xloss.mutual_information_loss(x, x, num_bins=8.0)  # error
    xloss.mutual_information_loss(x, x, None, None, "xu", 8, 1.0, "mean")  # error
    xloss.MILossFromRef()  # error
    xloss.MILossFromRef(x)([0.0, 1.0])  # error
    xloss.ncc_loss(x, x, where=x)  # error
    xloss.lncc_loss(x, x, padding="full")  # error


def options_of_a_frozen_criterion() -> None:
    criterion = xloss.QuantileLoss()
    criterion.q = 0.9  # error


def result_is_no_number(x: torch.Tensor) -> None:
    value: float = xloss.log_cosh_loss(x, x)  # error
    print(value)
