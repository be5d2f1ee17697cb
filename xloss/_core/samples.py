"""One driver for losses of labelled samples: one number for all pixels of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .checks import arrays_among, check_class_weights, check_reduction
from .labels import Labels, check_ignore_index, read_labels, resolve_labelled
from .namespace import as_option, cast, is_dask, is_numpy, quiet, scalar
from .reduction import reduce
from .typing import ArrayT, Namespace

__all__ = ["Read", "SampleLoss", "class_means", "per_sample"]

Read = Callable[[Namespace, Any, int], Labels]
"""Labels (B, *) and the number of classes to their masks."""

SampleLoss = Callable[..., tuple[Any, Any]]
"""`(xp, logits, target, read, compute, **options)` to the loss (B,) and where a label
is wrong, (B,), or None. `read` is None where the target holds shares of the classes.
"""


def per_sample(
    function: str,
    loss_of: SampleLoss,
    arrays: Mapping[str, ArrayT],
    reduction: str | None,
    *,
    ignore_index: int | None,
    weight: Any = None,
    soft: bool = False,
    num_classes: int | None = None,
    least_classes: int = 1,
    **options: Any,
) -> ArrayT:
    """Return the loss of logits (B, C, *) and their target, one for each sample.

    Parameters
    ----------
    function
        Name of the public function, for messages.
    loss_of
        The loss of every sample, of logits with at least one spatial axis.
    arrays
        Logits and target by their names in the public function.
    reduction, ignore_index
        As the public function takes them.
    weight
        One weight for each class, an option of `loss_of`: (1, C).
    soft
        Whether the target may hold shares (B, C, *) too.
    num_classes
        How many labels there are, where that is not the number of logits.
    least_classes
        How many logits each pixel must have.
    options
        Of `loss_of`: checked floats, or 0-d arrays.
    """
    reduction = check_reduction(function, reduction)
    ignore_index = check_ignore_index(function, ignore_index)
    extra = arrays_among(options) | ({} if weight is None else {"weight": weight})
    resolved = resolve_labelled(
        function, arrays, extra, soft, least_classes=least_classes
    )
    xp, dtype, compute, has_labels, logits, target = resolved
    options = {name: as_option(xp, x, compute) for name, x in options.items()}
    if weight is not None:
        check_class_weights(function, "weight", weight, logits.shape[1])
        options["weight"] = cast(xp, xp.reshape(weight, (1, -1)), compute)
    if logits.ndim == 2:  # a pixel for each sample
        logits, target = xp.expand_dims(logits, axis=2), xp.expand_dims(target, axis=-1)

    def read(xp: Namespace, labels: Any, classes: int) -> Labels:
        name = list(arrays)[1]
        count = num_classes or classes
        return read_labels(function, name, xp, labels, count, ignore_index)

    reader = read if has_labels else None
    with quiet(xp):
        loss, wrong = loss_of(xp, logits, target, reader, compute, **options)
        if wrong is not None:
            loss = xp.where(wrong, xp.nan, loss)
        loss = scalar(xp, cast(xp, reduce(xp, loss, None, reduction), dtype))
    result: ArrayT = loss
    return result


def class_means(
    function: str,
    class_losses: Callable[..., Any],
    xp: Namespace,
    logits: Any,
    target: Any,
    read: Read,
    compute: Any,
    **options: Any,
) -> tuple[Any, Any]:
    """Return the mean of the losses (B, K) of the classes, and wrong samples.

    For a loss that sorts the pixels of a sample.
    """
    if is_dask(xp):
        msg = (
            f"{function}: Dask has no take_along_axis, which sorting the errors needs; "
            "compute the arrays first, or map the loss over blocks of whole images"
        )
        raise NotImplementedError(msg)

    def of_batch(logits: Any, target: Any) -> tuple[Any, Any]:
        labels = read(xp, target, logits.shape[1])
        losses = class_losses(xp, cast(xp, logits, compute), labels, **options)
        return xp.mean(losses, axis=1), labels.wrong_samples(xp)

    if is_numpy(xp):  # sorting takes several copies: of one sample at a time
        losses = np.empty(logits.shape[:1], compute)
        for i in range(len(losses)):
            losses[i : i + 1], _ = of_batch(logits[i : i + 1], target[i : i + 1])
        return losses, None
    return of_batch(logits, target)
