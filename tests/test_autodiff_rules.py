"""Every rule of the tape, held to central differences."""

from functools import partial

import array_api_compat.numpy as xp
import numpy as np
import pytest

from xloss._core import filters, numerics
from xloss.autodiff import value_and_grad
from xloss.autodiff.composed import COMPOSED
from xloss.autodiff.rules import RULES

RNG = np.random.default_rng(0)
STEP = 1e-6


def uniform(low, high, *shape):
    return RNG.uniform(low, high, shape)


def unary(low=-2.0, high=2.0, shape=(3, 4)):
    return lambda f, x: f(x), [uniform(low, high, *shape)]


def pair(a=(3, 4), b=(4,), low=0.5, high=2.0):
    return lambda f, x, y: f(x, y), [uniform(low, high, *a), uniform(low, high, *b)]


def call(*args, shapes=((3, 4),), **options):
    """Return a case of a function with further arguments."""
    return lambda f, *x: f(*x, *args, **options), [uniform(-2, 2, *s) for s in shapes]


INDEX = np.asarray([2, 0, 0, 3])
ALONG = np.asarray([[1, 1, 0], [3, 0, 2]])
MASK = np.asarray([[True], [False], [True]])
BINS = np.asarray([[0, 2, 2, 0], [1, 1, 0, 1]])
ORDER = np.asarray([[2, 0, 3, 1], [1, 2, 3, 0]])
HOLES = np.asarray([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0], [1.0] * 4])
ENDS = np.asarray([-0.5, 0.1, -1.0, -0.2])
WINDOW = filters.Window([0.1, 0.2, 0.4, 0.2, 0.1])
LONG = (2, 7, 37)
OWN = np.asarray([0, 1, 1, 2]) == np.arange(3)[:, None]

