"""What attacks with odd inputs found in losses of information."""

import array_api_compat
import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

DIVERGENCES = [xloss.kl_div_loss, xloss.js_div_loss]


def blobs():
    """Return two key-point maps whose tails reach below the smallest number."""
    rows, columns = np.mgrid[:32, :32]
    maps = [np.exp(-((rows - r) ** 2 + (columns - 9) ** 2) / 4.5) for r in (12, 17)]
    return [(m / m.sum()).astype(np.float32) for m in maps]


@pytest.mark.parametrize("loss", DIVERGENCES)
def test_slopes_of_key_point_maps(loss):
    pred, target = blobs()
    normal = (pred > 2e-37) & (target > 2e-37)  # JAX takes smaller ones for 0
    wide = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in blobs()]
    loss(*wide, axis=None).backward()
    found = jax.grad(lambda p, t: loss(p, t, axis=None), (0, 1))(
        *map(jnp.asarray, blobs())
    )
    leaves = [torch.tensor(x, requires_grad=True) for x in blobs()]
    loss(*leaves, axis=None).backward()
    for exact, of_jax, leaf in zip(wide, found, leaves, strict=True):
        want = exact.grad.numpy()[normal]
        for slope in (np.asarray(of_jax), leaf.grad.numpy()):
            # a difference of logarithms of up to 85, right to 4e-6 each
            np.testing.assert_allclose(slope[normal], want, rtol=1e-6, atol=1.6e-5)


@pytest.mark.parametrize("cell", [1e-19, 1e-20, 1e-25, 1e-30, 1e-37])
def test_slope_of_kl_in_a_small_cell_of_the_target(cell):
    target = torch.tensor([1.0, cell], requires_grad=True)
    xloss.kl_div_loss(torch.tensor([0.5, 0.5]), target).backward()
    want = np.log(cell / 0.5) + 1.0
    assert target.grad[1].item() == pytest.approx(want, rel=1e-6)
    slope = jax.grad(lambda t: xloss.kl_div_loss(jnp.asarray([0.5, 0.5]), t))
    assert float(slope(jnp.asarray([1.0, cell]))[1]) == pytest.approx(want, rel=1e-6)


def test_slope_of_kl_where_only_the_target_is():
    target = torch.tensor([0.5, 0.5], requires_grad=True)
    xloss.kl_div_loss(torch.tensor([0.0, 1.0]), target).backward()
    assert target.grad[0].item() == np.inf


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray, jnp.asarray])
def test_kl_where_the_ratio_overflows(asarray):
    pred, target = [np.asarray([x], np.float32) for x in (3.8e-25, 3.7e32)]
    want = float(target[0]) * np.log(float(target[0]) / float(pred[0]))
    got = xloss.kl_div_loss(asarray(pred), asarray(target))
    assert float(got) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("loss", DIVERGENCES)
def test_nan_hides_no_negative_entry(loss):
    pred = np.asarray([[np.nan, 0.5], [-0.1, 1.1]])
    with pytest.raises(ValueError, match=r"pred must hold probabilities.*-0\.1"):
        loss(pred, np.full((2, 2), 0.5))


@pytest.mark.parametrize("loss", DIVERGENCES)
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray, jnp.asarray])
def test_nan_in_a_cell_without_target(loss, asarray):
    got = loss(asarray(np.asarray([np.nan, 1.0])), asarray(np.asarray([0.0, 1.0])))
    assert np.isnan(float(got))


def test_a_large_exponent_of_erosions_as_an_array():
    rng = np.random.default_rng(0)
    pred = rng.random((1, 3, 6, 6), np.float32)
    target = rng.integers(0, 3, (1, 1, 6, 6))
    want = xloss.hausdorff_er_loss(pred, target, 100.0)
    exponent = torch.tensor(100.0)
    got = xloss.hausdorff_er_loss(torch.tensor(pred), torch.tensor(target), exponent)
    assert np.isfinite(want)
    assert got.item() == pytest.approx(float(want), rel=1e-5)


def test_erosions_on_dask_keep_their_chunks():
    pred = da.from_array(np.random.default_rng(0).random((1, 2, 16, 16)), chunks=8)
    target = da.zeros((1, 1, 16, 16), chunks=8, dtype=int)
    loss = xloss.hausdorff_er_loss(pred, target, reduction="none")
    assert loss.numblocks[-2:] == (2, 2)
    assert len(loss.__dask_graph__()) < 10_000


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("other", [np.ones(4), np.arange(4.0)])
def test_ncc_of_no_number(bad, other):
    plane = np.full((1, 1, 4), bad)
    for xp in (np, torch):
        pair = xp.asarray(plane), xp.asarray(other.reshape(1, 1, 4))
        assert np.isnan(float(xloss.ncc_loss(*pair)))
        assert np.isnan(float(xloss.ncc_loss(*pair[::-1])))


def test_ncc_stays_within_its_range():
    rng = np.random.default_rng(0)
    planes = rng.random((64, 1, 5, 5))
    assert np.max(xloss.ncc_loss(planes, 1.0 - planes, "none")) <= 2.0


def test_a_radius_near_zero_counts_samples_on_bins():
    x = np.arange(5.0)
    loss = xloss.mutual_information_loss(x, x, num_bins=5, window_radius=1e-300)
    assert loss == pytest.approx(-np.log(5))


def test_ties_of_the_largest_sample_share_its_slope():
    x = torch.tensor([0.0, 1.0, 2.5, 4.0, 4.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0, 2.0, 3.0, 2.5], dtype=torch.float64)
    options = {"num_bins": 5, "window_radius": 2.2}
    xloss.mutual_information_loss(x, y, **options).backward()
    both = x.grad[3] + x.grad[4]
    step = 1e-6
    ends = []
    for sign in (1, -1):
        moved = x.detach().clone()
        moved[3:] += sign * step
        ends.append(xloss.mutual_information_loss(moved, y, **options))
    assert both.item() == pytest.approx(
        ((ends[0] - ends[1]) / (2 * step)).item(), rel=1e-5
    )


@pytest.mark.parametrize("loss", [xloss.mutual_information_loss, xloss.ncc_loss])
def test_of_nothing_there_is_a_gradient(loss):
    x, y = [torch.zeros(0, 1, 4, requires_grad=True) for _ in range(2)]
    loss(x, y, reduction="sum").backward()
    assert x.grad.shape == y.grad.shape == (0, 1, 4)


def test_plain_numpy_is_taken_for_numpy():
    from xloss._core.namespace import is_numpy

    assert is_numpy(np)
    assert is_numpy(array_api_compat.array_namespace(np.zeros(1)))


@pytest.mark.parametrize("name", ["kl_div_loss_2d", "js_div_loss_2d", "lncc_loss"])
def test_jit_of_whole_maps(name):
    """In one sum XLA took the logarithm of 1 - x for that of 1 + x."""
    rng = np.random.default_rng(0)
    maps = rng.random((2, 2, 3, 64, 64), np.float32)
    maps /= maps.sum(axis=(-2, -1), keepdims=True)
    loss = getattr(xloss, name)
    want = loss(*maps.astype(np.float64))
    assert float(jax.jit(loss)(*maps)) == pytest.approx(want, rel=1e-5)
