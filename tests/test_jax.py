"""JAX: jit, grad, vmap, second order, traced options, sharded arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xloss

from .problems import every_loss, images


@pytest.fixture(autouse=True)
def strict_jax():
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield


def arrays():
    return tuple(jnp.asarray(x) for x in images())


def psi(loss, residual):
    h = 1e-6
    return (loss.formula(residual + h) - loss.formula(residual - h)) / (2 * h)


@every_loss
def test_jit_grad_vmap(loss):
    pred, target = arrays()
    residual = np.asarray(pred - target)
    mean = jax.jit(lambda x, y: loss(x, y, reduction="mean"))(pred, target)
    np.testing.assert_allclose(mean, loss.formula(residual).mean(), rtol=1e-13)
    one = jax.grad(lambda x, y: loss(x, y, reduction="sum"))
    got = jax.jit(jax.vmap(one))(pred, target)
    np.testing.assert_allclose(got, psi(loss, residual), atol=1e-8)


@every_loss
def test_hessian(loss):
    pred, target = (x[0, 0] for x in arrays())
    hessian = jax.hessian(lambda x: loss(x, target, reduction="sum"))(pred)
    r, h, f = np.asarray(pred - target), 1e-4, loss.formula
    want = np.diag((f(r + h) - 2 * f(r) + f(r - h)) / h**2)
    np.testing.assert_allclose(hessian, want, atol=1e-6)


@every_loss
def test_gradient_is_zero_at_zero_and_where_excluded(loss):
    pred = jnp.asarray([0.0, jnp.nan, jnp.inf, 3.0])
    where = jnp.asarray([True, False, False, True])
    target = jnp.zeros(4)
    gradient = jax.grad(lambda x: loss(x, target, reduction="sum", where=where))(pred)
    np.testing.assert_array_equal(gradient[:3], 0.0)
    np.testing.assert_allclose(gradient[3], psi(loss, np.float64(3)), atol=1e-8)


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("huber_loss", "delta", [0.5, 2.0]),
        ("smooth_l1_loss", "beta", [0.0, 0.5]),
        ("quantile_loss", "q", [0.0, 0.3, 1.0]),
        ("charbonnier_loss", "scale", [0.5, 1.0]),
        ("general_robust_loss", "alpha", [-np.inf, -2.0, 0.0, 0.5, 1.0, 2.0, np.inf]),
    ],
)
def test_a_traced_option_compiles_once(name, option, values):
    function, traces = getattr(xloss, name), []
    pred, target = arrays()

    @jax.jit
    def call(pred, value):
        traces.append(value)
        return function(pred, target, reduction="mean", **{option: value})

    for value in values:
        want = function(pred, target, reduction="mean", **{option: value})
        np.testing.assert_allclose(call(pred, value), want, rtol=1e-14)
        gradient = jax.grad(call)(pred, value)
        assert jnp.isfinite(gradient).all()
    assert len(traces) == 1


def test_criteria_are_static_arguments():
    pred, target = arrays()
    call = jax.jit(lambda loss, x: loss(x, target), static_argnums=0)
    assert call(xloss.HuberLoss(delta=0.5), pred) == call(
        xloss.HuberLoss("mean", 0.5), pred
    )


@every_loss
def test_shard_map(loss):
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("batch")
    pred, target = arrays()
    local = jax.shard_map(
        lambda x, y: loss(x, y, reduction="none"),
        mesh=mesh,
        in_specs=(spec, spec),
        out_specs=spec,
    )
    got = jax.jit(local)(pred, target)
    want = loss.formula(np.asarray(pred - target))
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        xloss.charbonnier_loss,
        xloss.smooth_l1_loss,
        xloss.huber_loss,
        xloss.log_cosh_loss,
    ],
)
def test_value_and_gradient_store_nothing_else(loss):
    pred, target = jnp.ones(2**20, jnp.float32), jnp.zeros(2**20, jnp.float32)
    both = jax.value_and_grad(lambda x, y: loss(x, y, reduction="mean"))
    compiled = jax.jit(both).lower(pred, target).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < pred.nbytes / 2
