"""Curvature of elementwise losses, against differences in 250 digits."""

import array_api_strict
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import torch
from mpmath import mpf

import xloss

RESIDUALS = np.asarray([0.0, 1e-9, 1e-3, -0.1, 0.7, 1.3, -2.5, 7.0, 20.0, -100.0])
SCALE = 2.0


def barron(alpha):
    def rho(r):
        z, a = (r / 2) ** 2, mpf(alpha)
        if alpha == np.inf:
            return mpmath.expm1(z / 2)
        if alpha == -np.inf:
            return -mpmath.expm1(-z / 2)
        if alpha == 0:
            return mpmath.log1p(z / 2)
        if alpha == 2:
            return z / 2
        b = abs(a - 2)
        return b / a * (mpmath.power(1 + z / b, a / 2) - 1)

    return rho


def huber(r):
    return r * r / 2 if abs(r) <= 1.5 else mpf(1.5) * (abs(r) - mpf(0.75))


CASES = {
    "charbonnier": (xloss.CharbonnierLoss(scale=SCALE), barron(1.0)),
    "cauchy": (xloss.CauchyLoss(scale=SCALE), barron(0.0)),
    "geman_mcclure": (xloss.GemanMcclureLoss(scale=SCALE), barron(-2.0)),
    "welsch": (xloss.WelschLoss(scale=SCALE), barron(-np.inf)),
    "mse": (xloss.MSELoss("sum"), lambda r: r * r),
    "huber": (xloss.HuberLoss("none", 1.5), huber),
    "smooth_l1": (xloss.SmoothL1Loss("none", beta=1.5), lambda r: huber(r) / 1.5),
    "log_cosh": (xloss.LogCoshLoss("none"), lambda r: mpmath.log(mpmath.cosh(r))),
}
for _alpha in (2.0, 1.5, 1.0, 0.5, 0.0, -2.0, -7.0, -100.0, 5.0, np.inf, -np.inf):
    CASES[f"general {_alpha}"] = xloss.GeneralRobustLoss(_alpha, SCALE), barron(_alpha)
    CASES[f"general array {_alpha}"] = (
        xloss.GeneralRobustLoss(np.asarray(_alpha), np.asarray(SCALE)),
        barron(_alpha),
    )


def differences(rho, kind, x):
    x, h = mpf(x), mpf(10) ** -60
    if kind == "hessian":
        return (rho(x + h) - 2 * rho(x) + rho(x - h)) / h**2
    x = x or mpf(10) ** -40
    return (rho(x + h) - rho(x - h)) / (2 * h) / x


@pytest.mark.parametrize("kind", ["hessian", "majorizer"])
@pytest.mark.parametrize("name", CASES)
def test_against_differences(name, kind):
    loss, rho = CASES[name]
    got = xloss.curvature(loss, kind)(RESIDUALS, np.zeros_like(RESIDUALS))
    with mpmath.workdps(250), np.errstate(over="ignore"):
        want = np.asarray([float(differences(rho, kind, x)) for x in RESIDUALS])
    # exponentials, and powers of alpha = -100, magnify rounding by their exponent
    np.testing.assert_allclose(got, want, rtol=2e-13, atol=1e-300)


@pytest.mark.parametrize("kind", ["hessian", "majorizer"])
def test_float32_has_its_digits(kind):
    for name, (loss, rho) in CASES.items():
        if "array" in name or "inf" in name or "-100" in name:
            continue
        x = RESIDUALS[:8].astype(np.float32)
        got = xloss.curvature(loss, kind)(x, np.zeros_like(x))
        assert got.dtype == np.float32
        with mpmath.workdps(250):
            want = [float(differences(rho, kind, float(v))) for v in x]
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7, err_msg=name)


def second_derivative_on_jax(loss, x, **options):
    def total(p):
        return loss(p, jnp.zeros_like(p), **options)

    return jnp.diag(jax.hessian(total)(jnp.asarray(x)))


