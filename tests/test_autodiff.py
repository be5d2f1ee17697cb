"""value_and_grad and grad: every library, structures of arguments, bad input."""

import threading
import tracemalloc

import array_api_strict
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss
from xloss.autodiff import grad, value_and_grad

X = np.asarray([[0.5, -1.0, 2.0], [3.0, 0.25, -0.75]])
Y = np.asarray([[0.0, 1.0, 1.5], [2.0, 0.5, -1.0]])
LIBRARIES = [np.asarray, torch.asarray, jnp.asarray, array_api_strict.asarray]


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


def squares(x, y):
    xp = x.__array_namespace__()
    return xp.sum((x - y) ** 2)


@pytest.mark.parametrize("make", LIBRARIES)
def test_a_loss_of_each_library(make):
    pred, target = make(X), make(Y)
    value, gradient = value_and_grad(xloss.mse_loss)(pred, target)
    assert isinstance(gradient, type(pred))
    assert gradient.dtype == pred.dtype
    np.testing.assert_allclose(float(value), np.mean((X - Y) ** 2), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(gradient), 2 * (X - Y) / 6, rtol=1e-6)
    np.testing.assert_array_equal(grad(xloss.mse_loss)(pred, target), gradient)


@pytest.mark.parametrize("make", LIBRARIES)
def test_places_and_structures(make):
    def model(parameters, x, y):
        weight, (bias,) = parameters["weight"], parameters["rest"]
        return xloss.mse_loss(x @ weight + bias, y)

    weight, bias = np.asarray([[1.0], [2.0], [-1.0]]), np.asarray([0.5])
    y = np.asarray([[1.0], [2.0]])
    parameters = {"weight": make(weight), "rest": (make(bias),)}
    _, gradient = value_and_grad(model)(parameters, make(X), make(y))
    residual = X @ weight + bias - y
    assert isinstance(gradient["rest"], tuple)
    np.testing.assert_allclose(gradient["weight"], X.T @ residual, rtol=1e-5)
    np.testing.assert_allclose(gradient["rest"][0], residual.sum(axis=0), rtol=1e-5)
    arrays = make(X), make(Y)
    first, second = grad(xloss.mse_loss, (0, 1))(*arrays)
    np.testing.assert_allclose(first, -np.asarray(second))
    np.testing.assert_allclose(grad(xloss.mse_loss, -1)(*arrays), second)
    (only,) = grad(xloss.mse_loss, (1,))(*arrays)
    np.testing.assert_allclose(only, second)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_gradient_has_the_dtype_of_its_argument(dtype):
    value, gradient = value_and_grad(xloss.huber_loss)(X.astype(dtype), Y)
    assert value.dtype == np.float64
    assert gradient.dtype == dtype


def test_options_and_criteria():
    where = X > 0
    value, gradient = value_and_grad(xloss.mse_loss)(X, Y, where=where)
    assert value == pytest.approx(np.mean((X - Y)[where] ** 2))
    assert np.all(gradient[~where] == 0)
    weight = np.asarray([1.0, 2.0, 0.5])  # an array that the criterion holds
    criterion = xloss.CrossEntropyLoss(weight)
    gradient = grad(criterion)(X, np.asarray([0, 2]))
    pred = torch.tensor(X, requires_grad=True)
    target = torch.tensor([0, 2])
    torch.nn.functional.cross_entropy(pred, target, torch.tensor(weight)).backward()
    np.testing.assert_allclose(gradient, pred.grad, rtol=1e-12)


def test_what_does_not_vary_has_a_gradient_of_zero():
    assert np.all(grad(squares, 1)(X, Y) == -2 * (X - Y))
    assert np.all(grad(lambda x, y: xloss.mse_loss(y, y), 0)(X, Y) == 0)
    value, gradient = value_and_grad(lambda x: 3.0 * (x.__array_namespace__().sum(x)))(
        X
    )
    assert value == 3.0 * X.sum()
    assert np.all(gradient == 3.0)


