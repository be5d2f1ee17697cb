"""The losses that the demo shows: a new loss is one row here."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

import xloss
from xloss import huber, regression, robust

# Pixels lie in [0, 1]: a robust loss of scale 0.1 takes a fifth of that range for
# an outlier already.
_SCALE = 0.1


class Row(NamedTuple):
    """A loss of the table, and its curve in the figure if it is pointwise.

    `arguments` is the kind of arguments it takes, see `Scene.arguments`; `curve` is
    the `Kernel` of a pointwise loss and the options to draw it with. A picture with a
    side shorter than `least_side` does not do. `note` says what is special.
    """

    name: str
    function: Callable[..., Any]
    options: Mapping[str, Any] = MappingProxyType({})
    arguments: str = "images"
    curve: tuple[Any, Mapping[str, Any]] | None = None
    least_side: int = 0
    note: str = ""

    @property
    def label(self) -> str:
        """The name, and the options that are not at their defaults."""
        return described(self.name, self.options)

    @property
    def call(self) -> Callable[..., Any]:
        """The loss as a function of its arrays alone, averaged."""
        return partial(self.function, reduction="mean", **self.options)


def described(name: str, options: Mapping[str, Any]) -> str:
    """Write a loss and its options, as ``huber (delta 0.1)``."""
    stated = ", ".join(f"{key} {value:g}" for key, value in options.items())
    return f"{name} ({stated})" if stated else name


_SCALED = {"scale": _SCALE}

# In Barron's order, from the one that outliers move most.
ROBUST = (
    Row("charbonnier", xloss.charbonnier_loss, _SCALED, curve=(robust.CHARBONNIER, {})),
    Row("cauchy", xloss.cauchy_loss, _SCALED, curve=(robust.CAUCHY, {})),
    Row(
        "geman_mcclure",
        xloss.geman_mcclure_loss,
        _SCALED,
        curve=(robust.GEMAN_MCCLURE, {}),
    ),
    Row("welsch", xloss.welsch_loss, _SCALED, curve=(robust.WELSCH, {})),
    Row("general_robust", xloss.general_robust_loss, {"alpha": 1.5, "scale": _SCALE}),
)
REGRESSION = (
    Row("mse", xloss.mse_loss, curve=(regression.MSE, {})),
    Row("l1", xloss.l1_loss, curve=(regression.L1, {})),
    Row(
        "smooth_l1",
        xloss.smooth_l1_loss,
        {"beta": _SCALE},
        curve=(huber.SMOOTH_L1, {"beta": 0.5}),
    ),
    Row(
        "huber",
        xloss.huber_loss,
        {"delta": _SCALE},
        curve=(huber.HUBER, {"delta": 1.0}),
    ),
    Row("log_cosh", xloss.log_cosh_loss, curve=(regression.LOG_COSH, {})),
    Row(
        "quantile",
        xloss.quantile_loss,
        {"q": 0.9},
        curve=(regression.QUANTILE, {"q": 0.9}),
    ),
)


def _mean_total_variation(image: Any, reduction: Literal["mean"]) -> Any:
    """Average what the function keeps apart, one value for each channel."""
    values = xloss.total_variation(image, reduction)
    return array_namespace(values).mean(values)


IMAGE = (
    Row("ssim", xloss.ssim_loss, {"window_size": 11}),
    Row("ms_ssim", xloss.ms_ssim_loss, least_side=176),
    Row("ms_ssim_l1", xloss.ms_ssim_l1_loss),
    Row(
        "psnr",
        xloss.psnr_loss,
        {"max_val": 1.0},
        note="in decibels, the negative of psnr",
    ),
    Row(
        "total_variation",
        _mean_total_variation,
        arguments="image",
        note="of the degraded picture alone",
    ),
    Row(
        "inverse_depth_smoothness",
        xloss.inverse_depth_smoothness_loss,
        arguments="depth",
        note="brightness taken for inverse depth, edges of the clean picture",
    ),
)
_BINARY = "of the bright pixels against the others"
_TVERSKY = {"alpha": 0.3, "beta": 0.7}  # a missed pixel weighs more than a false one

SEGMENTATION = (
    Row("cross_entropy", xloss.cross_entropy_loss, arguments="labels"),
    Row("focal", xloss.focal_loss, {"alpha": 0.25}, "labels"),
    Row("dice", xloss.dice_loss, arguments="labels"),
    Row("jaccard", xloss.jaccard_loss, arguments="labels"),
    Row("generalized_dice", xloss.generalized_dice_loss, arguments="labels"),
    Row("tversky", xloss.tversky_loss, _TVERSKY, "labels"),
    Row(
        "focal_tversky",
        xloss.focal_tversky_loss,
        {**_TVERSKY, "gamma": 0.75},
        "labels",
    ),
    Row("lovasz_softmax", xloss.lovasz_softmax_loss, arguments="labels"),
    Row("lovasz_hinge", xloss.lovasz_hinge_loss, arguments="mask", note=_BINARY),
    Row(
        "binary_focal",
        xloss.binary_focal_loss_with_logits,
        arguments="probabilities",
        note=_BINARY,
    ),
    Row(
        "binary_cross_entropy",
        xloss.binary_cross_entropy_with_logits,
        arguments="probabilities",
        note=_BINARY,
    ),
)
_HEAT_MAPS = "of heat maps of four points"
DIVERGENCES = (
    Row("kl_div", xloss.kl_div_loss_2d, arguments="heat maps", note=_HEAT_MAPS),
    Row("js_div", xloss.js_div_loss_2d, arguments="heat maps", note=_HEAT_MAPS),
)
MORPHOLOGY = (Row("hausdorff_er", xloss.hausdorff_er_loss, arguments="shares"),)
REGISTRATION = (
    Row("mutual_information", xloss.mutual_information_loss_2d),
    Row("normalized_mutual_information", xloss.normalized_mutual_information_loss_2d),
    Row("ncc", xloss.ncc_loss),
    Row(
        "lncc",
        xloss.lncc_loss,
        {"window_size": 9},
        note="a patch without contrast counts 1; float32 sees less of it than float64",
    ),
)
ROWS = (
    ROBUST + REGRESSION + IMAGE + SEGMENTATION + DIVERGENCES + MORPHOLOGY + REGISTRATION
)
