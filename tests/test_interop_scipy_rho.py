"""SciPy's least squares on losses: against its own and against formulas."""

import mpmath
import numpy as np
import pytest
from scipy.optimize import least_squares

import xloss
from xloss.interop import scipy_rho


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


ROOT2 = 2**0.5
ROOT = mpmath.sqrt
SMOOTH = [
    pytest.param(xloss.mse_loss, 1, lambda z: z, id="mse"),
    pytest.param(
        xloss.HuberLoss(delta=1.5),
        1,
        lambda z: z / 2 if z <= 2.25 else 1.5 * (ROOT(z) - 0.75),
        id="huber",
    ),
    pytest.param(
        xloss.SmoothL1Loss(beta=0.5),
        1,
        lambda z: z if z < 0.25 else ROOT(z) - 0.25,
        id="smooth_l1",
    ),
    pytest.param(
        xloss.LogCoshLoss(), 1, lambda z: mpmath.log(mpmath.cosh(ROOT(z))), id="logcosh"
    ),
    pytest.param(
        xloss.CharbonnierLoss(scale=0.5), 0.5, lambda z: ROOT(z + 1) - 1, id="charb"
    ),
    pytest.param(
        xloss.CauchyLoss(scale=3.0), 3, lambda z: mpmath.log1p(z / 2), id="cauchy"
    ),
    pytest.param(
        xloss.WelschLoss(scale=2.0), 2, lambda z: -mpmath.expm1(-z / 2), id="welsch"
    ),
    pytest.param(
        xloss.GemanMcclureLoss("mean"), 1, lambda z: 2 * z / (z + 4), id="geman"
    ),
    pytest.param(
        xloss.GeneralRobustLoss(-0.5, scale=2.0),
        2,
        lambda z: -5 * ((z / 2.5 + 1) ** -0.25 - 1),
        id="general",
    ),
]
Z = [1e-6, 0.03, 0.7, 2.0, 9.0, 1e4]
"""squared residuals, away from the kinks of the second derivative"""


