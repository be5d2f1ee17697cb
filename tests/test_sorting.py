"""Orders of long rows, which are sorted by digits, against Python's own sort."""

import array_api_compat.torch as xp
import numpy as np
import pytest
import torch

import xloss
from xloss._core.sorting import FEW, LONG, by_rows, descending

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated"
)


def sizes(dtype, shape):
    """Sizes of all magnitudes, with many ties, both zeros and infinity among them."""
    random = np.random.default_rng(7)
    x = np.exp2(random.integers(-40, 40, shape) / 2).astype(dtype)
    x[..., ::5] = 0.0
    x[..., 1::10] = -0.0
    x[..., 7] = np.inf
    return x


def stable_order(row):
    """Indices from the largest element on, and from the first one on where they tie."""
    return sorted(range(len(row)), key=lambda i: -row[i])


@pytest.mark.parametrize("length", [5, FEW, LONG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy(dtype, length):
    x = sizes(dtype, (2, 1, max(length, 8)))
    got = descending(np, x)
    assert got.shape == x.shape
    for row, order in zip(x[:, 0], got[:, 0], strict=True):
        assert order.tolist() == stable_order(row)


def test_numpy_strided():
    x = np.asfortranarray(sizes(np.float32, (3, FEW)))
    for row, order in zip(x, descending(np, x), strict=True):
        assert order.tolist() == stable_order(row)


@pytest.mark.parametrize("length", [8, LONG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compiled", [False, True])
def test_torch(dtype, length, compiled):
    torch._dynamo.reset()
    x = np.abs(sizes(dtype, (2, 3, length)))
    of_rows = torch.compile(orders, fullgraph=True) if compiled else orders
    got = of_rows(torch.from_numpy(x))
    for row, order in zip(x.reshape(6, -1), got.reshape(6, -1), strict=True):
        assert order.tolist() == stable_order(row)


def orders(x):
    return by_rows(xp, descending, x)


def test_vmap_of_long_rows_is_the_loss_of_each():
    random = np.random.default_rng(8)
    pred = torch.from_numpy(random.standard_normal((2, 3, 1, LONG)))
    labels = torch.from_numpy(random.integers(0, 2, (2, 3, LONG)))
    slope = torch.func.grad(xloss.lovasz_hinge_loss)
    got = torch.func.vmap(slope)(pred, labels)
    want = torch.stack([slope(*pair) for pair in zip(pred, labels, strict=True)])
    torch.testing.assert_close(got, want)


def test_long_rows_have_the_textbook_value_and_slopes():
    random = np.random.default_rng(9)
    pred = random.standard_normal((2, 1, LONG))
    labels = random.integers(0, 2, (2, LONG))
    value, slopes = xloss.value_and_grad(xloss.lovasz_hinge_loss)(pred, labels)
    pairs = [hinge_by_hand(*pair) for pair in zip(pred[:, 0], labels, strict=True)]
    np.testing.assert_allclose(value, np.mean([v for v, _ in pairs]), rtol=1e-12)
    want = np.stack([s for _, s in pairs]) / 2
    # A difference of two numbers near 1 has an error of half a unit of each.
    np.testing.assert_allclose(slopes[:, 0], want, rtol=0, atol=2.0**-52)


def hinge_by_hand(pred, labels):
    """The hinge extension of one sample, by the differences of Jaccard losses."""
    side = 2 * labels - 1
    errors = 1 - side * pred
    order = np.array(stable_order(errors))
    hits = np.cumsum(labels[order])
    union = labels.sum() + np.cumsum(1 - labels[order])
    jaccard = 1 - (labels.sum() - hits) / union
    steps = np.empty_like(jaccard)
    steps[order] = np.diff(jaccard, prepend=0.0)
    wrong = errors > 0
    return np.sum(steps * errors * wrong), -side * steps * wrong
