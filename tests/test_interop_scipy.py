"""SciPy's minimisers on losses: values, gradients, copies, bad input."""

import array_api_strict
import dask.array as da
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import xloss
from xloss.interop import scipy_objective

STRICT = [array_api_strict.Device(name) for name in ("CPU_DEVICE", "device1")]
X = np.asarray([[0.5, -1.0, 2.0], [3.0, 0.25, -0.75]])
Y = np.asarray([[0.0, 1.0, 1.5], [2.0, 0.5, -1.0]])
LIBRARIES = [
    pytest.param(lambda x: np.asarray(x), id="numpy"),
    pytest.param(lambda x: torch.asarray(x), id="torch"),
    pytest.param(lambda x: torch.asarray(x).requires_grad_(), id="torch-grad"),
    pytest.param(lambda x: jnp.asarray(x), id="jax"),
    pytest.param(lambda x: da.from_array(x, chunks=2), id="dask"),
    *[
        pytest.param(
            lambda x, d=d: array_api_strict.asarray(x, device=d), id=f"strict-{d}"
        )
        for d in STRICT
    ],
]


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


class TestObjective:
    """scipy_objective."""

    @pytest.mark.parametrize("make", LIBRARIES)
    def test_value_and_gradient_of_each_library(self, make):
        value, gradient = scipy_objective(xloss.mse_loss, make(Y))(X.reshape(-1))
        assert type(value) is float
        assert type(gradient) is np.ndarray
        assert gradient.dtype == np.float64
        # JAX computes in float32 unless it is told otherwise
        assert value == pytest.approx(np.mean((X - Y) ** 2), rel=1e-6)
        np.testing.assert_allclose(gradient, (X - Y).reshape(-1) / 3, rtol=1e-6)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_loss_meets_an_array_of_the_targets_kind(self, dtype):
        device = array_api_strict.Device("device1")
        seen = []

        def loss(pred, target):
            seen.append((pred.shape, pred.dtype, pred.device, type(pred).__module__))
            return xloss.mse_loss(pred, target)

        strict = getattr(array_api_strict, np.dtype(dtype).name)
        target = array_api_strict.asarray(Y, device=device)
        scipy_objective(loss, target, dtype=strict)(X.reshape(-1))
        shape, got, where, _ = seen[0]
        assert (shape, got, where) == ((2, 3), strict, device)

    def test_float64_unless_the_device_has_none(self):
        seen = []

        def loss(pred, target):
            seen.append(pred.dtype)
            return xloss.mse_loss(pred, target)

        half = np.full((2, 3), 0.5, np.float32)
        for device in ("CPU_DEVICE", "no_float64"):
            place = array_api_strict.Device(device)
            for target in (half, np.zeros((2, 3), np.int32)):
                scipy_objective(loss, array_api_strict.asarray(target, device=place))(
                    np.zeros(6)
                )
        names = [str(dtype).rpartition(".")[2] for dtype in seen]
        assert names == ["float64", "float64", "float32", "float32"]

    def test_half_precision(self):
        target = torch.asarray(Y, dtype=torch.bfloat16)
        fun = scipy_objective(xloss.mse_loss, target, dtype=torch.bfloat16)
        value, gradient = fun(X.reshape(-1))
        assert value == pytest.approx(np.mean((X - Y) ** 2), rel=2**-8)
        np.testing.assert_allclose(gradient, (X - Y).reshape(-1) / 3, rtol=2**-8)

    def test_images_of_integers_are_targets(self):
        picture = np.asarray([[0, 255], [7, 8]], dtype=np.uint8)
        value, gradient = scipy_objective(xloss.mse_loss, picture)(np.zeros(4))
        assert value == np.mean(picture.astype(float) ** 2)
        np.testing.assert_array_equal(gradient, [0.0, -127.5, -3.5, -4.0])

    def test_nothing_is_shared_with_the_caller(self):
        kept = []

        def loss(pred, target):
            kept.append(pred)
            return xloss.mse_loss(pred, target, "sum")

        fun = scipy_objective(loss, np.zeros(3))
        x = np.ones(3)
        _, first = fun(x)
        x[:] = 7.0  # L-BFGS-B moves on in the same buffer
        np.testing.assert_array_equal(kept[0].value, np.ones(3))
        _, second = fun(x)
        first[:] = -1.0  # and SLSQP writes into the gradient
        np.testing.assert_array_equal(second, np.full(3, 14.0))
        assert first.flags.writeable
        assert first.flags.c_contiguous
        assert first.shape == (3,)

    def test_a_gradient_that_is_a_view(self):
        def loss(pred, target):  # its gradient is a broadcast, read-only zero stride
            return pred.__array_namespace__().sum(pred)

        _, gradient = scipy_objective(loss, np.zeros((2, 2)))(np.zeros(4))
        gradient += 1.0
        np.testing.assert_array_equal(gradient, np.full(4, 2.0))

    @pytest.mark.parametrize("make", LIBRARIES)
    def test_targets_in_structures(self, make):
        def loss(slope, data):
            return xloss.mse_loss(slope * data["x"], data["y"][0], reduction="sum")

        target = {"x": make(X), "y": [make(Y)]}
        fun = scipy_objective(loss, target, shape=())
        fit = minimize(fun, [0.0], jac=True, method="BFGS")
        assert fit.x[0] == pytest.approx(np.sum(X * Y) / np.sum(X * X), rel=1e-6)

    def test_options_are_passed_on(self):
        where = X > 0
        fun = scipy_objective(xloss.huber_loss, Y, where=where, delta=100.0)
        value, gradient = fun(X.reshape(-1))
        count = np.count_nonzero(where)
        assert value == pytest.approx(0.5 * np.sum((X - Y)[where] ** 2) / count)
        want = np.where(where, X - Y, 0.0) / count
        np.testing.assert_allclose(gradient, want.reshape(-1), rtol=1e-15)

    @pytest.mark.parametrize("method", ["L-BFGS-B", "SLSQP", "BFGS", "CG", "TNC"])
    def test_minimisers(self, method):
        fun = scipy_objective(xloss.LogCoshLoss("sum"), Y)
        fit = minimize(fun, X.reshape(-1), jac=True, method=method, tol=1e-12)
        np.testing.assert_allclose(fit.x, Y.reshape(-1), atol=1e-4)

    def test_total_variation_denoising_in_a_hundredth_of_the_evaluations(self):
        rows, columns = np.indices((24, 24))
        clean = (rows > 8).astype(float) + (columns > 12)
        noisy = clean + 0.2 * np.random.default_rng(0).standard_normal((24, 24))

        def energy(image, noisy):
            down, right = image[1:, :] - image[:-1, :], image[:, 1:] - image[:, :-1]
            smooth = xloss.CharbonnierLoss("sum", scale=0.1)
            return 0.5 * xloss.mse_loss(image, noisy, "sum") + 0.03 * (
                smooth(down, 0.0 * down) + smooth(right, 0.0 * right)
            )

        def in_numpy(x):
            image = x.reshape(24, 24)
            down, right = image[1:] - image[:-1], image[:, 1:] - image[:, :-1]
            steps = np.concatenate([down.reshape(-1), right.reshape(-1)]) / 0.1
            difference = x - noisy.reshape(-1)
            jumps = np.sqrt(steps * steps + 1) - 1
            return 0.5 * difference @ difference + 0.03 * np.sum(jumps)

        start = noisy.reshape(-1)
        fit = minimize(scipy_objective(energy, noisy), start, jac=True)
        slow = minimize(in_numpy, start, method="L-BFGS-B", options={"maxfun": 10**6})
        assert fit.success
        assert 100 * fit.nfev < slow.nfev
        assert fit.fun == pytest.approx(in_numpy(fit.x), rel=1e-12)
        assert fit.fun <= slow.fun * (1 + 1e-9)
        # what finite differences of 1.5e-8 leave of the gradient
        np.testing.assert_allclose(fit.x, slow.x, atol=1e-3)
        error = np.abs(fit.x - clean.reshape(-1)).mean()
        assert error < 0.5 * np.abs(noisy - clean).mean()

    def test_bad_input(self):
        function = "scipy_objective"
        with refused(TypeError, function, "target must be or hold an array, got list"):
            scipy_objective(xloss.mse_loss, [1.0, 2.0])
        with refused(TypeError, function, "one library"):
            scipy_objective(xloss.mse_loss, (X, torch.zeros(2)), shape=(2,))
        with refused(ValueError, function, "shape must be given.*got a tuple"):
            scipy_objective(xloss.mse_loss, (X, Y))
        with refused(ValueError, function, "x must have 6 elements.*got 5"):
            scipy_objective(xloss.mse_loss, Y)(np.zeros(5))
        with refused(ValueError, function, "dtype.*floating one, got .*int64"):
            scipy_objective(xloss.mse_loss, Y, dtype=np.int64)
        with refused(TypeError, function, "dtype.*library of target, .*numpy.*torch"):
            scipy_objective(xloss.mse_loss, Y, dtype=torch.float32)
        with refused(ValueError, "value_and_grad", r"scalar array, got shape \(2, 3\)"):
            scipy_objective(xloss.charbonnier_loss, Y)(np.zeros(6))
