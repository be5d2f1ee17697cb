"""compile: one switch for the compilers of the libraries."""

import gc
import pickle
import warnings
import weakref
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss
from xloss._core.fusion import fused

from .image_problems import PROBLEMS as IMAGE_PROBLEMS
from .information_problems import PROBLEMS as INFORMATION_PROBLEMS
from .problems import PROBLEMS, images
from .segmentation_problems import PROBLEMS as SEGMENTATION_PROBLEMS

OTHER_PROBLEMS = [*IMAGE_PROBLEMS, *SEGMENTATION_PROBLEMS, *INFORMATION_PROBLEMS]
MAKE = {"numpy": np.asarray, "torch": torch.tensor, "jax": jnp.asarray}


@pytest.fixture
def tracer(monkeypatch, graphs):
    """Leave torch's graphs to be run as they are: the compiler takes seconds."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=graphs))
    return graphs


def on(library, value):
    return MAKE[library](value) if isinstance(value, np.ndarray) else value


def called(function, library, arrays, options):
    arrays = [on(library, x) for x in arrays]
    return function(*arrays, **{name: on(library, x) for name, x in options.items()})


@pytest.mark.parametrize("library", MAKE)
@pytest.mark.parametrize("problem", [*PROBLEMS, *OTHER_PROBLEMS], ids=lambda p: p.name)
def test_compiled_is_the_same(problem, library, tracer):
    arrays = problem.arrays() if problem in OTHER_PROBLEMS else images()
    compiled = xloss.compile(problem.function)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = called(compiled, library, arrays, problem.options)
    want = called(problem.function, "numpy", arrays, problem.options)
    # JAX computes in float32
    rtol, atol = (3e-5, 1e-6) if library == "jax" else (1e-9, 1e-12)
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    assert list(compiled.backends) == [library]
    assert len(tracer.seen) == (library == "torch")


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("loss", ["huber_loss", "ssim_loss", "dice_loss"])
def test_five_values_of_a_float_compile_twice_at_most(loss, library, tracer):
    calls = []

    def counted(*args, **options):
        calls.append(options)
        return getattr(xloss, loss)(*args, **options)

    name = {"huber_loss": "delta", "ssim_loss": "max_val", "dice_loss": "eps"}[loss]
    arrays = images((1, 4, 6, 6))
    if loss == "dice_loss":
        arrays = arrays[0], np.zeros((1, 6, 6), np.int64)
    options = {"window_size": 3} if loss == "ssim_loss" else {}
    compiled = xloss.compile(counted if library == "jax" else getattr(xloss, loss))
    for value in (0.5, 0.6, 0.7, 0.8, 0.9):
        called(compiled, library, arrays, {**options, name: value})
    assert len(calls if library == "jax" else tracer.seen) <= 2


@pytest.mark.parametrize("loss", ["charbonnier_loss", "ssim_loss", "dice_loss"])
def test_ten_batch_sizes_compile_three_times_at_most(loss, tracer):
    compiled = xloss.compile(getattr(xloss, loss), dynamic=True)
    for size in range(1, 11):
        x = torch.rand(size, 2, 6, 6)
        y = (x[:, 0] > 0.5).long() if loss == "dice_loss" else x / 2
        compiled(x, y, 3) if loss == "ssim_loss" else compiled(x, y)
    assert len(tracer.seen) <= 3


def test_compiled_functions_do_not_share_a_limit(tracer):
    x = torch.rand(4)
    for delta in range(1, 21):  # of one code object torch compiles eight
        xloss.compile(partial(xloss.huber_loss, delta=float(delta)))(x, x)
    assert len(tracer.seen) == 20


@pytest.mark.parametrize("library", MAKE)
def test_what_is_compiled_goes_with_its_function(library, tracer):
    def loss(x):
        return xloss.mse_loss(x, x)

    compiled = xloss.compile(loss)
    compiled(on(library, np.ones(4, np.float32)))
    seen = weakref.ref(loss)
    del loss, compiled
    tracer.seen.clear()
    torch._dynamo.reset_code_caches()
    gc.collect()
    assert seen() is None


def test_gradients_by_the_compilers_themselves():
    """torch's own compiler, once; its gradient goes by the compiled backward."""
    loss = xloss.compile(xloss.CharbonnierLoss(reduction="sum"))
    x, y = np.asarray([0.0, 3.0]), np.zeros(2)
    want = [0.0, 3 / np.sqrt(10)]
    leaf = torch.tensor(x, requires_grad=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        loss(leaf, torch.tensor(y)).backward()
    # torch warns of its own modules when it first imports its compiler
    assert not [w for w in seen if w.category is not DeprecationWarning]
    np.testing.assert_allclose(leaf.grad, want, rtol=1e-12)
    got = jax.grad(loss)(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert dict(loss.backends) == {
        "torch": "torch.compile(fullgraph=True)",
        "jax": "jax.jit",
    }


@pytest.mark.parametrize("library", MAKE)
def test_value_and_gradient_compile(library, tracer):
    both = xloss.compile(xloss.value_and_grad(xloss.mse_loss))
    x, y = (on(library, np.asarray(v, np.float32)) for v in ([1.0, 3.0], [0.0, 1.0]))
    value, gradient = both(x, y)
    np.testing.assert_allclose(value, 2.5)
    np.testing.assert_allclose(gradient, [1.0, 2.0])


@pytest.mark.parametrize("library", MAKE)
def test_gradients_of_a_compiled_loss(library, tracer):
    both = xloss.value_and_grad(xloss.compile(xloss.mse_loss))
    x, y = (on(library, np.asarray(v, np.float32)) for v in ([1.0, 3.0], [0.0, 1.0]))
    value, gradient = both(x, y)
    np.testing.assert_allclose(value, 2.5)
    np.testing.assert_allclose(gradient, [1.0, 2.0])


def test_within_transforms_and_traces_it_runs_as_it_is(graphs):
    loss = xloss.compile(xloss.huber_loss)
    x, y = torch.rand(3, 4), torch.rand(3, 4)
    want = xloss.huber_loss(x, y, "none").mean(1)
    torch.testing.assert_close(torch.func.vmap(loss)(x, y), want)
    outer = torch.compile(lambda a, b: loss(a, b) + 1, fullgraph=True, backend=graphs)
    torch.testing.assert_close(outer(x, y), want.mean() + 1)
    assert not loss.backends
    a, b = jnp.asarray(x), jnp.asarray(y)
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(a, b), want, rtol=1e-6)


def test_arrays_in_containers_and_none_at_all(tracer):
    def total(pairs, *, weights):
        losses = [
            w * xloss.mse_loss(*pair) for w, pair in zip(weights, pairs, strict=1)
        ]
        return losses[0] + losses[1]

    compiled = xloss.compile(total)
    for make in MAKE.values():
        one, two = (make(np.full(3, v, np.float32)) for v in (1, 2))
        got = compiled([(one, two), (two, two)], weights={0.5: 0, 2.0: 0})
        np.testing.assert_allclose(got, 0.5)
    assert len(compiled.backends) == 3
    assert xloss.compile(lambda: 7)() == 7


def test_jax_options_are_told_apart():
    def loss(x, how, scale=1.0):
        assert isinstance(how, bool) or scale > 0  # looks at both
        return scale * x if how is True else x

    compiled = xloss.compile(loss)
    x = jnp.ones(())
    got = [float(compiled(x, how, scale)) for how in (True, 1) for scale in (2.0, 3.0)]
    assert got == [2.0, 3.0, 1.0, 1.0]
    with pytest.raises(AssertionError):
        compiled(x, 1, -1.0)


def test_jax_errors_are_those_of_the_loss():
    compiled = xloss.compile(xloss.huber_loss)
    x = jnp.ones(3)
    with pytest.raises(ValueError, match="huber_loss: reduction must be"):
        compiled(x, x, "median")
    with pytest.raises(TypeError, match="huber_loss: delta"):
        compiled(x, x, delta="1")
    assert float(compiled(x, 2 * x, delta=2.0)) == 0.5


def test_numpy_is_for_the_library_beside_it():
    compiled = xloss.compile(xloss.mse_loss)
    assert float(compiled(np.ones(2, np.float32), jnp.zeros(2))) == 1.0
    assert list(compiled.backends) == ["jax"]


def test_dask_and_others_run_as_they_are():
    strict = pytest.importorskip("array_api_strict")
    dask = pytest.importorskip("dask.array")
    compiled = xloss.compile(xloss.mse_loss)
    for make in (strict.asarray, dask.asarray):
        assert float(compiled(make(np.ones(3)), make(np.zeros(3)))) == 1.0
    assert compiled.backends == {"array_api_strict": "as it is", "dask": "as it is"}


def test_a_compiled_function_looks_like_its_own(tracer):
    compiled = xloss.compile(xloss.huber_loss, dynamic=True)
    assert compiled.__name__ == "huber_loss"
    assert compiled.__doc__ == xloss.huber_loss.__doc__
    assert xloss.compile(compiled)._fn is xloss.huber_loss
    assert "dynamic=True" in repr(compiled)
    compiled(torch.ones(2), torch.ones(2))
    copy = pickle.loads(pickle.dumps(compiled))
    assert repr(copy) == repr(compiled)
    assert not copy.backends
    with pytest.raises(TypeError):
        copy.backends["torch"] = "as it is"


def test_bad_input():
    with pytest.raises(TypeError, match=r"compile: fn must be .* got float"):
        xloss.compile(3.0)
    with pytest.raises(TypeError, match="compile: dynamic must be True, False or None"):
        xloss.compile(xloss.mse_loss, dynamic="auto")


def fuse(formula):
    """Stand in for CuPy's compiler: it hands a number on as a scalar array."""
    fuse.formulas.append(formula)
    return lambda r, *values: formula(r, *map(np.float32, values))


@pytest.fixture
def arrays():
    fuse.formulas = []
    return tuple(x.astype(np.float32) for x in images())


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_one_fused_formula_for_all_values(problem, arrays):
    function = fused(problem.function, fuse, arrays, problem.options)
    assert function is not None
    for scale in (1.0, 0.9, 0.8):
        options = {k: scale * v for k, v in problem.options.items()}
        options |= {"reduction": "mean", "where": arrays[0] > 0}
        got = function(*arrays, **options)
        np.testing.assert_allclose(got, problem(*arrays, **options), rtol=1e-5)
    assert len({formula.__code__ for formula in fuse.formulas}) == 1


def test_what_cannot_be_fused_is_not(arrays):
    def refuses(formula):
        raise NotImplementedError

    def errs(formula):
        return lambda *args: formula(*args) * 1.01

    for bad in (refuses, errs):
        assert fused(xloss.huber_loss, bad, arrays, {"reduction": "none"}) is None
    bce = xloss.binary_cross_entropy_with_logits
    assert fused(bce, fuse, arrays, {}) is None
    assert fused(lambda a, b: (a - b).sum(), fuse, arrays, {}) is None
