"""kornia 0.9.0: the same calls give the same values and gradients in float64."""

import kornia
import numpy as np
import pytest
import torch

import xloss

from .information_problems import (
    distributions,
    every_reduction,
    heat_maps,
    mask,
    mostly_wrong,
    signals,
)

MEMBERS = ["xu", "rectangular", "truncated_gaussian"]
every_kernel = pytest.mark.parametrize("kernel", MEMBERS)
every_radius = pytest.mark.parametrize("radius", [0.5, 1.0, 1.7, 3.0])


def tensors(draw, shape, **kwargs):
    pair = draw(np.random.default_rng(0), shape, **kwargs)
    return [torch.tensor(x) for x in pair]


def assert_same(ours, theirs, arrays, rtol, atol=1e-12):
    """The same values, and the same gradients of any mean of them in every float."""
    values, slopes = [], []
    for function in (ours, theirs):
        leaves = [x.clone() for x in arrays]
        floats = [x.requires_grad_() for x in leaves if x.is_floating_point()]
        value = function(*leaves)
        weights = torch.linspace(0.5, 1.5, value.numel()).double()
        total = (weights.reshape(value.shape) * value).sum()
        values.append(value.detach())
        slopes.append(torch.autograd.grad(total, floats, allow_unused=True))
    torch.testing.assert_close(*values, rtol=rtol, atol=atol)
    for got, want in zip(*slopes, strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ["kl_div_loss_2d", "js_div_loss_2d"])
@every_reduction
def test_divergences(name, reduction):
    functions = [getattr(x, name) for x in (xloss, kornia.losses)]
    for shape in ((2, 3, 4, 5), (1, 1, 1, 6)):
        maps = tensors(heat_maps, shape)
        assert_same(
            *[lambda p, t, f=f: f(p, t, reduction) for f in functions], maps, 1e-9
        )


def test_divergences_with_cells_without_target():
    p, t = tensors(heat_maps, (2, 2, 3, 4))
    t[:, :, 0] = 0
    t = t / t.sum((2, 3), keepdim=True)
    assert_same(xloss.kl_div_loss_2d, kornia.losses.kl_div_loss_2d, [p, t], 1e-9)


def test_any_axes_are_those_of_a_picture():
    p, t = tensors(distributions, (4, 6))
    for ours, theirs in (
        (xloss.kl_div_loss, kornia.losses.kl_div_loss_2d),
        (xloss.js_div_loss, kornia.losses.js_div_loss_2d),
    ):

        def as_maps(p, t, theirs=theirs):
            return theirs(p.reshape(1, 4, 2, 3), t.reshape(1, 4, 2, 3))

        assert_same(ours, as_maps, [p, t], 1e-9)


HAUSDORFF = [
    ("HausdorffERLoss", (2, 3, 8, 9), (2.0, 10)),
    ("HausdorffERLoss", (1, 2, 12, 7), (0.5, 1)),
    ("HausdorffERLoss", (1, 4, 1, 6), (1.0, 4)),
    ("HausdorffERLoss3D", (2, 2, 5, 6, 7), (2.0, 10)),
    ("HausdorffERLoss3D", (1, 3, 4, 4, 4), (3.0, 2)),
]


def exact(criterion):
    """With the weights of neighbours, 1/5 or 1/7, in float64 as the arrays are."""
    points = torch.count_nonzero(criterion.kernel)
    criterion.kernel = (criterion.kernel > 0).double() / points
    return criterion


@pytest.mark.parametrize(("name", "shape", "options"), HAUSDORFF)
@every_reduction
def test_hausdorff(name, shape, options, reduction):
    ours = getattr(xloss, name)(*options, reduction)
    theirs = getattr(kornia.losses, name)(*options, reduction)
    pred, labels = tensors(mostly_wrong, shape)
    assert_same(ours, exact(theirs), [pred, labels], 1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "shape", "options"), HAUSDORFF)
def test_hausdorff_as_released(name, shape, options):
    """Its weights are float32; what passes 1/2 by little grows in each erosion."""
    ours, theirs = (getattr(x, name)(*options) for x in (xloss, kornia.losses))
    pair = tensors(mostly_wrong, shape)
    torch.testing.assert_close(ours(*pair), theirs(*pair), rtol=1e-6, atol=0)


INFORMATION = ["mutual_information_loss", "normalized_mutual_information_loss"]
every_information = pytest.mark.parametrize("name", INFORMATION)


