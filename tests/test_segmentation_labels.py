"""Labels: every integer dtype, the ignored one, and those that are out of range."""

import os
import subprocess
import sys

import array_api_strict as strict
import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .segmentation_problems import LABELLED, PROBLEMS, every_labelled_loss

LIBRARIES = {
    "numpy": np.asarray,
    "torch": torch.asarray,
    "jax": jnp.asarray,
    "strict": strict.asarray,
    "dask": da.from_array,
}
every_library = pytest.mark.parametrize("library", LIBRARIES)
eager = pytest.mark.parametrize("library", ["torch", "jax", "strict"])

# One of each way in which labels are read.
READERS = [p for p in PROBLEMS if p.name in ("binary_focal", "tversky")]
every_reader = pytest.mark.parametrize("loss", READERS, ids=lambda p: p.name)
TOLERANCE = {"rtol": 2e-5, "atol": 1e-7}
"""of float32, which JAX computes in"""


def call(loss, library, pred, target, **options):
    asarray = LIBRARIES[library]
    arrays = asarray(pred), asarray(target)
    return np.asarray(loss.on(asarray)(*arrays, reduction="none", **options))


INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
INTEGERS += ["bool"]


@every_reader
@every_library
@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_any_integer_dtype(loss, library, dtype):
    pred, target = loss.arrays()
    labels = np.where(target < 0, 0, target) % (2 if dtype == "bool" else 4)
    want = loss.expected(pred, labels, reduction="none")
    got = call(loss, library, pred, labels.astype(dtype))
    np.testing.assert_allclose(got, want, **TOLERANCE)


IGNORED = [
    ("int64", -100, -100),
    ("int8", -100, -100),
    ("int8", -1, -1),
    ("uint8", 255, 255),
    ("uint16", 65535, 65535),
    ("int32", 2**31 - 1, 2**31 - 1),
    ("bool", 1, 1),
]


@every_reader
@every_library
@pytest.mark.parametrize(("dtype", "label", "ignore_index"), IGNORED)
def test_ignored_labels(loss, library, dtype, label, ignore_index):
    pred, target = loss.arrays()
    labels = np.where(target == -100, label, target % 2 if label != 1 else 0)
    assert (labels == label).any()
    options = {"ignore_index": ignore_index}
    want = loss.expected(pred, labels, reduction="none", **options)
    got = call(loss, library, pred, labels.astype(dtype), **options)
    np.testing.assert_allclose(got, want, **TOLERANCE)


ALIKE = [
    # what -100, 255 and -1 would be in the dtype of the labels, or in one beside it
    ("uint8", 156, -100),
    ("int8", -1, 255),
    ("uint8", 255, -1),
    ("uint16", 65535, -1),
    ("uint32", 2**32 - 1, -1),
    ("uint64", 2**64 - 1, -1),
    ("int64", -1, 2**64 - 1),
    ("int32", -1, 2**32 - 1),
    ("int32", 9, 2**40),
    ("int64", 9, -(2**100)),
    ("int64", -100, None),
]


@every_reader
@every_library
@pytest.mark.parametrize(("dtype", "label", "ignore_index"), ALIKE)
def test_labels_that_look_like_the_ignored_one(
    loss, library, dtype, label, ignore_index
):
    pred, target = loss.arrays()
    labels = np.where(target == -100, 0, target % 2).astype(dtype)
    place = wrong_place(loss)
    labels[place] = label
    if library == "jax" and label > 2**32:
        return  # it has no integers of 64 bits unless told so
    options = {"ignore_index": ignore_index}
    if library == "numpy":
        with pytest.raises(ValueError, match=f"{loss.function.__name__}: target"):
            call(loss, library, pred, labels, **options)
        return
    labels_without = np.where(labels == label, 0, labels).astype(np.int64)
    want = loss.expected(pred, labels_without, reduction="none")
    got = call(loss, library, pred, labels, **options)
    assert_wrong_there_alone(loss, got, want)


def wrong_place(loss):
    """A pixel of the second sample."""
    return (1, *(-1 for _ in loss.arrays()[1].shape[1:]))


def assert_wrong_there_alone(loss, got, want):
    """NaN at the pixel, or of the sample, and what the formula says elsewhere."""
    place = wrong_place(loss)
    if want.ndim == 1:
        place = place[:1]
    elif loss.target == "labels" and want.shape == loss.shape:  # all its classes
        place = (place[0], slice(None), *place[1:])
    assert np.isnan(got[place]).all()
    got, want = got.copy(), want.copy()
    got[place] = want[place] = 0
    np.testing.assert_allclose(got, want, **TOLERANCE)


def with_wrong_label(loss, label):
    """Logits and labels one of which is wrong, and the formula with it ignored."""
    pred, target = loss.arrays()
    ignored = target.copy()
    target[wrong_place(loss)] = label
    ignored[wrong_place(loss)] = loss.options.get("ignore_index", -100)
    return pred, target, loss.expected(pred, ignored, reduction="none")


@every_labelled_loss
@pytest.mark.parametrize("label", [-7, 4, 10**9])
def test_labels_out_of_range_on_numpy(loss, label):
    pred, target, _ = with_wrong_label(loss, label)
    last = 1 if loss.target in ("bits", "mask") else 3
    expected = r"in \[0, 1\]" if loss.target == "bits" else f"from 0 to {last}"
    ignored = loss.options.get("ignore_index", -100)
    message = (
        rf"{loss.function.__name__}: target must hold .*{expected}, "
        rf"or ignore_index = {ignored}; got {label:g}".replace("+", r"\+")
    )
    for reduction in ("none", "mean", "sum"):
        with pytest.raises(ValueError, match=message):
            loss(pred, target, reduction=reduction)


def name_of(value):
    return getattr(value, "name", value)


