"""torch: compile, torch.func, second order, meta tensors, parity with torch itself."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 # torch's own convention

import xloss

from .problems import every_loss, images


def tensors(dtype=torch.float64):
    return tuple(torch.tensor(x, dtype=dtype) for x in images())


def psi(loss, pred, target):
    """Return the derivative of the formula by a central difference."""
    r, h = (pred - target).numpy(), 1e-6
    return (loss.formula(r + h) - loss.formula(r - h)) / (2 * h)


@every_loss
def test_gradient(loss):
    pred, target = tensors()
    pred.requires_grad_()
    target.requires_grad_()
    loss(pred, target, reduction="sum").backward()
    want = psi(loss, pred.detach(), target.detach())
    np.testing.assert_allclose(pred.grad, want, atol=1e-8)
    np.testing.assert_allclose(target.grad, -want, atol=1e-8)


@every_loss
def test_gradient_is_zero_where_excluded(loss):
    pred, target = tensors()
    pred[..., 0], target[..., 1] = torch.nan, torch.inf
    pred.requires_grad_()
    where = torch.arange(4) > 1
    loss(pred, target, reduction="mean", where=where).backward()
    assert (pred.grad[..., :2] == 0).all()
    want = psi(loss, pred.detach()[..., 2:], target[..., 2:]) / 12
    np.testing.assert_allclose(pred.grad[..., 2:], want, atol=1e-9)


@every_loss
def test_nothing_counts_gives_zero_gradient(loss):
    pred, target = tensors()
    pred.requires_grad_()
    loss(pred, target, reduction="mean", where=torch.zeros((), dtype=bool)).backward()
    assert (pred.grad == 0).all()


@every_loss
@pytest.mark.parametrize("value", [0.0, 1e19, -1e30, 1e38])
def test_gradient_is_finite_at_any_residual(loss, value):
    pred = torch.tensor([value], requires_grad=True)
    loss(pred, torch.zeros(1), reduction="sum").backward()
    assert pred.grad.isfinite().all() or loss.name == "mse"  # 2r itself overflows
    if value == 0.0:
        assert pred.grad == 0.0


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
def test_compiles_into_one_graph_without_a_warning(loss, dtype, graphs):
    a, b = tensors()
    pred, target = a.to(dtype), b.to(dtype)
    where, weight = torch.arange(4) > 0, torch.ones(2, 1, 1)

    def call(pred, target, where, weight):
        plain = loss(pred, target, reduction="mean")
        masked = loss(pred, target, reduction="mean", where=where, sample_weight=weight)
        return plain, masked

    compiled = torch.compile(call, fullgraph=True, backend=graphs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = compiled(pred, target, where, weight)
    assert len(graphs.seen) == 1
    assert got == call(pred, target, where, weight)


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("huber_loss", "delta", [0.5, 1.0, 1.5, 2.0, 3.0]),
        ("smooth_l1_loss", "beta", [0.5, 1.0, 1.5, 2.0, 3.0]),
        ("quantile_loss", "q", [0.1, 0.3, 0.5, 0.7, 0.9]),
        ("charbonnier_loss", "scale", [0.5, 2.0, 3.0, 4.0, 5.0]),
        ("general_robust_loss", "alpha", [0.5, 0.6, 1.5, 1.7, 1.9]),
    ],
)
def test_a_changing_option_compiles_twice_at_most(name, option, values, graphs):
    function = getattr(xloss, name)
    pred, target = tensors()

    def call(pred, target, value):
        return function(pred, target, reduction="mean", **{option: value})

    compiled = torch.compile(call, fullgraph=True, backend=graphs)
    for value in values:
        got, want = compiled(pred, target, value), call(pred, target, value)
        np.testing.assert_allclose(got, want, rtol=1e-15)
    assert len(graphs.seen) <= 2


def test_a_criterion_compiles(graphs):
    pred, target = tensors()
    criterion = xloss.HuberLoss(delta=0.5)
    got = torch.compile(criterion, fullgraph=True, backend=graphs)(pred, target)
    assert got == criterion(pred, target)


@every_loss
def test_func_transformations(loss):
    pred, target = tensors()
    want = torch.tensor(psi(loss, pred, target))
    one = torch.func.grad(lambda x, y: loss(x, y, reduction="sum"))
    got = torch.func.vmap(one)(pred, target)
    torch.testing.assert_close(got, want, atol=1e-8, rtol=0)
    tangent = torch.ones_like(pred)
    _, got = torch.func.jvp(
        lambda x: loss(x, target, reduction="none"), (pred,), (tangent,)
    )
    torch.testing.assert_close(got, want, atol=1e-8, rtol=0)
    means = torch.func.vmap(lambda x, y: loss(x, y, reduction="mean"))(pred, target)
    want = loss.formula((pred - target).numpy()).mean((1, 2))
    np.testing.assert_allclose(means, want, rtol=1e-13)


@every_loss
def test_second_derivative(loss):
    pred, target = (x[0, 0] for x in tensors())
    hessian = torch.func.hessian(lambda x: loss(x, target, reduction="sum"))(pred)
    r, h = (pred - target).numpy(), 1e-4
    f = loss.formula
    want = (f(r + h) - 2 * f(r) + f(r - h)) / h**2
    np.testing.assert_allclose(hessian.diagonal(), want, atol=1e-6)
    assert (hessian - hessian.diagonal().diag() == 0).all()


@pytest.mark.parametrize(
    "loss",
    [
        xloss.charbonnier_loss,
        xloss.cauchy_loss,
        xloss.welsch_loss,
        xloss.geman_mcclure_loss,
        xloss.huber_loss,
        xloss.smooth_l1_loss,
        xloss.log_cosh_loss,
    ],
)
def test_second_derivative_at_zero_is_one(loss):
    zero = torch.zeros(1, dtype=torch.float64)
    curvature = torch.func.hessian(lambda x: loss(x, zero, reduction="sum"))(zero)
    torch.testing.assert_close(curvature, torch.ones(1, 1, dtype=torch.float64))


@every_loss
def test_meta_tensors(loss):
    pred, target = (x.to("meta") for x in tensors(torch.bfloat16))
    for reduction, shape in (("none", (2, 3, 4)), ("mean", ())):
        out = loss(pred, target, reduction=reduction)
        assert (out.device.type, out.shape, out.dtype) == (
            "meta",
            shape,
            torch.bfloat16,
        )


@every_loss
def test_inputs_are_left_alone(loss):
    pred, target = tensors()
    before = pred.clone(), target.clone()
    loss(pred, target, reduction="mean", where=torch.arange(4) > 1)
    assert torch.equal(pred, before[0])
    assert torch.equal(target, before[1])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_parity_with_torch(reduction, weighted):
    pred, target = tensors()
    options = {"weight": torch.rand(pred.shape).double()} if weighted else {}
    for name, own in (("huber", {"delta": 0.7}), ("mse", {}), ("l1", {})):
        want = getattr(F, f"{name}_loss")(
            pred, target, reduction=reduction, **own, **options
        )
        got = getattr(xloss, f"{name}_loss")(pred, target, reduction, **own, **options)
        torch.testing.assert_close(got, want, rtol=1e-14, atol=0)
    for beta in (0.0, 0.3, 1.0):
        want = F.smooth_l1_loss(pred, target, reduction=reduction, beta=beta)
        got = xloss.smooth_l1_loss(pred, target, reduction, beta)
        torch.testing.assert_close(got, want, rtol=1e-14, atol=0)
