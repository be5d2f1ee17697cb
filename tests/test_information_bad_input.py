"""Every error of a loss of information names the function, the argument, what came."""

import re

import array_api_strict as strict
import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import xloss

from .information_problems import (
    CORRELATIONS,
    DIVERGENCES,
    INFORMATION,
    every,
    every_function,
    every_problem,
)

NAN = float("nan")
X = np.linspace(0.0, 1.0, 24).reshape(2, 3, 4)
MAPS = X.reshape(1, 2, 3, 4)
LABELS = np.zeros((1, 1, 3, 4), int)


def refused(kind, function, message):
    return pytest.raises(kind, match=f"^{function}: .*{message}")


@every_function
@pytest.mark.parametrize("bad", [[[0.0, 1.0]], 1.0, None, "x", object(), range(3)])
def test_not_an_array(loss, bad):
    first, second = loss.arrays()
    function, names = loss.function.__name__, loss.parameters
    for k, arguments in enumerate(((bad, second), (first, bad))):
        with refused(TypeError, function, f"{names[k]} must be an array.*asarray"):
            loss(*arguments)


@every_function
@pytest.mark.parametrize(
    ("convert", "kind", "message"),
    [
        (np.ma.masked_array, TypeError, "plain array"),
        (lambda x: x.astype(complex), ValueError, "complex128"),
        (lambda x: x.astype(object), ValueError, "object"),
    ],
    ids=["masked", "complex", "object"],
)
def test_wrong_array(loss, convert, kind, message):
    first, second = loss.arrays()
    for arguments in ((convert(first), second), (first, convert(second))):
        with refused(kind, loss.function.__name__, message):
            loss(*arguments)


@every_function
@pytest.mark.parametrize("convert", [torch.tensor, jnp.asarray, da.from_array])
def test_mixed_libraries(loss, convert):
    first, second = loss.arrays()
    with refused(TypeError, loss.function.__name__, "one library"):
        loss(first, convert(second))


@every_function
def test_devices_must_be_one(loss):
    first, second = map(torch.tensor, loss.arrays())
    with refused(ValueError, loss.function.__name__, "one device.*cpu.*meta"):
        loss.on(torch.tensor)(first, second.to("meta"))


@every_function
@pytest.mark.parametrize(("bad", "kind"), [("max", ValueError), (1, TypeError)])
def test_unknown_reduction(loss, bad, kind):
    listed = f"reduction must be 'none', 'mean' or 'sum'.*{bad}"
    with refused(kind, loss.function.__name__, listed):
        loss(*loss.arrays(), reduction=bad)


@every([*DIVERGENCES, *INFORMATION, *CORRELATIONS])
def test_shapes_must_be_equal(loss):
    first, second = loss.arrays()
    for wrong in (second[:1], second[..., :-1]):
        came = ".*".join(re.escape(str(x.shape)) for x in (first, wrong))
        message = f"shapes must be equal.*{came}"
        with refused(ValueError, loss.function.__name__, message):
            loss(first, wrong)


FEW_AXES = [
    ("kl_div_loss_2d", (3, 4), r"pred must have shape \(B, N, H, W\)"),
    ("js_div_loss_2d", (2, 3, 4), r"pred must have shape \(B, N, H, W\)"),
    ("js_div_loss_2d", (1, 2, 3, 4, 5), r"pred must have .*take js_div_loss "),
    ("mutual_information_loss", (), r"input must have shape \(\*, N\)"),
    ("mutual_information_loss_2d", (5,), r"input must have shape \(\*, H, W\)"),
    ("mutual_information_loss_3d", (3, 4), r"input must have shape \(\*, D, H, W\)"),
    ("normalized_mutual_information_loss", (), r"input must have shape \(\*, N\)"),
    (
        "normalized_mutual_information_loss_2d",
        (5,),
        r"input must have shape \(\*, H, W\)",
    ),
    (
        "normalized_mutual_information_loss_3d",
        (3, 4),
        r"input must have shape \(\*, D, H, W\)",
    ),
    ("ncc_loss", (3, 4), r"pred must have shape \(B, C, \*\)"),
    ("lncc_loss", (3, 4), r"pred must have .*\(B, C, \*\)"),
    ("lncc_loss", (1, 1, 9, 9, 9, 9), r"pred must have .*\(B, C, \*\)"),
]


