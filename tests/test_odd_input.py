"""Inputs at the edge of what is allowed: each case was wrong once."""

import math
import subprocess
import sys
import warnings

import dask.array as da
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import torch

import xloss

FIRST_CALL = """
import warnings
warnings.simplefilter("error")
{imports}
loss = torch.compile(xloss.{criterion}, fullgraph=True, backend="eager")
print(float(loss(torch.ones(3), torch.zeros(3))))
"""


@pytest.mark.parametrize("imports", ["import torch, xloss", "import xloss, torch"])
@pytest.mark.parametrize(
    ("criterion", "value"),
    [("HuberLoss()", 0.5), ("GeneralRobustLoss(2.0, 1, 'sum')", 1.5)],
)
def test_the_first_torch_call_may_be_a_compiled_one(imports, criterion, value):
    code = FIRST_CALL.format(imports=imports, criterion=criterion)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) == value


def test_alpha_anneals_to_infinity_under_compile():
    torch._dynamo.reset()
    x, zero = torch.tensor([0.5, 2.0]), torch.zeros(2)
    compiled = torch.compile(xloss.general_robust_loss, fullgraph=True, backend="eager")
    for alpha in (1.5, 0.5, -3.0, -10.0, -math.inf):
        got, want = compiled(x, zero, alpha), xloss.general_robust_loss(x, zero, alpha)
        torch.testing.assert_close(got, want)


def barron(r, alpha):
    a, z = mpmath.mpf(alpha), mpmath.mpf(float(r)) ** 2
    if abs(a) > 1e30:
        return mpmath.expm1(mpmath.sign(a) * z / 2) * mpmath.sign(a)
    b = abs(a - 2)
    return b / a * (mpmath.power(z / b + 1, a / 2) - 1)


@pytest.mark.parametrize(
    "alpha",
    [7.5, 9.0, 45.0, 60.0, 270.0, 1e10, 1e30, 1e300, -100.0, -1e4, -1e30, -1e300],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_alpha(alpha, dtype):
    r = np.asarray([1e-18, 1e-9, 1e-3, 0.1, 1.0, 3.0], dtype)
    with mpmath.workdps(400):
        want = np.asarray([float(barron(x, alpha)) for x in r])
    tensor = torch.tensor(r, requires_grad=True)
    shape = torch.full_like(tensor, np.clip(alpha, -3e38, 3e38)).requires_grad_()
    by_number = xloss.general_robust_loss(tensor, 0 * tensor, alpha)
    by_array = xloss.general_robust_loss(tensor, 0 * tensor, shape)
    (by_number.sum() + by_array.sum()).backward()
    for got in (xloss.general_robust_loss(r, 0 * r, alpha), by_number, by_array):
        got = np.asarray(got.detach() if isinstance(got, torch.Tensor) else got)
        np.testing.assert_allclose(got, want, rtol=16 * np.finfo(dtype).eps)
    assert tensor.grad.isfinite().all()
    assert shape.grad.isfinite().all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_prediction_and_float_target_compile(half):
    torch._dynamo.reset()
    compiled = torch.compile(xloss.mse_loss, fullgraph=True, backend="eager")
    loss = compiled(torch.ones(3, dtype=half), torch.zeros(3))
    assert (loss, loss.dtype) == (1.0, torch.float32)


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray, jnp.asarray])
def test_options_beyond_the_range_of_the_dtype(asarray):
    x = asarray(np.asarray([0.0, 1.0], np.float32))
    for loss, want in [
        (xloss.smooth_l1_loss(x, 0 * x, "none", math.inf), [0.0, 0.0]),
        (xloss.smooth_l1_loss(x, 0 * x, "none", 1e-46), [0.0, 1.0]),
        (xloss.huber_loss(x, 0 * x, "none", 1e39), [0.0, 0.5]),
        (xloss.huber_loss(x, 0 * x, "none", math.inf), [0.0, 0.5]),
        (xloss.welsch_loss(x, 0 * x, scale=1e-46), [0.0, 1.0]),
        (xloss.geman_mcclure_loss(x, 0 * x, scale=1e-40), [0.0, 2.0]),
        (xloss.cauchy_loss(x, 0 * x, scale=1e39), [0.0, 0.0]),
    ]:
        np.testing.assert_allclose(np.asarray(loss), want, atol=1e-37)


