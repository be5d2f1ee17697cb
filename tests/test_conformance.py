"""The conformance cells under pytest, and tests of the suite itself."""

import json
import sys
from dataclasses import replace
from inspect import isfunction
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import xloss
from conformance import golden
from conformance.__main__ import main
from conformance.backends import BACKENDS, load
from conformance.case import Case, ExpectedFailure
from conformance.cases import all_losses
from conformance.compare import FORMATS, difference
from conformance.report import failures
from conformance.runner import Cell, Selection, Status, plan, run

INSTALLED = {name: load(name) for name in BACKENDS}
CELLS = [
    # One worker per backend under `--dist loadgroup`: JAX reuses what it compiled.
    pytest.param(cell, id=cell.name, marks=pytest.mark.xdist_group(backend.name))
    for backend in INSTALLED.values()
    if backend is not None
    for cell in plan(all_losses().values(), backend, Selection())
]


@pytest.mark.parametrize("cell", CELLS)
def test_cell(cell):
    outcome = run(cell, xloss)
    assert outcome.results
    if outcome.status is Status.FAIL:
        pytest.fail(failures([outcome]), pytrace=False)


@pytest.mark.parametrize("name", BACKENDS)
def test_backend_is_installed(name):
    if INSTALLED[name] is None:
        pytest.skip(f"{name} is not installed: none of its cells ran")


def test_every_function_of_the_package_has_cases():
    public = {name for name in xloss.__all__ if isfunction(getattr(xloss, name))}
    helpers = {"combine", "check_values", "compile", "curvature", "grad"}
    helpers |= {"value_and_grad"}
    assert public - helpers == set(all_losses())


@pytest.mark.parametrize("loss", all_losses().values(), ids=all_losses())
def test_golden_file_is_as_computed(loss):
    assert golden.check(loss) == []


def test_every_golden_file_belongs_to_a_loss():
    assert {path.stem for path in golden.FOLDER.iterdir()} == set(all_losses())


@pytest.mark.parametrize("loss", all_losses().values(), ids=all_losses())
def test_inputs_are_exact_in_every_dtype_of_their_case(loss):
    import ml_dtypes

    types = {"bfloat16": ml_dtypes.bfloat16}
    for case in loss.cases:
        for dtype in case.dtypes:
            for name in case.floating:
                data = case.arrays[name]
                there = data.astype(types.get(dtype, dtype)).astype(np.float64)
                assert np.array_equal(there, data, equal_nan=True), (case.id, name)


# The definitions against values from the literature and against finite differences


@pytest.mark.parametrize(
    ("name", "options", "residual", "value"),
    [
        ("charbonnier_loss", {}, 1.0, np.sqrt(2.0) - 1),
        ("cauchy_loss", {}, 1.0, np.log(1.5)),
        ("welsch_loss", {}, 1.0, 0.39346934028736658),
        ("geman_mcclure_loss", {}, 1.0, 0.4),
        ("general_robust_loss", {"alpha": -2.0}, 1.0, 0.4),
        ("general_robust_loss", {"alpha": 2.0, "scale": 2.0}, 3.0, 1.125),
        ("mse_loss", {}, -3.0, 9.0),
        ("l1_loss", {}, -3.0, 3.0),
        ("huber_loss", {"delta": 2.0}, 3.0, 4.0),
        ("huber_loss", {"delta": 2.0}, 1.0, 0.5),
        ("smooth_l1_loss", {"beta": 2.0}, 3.0, 2.0),
        ("log_cosh_loss", {}, 1.0, 0.43378083048302719),
        ("quantile_loss", {"q": 0.25}, -4.0, 1.0),
        ("quantile_loss", {"q": 0.25}, 4.0, 3.0),
    ],
)
def test_definition_has_the_value_of_the_formula(name, options, residual, value):
    arrays = {"pred": np.asarray(residual), "target": np.asarray(0.0)}
    found = all_losses()[name].reference(Case("one", arrays, options))
    assert found.value == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "case_id"),
    [
        ("mse_loss", "weight_where_mean"),
        ("huber_loss", "weight_where_mean"),
        ("huber_loss", "where_broadcasts_fewer_axes"),
        ("quantile_loss", "q_array_mean"),
        ("general_robust_loss", "alpha_and_scale_arrays_mean"),
        ("general_robust_loss", "sample_weight_none"),
    ],
)
def test_reference_gradient_is_the_slope_of_the_reference_value(name, case_id):
    loss = all_losses()[name]
    case = next(case for case in loss.cases if case.id == case_id)
    gradient = loss.reference(case).gradient
    for argument in case.floating:
        index = (0,) * case.arrays[argument].ndim
        slope = _finite_difference(loss.reference, case, argument, index)
        # The step of 1e-4 leaves an error of its square times the third derivative.
        assert gradient[argument][index] == pytest.approx(slope, rel=1e-6, abs=1e-9)


