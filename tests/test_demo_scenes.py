"""What the demo makes of its picture: the arguments of the losses."""

import numpy as np
import pytest

from xloss.demo import heat_maps, pictures, registration, scenes, tones

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.random((3, 48, 40))

# Degradations


def test_scene_is_the_same_every_time_and_leaves_its_input():
    before = PIXELS.copy()
    first, second = scenes.degrade(PIXELS), scenes.degrade(PIXELS)
    np.testing.assert_array_equal(first.degraded, second.degraded)
    np.testing.assert_array_equal(PIXELS, before)
    assert first.degraded.shape == first.clean.shape == (3, 3, 48, 40)
    assert first.degraded.dtype == first.clean.dtype == np.float32
    np.testing.assert_array_equal(first.clean[1], PIXELS.astype(np.float32))


def test_noise_has_its_standard_deviation():
    grey = np.full((3, 100, 100), 0.5)  # five deviations from the clipping
    noise = scenes.degrade(grey).degraded[0] - 0.5
    # 30 000 samples know their mean and deviation to about 0.6 % and 0.4 %.
    assert abs(noise.mean()) < 0.03 * scenes.NOISE
    assert noise.std() == pytest.approx(scenes.NOISE, rel=0.02)


def test_blur_is_scipys_gaussian():
    ndimage = pytest.importorskip("scipy.ndimage")
    sigma = (0, scenes.BLUR, scenes.BLUR)
    expected = ndimage.gaussian_filter(PIXELS, sigma, mode="mirror", truncate=3)
    blurred = scenes.degrade(PIXELS).degraded[1]
    np.testing.assert_allclose(blurred, expected, rtol=2e-7)  # rounded to float32


def test_outliers_are_black_or_white_in_all_channels():
    grey = np.full((3, 200, 200), 0.5)
    salted = scenes.degrade(grey).degraded[2]
    assert set(np.unique(salted)) == {0.0, 0.5, 1.0}
    np.testing.assert_array_equal(salted[0], salted[2])
    for value in (0.0, 1.0):
        # 40 000 pixels: 1000 ± 31 of each
        share = (salted[0] == value).mean()
        assert share == pytest.approx(scenes.OUTLIERS / 2, abs=0.005)


# Labels


def test_tones_are_parted_by_otsus_thresholds():
    filters = pytest.importorskip("skimage.filters")
    brightness = pictures.synthetic().mean(axis=0)
    means = tones.tone_means(brightness)
    parted = (means[:-1] + means[1:]) / 2
    bins = 256
    expected = filters.threshold_multiotsu(brightness, len(tones.TONES), bins)
    # The histogram knows a threshold to a bin.
    np.testing.assert_allclose(parted, expected, atol=np.ptp(brightness) / bins)


def test_the_clean_picture_predicts_its_own_labels():
    pixels = pictures.synthetic()
    found = tones.predict(pixels[np.newaxis].astype(np.float32), pixels)
    assert set(np.unique(found.labels)) == {0, 1, 2}
    np.testing.assert_array_equal(found.logits.argmax(axis=1), found.labels)
    np.testing.assert_array_equal(found.bright, found.labels == 2)
    np.testing.assert_array_equal(found.bright_logits[:, 0] > 0, found.bright)


def test_logits_are_those_of_normal_tones():
    stats = pytest.importorskip("scipy.stats")
    found = tones.predict(PIXELS[np.newaxis].astype(np.float32), PIXELS)
    means = tones.tone_means(PIXELS.mean(axis=0))[:, np.newaxis, np.newaxis]
    expected = stats.norm.logpdf(PIXELS.mean(axis=0), means, tones.SPREAD)
    # Up to what is common to the tones; the pixels and the logits are float32.
    gaps = found.logits[0] - found.logits[0, :1]
    np.testing.assert_allclose(gaps, expected - expected[:1], rtol=1e-5, atol=1e-5)


def test_a_picture_of_one_tone_has_finite_logits():
    grey = np.full((1, 20, 20), 0.5)
    found = tones.predict(grey[np.newaxis].astype(np.float32), grey)
    assert np.all(found.labels == found.labels[0, 0, 0])
    assert np.all(np.isfinite(found.logits))


