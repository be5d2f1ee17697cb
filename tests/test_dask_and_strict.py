"""Dask stays lazy; array-api-strict at the floor of the standard accepts every loss."""

import array_api_strict as strict
import dask
import dask.array as da
import numpy as np
import pytest

from .problems import every_loss, images


def refuse(*args, **kwargs):
    raise AssertionError("computed before it was asked")


@every_loss
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_dask_is_lazy(loss, reduction):
    pred, target = images()
    where, weight = np.arange(4) > 1, np.arange(1.0, 3.0).reshape(2, 1, 1)
    with dask.config.set(scheduler=refuse):
        out = loss(
            da.from_array(pred, chunks=2),
            da.from_array(target, chunks=2),
            reduction=reduction,
            where=da.from_array(where),
            sample_weight=da.from_array(weight),
        )
    assert isinstance(out, da.Array)
    want = loss(pred, target, reduction=reduction, where=where, sample_weight=weight)
    np.testing.assert_allclose(out.compute(), want, rtol=1e-13)


@pytest.fixture
def floor():
    with strict.ArrayAPIStrictFlags(
        api_version="2024.12",
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    ):
        yield


@every_loss
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1", "no_float64"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.usefixtures("floor")
def test_strict(loss, device, reduction):
    where_is = strict.Device(device)
    dtype = strict.float32 if device == "no_float64" else strict.float64
    pred, target = images()
    where, weight = np.arange(4) > 1, np.arange(1.0, 3.0).reshape(2, 1, 1)
    out = loss(
        strict.asarray(pred, dtype=dtype, device=where_is),
        strict.asarray(target, dtype=dtype, device=where_is),
        reduction=reduction,
        where=strict.asarray(where, device=where_is),
        sample_weight=strict.asarray(weight, dtype=dtype, device=where_is),
    )
    assert (out.device, out.dtype) == (where_is, dtype)
    want = loss(pred, target, reduction=reduction, where=where, sample_weight=weight)
    out = np.asarray(out.to_device(strict.Device("CPU_DEVICE")))
    np.testing.assert_allclose(
        out, want, rtol=1e-6 if dtype == strict.float32 else 1e-13
    )


@every_loss
@pytest.mark.usefixtures("floor")
def test_strict_integers_take_the_default_of_their_device(loss):
    where_is = strict.Device("no_float64")
    pred = strict.asarray([0, 3, 200], dtype=strict.uint8, device=where_is)
    out = loss(pred, pred, reduction="none")
    assert out.dtype == strict.float32
