"""The benchmarks leave out no loss and no peer, and start keras where it belongs."""

import inspect
import os
from importlib.util import find_spec

import pytest

import xloss
from benchmarks import groups, peers, processes
from benchmarks.__main__ import main
from benchmarks.rows import Peer, Settings
from benchmarks.works import Work, races

# what is public and no loss: helpers, and measures that a loss contains
HELPERS = {
    "check_values",
    "combine",
    "compile",
    "curvature",
    "grad",
    "one_hot",
    "psnr",
    "ssim",
    "value_and_grad",
}
ONCE = Settings(size=1, rounds=1)
MARK = "XLOSS_BENCHMARKS_TEST"


def _rows(group, section):
    return [row for row in groups.rows(group) if row.section.startswith(section)]


def _loss(row):
    return row.loss.partition(",")[0]


@pytest.mark.parametrize(
    "section",
    [
        "torch eager, a call with 16 elements",
        "torch eager, forward + backward of 16 elements",
        "NumPy, a call with 16 elements",
        "JAX jit, a call with 16 elements",
    ],
)
def test_every_public_loss_is_called_with_few_elements(section):
    public = {name for name in xloss.__all__ if name[0].islower()} - HELPERS
    assert {_loss(row) for row in _rows("overhead", section)} == public


def test_few_elements_are_always_as_few(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["overhead", "--size", "32"])
    assert stop.value.code == 2
    assert "have one size" in capsys.readouterr().err


def test_every_loss_of_kornia_is_called_with_few_elements():
    losses = pytest.importorskip("kornia.losses")
    functions = inspect.getmembers(losses, inspect.isfunction)
    theirs = {name for name, _ in functions if name != "one_hot"}
    classes = {"MS_SSIMLoss": "ms_ssim_l1_loss", "HausdorffERLoss": "hausdorff_er_loss"}
    rows = _rows("overhead", "torch eager, a call")
    ours = {_loss(row) for row in rows if row.peer == "kornia"}
    assert ours == theirs | set(classes.values())


@pytest.mark.parametrize(
    ("peer", "section", "losses"),
    [
        (
            "torchmetrics",
            "torch eager",
            "mse l1 log_cosh ssim ssim3d psnr kl_div js_div",
        ),
        ("torchmetrics", "torch eager", "total_variation ncc mi nmi"),
        ("keras", "torch eager", "mse l1 huber log_cosh kl_div ssim psnr ncc"),
        ("keras", "torch eager", "cross_entropy binary_cross_entropy focal jaccard"),
        ("keras", "torch eager", "binary_focal dice tversky focal_tversky"),
        ("keras", "JAX jit", "mse l1 huber log_cosh kl_div ssim psnr ncc"),
        ("keras", "JAX jit", "cross_entropy binary_cross_entropy focal jaccard"),
        ("keras", "JAX jit", "binary_focal dice tversky focal_tversky"),
        ("scikit-learn", "NumPy", "mse l1 quantile mi nmi cross_entropy"),
        ("scikit-image", "NumPy", "mse ssim ssim3d psnr nmi"),
        ("optax", "JAX jit", "mse huber log_cosh kl_div dice jaccard tversky"),
        ("dm-pix", "JAX jit", "mse l1 ssim psnr"),
        ("MONAI", "torch eager", "focal dice jaccard generalized_dice tversky ssim"),
        ("smp", "torch eager", "dice jaccard tversky binary_focal lovasz_hinge"),
    ],
)
def test_a_peer_runs_against_what_it_has(peer, section, losses):
    found = {
        _loss(row)
        for group in groups.names()
        for row in _rows(group, section)
        if row.peer == peer
    }
    assert set(losses.split()) <= found


def test_a_process_keeps_its_variables_to_itself():
    first, second = ((MARK, "first"),), ((MARK, "second"),)
    assert processes.call(first, os.getenv, MARK) == "first"
    assert processes.call(second, os.getenv, MARK) == "second"
    assert os.getenv(MARK) is None
    pids = [
        processes.call(variables, os.getpid) for variables in (first, first, second)
    ]
    assert pids[0] == pids[1]
    assert len({os.getpid(), *pids}) == 3


def _value_of_the_mark():
    value = float(os.environ[MARK])
    return lambda x: value * x.sum()


def _triple(x):
    return 3 * x.sum()


def _ones(size):
    import numpy as np

    return (np.ones(size),)


def _run(loss, inputs):
    return lambda: loss(*inputs)


def test_a_row_is_measured_where_its_peer_is():
    def result(value):
        peer = Peer("peer", (), _value_of_the_mark, ((MARK, value),))
        (row,) = races("section", _run, [Work("loss", _triple, peer, _ones)])
        return row.run(ONCE)

    assert result("3").ratio > 0
    assert "different work" in result("4").remark


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_keras_computes_with_the_library_of_its_rows(library):
    pytest.importorskip(library)
    if find_spec("keras") is None:  # imported here, it would choose for this process
        pytest.skip("keras is not installed")
    variables = peers.keras(library, _value_of_the_mark).variables
    assert processes.call(variables, _library_of_keras) == library


def _library_of_keras():
    import keras

    return keras.backend.backend()