@pytest.mark.parametrize(("name", "shape", "message"), FEW_AXES)
def test_wrong_ranks(name, shape, message):
    array = np.zeros(shape)
    with refused(ValueError, name, message) as error:
        getattr(xloss, name)(array, array)
    assert f"got {shape}" in str(error.value)


@pytest.mark.parametrize(
    ("axis", "kind", "message"),
    [
        (3, ValueError, "axes of 3, got 3"),
        (-4, ValueError, "axes of 3, got -4"),
        ((0, 3), ValueError, r"axes of 3, got \(0, 3\)"),
        ((0, 0), ValueError, r"different axes of 3, got \(0, 0\)"),
        ((0, -3), ValueError, r"different axes of 3, got \(0, -3\)"),
        ((), ValueError, r"one or more .*axes of 3, got \(\)"),
        (1.0, TypeError, "an int, a tuple of ints or None, got float"),
        (True, TypeError, "an int, a tuple of ints or None, got bool"),
        ("1", TypeError, "an int, a tuple of ints or None, got str"),
        ((0, 1.5), TypeError, "an int, a tuple of ints or None"),
        ((0, True), TypeError, "an int, a tuple of ints or None"),
    ],
)
@pytest.mark.parametrize("name", ["kl_div_loss", "js_div_loss"])
def test_wrong_axes(name, axis, kind, message):
    with refused(kind, name, f"axis .*{message}"):
        getattr(xloss, name)(X, X, axis)


def test_axes_of_numpy_are_integers_too():
    np.testing.assert_array_equal(
        xloss.kl_div_loss(X + 1, X, np.int64(1), "none"),
        xloss.kl_div_loss(X + 1, X, 1, "none"),
    )


EAGER = {
    "numpy": np.asarray,
    "torch": torch.asarray,
    "jax": jnp.asarray,
    "strict": strict.asarray,
}
# NumPy, beneath array-api-strict and Dask, warns of what is to be NaN.
of_a_negative_number = pytest.mark.filterwarnings("ignore:invalid value .* in log")
KINDS = ["kl_div_loss", "js_div_loss", "kl_div_loss_2d", "js_div_loss_2d"]


@of_a_negative_number
@pytest.mark.parametrize("library", EAGER)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("which", [0, 1])
def test_negative_entries_are_refused(library, name, which):
    """On NumPy, whose values are at hand, and where they are asked to be looked at."""
    arrays = [MAPS.copy(), MAPS.copy()]
    arrays[which][0, 1, 2, 3] = -0.25
    argument = ("pred", "target")[which]
    message = f"{argument} must hold probabilities, at least 0, got -0.25; take the "
    loss = getattr(xloss, name)
    with xloss.check_values(library != "numpy"), refused(ValueError, name, message):
        loss(*map(EAGER[library], arrays))
    if library != "numpy":
        for reduction in ("mean", "sum"):
            got = loss(*map(EAGER[library], arrays), reduction=reduction)
            assert np.isnan(np.asarray(got))


@of_a_negative_number
@pytest.mark.parametrize("library", ["torch", "jax", "strict", "dask"])
@pytest.mark.parametrize("name", ["kl_div_loss_2d", "js_div_loss_2d"])
def test_a_negative_entry_is_nan_in_its_distribution_alone(library, name):
    asarray = {**EAGER, "dask": da.from_array}[library]
    rng = np.random.default_rng(0)
    p, t = rng.random((2, 2, 2, 3, 4)) + 0.1
    want = getattr(xloss, name)(p, t, "none")
    p[0, 1, 2, 3] = -0.25
    got = np.asarray(getattr(xloss, name)(asarray(p), asarray(t), "none"))
    assert np.isnan(got).tolist() == [[False, True], [False, False]]
    want[0, 1] = np.nan
    np.testing.assert_allclose(got, want, rtol=1e-5)