class TestRho:
    """scipy_rho."""

    @pytest.mark.parametrize(("loss", "scale", "formula"), SMOOTH)
    def test_twice_the_loss_and_its_derivatives(self, loss, scale, formula):
        got = scipy_rho(loss)(np.asarray(Z))
        with mpmath.workdps(60):
            want = [
                [
                    2 * mpmath.diff(lambda s: formula(s / mpmath.mpf(scale) ** 2), z, n)
                    for z in map(mpmath.mpf, Z)
                ]
                for n in range(3)
            ]
        want = np.asarray(want, dtype=np.float64)
        # the second derivative of a flat tail is a difference of two steep ones
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-300)

    @pytest.mark.parametrize(
        "loss", [xloss.CharbonnierLoss(), xloss.GeneralRobustLoss(1.0)]
    )
    def test_soft_l1(self, loss):
        z = np.concatenate([[0.0], np.logspace(-8, 8, 33)])
        root = np.sqrt(1 + z)
        # 2 (root - 1), whose digits a small z costs, is 2 z/(root + 1)
        want = [2 * z / (root + 1), 1 / root, -0.5 / root**3]
        np.testing.assert_allclose(scipy_rho(loss)(z), want, rtol=1e-12)

    @pytest.mark.parametrize("loss", [xloss.CauchyLoss(), xloss.GeneralRobustLoss(0.0)])
    def test_cauchy_of_f_scale_root_2(self, loss):
        z = np.concatenate([[0.0], np.logspace(-8, 8, 33)])
        t = 1 + z / 2
        want = [2 * np.log1p(z / 2), 1 / t, -0.5 / t**2]
        np.testing.assert_allclose(scipy_rho(loss)(z), want, rtol=1e-12)

    def test_a_new_array_that_scipy_may_write_into(self):
        rho = scipy_rho(xloss.mse_loss)
        z = np.asarray([0.0, 4.0])
        z.flags.writeable = False
        first = rho(z)
        assert (first.shape, first.dtype) == ((3, 2), np.float64)
        first *= 5.0
        np.testing.assert_array_equal(rho(z), [[0.0, 8.0], [2.0, 2.0], [0.0, 0.0]])

    @pytest.mark.parametrize(
        ("loss", "own", "f_scale"),
        [
            (xloss.CharbonnierLoss(), "soft_l1", 1.0),
            (xloss.GeneralRobustLoss(1.0), "soft_l1", 1.0),
            (xloss.CauchyLoss(), "cauchy", ROOT2),
            (xloss.GeneralRobustLoss(0.0), "cauchy", ROOT2),
        ],
    )
    def test_the_fit_is_that_of_scipys_own(self, loss, own, f_scale):
        # to the end, and without the errors of finite differences
        tight = {"jac": slopes, "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        want = least_squares(curve, START, loss=own, f_scale=f_scale, **tight)
        got = least_squares(curve, START, loss=scipy_rho(loss), **tight)
        np.testing.assert_allclose(got.x, want.x, rtol=1e-8)

    def test_the_scale_of_a_loss_is_f_scale(self):
        # the costs differ by its square, and so does what stops the fit
        want = least_squares(curve, START, slopes, loss="soft_l1", f_scale=0.3)
        loss = xloss.CharbonnierLoss("mean", scale=0.3)
        got = least_squares(curve, START, slopes, loss=scipy_rho(loss))
        np.testing.assert_allclose(got.x, want.x, rtol=1e-5)

    @pytest.mark.parametrize(
        "loss", [xloss.WelschLoss(scale=0.3), xloss.GemanMcclureLoss(scale=0.3)]
    )
    def test_a_redescending_loss_forgets_the_outliers(self, loss):
        fits = {
            name: least_squares(curve, START, loss=rho)
            for name, rho in {
                "linear": "linear",
                "soft_l1": "soft_l1",
                "ours": scipy_rho(loss),
            }.items()
        }
        error = {k: np.abs(fit.x - TRUTH).max() for k, fit in fits.items()}
        assert error["ours"] < 0.02
        assert error["ours"] < 0.2 * error["soft_l1"] < 0.2 * error["linear"]

    def test_the_cost_is_the_sum_of_the_loss(self):
        fit = least_squares(curve, START, loss=scipy_rho(xloss.WelschLoss(scale=0.3)))
        x = fit.fun / 0.3
        assert fit.cost == pytest.approx(np.sum(1 - np.exp(-x * x / 2)), rel=1e-12)

    @pytest.mark.parametrize(
        ("loss", "reason"),
        [
            (xloss.l1_loss, "smooth function of the square"),
            (xloss.QuantileLoss(0.9), "smooth function of the square"),
            (xloss.BCEWithLogitsLoss(), "smooth function of the square"),
            (xloss.DiceLoss(), "elementwise"),
            (xloss.SSIMLoss(11), "elementwise"),
            (lambda p, t: xloss.mse_loss(2.0 * p, t), "elementwise"),
        ],
    )
    def test_losses_without_a_triple_are_refused(self, loss, reason):
        with refused(ValueError, "scipy_rho", reason):
            scipy_rho(loss)


TIMES = np.linspace(0.0, 4.0, 41)
TRUTH = np.asarray([2.0, 1.3, 0.5])
START = np.asarray([1.5, 1.0, 0.0])
DATA = TRUTH[0] * np.exp(-TRUTH[1] * TIMES) + TRUTH[2]
DATA = DATA + 0.01 * np.random.default_rng(0).standard_normal(41)
DATA[5::7] += 2.0  # outliers


def curve(parameters):
    amplitude, rate, offset = parameters
    return amplitude * np.exp(-rate * TIMES) + offset - DATA


def slopes(parameters):
    amplitude, rate, _ = parameters
    decay = np.exp(-rate * TIMES)
    return np.stack([decay, -amplitude * TIMES * decay, np.ones(41)], axis=1)
