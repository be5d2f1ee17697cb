"""Correlation on NumPy, by products of views: every length and layout."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from xloss._core.filters import Window, correlate

TAPS = [0.1, 0.2, 0.4, 0.2, 0.1]
WIDE = [1.0 / 45] * 45  # wider than a block


def convolved(x, taps, axis):
    return np.apply_along_axis(lambda row: np.convolve(row, taps, "valid"), axis, x)


@pytest.mark.parametrize("taps", [TAPS, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("order", ["C", "F"])
def test_whole_windows_of_every_length(taps, length, order):
    rng = np.random.default_rng(length)
    size = length + len(taps) - 1
    x = np.asarray(rng.random((2, size, size)), order=order)
    x.flags.writeable = False
    want = convolved(convolved(x, taps, 1), taps, 2)
    got = correlate(xp, x, Window(taps), [(None, None)] * 2)
    np.testing.assert_allclose(got, want, rtol=1e-13)


@pytest.mark.parametrize(
    ("border", "mode"), [("reflect", "reflect"), ("zeros", "constant")]
)
def test_borders(border, mode):
    x = np.random.default_rng(0).random((3, 70, 41))[:, ::2]
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)), mode=mode)
    want = convolved(convolved(padded, TAPS, 1), TAPS, 2)
    got = correlate(xp, x, Window(TAPS), [(border, border)] * 2)
    np.testing.assert_allclose(got, want, rtol=1e-13)
