"""kornia 0.9.0: the same calls give the same numbers."""

import re
from pathlib import Path

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


def rows_of_every_name():
    """What the page's first table names in its first column, row by row."""
    page = Path(__file__).parent.parent / "docs" / "differences.md"
    section = page.read_text().split("## Every name of kornia.losses\n")[1]
    rows = re.findall(
        r"^\| (`.*?) \| (.+) \|$", section.split("\n## ")[0], re.MULTILINE
    )
    return [(re.findall(r"`(\w+)`", names), text) for names, text in rows]


def test_the_page_has_every_name_of_kornia_once():
    listed = [name for names, _ in rows_of_every_name() for name in names]
    assert sorted(listed) == sorted(kornia.losses.__all__)


@pytest.mark.parametrize("name", kornia.losses.__all__)
def test_every_name_of_kornia_is_here_or_its_row_says_why_not(name):
    (text,) = (text for names, text in rows_of_every_name() if name in names)
    assert hasattr(xloss, name) or text.startswith("not here: ")
    assert not hasattr(xloss, name) or re.match(r"(the )?same\b", text)
