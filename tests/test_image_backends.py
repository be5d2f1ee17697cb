"""Image losses on lazy Dask, array-api-strict, and NumPy of any layout and size."""

import tracemalloc

import array_api_strict as strict
import dask
import dask.array as da
import numpy as np
import pytest

import xloss

from .image_problems import SETTINGS, every_image_loss, every_setting


def refuse(*args, **kwargs):
    raise AssertionError("computed before it was asked")


def compute_lazily(loss, arrays, chunks):
    with dask.config.set(scheduler=refuse):
        out = loss(*(da.from_array(x, chunks=chunks) for x in arrays))
    assert isinstance(out, da.Array)
    return out.compute(scheduler="synchronous")


@pytest.mark.parametrize(
    "loss", [p for p in SETTINGS if "none" in p.name], ids=lambda p: p.name
)
def test_dask_is_lazy(loss):
    arrays = loss.arrays()
    got = compute_lazily(loss, arrays, chunks=-1)
    np.testing.assert_allclose(got, loss.expected(*arrays), rtol=1e-10)


@every_image_loss
def test_dask_takes_any_chunks(loss):
    """Windows reach into the next chunk, which may be shorter than they are."""
    arrays = loss.arrays()
    got = compute_lazily(loss, arrays, chunks=4)
    np.testing.assert_allclose(got, loss.expected(*arrays), rtol=1e-10)


def test_dask_takes_masks_and_weights():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 2, 2, 6, 7))
    where, weight = rng.random((6, 7)) > 0.5, np.arange(1.0, 3.0).reshape(2, 1, 1, 1)
    x[0, 0, 0, 0] = np.nan
    with dask.config.set(scheduler=refuse):
        lazy = [da.from_array(z, chunks=4) for z in (x, y, where, weight)]
        out = xloss.ssim_loss(
            *lazy[:2], 3, reduction="none", where=lazy[2], sample_weight=lazy[3]
        )
    want = xloss.ssim_loss(x, y, 3, reduction="none", where=where, sample_weight=weight)
    np.testing.assert_allclose(out.compute(), want, rtol=1e-10)


@pytest.fixture
def floor():
    with strict.ArrayAPIStrictFlags(
        api_version="2024.12",
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    ):
        yield


@every_setting
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1", "no_float64"])
@pytest.mark.usefixtures("floor")
def test_strict(loss, device):
    where_is = strict.Device(device)
    dtype = strict.float32 if device == "no_float64" else strict.float64
    arrays = loss.arrays()
    out = loss(*(strict.asarray(x, dtype=dtype, device=where_is) for x in arrays))
    assert (out.device, out.dtype) == (where_is, dtype)
    got = np.asarray(out.to_device(strict.Device("CPU_DEVICE")))
    tolerance = 2e-5 if dtype == strict.float32 else 1e-10
    np.testing.assert_allclose(got, loss.expected(*arrays), rtol=tolerance)


@pytest.mark.usefixtures("floor")
def test_strict_takes_masks_weights_and_integers():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 2, 1, 6, 7), np.uint8)
    where, weight = rng.random((6, 7)) > 0.5, np.arange(1.0, 3.0).reshape(2, 1, 1)
    device = strict.Device("no_float64")
    img1, img2, mask = (strict.asarray(z, device=device) for z in (x, y, where))
    weights = strict.asarray(weight, dtype=strict.float32, device=device)
    options = {"data_range": 255.0, "sigmas": (0.5, 1.0)}
    out = xloss.ms_ssim_l1_loss(
        img1, img2, where=mask, sample_weight=weights, **options
    )
    assert (out.device, out.dtype) == (device, strict.float32)
    want = xloss.ms_ssim_l1_loss(x, y, where=where, sample_weight=weight, **options)
    np.testing.assert_allclose(float(out), want, rtol=2e-5)


def layouts(x):
    return {
        "read_only": x,
        "fortran": np.asfortranarray(x),
        "reversed": np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
        "channels_last": np.ascontiguousarray(np.moveaxis(x, 1, -1)),
        "strided": np.repeat(x, 2, axis=-1)[..., ::2],
        "swapped": x.astype(">f8"),
    }


@every_image_loss
@pytest.mark.parametrize("layout", layouts(np.zeros((1, 1, 1))))
def test_numpy_layouts(loss, layout):
    arrays = [layouts(x)[layout] for x in loss.arrays()]
    if layout == "channels_last":
        arrays = [np.moveaxis(x, -1, 1) for x in arrays]
    before = [x.copy() for x in arrays]
    for x in arrays:
        x.flags.writeable = False
    got = loss(*arrays)
    assert got.dtype == np.float64
    assert got.dtype.isnative
    np.testing.assert_allclose(got, loss.expected(*loss.arrays()), rtol=1e-10)
    for x, y in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)


@every_setting
def test_numpy_scalars(loss):
    """A result without axes is a scalar, as that of np.mean is."""
    got = loss(*loss.arrays())
    assert isinstance(got, np.ndarray if got.ndim else np.float64)


def test_every_strip_of_a_large_image_is_right():
    """Above some thousand pixels NumPy works strip by strip."""
    rng = np.random.default_rng(0)
    for shape in ((1, 2, 300, 301), (2, 1, 70, 30, 40), (1, 1, 200_001)):
        x, y = rng.random((2, *shape))
        for padding in ("same", "valid"):
            options = {"window_size": 7, "reduction": "none", "padding": padding}
            whole = xloss.ssim_loss(x, y, **options)
            # a piece cut out with the rows that its windows reach
            cut = (slice(None), slice(None), slice(33, 60))
            piece = xloss.ssim_loss(x[cut], y[cut], **{**options, "padding": "same"})
            first = 33 if padding == "same" else 30
            inside = whole[:, :, first + 3 : first + 24]
            piece = piece[:, :, 3:-3]
            if padding == "valid":
                piece = piece[(..., *[slice(3, -3)] * (len(shape) - 3))]
            np.testing.assert_allclose(inside, piece, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "side"),
    [
        (lambda x, y: xloss.ssim_loss(x, y, 11), 1000),
        (lambda x, y: xloss.psnr(x, y, 1.0), 3000),
        (lambda x, y: xloss.total_variation(x), 3000),
    ],
    ids=["ssim", "psnr", "total_variation"],
)
def test_memory_of_a_large_image_is_a_few_strips(call, side):
    """Whole maps of SSIM would take 4 MiB each, differences 34 MiB."""
    x, y = np.random.default_rng(0).random((2, 1, 1, side, side), np.float32)
    call(x[..., :60, :60], y[..., :60, :60])  # whatever is imported or cached once
    tracemalloc.start()
    call(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Some ten arrays of a strip, which has 64 Ki pixels or, if more, 32 rows; 8 MiB are
    # asked for once and never touched.
    assert peak < 9 * 2**20
