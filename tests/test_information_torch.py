"""torch: compile, torch.func, second order, autocast, meta of losses of information."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import xloss

from .information_problems import (
    by_name,
    every,
    every_function,
    every_problem,
    every_reduction,
)


def tensors(loss, dtype=torch.float64):
    """Return the problem with its options in torch, and its arrays."""

    def convert(x):
        return torch.tensor(x, dtype=dtype if x.dtype == np.float64 else None)

    return loss.on(convert), *map(convert, loss.arrays())


def quietly(call, *arrays):
    """The first call of a compiled function, in which any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call(*arrays)


COMPILED = [
    by_name[name]
    for name in ("kl", "js", "hausdorff", "mi_masked", "nmi_2d", "ncc", "lncc")
]


@every(COMPILED)
def test_compiles_without_a_break_or_a_warning(loss):
    torch._dynamo.reset()
    call, *arrays = tensors(loss)
    leaves = [x.requires_grad_() for x in arrays if x.is_floating_point()]
    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    quietly(compiled, *arrays).sum().backward()
    want = loss.gradients(*loss.arrays())
    for leaf, slope in zip(leaves, want, strict=True):
        np.testing.assert_allclose(leaf.grad, slope, rtol=1e-9, atol=1e-13)


OTHERS = ["kl_axes", "js_all", "hausdorff_3d", "mi_wide", "mi_2d", "nmi", "lncc_valid"]


@every([by_name[name] for name in OTHERS])
def test_compiles_into_one_graph(loss, graphs):
    call, *arrays = tensors(loss)
    got = quietly(torch.compile(call, fullgraph=True, backend=graphs), *arrays)
    np.testing.assert_allclose(got, loss.expected(*loss.arrays()), rtol=1e-12)
    assert len(graphs.seen) == 1


FIRST_CALL = """
import warnings
warnings.simplefilter("error")
import torch, xloss
torch.manual_seed(0)
x, y = torch.rand(2, 2, 3, 6, 7)
labels = torch.randint(0, 3, (2, 1, 6, 7))
def call(x, y, labels):
    return (
        xloss.mutual_information_loss_2d(x, y, num_bins=8, reduction="mean")
        + xloss.hausdorff_er_loss(x, labels, k=2)
        + xloss.js_div_loss_2d(x, y)
    )
got = torch.compile(call, fullgraph=True, backend="eager")(x, y, labels)
torch.testing.assert_close(got, call(x, y, labels))
"""


def test_the_first_call_of_a_process_may_be_compiled():
    subprocess.run([sys.executable, "-c", FIRST_CALL], check=True)


def test_a_changing_exponent_compiles_twice_at_most(graphs):
    loss = by_name["hausdorff"]
    call, *arrays = tensors(loss)
    compiled = torch.compile(
        lambda *arrays, alpha: call(*arrays, alpha=alpha),
        fullgraph=True,
        backend=graphs,
    )
    for alpha in (0.25, 1.5, 2.75):
        got = compiled(*arrays, alpha=alpha)
        want = loss.expected(*loss.arrays(), alpha=alpha)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert len(graphs.seen) <= 2


def test_a_learned_exponent_has_a_gradient():
    loss = by_name["hausdorff"]
    _, pred, labels = tensors(loss)
    alpha = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    xloss.hausdorff_er_loss(pred, labels, alpha, 4).backward()
    ends = [loss.expected(*loss.arrays(), alpha=1.3 + side) for side in (-1e-6, 1e-6)]
    np.testing.assert_allclose(alpha.grad, (ends[1] - ends[0]) / 2e-6, rtol=1e-7)


def samples(*arrays):
    """Each sample alone, in a batch of one."""
    return zip(*(np.split(x, len(x)) for x in arrays), strict=True)


@every_problem
def test_vmap_of_grad_over_samples(loss):
    call, first, second = tensors(loss)

    def total(*sample):
        return call(*(x[None] for x in sample)).sum()

    got = torch.func.vmap(torch.func.grad(total))(first, second)
    want = [loss.gradients(*sample)[0] for sample in samples(*loss.arrays())]
    np.testing.assert_allclose(got, np.concatenate(want), rtol=1e-9, atol=1e-13)


