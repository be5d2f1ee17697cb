"""The examples run, and win what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from examples import boosting, denoise, registration, robust_fit
from xloss.interop import scipy_objective

ROOT = Path(__file__).parent.parent
SMALL = {
    boosting: ["--points", "500"],
    denoise: ["--side", "48"],
    registration: ["--side", "64"],
    robust_fit: ["--points", "60"],
}
SIDE = 96  # pixels
PART = 56  # pixels: as large as SciPy's vectors are without threads


def name_of(example: object) -> str:
    return str(example.__name__).rpartition(".")[2]


@pytest.mark.parametrize("example", SMALL, ids=name_of)
def test_script_prints_a_table_and_draws(example, tmp_path, capsys) -> None:
    path = tmp_path / "drawn.png"
    example.main([*SMALL[example], "--figure", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) >= 5
    assert "nan" not in printed


def test_every_example_is_run_here_and_shown_on_the_page() -> None:
    names = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert names == {name_of(example) for example in SMALL}
    for page in (ROOT / "docs" / "examples.md", ROOT / "examples" / "README.md"):
        assert all(f"{name}.py" in page.read_text() for name in names)


@pytest.fixture(scope="module")
def denoised() -> dict[str, np.ndarray]:
    clean = denoise.photograph(PART)
    noisy = denoise.damaged(clean)
    images = {
        name: denoise.denoise(noisy, *method)[0]
        for name, method in denoise.METHODS.items()
    }
    return {"photograph": clean, "damaged": noisy, **images}


def test_charbonnier_leaves_less_than_the_noise_without_a_lost_pixel(denoised) -> None:
    noise = -20 * np.log10(denoise.NOISE)  # decibels, of a range of 1
    clean = denoised["photograph"]
    psnr = {
        name: peak_signal_noise_ratio(clean, image, data_range=1.0)
        for name, image in denoised.items()
        if image is not clean
    }
    assert psnr["damaged"] < psnr["squared error"] < noise < psnr["Charbonnier"]


def test_charbonnier_has_the_better_similarity(denoised) -> None:
    clean = denoised["photograph"]
    ssim = [
        structural_similarity(clean, denoised[name], channel_axis=0, data_range=1.0)
        for name in ("damaged", "squared error", "Charbonnier")
    ]
    assert ssim == sorted(ssim)


def test_gradient_finds_what_finite_differences_find() -> None:
    noisy = denoise.damaged(denoise.photograph(8))
    error, smoothness = denoise.METHODS["Charbonnier"]
    fun = scipy_objective(denoise.energy, noisy, error=error, smoothness=smoothness)
    options = {"maxiter": 1000, "maxfun": 10**6}
    start = noisy.ravel()
    ours = minimize(fun, start, jac=True, method="L-BFGS-B", options=options)
    slow = minimize(lambda x: fun(x)[0], start, method="L-BFGS-B", options=options)
    # A relative change below 2e-9 ends both; differences are right to 1e-8.
    assert ours.fun == pytest.approx(slow.fun, rel=1e-6)
    assert ours.nfev < slow.nfev / 100


@pytest.mark.parametrize("name", robust_fit.PROBLEMS)
def test_welsch_is_as_good_as_if_nothing_were_wrong(name: str) -> None:
    model, _, truth, start, end = robust_fit.PROBLEMS[name]
    x, y, wrong = robust_fit.measure(model, truth, end, 200)
    assert wrong.mean() == 0.3
    expected = robust_fit.standard_errors(model, x, y, wrong, start)
    off = {
        loss: np.max(np.abs(parameters - truth) / expected)
        for loss, parameters in robust_fit.fits(model, x, y, start).items()
    }
    # 4 standard errors: one fit of thousands is farther off by chance.
    assert off["Welsch"] < 4 < off["linear"]
    assert off["Welsch"] < off["soft_l1"]


def test_standard_errors_are_those_of_linear_regression() -> None:
    model, _, truth, start, end = robust_fit.PROBLEMS["line"]
    x, y, wrong = robust_fit.measure(model, truth, end, 200)
    right = x[~wrong]
    spread = np.sum((right - right.mean()) ** 2)
    slope = robust_fit.NOISE / np.sqrt(spread)
    offset = slope * np.sqrt(np.mean(right**2))
    errors = robust_fit.standard_errors(model, x, y, wrong, start)
    # SciPy's Jacobian is a forward difference, right to half the digits.
    np.testing.assert_allclose(errors, [slope, offset], rtol=1e-6)


def farthest_corner(pose: np.ndarray) -> float:
    """Return by how many pixels a corner of the image is misplaced."""
    corners = (SIDE - 1) / 2 * np.asarray([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j])

    def placed(angle: float, down: float, right: float) -> np.ndarray:
        # Rows are the imaginary axis, downward; x turns away from y.
        return corners * np.exp(-1j * np.deg2rad(angle)) + right + 1j * down

    return float(np.max(np.abs(placed(*pose) - placed(*registration.TRUTH))))


@pytest.mark.parametrize(
    ("tones", "loss"),
    [
        ("the same tones", "squared error"),
        ("the same tones", "mutual information"),
        ("solarised", "mutual information"),
    ],
)
def test_registration_is_right_to_a_part_of_a_pixel(tones: str, loss: str) -> None:
    moving = registration.photograph()
    fixed = registration.other(moving, registration.TONES[tones], SIDE)
    pose, _ = registration.register(moving, fixed, registration.LOSSES[loss])
    assert farthest_corner(pose) < 0.25


def test_squared_error_is_lost_among_other_tones() -> None:
    moving = registration.photograph()
    fixed = registration.other(moving, registration.TONES["solarised"], SIDE)
    pose, _ = registration.register(moving, fixed, registration.LOSSES["squared error"])
    # Where it starts, in the middle, a corner is off by about 20 pixels.
    assert farthest_corner(pose) > 10


def test_warp_is_linear_interpolation() -> None:
    image = registration.photograph()
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    turned = (
        (x + 1j * y) * np.exp(-1j * np.deg2rad(7.0)) + 4.25 - 3.5j + 127.5 * (1 + 1j)
    )
    expected = map_coordinates(image, [turned.imag, turned.real], order=1)
    warped = registration.warp(image, np.asarray([7.0, -3.5, 4.25]), SIDE)
    np.testing.assert_allclose(warped, expected, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def boosted() -> dict[str, float]:
    methods = boosting.learn(*boosting.measure(2000))
    x = np.linspace(0.0, 10.0, 1001)
    return {name: boosting.error(learned, x) for name, learned in methods.items()}


def test_majorizer_learns_what_is_right(boosted) -> None:
    # Better than one right measurement, and than the median of right and wrong ones.
    assert boosted["Welsch, majorizer"] < boosting.NOISE
    assert boosted["Welsch, majorizer"] < boosted["absolute error"]


def test_squared_error_learns_the_mean_of_right_and_wrong(boosted) -> None:
    shift = boosting.WRONG * (3.0 + 12.0) / 2
    # The mean square is that of the shift and of the scatter around it.
    assert boosted["squared error"] > 0.9 * shift


def test_hessian_is_worse_than_no_tree(boosted) -> None:
    x = np.linspace(0.0, 10.0, 1001)
    assert boosted["Welsch, hessian"] > 3 * np.std(boosting.truth(x))
