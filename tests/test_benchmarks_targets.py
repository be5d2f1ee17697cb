"""The targets are judged rightly, and find their rows."""

import math

import pytest

from benchmarks import groups, targets
from benchmarks.verdicts import Target, geometric_mean, judge, loss_of

EAGER, COMPILED = "torch eager", "torch compiled"


def _row(loss="mse", ratio=None, high=None, **options):
    """Return a row as the results hold it."""
    ours = 1.0 if ratio is not None else None
    row = {"section": EAGER, "loss": loss, "peer": "kornia", "unit": "ms", "at": None}
    row |= {"ours": ours, "ratio": ratio, "high": high or ratio, "remark": ""}
    return row | {"failed": False} | options


def _judge(target, *rows):
    return judge(target, rows)


def _each(bound, **options):
    return Target("what", (EAGER,), ("kornia",), at_least=bound, **options)


@pytest.mark.parametrize(
    ("rows", "verdict", "measured"),
    [
        ([_row(ratio=2.0), _row("l1", 1.5)], "met", "1.50 x, l1"),
        ([_row(ratio=2.0), _row("l1", 1.4, 1.5)], "close", "1.40 x, l1"),
        ([_row(ratio=2.0), _row("l1", 1.4, 1.45)], "missed", "1.40 x, l1"),
        ([_row(ratio=1.4, high=1.5), _row("l1", 1.3)], "missed", "1.30 x, l1"),
        ([_row(remark="not installed: kornia")], "not measured", ""),
        ([_row(remark="ValueError", failed=True)], "missed", "ValueError, mse"),
    ],
)
def test_the_worst_row_decides_on_a_bound_of_each(rows, verdict, measured):
    judgement = _judge(_each(1.5), *rows)
    assert judgement.verdict == verdict
    assert judgement.measured == measured


def test_a_loss_may_have_a_bound_of_its_own():
    target = _each(1.0, but={"dice": 0.5})
    rows = _row("dice, micro", 0.6), _row("l1", 1.1), _row("dice_loss", 0.4)
    unmet = _judge(target, *rows).unmet
    assert [finding.name for finding in unmet] == ["dice_loss"]


def test_rows_are_chosen_by_heading_peer_and_loss():
    target = Target("what", (EAGER,), ("kornia", "F."), ("l1", "dice"), at_least=1.0)
    rows = [
        _row("l1", 0.1),
        _row("dice, macro", 0.2, peer="F.dice"),
        _row("dice, macro", 0.3, peer="MONAI"),
        _row("dice, macro", 0.4, section=COMPILED),
        _row("mse", 0.5),
    ]
    names = [finding.name for finding in _judge(target, *rows).unmet]
    assert names == ["l1 against kornia", "dice, macro against F.dice"]


def test_a_cost_is_bounded_from_above():
    target = Target("what", (EAGER,), at_most=15.0)
    rows = [_row("l1", ours=15.0, unit="us"), _row("mse", ours=20.0, unit="us")]
    judgement = _judge(target, *rows)
    assert judgement.verdict == "missed"
    assert judgement.measured == "20.00 us, mse"
    assert [finding.name for finding in judgement.unmet] == ["mse"]


def test_what_costs_nothing_has_no_ratio_and_meets_its_target():
    judgement = _judge(_each(1.0), _row(ours=0.0))
    assert judgement.verdict == "met"


def test_a_mean_is_geometric_and_counts_each_loss_once():
    rows = _row("l1", 8.0), _row("dice, micro", 1.0), _row("dice, macro", 4.0)
    # of dice 2, of both 4
    judgement = _judge(_each(4.0, mean=True), *rows)
    assert judgement.measured == "4.00 x, 2 losses"
    assert judgement.findings[0].margin == pytest.approx(1)
    assert _judge(_each(4.1, mean=True), *rows).verdict == "missed"


def test_a_mean_is_close_where_the_better_quartiles_reach_it():
    rows = _row("l1", 2.0, 4.0), _row("mse", 1.0, 2.0)
    assert _judge(_each(2.8, mean=True), *rows).verdict == "close"
    assert _judge(_each(2.9, mean=True), *rows).verdict == "missed"


def test_why_a_loss_misses_a_target_is_said_beside_it():
    target = _each(1.0, because={"l1": "two passes", "mse": "not this one"})
    judgement = _judge(target, _row("l1", 0.5), _row("mse", 2.0), _row("l1, x", 0.9, 1))
    said = "l1 0.50 x: two passes; l1, x 0.90 x (within the spread): two passes"
    assert targets.shortcomings(judgement) == said
    printed = targets.table([judgement])
    assert "Targets: 0 met, 0 close, 1 missed" in printed
    assert f"what, >= 1 x: {said}" in printed


@pytest.mark.parametrize("at_most", [None, 3.0])
def test_a_bound_says_which_way_it_goes(at_most):
    at_least = None if at_most else 1 / 1.7
    target = Target("what", (EAGER,), at_least=at_least, at_most=at_most)
    assert target.bound == ("<= 3" if at_most else ">= 0.59 x")


def test_geometric_mean():
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4)
    assert geometric_mean([5.0]) == pytest.approx(5)
    assert geometric_mean([1 / 3, 3.0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("dice, macro, one image", "dice"),
        ("l1_loss", "l1"),
        ("hausdorff_er_loss, 3-D", "hausdorff_er"),
        ("kl_div_loss_2d", "kl_div_loss_2d"),
    ],
)
def test_a_variant_belongs_to_its_loss(name, loss):
    assert loss_of({"loss": name}) == loss


@pytest.fixture(scope="module")
def every_row():
    return [vars(row) for name in groups.names() for row in groups.rows(name)]


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.what)
def test_a_target_finds_each_of_its_losses(target, every_row):
    found = [row for row in every_row if target.concerns(row)]
    assert {row["section"] for row in found} == set(target.sections)
    losses = {loss_of(row) for row in found}
    assert losses >= {*target.losses, *target.but, *target.because} - {"mean"}
    assert math.isfinite(target.at_most or target.at_least)


def test_targets_that_nothing_was_measured_of_are_left_out():
    assert targets.judged([_row(ratio=2.0)]) == []
