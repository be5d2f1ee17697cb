"""The demo's tables: each row's values, and how they are laid out."""

import re

import numpy as np
import pytest

from xloss.__main__ import main
from xloss.demo import backends, registration, scenes, table
from xloss.demo.rows import (
    DIVERGENCES,
    IMAGE,
    MORPHOLOGY,
    REGISTRATION,
    REGRESSION,
    ROBUST,
    ROWS,
)

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.random((3, 48, 40))
C1, C2 = 0.01**2, 0.03**2


def _saved(tmp_path, *shape):
    path = tmp_path / "picture.npy"
    np.save(path, RANDOM.integers(0, 256, shape, dtype=np.uint8))
    return str(path)


def _textbook(scene):
    """The pointwise losses of the table, as a textbook prints them."""
    pred, clean = (a.astype(np.float64) for a in scene[:2])
    r, size = pred - clean, abs(pred - clean)
    z = (r / 0.1) ** 2
    quadratic = np.where(size <= 0.1, r * r / 2, 0.1 * (size - 0.05))
    return {
        "charbonnier": np.sqrt(z + 1) - 1,
        "cauchy": np.log(z / 2 + 1),
        "geman_mcclure": 2 * z / (z + 4),
        "welsch": 1 - np.exp(-z / 2),
        "general_robust": (0.5 / 1.5) * ((z / 0.5 + 1) ** 0.75 - 1),
        "mse": r * r,
        "l1": size,
        "smooth_l1": quadratic / 0.1,
        "huber": quadratic,
        "log_cosh": np.log(np.cosh(r)),
        "quantile": np.maximum(-0.9 * r, 0.1 * r),
    }


@pytest.mark.parametrize("row", ROBUST + REGRESSION, ids=lambda row: row.name)
def test_row_shows_the_textbooks_value(row):
    scene = scenes.degrade(PIXELS)
    expected = _textbook(scene)[row.name]
    result = table.measure(row, scene, backends.start(["numpy"])[0])
    # The textbook's forms cancel for small residuals: 1e-9 of a mean is ample.
    assert result.exact == pytest.approx(expected.mean(), rel=1e-9)
    by_degradation = expected.reshape(3, -1).mean(axis=1)
    assert result.by_degradation == pytest.approx(by_degradation, rel=1e-9)
    assert result.disagreement < 1e-6  # float32, over 17 280 values
    assert result.runs[0].seconds > 0


def _blurred(images, sigma, reach, mode):
    ndimage = pytest.importorskip("scipy.ndimage")
    return ndimage.gaussian_filter(
        images, (0, 0, sigma, sigma), mode=mode, radius=reach
    )


def _luminance_and_contrast(x, y, sigma=1.5, reach=5, mode="mirror"):
    """The two factors of SSIM at every pixel, as Wang et al. print them."""

    def mean(images):
        return _blurred(images, sigma, reach, mode)

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    luminance = (2 * mx * my + C1) / (mx**2 + my**2 + C1)
    return luminance, (2 * vxy + C2) / (vx + vy + C2)


def _ssim(x, y):
    luminance, contrast = _luminance_and_contrast(x, y)
    return (1 - luminance * contrast).mean() / 2


def _ms_ssim(x, y):
    product = 1.0
    for level, power in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if level > 0:
            x, y = (_halved(image) for image in (x, y))
        # 5 pixels at each end have windows that the border cuts.
        luminance, contrast = (
            factor[..., 5:-5, 5:-5] for factor in _luminance_and_contrast(x, y)
        )
        factor = contrast if level < 4 else luminance * contrast
        product = product * np.maximum(factor.mean(axis=(2, 3)), 0) ** power
    return (1 - product).mean() / 2


def _halved(images):
    height, width = images.shape[2] // 2, images.shape[3] // 2
    even = images[..., : 2 * height, : 2 * width]
    return even.reshape(*images.shape[:2], height, 2, width, 2).mean(axis=(3, 5))


def _ms_ssim_l1(x, y):
    product = 1.0
    for sigma in (0.5, 1.0, 2.0, 4.0, 8.0):
        factors = _luminance_and_contrast(x, y, sigma, reach=16, mode="constant")
        product = product * factors[1]
    product = product * factors[0]
    distance = _blurred(abs(x - y), 8.0, 16, "constant")
    return 200 * (0.025 * (1 - product) + 0.975 * distance).mean()


