"""What grows is measured at the places that it says, with the rounds that it says."""

import pytest

from benchmarks.groups import growth
from benchmarks.groups.growth.works import BATCH, CLASSES, CURVES, ELEMENTS, WINDOW
from benchmarks.rows import Result, Settings

SETTINGS = Settings(size=10**7, rounds=15)


@pytest.fixture
def asked(monkeypatch):
    """Return the settings of every race, none of which is run."""
    seen = []

    def timed(contenders, agreement):
        return lambda settings: seen.append(settings) or Result("ms", 1, 2, 2, 2, 2)

    monkeypatch.setattr(growth, "timed", timed)
    return seen


def _rows(axis):
    return [row for row in growth.rows() if row.section.startswith(f"{axis.name}: ")]


def test_large_inputs_take_fewer_rounds(asked):
    rounds = {}
    for row in _rows(ELEMENTS):
        row.run(SETTINGS)
        rounds[row.at] = asked[-1].rounds
    assert rounds == {10**3: 7, 10**4: 7, 10**5: 7, 10**6: 3, 10**7: 3}


def test_one_round_is_the_least(asked):
    _rows(ELEMENTS)[0].run(Settings(size=10**7, rounds=1))
    assert asked[-1].rounds == 1


def test_inputs_beyond_the_size_are_left_out(asked):
    results = [row.run(Settings(size=10**5, rounds=15)) for row in _rows(ELEMENTS)]
    left_out = {result.remark for result in results if result.ours is None}
    assert left_out == {f"left out: {n:,} elements" for n in (10**6, 10**7)}
    assert len(asked) == sum(result.ours is not None for result in results)


@pytest.mark.parametrize(
    "axis", [ELEMENTS, BATCH, CLASSES, WINDOW], ids=lambda x: x.name
)
def test_every_way_to_run_reaches_both_ends_of_an_axis(axis):
    places = {}
    for row in _rows(axis):
        places.setdefault((row.section, row.loss), []).append(row.at)
    for reached in places.values():
        assert reached == sorted(reached)
        assert (reached[0], reached[-1]) == (axis.places[0], axis.places[-1])


@pytest.mark.parametrize(
    "axis", [ELEMENTS, BATCH, CLASSES, WINDOW], ids=lambda x: x.name
)
def test_no_input_is_larger_than_it_counts(axis):
    for curve in CURVES:
        if curve.axis.name == axis.name:
            place = curve.axis.places[0]
            first = curve.work.inputs(place)[0]
            assert axis.elements(place) / 3 < first.size <= 1.1 * axis.elements(place)
