"""Eager torch in blocks: layouts, dtypes, weights, and ways to differentiate."""

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

import xloss
from benchmarks import memory
from xloss._core import labelled, pointwise, torch_blocks

from .problems import every_loss, images
from .segmentation_problems import PROBLEMS as SEGMENTATION_PROBLEMS
from .test_torch import psi

SHAPE = (2, 3, 5, 7)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut small tensors, and count the blocks that are computed."""
    seen = []
    monkeypatch.setattr(pointwise, "LARGE", 1)
    monkeypatch.setattr(labelled, "LARGE", 1)
    monkeypatch.setattr(torch_blocks, "BLOCK", 16)
    cut = torch_blocks.tiles

    def counted(shape, *each):
        for index in cut(shape, *each):
            seen.append(index)
            yield index

    monkeypatch.setattr(torch_blocks, "tiles", counted)
    return seen


def tensors(dtype=torch.float64):
    return tuple(torch.tensor(x, dtype=dtype) for x in images(SHAPE))


def layouts(x):
    return {
        "contiguous": x,
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "transposed": x.transpose(0, 3).contiguous().transpose(0, 3),
        "strided": x.repeat_interleave(2, dim=-1)[..., ::2],
    }


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients_are_those_of_the_formula(loss, reduction, small_blocks):
    pred, target = (x.requires_grad_() for x in tensors())
    value = loss(pred, target, reduction=reduction)
    forward = len(small_blocks)
    value.sum().backward()
    assert forward > 2
    assert len(small_blocks) == 2 * forward

    r = (pred - target).detach()
    want = loss.formula(r.numpy())
    want = want if reduction == "none" else getattr(want, reduction)()
    np.testing.assert_allclose(value.detach(), want, rtol=1e-12, atol=1e-15)
    slope = psi(loss, r, torch.zeros_like(r))
    slope = slope / (r.numel() if reduction == "mean" else 1)
    np.testing.assert_allclose(pred.grad, slope, atol=1e-8)
    np.testing.assert_allclose(target.grad, -slope, atol=1e-8)


@pytest.mark.parametrize("layout", layouts(torch.ones(SHAPE)))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_layouts_and_dtypes(layout, dtype):
    pred, target = tensors(dtype)
    pred = layouts(pred)[layout].requires_grad_()
    loss = xloss.mse_loss(pred, target, "none")
    loss.sum().backward()
    assert loss.dtype == pred.grad.dtype == dtype
    r = pred.detach().double() - target.double()
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(loss.detach().double(), r * r, rtol=eps, atol=0)
    torch.testing.assert_close(pred.grad.double(), 2 * r, rtol=eps, atol=0)


def test_uint8_does_not_wrap():
    a, b = torch.full((99,), 20, dtype=torch.uint8), torch.zeros(99, dtype=torch.uint8)
    assert xloss.l1_loss(a, b).item() == xloss.l1_loss(b, a).item() == 20


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_masks_weights_and_options_broadcast(reduction):
    pred, target = tensors()
    rng = np.random.default_rng(0)
    where = torch.tensor(rng.random(SHAPE[1:]) > 0.3)
    weight = torch.tensor(rng.random((2, 1, 1, 1)))
    q = torch.tensor(rng.random(SHAPE[-1]))
    pred[:, ~where] = torch.nan
    pred.requires_grad_()
    loss = xloss.quantile_loss(
        pred, target, q, reduction, where=where, sample_weight=weight
    )
    loss.sum().backward()

    kept = (where * weight).numpy()
    r = np.where(where, (pred - target).detach(), 0.0)
    q = q.numpy()
    want = kept * np.maximum(-q * r, (1 - q) * r)
    slope = kept * np.where(r < 0, -q, 1 - q)
    if reduction != "none":
        divisor = kept.sum() if reduction == "mean" else 1
        want, slope = want.sum() / divisor, slope / divisor
    np.testing.assert_allclose(loss.detach(), want, rtol=1e-12)
    np.testing.assert_allclose(pred.grad, slope, rtol=1e-12)


def test_nothing_counts():
    pred, target = tensors()
    pred.requires_grad_()
    loss = xloss.huber_loss(pred, target, where=torch.zeros(7, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert (pred.grad == 0).all()


def test_a_tensor_against_itself_has_no_gradient():
    pred, _ = tensors()
    pred.requires_grad_()
    xloss.charbonnier_loss(pred, pred, "sum").backward()
    assert (pred.grad == 0).all()


def test_backward_twice_adds_up():
    pred, target = tensors()
    pred.requires_grad_()
    loss = xloss.mse_loss(pred, target, "sum")
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(pred.grad, 4 * (pred - target).detach())


def test_options_that_learn_get_their_gradient():
    pred, target = tensors()
    alpha = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a: xloss.general_robust_loss(pred, target, a, reduction="mean"), alpha
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_derivatives_of_the_gradient(reduction):
    pred, target = (x.flatten()[:40].requires_grad_() for x in tensors())
    assert torch.autograd.gradgradcheck(
        lambda a, b: xloss.charbonnier_loss(a, b, reduction), (pred, target)
    )


WAYS = {
    "vectorized": lambda f, x: torch.autograd.functional.hessian(f, x, vectorize=True),
    "row by row": torch.autograd.functional.hessian,
    "forward over reverse": lambda f, x: torch.func.hessian(f)(x),
    "reverse over reverse": lambda f, x: torch.func.jacrev(torch.func.jacrev(f))(x),
    "dual": lambda f, x: torch.stack([_dual(f, x, row) for row in torch.eye(len(x))]),
}


def _dual(f, x, direction):
    x = x.detach().requires_grad_()
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction.to(x.dtype))
        (gradient,) = torch.autograd.grad(f(dual), x, create_graph=True)
        tangent = forward_ad.unpack_dual(gradient).tangent
        assert tangent is not None
        return tangent


@pytest.mark.parametrize("way", WAYS)
def test_second_derivatives(way):
    pred, target = (x.flatten()[:40] for x in tensors())
    got = WAYS[way](lambda x: xloss.cauchy_loss(x, target, "sum"), pred)
    z = (pred - target) ** 2 / 2
    want = torch.diag((1 - z) / (1 + z) ** 2)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


def test_vmap_and_jvp():
    pred, target = tensors()
    batched = torch.func.vmap(lambda a, b: xloss.mse_loss(a, b))(pred, target)
    r = pred - target
    torch.testing.assert_close(batched, (r * r).mean((1, 2, 3)))
    ones = torch.ones_like(pred)
    f = lambda x: xloss.mse_loss(x, target, "sum")  # noqa: E731 # two calls of it
    torch.testing.assert_close(torch.func.jvp(f, (pred,), (ones,))[1], 2 * r.sum())


class Tagged(torch.Tensor):
    pass


def test_what_is_no_plain_tensor_stays_what_it_is(small_blocks):
    pred, target = tensors()
    loss = xloss.mse_loss(pred.to("meta"), target.to("meta"))
    assert loss.device.type == "meta"
    loss = xloss.mse_loss(pred.as_subclass(Tagged), target)
    assert type(loss) is Tagged
    assert not small_blocks


def test_inference_mode_and_checkpoints(small_blocks):
    pred, target = tensors()
    with torch.inference_mode():
        value = xloss.mse_loss(pred, target)
    pred.requires_grad_()
    again = checkpoint(xloss.mse_loss, pred, target, use_reentrant=False)
    again.backward()
    assert small_blocks
    torch.testing.assert_close(value, again.detach())
    torch.testing.assert_close(pred.grad, 2 * (pred - target).detach() / pred.numel())


def test_changed_inputs_are_refused():
    pred, target = tensors()
    pred.requires_grad_()
    loss = xloss.mse_loss(pred, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_memory(monkeypatch):
    monkeypatch.undo()
    pred, target = torch.rand(2, 2**22).numpy()
    assert memory.kept_for_backward(xloss.charbonnier_loss, (pred, target)) == 0
    extra = memory.extra_with_backward(
        lambda a, b: xloss.charbonnier_loss(a, b, "mean"), (pred, target)
    )
    assert extra < 1.7  # the gradient, and blocks of half a million elements


LABELLED = {xloss.focal_loss, xloss.cross_entropy_loss}
ELEMENTWISE = {xloss.binary_cross_entropy_with_logits}
every_labelled = pytest.mark.parametrize(
    "problem",
    [p for p in SEGMENTATION_PROBLEMS if p.function in LABELLED | ELEMENTWISE],
    ids=lambda p: p.name,
)


def on_torch(problem):
    pred, target = map(torch.tensor, problem.arrays())
    return problem.on(torch.tensor), pred.requires_grad_(), target


@every_labelled
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_labels_in_blocks(problem, reduction, small_blocks, monkeypatch):
    monkeypatch.setattr(torch_blocks, "BLOCK", 8)
    loss, pred, target = on_torch(problem)
    value = loss(pred, target, reduction=reduction)
    (3 * value).backward()
    assert len(small_blocks) > 2
    arrays = problem.arrays()
    want = problem.expected(*arrays, reduction=reduction)
    np.testing.assert_allclose(value.detach(), want, rtol=1e-12)
    slope = 3 * problem.gradient(*arrays, reduction=reduction)
    np.testing.assert_allclose(pred.grad, slope, rtol=1e-9, atol=1e-12)


@every_labelled
def test_masks_and_weights_of_labels_in_blocks(problem, monkeypatch):
    monkeypatch.setattr(torch_blocks, "BLOCK", 8)
    loss, pred, target = on_torch(problem)
    rng = np.random.default_rng(0)
    per_pixel = (*pred.shape[:1], *pred.shape[2:])
    shape = per_pixel if problem.function is xloss.cross_entropy_loss else pred.shape
    where = torch.tensor(rng.random(shape[1:]) > 0.3)
    weight = torch.tensor(rng.random((shape[0], *(1,) * (len(shape) - 1))))
    options = {"where": where, "sample_weight": weight, "reduction": "mean"}
    value = loss(pred, target, **options)
    value.backward()
    gradient, pred = pred.grad, pred.detach().requires_grad_()
    monkeypatch.undo()  # the formula as a whole, which other tests hold to goldens
    whole = loss(pred, target, **options)
    whole.backward()
    torch.testing.assert_close(value, whole, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, pred.grad, rtol=1e-10, atol=1e-14)


@every_labelled
def test_second_derivatives_of_labels(problem):
    loss, pred, target = on_torch(problem)
    assert torch.autograd.gradgradcheck(
        lambda x: loss(x, target, reduction="mean"), pred, atol=1e-4
    )


def test_an_option_that_learns_beside_labels():
    logits, labels = torch.randn(2, 3, 5, dtype=torch.float64), torch.ones(2, 5).long()
    gamma = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda g: xloss.focal_loss(logits, labels, 0.25, g, "mean"), gamma
    )
