"""torch: compile, torch.func, second order, autocast, meta tensors for image losses."""

import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import torch

import xloss

from . import textbook
from .image_problems import PROBLEMS, every_image_loss, every_setting


def tensors(loss, dtype=torch.float64):
    return [torch.tensor(x, dtype=dtype) for x in loss.arrays()]


@every_setting
def test_gradients(loss):
    leaves = [x.requires_grad_() for x in tensors(loss)]
    loss(*leaves).sum().backward()
    for leaf, want in zip(leaves, loss.gradients(*loss.arrays()), strict=True):
        np.testing.assert_allclose(leaf.grad, want, rtol=1e-8, atol=1e-11)


NEAR_DUPLICATES = ("ssim", "ssim_1d", "ssim3d", "ssim_map", "psnr")
"""which would compile for seconds what another problem compiles"""


def compile_quietly(call, *args, backend):
    """The first call of a compiled function, in which any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return torch.compile(call, fullgraph=True, backend=backend)(*args)


@pytest.mark.parametrize(
    "loss",
    [p for p in PROBLEMS if p.name not in NEAR_DUPLICATES],
    ids=lambda p: p.name,
)
def test_compiles_without_a_break_or_a_warning(loss):
    torch._dynamo.reset()
    leaves = [x.requires_grad_() for x in tensors(loss)]
    compile_quietly(loss, *leaves, backend="aot_eager").sum().backward()
    for leaf, want in zip(leaves, loss.gradients(*loss.arrays()), strict=True):
        np.testing.assert_allclose(leaf.grad, want, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.uint8])
def test_every_dtype_compiles(dtype, graphs):
    arrays = (200 * torch.rand(2, 1, 2, 6, 7)).to(dtype)
    for loss in (xloss.SSIMLoss(5), xloss.PSNRLoss(255)):
        got = compile_quietly(loss, *arrays, backend=graphs)
        torch.testing.assert_close(got, loss(*arrays), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("loss", "mask_shape", "weight_shape"),
    [
        (xloss.SSIMLoss(5, padding="valid"), (3,), (2, 1, 1, 1)),
        (xloss.MS_SSIMLoss((0.5, 1.0)), (2, 6, 7), (2, 1, 1)),
    ],
)
def test_masks_and_weights_compile(loss, mask_shape, weight_shape, graphs):
    x, y = torch.rand(2, 2, 1, 6, 7, dtype=torch.float64)
    where, weight = torch.rand(mask_shape) > 0.5, torch.rand(weight_shape)
    x[0, 0, 0, 0] = torch.nan

    def call(x, y, where, weight):
        return loss(x, y, where=where, sample_weight=weight)

    got = compile_quietly(call, x, y, where, weight, backend=graphs)
    want = call(x, y, where, weight)
    torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
def test_inductor_keeps_the_digits():
    torch._dynamo.reset()
    x, y = torch.rand(2, 1, 2, 40, 50, generator=torch.manual_seed(0)) + 100
    exact = x.double().requires_grad_()
    want = textbook.ssim_loss(exact, y.double(), 11)
    want.backward()
    x.requires_grad_()
    got = torch.compile(xloss.SSIMLoss(11), fullgraph=True)(x, y)
    got.backward()
    assert abs(got - want) <= 1e-5
    assert (x.grad - exact.grad).abs().max() <= 1e-4 * exact.grad.abs().max()


FIRST_CALL = """
import warnings
warnings.simplefilter("error")
import torch, xloss
loss = torch.compile(xloss.SSIMLoss(5), fullgraph=True, backend="eager")
x, y = torch.rand(2, 1, 3, 16, 16)
assert loss(x, y).isfinite()
"""


def test_the_first_torch_call_may_be_a_compiled_one():
    run = subprocess.run(
        [sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (partial(xloss.ssim_loss, window_size=3), ["max_val", "eps"]),
        (
            partial(xloss.ms_ssim_l1_loss, sigmas=(0.5, 1.0)),
            ["data_range", "alpha", "compensation"],
        ),
        (
            partial(xloss.ms_ssim_loss, window_size=3, power_factors=(0.4, 0.6)),
            ["max_val"],
        ),
        (xloss.psnr_loss, ["max_val"]),
    ],
    ids=["ssim", "ms_ssim_l1", "ms_ssim", "psnr"],
)
def test_changing_options_compile_twice_at_most(loss, options, graphs):
    pair = torch.rand(2, 1, 2, 8, 9, dtype=torch.float64)

    def call(x, y, values):
        return loss(x, y, **dict(zip(options, values, strict=True)))

    compiled = torch.compile(call, fullgraph=True, backend=graphs)
    for value in (0.25, 0.5, 0.75):  # valid for each of them
        values = [value + k / 64 for k in range(len(options))]
        got, want = compiled(*pair, values), call(*pair, values)
        torch.testing.assert_close(got, want, rtol=1e-13, atol=0)
    assert len(graphs.seen) <= 2


@every_image_loss
def test_func_grad_and_jvp(loss):
    first, *others = tensors(loss)
    want = torch.tensor(loss.gradients(first, *others)[0])
    got = torch.func.grad(lambda x: loss(x, *others).sum())(first)
    torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-11)
    direction = torch.rand(first.shape, dtype=torch.float64)
    _, slope = torch.func.jvp(lambda x: loss(x, *others).sum(), (first,), (direction,))
    torch.testing.assert_close(slope, (want * direction).sum(), rtol=1e-8, atol=1e-11)


@every_image_loss
def test_func_vmap_over_samples(loss):
    arrays = tensors(loss)
    got = torch.func.vmap(lambda *x: loss(*(z[None] for z in x)))(*arrays)
    one_by_one = zip(*(x.split(1) for x in arrays), strict=True)
    want = np.stack([loss.expected(*sample) for sample in one_by_one])
    np.testing.assert_allclose(got, want, rtol=1e-10)


@every_image_loss
def test_hessian(loss):
    arrays = [x[:1, :1] if x.shape[1] == 2 else x[:1] for x in tensors(loss)]
    first, *others = arrays
    got = torch.func.hessian(lambda x: loss(x, *others).sum())(first)
    want = loss.hessian(*arrays)
    np.testing.assert_allclose(
        got, want, rtol=1e-7, atol=1e-9 * abs(want).max() + 1e-12
    )


@every_image_loss
def test_autocast_keeps_the_digits(loss):
    arrays = tensors(loss, torch.float32)
    plain = loss(*arrays)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = loss(*arrays)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


def test_autocast_keeps_the_digits_of_the_gradient():
    x, y = torch.rand(2, 1, 2, 40, 50, generator=torch.manual_seed(0))
    gradients = []
    for enabled in (False, True):
        leaf = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = xloss.ssim_loss(leaf, y, 11)
        loss.backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


@pytest.fixture
def fast_products():
    """Matrix products of float32 may be of numbers rounded to 11 or 8 bits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@every_image_loss
