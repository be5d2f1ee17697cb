"""The derivative beside each kernel, against mpmath."""

import array_api_compat.numpy as xp
import mpmath
import numpy as np
import pytest
from mpmath import mpf

from xloss.general_robust import GENERAL_ROBUST
from xloss.huber import HUBER, SMOOTH_L1
from xloss.regression import L1, LOG_COSH, MSE, QUANTILE
from xloss.robust import CAUCHY, CHARBONNIER, GEMAN_MCCLURE, WELSCH


def clip(r, bound):
    return max(min(r, bound), -bound)


def general(alpha):
    b = abs(mpf(alpha) - 2)
    return lambda r: r * mpmath.power(r * r / b + 1, mpf(alpha) / 2 - 1)


DERIVATIVES = [
    (CHARBONNIER, {}, lambda r: r / mpmath.sqrt(r * r + 1)),
    (CAUCHY, {}, lambda r: r / (1 + r * r / 2)),
    (WELSCH, {}, lambda r: r * mpmath.exp(-r * r / 2)),
    (GEMAN_MCCLURE, {}, lambda r: 16 * r / (r * r + 4) ** 2),
    (MSE, {}, lambda r: 2 * r),
    (L1, {}, mpmath.sign),
    (HUBER, {"delta": 0.5}, lambda r: clip(r, mpf(0.5))),
    (SMOOTH_L1, {"beta": 0.5}, lambda r: clip(r * 2, 1)),
    (SMOOTH_L1, {"beta": 0.0}, mpmath.sign),
    (LOG_COSH, {}, mpmath.tanh),
    (QUANTILE, {"q": 0.25}, lambda r: mpmath.sign(r) * (0.75 if r > 0 else 0.25)),
    (GENERAL_ROBUST, {"alpha": 2.0}, lambda r: r),
    (GENERAL_ROBUST, {"alpha": 1.5}, general(1.5)),
    (GENERAL_ROBUST, {"alpha": 0.0}, general(0.0)),
    (GENERAL_ROBUST, {"alpha": -7.0}, general(-7.0)),
    (GENERAL_ROBUST, {"alpha": -np.inf}, lambda r: r * mpmath.exp(-r * r / 2)),
]


@pytest.mark.parametrize(("kernel", "options", "derivative"), DERIVATIVES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_psi(kernel, options, derivative, dtype):
    r = np.concatenate([-np.logspace(-15, 1, 60), [0.0], np.logspace(-15, 1, 60)])
    r = r.astype(dtype)
    forms = [options]
    if kernel is GENERAL_ROBUST:
        forms.append({"alpha": np.full_like(r, options["alpha"])})
    with mpmath.workdps(50):
        want = np.asarray([float(derivative(mpf(float(x)))) for x in r])
    steepest = np.max(np.abs(want[np.abs(r) <= 2]))
    for form in forms:
        with np.errstate(over="ignore"):
            got = kernel.psi(xp, r, **form)
        assert got.dtype == dtype
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(got, want, rtol=8 * eps, atol=2 * eps * steepest)
