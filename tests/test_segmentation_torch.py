"""torch: compile, torch.func, second order, autocast, meta of segmentation losses."""

import warnings

import numpy as np
import pytest
import torch

import xloss

from .segmentation_problems import (
    PROBLEMS,
    every_reduction,
    every_segmentation_loss,
)


def tensors(loss, dtype=torch.float64):
    """Return the problem with its options in torch, its logits and its target."""

    def convert(x):
        return torch.tensor(x, dtype=dtype if x.dtype == np.float64 else None)

    return loss.on(convert), *map(convert, loss.arrays())


def compile_quietly(call, *args, backend):
    """The first call of a compiled function, in which any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return torch.compile(call, fullgraph=True, backend=backend)(*args)


NEAR_DUPLICATES = (
    "binary_focal",
    "cross_entropy_soft",
    "generalized_dice_soft",
    "jaccard_macro",
    "tversky_soft",
    "focal_tversky_soft",
)
"""which would compile for seconds what another problem compiles"""


@pytest.mark.parametrize(
    "loss",
    [p for p in PROBLEMS if p.name not in NEAR_DUPLICATES],
    ids=lambda p: p.name,
)
def test_compiles_without_a_break_or_a_warning(loss):
    torch._dynamo.reset()
    call, pred, target = tensors(loss)
    compile_quietly(
        call, pred.requires_grad_(), target, backend="aot_eager"
    ).sum().backward()
    want = loss.gradient(*loss.arrays())
    np.testing.assert_allclose(pred.grad, want, rtol=1e-9, atol=1e-13)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@pytest.mark.parametrize(
    "loss", [p for p in PROBLEMS if p.name in ("focal", "dice")], ids=lambda p: p.name
)
def test_inductor_keeps_the_digits(loss):
    torch._dynamo.reset()
    call, pred, target = tensors(loss, torch.float32)
    got = torch.compile(call, fullgraph=True)(pred.requires_grad_(), target)
    got.sum().backward()
    exact = np.float64(pred.detach())
    np.testing.assert_allclose(got.detach(), loss.expected(exact, target), rtol=1e-5)
    want = loss.gradient(exact, target)
    np.testing.assert_allclose(pred.grad, want, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.bool])
def test_labels_of_every_dtype_compile(dtype, graphs):
    pred, labels = torch.randn(2, 2, 5), torch.randint(0, 2, (2, 5))
    got = compile_quietly(xloss.DiceLoss(), pred, labels.to(dtype), backend=graphs)
    torch.testing.assert_close(got, xloss.dice_loss(pred, labels))


def test_masks_and_weights_compile(graphs):
    pred, labels = torch.randn(2, 3, 5), torch.randint(0, 3, (2, 5))
    pred[0, 0, 0] = torch.nan
    where, weight = torch.arange(5) > 0, torch.rand(2, 1)

    def call(pred, labels, where, weight):
        focal = xloss.focal_loss(
            pred, labels, 0.3, where=where, sample_weight=weight[:, None]
        )
        entropy = xloss.cross_entropy_loss(
            pred, labels, reduction="none", where=where, sample_weight=weight
        )
        return focal, entropy

    arguments = pred, labels, where, weight
    got = compile_quietly(call, *arguments, backend=graphs)
    torch.testing.assert_close(got, call(*arguments))
    assert len(graphs.seen) == 1
    assert all(result.isfinite().all() for result in got)


FLOATS = [
    ("focal", ["alpha", "gamma"]),
    ("binary_focal", ["alpha", "gamma"]),
    ("cross_entropy_smooth", ["label_smoothing"]),
    ("dice", ["eps"]),
    ("generalized_dice_soft", ["eps"]),
    ("focal_tversky", ["alpha", "beta", "gamma", "eps"]),
]
by_name = {p.name: p for p in PROBLEMS}
every_float_option = pytest.mark.parametrize(
    ("loss", "options"),
    [(by_name[name], options) for name, options in FLOATS],
    ids=[name for name, _ in FLOATS],
)


@every_float_option
def test_changing_options_compile_twice_at_most(loss, options, graphs):
    call, pred, target = tensors(loss)

    def changed(pred, target, values):
        return call(pred, target, **dict(zip(options, values, strict=True)))

    compiled = torch.compile(changed, fullgraph=True, backend=graphs)
    for value in (0.25, 0.5, 0.75):
        values = [value + k / 64 for k in range(len(options))]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = compiled(pred, target, values)
        want = loss.expected(*loss.arrays(), **dict(zip(options, values, strict=True)))
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert len(graphs.seen) <= 2


def samples(*arrays):
    """Each sample alone, in a batch of one."""
    return zip(*(np.split(x, len(x)) for x in arrays), strict=True)


@every_segmentation_loss
def test_vmap_of_grad_over_samples(loss):
    call, pred, target = tensors(loss)

    def total(pred, target):
        return call(pred[None], target[None]).sum()

    got = torch.func.vmap(torch.func.grad(total))(pred, target)
    want = [loss.gradient(*sample) for sample in samples(*loss.arrays())]
    # alone, a sample with no pixel that counts has a mean of 0/0 in the formula
    want = np.nan_to_num(np.concatenate(want))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)


@every_segmentation_loss
def test_grad_and_jvp(loss):
    call, pred, target = tensors(loss)
    want = torch.tensor(loss.gradient(*loss.arrays()))
    got = torch.func.grad(lambda z: call(z, target).sum())(pred)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-13)
    direction = torch.rand(pred.shape, dtype=torch.float64)
    _, slope = torch.func.jvp(lambda z: call(z, target).sum(), (pred,), (direction,))
    torch.testing.assert_close(slope, (want * direction).sum(), rtol=1e-9, atol=1e-12)


@every_segmentation_loss
def test_hessian(loss):
    loss = tiny(loss)
    call, pred, target = tensors(loss)
    got = torch.func.hessian(lambda z: call(z, target).sum())(pred)
    want = loss.hessian(*loss.arrays())
    scale = abs(want).max()
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * scale)


def tiny(loss):
    """The same with three pixels, where the weights do not ask for more."""
    if loss.name == "bce":
        return loss._replace(shape=(1, 4))
    return loss._replace(shape=(1, loss.shape[1], 3))


@every_segmentation_loss
def test_autocast_keeps_the_digits(loss):
    call, pred, target = tensors(loss, torch.float32)
    plain = call(pred, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = call(pred, target)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


@every_segmentation_loss
@every_reduction
def test_meta_tensors(loss, reduction):
    call, pred, target = tensors(loss, torch.bfloat16)
    options = {k: v.to("meta") for k, v in call.options.items() if torch.is_tensor(v)}
    out = call(pred.to("meta"), target.to("meta"), reduction=reduction, **options)
    assert (out.device.type, out.dtype) == ("meta", torch.bfloat16)
    assert out.shape == loss.expected(*loss.arrays(), reduction=reduction).shape


@every_segmentation_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_is_the_rounded_float64(loss, dtype):
    call, pred, target = tensors(loss, dtype)
    got = call(pred, target, reduction="none")
    assert got.dtype == dtype
    half = {
        k: np.float64(v.double()) for k, v in call.options.items() if torch.is_tensor(v)
    }
    arrays = pred.double().numpy(), target.double().numpy()
    want = loss.expected(*arrays, reduction="none", **half)
    torch.testing.assert_close(
        got.double(), torch.tensor(want), rtol=torch.finfo(dtype).eps, atol=1e-6
    )


def test_layouts_are_all_one():
    pred, labels = torch.randn(2, 4, 6, 5).double(), torch.randint(0, 4, (2, 6, 5))
    last = pred.to(memory_format=torch.channels_last)
    turned = pred.transpose(2, 3).contiguous().transpose(2, 3)
    for loss in (xloss.FocalLoss(0.3), xloss.DiceLoss(), xloss.LovaszSoftmaxLoss()):
        want = loss(pred, labels)
        for same in (last, turned):
            torch.testing.assert_close(loss(same, labels), want, rtol=1e-12, atol=1e-15)
        one = pred[:1].expand(2, 4, 6, 5), labels[:1].expand(2, 6, 5)
        torch.testing.assert_close(
            loss(*one), loss(*(x.contiguous() for x in one)), rtol=1e-12, atol=1e-15
        )


@every_segmentation_loss
def test_inputs_are_left_alone(loss):
    call, pred, target = tensors(loss)
    arrays = [pred, target, *(v for v in call.options.values() if torch.is_tensor(v))]
    before = [x.clone() for x in arrays]
    call(pred, target)
    for x, y in zip(arrays, before, strict=True):
        assert torch.equal(x, y)


def test_learned_options_have_gradients():
    """gamma, alpha and weights as tensors, against differences."""
    pred, labels = torch.randn(3, 4).double(), torch.randint(0, 4, (3,))
    options = [torch.tensor(0.3).double(), torch.tensor(1.5).double()]
    weight = torch.rand(4).double() + 0.5
    for loss in (
        lambda a, b, w: xloss.focal_loss(pred, labels, a, b, "sum", w),
        lambda a, b, w: xloss.tversky_loss(pred, labels, a, b) + 0 * w.sum(),
        lambda a, b, w: xloss.dice_loss(pred, labels, "macro", a, w) + 0 * b,
    ):
        inputs = [x.clone().requires_grad_() for x in (*options, weight)]
        assert torch.autograd.gradcheck(loss, inputs)