@pytest.mark.usefixtures("fast_products")
def test_fast_products_keep_the_digits(loss):
    arrays = tensors(loss, torch.float32)
    want = torch.tensor(loss.expected(*arrays)).float()
    torch.testing.assert_close(loss(*arrays), want, rtol=2e-5, atol=1e-6)


@every_setting
def test_meta_tensors(loss):
    arrays = [x.to("meta") for x in tensors(loss, torch.bfloat16)]
    out = loss(*arrays)
    assert (out.device.type, out.dtype) == ("meta", torch.bfloat16)
    assert out.shape == loss.expected(*loss.arrays()).shape


@every_image_loss
def test_inputs_are_left_alone(loss):
    arrays = tensors(loss)
    before = [x.clone() for x in arrays]
    loss(*arrays)
    for x, y in zip(arrays, before, strict=True):
        assert torch.equal(x, y)


def test_layouts_are_all_one():
    x, y = torch.rand(2, 2, 3, 12, 14, dtype=torch.float64)
    want = xloss.ssim_loss(x, y, 5, reduction="none")
    channels_last = x.to(memory_format=torch.channels_last)
    expanded = x[:1, :1].expand(2, 3, 12, 14)
    for pair, reference in (
        ((channels_last, y), want),
        ((x.transpose(2, 3).contiguous().transpose(2, 3), y), want),
        ((expanded, y), xloss.ssim_loss(expanded.contiguous(), y, 5, reduction="none")),
    ):
        got = xloss.ssim_loss(*pair, 5, reduction="none")
        torch.testing.assert_close(got, reference, rtol=1e-12, atol=1e-15)


def test_total_variation_keeps_its_images_alone():
    images = torch.rand(2, 3, 8, 9, requires_grad=True)
    kept = []

    def pack(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        xloss.total_variation(images)
    assert [tensor.data_ptr() for tensor in kept] == [images.data_ptr()]