def _psnr(x, y):
    return 10 * np.log10(((x - y) ** 2).mean())


def _total_variation(x, y):
    return abs(np.diff(x, axis=2)).mean() + abs(np.diff(x, axis=3)).mean()


def _inverse_depth_smoothness(x, y):
    total = 0.0
    for axis in (2, 3):
        depth = abs(np.diff(x.mean(axis=1, keepdims=True), axis=axis))
        edge = abs(np.diff(y, axis=axis)).mean(axis=1, keepdims=True)
        total += (depth * np.exp(-edge)).mean()
    return total


_IMAGE_TEXTBOOK = {
    "ssim": _ssim,
    "ms_ssim": _ms_ssim,
    "ms_ssim_l1": _ms_ssim_l1,
    "psnr": _psnr,
    "total_variation": _total_variation,
    "inverse_depth_smoothness": _inverse_depth_smoothness,
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("row", IMAGE, ids=lambda row: row.name)
def test_image_row_shows_the_textbooks_value(row, channels):
    height, width = 48 + row.least_side, 40 + row.least_side
    scene = scenes.degrade(RANDOM.random((channels, height, width)))
    pred, clean = (a.astype(np.float64) for a in scene[:2])
    expected = _IMAGE_TEXTBOOK[row.name]
    result = table.measure(row, scene, backends.start(["numpy"])[0])
    # SSIM's eps of 1e-12 and a brightness rounded to float32 are both below 1e-7.
    assert result.exact == pytest.approx(expected(pred, clean), rel=1e-7)
    assert result.by_degradation == pytest.approx(
        [expected(pred[i : i + 1], clean[i : i + 1]) for i in range(3)], rel=1e-7
    )
    assert result.disagreement < 1e-6  # float32


def _entropy(p):
    positive = p[p > 0]
    return -(positive * np.log(positive)).sum()


def _joint(x, y, bins=64):
    """Every sample weighed for every pair of bins by Xu's kernel of radius 1."""
    weights = []
    for signal in (x, y):
        place = (signal - signal.min()) / np.ptp(signal) * (bins - 1)
        u = abs(np.arange(bins)[:, np.newaxis] - place.ravel())
        outer = np.where(u < 1, (1 - u) * (1.9 - 1.8 * u), 0)
        weights.append(np.where(u < 0.5, 1 - 0.1 * u - 1.8 * u**2, outer))
    joint = weights[0] @ weights[1].T
    return joint / joint.sum()


def _of_planes(value):
    def mean(x, y):
        planes = (a.reshape(-1, *a.shape[2:]) for a in (x, y))
        return np.mean([value(*pair) for pair in zip(*planes, strict=True)])

    return mean


def _information(x, y):
    joint = _joint(x, y)
    return _entropy(joint) - _entropy(joint.sum(0)) - _entropy(joint.sum(1))


def _normalized_information(x, y):
    joint = _joint(x, y)
    return -(_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / _entropy(joint)


def _ncc(x, y):
    return 1 - np.corrcoef(x.ravel(), y.ravel())[0, 1]


def _lncc(x, y):
    ndimage = pytest.importorskip("scipy.ndimage")

    def mean(image):
        return ndimage.uniform_filter(image, 9, mode="mirror")

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return (1 - vxy**2 / (vx * vy)).mean()


def _kl_div(pred, target):
    return pytest.importorskip("scipy.special").rel_entr(target, pred).sum()


def _js_div(pred, target):
    distance = pytest.importorskip("scipy.spatial.distance").jensenshannon
    return distance(pred.ravel(), target.ravel()) ** 2


def _hausdorff(pred, labels):
    correlate = pytest.importorskip("scipy.ndimage").correlate
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]) / 5
    total = 0.0
    for b, c in np.ndindex(pred.shape[:2]):
        error = (pred[b, c] - (labels[b, 0] == c)) ** 2
        for i in range(10):
            error = np.maximum(correlate(error, cross, mode="constant") - 0.5, 0)
            if np.ptp(error) > 0:
                error = (error - error.min()) / np.ptp(error)
            total += (i + 1) ** 2 * error.sum()
    return total / pred.size


