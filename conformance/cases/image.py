"""Peak signal-to-noise ratio, total variation, and smoothness of inverse depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from mpmath import exp, inf, log10, mp, mpf

from conformance.case import WIDE, Case, Data, Loss, Option
from conformance.images import REDUCTIONS, bytes_of, levels, pair, times
from conformance.reference import Golden, Number, floats
from conformance.windows import DIGITS, Plane, differentiate, exact, rounded

SAMPLE = (2, 3, 4)


@dataclass(frozen=True)
class Differences:
    """Reference of a loss from its values alone: every slope is a difference quotient.

    At a kink that is symmetric, as that of |d|, a central difference is 0, as promised.

    Parameters
    ----------
    value
        The formula, ``value(*arrays, **options)``: an array of any shape.
    arrays
        Names of the arrays.
    """

    value: Callable[..., Plane]
    arrays: tuple[str, ...]

    def __call__(self, case: Case) -> Golden:
        """Value and gradients of `case`."""
        with mp.workdps(DIGITS):
            planes = {name: exact(case.arrays[name]) for name in self.arrays}
            value = self._of(case, planes)
            gradient = {
                name: self._slopes(case, planes, name)
                for name in case.floating
                if case.gradient
            }
            return Golden(floats(value.ravel()).reshape(value.shape), gradient)

    def _of(self, case: Case, planes: dict[str, Plane]) -> Plane:
        return np.asarray(self.value(**planes, **case.options))

    def _slopes(self, case: Case, planes: dict[str, Plane], name: str) -> Data:
        shape = planes[name].shape

        def total(flat: Plane) -> Number:
            moved = planes | {name: flat.reshape(shape)}
            return mp.fsum(self._of(case, moved).ravel())

        return rounded(differentiate(total, planes[name].ravel()).reshape(shape))


def decibels(
    image: Plane, target: Plane, max_val: float, reduction: str = "mean"
) -> Plane:
    """20·log10(L) − 10·log10(mse), over everything or for each sample."""
    samples = [(image, target)]
    if reduction != "mean":
        samples = list(zip(image, target, strict=True))
    return reduce([_decibels(x - y, max_val) for x, y in samples], reduction)


def _decibels(residual: Plane, max_val: float) -> Number:
    mse = mean(residual**2)
    if not residual.size:  # the mean of nothing
        return mpf(0)
    return inf if mse == 0 else 20 * log10(mpf(max_val)) - 10 * log10(mse)


def negative_decibels(
    image: Plane, target: Plane, max_val: float, reduction: str = "mean"
) -> Plane:
    """−(20·log10(L) − 10·log10(mse))."""
    return -decibels(image, target, max_val, reduction)


def variation(img: Plane, reduction: str = "sum") -> Plane:
    """Σ|∂y| + Σ|∂x| of each image, or the mean of each in place of the sum."""
    of = mean if reduction == "mean" else np.sum
    result = np.full(img.shape[:-2], mpf(0))
    for place in np.ndindex(result.shape):
        for axis in (0, 1):
            result[place] += of(abs(np.diff(img[place], axis=axis)))
    return result


def smoothness(idepth: Plane, image: Plane, reduction: str = "mean") -> Plane:
    """mean |∂x d|·exp(−mean_c |∂x I|), and the same for y, of each sample."""
    samples = []
    for depth, channels in zip(idepth[:, 0], image, strict=True):
        value = mpf(0)
        for axis in (0, 1):
            edges = abs(np.diff(channels, axis=1 + axis)).sum(axis=0) / len(channels)
            weights = edges.copy()
            for place, edge in np.ndenumerate(edges):
                weights[place] = exp(-edge)
            value += mean(abs(np.diff(depth, axis=axis)) * weights)
        samples.append(value)
    return reduce(samples, reduction)


def mean(plane: Plane) -> Number:
    """Over all elements; 0 over none."""
    return mp.fsum(plane.ravel()) / max(plane.size, 1)


def reduce(samples: list[Number], reduction: str) -> Plane:
    """One number for each sample, their sum or their mean."""
    values = np.full(len(samples), mpf(0))
    values[:] = samples
    if reduction == "none":
        return values
    total = mp.fsum(samples)
    return np.asarray(total / max(len(samples), 1) if reduction == "mean" else total)


def psnr_cases() -> Iterator[Case]:
    """Ratios of either sign, an infinite one, and squares beyond the dtype."""
    images = renamed(pair(1, SAMPLE))
    unit: dict[str, Option] = {"max_val": 1.0}
    yield Case("default", images, unit, core=True, thorough=True, traced=("max_val",))
    ones = np.ones(SAMPLE)
    identical = {"image": images["image"], "target": images["image"].copy()}
    partly = {name: array.copy() for name, array in identical.items()}
    partly["target"][0] = 1 - partly["target"][0]
    nearly = {"image": ones * 0.0, "target": levels(2, SAMPLE) / 256}
    huge, tiny = times(images, 2.0**50), times(images, 2.0**-50)
    for r in REDUCTIONS:
        own = {**unit, "reduction": r}
        yield Case(f"reduction_{r}", images, own, core=r == "none")
        yield Case(f"identical_{r}", identical, own, core=r == "mean")
        yield Case(f"one_sample_identical_{r}", partly, own)
        yield Case(f"empty_{r}", {k: array[:0] for k, array in images.items()}, own)
        # The root mean square of the residual is about 0.55.
        yield Case(f"near_0_db_{r}", nearly, {**own, "max_val": 0.5625})
        yield Case(f"1e15_{r}", huge, {**own, "max_val": 2.0**50}, WIDE)
        yield Case(f"1e-15_{r}", tiny, {**own, "max_val": 2.0**-50}, WIDE)
    minus_20 = {"image": ones, "target": 1.25 * ones}
    yield Case("minus_20_db", minus_20, {"max_val": 2.5})
    fifth = {"image": ones, "target": 1.2 * ones}
    yield Case("ones_and_1.2", fifth, {"max_val": 2.0}, ("float64",))
    bright = {"image": levels(3, SAMPLE) * 256, "target": levels(4, SAMPLE)}
    yield Case("float16_range", bright, {"max_val": 65504.0}, ("float16", "float32"))
    grey = renamed(bytes_of(pair(1, SAMPLE)))
    mixed = {"image": grey["image"], "target": images["target"] * 256}
    yield Case("uint8", grey, {"max_val": 255.0}, core=True)
    yield Case("uint8_with_float", mixed, {"max_val": 255.0})
    yield Case("one_axis", renamed(pair(5, (6,))), unit)
    many = renamed(pair(6, (2, 16, 64)))
    yield Case("many_elements", many, unit, gradient=False)


def renamed(arrays: dict[str, Data]) -> dict[str, Data]:
    """A pair of images as a ratio calls them."""
    return dict(zip(("image", "target"), arrays.values(), strict=True))


def variation_cases() -> Iterator[Case]:
    """Leading axes, ties, which are kinks, and axes too short for a difference."""
    few = levels(8, (2, 3, 4, 5)) // 64
    for r in ("sum", "mean"):
        own = {"reduction": r}
        shapes = {
            "one_leading_axis": (3, 4, 5),
            "no_leading_axes": (4, 5),
            "two_leading_axes": (2, 3, 4, 5),
            "one_row": (2, 1, 5),
            "one_column": (2, 5, 1),
            "one_pixel": (2, 1, 1),
            "no_images": (0, 4, 5),
        }
        for name, shape in shapes.items():
            image = {"img": levels(7, shape) / 256}
            core = name in ("one_leading_axis", "one_row")
            yield Case(f"{name}_{r}", image, own, core=core, thorough=core)
        yield Case(f"equal_neighbours_{r}", {"img": few / 4}, own)
        yield Case(f"uint8_{r}", {"img": few.astype(np.uint8)}, own, core=True)
        many = {"img": levels(9, (2, 40, 50)) / 256}
        yield Case(f"many_elements_{r}", many, own, gradient=False)
    yield Case("default", {"img": levels(7, (3, 4, 5)) / 256})
    yield Case("bool", {"img": few > 1})


def smoothness_cases() -> Iterator[Case]:
    """Depth and image, one or both with ties or in integers."""
    yield Case("default", scene(1), core=True, thorough=True)
    for r in REDUCTIONS:
        own = {"reduction": r}
        yield Case(f"reduction_{r}", scene(2), own, core=True)
        empty = {name: array[:0] for name, array in scene(2).items()}
        yield Case(f"empty_{r}", empty, own)
        for name, size in {"one_row": (1, 5), "one_column": (5, 1)}.items():
            yield Case(f"{name}_{r}", scene(3, size), own)
    yield Case("one_pixel", scene(3, (1, 1)))
    ties = scene(4)
    ties["idepth"] = ties["idepth"] // 0.25
    yield Case("equal_depths", ties, {"reduction": "none"})
    flat = scene(5) | {"image": np.ones((2, 3, 3, 4))}
    yield Case("constant_image", flat, {"reduction": "none"})
    grey = (levels(6, (2, 3, 3, 4)) // 32).astype(np.uint8)
    yield Case("uint8_image", scene(6) | {"image": grey}, {"reduction": "none"})
    whole = (levels(7, (2, 1, 3, 4)) // 32).astype(np.uint8)
    yield Case("uint8_depth", scene(7) | {"idepth": whole}, {"reduction": "none"})
    yield Case("uint8", {"idepth": whole, "image": grey}, {"reduction": "none"})


def scene(seed: int, size: tuple[int, int] = (3, 4)) -> dict[str, Data]:
    """Depths and images of a batch of two."""
    return {
        "idepth": levels(seed, (2, 1, *size)) / 64,
        "image": levels(seed + 100, (2, 3, *size)) / 256,
    }


# A relative error of the mean square is one of 10/ln 10 = 4.34 times as many decibels,
# whatever their number: near 0 dB it is absolute.
ratio = partial(Loss, arrays=("image", "target"), elementwise=False, scale=4.34)

LOSSES = (
    ratio(
        "psnr",
        Differences(decibels, ("image", "target")),
        decibels.__doc__ or "",
        tuple(psnr_cases()),
    ),
    ratio(
        "psnr_loss",
        Differences(negative_decibels, ("image", "target")),
        negative_decibels.__doc__ or "",
        tuple(psnr_cases()),
    ),
    Loss(
        "total_variation",
        Differences(variation, ("img",)),
        variation.__doc__ or "",
        tuple(variation_cases()),
        arrays=("img",),
        elementwise=False,
        costly=True,
    ),
    Loss(
        "inverse_depth_smoothness_loss",
        Differences(smoothness, ("idepth", "image")),
        smoothness.__doc__ or "",
        tuple(smoothness_cases()),
        arrays=("idepth", "image"),
        elementwise=False,
        costly=True,
    ),
)
