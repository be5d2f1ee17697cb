"""Every public loss, with inputs as large as those of its own group."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import xloss
from benchmarks.groups import pointwise
from benchmarks.groups.divergence import works as divergence
from benchmarks.groups.image import works as image
from benchmarks.groups.information import works as information
from benchmarks.groups.morphology import works as morphology
from benchmarks.groups.segmentation import works as segmentation
from benchmarks.groups.segmentation.options import (
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    FOCAL_TVERSKY_GAMMA,
)
from benchmarks.modes import Inputs, Loss
from benchmarks.rows import AGREEMENT, Peer
from benchmarks.works import Work


def describe(size: int) -> str:
    side = size // 4
    return (
        f"{_elements(size):,} elements; images 8 x 3 x {size} x {size}; "
        f"logits 4 x 6 x {size} x {size};\n"
        f"heat maps 8 x 16 x {side} x {side}; signals of {_samples(size):,} samples; "
        "others as in their groups"
    )


def _elements(size: int) -> int:
    return 8 * 3 * (2 * size) ** 2


def _same(size: int) -> int:
    return size


def _quarter(size: int) -> int:
    return size // 4


def _samples(size: int) -> int:
    return size**2


def _signals(size: int) -> Inputs:
    return information.AGAINST_KORNIA[0].inputs(_samples(size))


def _planes(size: int) -> Inputs:
    return [signal.reshape(1, size, size) for signal in _signals(size)]


def _volumes(size: int) -> Inputs:
    return [signal.reshape(1, 4, size // 2, size // 2) for signal in _signals(size)]


def _distributions(size: int) -> Inputs:
    """Return the pixels of a heat map in a row."""
    maps = divergence.AGAINST_KORNIA[0].inputs(_quarter(size))
    return [each.reshape(*each.shape[:2], -1) for each in maps]


def _work(
    name: str,
    loss: Loss,
    inputs: Callable[[int], Inputs],
    agreement: float = AGREEMENT,
) -> Work:
    peer = Peer("xloss, torch eager", ("torch",), lambda: loss)
    return Work(name, loss, peer, inputs, agreement)


def _from(
    works: Iterable[Work], *names: str, at: Callable[[int], int] = _same
) -> Iterator[Work]:
    """Choose works by name, for a side in pixels."""
    of = {work.name: work.at(at) for work in works}
    for name in names:
        work = of[name]
        yield _work(name, work.ours, work.inputs, work.agreement)


def _elementwise() -> Iterator[Work]:
    for name, loss in pointwise.LOSSES.items():
        yield _work(name, loss, pointwise.inputs).at(_elements)


def _of_images() -> Iterator[Work]:
    yield from _from(
        image.ON_TORCH,
        "ssim",
        "ssim3d",
        "ms_ssim",
        "ms_ssim_l1, one image",
        "psnr",
        "inverse_depth_smoothness",
    )
    (variation,) = _from(image.ON_TORCH, "total_variation")
    yield _work("total_variation", xloss.total_variation, variation.inputs)


def _of_labels() -> Iterator[Work]:
    yield from _from(
        segmentation.AGAINST_KORNIA,
        "focal",
        "binary_focal",
        "dice, micro",
        "tversky",
        "lovasz_hinge",
        "lovasz_softmax",
    )
    yield from _from(
        segmentation.AGAINST_TORCH, "cross_entropy", "binary_cross_entropy"
    )
    yield from _from(segmentation.AGAINST_OTHERS, "jaccard", "generalized_dice")
    (tversky,) = _from(segmentation.AGAINST_OTHERS, "tversky")
    focal_tversky = partial(
        xloss.focal_tversky_loss,
        alpha=FALSE_POSITIVES,
        beta=FALSE_NEGATIVES,
        gamma=FOCAL_TVERSKY_GAMMA,
    )
    yield _work("focal_tversky", focal_tversky, tversky.inputs)
    yield from _from(morphology.AGAINST_KORNIA, "hausdorff_er")


def _of_distributions() -> Iterator[Work]:
    yield _work("kl_div", xloss.kl_div_loss, _distributions)
    yield _work("js_div", xloss.js_div_loss, _distributions)
    for name, loss in (
        ("kl_div, 2-D", xloss.kl_div_loss_2d),
        ("js_div, 2-D", xloss.js_div_loss_2d),
    ):
        yield _work(name, loss, divergence.AGAINST_KORNIA[0].inputs).at(_quarter)


def _of_signals() -> Iterator[Work]:
    agreement = information.AGREEMENT
    yield from _from(information.AGAINST_KORNIA, "mi, xu", "nmi, xu", at=_samples)
    for name, loss, inputs in (
        ("mi, 2-D", xloss.mutual_information_loss_2d, _planes),
        ("mi, 3-D", xloss.mutual_information_loss_3d, _volumes),
        ("nmi, 2-D", xloss.normalized_mutual_information_loss_2d, _planes),
        ("nmi, 3-D", xloss.normalized_mutual_information_loss_3d, _volumes),
    ):
        yield _work(name, loss, inputs, agreement)
    yield from _from(information.AGAINST_OTHERS, "ncc", "lncc", at=_samples)


WORKS = [
    *_elementwise(),
    *_of_images(),
    *_of_labels(),
    *_of_distributions(),
    *_of_signals(),
]
