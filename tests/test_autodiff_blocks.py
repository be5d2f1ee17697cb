"""Value and gradient of NumPy arrays in blocks: layouts, weights, memory, aliases."""

import tracemalloc

import numpy as np
import pytest
import torch

import xloss
from xloss._core import numpy_blocks, numpy_strips

from .image_problems import PROBLEMS as IMAGE_PROBLEMS
from .problems import PROBLEMS
from .segmentation_problems import PROBLEMS as SEGMENTATION_PROBLEMS

SHAPE = 3, 210, 130
"""more than one block of 64 Ki elements"""
STEP = 1e-5


def elementwise(test):
    return pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)(test)


def slope(problem, residual):
    """Return central differences of the formula."""
    ends = problem.formula(residual + STEP), problem.formula(residual - STEP)
    return (ends[0] - ends[1]) / (2 * STEP)


def images(layout="C", dtype=np.float64):
    rng = np.random.default_rng(3)
    pred, target = rng.uniform(-3, 3, (2, *SHAPE)).astype(dtype)
    if layout == "F":
        pred = np.asfortranarray(pred)
    elif layout == "reversed":
        pred = np.ascontiguousarray(pred[:, ::-1])[:, ::-1]
    elif layout == "strided":
        pred = np.repeat(pred, 2, axis=-1)[..., ::2]
    elif layout == "broadcast":
        target = np.broadcast_to(target[:1], SHAPE)
    return pred, target


@elementwise
@pytest.mark.parametrize("layout", ["C", "F", "reversed", "strided", "broadcast"])
def test_layouts(problem, layout):
    pred, target = images(layout)
    kept = pred.copy(), target.copy()
    value, (first, second) = xloss.value_and_grad(problem, (0, 1))(
        pred, target, reduction="mean"
    )
    expected = slope(problem, pred - target) / pred.size
    np.testing.assert_allclose(first, expected, atol=1e-7 / pred.size, rtol=1e-5)
    np.testing.assert_array_equal(first, -second)
    # the loop may take another order of the axes
    assert value == pytest.approx(problem(pred, target, reduction="mean"), rel=1e-14)
    np.testing.assert_array_equal(pred, kept[0])
    np.testing.assert_array_equal(target, kept[1])


@elementwise
def test_weights(problem):
    pred, target = images()
    rng = np.random.default_rng(4)
    where = rng.random((1, *SHAPE[1:])) < 0.5
    weight = rng.random((SHAPE[0], 1, 1))
    counted = np.where(where, weight, 0.0) * np.ones(SHAPE)
    pred = np.where(counted > 0, pred, np.nan)  # no excluded element takes part
    for reduction, divisor in ("mean", counted.sum()), ("sum", 1.0):
        options = {"where": where, "sample_weight": weight, "reduction": reduction}
        gradient = xloss.grad(problem)(pred, target, **options)
        each = np.where(counted > 0, slope(problem, pred - target), 0.0)
        expected = counted * each / divisor
        np.testing.assert_allclose(gradient, expected, atol=1e-7 / divisor, rtol=1e-5)


@elementwise
def test_unreduced_and_within_a_larger_function(problem):
    pred, target = images()
    weights = np.linspace(-1.0, 1.0, pred.size).reshape(SHAPE)

    def objective(pred, target):
        xp = pred.__array_namespace__()
        each = problem(2.0 * pred, target, reduction="none")
        return xp.sum(weights * each) + 3.0 * problem(pred, target, reduction="sum")

    expected = 2.0 * weights * slope(problem, 2.0 * pred - target)
    expected = expected + 3.0 * slope(problem, pred - target)
    gradient = xloss.grad(objective)(pred, target)
    np.testing.assert_allclose(gradient, expected, atol=1e-6, rtol=1e-5)


@elementwise
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_lower_precision(problem, dtype):
    pred, target = images(dtype=dtype)
    gradient = xloss.grad(problem)(pred, target, reduction="sum")
    assert gradient.dtype == dtype
    residual = pred.astype(np.float64) - target
    expected = np.where(residual == 0, 0.0, slope(problem, residual))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(gradient, expected, rtol=8 * eps, atol=1e-6)


@elementwise
def test_nothing_counts(problem):
    pred, target = images()
    nothing = np.zeros(SHAPE, bool)
    value, gradient = xloss.value_and_grad(problem)(
        pred, target, where=nothing, reduction="mean"
    )
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros(SHAPE))
    for shape in (0, 3), (3, 0):
        empty = np.zeros(shape)
        value, gradient = xloss.value_and_grad(problem)(empty, empty, reduction="mean")
        assert value == 0
        assert gradient.shape == shape