def test_an_integer_beyond_float64():
    x = np.ones(2)
    with pytest.raises(ValueError, match="cauchy_loss: scale must be a number that"):
        xloss.cauchy_loss(x, x, scale=10**400)


def test_options_of_numpy_are_looked_at_in_every_form(tmp_path):
    x = np.ones(2)
    quantiles = np.memmap(tmp_path / "q", dtype="f8", mode="w+", shape=2)
    quantiles[:] = [0.5, -1.0]
    with pytest.raises(ValueError, match="q must be"):
        xloss.quantile_loss(x, x, quantiles)
    with pytest.raises(ValueError, match="delta must be positive"):
        xloss.huber_loss(x, x, delta=np.longdouble(-2))
    with pytest.raises(TypeError, match="delta must be a plain array"):
        xloss.huber_loss(x, x, delta=np.ma.masked_array(2.0))


def test_zero_weights_beside_nan_count_nothing():
    x, weight = np.asarray([np.nan, 1.0]), np.zeros(2)
    assert xloss.mse_loss(x, np.zeros(2), sample_weight=weight) == 0
    x, weight = torch.tensor(x), torch.tensor(weight)
    assert xloss.mse_loss(x, torch.zeros(2), sample_weight=weight) == 0


def test_dask_arrays_that_cannot_be_right():
    unknown = da.arange(5.0, chunks=2)
    unknown = unknown[unknown > 1]
    with pytest.raises(ValueError, match=r"mse_loss: .*compute_chunk_sizes"):
        xloss.mse_loss(unknown, 0 * unknown)
    masked = da.ma.masked_greater(da.ones(4), 5)
    with pytest.raises(TypeError, match="mse_loss: input must be a plain array"):
        xloss.mse_loss(masked, da.ones(4))


def test_jax_derivatives_at_the_end_of_the_range():
    def gradient(loss):
        return jax.grad(lambda r: loss(r, jnp.zeros_like(r)))

    assert gradient(xloss.charbonnier_loss)(jnp.asarray(1e18)) == 1.0
    assert gradient(xloss.log_cosh_loss)(jnp.asarray(-40.0)) == -1.0
    for r in (5e13, 1e18):
        second = jax.grad(gradient(xloss.geman_mcclure_loss))(jnp.asarray(r))
        assert abs(second) < 1e-20


@pytest.mark.parametrize("beta", [0.0, 1e-3])
def test_gradient_in_a_learned_beta(beta):
    def loss(beta, x):
        return xloss.smooth_l1_loss(x, 0 * x, "sum", beta)

    assert jax.grad(loss)(beta, jnp.asarray([2.0, -3.0])) == -1.0
    learned = torch.tensor(beta, requires_grad=True)
    loss(learned, torch.tensor([2.0, -3.0])).backward()
    assert learned.grad == -1.0


def test_a_tensor_option_compiles_without_a_warning():
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda x, scale: xloss.charbonnier_loss(x, 0 * x, "sum", scale=scale),
        fullgraph=True,
        backend="eager",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = compiled(torch.ones(1), torch.tensor(1.0))
    assert loss == pytest.approx(math.sqrt(2) - 1, rel=1e-6)


def test_formats_of_numpy_alone():
    wide = np.asarray([1e10], np.longdouble)
    got = xloss.log_cosh_loss(wide, 0 * wide, "none")
    error = got - (wide - np.log(np.longdouble(2)))
    assert abs(error[0]) <= np.spacing(wide)[0]
    swapped = np.ones(2, ">f4")
    assert xloss.l1_loss(swapped, swapped, "none").dtype.isnative
