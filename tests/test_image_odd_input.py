"""Odd input of the image losses: what once went wrong, or nearly did."""

import numpy as np
import pytest
import torch

import xloss


def photograph(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@pytest.mark.parametrize("loss", [xloss.MS_SSIMLoss((1.0,)), xloss.MsSsimLoss(3)])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_no_channels_to_average(loss, asarray):
    images = asarray(np.zeros((2, 0, 48, 48)))
    with pytest.raises(ValueError, match="img1 must have at least one channel"):
        loss(images, images)


def test_a_compiler_of_any_shape_compiles_a_few_times(graphs):
    def call(a, b):
        return xloss.ssim_loss(a, b, 5)

    compiled = torch.compile(call, fullgraph=True, backend=graphs)
    for height, width in ((48, 40), (50, 43), (80, 90), (97, 64), (64, 101), (33, 35)):
        a, b = torch.rand(2, 1, 2, height, width)
        torch.testing.assert_close(compiled(a, b), call(a, b))
    assert len(graphs.seen) <= 4


def test_gradient_of_the_range_beside_a_masked_nan():
    images = torch.rand(2, 1, 2, 9, 8, dtype=torch.float64)
    images[0, 0, 0, 4, 4] = torch.nan
    mask = torch.zeros(1, 9, 8, dtype=torch.bool)
    mask[0, 8] = mask[0, :, 7] = True
    span = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    xloss.ms_ssim_l1_loss(*images, (0.5, 1.0), span, where=mask).backward()
    assert torch.isfinite(span.grad)


@pytest.mark.parametrize("max_val", [1.0, 1e22])
def test_infinity_stays_in_its_windows_at_any_range(max_val):
    x, y = photograph(2, 1, 1, 24, 24, dtype=np.float32)
    x[0, 0, 5, 5] = np.inf
    spoiled = np.isnan(xloss.ssim_loss(x, y, 3, max_val, reduction="none"))
    assert spoiled[0, 0, 4:7, 4:7].all()
    assert spoiled.sum() == 9


@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
@pytest.mark.parametrize("size", [1e25, 1e-25, 1e-22, 255.0])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_psnr_at_the_ends_of_float32(asarray, size, reduction):
    image = asarray(np.full((2, 1, 4, 4), size, np.float32))
    got = xloss.psnr(image, 0.5 * image, size, reduction=reduction)
    np.testing.assert_allclose(got, 20 * np.log10(2), rtol=1e-6)


def test_a_scale_of_power_0_does_not_count():
    x = photograph(1, 2, 48, 48)
    alone = xloss.ms_ssim_loss(x, 1 - x, 11, power_factors=(0.0, 0.0))
    assert alone == 0.0  # cs is negative at both scales
    # The second scale alone is SSIM of the halved images: its first power is skipped.
    halves = x.reshape(1, 2, 24, 2, 24, 2).mean((3, 5))
    coarse = xloss.ms_ssim_loss(x, 0.5 * x, 11, power_factors=(0.0, 1.0))
    index = xloss.ssim(halves, 0.5 * halves, 11, eps=0.0, padding="valid")
    np.testing.assert_allclose(1 - 2 * coarse, index.mean(), rtol=1e-10)


def test_a_window_as_narrow_as_a_pixel():
    x, y = photograph(2, 1, 1, 9, 9)
    narrow = xloss.ms_ssim_l1_loss(x, y, (1e-200, 1.0))
    np.testing.assert_allclose(narrow, xloss.ms_ssim_l1_loss(x, y, (1e-3, 1.0)))


def test_beyond_float16_is_infinite_without_a_warning():
    image = (200 * photograph(1, 200, 200)).astype(np.float16)
    assert xloss.total_variation(image)[0] == np.inf


@pytest.mark.parametrize(
    "criterion",
    [xloss.MS_SSIMLoss([0.5, 1.0], K=[0.01, 0.03]), xloss.MsSsimLoss(11, 1.0, [1.0])],
)
def test_lists_among_the_options_have_a_hash(criterion):
    assert hash(criterion) == hash(type(criterion)(**vars(criterion)))
    assert all(not isinstance(value, list) for value in vars(criterion).values())


def test_numpy_numbers_among_the_options():
    x, y = photograph(2, 1, 1, 9, 9)
    got = xloss.ms_ssim_l1_loss(x, y, (np.float32(0.5), 1), K=tuple(np.ones(2)))
    assert got == xloss.ms_ssim_l1_loss(x, y, (0.5, 1.0), K=(1.0, 1.0))
