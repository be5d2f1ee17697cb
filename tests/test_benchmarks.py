"""The benchmarks compare the same work, and count and compare it rightly."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import xloss
from benchmarks import groups, memory, modes, report, rows, timing
from benchmarks.__main__ import main
from benchmarks.groups.backends import works as backends
from benchmarks.rows import Result, Row, Settings

TINY = {
    "pointwise": Settings(size=768, rounds=1),
    "image": Settings(size=24, rounds=1),
    "segmentation": Settings(size=24, rounds=1),
    "divergence": Settings(size=8, rounds=1),
    "morphology": Settings(size=32, rounds=1),
    "information": Settings(size=1024, rounds=1),
    "gradients": Settings(size=48, rounds=1),
    "backends": Settings(size=48, rounds=1),
    "growth": Settings(size=200_000, rounds=1),
    "overhead": Settings(size=16, rounds=1),
}
ONCE = Settings(size=1, rounds=1)


def _is_slow(row):
    # Compiling takes seconds for each contender: a row of each group stands for all.
    compiled = ("huber", "psnr", "focal", "js_div", "mi, xu")
    if "torch.compile" in row.section and row.loss not in compiled:
        return True
    # Of what grows, the first place of each curve, and the largest window.
    return row.at not in (None, 1, 2, 3, 33, 1000)


@pytest.mark.parametrize(
    ("group", "row"),
    [
        pytest.param(group, row, id=f"{group}-{row.section}-{row.loss}-{row.peer}")
        for group in groups.names()
        for row in groups.rows(group)
        if not _is_slow(row)
    ],
)
# torch and what it compiles with warn about themselves, not about the losses.
@pytest.mark.filterwarnings("default::DeprecationWarning", "default::UserWarning")
def test_row_measures_two_contenders_that_agree(group, row):
    result = row.run(TINY[group])
    if result.remark.startswith("not installed"):
        pytest.skip(result.remark)
    assert result.remark == ""
    assert result.ours >= 0
    if result.unit != "apart":  # that of both
        assert result.theirs >= 0


def _row(measure, needs=()):
    return Row("section", "loss", "peer", needs, measure)


@pytest.mark.parametrize(("apart", "agreement"), [(0.001, rows.AGREEMENT), (0.5, 0.4)])
def test_different_work_is_refused(apart, agreement):
    ours, theirs = (lambda: np.float32(1 - apart)), (lambda: np.float32(1.0))
    measure = rows.timed(lambda size: (ours, theirs), agreement=agreement)
    result = _row(measure).run(ONCE)
    assert result.failed
    assert "different work" in result.remark
    assert result.ratio is None


def test_as_much_difference_as_a_peer_needs_is_accepted():
    ours, theirs = (lambda: np.float32(0.5)), (lambda: np.float32(1.0))
    measure = rows.timed(lambda size: (ours, theirs), agreement=0.6)
    assert not _row(measure).run(ONCE).failed


def test_gradients_to_both_inputs_are_returned():
    pytest.importorskip("torch")
    x, y = np.float32([1.0, 2.0]), np.float32([3.0, 5.0])
    run = modes.torch_gradient(lambda a, b: (a * a * b).sum(), (x, y), wanted=2)
    run()
    value, slope_x, slope_y = run()  # not added to those of the first call
    assert float(value) == 1 * 3 + 4 * 5
    np.testing.assert_array_equal(slope_x, 2 * x * y)
    np.testing.assert_array_equal(slope_y, x * x)


def test_missing_peer_is_named():
    measure = rows.timed(lambda size: pytest.fail("must not run"))
    result = _row(measure, needs=("numpy", "no_such_peer")).run(ONCE)
    assert result == Result(remark="not installed: no_such_peer")


def test_row_that_fails_says_so_and_lets_the_others_run():
    def measure(settings):
        raise RuntimeError("no compiler\nand much more")

    result = _row(measure).run(ONCE)
    assert result == Result(remark="RuntimeError: no compiler", failed=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (1.0, 1.0, 0.0),
        (1.5, 2.0, 0.25),
        (np.array([4.0, 1.0]), np.array([4.0, 2.0]), 0.25),
        ((1.0, np.array([1.0, 3.0])), (1.0, np.array([1.0, 4.0])), 0.25),
        (np.ones(2), np.ones(3), float("inf")),
    ],
)
def test_difference(ours, theirs, expected):
    assert rows.difference(ours, theirs) == expected


def _printed(cost, unit):
    row = {"loss": "loss", "at": None, "peer": "peer", "unit": unit, "ours": cost}
    return report.cells({**row, **dict.fromkeys(("theirs", "ratio", "low", "high"))})[2]


@pytest.mark.parametrize(
    ("cost", "unit", "expected"),
    [
        (9.44e-11, "apart", "9.4e-11"),
        (9.44e-5, "MiB", "0.0001"),
        (0.02134, "ms", "0.0213"),
        (0.1234, "ms", "0.12"),
        (42.813, "ms", "42.81"),
        (1234.5, "ms", "1234"),
    ],
)
def test_costs_keep_their_digits(cost, unit, expected):
    assert _printed(cost, unit) == expected


class _Clock:
    """A clock that only the contenders move."""

    def __init__(self, monkeypatch):
        self.now, self.order = 0.0, []
        monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=self.read))

    def read(self):
        return self.now

    def contender(self, name, *durations):
        def run():
            self.order.append(name)
            self.now += durations[self.order.count(name) % len(durations)]

        return run


def test_race_takes_the_median_of_the_ratios_of_its_rounds(monkeypatch):
    clock = _Clock(monkeypatch)
    ours = clock.contender("ours", 4.0)
    theirs = clock.contender("theirs", 8.0, 12.0, 20.0)
    times = timing.race(ours, theirs, rounds=3)
    assert times == (4.0, 12.0, 3.0, 2.5, 4.0)


def test_race_changes_who_goes_first(monkeypatch):
    clock = _Clock(monkeypatch)
    timing.race(clock.contender("a", 1.0), clock.contender("b", 1.0), rounds=3)
    assert "".join(clock.order) == "aabb" + "ab" + "ba" + "ab"  # after the warm-up


def test_short_calls_are_timed_by_many(monkeypatch):
    clock = _Clock(monkeypatch)
    times = timing.race(
        clock.contender("a", timing.SHORTEST / 64),
        clock.contender("b", timing.SHORTEST / 16),
        rounds=1,
    )
    # The warm-up leaves at least one sample of the shortest length to each.
    assert clock.order.count("a") >= 2 * 64
    assert clock.order.count("b") >= 2 * 16
    assert times.ratio == pytest.approx(4.0)


def test_numpy_peak_counts_temporaries_and_not_the_result():
    array = np.ones(1 << 16)

    def two_temporaries(x):
        y = x + 1
        return y * y + x  # y and its square; the sum is the result

    peak = memory.numpy_peak(two_temporaries, array)
    slack = 4096  # Python's own objects
    # NumPy may reuse the square's buffer for the sum.
    assert array.nbytes <= peak <= 2 * array.nbytes + slack
    assert memory.numpy_peak(lambda x: x + 1, array) <= slack


def test_numpy_peak_leaves_out_every_result():
    array = np.ones(1 << 16)
    peak = memory.numpy_peak(lambda x: (x.sum(), x + 1, x * 2), array)
    assert peak <= 4096  # Python's own objects


def test_numpy_memory_is_counted_in_first_inputs():
    array, other = np.ones(1 << 16), np.ones(1 << 16)
    extra = memory.extra_on_numpy(lambda x, y: (x + y).sum(), (array, other))
    assert extra == pytest.approx(1, abs=0.01)  # the sums; Python's objects beside


def test_torch_saved_counts_what_is_kept_beside_the_inputs():
    torch = pytest.importorskip("torch")
    x = torch.ones(1000, requires_grad=True)
    assert memory.torch_saved(lambda x: (x * x).sum(), x) == 0
    assert memory.torch_saved(lambda x: torch.exp(x).sum(), x) == 4000
    # exp keeps its result, the product keeps the same tensor twice
    assert memory.torch_saved(lambda x: (torch.exp(x) ** 2).sum(), x) == 4000


def test_torch_memory_is_counted_in_first_inputs():
    torch = pytest.importorskip("torch")
    array = np.ones(1000, np.float32)

    def loss(x):
        return torch.exp(x).sum()

    assert memory.kept_for_backward(loss, (array,)) == 1  # the exponential
    # and the gradient beside it, and two or so sums and gradients of one element
    assert memory.extra_with_backward(loss, (array,)) == pytest.approx(2, abs=0.01)


def _twice(x):
    return (x + x).sum()


def _with_much_inside(x):
    import torch

    return (x + torch.zeros(MANY).sum()).sum()


MANY = 1 << 27  # float32, 512 MiB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux counts it")
def test_a_process_counts_what_operators_need():
    pytest.importorskip("torch")
    array = np.ones(1 << 10, np.float32)
    little = memory.resident_with_backward(_twice, (array,))
    much = memory.resident_with_backward(_with_much_inside, (array,))
    # the pages of the allocator come and go by a few MiB
    assert much - little == pytest.approx(4 * MANY / memory.MIB, rel=0.1)


@pytest.mark.parametrize("group", groups.names())
def test_size_is_the_groups_own(group):
    full, quick = (groups.usual_size(group, quick=quick) for quick in (False, True))
    assert full >= quick
    said = groups.describe(group, quick)
    assert f"{quick:,}" in said
    assert full == quick or f"{full:,}" not in said


def test_torch_peak_counts_what_lives_at_once():
    torch = pytest.importorskip("torch")
    x = torch.ones(1000)
    assert memory.torch_peak(lambda: x + 1) == 4000
    assert memory.torch_peak(lambda: ((x + 1) + 1) + 1) == 8000
    assert memory.torch_peak(lambda: x[:500] + x[500:]) == 2000


def test_command_prints_tables_and_targets_and_writes_json(tmp_path, capsys):
    arguments = ["pointwise", "--size", "512", "--repeats", "1"]
    arguments += ["--json", str(tmp_path), "--only", "NumPy, mean", "huber"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "NumPy, mean" in printed
    assert "Targets: " in printed
    content = json.loads((tmp_path / "pointwise.json").read_text())
    assert content["settings"]["size"] == 512
    assert content["settings"]["rounds"] == 1
    assert content["inputs"] == groups.describe("pointwise", 512)
    assert content["machine"]["versions"]["numpy"] == np.__version__
    kept = {(row["section"], row["loss"]) for row in content["rows"]}
    assert ("NumPy, mean", "huber") in kept
    assert {section for section, _ in kept} == {"NumPy, mean"}
    assert all(row["unit"] == "ms" for row in content["rows"] if row["ours"])


def test_without_a_group_all_of_them_run(monkeypatch, tmp_path, capsys):
    def rows(group):
        return [_row(lambda settings: Result("ms", settings.size, 2, 2, 2, 2))]

    monkeypatch.setattr(groups, "rows", rows)
    assert main(["--quick", "--json", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for group in groups.names():
        quick = groups.usual_size(group, quick=True)
        assert groups.describe(group, quick) in printed
        written = json.loads((tmp_path / f"{group}.json").read_text())
        assert written["rows"][0]["ours"] == quick


def test_every_loss_runs_on_numpy_and_on_torch():
    def function(loss):
        return function(loss.func) if isinstance(loss, partial) else loss

    others = "check_values combine compile curvature grad one_hot psnr ssim"
    losses = {name for name in xloss.__all__ if name[0].islower()} - {
        *others.split(),
        "value_and_grad",
    }
    measured = {function(work.ours) for work in backends.WORKS}
    assert measured == {getattr(xloss, name) for name in losses}


def test_a_row_that_failed_in_any_group_is_an_error(monkeypatch):
    def rows(group):
        failed = group == groups.names()[0]
        return [_row(lambda settings: Result(remark="different", failed=failed))]

    monkeypatch.setattr(groups, "rows", rows)
    assert main(["--quick"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "100"], "name it"),
        (["no_such_group"], "no_such_group"),
        (["pointwise", "--size", "0"], "positive number"),
        (["pointwise", "--only", "no_such_loss"], "'no_such_loss'"),
        (["pointwise", "--json", "/no/such/folder"], "no folder"),
    ],
)
def test_wrong_options_say_what_came(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