@elementwise
def test_the_same_array_twice(problem):
    pred, _ = images()
    gradient = xloss.grad(lambda x: problem(x, x, reduction="sum"))(pred)
    np.testing.assert_array_equal(gradient, np.zeros(SHAPE))


@pytest.mark.parametrize("problem", IMAGE_PROBLEMS, ids=lambda p: p.name)
def test_images_of_several_strips(problem):
    side = {3: (3000,), 4: (150, 500), 5: (30, 50, 60)}
    shapes = tuple((1, *s[1:2], *side[len(s)]) for s in problem.shapes)
    problem = problem._replace(shapes=shapes)
    arrays = problem.arrays()
    reduction = {"reduction": "mean"} if problem.reductions else {}

    def total(*arrays):
        loss = problem(*arrays, **reduction)
        return loss.__array_namespace__().sum(loss) if loss.ndim else loss

    found = xloss.grad(total, tuple(range(len(arrays))))(*arrays)
    expected = problem.gradients(*arrays, **reduction)
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9 * abs(want).max())


@pytest.mark.parametrize("problem", SEGMENTATION_PROBLEMS, ids=lambda p: p.name)
def test_labels_of_several_strips(problem, monkeypatch):
    monkeypatch.setattr(numpy_strips, "SIZE", 4)
    monkeypatch.setattr(numpy_blocks, "BLOCK", 16)
    pred, target = problem.arrays()
    gradient = xloss.grad(problem)(pred, target, reduction="mean")
    expected = problem.gradient(pred, target, reduction="mean")
    scale = abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize("name", ["mse_loss", "huber_loss", "charbonnier_loss"])
def test_the_memory_is_that_of_the_gradient(name):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 2**22), dtype=np.float32)
    function = xloss.value_and_grad(getattr(xloss, name))
    function(x[:10], y[:10], reduction="mean")
    tracemalloc.start()
    try:
        _, gradient = function(x, y, reduction="mean")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < gradient.nbytes + 4 * 2**20


FUNCTIONS = {
    "sum": lambda x, y: x.__array_namespace__().sum(x + y),
    "mse": xloss.mse_loss,
    "small": lambda x, y: xloss.mse_loss(x[:1, :1, :1], y[:1, :1, :1]),
    "view": lambda x, y: xloss.mse_loss(x[..., None], y[..., None]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_arrays_of_their_own(name):
    pred, target = images()
    gradients = xloss.grad(FUNCTIONS[name], (0, 1))(pred, target)
    for gradient in gradients:
        assert gradient.flags.writeable
        assert not np.shares_memory(gradient, pred)
        assert not np.shares_memory(gradient, target)
    assert not np.shares_memory(*gradients)
    before = gradients[1].copy()
    gradients[0][...] = 7.0
    np.testing.assert_array_equal(gradients[1], before)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (xloss.huber_loss, ("weight", "sample_weight")),
        (xloss.mse_loss, ("weight", "sample_weight")),
        (xloss.l1_loss, ("sample_weight",)),
        (xloss.general_robust_loss, ("alpha", "scale")),
        (xloss.quantile_loss, ("q",)),
        (xloss.binary_cross_entropy_with_logits, ("pos_weight", "weight")),
    ],
)
def test_gradients_of_weights_and_options(function, names):
    rng = np.random.default_rng(5)
    pred, target = rng.uniform(-1, 1, (2, 4, 5))
    leaves = {"pred": pred}
    for name in names:
        shape = (4, 5) if name == "weight" else (1, 5)
        leaves[name] = rng.uniform(0.3, 0.9, shape)
    fixed = {"target": np.abs(target)}
    if function is xloss.huber_loss:
        fixed["where"] = rng.random((4, 5)) < 0.7

    def objective(leaves, fixed):
        others = {name: x for name, x in leaves.items() if name != "pred"}
        return function(leaves["pred"], **fixed, **others, reduction="mean")

    found = xloss.grad(objective)(leaves, fixed)
    on_torch = {name: torch.tensor(x, requires_grad=True) for name, x in leaves.items()}
    objective(
        on_torch, {name: torch.asarray(x) for name, x in fixed.items()}
    ).backward()
    for name, gradient in found.items():
        expected = on_torch[name].grad.numpy()
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
