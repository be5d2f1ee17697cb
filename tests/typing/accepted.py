"""What type checkers infer from right calls: what goes in comes out.

Checked by test_typing.py, never run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

if TYPE_CHECKING:
    import jax
    import numpy as np
    import numpy.typing as npt
    import torch

    import xloss


def numpy_array(x: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> None:
    assert_type(xloss.charbonnier_loss(x, x), npt.NDArray[np.float32])
    assert_type(xloss.mse_loss(x, x, "sum", where=mask), npt.NDArray[np.float32])
    assert_type(xloss.MSELoss("none")(x, x, weight=x), npt.NDArray[np.float32])
    assert_type(xloss.ssim(x, x, 11, padding="valid"), npt.NDArray[np.float32])
    assert_type(xloss.total_variation(x, "mean"), npt.NDArray[np.float32])
    assert_type(xloss.focal_loss(x, x, None, weight=x), npt.NDArray[np.float32])
    assert_type(xloss.DiceLoss("macro", weight=x)(x, x), npt.NDArray[np.float32])
    assert_type(xloss.kl_div_loss(x, x, (0, 1), "sum"), npt.NDArray[np.float32])
    assert_type(xloss.JsDivLoss2d()(x, x), npt.NDArray[np.float32])
    assert_type(xloss.mutual_information_loss(x, x, mask), npt.NDArray[np.float32])
    assert_type(xloss.lncc_loss(x, x, 7, where=mask), npt.NDArray[np.float32])


def torch_tensor(x: torch.Tensor) -> None:
    assert_type(xloss.cauchy_loss(x, x, "mean", scale=0.5), torch.Tensor)
    assert_type(xloss.general_robust_loss(x, x, 1.5, x), torch.Tensor)
    assert_type(xloss.huber_loss(x, x, delta=2.0, sample_weight=x), torch.Tensor)
    assert_type(xloss.HuberLoss(reduction="sum", delta=2.0)(x, x), torch.Tensor)
    assert_type(xloss.SSIMLoss(11, padding="valid")(x, x, where=x > 0), torch.Tensor)
    assert_type(xloss.MS_SSIMLoss(sigmas=(0.5, 1.0))(x, x), torch.Tensor)
    assert_type(xloss.psnr(x, x, 1, reduction="none"), torch.Tensor)
    assert_type(xloss.cross_entropy_loss(x, x, x, None, "sum", 0.1), torch.Tensor)
    assert_type(xloss.CrossEntropyLoss(x)(x, x, where=x > 0), torch.Tensor)
    assert_type(xloss.one_hot(x, 3, x.device, torch.float16), torch.Tensor)
    assert_type(xloss.js_div_loss(x, x, axis=None), torch.Tensor)
    assert_type(xloss.hausdorff_er_loss(x, x, 1.5, 3, "none"), torch.Tensor)
    assert_type(xloss.HausdorffERLoss3D(k=5)(x, x), torch.Tensor)
    reference = xloss.NMILossFromRef2D(x, None, xloss.MIKernel.xu, 32, reduction="mean")
    assert_type(reference(x, x > 0), torch.Tensor)


def jax_array(x: jax.Array) -> None:
    assert_type(xloss.welsch_loss(x, x), jax.Array)
    assert_type(xloss.quantile_loss(x, x, q=x), jax.Array)
    assert_type(xloss.QuantileLoss(q=0.9)(x, x, where=x > 0), jax.Array)
    assert_type(xloss.MsSsimLoss(7, 255.0, (0.5, 0.5))(x, x), jax.Array)
    assert_type(xloss.PSNRLoss(255.0)(x, x), jax.Array)
    assert_type(xloss.TotalVariation()(x), jax.Array)
    assert_type(xloss.inverse_depth_smoothness_loss(x, x), jax.Array)
    assert_type(xloss.SSIM3DLoss(5)(x, x, sample_weight=x), jax.Array)
    assert_type(xloss.tversky_loss(x, x, 0.3, 0.7, reduction="none"), jax.Array)
    assert_type(xloss.LovaszSoftmaxLoss(ignore_index=None)(x, x), jax.Array)
    assert_type(xloss.FocalTverskyLoss(0.3, 0.7, 0.75)(x, x), jax.Array)
    assert_type(xloss.NccLoss("none")(x, x), jax.Array)
    assert_type(xloss.LnccLoss(5, padding="valid")(x, x, where=x > 0), jax.Array)
    assert_type(
        xloss.normalized_mutual_information_loss_3d(x, x, None, x > 0, "rectangular"),
        jax.Array,
    )


def unknown(x: Any) -> None:
    """An untyped library (CuPy, Dask) passes."""
    xloss.log_cosh_loss(x, x, reduction="mean")


def reduction_of_any_kind(x: torch.Tensor, average: bool) -> None:
    """A criterion is generic in nothing: one object serves every library."""
    criterion = xloss.SmoothL1Loss(reduction="mean" if average else "sum", beta=0.5)
    assert_type(criterion, xloss.SmoothL1Loss)
    assert_type(criterion(x, x), torch.Tensor)


def sums_of_criteria(x: torch.Tensor) -> None:
    criterion = xloss.combine(xloss.DiceLoss(), xloss.FocalLoss(0.25, reduction="mean"))
    xloss.combine(criterion, xloss.LovaszHingeLoss(), weights=(1.0, 0.5))(x, x)
    with xloss.check_values():
        criterion(x, x)