def test_probabilities_are_the_softmax():
    special = pytest.importorskip("scipy.special")
    found = scenes.degrade(PIXELS).tones
    expected = special.softmax(found.logits.astype(np.float64), axis=1)
    # a float32 logit of 50 knows its power to 50 rounding units
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)


# Heat maps


def _quarter(pixels, i):
    rows, columns = (
        (slice(None, 24), slice(-24, None)),
        (slice(None, 20), slice(20, 40)),
    )
    return pixels.mean(axis=0)[rows[i // 2], columns[i % 2]]


def test_heat_maps_are_distributions():
    for maps in scenes.degrade(PIXELS).heat_maps:
        assert maps.shape == (3, 4, 24, 20)
        assert maps.dtype == np.float32
        assert maps.min() >= 0
        # rounded to float32, 480 of them
        np.testing.assert_allclose(maps.sum((2, 3), np.float64), 1, rtol=1e-6)


def test_the_clean_picture_has_its_points_where_the_targets_have_them():
    clean = PIXELS[np.newaxis].astype(np.float32)
    found = heat_maps.predict(clean, PIXELS)
    for i in range(4):
        point = heat_maps.steepest(_quarter(PIXELS, i))
        for maps in found:
            largest = np.unravel_index(maps[0, i].argmax(), (24, 20))
            assert largest == point


def test_the_steepest_point_lies_on_the_edge():
    image = np.zeros((12, 12))
    image[:, 7:] = 1.0
    image[5, 7:] = 3.0
    row, column = heat_maps.steepest(image)
    assert (row, column in (6, 7)) == (5, True)
    # not where no whole patch would fit
    image[0, 0] = 100.0
    assert heat_maps.steepest(image) == (row, column)


def test_targets_are_gaussians():
    stats = pytest.importorskip("scipy.stats")
    target = scenes.degrade(PIXELS).heat_maps.target[0, 0].astype(np.float64)
    row, column = heat_maps.steepest(_quarter(PIXELS, 0))
    rows = stats.norm.pdf(np.arange(24), row, heat_maps.WIDTH)
    columns = stats.norm.pdf(np.arange(20), column, heat_maps.WIDTH)
    expected = np.outer(rows, columns) / (rows.sum() * columns.sum())
    np.testing.assert_allclose(target, expected, rtol=1e-6, atol=1e-30)


# Registration


@pytest.fixture(scope="module")
def registered():
    return registration.register(pictures.synthetic()[:, :128, :160])


@pytest.mark.parametrize("tone", registration.TONES)
@pytest.mark.parametrize(
    "loss", ["mutual_information", "normalized_mutual_information", "lncc"]
)
def test_the_shift_is_found_in_other_tones(registered, loss, tone):
    assert registered.shift == 6
    assert registered.found(tone, loss) == 6


def test_global_correlation_takes_a_negative_for_the_opposite(registered):
    assert registered.found("gamma 2.2", "ncc") == 6
    assert registered.found("inverted", "ncc") != 6
    losses = registered.losses["inverted"]["ncc"]
    assert registered.shifts[losses.argmax()] == 6


def test_pictures_are_moved_to_the_right():
    registered = registration.register(PIXELS)
    shift = registered.shift
    assert (shift, registered.shifts[-1]) == (5, 10)
    still = registered.fixed[:, :-shift]
    noise = 1 - registered.moving["inverted"][:, shift:] - still
    # 48 x 15 pixels know their deviation to about 3 %
    assert noise.std() == pytest.approx(registration.NOISE, rel=0.1)


def test_large_pictures_are_registered_in_a_reduced_size():
    pixels = np.repeat(np.repeat(RANDOM.random((1, 20, 260)), 2, axis=1), 2, axis=2)
    registered = registration.register(pixels)
    # 520 columns reduced three times, without the margins of 12
    assert registered.fixed.shape == (40 // 3, 520 // 3 - 24)


def test_the_smallest_picture_can_be_registered():
    side = pictures.SHORTEST_SIDE
    registered = registration.register(RANDOM.random((1, side, side)))
    assert registered.found("inverted", "mutual_information") == registered.shift == 2
