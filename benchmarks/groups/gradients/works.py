"""Which losses are differentiated, and of what inputs: mostly those of other groups."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace

import xloss
from benchmarks.groups import pointwise
from benchmarks.groups.divergence import works as divergence
from benchmarks.groups.gradients import peers
from benchmarks.groups.image import works as image
from benchmarks.groups.information import works as information
from benchmarks.groups.morphology import works as morphology
from benchmarks.groups.segmentation import works as segmentation
from benchmarks.modes import Inputs
from benchmarks.works import Work


def describe(size: int) -> str:
    half, quarter, eighth = _half(size), _half(_half(size)), _eighth(size)
    return (
        f"elementwise: 8 x 3 x {size:,} x {size:,} float32 elements; "
        f"images: 8 x 3 x {half} x {half};\n"
        f"logits: 4 x 6 x {half} x {half} "
        f"(focal, cross_entropy: 4 x 21 x {quarter} x {quarter}); "
        f"heat maps: 8 x 16 x {eighth} x {eighth};\n"
        f"hausdorff_er: 4 x 2 x {half} x {half}; "
        f"ncc, lncc: 4 x 1 x {half} x {half}; mi: {_samples(size):,} samples"
    )


def _half(size: int) -> int:
    return max(1, size // 2)


def _eighth(size: int) -> int:
    return max(1, size // 8)


def _samples(size: int) -> int:
    return _half(size) ** 2


@cache
def _logits_and_probabilities(count: int) -> Inputs:
    logits, others = pointwise.inputs(count)
    return logits, 1.0 / (1.0 + np.exp(-others))


def _noisy_image(size: int) -> Inputs:
    return image.ON_TORCH[0].inputs(size)[:1]


def _total_variation(img: Any) -> Any:
    of_each = xloss.total_variation(img)
    return array_namespace(of_each).sum(of_each)


def _elementwise() -> Iterator[Work]:
    for name, loss in pointwise.LOSSES.items():
        yield Work(name, loss, peers.torch(loss), pointwise.inputs)
    loss = xloss.binary_cross_entropy_with_logits
    peer = peers.torch(loss)
    yield Work("binary_cross_entropy", loss, peer, _logits_and_probabilities)


def _from(
    works: Iterable[Work], *names: str, at: Callable[[int], int]
) -> Iterator[Work]:
    """Choose works by name, and make their inputs for another unit of size."""
    of = {work.name: work for work in works}
    for name in names:
        work = of[name].at(at)
        yield work._replace(peer=peers.torch(work.ours))


def _elements(size: int) -> int:
    return 8 * 3 * size * size


OF_ELEMENTS = list(_elementwise())
"""The elementwise losses, for a number of elements instead of a side."""

_TOTAL_VARIATION = Work(
    "total_variation", _total_variation, peers.torch(_total_variation), _noisy_image
)

ELEMENTWISE = list(
    _from(OF_ELEMENTS, *(work.name for work in OF_ELEMENTS), at=_elements)
)
OTHERS = [
    *_from(image.ON_TORCH, "ssim", at=_half),
    *_from([_TOTAL_VARIATION], "total_variation", at=_half),
    *_from(segmentation.AGAINST_KORNIA, "dice, micro", "binary_focal", at=_half),
    *_from(segmentation.ON_NUMPY, "focal", at=_eighth),
]
FOR_INFORMATION = [
    *_from(image.ON_TORCH, "ms_ssim", "psnr", at=_half),
    *_from(segmentation.ON_NUMPY, "cross_entropy", at=_eighth),
    *_from(segmentation.AGAINST_KORNIA, "tversky", "lovasz_softmax", at=_half),
    *_from(divergence.AGAINST_KORNIA, "kl_div", "js_div", at=_eighth),
    *_from(information.AGAINST_KORNIA, "mi, xu", at=_samples),
    *_from(information.AGAINST_OTHERS, "ncc", "lncc", at=_samples),
    *_from(morphology.AGAINST_KORNIA, "hausdorff_er", at=_half),
]
