"""Segmentation losses of equal, huge, infinite logits, and of large float16 images."""

from functools import cache

import jax
import jax.numpy as jnp
import kornia
import numpy as np
import pytest
import torch

from .segmentation_problems import PROBLEMS, every_segmentation_loss

by_name = {loss.name: loss for loss in PROBLEMS}


@cache
def gradient_on_jax(name, reduction):
    """Compiled once for all tests that meet the loss with the same shapes."""
    loss = by_name[name].on(jnp.asarray)

    def total(pred, target):
        value = loss(pred, target, reduction=reduction)
        return value.sum(), value

    return jax.jit(jax.grad(total, has_aux=True))


def evaluated(loss, pred, target, reduction="none"):
    """Values of every library, and gradients, in the dtype of the logits."""
    leaf = torch.tensor(pred, requires_grad=True)
    on_torch = loss.on(torch.asarray)(leaf, torch.asarray(target), reduction=reduction)
    on_torch.sum().backward()
    slope, on_jax = gradient_on_jax(loss.name, reduction)(pred, target)
    values = [
        loss(pred, target, reduction=reduction),
        on_torch.detach().numpy(),
        np.asarray(on_jax),
    ]
    return values, [leaf.grad.numpy(), np.asarray(slope)]


def drawn(loss):
    """48 samples in the dtypes of JAX."""
    pred, target = loss._replace(shape=(48, *loss.shape[1:])).arrays()
    kind = np.int32 if target.dtype == np.int64 else np.float32
    return pred.astype(np.float32), target.astype(kind)


@every_segmentation_loss
def test_equal_logits(loss):
    """Where maxima, softplus and comparisons have their kinks the gradient has none."""
    pred, target = drawn(loss)
    options = {"reduction": "none"}
    want = loss.expected(0 * pred, target, **options)
    slopes = loss.gradient(0 * pred, target, **options)
    values, gradients = evaluated(loss, 0 * pred, target)
    for got in values:
        np.testing.assert_allclose(got, want, rtol=1e-6)
    for got in gradients:
        np.testing.assert_allclose(got, slopes, rtol=1e-5, atol=1e-7)


HUGE = [0.0, 1.0, -1e4, 1e4, 1e30, -1e30, 3e38, -3e38]


@every_segmentation_loss
def test_finite_logits_never_make_nan(loss):
    pred, target = drawn(loss)
    huge = np.random.default_rng(0).choice(HUGE, pred.shape).astype(np.float32)
    huge[0], huge[1] = 3e38, -3e38
    for results in evaluated(loss, huge, target):
        assert not any(np.isnan(result).any() for result in results)


def certain(loss):
    """Logits of certain and right predictions, and their target.

    In turn the right logits are infinite, the wrong ones, and both.
    """
    pred, target = drawn(loss)
    classes = np.arange(pred.shape[1]).reshape(1, -1, *[1] * (pred.ndim - 2))
    if loss.target == "labels":
        own = classes == target[:, None]
    elif loss.target == "mask":
        own = target[:, None] == 1
    elif loss.target == "shares":
        own = classes == target.argmax(1, keepdims=True)
        target = own.astype(np.float32)
    else:
        own = target > 0.5
        target = own.astype(target.dtype)
    high, low = np.full(pred.shape, np.inf), np.full(pred.shape, -np.inf)
    if loss.target in ("labels", "shares"):
        high[1::3], low[::3] = pred[1::3], pred[::3]
    return np.where(own, high, low).astype(np.float32), target


@pytest.mark.parametrize(
    "loss",
    [p for p in PROBLEMS if "label_smoothing" not in p.options],
    ids=lambda p: p.name,
)
def test_infinite_logits_on_the_right_side(loss):
    pred, target = certain(loss)
    far = np.clip(pred, -300, 300)  # without loss, but for what eps makes
    want = loss.expected(far, target, reduction="none")
    values, gradients = evaluated(loss, pred, target)
    for got in values:
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-100)
    for got in gradients:
        np.testing.assert_array_equal(got, 0.0)


LARGE = {
    "focal",
    "binary_focal",
    "cross_entropy",
    "dice_macro",
    "dice_soft",
    "generalized_dice",
    "tversky",
    "focal_tversky",
    "lovasz_hinge",
    "lovasz_softmax",
}


@pytest.mark.parametrize(
    "loss", [p for p in PROBLEMS if p.name in LARGE], ids=lambda p: p.name
)
def test_float16_images_of_512(loss):
    """Their sums are beyond 65504, and their counts beyond 2048."""
    loss = loss._replace(shape=(1, loss.shape[1], 512, 512))
    pred, target = loss.arrays()
    pred = (4 * pred).astype(np.float16)
    target = target.astype(np.int32 if target.dtype == np.int64 else np.float16)
    values, gradients = evaluated(loss, pred, target, "mean")
    want = reference(loss, pred, target)
    for got in values:
        assert got.dtype == np.float16
        np.testing.assert_allclose(np.float64(got), want, rtol=2**-10)
    for got in gradients:
        assert got.dtype == np.float16
        assert np.isfinite(got).all()


def reference(loss, pred, target):
    if "lovasz" not in loss.name:
        return loss.expected(pred, target, reduction="mean")
    # the textbook's loop takes minutes here; kornia has no ignored pixels
    counted = target[0] != -100
    cut = torch.tensor(pred[:, :, counted]).double().unsqueeze(2)
    weight = {k: torch.tensor(v) for k, v in loss.options.items() if k == "weight"}
    kept = torch.tensor(target[:, counted]).long().unsqueeze(1)
    return getattr(kornia.losses, loss.function.__name__)(cut, kept, **weight)