_OTHERS_TEXTBOOK = {
    "kl_div": _of_planes(_kl_div),
    "js_div": _of_planes(_js_div),
    "hausdorff_er": _hausdorff,
    "mutual_information": _of_planes(_information),
    "normalized_mutual_information": _of_planes(_normalized_information),
    "ncc": _of_planes(_ncc),
    "lncc": _of_planes(_lncc),
}


@pytest.mark.parametrize(
    "row", DIVERGENCES + MORPHOLOGY + REGISTRATION, ids=lambda row: row.name
)
def test_other_row_shows_the_textbooks_value(row):
    scene = scenes.degrade(PIXELS)
    pred, other = scene.arguments(row.arguments)
    exact = pred.astype(np.float64), other * np.float64(1)
    expected = _OTHERS_TEXTBOOK[row.name]
    result = table.measure(row, scene, backends.start(["numpy"])[0])
    # SciPy normalises the heat maps again, which float32 left 1e-7 from 1.
    assert result.exact == pytest.approx(expected(*exact), rel=1e-6)
    assert result.by_degradation == pytest.approx(
        [expected(*(a[i : i + 1] for a in exact)) for i in range(3)], rel=1e-6
    )
    # float32: three erosions in a row magnify what the first was rounded by
    assert result.disagreement < 1e-5


@pytest.mark.parametrize(
    ("exact", "values", "expected"),
    [(2.0, [2.0, 2.5, 1.0], 0.5), (0.0, [0.0, 0.25], 0.25)],
)
def test_disagreement_is_the_largest_and_relative(exact, values, expected):
    runs = [table.Run(value) for value in values]
    assert table.Result(ROWS[0], exact, [], runs).disagreement == expected


@pytest.mark.parametrize(
    ("shape", "left_out"),
    [((48, 40, 3), {"ms_ssim"}), ((48, 40), {"ms_ssim"}), ((176, 180, 3), set())],
)
def test_columns_are_aligned(tmp_path, capsys, shape, left_out):
    path = _saved(tmp_path, *shape)
    assert main(["demo", "--image", path, "--backend", "numpy"]) == 0
    printed = capsys.readouterr().out
    blocks = printed.split("\n\n")
    tables = [block.splitlines() for block in blocks if "-----" in block]
    every = [row.name for row in ROWS if row.name not in left_out]
    for lines, shown in zip(tables, [every, every, registration.LOSSES], strict=True):
        ruler = next(line for line in lines if line.startswith("---"))
        ends = [match.end() for match in re.finditer("-+", ruler)][1:]
        rows = lines[lines.index(ruler) + 1 :]
        assert [line.split()[0] for line in rows] == list(shown)
        for row in rows:
            assert all(row[end - 1] != " " for end in ends)
            assert len(row) == ends[-1]
    assert set(re.findall(r"(\S+) is left out: it needs 176", printed)) == left_out


def test_special_rows_are_explained(tmp_path, capsys):
    assert (
        main(["demo", "--image", _saved(tmp_path, 48, 40), "--backend", "numpy"]) == 0
    )
    printed = capsys.readouterr().out
    assert "\ntotal_variation: of the degraded picture alone\n" in printed


def test_every_installed_backend_agrees(tmp_path, capsys):
    assert main(["demo", "--image", _saved(tmp_path, 176, 180, 3)]) == 0
    printed = capsys.readouterr().out
    for name in ("torch", "jax", "dask"):
        pytest.importorskip(name)
        assert re.search(rf"with .*\b{name} \d", printed)
    worst = float(re.search(r"NumPy float64: (\S+) \(", printed)[1])
    # XLA adds up the 31 680 errors of each Lovász hinge one by one, in float32.
    assert worst < 5e-6


@pytest.mark.parametrize(("seconds", "calls"), [(0.1, table.REPEATS), (1.5, 2), (9, 1)])
def test_slow_losses_are_repeated_less(monkeypatch, seconds, calls):
    timed = []

    def seconds_of(call, inputs):
        timed.append(call)
        return seconds

    monkeypatch.setattr(table, "_seconds", seconds_of)
    scene = scenes.degrade(PIXELS)
    result = table.measure(ROWS[0], scene, backends.start(["numpy"])[0])
    assert len(timed) == calls
    assert [run.seconds for run in result.runs] == [seconds]