CASES = [
    ("abs", *unary()),
    ("acos", *unary(-0.9, 0.9)),
    ("add", *pair()),
    ("add", *pair((1, 4), (3, 1))),
    ("asin", *unary(-0.9, 0.9)),
    ("astype", *call(xp.float64)),
    ("asinh", *unary()),
    ("atan", *unary()),
    ("atanh", *unary(-0.9, 0.9)),
    ("broadcast_to", *call((2, 3, 4), shapes=((3, 1),))),
    ("concat", lambda f, x, y: f([x, y, x], axis=-1), [uniform(-2, 2, 2, 3)] * 2),
    ("cos", *unary()),
    ("cosh", *unary()),
    ("cumulative_sum", *call(axis=1)),
    ("cumulative_sum", *call(include_initial=True, shapes=((5,),))),
    ("divide", *pair()),
    ("divide", *pair((4,), (3, 4))),
    ("exp", *unary()),
    ("expand_dims", *call(axis=1)),
    ("expm1", *unary()),
    ("flip", *call(axis=0)),
    ("flip", *call()),
    ("getitem", lambda f, x: x[1:, ::2], [uniform(-2, 2, 3, 5)]),
    ("getitem", lambda f, x: x[..., None, -1], [uniform(-2, 2, 3, 5)]),
    ("log", *unary(0.5, 2.0)),
    ("log10", *unary(0.5, 2.0)),
    ("log1p", *unary(-0.5, 2.0)),
    ("log2", *unary(0.5, 2.0)),
    ("logaddexp", *pair()),
    ("matmul", *call(shapes=((2, 3), (3, 4)))),
    ("matmul", *call(shapes=((5, 2, 3), (3, 4)))),
    ("matmul", *call(shapes=((3,), (3,)))),
    ("matmul", *call(shapes=((3,), (2, 3, 4)))),
    ("matmul", *call(shapes=((2, 4, 3), (3,)))),
    ("matrix_transpose", *call()),
    ("max", *call(axis=1)),
    ("max", *call()),
    ("maximum", *pair()),
    ("mean", *call(axis=(0, 1), keepdims=True)),
    ("min", *call(axis=0, keepdims=True)),
    ("minimum", *pair((1,), (3, 4))),
    ("multiply", *pair()),
    ("negative", *unary()),
    ("permute_dims", *call((2, 0, 1), shapes=((2, 3, 4),))),
    ("positive", *unary()),
    ("pow", *pair()),
    ("pow", lambda f, x: f(x, 3), [uniform(-2, 2, 4)]),
    ("reciprocal", *unary(0.5, 2.0)),
    ("reshape", *call((4, 3))),
    ("sin", *unary()),
    ("sinh", *unary()),
    ("sqrt", *unary(0.5, 2.0)),
    ("square", *unary()),
    ("squeeze", *call(axis=1, shapes=((3, 1, 2),))),
    ("stack", lambda f, x, y: f([x, y], axis=1), [uniform(-2, 2, 2, 3)] * 2),
    ("subtract", *pair((3, 1), (1, 4))),
    ("sum", *call(axis=-1)),
    ("sum", *call()),
    ("take", lambda f, x: f(x, INDEX, axis=0), [uniform(-2, 2, 4, 3)]),
    ("take", lambda f, x: f(x, INDEX), [uniform(-2, 2, 5)]),
    ("take_along_axis", lambda f, x: f(x, ALONG, axis=1), [uniform(-2, 2, 2, 4)]),
    ("take_along_axis", lambda f, x: f(x, ALONG, axis=0), [uniform(-2, 2, 4, 3)]),
    ("tan", *unary(-1.0, 1.0)),
    ("tanh", *unary()),
    ("atan2", *pair((3, 4), (4,), low=-2.0)),
    ("asarray", *call()),
    ("at_least", *call(0.3)),
    ("at_most", *call(0.3)),
    ("binned", lambda f, x: f(BINS, x, 3), [uniform(-2, 2, 2, 2, 4)]),
    ("clip", *call(-0.5, 0.7)),
    ("clip", *call(min=-0.5)),
    ("clip", lambda f, x, low: f(x, low, low + 1.0), [uniform(-2, 2, 3, 4), ENDS]),
    ("correlate", *call(WINDOW, [(None, None)], shapes=((2, 9),))),
    ("correlate", *call(WINDOW, [("reflect", "zeros")], shapes=((2, 9),))),
    ("correlate", *call(WINDOW, [("zeros", "reflect")], shapes=((3, 40),))),
    ("correlate", *call(WINDOW, [("reflect", None), (None, "zeros")], shapes=(LONG,))),
    ("correlate", *call(WINDOW, [("zeros",) * 2, ("reflect",) * 2], shapes=(LONG,))),
    ("correlate", *call(filters.Window([1.0]), [(None, None)])),
    ("cumulative", *call()),
    ("diff", *call(axis=0)),
    ("diff", *call(n=2)),
    ("diff", lambda f, x, y: f(x, append=y), [uniform(-2, 2, 3, 4)] * 2),
    ("hypot", *pair(low=-2.0)),
    ("moveaxis", *call(0, 2, shapes=((2, 3, 4),))),
    ("neighbours", *call(1)),
    ("positive_part", *unary()),
    ("prod", *call(axis=1)),
    ("prod", lambda f, x: f(x * HOLES, axis=0), [uniform(1, 2, 3, 4)]),
    ("repeat", *call(3)),
    ("repeat", *call(2, axis=-1)),
    ("tile", *call((2, 1, 3))),
    ("sum", *call(0)),
    ("concat", lambda f, x, y: f([x, y], axis=None), [uniform(-2, 2, 2, 3)] * 2),
    ("permute_dims", *call((-1, 0, 1), shapes=((2, 3, 4),))),
    ("pow", lambda f, x: f(x, 0), [uniform(-2, 2, 4)]),
    ("take", lambda f, x: f(x, np.arange(40) % 3, axis=1), [uniform(-2, 2, 20, 3)]),
    ("remainder", *pair()),
    ("reordered", lambda f, x: f(x, ORDER), [uniform(-2, 2, 2, 4)]),
    ("roll", *call(2)),
    ("roll", *call((1, -2), axis=(0, 1))),
    ("select", lambda f, x: f(MASK, x), [uniform(-2, 2, 3, 4)]),
    ("softmax", *call(1, shapes=((2, 3, 4),))),
    ("softplus", *unary(-3.0, 3.0)),
    ("sort", *call(axis=0, descending=True)),
    ("split_softmax", lambda f, x: f(x, OWN), [uniform(-2, 2, 2, 3, 4)]),
    ("std", *call(axis=0)),
    ("tril", *call()),
    ("triu", *call(k=1)),
    ("unstack", lambda f, x: f(x, axis=-1)[1], [uniform(-2, 2, 3, 4)]),
    ("var", *call(axis=1, correction=1, keepdims=True)),
    ("var", *call()),
    ("vecdot", *pair((3, 4), (3, 4))),
    ("where", lambda f, x, y: f(MASK, x, y), [uniform(-2, 2, 3, 4), uniform(0, 1, 4)]),
]


def function_of(namespace, name):
    """Return a primitive of the losses, or a function of the standard, or None."""
    for module in (filters, numerics):
        if name in module.__all__ and name not in ("clip", "matmul", "expm1"):
            return partial(getattr(module, name), namespace)
    return getattr(namespace, name, None)


def test_every_rule_has_a_case():
    assert {name for name, _, _ in CASES} == set(RULES) | set(COMPOSED)


@pytest.mark.parametrize(
    ("name", "evaluate", "arrays"),
    [pytest.param(*case, id=f"{case[0]}-{i}") for i, case in enumerate(CASES)],
)
def test_rule(name, evaluate, arrays):
    function = function_of(xp, name)
    weights = RNG.standard_normal(np.shape(evaluate(function, *arrays)))

    def objective(*x):
        namespace = x[0].__array_namespace__()
        function = function_of(namespace, name)
        return namespace.sum(evaluate(function, *x) * weights)

    numbers = tuple(range(len(arrays)))
    value, gradients = value_and_grad(objective, numbers)(*arrays)
    assert value == pytest.approx(np.sum(evaluate(function, *arrays) * weights))
    for i, gradient in enumerate(gradients):
        assert gradient.shape == arrays[i].shape
        for index in np.ndindex(gradient.shape):
            ends = []
            for step in (STEP, -STEP):
                moved = [x.copy() for x in arrays]
                moved[i][index] += step
                ends.append(np.sum(evaluate(function, *moved) * weights))
            slope = (ends[0] - ends[1]) / (2 * STEP)
            assert gradient[index] == pytest.approx(slope, rel=1e-6, abs=1e-7)
