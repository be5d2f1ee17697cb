"""Digits over the whole range, against mpmath: value and gradient, on each library."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import torch

import xloss

mpf = mpmath.mpf


def general(alpha):
    a, b = mpf(alpha), abs(mpf(alpha) - 2)

    def rho(r):
        return b / a * (mpmath.power(r * r / b + 1, a / 2) - 1)

    def psi(r):
        return r * mpmath.power(r * r / b + 1, a / 2 - 1)

    return xloss.general_robust_loss, {"alpha": alpha}, rho, psi


LOSSES = {
    "charbonnier": (
        xloss.charbonnier_loss,
        {},
        lambda r: mpmath.sqrt(r * r + 1) - 1,
        lambda r: r / mpmath.sqrt(r * r + 1),
    ),
    "cauchy": (
        xloss.cauchy_loss,
        {},
        lambda r: mpmath.log1p(r * r / 2),
        lambda r: r / (1 + r * r / 2),
    ),
    "welsch": (
        xloss.welsch_loss,
        {},
        lambda r: -mpmath.expm1(-r * r / 2),
        lambda r: r * mpmath.exp(-r * r / 2),
    ),
    "geman_mcclure": (
        xloss.geman_mcclure_loss,
        {},
        lambda r: 2 * r * r / (r * r + 4),
        lambda r: 16 * r / (r * r + 4) ** 2,
    ),
    "log_cosh": (
        xloss.log_cosh_loss,
        {},
        # log cosh r = |r| - log 2 + log(1 + exp(-2|r|)), in enough digits
        lambda r: abs(r) + mpmath.log((1 + mpmath.exp(-2 * abs(r))) / 2),
        mpmath.tanh,
    ),
    "general_-0.001": general(-0.001),
    "general_0.01": general(0.01),
    "general_0.5": general(0.5),
    "general_1.5": general(1.5),
    "general_1.75": general(1.75),
    "general_-10": general(-10.0),
}
STEEPEST = {"general_1.5": 0.0, "general_1.75": 0.0}  # unbounded slope: no flat part
LARGEST = {np.float32: 1e18, np.float64: 1e150}
SLOPE_ERROR = {np.float32: 2e-7, np.float64: 4e-16}


def residuals(dtype):
    top = np.log2(LARGEST[dtype])
    rng = np.random.default_rng(0)
    spread = np.exp2(rng.uniform(-top, top, 250)) * rng.choice([-1.0, 1.0], 250)
    near = np.concatenate([rng.uniform(-12, 12, 200), rng.uniform(15, 100, 50)])
    return np.concatenate([spread, near]).astype(dtype)


def units(got, exact, dtype, slack=0.0):
    """Return the largest error in units in the last place, beyond `slack`."""
    worst, tiny = 0.0, np.finfo(dtype).smallest_normal
    for g, e in zip(np.asarray(got), exact, strict=True):
        error, rounded = abs(mpf(float(g)) - e), dtype(e)
        if error > max(slack, tiny):  # JAX flushes denormals
            worst = max(worst, float(error / mpf(float(np.spacing(abs(rounded))))))
    return worst


@pytest.fixture(scope="module", params=LOSSES)
def exact(request):
    """The loss with its value and derivative at the residuals of each dtype."""
    function, options, rho, psi = LOSSES[request.param]
    table = {}
    with mpmath.workdps(340):  # 1e-150 squared beside 1
        for dtype in (np.float32, np.float64):
            r = residuals(dtype)
            points = [mpf(float(x)) for x in r]
            table[dtype] = r, [rho(x) for x in points], [psi(x) for x in points]
    return request.param, function, options, table


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_digits(exact, dtype):
    name, function, options, table = exact
    r, value, slope = table[dtype]
    zero = np.zeros_like(r)
    limit = 12 if name == "log_cosh" else 8
    slack = SLOPE_ERROR[dtype] * STEEPEST.get(name, float(max(map(abs, slope))))

    assert units(function(r, zero, reduction="none", **options), value, dtype) <= limit

    x = torch.tensor(r, requires_grad=True)
    loss = function(x, torch.zeros_like(x), reduction="none", **options)
    loss.sum().backward()
    assert units(loss.detach(), value, dtype) <= limit
    assert units(x.grad, slope, dtype, slack) <= limit

    with jax.enable_x64(True):
        r, zero = jnp.asarray(r), jnp.asarray(zero)

        def total(r):
            return jnp.sum(function(r, zero, reduction="none", **options))

        loss = jax.jit(lambda r: function(r, zero, reduction="none", **options))(r)
        assert units(loss, value, dtype) <= limit
        assert units(jax.jit(jax.grad(total))(r), slope, dtype, slack) <= limit


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_monotone_and_finite_beyond(name, dtype):
    function, options, _, _ = LOSSES[name]
    top = torch.finfo(dtype).max
    x = torch.logspace(0, 1, 200, base=float(top), dtype=dtype).clamp(max=top)
    x.requires_grad_()
    loss = function(x, torch.zeros_like(x), reduction="none", **options)
    loss.sum().backward()
    assert not loss.isnan().any()
    assert (loss[1:] >= loss[:-1]).all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("alpha", [-3.0, -0.01, 0.0, 0.01, 1.0, 1.5, 1.99, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_in_alpha(alpha, dtype):
    alpha = float(torch.tensor(alpha, dtype=dtype))
    r = torch.logspace(-2, 4, 61, dtype=dtype)
    shape = torch.full_like(r, alpha).requires_grad_()
    loss = xloss.general_robust_loss(r, torch.zeros_like(r), shape)
    loss.sum().backward()
    with mpmath.workdps(150):
        h = mpf(10) ** -30  # a step around the removable singularities
        for x, got in zip(r.tolist(), shape.grad.tolist(), strict=True):
            above, below = (general(alpha + s * h)[2](mpf(x)) for s in (1, -1))
            want = (above - below) / (2 * h)
            # terms of this size cancel: for small z = r², and in b = |alpha - 2|,
            # where all of them depend on z/b alone
            z, b = mpf(x) ** 2, abs(alpha - 2)
            scale = max(abs(want), z * min(z / b, 1) / min(b, 1))
            assert abs(got - want) <= 16 * torch.finfo(dtype).eps * scale


def test_alpha_two_is_quadratic_with_a_finite_gradient():
    for dtype in (torch.float32, torch.float64):
        r = torch.tensor([0.0, 1e-3, 1.0, 1e3, 1e15], dtype=dtype)
        alpha = torch.full_like(r, 2.0).requires_grad_()
        loss = xloss.general_robust_loss(r, torch.zeros_like(r), alpha)
        torch.testing.assert_close(loss.detach(), 0.5 * r * r, rtol=1e-7, atol=0)
        loss.sum().backward()
        eps = torch.finfo(dtype).eps
        with mpmath.workdps(60):
            for x, got in zip(r.tolist(), alpha.grad.tolist(), strict=True):
                at = mpmath.diff(
                    lambda a, x=x: general(a)[2](mpf(x)), mpf(2) - mpf(eps)
                )
                assert abs(got - at) <= 1e-4 * abs(at) + 4 * eps * x * x