@every_function
def test_grad_and_jvp(loss):
    call, first, second = tensors(loss)
    want = torch.tensor(loss.gradients(*loss.arrays())[0])

    def total(x):
        return call(x, second).sum()

    got = torch.func.grad(total)(first)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-13)
    direction = torch.rand(first.shape, dtype=torch.float64)
    _, slope = torch.func.jvp(total, (first,), (direction,))
    torch.testing.assert_close(slope, (want * direction).sum(), rtol=1e-9, atol=1e-12)


TINY = {
    "kl": (1, 2, 3),
    "js": (1, 2, 3),
    "hausdorff": (1, 2, 3, 3),
    "mi": (1, 12),
    "mi_wide": (1, 9),
    "nmi": (1, 1, 12),
    "ncc": (1, 2, 2, 3),
    "lncc": (1, 1, 4, 3),
}


@pytest.mark.parametrize("name", TINY)
def test_hessian_and_double_backward(name):
    loss = by_name[name]._replace(shape=TINY[name])
    if name == "lncc":
        loss = loss._replace(options={"window_size": 3})
    call, first, second = tensors(loss)
    want = loss.hessian(*loss.arrays())
    got = torch.func.hessian(lambda x: call(x, second).sum())(first)
    tolerance = {"rtol": 1e-7, "atol": 1e-9 * abs(want).max()}
    assert abs(want).max() > 0
    np.testing.assert_allclose(got, want, **tolerance)
    leaf = first.clone().requires_grad_()
    (slope,) = torch.autograd.grad(call(leaf, second).sum(), leaf, create_graph=True)
    weights = torch.rand(slope.shape, dtype=torch.float64)
    (got,) = torch.autograd.grad((weights * slope).sum(), leaf)
    want = np.tensordot(weights.numpy(), want, weights.ndim)
    np.testing.assert_allclose(got, want, **tolerance)


@every_function
def test_autocast_keeps_the_digits(loss):
    call, *arrays = tensors(loss, torch.float32)
    plain = call(*arrays)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = call(*arrays)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


@every_problem
@every_reduction
def test_meta_tensors(loss, reduction):
    call, *arrays = tensors(loss, torch.bfloat16)
    call = call.on(torch.tensor)
    options = {k: v.to("meta") for k, v in call.options.items() if torch.is_tensor(v)}
    out = call(*(x.to("meta") for x in arrays), reduction=reduction, **options)
    assert (out.device.type, out.dtype) == ("meta", torch.bfloat16)
    assert out.shape == loss.expected(*loss.arrays(), reduction=reduction).shape


@every_problem
def test_inputs_are_left_alone(loss):
    call, *arrays = tensors(loss)
    held = [*arrays, *(v for v in call.options.values() if torch.is_tensor(v))]
    before = [x.clone() for x in held]
    leaves = [x.requires_grad_() for x in arrays if x.is_floating_point()]
    call(*arrays).sum().backward()
    assert len(leaves) > 0
    for x, y in zip(held, before, strict=True):
        assert torch.equal(x, y)


@every_function
def test_layouts_are_all_one(loss):
    call, *arrays = tensors(loss)
    want = call(*arrays)
    turned = [x.transpose(0, -1).contiguous().transpose(0, -1) for x in arrays]
    spread = [torch.repeat_interleave(x, 2, -1)[..., ::2] for x in arrays]
    for same in (turned, spread):
        torch.testing.assert_close(call(*same), want, rtol=1e-12, atol=1e-15)


def test_what_mutual_information_keeps_for_backward():
    """As many weights as bins that a sample reaches, not as there are bins."""
    x, y = torch.rand(2, 2**14)
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        xloss.mutual_information_loss(x.requires_grad_(), y.requires_grad_())
    assert sum(kept.values()) < 60 * x.nbytes
