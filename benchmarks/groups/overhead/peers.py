"""What the calls run against, by the name of the loss."""

from benchmarks.groups.divergence import peers as divergence
from benchmarks.groups.image import peers as image
from benchmarks.groups.information import peers as information
from benchmarks.groups.morphology import peers as morphology
from benchmarks.groups.pointwise import peers as pointwise
from benchmarks.groups.segmentation import peers as segmentation
from benchmarks.groups.segmentation.options import (
    ALPHA,
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    GAMMA,
)
from benchmarks.peers import kornia, kornia_class, native
from benchmarks.rows import Peer

WINDOW = 3

ELEMENTWISE = (
    "charbonnier_loss",
    "cauchy_loss",
    "welsch_loss",
    "geman_mcclure_loss",
    "general_robust_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "log_cosh_loss",
    "quantile_loss",
)
_INFORMATION = ("mutual_information_loss", "normalized_mutual_information_loss")
_FOCAL = {"alpha": ALPHA, "gamma": GAMMA, "reduction": "mean"}
_TVERSKY = {"alpha": FALSE_POSITIVES, "beta": FALSE_NEGATIVES}


def on_torch() -> dict[str, Peer]:
    """Return kornia's loss, or torch's own, or what comes next, of every loss."""
    return {
        **{
            name: pointwise.on_torch(name.removesuffix("_loss")) for name in ELEMENTWISE
        },
        **_of_images(),
        **_of_labels(),
        "kl_div_loss": divergence.NATIVE,
        "kl_div_loss_2d": kornia("kl_div_loss_2d"),
        "js_div_loss": divergence.on_torch("js_div"),
        "js_div_loss_2d": kornia("js_div_loss_2d"),
        "ncc_loss": information.ncc("torch"),
        "lncc_loss": information.torch_lncc(WINDOW),
        **{
            f"{name}{dimensions}": information.kornia(f"{name}{dimensions}", "xu")
            for name in _INFORMATION
            for dimensions in ("", "_2d", "_3d")
        },
    }


def _of_images() -> dict[str, Peer]:
    return {
        "ssim_loss": kornia("ssim_loss", window_size=WINDOW),
        "ssim3d_loss": kornia("ssim3d_loss", window_size=WINDOW),
        "ms_ssim_loss": image.pytorch_msssim("ms_ssim", WINDOW),
        "ms_ssim_l1_loss": kornia_class("MS_SSIMLoss"),
        "psnr_loss": kornia("psnr_loss", max_val=1.0),
        "total_variation": kornia("total_variation"),
        "inverse_depth_smoothness_loss": kornia("inverse_depth_smoothness_loss"),
        "hausdorff_er_loss": kornia_class("HausdorffERLoss"),
        "hausdorff_er_loss, 3-D": kornia_class("HausdorffERLoss3D"),
    }


def _of_labels() -> dict[str, Peer]:
    binary = "binary_cross_entropy_with_logits"
    return {
        "cross_entropy_loss": native("cross_entropy"),
        binary: native(binary),
        "focal_loss": kornia("focal_loss", **_FOCAL),
        "binary_focal_loss_with_logits": kornia(
            "binary_focal_loss_with_logits", **_FOCAL
        ),
        "dice_loss": kornia("dice_loss"),
        "generalized_dice_loss": segmentation.monai("generalized_dice"),
        "jaccard_loss": segmentation.monai("jaccard"),
        "tversky_loss": kornia("tversky_loss", **_TVERSKY),
        "focal_tversky_loss": segmentation.focal_tversky("torch"),
        "lovasz_hinge_loss": kornia("lovasz_hinge_loss"),
        "lovasz_softmax_loss": kornia("lovasz_softmax_loss"),
    }


def on_numpy() -> dict[str, Peer]:
    """Return the textbook expressions, and what scikit-image has."""
    elementwise = (name.removesuffix("_loss") for name in ELEMENTWISE)
    return {
        **{f"{name}_loss": pointwise.on_numpy(name) for name in elementwise},
        "cross_entropy_loss": segmentation.on_numpy("cross_entropy"),
        "focal_loss": segmentation.on_numpy("focal"),
        "focal_tversky_loss": segmentation.focal_tversky("numpy"),
        "kl_div_loss": divergence.on_numpy("kl_div"),
        "kl_div_loss_2d": divergence.on_numpy("kl_div"),
        "js_div_loss": divergence.on_numpy("js_div"),
        "js_div_loss_2d": divergence.on_numpy("js_div"),
        "mutual_information_loss": information.on_numpy(),
        "normalized_mutual_information_loss": information.on_numpy(normalized=True),
        "ncc_loss": information.ncc(),
        "psnr_loss": image.SKIMAGE_PSNR,
        "hausdorff_er_loss": morphology.ON_NUMPY,
        "hausdorff_er_loss, 3-D": morphology.ON_NUMPY,
    }


def on_jax() -> dict[str, Peer]:
    """Return optax's losses, dm-pix's, and the textbook expressions."""
    elementwise = (name.removesuffix("_loss") for name in ELEMENTWISE)
    binary = "binary_cross_entropy"
    return {
        **{f"{name}_loss": pointwise.on_jax(name) for name in elementwise},
        "cross_entropy_loss": segmentation.optax("cross_entropy"),
        f"{binary}_with_logits": segmentation.optax(binary),
        "binary_focal_loss_with_logits": segmentation.optax("binary_focal"),
        "focal_tversky_loss": segmentation.focal_tversky("jax.numpy"),
        "kl_div_loss": divergence.OPTAX,
        "kl_div_loss_2d": divergence.OPTAX,
        "js_div_loss": divergence.on_jax("js_div"),
        "js_div_loss_2d": divergence.on_jax("js_div"),
        "mutual_information_loss": information.on_jax(),
        "normalized_mutual_information_loss": information.on_jax(normalized=True),
        "ncc_loss": information.ncc("jax"),
        "psnr_loss": image.DM_PIX_PSNR,
        "hausdorff_er_loss": morphology.ON_JAX,
        "hausdorff_er_loss, 3-D": morphology.ON_JAX,
    }