def _finite_difference(reference, case, argument, index, step=1e-4):
    values = []
    for sign in (1, -1):
        moved = case.arrays[argument].copy()
        moved[index] += sign * step
        arrays = {**case.arrays, argument: moved}
        values.append(reference(Case("moved", arrays, case.options)).value.sum())
    return (values[0] - values[1]) / (2 * step)


# The suite against losses that are wrong in one way


def _reduce(loss, reduction, weights):
    if reduction == "none":
        return (loss * weights)[()]
    total = np.sum(loss * weights)
    return total / np.sum(weights) if reduction == "mean" else total


def _textbook(rho, **wrong):
    """A NumPy loss without `where`, weighted as the contract says, or not."""

    def loss(pred, target, reduction="none", *, sample_weight=1.0, scale=1.0):
        weights = np.broadcast_to(np.asarray(sample_weight, pred.dtype), pred.shape)
        if wrong.get("counts_all"):
            value = _reduce(rho((pred - target) / scale), reduction, weights)
            return value * weights.mean() if reduction == "mean" else value
        return _reduce(rho((pred - target) / scale), reduction, weights)

    return loss


def _results(rho, name="cauchy_loss", dtype="float64", **wrong):
    cell = Cell(all_losses()[name], INSTALLED["numpy"], "cpu", dtype, "eager")
    outcome = run(cell, SimpleNamespace(**{name: _textbook(rho, **wrong)}))
    return {result.case: result for result in outcome.results}


def _right_cauchy(residual):
    return np.log1p(residual**2 / 2)


def test_right_textbook_loss_passes_where_the_formula_is_stable():
    found = _results(_right_cauchy)
    for case in ("reduction_none", "sample_weight_mean", "1e-18_to_1e18", "scale_0.5"):
        assert found[case].status is Status.PASS, found[case].message


def test_lost_digits_are_caught():
    found = _results(lambda residual: np.log(1 + residual**2 / 2))
    assert found["1e-18_to_1e18"].status is Status.FAIL
    assert "ULP" in found["1e-18_to_1e18"].message


def test_wrong_sign_is_caught_and_named():
    found = _results(lambda residual: -_right_cauchy(residual))["reduction_none"]
    assert found.status is Status.FAIL
    for part in ("value at [", "(pred ", "expected", "got"):
        assert part in found.message


def test_mean_over_the_wrong_count_is_caught():
    found = _results(_right_cauchy, counts_all=True)
    assert found["reduction_mean"].status is Status.PASS
    assert found["sample_weight_mean"].status is Status.FAIL


def test_wrong_dtype_is_caught():
    found = _results(lambda x: _right_cauchy(x.astype(np.float64)), dtype="float32")
    assert "dtype float64" in found["reduction_none"].message


def test_step_down_beyond_the_range_is_caught():
    found = _results(lambda x: np.where(abs(x) < 1e160, np.log1p(abs(x)), 0.0))
    assert "value at [" in found["beyond_1e150"].message


def test_zero_dimensional_array_in_place_of_a_scalar_is_caught():
    cell = Cell(all_losses()["mse_loss"], INSTALLED["numpy"], "cpu", "float64", "eager")
    library = SimpleNamespace(
        mse_loss=lambda p, t, **_: np.asarray(np.mean((p - t) ** 2))
    )
    found = {result.case: result for result in run(cell, library).results}
    assert "NumPy scalar" in found["default"].message


@pytest.mark.parametrize(
    ("backend", "mode", "wrong", "message"),
    [
        ("torch", "gradient", lambda p, t: (p - t).detach() * (p - t), "gradient in"),
        ("torch", "eager", lambda p, t: p.sub_(t).square(), "changed its argument"),
        ("torch", "vmap", lambda p, t: (p - t) * float(p.sum()), "RuntimeError"),
        ("dask", "eager", lambda p, t: ((p - t) ** 2).compute(), "lazy"),
        ("strict", "eager", lambda p, t: np.square(p - t), "not of the library"),
    ],
)
def test_misuse_of_a_backend_is_caught(backend, mode, wrong, message):
    adapter = INSTALLED[backend]
    if adapter is None:
        pytest.skip(f"{backend} is not installed")
    cell = Cell(
        all_losses()["mse_loss"], adapter, adapter.devices()[0], "float32", mode
    )
    library = SimpleNamespace(mse_loss=lambda p, t, **_: wrong(p, t))
    found = {result.case: result for result in run(cell, library).results}
    assert found["reduction_none"].status is Status.FAIL
    assert message in found["reduction_none"].message


