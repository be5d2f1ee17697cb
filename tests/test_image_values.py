"""Values of the image losses: their formulas, peers, and numbers known from outside."""

import dm_pix
import jax
import jax.numpy as jnp
import kornia
import numpy as np
import pytest
import pytorch_msssim
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import xloss

from .image_problems import every_setting

# Forms that agree in exact arithmetic, on images in [0, 1] in float64.
SAME_FORMULA = {"rtol": 1e-9, "atol": 1e-12}


def scenes(shape, seed=0):
    """Return an image in [0, 1] with structure, and one that resembles it."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 5, n) for n in shape[2:]), indexing="ij")
    image = 0.5 + 0.4 * np.sin(sum(axes) + rng.random((*shape[:2], *[1] * len(axes))))
    return image, np.clip(image + 0.1 * rng.standard_normal(shape), 0, 1)


def tensors(*shape):
    return tuple(torch.tensor(x) for x in scenes(shape))


@every_setting
def test_formula(loss):
    arrays = loss.arrays()
    np.testing.assert_allclose(loss(*arrays), loss.expected(*arrays), rtol=1e-11)


def gradients(function, arrays, upstream=None):
    leaves = [x.clone().requires_grad_() for x in arrays]
    out = function(*leaves)
    return torch.autograd.grad(out, leaves, upstream)


def assert_like_kornia(ours, theirs, arrays, rtol=1e-9, atol=1e-12):
    """The same values, and the same gradients of a mean."""
    got, want = ours(*arrays), theirs(*arrays)
    torch.testing.assert_close(got, want, rtol=rtol, atol=atol)
    weights = torch.rand(want.shape, dtype=torch.float64)
    got, want = (gradients(f, arrays, weights) for f in (ours, theirs))
    torch.testing.assert_close(got, want, rtol=rtol, atol=max(atol, rtol))


every_reduction = pytest.mark.parametrize("reduction", ["none", "mean", "sum"])


@every_reduction
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("eps", "tolerance"),
    # kornia adds eps to the denominators themselves: at 1e-12 one of 8e-8 at least
    [(0.0, 1e-9), (1e-12, 2e-5)],
)
def test_ssim_like_kornia(reduction, padding, eps, tolerance):
    arrays = tensors(2, 3, 14, 17)
    arguments = 7, 1.0, eps, reduction, padding
    assert_like_kornia(
        lambda x, y: xloss.ssim_loss(x, y, *arguments),
        lambda x, y: kornia.losses.ssim_loss(x, y, *arguments),
        arrays,
        tolerance,
    )
    assert_like_kornia(
        xloss.SSIMLoss(*arguments),
        kornia.losses.SSIMLoss(*arguments),
        arrays,
        tolerance,
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_ssim_map_like_kornia(padding):
    arrays = tensors(2, 3, 14, 17)
    ours = xloss.ssim(*arrays, 11, 2.0, 0.0, padding)
    theirs = kornia.metrics.ssim(*arrays, 11, 2.0, 0.0, padding)
    torch.testing.assert_close(ours, theirs, **SAME_FORMULA)


@every_reduction
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_ssim3d_like_kornia(reduction, padding):
    arguments = 5, 1.0, 0.0, reduction, padding
    assert_like_kornia(
        xloss.SSIM3DLoss(*arguments),
        kornia.losses.SSIM3DLoss(*arguments),
        tensors(2, 1, 6, 7, 8),
    )


@every_reduction
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sigmas": (0.5, 1.0, 3.0), "alpha": 0.5, "compensation": 1.0},
        {"data_range": 2.0, "K": (0.02, 0.05)},
    ],
)
def test_ms_ssim_l1_like_kornia(reduction, options):
    torch.set_default_dtype(torch.float64)  # of its windows
    try:
        theirs = kornia.losses.MS_SSIMLoss(reduction=reduction, **options)
    finally:
        torch.set_default_dtype(torch.float32)
    ours = xloss.MS_SSIMLoss(reduction=reduction, **options)
    assert_like_kornia(ours, theirs, tensors(2, 3, 12, 15))


def test_psnr_like_kornia():
    for max_val in (1.0, 2.0, 255.0):
        arrays = tensors(2, 3, 5, 4)
        assert_like_kornia(
            xloss.PSNRLoss(max_val), kornia.losses.PSNRLoss(max_val), arrays
        )
        ours = xloss.psnr(*arrays, max_val)
        torch.testing.assert_close(ours, kornia.metrics.psnr(*arrays, max_val))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (2, 3, 4, 5)])
def test_total_variation_like_kornia(reduction, shape):
    assert_like_kornia(
        xloss.TotalVariation(reduction),
        lambda x: kornia.losses.total_variation(x, reduction),
        (torch.rand(shape, dtype=torch.float64),),
    )


def test_depth_smoothness_like_kornia():
    arrays = torch.rand(2, 1, 6, 7).double(), torch.rand(2, 3, 6, 7).double()
    assert_like_kornia(
        xloss.InverseDepthSmoothnessLoss(),
        kornia.losses.InverseDepthSmoothnessLoss(),
        arrays,
    )


def test_ssim_against_a_number_of_scikit_image():
    x = (np.arange(442).reshape(1, 2, 13, 17) * 7 % 11) / 16
    index = xloss.ssim(x, x**2, 11, eps=0.0, padding="valid")
    np.testing.assert_allclose(index.mean(), 0.649510247445418, rtol=0, atol=1e-12)
    loss = xloss.ssim_loss(x, x**2, 11, eps=0.0, padding="valid")
    np.testing.assert_allclose(1 - 2 * loss, 0.649510247445418, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(30,), (13, 17), (24, 40), (11, 12, 13)])
@pytest.mark.parametrize("max_val", [1.0, 255.0])
def test_ssim_like_scikit_image(shape, max_val):
    x, y = (max_val * image for image in scenes((1, 1, *shape)))
    mean, index = structural_similarity(
        x[0, 0],
        y[0, 0],
        data_range=max_val,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    inside = index[(slice(5, -5),) * len(shape)]  # beyond, it repeats the edges
    got = xloss.ssim(x, y, 11, max_val, 0.0, "valid")[0, 0]
    np.testing.assert_allclose(got, inside, rtol=0, atol=1e-12)
    np.testing.assert_allclose(got.mean(), mean, rtol=0, atol=1e-12)


def test_ssim_like_dm_pix():
    x, y = scenes((2, 3, 16, 20))
    with jax.enable_x64(True):
        want = dm_pix.ssim(*(jnp.asarray(np.moveaxis(z, 1, -1)) for z in (x, y)))
        got = np.asarray(
            xloss.ssim(jnp.asarray(x), jnp.asarray(y), 11, 1.0, 0.0, "valid")
        )
    np.testing.assert_allclose(got.mean((1, 2, 3)), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 3, 176, 192), {}),
        ((1, 1, 48, 64), {"window_size": 3}),
        ((1, 1, 96, 80), {"window_size": 5, "power_factors": (0.2, 0.5, 0.3)}),
        ((1, 1, 48, 48, 48), {"window_size": 3}),
    ],
)
def test_ms_ssim_like_pytorch_msssim(shape, options):
    x, y = tensors(*shape)
    theirs = pytorch_msssim.ms_ssim(
        x,
        y,
        data_range=1.0,
        size_average=False,
        win_size=options.get("window_size", 11),
        weights=options.get("power_factors"),
    )
    ours = 1 - 2 * xloss.ms_ssim_loss(x, y, reduction="none", **options)
    # its window is rounded to float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_ms_ssim_drops_the_last_line_of_an_odd_axis():
    """Pixels that no window of a coarse level sees count in the fine ones alone."""
    x, y = tensors(1, 1, 7, 6)
    coarse = {"window_size": 3, "power_factors": (0.0, 1.0)}
    want = xloss.ms_ssim_loss(x[:, :, :6], y[:, :, :6], **coarse)
    y[:, :, 6] = 0.0
    torch.testing.assert_close(xloss.ms_ssim_loss(x, y, **coarse), want)


def test_ms_ssim_l1_of_two_greys():
    x, y = np.full((1, 3, 41, 41), 0.8), np.full((1, 3, 41, 41), 0.6)
    loss = xloss.ms_ssim_l1_loss(x, y, reduction="none")
    assert loss.shape == (1, 41, 41)
    np.testing.assert_allclose(loss[0, 20, 20], 39.19998, atol=5e-6)
    for row in (0, -1):
        for column in (0, -1):
            np.testing.assert_allclose(loss[0, row, column], 11.870624, atol=5e-7)


def test_psnr_of_known_decibels():
    ones = np.ones((2, 3, 4))
    np.testing.assert_allclose(xloss.psnr_loss(ones, 1.2 * ones, 2.0), -20, rtol=1e-14)
    np.testing.assert_allclose(xloss.psnr(ones, 1.2 * ones, 2.0), 20, rtol=1e-14)


def test_psnr_like_peers():
    x, y = scenes((3, 2, 8, 9))
    with jax.enable_x64(True):
        channels_last = (jnp.asarray(np.moveaxis(z, 1, -1)) for z in (x, y))
        want = dm_pix.psnr(*channels_last)
    np.testing.assert_allclose(xloss.psnr(x, y, 1.0, reduction="none"), want)
    want = peak_signal_noise_ratio(x, y, data_range=1.0)
    np.testing.assert_allclose(xloss.psnr(x, y, 1.0), want, rtol=1e-13)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray, jnp.asarray])
def test_psnr_of_identical_images_is_infinite(asarray, reduction):
    x = asarray(np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4))
    assert (
        np.asarray(xloss.psnr_loss(x, x, 1.0, reduction=reduction)) == -np.inf
    ).all()
    assert (np.asarray(xloss.psnr(x, x, 1.0, reduction=reduction)) == np.inf).all()


def test_psnr_of_identical_images_has_gradient_zero():
    x = torch.linspace(0, 1, 24).reshape(2, 3, 4)
    assert (gradients(lambda z: xloss.psnr_loss(z, x, 1.0), [x])[0] == 0).all()
    noisy = torch.cat([x[:1], x[1:] + 0.1])  # one sample of two
    (slope,) = gradients(
        lambda z: xloss.psnr_loss(z, noisy, 1.0, reduction="none")[1], [x]
    )
    assert (slope[0] == 0).all()
    # d/dx of 10 log10(mean r²) at r = -0.1 throughout
    want = torch.full((3, 4), 20 / np.log(10) / (12 * -0.1))
    torch.testing.assert_close(slope[1], want, rtol=1e-4, atol=0)
    slope = jax.grad(lambda z: xloss.psnr_loss(z, jnp.asarray(x), 1.0))(jnp.asarray(x))
    np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_total_variation_by_hand(reduction):
    image = np.asarray([[0.0, 1.0, 3.0], [4.0, 4.0, 5.0]])
    rows, columns = 4 + 3 + 2, 1 + 2 + 0 + 1
    want = rows + columns if reduction == "sum" else rows / 3 + columns / 4
    assert xloss.total_variation(image, reduction) == want
    batch = np.stack([image, 2 * image])
    np.testing.assert_array_equal(
        xloss.total_variation(batch, reduction), [want, 2 * want]
    )


def test_axes_of_length_one_have_no_differences():
    row = np.asarray([[0.0, 1.0, 3.0]])
    for image in (row, row.T):
        assert xloss.total_variation(image) == 3.0
        assert xloss.total_variation(image, "mean") == 1.5
        depth = image.reshape(1, 1, *image.shape)
        flat = np.ones((1, 3, *image.shape))
        assert xloss.inverse_depth_smoothness_loss(depth, flat) == 1.5
    assert xloss.total_variation(np.ones((2, 1, 1))).tolist() == [0.0, 0.0]


def test_depth_smoothness_forgives_jumps_at_edges_of_the_image():
    depth = np.asarray([0.0, 2.0]).reshape(1, 1, 1, 2)
    image = np.zeros((1, 3, 1, 2))
    image[0, :, 0, 1] = [0.0, 1.0, 2.0]  # a mean edge of 1
    loss = xloss.inverse_depth_smoothness_loss(depth, image)
    np.testing.assert_allclose(loss, 2 * np.exp(-1), rtol=1e-15)


def test_gradients_at_kinks_are_zero():
    flat = np.ones((1, 1, 3, 3), np.float32)
    scene = np.ones((1, 3, 3, 3), np.float32)
    for leaf in (torch.tensor(flat), torch.tensor(scene)):
        assert (
            gradients(lambda x: xloss.total_variation(x).sum(), [leaf])[0] == 0
        ).all()
    slopes = gradients(
        xloss.inverse_depth_smoothness_loss, [torch.tensor(flat), torch.tensor(scene)]
    )
    assert all((slope == 0).all() for slope in slopes)
    slope = jax.grad(lambda x: xloss.total_variation(x).sum())(jnp.asarray(flat))
    np.testing.assert_array_equal(slope, 0.0)
    slope = jax.grad(xloss.inverse_depth_smoothness_loss)(
        jnp.asarray(flat), jnp.asarray(scene)
    )
    np.testing.assert_array_equal(slope, 0.0)
