"""Divergences, erosion, information, correlation: formulas, peers, known values."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from skimage.metrics import normalized_mutual_information

import xloss

from .information_problems import (
    distributions,
    every_problem,
    every_reduction,
    signals,
)


@every_problem
@every_reduction
def test_formula(loss, reduction):
    arrays = loss.arrays()
    got, want = (f(*arrays, reduction=reduction) for f in (loss, loss.expected))
    assert isinstance(got, np.ndarray if want.ndim else np.float64)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


@every_problem
def test_default_reduction(loss):
    arrays = loss.arrays()
    np.testing.assert_allclose(loss(*arrays), loss.expected(*arrays), rtol=1e-12)


@every_problem
@every_reduction
def test_gradients_of_every_floating_array(loss, reduction):
    tensors = [torch.tensor(x) for x in loss.arrays()]
    leaves = [x.requires_grad_() for x in tensors if x.is_floating_point()]
    loss.on(torch.tensor)(*tensors, reduction=reduction).sum().backward()
    want = loss.gradients(*loss.arrays(), reduction=reduction)
    for leaf, slope in zip(leaves, want, strict=True):
        np.testing.assert_allclose(leaf.grad, slope, rtol=1e-9, atol=1e-13)


def sparse(rng, shape):
    """Distributions some of whose entries are 0 in one, in the other, or in both."""
    p, t = distributions(rng, shape)
    p[..., 0] = t[..., 1] = p[..., 2] = t[..., 2] = 0
    return [x / x.sum(-1, keepdims=True) for x in (p, t)]


@pytest.mark.parametrize("draw", [distributions, sparse])
def test_divergences_like_scipy(draw):
    p, t = draw(np.random.default_rng(0), (4, 6))
    got = xloss.kl_div_loss(p, t, reduction="none")
    np.testing.assert_allclose(got, rel_entr(t, p).sum(-1), rtol=1e-12)
    got = xloss.js_div_loss(p, t, reduction="none")
    np.testing.assert_allclose(got, jensenshannon(p, t, axis=-1) ** 2, rtol=1e-12)


def test_what_the_prediction_lacks_is_infinite():
    p, t = np.asarray([[0.0, 1.0], [0.5, 0.5]]), np.asarray([[0.5, 0.5], [1.0, 0.0]])
    got = xloss.kl_div_loss(p, t, reduction="none")
    np.testing.assert_allclose(got, [np.inf, np.log(2)], rtol=1e-15)
    # (3/4) log(4/3) + ... of the two-sided mean (1/4, 3/4)
    want = 0.5 * (0.5 * np.log(2) + 0.5 * np.log(2 / 3) + np.log(4 / 3))
    got = xloss.js_div_loss(p, t, reduction="none")
    np.testing.assert_allclose(got, [want, want], rtol=1e-14)


def test_disjoint_distributions_are_log_2_apart():
    p, t = np.eye(2)
    assert xloss.js_div_loss(p, t) == pytest.approx(np.log(2), rel=1e-15)
    assert xloss.kl_div_loss(p, t) == np.inf


def contingency(x, y):
    """The mutual information of values that are their own bins, and its normalised."""
    table = np.zeros((x.max() + 1, y.max() + 1))
    np.add.at(table, (x.ravel(), y.ravel()), 1)
    p = table / table.sum()

    def entropy(q):
        q = q[q > 0]
        return -(q * np.log(q)).sum()

    apart, joint = entropy(p.sum(0)) + entropy(p.sum(1)), entropy(p)
    return apart - joint, apart / joint


def pictures():
    """Two patterns of the values 0 to 8, in which one tells much of the other."""
    i, j = np.indices((12, 20))
    first = (i + 2 * j) % 9
    return first, (2 * first + i % 3) % 9


def test_information_of_whole_numbers_is_that_of_their_table():
    x, y = pictures()
    mutual, normalized = contingency(x, y)
    np.testing.assert_allclose(mutual, 1.0991837969703617, rtol=1e-12)
    np.testing.assert_allclose(normalized, 1.3338539514099725, rtol=1e-12)
    got = xloss.mutual_information_loss_2d(x, y, num_bins=9)
    np.testing.assert_allclose(got, -mutual, rtol=1e-12)
    got = xloss.normalized_mutual_information_loss_2d(x, y, num_bins=9)
    np.testing.assert_allclose(got, -normalized, rtol=1e-12)


@pytest.mark.parametrize("num_bins", [2, 9, 33])
def test_information_of_levels_is_that_of_their_table(num_bins):
    """Of as many levels as bins, in any units."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, num_bins, 500)
    x[:2] = 0, num_bins - 1
    y = np.where(rng.random(500) < 0.7, x, x[::-1])
    y[:2] = 0, num_bins - 1
    mutual, normalized = contingency(x, y)
    pair = 0.25 * x - 3, 1000 - 4 * y
    got = xloss.mutual_information_loss(*pair, num_bins=num_bins)
    np.testing.assert_allclose(got, -mutual, rtol=1e-12)
    got = xloss.normalized_mutual_information_loss(*pair, num_bins=num_bins)
    np.testing.assert_allclose(got, -normalized, rtol=1e-12)


