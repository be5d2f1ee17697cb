"""The public names, and criteria beside their functions."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest

import xloss

from .problems import images

FUNCTIONS = {
    "CauchyLoss": xloss.cauchy_loss,
    "CharbonnierLoss": xloss.charbonnier_loss,
    "GemanMcclureLoss": xloss.geman_mcclure_loss,
    "GeneralRobustLoss": xloss.general_robust_loss,
    "HuberLoss": xloss.huber_loss,
    "L1Loss": xloss.l1_loss,
    "LogCoshLoss": xloss.log_cosh_loss,
    "MSELoss": xloss.mse_loss,
    "QuantileLoss": xloss.quantile_loss,
    "SmoothL1Loss": xloss.smooth_l1_loss,
    "WelschLoss": xloss.welsch_loss,
}
OPTIONS = {
    "scale": 2.0,
    "alpha": 0.5,
    "delta": 0.7,
    "beta": 0.3,
    "q": 0.9,
    "reduction": "sum",
}
AT_CALL = {"where", "sample_weight", "weight"}

every_criterion = pytest.mark.parametrize("name", list(FUNCTIONS))


def options_of(name):
    fields = dataclasses.fields(getattr(xloss, name))
    return {field.name: OPTIONS[field.name] for field in fields}


def test_all_lists_every_loss_and_criterion():
    functions = {name for name in dir(xloss) if name.endswith("_loss")}
    assert set(xloss.__all__) == functions | set(FUNCTIONS)
    assert {f.__name__ for f in FUNCTIONS.values()} == functions


@every_criterion
def test_a_criterion_has_the_options_of_its_function(name):
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.items())[2:]
    function = {n: p.default for n, p in parameters if n not in AT_CALL}
    criterion = {
        n: p.default
        for n, p in inspect.signature(getattr(xloss, name)).parameters.items()
    }
    assert criterion == function


@every_criterion
def test_a_criterion_calls_its_function(name):
    pred, target = images()
    options = options_of(name)
    arrays = {"where": np.arange(4) > 0, "sample_weight": np.arange(4.0)}
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    if "weight" in parameters:
        arrays["weight"] = np.abs(pred)
    want = FUNCTIONS[name](pred, target, **options, **arrays)
    assert getattr(xloss, name)(**options)(pred, target, **arrays) == want


@every_criterion
def test_a_criterion_is_a_frozen_value(name):
    criterion = getattr(xloss, name)(**options_of(name))
    with pytest.raises(dataclasses.FrozenInstanceError):
        criterion.reduction = "none"
    twin = pickle.loads(pickle.dumps(criterion))
    assert dataclasses.asdict(twin) == dataclasses.asdict(criterion)
    assert isinstance(hash(criterion), int)
    # those whose options may be arrays compare by identity: == would be an array
    by_identity = name in ("GeneralRobustLoss", "QuantileLoss")
    assert (criterion == twin) is not by_identity


@pytest.mark.parametrize("function", FUNCTIONS.values())
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
