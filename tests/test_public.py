"""The public names, and criteria beside their functions."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest

import xloss

from .image_problems import PROBLEMS as IMAGE_PROBLEMS
from .information_problems import PROBLEMS as INFORMATION_PROBLEMS
from .information_problems import mask, signals
from .problems import images
from .segmentation_problems import PROBLEMS as SEGMENTATION_PROBLEMS
from .segmentation_problems import WEIGHT, pair

FUNCTIONS = {
    "BCEWithLogitsLoss": xloss.binary_cross_entropy_with_logits,
    "BinaryFocalLossWithLogits": xloss.binary_focal_loss_with_logits,
    "CauchyLoss": xloss.cauchy_loss,
    "CharbonnierLoss": xloss.charbonnier_loss,
    "CrossEntropyLoss": xloss.cross_entropy_loss,
    "DiceLoss": xloss.dice_loss,
    "FocalLoss": xloss.focal_loss,
    "FocalTverskyLoss": xloss.focal_tversky_loss,
    "GemanMcclureLoss": xloss.geman_mcclure_loss,
    "GeneralRobustLoss": xloss.general_robust_loss,
    "GeneralizedDiceLoss": xloss.generalized_dice_loss,
    "HausdorffERLoss": xloss.hausdorff_er_loss,
    "HausdorffERLoss3D": xloss.hausdorff_er_loss,
    "HuberLoss": xloss.huber_loss,
    "InverseDepthSmoothnessLoss": xloss.inverse_depth_smoothness_loss,
    "JaccardLoss": xloss.jaccard_loss,
    "JsDivLoss": xloss.js_div_loss,
    "JsDivLoss2d": xloss.js_div_loss_2d,
    "KlDivLoss": xloss.kl_div_loss,
    "KlDivLoss2d": xloss.kl_div_loss_2d,
    "L1Loss": xloss.l1_loss,
    "LnccLoss": xloss.lncc_loss,
    "LogCoshLoss": xloss.log_cosh_loss,
    "LovaszHingeLoss": xloss.lovasz_hinge_loss,
    "LovaszSoftmaxLoss": xloss.lovasz_softmax_loss,
    "MSELoss": xloss.mse_loss,
    "MS_SSIMLoss": xloss.ms_ssim_l1_loss,
    "MsSsimLoss": xloss.ms_ssim_loss,
    "NccLoss": xloss.ncc_loss,
    "PSNRLoss": xloss.psnr_loss,
    "QuantileLoss": xloss.quantile_loss,
    "SSIM3DLoss": xloss.ssim3d_loss,
    "SSIMLoss": xloss.ssim_loss,
    "SmoothL1Loss": xloss.smooth_l1_loss,
    "TotalVariation": xloss.total_variation,
    "TverskyLoss": xloss.tversky_loss,
    "WelschLoss": xloss.welsch_loss,
}
REFERENCES = {
    "MILossFromRef": xloss.mutual_information_loss,
    "MILossFromRef2D": xloss.mutual_information_loss_2d,
    "MILossFromRef3D": xloss.mutual_information_loss_3d,
    "NMILossFromRef": xloss.normalized_mutual_information_loss,
    "NMILossFromRef2D": xloss.normalized_mutual_information_loss_2d,
    "NMILossFromRef3D": xloss.normalized_mutual_information_loss_3d,
}
"""criteria that hold the second signal, and its mask"""

OPTIONS = {
    "scale": 2.0,
    "axis": 1,
    "k": 2,
    "alpha": 0.5,
    "delta": 0.7,
    "beta": 0.3,
    "q": 0.9,
    "reduction": "sum",
    "window_size": 3,
    "max_val": 2.0,
    "eps": 0.01,
    "padding": "valid",
    "sigmas": (0.5, 1.0),
    "data_range": 2.0,
    "K": (0.02, 0.05),
    "compensation": 7.0,
    "power_factors": (0.4, 0.7),
    "gamma": 1.5,
    "average": "macro",
    "label_smoothing": 0.2,
    "ignore_index": 1,
    "weight": WEIGHT,
    "pos_weight": np.asarray([1.5, 0.5, 2.0, 1.0]),
}
MEASURES = {"psnr", "ssim"}
"""functions that report rather than train: without a criterion"""

HELPERS = {
    "MIKernel",
    "check_values",
    "combine",
    "compile",
    "curvature",
    "grad",
    "one_hot",
    "value_and_grad",
}
"""what is no loss"""

ARRAYS = {"input", "pred", "image", "img", "img1", "img2", "target", "idepth"}
AT_CALL = {"where", "sample_weight"}
ELEMENTWISE_WEIGHT = {xloss.mse_loss, xloss.l1_loss, xloss.huber_loss}
"""those whose `weight` is one for each element, given at the call"""

every_criterion = pytest.mark.parametrize("name", list(FUNCTIONS))


def options_of(name):
    fields = dataclasses.fields(getattr(xloss, name))
    return {field.name: OPTIONS[field.name] for field in fields}


def arguments_of(function):
    """Return its arrays, and whatever else it takes at the call."""
    parameters = inspect.signature(function).parameters
    others = {"where": np.arange(4) > 0, "sample_weight": np.arange(4.0)}
    arrays = images()
    for problem in IMAGE_PROBLEMS:
        if problem.function is function:
            arrays = problem.arrays()
            others = {"where": np.ones((), bool), "sample_weight": np.full((), 2.0)}
    for problem in SEGMENTATION_PROBLEMS:
        if problem.function is function:
            arrays = [x.numpy() for x in pair(problem.target, problem.shape)]
            others = {"where": np.ones((), bool), "sample_weight": np.full((), 2.0)}
    for problem in INFORMATION_PROBLEMS:
        if problem.function is function:
            arrays = problem.arrays()
            others = {"where": np.ones((), bool), "sample_weight": np.full((), 2.0)}
    if function in ELEMENTWISE_WEIGHT:
        others["weight"] = np.abs(arrays[0])
    return arrays, {name: x for name, x in others.items() if name in parameters}


def test_all_lists_every_loss_and_criterion():
    endings = "_loss", "_loss_2d", "_loss_3d"
    functions = {name for name in dir(xloss) if name.endswith(endings)}
    functions |= {name for name in dir(xloss) if name.endswith("_with_logits")}
    functions |= {"total_variation"}
    criteria = FUNCTIONS | REFERENCES
    assert set(xloss.__all__) == functions | set(criteria) | MEASURES | HELPERS
    assert {f.__name__ for f in criteria.values()} == functions


@every_criterion
def test_a_criterion_has_the_options_of_its_function(name):
    function = FUNCTIONS[name]
    others = (
        ARRAYS | AT_CALL | ({"weight"} if function in ELEMENTWISE_WEIGHT else set())
    )
    parameters = inspect.signature(function).parameters
    function = {n: p.default for n, p in parameters.items() if n not in others}
    criterion = {
        n: p.default
        for n, p in inspect.signature(getattr(xloss, name)).parameters.items()
    }
    assert list(criterion.items()) == list(function.items())


@every_criterion
def test_a_criterion_calls_its_function(name):
    arrays, others = arguments_of(FUNCTIONS[name])
    options = options_of(name)
    want = FUNCTIONS[name](*arrays, **options, **others)
    got = getattr(xloss, name)(**options)(*arrays, **others)
    np.testing.assert_array_equal(got, want)


@every_criterion
def test_a_criterion_is_a_frozen_value(name):
    criterion = getattr(xloss, name)(**options_of(name))
    with pytest.raises(dataclasses.FrozenInstanceError):
        criterion.reduction = "none"
    twin = pickle.loads(pickle.dumps(criterion))
    for option, value in options_of(name).items():
        np.testing.assert_array_equal(getattr(twin, option), value)
    assert isinstance(hash(criterion), int)
    # those whose options may be arrays compare by identity: == would be an array
    by_identity = name in ("GeneralRobustLoss", "QuantileLoss")
    by_identity |= any(isinstance(x, np.ndarray) for x in options_of(name).values())
    assert (criterion == twin) is not by_identity


every_reference = pytest.mark.parametrize("name", list(REFERENCES))


@every_reference
def test_a_criterion_of_a_reference_has_the_options_of_its_function(name):
    parameters = inspect.signature(REFERENCES[name]).parameters
    names = {"target": "reference_signal", "target_mask": "mask"}
    function = [
        (names.get(n, n), p.kind, p.default)
        for n, p in parameters.items()
        if n not in ("input", "input_mask")
    ]
    criterion = inspect.signature(getattr(xloss, name)).parameters
    got = [(n, p.kind) for n, p in criterion.items()]
    assert got == [(n, kind) for n, kind, _ in function]
    defaults = {n: p.default for n, p in criterion.items()}
    assert defaults.pop("mask") is None
    assert defaults == {n: default for n, _, default in function if n != "mask"}


@every_reference
def test_a_criterion_of_a_reference_calls_its_function(name):
    shape = (2, 3, 4, 5)
    spatial = 1 + ("2D" in name) + 2 * ("3D" in name)
    x, y = signals(np.random.default_rng(0), shape)
    own, other = (mask(*shape[-spatial:], seed=s) for s in (1, 2))
    options = (xloss.MIKernel.truncated_gaussian, 7, 1.5)
    criterion = getattr(xloss, name)(y, own, *options, reduction="sum")
    want = REFERENCES[name](x, y, other, own, *options, reduction="sum")
    assert criterion(x, other) == want
    twin = pickle.loads(pickle.dumps(criterion))
    assert twin(x, other_mask=other) == want
    with pytest.raises(dataclasses.FrozenInstanceError):
        criterion.num_bins = 9
    assert isinstance(hash(criterion), int)
    assert criterion != twin  # they hold arrays, and compare by identity


DOCUMENTED = [*FUNCTIONS.values(), *REFERENCES.values(), xloss.psnr, xloss.ssim]


@pytest.mark.parametrize("function", DOCUMENTED)
def test_docstrings_have_their_sections(function):
    text = inspect.getdoc(function)
    for section in ("Parameters", "Returns", "Raises", "References", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text


def test_torch_call_orders():
    pred, target = images()
    weight = np.abs(pred)
    args = (pred, target)
    assert xloss.huber_loss(*args, "sum", 0.5, weight) == xloss.huber_loss(
        *args, reduction="sum", delta=0.5, weight=weight
    )
    assert xloss.mse_loss(*args, "sum", weight) == xloss.mse_loss(
        *args, reduction="sum", weight=weight
    )
    assert xloss.smooth_l1_loss(*args, "sum", 0.5) == xloss.smooth_l1_loss(
        *args, reduction="sum", beta=0.5
    )


def test_kornia_call_orders():
    x, y = np.random.default_rng(0).random((2, 1, 3, 9, 8))
    assert xloss.ssim_loss(x, y, 5, 2.0, 0.1, "sum", "valid") == xloss.ssim_loss(
        x, y, window_size=5, max_val=2.0, eps=0.1, reduction="sum", padding="valid"
    )
    by_position = xloss.MS_SSIMLoss((0.5, 1.0), 2.0, (0.02, 0.05), 0.1, 3.0, "sum")
    assert by_position == xloss.MS_SSIMLoss(
        sigmas=(0.5, 1.0),
        data_range=2.0,
        K=(0.02, 0.05),
        alpha=0.1,
        compensation=3.0,
        reduction="sum",
    )
    assert xloss.psnr_loss(x, y, 2.0) == xloss.psnr_loss(
        image=x, target=y, max_val=2.0, reduction="mean"
    )
    np.testing.assert_array_equal(
        xloss.total_variation(x, "mean"), xloss.total_variation(img=x, reduction="mean")
    )


POSITIONAL = [
    (
        "focal_loss",
        "labels",
        ["alpha", "gamma", "reduction", "weight", "ignore_index"],
    ),
    (
        "binary_focal_loss_with_logits",
        "bits",
        ["alpha", "gamma", "reduction", "pos_weight", "weight", "ignore_index"],
    ),
    (
        "cross_entropy_loss",
        "labels",
        ["weight", "ignore_index", "reduction", "label_smoothing"],
    ),
    (
        "binary_cross_entropy_with_logits",
        "portions",
        ["weight", "reduction", "pos_weight"],
    ),
    ("dice_loss", "labels", ["average", "eps", "weight", "ignore_index"]),
    ("jaccard_loss", "labels", ["average", "eps", "weight", "ignore_index"]),
    ("generalized_dice_loss", "labels", ["eps", "ignore_index"]),
    ("tversky_loss", "labels", ["alpha", "beta", "eps", "ignore_index"]),
    (
        "focal_tversky_loss",
        "labels",
        ["alpha", "beta", "gamma", "eps", "ignore_index"],
    ),
    ("lovasz_softmax_loss", "labels", ["weight"]),
    ("lovasz_hinge_loss", "mask", []),
]


@pytest.mark.parametrize(("name", "target", "order"), POSITIONAL)
def test_call_orders_of_kornia_and_torch(name, target, order):
    function = getattr(xloss, name)
    shape = (2, 1) if target == "mask" else (2, 4)
    arrays = [x.numpy() for x in pair(target, shape)]
    options = {option: OPTIONS[option] for option in order}
    by_position = function(*arrays, *options.values())
    np.testing.assert_array_equal(by_position, function(*arrays, **options))
    with pytest.raises(TypeError, match="positional argument"):
        function(*arrays, *options.values(), None)