ELSEWHERE = [
    (loss, library)
    for loss in LABELLED
    for library in list(LIBRARIES)[1:]
    # Dask cannot sort by another array, and JAX compiles every operation anew
    if (library != "dask" or "lovasz" not in loss.name)
    and (library != "jax" or loss.name in ("focal", "binary_focal", "dice"))
]


@pytest.mark.parametrize(("loss", "library"), ELSEWHERE, ids=name_of)
def test_labels_out_of_range_elsewhere(loss, library):
    pred, target, want = with_wrong_label(loss, 4)
    assert_wrong_there_alone(loss, call(loss, library, pred, target), want)
    asarray = LIBRARIES[library]
    mean = loss.on(asarray)(asarray(pred), asarray(target), reduction="mean")
    assert np.isnan(np.asarray(mean))


@every_labelled_loss
def test_a_wrong_label_leaves_other_gradients_alone(loss):
    pred, target, _ = with_wrong_label(loss, 9)
    ignored = target.copy()
    ignored[wrong_place(loss)] = loss.options.get("ignore_index", -100)
    leaf = torch.tensor(pred, requires_grad=True)
    value = loss.on(torch.asarray)(leaf, torch.tensor(target), reduction="none")
    value[0].sum().backward()  # of the sample without the wrong label
    want = loss.gradient(pred[:1], ignored[:1], reduction="none")
    np.testing.assert_allclose(leaf.grad[:1], want, rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(leaf.grad[1:], 0.0)


def wrong(loss, library):
    pred, target, _ = with_wrong_label(loss, 9)
    asarray = LIBRARIES[library]
    return loss.on(asarray), asarray(pred), asarray(target)


@pytest.mark.parametrize(
    ("loss", "library"), [x for x in ELSEWHERE if x[1] != "dask"], ids=name_of
)
def test_check_values_raises_on_every_eager_library(loss, library):
    function, *arrays = wrong(loss, library)
    with xloss.check_values():
        message = f"{loss.function.__name__}: target must hold .*got 9"
        with pytest.raises(ValueError, match=message):
            function(*arrays)
        with xloss.check_values(False):
            assert np.isnan(np.asarray(function(*arrays)).sum())
        with pytest.raises(ValueError, match=message):
            function(*arrays)
    assert np.isnan(np.asarray(function(*arrays)).sum())


@eager
def test_check_values_lets_right_labels_pass(library):
    for loss in READERS:
        with xloss.check_values():
            got = call(loss, library, *loss.arrays())
        want = loss.expected(*loss.arrays(), reduction="none")
        np.testing.assert_allclose(got, want, **TOLERANCE)


@every_reader
def test_check_values_has_no_part_where_nothing_runs(loss):
    """Under a compiler, a trace or vmap, on the meta device and on Dask."""
    on_torch, *tensors = wrong(loss, "torch")
    on_jax, *arrays = wrong(loss, "jax")
    lazy, *blocks = wrong(loss, "dask")
    torch._dynamo.reset()
    with xloss.check_values():
        compiled = torch.compile(on_torch, fullgraph=True, backend="eager")
        assert compiled(*tensors).isnan().any()

        def one(*sample):
            return on_torch(*(x[None] for x in sample)).sum()

        assert torch.func.vmap(one)(*tensors).isnan().tolist() == [False, True]
        torch.func.vmap(torch.func.grad(one))(*tensors)
        assert on_torch(*(x.to("meta") for x in tensors)).device.type == "meta"
        assert jnp.isnan(jax.jit(lambda *x: on_jax(*x))(*arrays)).any()
        by_sample = jax.vmap(lambda *x: on_jax(*(y[None] for y in x)).sum())
        assert jnp.isnan(by_sample(*arrays)).tolist() == [False, True]
        assert np.isnan(lazy(*blocks).compute()).any()


ENVIRONMENT = """
import array_api_strict as xp, xloss
try:
    print(xloss.dice_loss(xp.zeros((1, 2, 3)), xp.asarray([[0, 1, 2]])))
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("value", "printed"), [("1", "got 2"), ("0", "nan"), ("", "nan")]
)
def test_the_environment_turns_checks_on(value, printed):
    run = subprocess.run(
        [sys.executable, "-c", ENVIRONMENT],
        env={**os.environ, "XLOSS_CHECK_VALUES": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed in run.stdout


@pytest.mark.parametrize("value", [-0.25, 1.5, np.nan])
def test_binary_targets_outside_of_0_and_1(value):
    """Refused, or NaN there; a NaN among floats is NaN everywhere."""
    pred, target = np.zeros((1, 2, 2), np.float32), np.full((1, 2, 2), 0.5, np.float32)
    target[0, 1, 0] = value
    criterion = xloss.BinaryFocalLossWithLogits()
    if value == value:
        with pytest.raises(ValueError, match=rf"target must hold .*\[0, 1\].*{value}"):
            criterion(pred, target)
    for library in ("torch", "jax", "strict", "dask"):
        asarray = LIBRARIES[library]
        got = np.isnan(np.asarray(criterion(asarray(pred), asarray(target))))
        assert got.nonzero() == ([0], [1], [0])


@pytest.mark.parametrize("library", list(LIBRARIES)[1:])
def test_one_hot_of_a_wrong_label(library):
    labels = np.asarray([[0, 3], [-1, 1]])
    with pytest.raises(ValueError, match=r"one_hot: labels must hold .* 2; got -1"):
        xloss.one_hot(labels, 3)
    got = np.asarray(xloss.one_hot(LIBRARIES[library](labels), 3))
    nan = np.nan
    want = [[[1, nan], [0, nan], [0, nan]], [[nan, 0], [nan, 1], [nan, 0]]]
    np.testing.assert_array_equal(got, want)