def test_the_mean_divides_as_the_gradient_does():
    x = np.asarray([0.5, 2.0, 3.0, -0.25])
    options = {
        "where": np.asarray([True, True, False, True]),
        "sample_weight": np.asarray([2.0, 1.0, 5.0, 0.5]),
        "weight": np.asarray([1.0, 3.0, 1.0, 2.0]),
    }
    for names in ([], ["where"], ["sample_weight"], ["weight"], list(options)):
        chosen = {name: options[name] for name in names}
        for loss in (xloss.huber_loss, xloss.mse_loss):
            got = xloss.curvature(loss)(x, np.zeros(4), **chosen)
            with jax.enable_x64(True):
                on_jax = {k: jnp.asarray(v) for k, v in chosen.items()}
                want = second_derivative_on_jax(loss, x, **on_jax)
            np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_mean_of_many_half_precision_elements():
    x = np.zeros(100_000, np.float16)
    got = xloss.curvature(xloss.MSELoss("mean"))(x, x)
    assert got.dtype == np.float16
    assert got[0] == np.float16(2e-5)


def test_nothing_counts():
    nothing = np.zeros(3, bool)
    got = xloss.curvature(xloss.mse_loss)(np.ones(3), np.zeros(3), where=nothing)
    np.testing.assert_array_equal(got, np.zeros(3))
    assert xloss.curvature(xloss.mse_loss)(np.ones((0, 2)), np.ones((0, 2))).size == 0


def test_a_masked_nan_stays_out():
    x, mask = np.asarray([1.0, np.nan]), np.asarray([True, False])
    got = xloss.curvature(xloss.CauchyLoss())(x, np.zeros(2), where=mask)
    assert np.isfinite(got).all()
    assert got[1] == 0


@pytest.mark.parametrize("make", [torch.asarray, jnp.asarray, array_api_strict.asarray])
def test_every_library(make):
    x = np.asarray([0.5, 2.0, -3.0])
    for name in ("charbonnier", "huber", "log_cosh", "general 0.5"):
        loss, _ = CASES[name]
        want = xloss.curvature(loss)(x, np.zeros(3))
        got = xloss.curvature(loss)(make(x), make(np.zeros(3)))
        assert isinstance(got, type(make(x)))
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6)


def test_under_jit():
    curved = jax.jit(xloss.curvature(xloss.GeneralRobustLoss(0.5)))
    x = np.asarray([0.5, 2.0, -3.0])
    want = xloss.curvature(xloss.GeneralRobustLoss(0.5))(x, np.zeros(3))
    np.testing.assert_allclose(curved(jnp.asarray(x), jnp.zeros(3)), want, rtol=1e-6)


def test_functions_with_options():
    x, zeros = RESIDUALS, np.zeros_like(RESIDUALS)
    want = xloss.curvature(xloss.GeneralRobustLoss(0.5))(x, zeros)
    got = xloss.curvature(xloss.general_robust_loss)(x, zeros, 0.5)
    np.testing.assert_array_equal(got, want)
    got = xloss.curvature(lambda p, t: xloss.general_robust_loss(p, t, 0.5))(x, zeros)
    np.testing.assert_array_equal(got, want)


NOT_SMOOTH = [
    xloss.L1Loss(),
    xloss.QuantileLoss(),
    xloss.SmoothL1Loss(beta=0.0),
    xloss.BCEWithLogitsLoss(),
]
NOT_ELEMENTWISE = [
    xloss.SSIMLoss(3),
    xloss.DiceLoss(),
    xloss.PSNRLoss(1.0),
    xloss.KlDivLoss(),
    xloss.combine(xloss.MSELoss(), xloss.L1Loss()),
    lambda p, t: 2 * xloss.mse_loss(p, t),
    lambda p, t: xloss.mse_loss(2 * p, t),
    lambda p, t: p,
]


@pytest.mark.parametrize("loss", NOT_SMOOTH, ids=lambda x: type(x).__name__)
def test_losses_without_second_derivatives(loss):
    with pytest.raises(ValueError, match="curvature: the loss must be a smooth"):
        xloss.curvature(loss)(np.ones(3), np.zeros(3))


@pytest.mark.parametrize("loss", NOT_ELEMENTWISE)
def test_losses_that_are_not_elementwise(loss):
    with pytest.raises(ValueError, match="curvature: the loss must be an elementwise"):
        xloss.curvature(loss)(np.ones((1, 1, 5, 5)), np.zeros((1, 1, 5, 5)))


def test_bad_input_is_refused_as_by_the_loss():
    with pytest.raises(ValueError, match="kind must be"):
        xloss.curvature(xloss.mse_loss, "newton")
    with pytest.raises(ValueError, match="mse_loss"):
        xloss.curvature(xloss.mse_loss)(np.ones(3), np.zeros(4))
    with pytest.raises(TypeError, match="mse_loss"):
        xloss.curvature(xloss.mse_loss)(np.ones(3), [0.0, 0.0, 0.0])