def test_an_array_used_many_times():
    def chain(x):
        xp = x.__array_namespace__()
        for _ in range(40):
            x = x + x * 0.5 - 0.5 * x
        return xp.sum(x * x)

    np.testing.assert_allclose(grad(chain)(X), 2 * X)


def test_wrong_labels_are_refused_as_without_a_gradient():
    with refused(ValueError, "dice_loss", "target must hold labels from 0 to 1"):
        value_and_grad(xloss.dice_loss)(np.zeros((1, 2, 3)), np.full((1, 3), 5))


def test_inputs_are_left_alone_and_may_be_read_only():
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    value_and_grad(xloss.ssim_loss)(x[None, None], y[None, None], window_size=1)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_threads_do_not_meet():
    results = {}

    def work(i):
        for _ in range(20):
            results[i] = grad(squares)(X * i, Y)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_array_equal(results[i], 2 * (X * i - Y))


def test_nodes_are_freed_going_backward():
    x = np.zeros(2**20)

    def chain(x):
        for _ in range(8):
            x = (x + 1.0) * 0.5
        return x.__array_namespace__().mean(x)

    tracemalloc.start()
    try:
        grad(chain)(x)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < x.nbytes / 4


class TestBadInput:
    """Each message says what came, and what to do."""

    def test_no_scalar(self):
        with refused(ValueError, "value_and_grad", r"scalar array, got shape \(2, 3\)"):
            value_and_grad(xloss.charbonnier_loss)(X, Y)
        with refused(ValueError, "value_and_grad", "scalar array, got tuple"):
            value_and_grad(lambda x: (x, x))(X)

    def test_integers(self):
        with refused(ValueError, "value_and_grad", "argument 0.*floating.*int64"):
            value_and_grad(xloss.mse_loss)(X.astype(int), Y)

    def test_places(self):
        with refused(TypeError, "value_and_grad", "argnums.*2 positional.*got 2"):
            value_and_grad(xloss.mse_loss, 2)(X, Y)
        with refused(TypeError, "value_and_grad", "argnums.*got 'x'"):
            value_and_grad(xloss.mse_loss, "x")(X, Y)

    def test_no_arrays(self):
        with refused(TypeError, "value_and_grad", "must be an array.*got none"):
            value_and_grad(lambda x: x)(())
        with refused(TypeError, "value_and_grad", "argument 0 must be an array.*float"):
            value_and_grad(lambda x, y: y)(1.0, X)

    def test_libraries_do_not_mix(self):
        with refused(TypeError, "value_and_grad", "one library"):
            value_and_grad(xloss.mse_loss)(X, torch.asarray(Y))

    def test_writing(self):
        def write(x):
            x[0] = 0.0
            return x.__array_namespace__().sum(x)

        with refused(TypeError, "value_and_grad", "write into.*where"):
            value_and_grad(write)(X)

    @pytest.mark.parametrize("ask", [bool, float, int, np.asarray, range])
    def test_values(self, ask):
        with refused(TypeError, "value_and_grad", "traced array.*where"):
            value_and_grad(lambda x: ask(x.__array_namespace__().sum(x)))(X)

    def test_unknown_functions(self):
        with refused(
            NotImplementedError, "value_and_grad", "linalg.svdvals has no rule"
        ):
            value_and_grad(lambda x: x.__array_namespace__().linalg.svdvals(x))(X)

    def test_arrays_by_keyword(self):
        def squeeze(x):
            xp = x.__array_namespace__()
            return xp.sum(xp.clip(X, max=x))

        with refused(NotImplementedError, "value_and_grad", "clip takes max"):
            value_and_grad(squeeze)(X)

    def test_tapes_do_not_mix(self):
        def inner(x):
            return value_and_grad(lambda y: squares(x, y))(Y)[0]

        with refused(ValueError, "value_and_grad", "do not mix"):
            value_and_grad(inner)(X)
