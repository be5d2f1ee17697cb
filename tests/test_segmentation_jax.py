"""JAX: jit, grad, vmap, second order, traced options of the segmentation losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xloss

from .segmentation_problems import PROBLEMS, every_segmentation_loss


@pytest.fixture(autouse=True)
def strict_jax():
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield


def arrays(loss):
    """Return the problem with its options in JAX, its logits and its target."""
    return loss.on(jnp.asarray), *map(jnp.asarray, loss.arrays())


@every_segmentation_loss
def test_jit_value_and_gradient(loss):
    call, *pair = arrays(loss)

    def total(*pair):
        values = {r: call(*pair, reduction=r) for r in ("none", "mean")}
        return values["mean"], values

    (_, values), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(*pair)
    for reduction, value in values.items():
        want = loss.expected(*loss.arrays(), reduction=reduction)
        np.testing.assert_allclose(value, want, rtol=1e-12)
    want = loss.gradient(*loss.arrays(), reduction="mean")
    np.testing.assert_allclose(gradient, want, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    "loss",
    [p for p in PROBLEMS if p.name in ("focal_weight", "bce", "lovasz_softmax")],
    ids=lambda p: p.name,
)
def test_eager(loss):
    call, *pair = arrays(loss)
    want = loss.expected(*loss.arrays())
    np.testing.assert_allclose(call(*pair), want, rtol=1e-12)


@every_segmentation_loss
def test_vmap_of_grad_over_samples(loss):
    call, *pair = arrays(loss)

    def total(*sample):
        return call(*(x[None] for x in sample)).sum()

    got = jax.jit(jax.vmap(jax.grad(total)))(*pair)
    samples = zip(*(np.split(x, len(x)) for x in loss.arrays()), strict=True)
    # alone, a sample with no pixel that counts has a mean of 0/0 in the formula
    want = np.nan_to_num(np.concatenate([loss.gradient(*one) for one in samples]))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)


NAMES = "focal", "binary_focal_soft", "cross_entropy_smooth", "dice", "focal_tversky"


@pytest.mark.parametrize(
    "loss", [p for p in PROBLEMS if p.name in NAMES], ids=lambda p: p.name
)
def test_hessian(loss):
    loss = loss._replace(shape=(1, loss.shape[1], 2))
    call, pred, target = arrays(loss)
    got = jax.jit(jax.hessian(lambda z: call(z, target).sum()))(pred)
    want = loss.hessian(*loss.arrays())
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * abs(want).max())


TRACED = [
    ("focal", ["alpha", "gamma"]),
    ("binary_focal", ["alpha", "gamma"]),
    ("cross_entropy_smooth", ["label_smoothing"]),
    ("cross_entropy_soft", ["label_smoothing"]),
    ("dice_macro", ["eps"]),
    ("generalized_dice_soft", ["eps"]),
    ("tversky", ["alpha", "beta", "eps"]),
    ("focal_tversky", ["alpha", "beta", "gamma", "eps"]),
]


@pytest.mark.parametrize(("name", "options"), TRACED)
def test_traced_options_compile_once(name, options):
    (loss,) = (p for p in PROBLEMS if p.name == name)
    call, *pair = arrays(loss)
    traces = []

    @jax.jit
    @jax.value_and_grad
    def value_and_slopes(values):
        traces.append(values)
        return call(*pair, reduction="sum", **dict(zip(options, values, strict=True)))

    for start in (0.0, 0.25, 0.5):  # gamma, eps and alpha may be 0
        values = [start + k / 8 for k in range(len(options))]
        value, slopes = value_and_slopes(values)
        chosen = dict(zip(options, values, strict=True))
        want = loss.expected(*loss.arrays(), reduction="sum", **chosen)
        np.testing.assert_allclose(value, want, rtol=1e-12)
        for option, slope in zip(options, slopes, strict=True):
            step = 1e-6
            ends = [
                loss.expected(
                    *loss.arrays(),
                    reduction="sum",
                    **{**chosen, option: chosen[option] + side},
                )
                for side in (0, step)
            ]
            rise = (ends[1] - ends[0]) / step
            np.testing.assert_allclose(slope, rise, rtol=1e-4, atol=1e-5)
    assert len(traces) == 1


def test_criteria_are_static_arguments():
    """Those without an array: a criterion that holds one is equal to itself alone."""
    pred = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, 5)))
    labels = jnp.asarray([[0, 1, 2, 0, 1], [2, 2, 0, -100, 1]])
    traces = []

    def call(loss, pred, labels):
        traces.append(loss)
        return loss(pred, labels)

    jitted = jax.jit(call, static_argnums=0)
    for loss in (
        xloss.FocalLoss(0.3),
        xloss.CrossEntropyLoss(jnp.ones(3)),
        xloss.DiceLoss("macro"),
        xloss.combine(xloss.DiceLoss(), xloss.CrossEntropyLoss(), weights=[1.0, 2.0]),
    ):
        for _ in range(2):
            got = jitted(loss, pred, labels)
        want = loss(pred, labels)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert len(traces) == 4


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_halves_masks_and_weights_under_strict_promotion(dtype):
    rng = np.random.default_rng(0)
    pred = rng.standard_normal((2, 3, 5)).astype(dtype)
    labels = rng.integers(0, 3, (2, 5)).astype(np.uint8)
    where, weight = rng.random(5) > 0.3, np.asarray([[1.0], [2.0]], np.float32)
    for loss, shaped in (
        (xloss.FocalLoss(0.3, reduction="mean"), weight[:, None]),
        (xloss.CrossEntropyLoss(), weight),
    ):
        got = jax.jit(loss.__call__)(
            *map(jnp.asarray, (pred, labels)),
            where=jnp.asarray(where),
            sample_weight=jnp.asarray(shaped),
        )
        assert got.dtype == dtype
        wide = pred.astype(np.float64), labels
        want = loss(*wide, where=where, sample_weight=shaped)
        np.testing.assert_allclose(
            np.float64(got), want, rtol=float(jnp.finfo(dtype).eps)
        )