def test_normalized_information_like_scikit_image():
    x, y = pictures()
    want = normalized_mutual_information(x, y, bins=9)
    got = xloss.normalized_mutual_information_loss_2d(x, y, num_bins=9)
    np.testing.assert_allclose(got, -want, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3, 50), (2, 3, 6, 7), (2, 3, 4, 3, 5)])
def test_ncc_like_numpy(shape):
    x, y = signals(np.random.default_rng(0), shape)
    rows = zip(x.reshape(6, -1), y.reshape(6, -1), strict=True)
    want = [1 - np.corrcoef(*pair)[0, 1] for pair in rows]
    got = xloss.ncc_loss(x, y, "none")
    np.testing.assert_allclose(got.ravel(), want, rtol=1e-10)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_lncc_is_a_correlation_in_each_window(padding):
    x, y = signals(np.random.default_rng(0), (7, 6))
    images = [z[None, None] for z in (x, y)]
    got = xloss.lncc_loss(*images, 3, "none", padding)[0, 0]
    if padding == "same":
        x, y = (np.pad(z, 1, mode="reflect") for z in (x, y))
    want = np.zeros(got.shape)
    for i, j in np.ndindex(got.shape):
        patches = [z[i : i + 3, j : j + 3].ravel() for z in (x, y)]
        want[i, j] = 1 - np.corrcoef(*patches)[0, 1] ** 2
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_hausdorff_by_hand():
    """A square of 3 x 3 missed: its cross of 5 outlasts one erosion, its centre two."""
    labels = np.zeros((1, 1, 5, 5), int)
    labels[..., 1:4, 1:4] = 1
    pred = np.zeros((1, 2, 5, 5))
    pred[:, 0] = 1
    first = np.zeros((5, 5))
    # means of 3/5 in the corners, 4/5 at the edges, 1 in the centre; less 1/2, over 1/2
    first[1:4, 1:4] = [[0.2, 0.6, 0.2], [0.6, 1, 0.6], [0.2, 0.6, 0.2]]
    second = np.zeros((5, 5))
    second[2, 2] = 1  # the only mean above 1/2: 3.4/5
    for alpha in (0.0, 2.0):
        criterion = xloss.HausdorffERLoss(alpha, 2, "none")
        got = criterion(pred, labels)
        assert got.shape == (2, 1, 1, 5, 5)
        for plane in got[:, 0, 0]:
            np.testing.assert_allclose(plane, first + 2**alpha * second, atol=1e-15)
    # from the third on nothing is left: 1/5 is below 1/2
    assert xloss.hausdorff_er_loss(pred, labels, k=9) == pytest.approx((4.2 + 4) / 25)
