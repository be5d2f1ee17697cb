"""The benchmarks of gradients compare the same gradients, and count them rightly."""

from types import SimpleNamespace

import numpy as np
import pytest
from array_api_compat import array_namespace, is_torch_array

from benchmarks import memory, modes, timing
from benchmarks.groups import gradients
from benchmarks.groups.gradients import fits
from benchmarks.rows import Result, Settings
from benchmarks.works import Work

ONCE = Settings(size=1, rounds=1)


def _sum_of_squares(x):
    xp = array_namespace(x)
    return xp.sum(x * x)


def _twice_that_on_torch(x):
    return _sum_of_squares(x) * (2 if is_torch_array(x) else 1)


def test_gradients_on_numpy_are_those_of_torch_and_of_autograd():
    pytest.importorskip("torch")
    autograd = pytest.importorskip("autograd.numpy")
    x = np.float32([1.0, -2.0])

    def textbook(x):
        return autograd.sum(x * x)

    for run in (
        modes.numpy_gradient(_sum_of_squares, (x,)),
        modes.torch_and_back(_sum_of_squares, (x,)),
        modes.autograd_gradient(textbook, (x,)),
    ):
        run()
        value, gradient = run()  # not added to that of the first call
        assert value == 5
        assert isinstance(gradient, np.ndarray)
        np.testing.assert_array_equal(gradient, 2 * x)


def test_a_gradient_is_timed_in_values(monkeypatch):
    pytest.importorskip("torch")
    times = timing.Times(ours=3.0, theirs=1.5, ratio=0.5, low=0.4, high=0.6)
    monkeypatch.setattr(gradients, "race", lambda ours, theirs, rounds: times)
    work = Work("squares", _sum_of_squares, None, lambda size: (np.ones(size),))
    result = gradients.times_of_the_value(work, ONCE)
    assert result == Result("values", 2.0, 1.0, 0.5, 0.4, 0.6)


def test_a_gradient_that_torch_does_not_confirm_is_not_timed(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(gradients, "race", lambda *_: pytest.fail("must not run"))
    inputs = (np.ones(2, np.float32),)
    work = Work("squares", _twice_that_on_torch, None, lambda size: inputs)
    with pytest.raises(ValueError, match=r"different work: .* 5\.0e-01 apart"):
        gradients.times_of_the_value(work, ONCE)


def test_minimisers_that_stop_elsewhere_are_not_compared(monkeypatch):
    optimize = pytest.importorskip("scipy.optimize")

    def minimize(fun, x0, jac=False, **options):
        return SimpleNamespace(fun=2.0 if jac else 2.001, nfev=1)

    monkeypatch.setattr(optimize, "minimize", minimize)
    with pytest.raises(ValueError, match="different work"):
        fits.evaluations_to_denoise()


def test_memory_of_a_gradient_is_counted_beside_it():
    torch = pytest.importorskip("torch")
    array = np.ones(1 << 18, np.float32)  # 1 MiB

    def loss(x):
        xp = array_namespace(x)
        return xp.sum(xp.exp(x))

    # the exponential, which torch keeps; Python's objects beside
    assert memory.gradient_mib_on_torch(loss, (array,)) == pytest.approx(1, abs=0.01)
    assert memory.gradient_mib_on_numpy(loss, (array,)) >= 1
    assert memory.gradient_mib_on_torch(torch.sum, (array,)) < 0.01
