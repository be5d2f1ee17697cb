"""Segmentation losses on lazy Dask, array-api-strict, and NumPy of any layout."""

import tracemalloc

import array_api_strict as strict
import dask
import dask.array as da
import numpy as np
import pytest

import xloss

from .segmentation_problems import (
    PROBLEMS,
    every_reduction,
    every_segmentation_loss,
)


def refuse(*args, **kwargs):
    raise AssertionError("computed before it was asked")


LAZY = [p for p in PROBLEMS if "lovasz" not in p.name]
every_lazy_loss = pytest.mark.parametrize("loss", LAZY, ids=lambda p: p.name)


@every_lazy_loss
@pytest.mark.parametrize(
    ("reduction", "chunks"), [("none", 2), ("mean", 2), ("sum", -1)]
)
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


def test_dask_takes_masks_and_weights():
    rng = np.random.default_rng(0)
    pred, labels = rng.standard_normal((2, 3, 6)), rng.integers(0, 3, (2, 6))
    pred[0, :, 0] = np.nan
    where, weight = np.arange(6) > 0, np.asarray([[1.0], [2.0]])
    with dask.config.set(scheduler=refuse):
        lazy = [da.from_array(x, chunks=2) for x in (pred, labels, where, weight)]
        out = xloss.cross_entropy_loss(*lazy[:2], where=lazy[2], sample_weight=lazy[3])
    want = xloss.cross_entropy_loss(pred, labels, where=where, sample_weight=weight)
    np.testing.assert_allclose(out.compute(), want, rtol=1e-12)


@pytest.mark.parametrize("name", ["lovasz_hinge_loss", "lovasz_softmax_loss"])
def test_dask_cannot_sort_by_another_array(name):
    pred, labels = da.zeros((1, 1 + ("soft" in name), 4)), da.zeros((1, 4), dtype=int)
    with pytest.raises(NotImplementedError, match=f"{name}: Dask"):
        getattr(xloss, name)(pred, labels)


def test_dask_makes_one_hot_lazily():
    labels = np.asarray([[0, 2, 1], [1, 1, 0]])
    with dask.config.set(scheduler=refuse):
        out = xloss.one_hot(da.from_array(labels, chunks=1), 3)
    np.testing.assert_array_equal(out.compute(), np.moveaxis(np.eye(3)[labels], -1, 1))


@pytest.fixture
def floor():
    with strict.ArrayAPIStrictFlags(
        api_version="2024.12",
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    ):
        yield


@every_segmentation_loss
@every_reduction
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1", "no_float64"])
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
    tolerance = 2e-5 if dtype == strict.float32 else 1e-12
    np.testing.assert_allclose(got, want, rtol=tolerance)


@pytest.mark.usefixtures("floor")
def test_strict_makes_one_hot_on_its_device():
    device = strict.Device("no_float64")
    labels = strict.asarray([[0, 2], [1, 1]], dtype=strict.uint8, device=device)
    out = xloss.one_hot(labels, 3)
    assert (out.device, out.dtype) == (device, strict.float32)
    moved = xloss.one_hot(labels, 3, device=strict.Device("device1"))
    assert moved.device == strict.Device("device1")


def layouts(x):
    flipped = (slice(None),) * min(x.ndim, 2) + (slice(None, None, -1),) * (x.ndim - 2)
    return {
        "read_only": x,
        "fortran": np.asfortranarray(x),
        "reversed": np.ascontiguousarray(x[flipped])[flipped],
        "strided": np.repeat(x, 2, axis=-1)[..., ::2],
        "swapped": x.astype(x.dtype.newbyteorder(">")),
    }


@every_segmentation_loss
@pytest.mark.parametrize("layout", layouts(np.zeros((1, 1, 1))))
def test_numpy_layouts(loss, layout):
    arrays = [layouts(x)[layout] for x in loss.arrays()]
    before = [x.copy() for x in arrays]
    for x in arrays:
        x.flags.writeable = False
    got = loss(*arrays, reduction="none")
    assert got.dtype == np.float64
    assert got.dtype.isnative
    want = loss.expected(*loss.arrays(), reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-12)
    for x, y in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("shape", [(3, 4, 70, 300), (2, 4, 90_001), (70_000, 4)])
@pytest.mark.parametrize("name", ["focal", "cross_entropy_soft", "dice_macro"])
def test_every_strip_of_a_large_image_is_right(shape, name):
    """Above some thousand pixels NumPy works strip by strip."""
    (loss,) = (p._replace(shape=shape) for p in PROBLEMS if p.name == name)
    if len(shape) == 2 and name == "dice_macro":
        return  # whose formula goes sample by sample
    arrays = loss.arrays()
    for reduction in ("none", "mean"):
        got, want = (f(*arrays, reduction=reduction) for f in (loss, loss.expected))
        np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.parametrize(
    "loss",
    [
        xloss.FocalLoss(0.25, reduction="mean"),
        xloss.CrossEntropyLoss(),
        xloss.CrossEntropyLoss(label_smoothing=0.1),
        xloss.DiceLoss(),
        xloss.TverskyLoss(0.3, 0.7),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_memory_of_a_large_image_is_a_few_strips(loss):
    """Logits of 84 MiB; their exponentials alone would take as much again."""
    rng = np.random.default_rng(0)
    pred = rng.standard_normal((4, 21, 512, 512), np.float32)
    labels = rng.integers(0, 21, (4, 512, 512))
    loss(pred[:, :, :4], labels[:, :4])  # whatever is imported or cached once
    tracemalloc.start()
    loss(pred, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pred.nbytes / 4
