"""JAX: jit, grad, vmap, second order, traced options of the losses of information."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xloss

from .information_problems import by_name, every, signals


@pytest.fixture(autouse=True)
def strict_jax():
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield


def arrays(loss):
    """Return the problem with its options in JAX, and its arrays."""
    return loss.on(jnp.asarray), *map(jnp.asarray, loss.arrays())


# The others would compile for seconds what one of these compiles.
COMPILED = ["kl", "js_2d", "hausdorff", "mi_masked", "nmi", "ncc", "lncc"]


@every([by_name[name] for name in COMPILED])
def test_jit_value_and_gradient(loss):
    call, *pair = arrays(loss)
    floating = tuple(
        i for i, x in enumerate(pair) if jnp.issubdtype(x.dtype, jnp.floating)
    )

    def total(*pair):
        values = {r: call(*pair, reduction=r) for r in ("none", "mean")}
        return values["mean"], values

    compiled = jax.jit(jax.value_and_grad(total, floating, has_aux=True))
    (_, values), slopes = compiled(*pair)
    for reduction, value in values.items():
        want = loss.expected(*loss.arrays(), reduction=reduction)
        np.testing.assert_allclose(value, want, rtol=1e-12)
    want = loss.gradients(*loss.arrays(), reduction="mean")
    for got, slope in zip(slopes, want, strict=True):
        np.testing.assert_allclose(got, slope, rtol=1e-9, atol=1e-13)


@every([by_name[name] for name in ("kl", "mi", "ncc")])
def test_eager(loss):
    call, *pair = arrays(loss)
    want = loss.expected(*loss.arrays())
    np.testing.assert_allclose(call(*pair), want, rtol=1e-12)


MAPPED = ["kl_axes", "hausdorff_3d", "mi_2d", "lncc"]


@every([by_name[name] for name in MAPPED])
def test_vmap_of_grad_over_samples(loss):
    call, *pair = arrays(loss)

    def total(*sample):
        return call(*(x[None] for x in sample)).sum()

    got = jax.jit(jax.vmap(jax.grad(total)))(*pair)
    samples = zip(*(np.split(x, len(x)) for x in loss.arrays()), strict=True)
    want = np.concatenate([loss.gradients(*one)[0] for one in samples])
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)


TINY = {
    "kl": (1, 2, 3),
    "js": (1, 2, 3),
    "hausdorff": (1, 2, 3, 3),
    "nmi": (1, 1, 12),
    "ncc": (1, 2, 2, 3),
}


@pytest.mark.parametrize("name", TINY)
def test_hessian(name):
    loss = by_name[name]._replace(shape=TINY[name])
    call, first, second = arrays(loss)
    got = jax.jit(jax.hessian(lambda x: call(x, second).sum()))(first)
    want = loss.hessian(*loss.arrays())
    assert abs(want).max() > 0
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * abs(want).max())


def test_a_traced_exponent_compiles_once():
    loss = by_name["hausdorff"]
    call, *pair = arrays(loss)
    traces = []

    @jax.jit
    @jax.value_and_grad
    def value_and_slope(alpha):
        traces.append(alpha)
        return call(*pair, alpha=alpha)

    for alpha in (0.0, 0.5, 2.0):
        value, slope = value_and_slope(alpha)
        ends = [
            loss.expected(*loss.arrays(), alpha=alpha + side)
            for side in (-1e-6, 0, 1e-6)
        ]
        np.testing.assert_allclose(value, ends[1], rtol=1e-12)
        np.testing.assert_allclose(slope, (ends[2] - ends[0]) / 2e-6, rtol=1e-7)
    assert len(traces) == 1


def test_a_traced_radius_is_refused():
    """How many bins it reaches shapes the computation."""
    x, y = map(jnp.asarray, signals(np.random.default_rng(0), (20,)))

    def loss(radius):
        return xloss.mutual_information_loss(x, y, window_radius=radius)

    with pytest.raises(TypeError, match="window_radius must be a plain number"):
        jax.jit(loss)(1.5)


def test_criteria_are_static_arguments():
    """But for those that hold a reference, which are equal to themselves alone."""
    p, t = map(jnp.asarray, by_name["kl_2d"].arrays())
    traces = []

    def call(loss, p, t):
        traces.append(loss)
        return loss(p, t)

    jitted = jax.jit(call, static_argnums=0)
    criteria = [
        (xloss.KlDivLoss((2, 3)), xloss.KlDivLoss((2, 3))),
        (xloss.JsDivLoss2d(), xloss.JsDivLoss2d()),
        (xloss.NccLoss(), xloss.NccLoss()),
        (xloss.LnccLoss(3), xloss.LnccLoss(3)),
    ]
    for twins in criteria:
        for loss in twins:
            got = jitted(loss, p, t)
        want = twins[0](*(np.asarray(x) for x in (p, t)))
        np.testing.assert_allclose(got, want, rtol=1e-9)
    assert len(traces) == len(criteria)
    assert xloss.MILossFromRef(p) != xloss.MILossFromRef(p)


@every([by_name[name] for name in ("js", "hausdorff", "mi_masked", "ncc", "lncc")])
def test_halves_under_strict_promotion(loss):
    dtype = jnp.bfloat16
    halves = [
        x.astype(dtype) if x.dtype == np.float64 else x.astype(np.uint8)
        for x in loss.arrays()
    ]
    call = loss.on(jnp.asarray)
    got = jax.jit(lambda *pair: call(*pair))(*map(jnp.asarray, halves))
    assert got.dtype == dtype
    wide = [x.astype(np.float64 if x.dtype == dtype else int) for x in halves]
    want = loss.expected(*wide)
    rtol = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(np.float64(got), want, rtol=rtol, atol=1e-5)
