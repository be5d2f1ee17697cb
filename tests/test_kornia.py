"""kornia 0.9.0: the same calls give the same numbers."""

import kornia
import pytest
import torch

import xloss

from .problems import images

NAMES = {
    "charbonnier_loss": "CharbonnierLoss",
    "cauchy_loss": "CauchyLoss",
    "welsch_loss": "WelschLoss",
    "geman_mcclure_loss": "GemanMcclureLoss",
}


def tensors():
    pred, target = images((2, 3, 8, 8))
    return torch.tensor(pred), torch.tensor(target)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_functions(name, reduction):
    theirs, ours = getattr(kornia.losses, name), getattr(xloss, name)
    pred, target = tensors()
    torch.testing.assert_close(
        ours(pred, target), theirs(pred, target), rtol=1e-12, atol=0
    )
    by_position = ours(pred, target, reduction), theirs(pred, target, reduction)
    torch.testing.assert_close(*by_position, rtol=1e-12, atol=0)
    by_name = {"img1": pred, "img2": target, "reduction": reduction}
    torch.testing.assert_close(ours(**by_name), theirs(**by_name), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES.values())
def test_criteria_and_gradients(name):
    pred, target = tensors()
    gradients = []
    for library in (xloss, kornia.losses):
        leaf = pred.clone().requires_grad_()
        getattr(library, name)(reduction="mean")(leaf, target).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-15)