@of_a_negative_number
def test_values_are_not_looked_at_where_nothing_runs():
    p = np.full((2, 3), -1.0)
    with xloss.check_values():
        compiled = torch.compile(xloss.js_div_loss, fullgraph=True, backend="eager")
        assert compiled(*[torch.tensor(p)] * 2).isnan()
        assert np.isnan(jax.jit(xloss.kl_div_loss)(p, p))
        lazy = da.from_array(p)
        assert np.isnan(xloss.kl_div_loss(lazy, lazy).compute())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3), r"pred .*\(B, C, \*\) with one or more spatial axes.*got \(2, 3\)"),
        ((2, 0, 3), r"axis 1.*\(2, 0, 3\)"),
    ],
)
def test_wrong_ranks_of_hausdorff(shape, message):
    labels = np.zeros((shape[0], 1, *shape[2:]), int)
    with refused(ValueError, "hausdorff_er_loss", message):
        xloss.hausdorff_er_loss(np.zeros(shape), labels)


@pytest.mark.parametrize("axes", [1, 2, 4])
def test_volumes_have_three_axes(axes):
    shape = (1, 2, *[3] * axes)
    labels = np.zeros((1, 1, *shape[2:]), int)
    message = rf"\(B, C, \*\) with 3 spatial axes, got {re.escape(str(shape))}"
    with refused(ValueError, "HausdorffERLoss3D", message):
        xloss.HausdorffERLoss3D()(np.zeros(shape), labels)


@pytest.mark.parametrize(
    "wrong",
    [
        LABELS[:, 0],
        LABELS[..., :-1],
        np.zeros((2, 1, 3, 4), int),
        np.zeros((1, 2, 3, 4), int),
        LABELS.astype(float),
    ],
    ids=lambda x: f"{x.shape}{x.dtype}",
)
def test_wrong_labels_of_hausdorff(wrong):
    came = rf"got {re.escape(str(wrong.shape))}, {wrong.dtype}"
    message = rf"target must hold integer labels of shape \(1, 1, 3, 4\).*{came}"
    with refused(ValueError, "hausdorff_er_loss", message):
        xloss.hausdorff_er_loss(MAPS, wrong)


@pytest.mark.parametrize("label", [-1, 2, -100])
@pytest.mark.parametrize("library", EAGER)
def test_labels_out_of_range(label, library):
    pred = np.random.default_rng(0).random((2, 2, 3, 4)).astype(np.float32)
    labels = np.zeros((2, 1, 3, 4), np.int32)
    want = xloss.hausdorff_er_loss(pred, labels, reduction="none")
    labels[1, 0, 2, 3] = label
    arrays = [EAGER[library](x) for x in (pred, labels)]
    message = f"target must hold labels from 0 to 1.*got {label}"
    if library == "numpy":
        with refused(ValueError, "hausdorff_er_loss", message):
            xloss.hausdorff_er_loss(*arrays)
        return
    got = np.asarray(xloss.hausdorff_er_loss(*arrays, reduction="none"))
    assert np.isnan(got[:, 1]).all()
    np.testing.assert_allclose(got[:, 0], want[:, 0], rtol=1e-5, atol=1e-6)
    with xloss.check_values(), refused(ValueError, "hausdorff_er_loss", message):
        xloss.hausdorff_er_loss(*arrays)


@every_problem
def test_messages_do_not_hold_the_arrays(loss):
    """A message is one line, however large what came is."""
    first, second = loss.arrays()
    with pytest.raises((ValueError, TypeError)) as error:
        loss(first, second.astype(complex))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