@every_information
@every_kernel
@every_radius
def test_information_of_every_kernel(name, kernel, radius):
    """The rectangular one has no gradient; kornia's is 0, or none at all."""
    pair = tensors(signals, (2, 60))

    def call(library):
        def loss(x, y):
            member = getattr(library.MIKernel, kernel)
            options = {"num_bins": 12, "window_radius": radius}
            value = getattr(library, name)(x, y, kernel_function=member, **options)
            return value + 0 * (x + y).sum()

        return loss

    assert_same(call(xloss), call(kornia.losses), pair, 1e-6, atol=1e-9)


MASKS = [
    (None, None),
    (torch.tensor(mask(40)), None),
    (None, torch.tensor(mask(40, seed=2))),
    (torch.tensor(mask(40)), torch.tensor(mask(40, seed=2))),
    (torch.tensor(mask(40, dtype=np.uint8)), torch.tensor(mask(40, seed=2))),
]


@every_information
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
def test_information_within_masks(name, masks, lead):
    pair = tensors(signals, (*lead, 40))

    def call(library):
        member = library.MIKernel.truncated_gaussian
        return lambda x, y: getattr(library, name)(x, y, *masks, member, 9, 1.5)

    assert_same(call(xloss), call(kornia.losses), pair, 1e-6, atol=1e-9)


@every_information
@pytest.mark.parametrize(("suffix", "shape"), [("_2d", (6, 9)), ("_3d", (3, 4, 5))])
@pytest.mark.parametrize("lead", [(), (2,), (2, 1, 2)])
def test_information_of_images(name, suffix, shape, lead):
    pair = tensors(signals, (*lead, *shape))
    common = torch.tensor(mask(*shape))
    for masks in ((None, None), (common, None), (common, common.flip(0))):

        def call(library, masks=masks):
            member = library.MIKernel.xu
            return lambda x, y: getattr(library, name + suffix)(x, y, *masks, member, 8)

        assert_same(call(xloss), call(kornia.losses), pair, 1e-6, atol=1e-9)


CRITERIA = [
    ("MILossFromRef", (2, 30)),
    ("NMILossFromRef", (2, 30)),
    ("MILossFromRef2D", (2, 5, 6)),
    ("NMILossFromRef2D", (2, 5, 6)),
    ("MILossFromRef3D", (2, 2, 4, 4)),
    ("NMILossFromRef3D", (2, 2, 4, 4)),
]


@pytest.mark.parametrize(("name", "shape"), CRITERIA)
def test_criteria_of_a_reference(name, shape):
    pair = tensors(signals, shape)
    own, other = (torch.tensor(mask(*shape[1:], seed=s)) for s in (3, 4))

    def call(library):
        criterion = getattr(library, name)
        member = library.MIKernel.xu
        return lambda x, y: criterion(x, own, member, 7, 1.0)(y, other)

    assert_same(call(xloss), call(kornia.losses), pair, 1e-6, atol=1e-9)


def test_default_options_are_the_same():
    pair = tensors(signals, (300,))
    for name in INFORMATION:
        functions = [getattr(x, name) for x in (xloss, kornia.losses)]
        assert_same(*functions, pair, 1e-6, atol=1e-9)
    pred, labels = tensors(mostly_wrong, (1, 2, 20, 20))
    ours, theirs = (x.HausdorffERLoss() for x in (xloss, kornia.losses))
    assert_same(ours, exact(theirs), [pred, labels], 1e-9, atol=1e-9)


def test_close_distributions_in_float32():
    """Of which kornia has no digit left, and both forms all in float64."""
    target = torch.tensor([[[[0.375, 0.625]]]], dtype=torch.float64)
    pred = target + 2.0**-14 * torch.tensor([1.0, -1.0])
    for name in ("kl_div_loss_2d", "js_div_loss_2d"):
        ours, theirs = (getattr(x, name) for x in (xloss, kornia.losses))
        exact = theirs(pred, target)
        single = pred.float(), target.float()
        torch.testing.assert_close(ours(*single).double(), exact, rtol=1e-6, atol=0)
        assert abs(theirs(*single) - exact) > 0.5 * exact


def test_two_constants():
    """From the floor under its counts kornia reports that they share something."""
    flat = torch.full((50,), 0.25)
    assert xloss.mutual_information_loss(flat, flat) == 0
    assert xloss.normalized_mutual_information_loss(flat, flat) == -1
    assert kornia.losses.normalized_mutual_information_loss(flat, flat) < -1.5
