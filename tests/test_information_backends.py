"""Losses of information on lazy Dask, array-api-strict, and NumPy of any layout."""

import tracemalloc

import array_api_strict as strict
import dask
import dask.array as da
import numpy as np
import pytest

import xloss

from .information_problems import (
    every_problem,
    every_reduction,
    mostly_wrong,
    signals,
)


def refuse(*args, **kwargs):
    raise AssertionError("computed before it was asked")


@every_problem
@pytest.mark.parametrize(("reduction", "chunks"), [("none", 3), ("mean", -1)])
def test_dask_is_lazy(loss, reduction, chunks):
    arrays = loss.arrays()
    with dask.config.set(scheduler=refuse):
        on_dask = loss.on(lambda x: da.from_array(x, chunks=chunks))
        lazy = [da.from_array(x, chunks=chunks) for x in arrays]
        out = on_dask(*lazy, reduction=reduction)
    assert isinstance(out, da.Array)
    want = loss.expected(*arrays, reduction=reduction)
    got = out.compute(scheduler="synchronous")
    assert np.shape(got) == out.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.fixture
def floor():
    with strict.ArrayAPIStrictFlags(
        api_version="2024.12",
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    ):
        yield


@every_problem
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1", "no_float64"])
@every_reduction
@pytest.mark.usefixtures("floor")
def test_strict(loss, reduction, device):
    where_is = strict.Device(device)
    dtype = strict.float32 if device == "no_float64" else strict.float64

    def convert(x):
        kind = dtype if x.dtype == np.float64 else None
        return strict.asarray(x, dtype=kind, device=where_is)

    out = loss.on(convert)(*map(convert, loss.arrays()), reduction=reduction)
    assert (out.device, out.dtype) == (where_is, dtype)
    got = np.asarray(out.to_device(strict.Device("CPU_DEVICE")))
    want = loss.expected(*loss.arrays(), reduction=reduction)
    if dtype == strict.float32:
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-5)
    else:
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def layouts(x):
    flipped = (slice(None),) * min(x.ndim, 1) + (slice(None, None, -1),) * (x.ndim - 1)
    return {
        "read_only": x,
        "fortran": np.asfortranarray(x),
        "reversed": np.ascontiguousarray(x[flipped])[flipped],
        "strided": np.repeat(x, 2, axis=-1)[..., ::2],
        "swapped": x.astype(x.dtype.newbyteorder(">")),
    }


@every_problem
@pytest.mark.parametrize("layout", layouts(np.zeros((1, 1))))
def test_numpy_layouts(loss, layout):
    arrays = [layouts(x)[layout] for x in loss.arrays()]
    before = [x.copy() for x in arrays]
    for x in arrays:
        x.flags.writeable = False
    got = loss(*arrays, reduction="none")
    assert got.dtype == np.float64
    assert got.dtype.isnative
    want = loss.expected(*loss.arrays(), reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    for x, y in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)


@every_problem
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_numpy_dtypes(loss, dtype):
    arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in loss.arrays()]
    got = loss(*arrays, reduction="none")
    assert got.dtype == dtype
    want = loss.expected(
        *(x.astype(np.float64) if x.dtype == dtype else x for x in arrays),
        reduction="none",
    )
    eps = np.finfo(dtype).eps
    # what lies on a bin of float32, and what passes 1/2, by its last digit
    np.testing.assert_allclose(got, want, rtol=max(eps, 2e-5), atol=2e-5)


def test_every_block_of_large_arrays_is_right():
    """Above some ten thousand cells NumPy works block by block."""
    rng = np.random.default_rng(0)
    p, t = rng.random((2, 3, 100_001)) + 0.01
    p, t = (x / x.sum(-1, keepdims=True) for x in (p, t))
    got = xloss.kl_div_loss(p, t, reduction="none")
    np.testing.assert_allclose(got, (t * np.log(t / p)).sum(-1), rtol=1e-12)
    whole = xloss.js_div_loss(p.T, t.T, 0, "none")
    m = (p + t) / 2
    want = (t * np.log(t / m) + p * np.log(p / m)).sum(-1) / 2
    np.testing.assert_allclose(whole, want, rtol=1e-12)
    # of whole numbers, whose table is counted at once
    i = rng.integers(0, 8, (3, 200_000))
    j = np.where(rng.random(i.shape) < 0.5, i, 7 - i[:, ::-1])
    got = xloss.mutual_information_loss(i, j, num_bins=8)
    for row in range(3):
        table = np.zeros((8, 8))
        np.add.at(table, (i[row], j[row]), 1 / i.shape[1])
        apart = table.sum(0) * table.sum(1)[:, None]
        want = -(table * np.log(table / apart)).sum()
        np.testing.assert_allclose(got[row], want, rtol=1e-10)


def test_planes_of_a_large_image_are_each_its_own():
    pred, labels = mostly_wrong(np.random.default_rng(0), (2, 5, 90, 200))
    got = xloss.hausdorff_er_loss(pred, labels, k=3, reduction="none")
    for b, c in np.ndindex(2, 5):
        error = (pred[b, c] - (labels[b, 0] == c)) ** 2
        total = 0
        for i in range(3):
            wide = np.pad(error, 1)
            around = wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2]
            error = np.maximum((error + around) / 5 - 0.5, 0)
            error = (error - error.min()) / (error.max() - error.min())
            total = total + (i + 1) ** 2 * error
        np.testing.assert_allclose(got[c, b, 0], total, rtol=1e-9, atol=1e-12)


def peak_of(call):
    call()  # whatever is imported or cached once
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_of_many_samples_is_a_few_blocks():
    """Of 4 million; their bins would take 2 GiB."""
    x, y = (z.astype(np.float32) for z in signals(np.random.default_rng(0), (2**22,)))
    assert peak_of(lambda: xloss.mutual_information_loss(x, y)) < 16 * 2**20
    mask = np.ones(2**22, bool)
    assert peak_of(lambda: xloss.mutual_information_loss(x, y, mask)) < 16 * 2**20


@pytest.mark.parametrize("loss", [xloss.kl_div_loss, xloss.js_div_loss])
@pytest.mark.parametrize("axis", [0, -1, None])
def test_memory_of_large_distributions_is_a_few_blocks(loss, axis):
    """Arrays of 16 MiB each."""
    p, t = np.random.default_rng(0).random((2, 2048, 2048), np.float32)
    assert peak_of(lambda: loss(p, t, axis)) < 8 * 2**20
