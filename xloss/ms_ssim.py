"""Multi-scale structural similarity: Zhao's loss and Wang's measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ._core.checks import (
    arrays_among,
    check_channels,
    check_reduction,
    floats,
    number,
    odd_size,
    positive,
)
from ._core.filters import Borders, Window, correlate, gaussian, span
from ._core.local_moments import Centred, Moments, Omit, centre, moments
from ._core.namespace import as_option, cast, quiet, resolve
from ._core.numerics import absolute, expm1, within
from ._core.reduction import reduce
from ._core.typing import Array, ArrayT, Namespace, Reduction
from ._core.windowed import check_windows, plane_means, windowed
from .similarity import K1, K2, SIGMA, contrast, luminance

__all__ = ["MS_SSIMLoss", "MsSsimLoss", "ms_ssim_l1_loss", "ms_ssim_loss"]

SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)
POWER_FACTORS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ms_ssim_l1_loss(
    img1: ArrayT,
    img2: ArrayT,
    sigmas: tuple[float, ...] = SIGMAS,
    data_range: float = 1.0,
    K: tuple[float, float] = (K1, K2),  # noqa: N803 - kornia's name
    alpha: float = 0.025,
    compensation: float = 200.0,
    reduction: Reduction = "mean",
    *,
    where: Array | None = None,
    sample_weight: Array | None = None,
) -> ArrayT:
    r"""Multi-scale structural dissimilarity and absolute error, mixed for restoration.

    .. math::

       \ell = \gamma \left( \alpha \Big(1 - \tfrac1C \sum_c l_c(\sigma_S)
       \prod_{s=1}^{S} cs_c(\sigma_s)\Big) + (1 - \alpha) \tfrac1C \sum_c
       \frac{(G_{\sigma_S} * |x_c - y_c|)}{L} \right)

    with l and cs the two factors of SSIM under Gaussian windows of the `sigmas`, all at
    full resolution, :math:`L` the `data_range` and :math:`\gamma` the `compensation`.

    Parameters
    ----------
    img1, img2
        Images of one shape (B, C, \*) with one, two or three spatial axes, of any real
        dtype. Integers are converted before they are subtracted.
    sigmas
        Standard deviations of the windows in pixels; the last one also weighs l and
        the absolute error, and all windows have its ``2 int(2 sigma) + 1`` taps, 33 at
        the defaults.
    data_range
        Positive: the range of the pixels, 255 for uint8 images.
    K
        The two constants of SSIM in units of the range, positive.
    alpha
        Share of the structural part, in [0, 1].
    compensation
        Factor of the whole, positive.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).
    where
        Boolean mask that broadcasts to the unreduced loss (B, \*): pixels of the map
        take no part where it is False.
    sample_weight
        Weights that broadcast to the unreduced loss; ``"mean"`` divides by their sum.

    Returns
    -------
    array
        Not negative, 0 for identical images. For ``"none"`` (B, \*), one number for all
        channels of a pixel; otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit.

    Notes
    -----
    Beyond the borders images are 0, so that a window there sees an edge in both.
    Identical images give exactly 0, and an offset common to all pixels costs no digits.

    References
    ----------
    Zhao, Gallo, Frosio and Kautz, "Loss functions for image restoration with neural
    networks", IEEE TCI 2017, arXiv:1511.08861, eq. 14.

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.full((1, 3, 64, 64), 0.8)
    >>> loss = ms_ssim_l1_loss(flat, flat - 0.2, reduction="none")
    >>> print(f"centre {loss[0, 32, 32]:.5f}, corner {loss[0, 0, 0]:.5f}")
    centre 39.19998, corner 11.87062
    """
    function = "ms_ssim_l1_loss"
    sigmas = floats(function, "sigmas", sigmas, lambda v: 0 < v < 1e6, "positive")
    width = 2 * int(2.0 * sigmas[-1]) + 1
    k1, k2 = floats(function, "K", K, lambda v: v > 0, "positive", 2)
    return windowed(
        function,
        partial(_l1_map, windows=[gaussian(width, s) for s in sigmas], k1=k1, k2=k2),
        {"img1": img1, "img2": img2},
        reduction,
        width=width,
        border="zeros",
        over_channels=True,
        where=where,
        sample_weight=sample_weight,
        max_val=positive(function, "data_range", data_range),
        alpha=number(function, "alpha", alpha, lambda v: 0 <= v <= 1, "in [0, 1]"),
        compensation=positive(function, "compensation", compensation),
    )


@dataclass(frozen=True)
class MS_SSIMLoss:  # noqa: N801 - kornia's name
    """Criterion of :func:`ms_ssim_l1_loss`: options first, arrays at the call."""

    sigmas: tuple[float, ...] = SIGMAS
    data_range: float = 1.0
    K: tuple[float, float] = (K1, K2)
    alpha: float = 0.025
    compensation: float = 200.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _as_tuples(self, "sigmas", "K")

    def __call__(
        self,
        img1: ArrayT,
        img2: ArrayT,
        *,
        where: Array | None = None,
        sample_weight: Array | None = None,
    ) -> ArrayT:
        """Return the loss of two images."""
        return ms_ssim_l1_loss(
            img1,
            img2,
            self.sigmas,
            self.data_range,
            self.K,
            self.alpha,
            self.compensation,
            self.reduction,
            where=where,
            sample_weight=sample_weight,
        )


def ms_ssim_loss(
    img1: ArrayT,
    img2: ArrayT,
    window_size: int = 11,
    max_val: float = 1.0,
    power_factors: tuple[float, ...] = POWER_FACTORS,
    reduction: Reduction = "mean",
) -> ArrayT:
    r"""Multi-scale structural dissimilarity: SSIM over halved and halved again images.

    .. math::

       \ell = \frac12 - \frac1{2C} \sum_c \big[\overline{\text{SSIM}}_{c,M}\big]_+^{w_M}
       \prod_{j=1}^{M-1} \big[\overline{cs}_{c,j}\big]_+^{w_j}

    with the means over all whole windows at scale j, the images of which are averages
    of 2 x 2 pixels of those at scale j - 1.

    Parameters
    ----------
    img1, img2
        Images of one shape (B, C, \*) with one, two or three spatial axes, of any real
        dtype, whose sides are at least ``window_size * 2**(scales - 1)``, 176 at the
        defaults. Where a side is odd its last line drops out.
    window_size
        Taps of the window along each spatial axis at every scale: odd.
    max_val
        Positive: the range of the pixels, 255 for uint8 images.
    power_factors
        The weights w of the scales, not negative, from the finest to the coarsest.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"`` (``None`` means ``"none"``).

    Returns
    -------
    array
        In [0, 1/2], 0 for identical images. For ``"none"`` (B,), one number for each
        sample; otherwise a scalar. MS-SSIM itself is ``1 - 2 * loss``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, arrays of two libraries.
    ValueError
        If shapes, devices, dtypes or options do not fit: sides that are too small.

    Notes
    -----
    A mean that is not positive makes the similarity of its channel 0, with gradient 0.
    1 - MS-SSIM is computed without the subtraction: images that are alike keep all
    digits of the loss.

    References
    ----------
    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
    assessment", Asilomar 2003, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0.0, 1.0, 176 * 176).reshape(1, 1, 176, 176)
    >>> print(f"{ms_ssim_loss(image, image**2):.6f}")
    0.037422
    """
    function = "ms_ssim_loss"
    images = {"img1": img1, "img2": img2}
    kind = check_reduction(function, reduction)
    width = odd_size(function, "window_size", window_size)
    max_val = positive(function, "max_val", max_val)
    powers = floats(
        function, "power_factors", power_factors, lambda v: v >= 0, "at least 0"
    )
    extra = arrays_among({"max_val": max_val})
    xp, dtype, compute = resolve(function, images, extra)
    check_windows(function, images, width, None, (1, 2, 3), len(powers))
    check_channels(function, images)
    max_val = as_option(xp, max_val, compute)
    with quiet(xp):
        centred = centre(xp, cast(xp, img1, compute), cast(xp, img2, compute), max_val)
        distances = _distances(xp, centred, gaussian(width, SIGMA), len(powers))
        loss = reduce(xp, xp.mean(_half(xp, distances, powers), axis=1), None, kind)
        result: ArrayT = cast(xp, loss, dtype)
    return result


@dataclass(frozen=True)
class MsSsimLoss:
    """Criterion of :func:`ms_ssim_loss`: options first, arrays at the call."""

    window_size: int = 11
    max_val: float = 1.0
    power_factors: tuple[float, ...] = POWER_FACTORS
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _as_tuples(self, "power_factors")

    def __call__(self, img1: ArrayT, img2: ArrayT) -> ArrayT:
        """Return the loss of two images."""
        return ms_ssim_loss(
            img1,
            img2,
            self.window_size,
            self.max_val,
            self.power_factors,
            self.reduction,
        )


def _as_tuples(criterion: object, *names: str) -> None:
    """Turn lists among the fields into tuples, which have a hash."""
    for name in names:
        value = getattr(criterion, name)
        if isinstance(value, list):
            object.__setattr__(criterion, name, tuple(value))


def _l1_map(
    xp: Namespace,
    img1: Any,
    img2: Any,
    borders: Borders,
    omit: Omit | None,
    *,
    windows: list[Window],
    k1: float,
    k2: float,
    max_val: Any,
    alpha: Any,
    compensation: Any,
) -> Any:
    centred = centre(xp, img1, img2, max_val, omit)
    # 1 - l Π cs, from 1 - ab = (1 - a) + (1 - b) - (1 - a)(1 - b) with small terms.
    *finer, coarsest = windows
    local = moments(xp, centred, coarsest, borders)
    far = _structure_distance(xp, local, k1, k2)
    for window in finer:
        local = moments(xp, centred, window, borders)
        far = _either(far, _contrast_distance(xp, local, k2))
    error = img1 - img2
    if omit is not None:
        error = xp.where(omit.pixels, 0.0, error)
    error = correlate(xp, absolute(xp, error) / max_val, coarsest, borders)
    return compensation * xp.mean(alpha * far + (1.0 - alpha) * error, axis=1)


def _either(a: Any, b: Any) -> Any:
    return a + b - a * b


def _contrast_distance(xp: Namespace, local: Moments, k: float) -> Any:
    """Return 1 - cs, which is in [0, 2] but for rounding."""
    u = local.variance_difference / (0.5 * contrast(xp, local, k))
    return within(xp, u, 0.0, 2.0)


def _structure_distance(xp: Namespace, local: Moments, k1: float, k2: float) -> Any:
    """Return 1 - l cs = 1 - SSIM."""
    half, _ = luminance(xp, local, k1)
    return _either(2.0 * half, _contrast_distance(xp, local, k2))


def _distances(
    xp: Namespace, centred: Centred, window: Window, scales: int
) -> list[Any]:
    """Return the means (B, C) of 1 - cs at each scale, of 1 - SSIM at the last."""

    def contrast_map(images: Centred, borders: Borders) -> Any:
        return _contrast_distance(xp, moments(xp, images, window, borders), K2)

    def last_map(images: Centred, borders: Borders) -> Any:
        local = moments(xp, images, window, borders)
        return _structure_distance(xp, local, K1, K2)

    distances = []
    for _ in range(scales - 1):
        distances.append(plane_means(xp, contrast_map, centred, len(window.taps)))
        total, difference, constants = centred
        centred = Centred(_halve(xp, total), _halve(xp, difference), constants)
    return [*distances, plane_means(xp, last_map, centred, len(window.taps))]


def _halve(xp: Namespace, x: Any) -> Any:
    """Average 2 pixels along each spatial axis."""
    for axis in range(2, x.ndim):
        before, after, pairs = x.shape[:axis], x.shape[axis + 1 :], x.shape[axis] // 2
        x = span(x, axis, 0, 2 * pairs)
        x = xp.mean(xp.reshape(x, (*before, pairs, 2, *after)), axis=axis + 1)
    return x


def _half(xp: Namespace, distances: list[Any], powers: tuple[float, ...]) -> Any:
    """Return half of 1 - Π (1 - distance)^power, where a negative base is 0."""
    exponent = xp.zeros_like(distances[0])
    nothing = exponent > 0.0
    for distance, power in zip(distances, powers, strict=True):
        if power > 0.0:
            gone = distance >= 1.0
            near = xp.where(gone, 0.0, distance)
            exponent = exponent + power * xp.log1p(-near)
            nothing = nothing | gone
    half = -0.5 * expm1(xp, exponent)
    half = xp.where(half < 0.0, 0.0, half)
    return xp.where(nothing, 0.5, half)