def test_expected_failure_is_its_own_status_and_must_fail():
    known = ExpectedFailure("a known reason", "numpy", case="reduction_none")
    loss = replace(all_losses()["cauchy_loss"], expected_failures=(known,))
    cell = Cell(loss, INSTALLED["numpy"], "cpu", "float64", "eager")
    wrong = SimpleNamespace(cauchy_loss=_textbook(np.abs))
    found = {result.case: result for result in run(cell, wrong).results}
    assert found["reduction_none"].status is Status.EXPECTED_FAILURE
    assert found["reduction_none"].message == "a known reason"
    right = run(cell, SimpleNamespace(cauchy_loss=_textbook(_right_cauchy)))
    found = {result.case: result for result in right.results}
    assert found["reduction_none"].status is Status.FAIL
    assert "passes, but is expected to fail" in found["reduction_none"].message


# Comparison, command line and golden files


@pytest.mark.parametrize(
    ("got", "expected", "dtype", "units"),
    [
        (1 + 2**-23, 1.0, "float32", 1),
        (1 + 3 * 2**-52, 1.0, "float64", 3),
        (2**-24, 0.0, "float16", 1),
        (np.inf, 70000.0, "float16", 0),
        (65504.0, 70000.0, "float16", np.inf),
        (np.nan, np.nan, "float64", 0),
        (0.0, np.nan, "float64", np.inf),
        (-np.inf, np.inf, "float64", np.inf),
        (1e308, np.inf, "float64", np.inf),
    ],
)
def test_difference_counts_units_in_the_last_place(got, expected, dtype, units):
    found = difference(np.asarray([got]), np.asarray([expected]), dtype)
    assert found.units == units


def test_formats_agree_with_numpy():
    for name in ("float16", "float32", "float64"):
        numbers = np.asarray([1.0, 1.5, 3e-5, 6e4, 5e-8], dtype=name)
        assert np.array_equal(
            FORMATS[name].ulp(numbers.astype(np.float64)), np.spacing(numbers)
        )


@pytest.fixture
def copied_goldens(tmp_path, monkeypatch):
    for path in golden.FOLDER.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    return tmp_path


def test_check_catches_an_edited_golden(copied_goldens, capsys):
    assert main(["--check", "--loss", "l1_loss"]) == 0
    path = copied_goldens / "l1_loss.json"
    content = json.loads(path.read_text())
    content["cases"]["default"]["gradient"]["pred"][0] += 1e-16
    path.write_text(json.dumps(content))
    assert main(["--check", "--loss", "l1_loss"]) == 1
    assert "l1_loss.json: default: gradient differ" in capsys.readouterr().out
    path.unlink()
    assert main(["--check", "--loss", "l1_loss"]) == 1


def test_golden_of_other_inputs_is_refused(copied_goldens):
    path = copied_goldens / "l1_loss.json"
    content = json.loads(path.read_text())
    content["cases"]["default"]["inputs"] = "0" * 16
    path.write_text(json.dumps(content))
    loss = all_losses()["l1_loss"]
    with pytest.raises(golden.StaleGoldenError, match="--generate"):
        golden.read(loss, loss.cases[0])


def test_command_writes_a_table_and_a_report(tmp_path, capsys):
    report = tmp_path / "report.json"
    arguments = ["--backend", "numpy", "--loss", "l1_loss", "--json", str(report)]
    assert main(arguments) == 0
    assert "numpy cpu" in capsys.readouterr().out
    cells = json.loads(report.read_text())["cells"]
    assert {cell["dtype"] for cell in cells} == {"float64", "float32", "float16"}
    assert all(cell["status"] == "pass" for cell in cells)


def test_command_fails_for_a_wrong_library(monkeypatch, capsys):
    module = ModuleType("wrong_losses")
    module.cauchy_loss = _textbook(np.abs)
    monkeypatch.setitem(sys.modules, "wrong_losses", module)
    arguments = ["--backend", "numpy", "--loss", "cauchy_loss"]
    assert main([*arguments, "--library", "wrong_losses"]) == 1
    assert "fail: cauchy_loss, numpy cpu, float64, eager" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--loss", "no_such_loss"],
        ["--backend", "no_such_backend"],
        ["--backend", "numpy", "--dtype", "bfloat16"],
        ["--backend", "numpy", "--mode", "meta"],
        ["--backend", "numpy", "--device", "cuda"],
    ],
)
def test_command_says_that_nothing_ran(arguments, capsys):
    assert main(arguments) == 2
    assert "conformance:" in capsys.readouterr().err


def test_missing_backend_is_an_error_only_when_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(
        "conformance.__main__.load",
        lambda name: load(name) if name == "numpy" else None,
    )
    assert main(["--backend", "numpy,cupy", "--loss", "l1_loss"]) == 2
    assert "not installed" in capsys.readouterr().err
    assert main(["--loss", "l1_loss"]) == 0
    assert "cupy: not installed" in capsys.readouterr().out
