"""Mutual information of two signals, by a histogram of smooth bins: registration."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from ._core.histogram import MIKernel
from ._core.information import mutual_information
from ._core.typing import Array, ArrayT, Reduction

__all__ = [
    "MIKernel",
    "MILossFromRef",
    "MILossFromRef2D",
    "MILossFromRef3D",
    "NMILossFromRef",
    "NMILossFromRef2D",
    "NMILossFromRef3D",
    "mutual_information_loss",
    "mutual_information_loss_2d",
    "mutual_information_loss_3d",
    "normalized_mutual_information_loss",
    "normalized_mutual_information_loss_2d",
    "normalized_mutual_information_loss_3d",
]

Kernel = MIKernel | Literal["xu", "rectangular", "truncated_gaussian"]


def mutual_information_loss(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative mutual information: what one signal tells of another, in any units.

    .. math::

       \ell = -(H_x + H_y - H_{xy}) = -\sum_{ij} p_{ij} \log \frac{p_{ij}}{p_i p_j}

    with p a joint histogram, to which each pair of samples adds
    :math:`K(i - x') \, K(j - y')`; x' and y' are the samples, scaled so that the range
    of their signal goes from the first bin to the last.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, N), of any real dtype: one loss for each leading
        index.
    input_mask, target_mask
        Boolean (or uint8) masks (N,), common to all leading indices, or None: a signal
        is scaled to the bins by its range within its own mask, and a sample counts
        where both hold. Others may hold NaN.
    kernel_function
        Which kernel K spreads a sample over bins: a member of :class:`MIKernel`, or its
        name.
    num_bins
        How many bins, at least 2. What a histogram takes grows with its square.
    window_radius
        Positive: how far the kernel reaches, in bins. Time and memory grow with it.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In nats, at most 0: 0 for independent or constant signals, and the smaller the
        more they share. Symmetric. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    Notes
    -----
    Memory grows with the samples and with the bins, not with their product. A constant
    signal, and masks that hold nowhere together, give 0 with zero gradient. The slope
    of a sample that lies on a bin, or at the radius from one, is 0 there; the
    rectangular kernel has no gradient. A NaN within a mask, and a range that overflows,
    make the loss NaN.

    References
    ----------
    Viola and Wells, "Alignment by maximization of mutual information", IJCV 1997; Xu
    et al., "Parzen-window based normalized mutual information for medical image
    registration", SPIE 2008, eq. 22.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0)
    >>> print(f"{mutual_information_loss(x, -x, num_bins=8):.4f}")
    -2.0794
    """
    result: ArrayT = mutual_information(
        "mutual_information_loss",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=1,
        normalized=False,
    )
    return result


def mutual_information_loss_2d(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative mutual information of images.

    It is :func:`mutual_information_loss` of their pixels.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, H, W), of any real dtype: one loss for each
        leading index.
    input_mask, target_mask
        Boolean (or uint8) masks (H, W), common to all leading indices, or None: a
        signal is scaled to the bins by its range within its own mask, and a sample
        counts where both hold.
    kernel_function, num_bins, window_radius
        See :func:`mutual_information_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In nats, at most 0. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    References
    ----------
    Viola and Wells, "Alignment by maximization of mutual information", IJCV 1997; Xu
    et al., "Parzen-window based normalized mutual information for medical image
    registration", SPIE 2008, eq. 22.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 4)
    >>> print(f"{mutual_information_loss_2d(x, -x, num_bins=8):.4f}")
    -2.0794
    """
    result: ArrayT = mutual_information(
        "mutual_information_loss_2d",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=2,
        normalized=False,
    )
    return result


def mutual_information_loss_3d(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative mutual information of volumes.

    It is :func:`mutual_information_loss` of their voxels.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, D, H, W), of any real dtype: one loss for each
        leading index.
    input_mask, target_mask
        Boolean (or uint8) masks (D, H, W), common to all leading indices, or None: a
        signal is scaled to the bins by its range within its own mask, and a sample
        counts where both hold.
    kernel_function, num_bins, window_radius
        See :func:`mutual_information_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In nats, at most 0. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    References
    ----------
    Viola and Wells, "Alignment by maximization of mutual information", IJCV 1997; Xu
    et al., "Parzen-window based normalized mutual information for medical image
    registration", SPIE 2008, eq. 22.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 2, 2)
    >>> print(f"{mutual_information_loss_3d(x, -x, num_bins=8):.4f}")
    -2.0794
    """
    result: ArrayT = mutual_information(
        "mutual_information_loss_3d",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=3,
        normalized=False,
    )
    return result


def normalized_mutual_information_loss(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative normalized mutual information: of the entropies, not of the overlap.

    .. math:: \ell = -\frac{H_x + H_y}{H_{xy}}

    with the entropies of the joint histogram of :func:`mutual_information_loss` and of
    its two sides.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, N), of any real dtype: one loss for each
        leading index.
    input_mask, target_mask
        Boolean (or uint8) masks (N,), common to all leading indices, or None: a
        signal is scaled to the bins by its range within its own mask, and a sample
        counts where both hold.
    kernel_function, num_bins, window_radius
        See :func:`mutual_information_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In [-2, -1]: -1 for independent or constant signals, -2 for signals of which
        each determines the other's bins. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    References
    ----------
    Studholme, Hill and Hawkes, "An overlap invariant entropy measure of 3D medical
    image alignment", Pattern Recognition 1999, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0)
    >>> print(f"{normalized_mutual_information_loss(x, -x, num_bins=8):.4f}")
    -2.0000
    """
    result: ArrayT = mutual_information(
        "normalized_mutual_information_loss",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=1,
        normalized=True,
    )
    return result


def normalized_mutual_information_loss_2d(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative normalized mutual information of images.

    It is :func:`normalized_mutual_information_loss` of their pixels.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, H, W), of any real dtype: one loss for each
        leading index.
    input_mask, target_mask
        Boolean (or uint8) masks (H, W), common to all leading indices, or None: a
        signal is scaled to the bins by its range within its own mask, and a sample
        counts where both hold.
    kernel_function, num_bins, window_radius
        See :func:`mutual_information_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In [-2, -1]. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    References
    ----------
    Studholme, Hill and Hawkes, "An overlap invariant entropy measure of 3D medical
    image alignment", Pattern Recognition 1999, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 4)
    >>> print(f"{normalized_mutual_information_loss_2d(x, -x, num_bins=8):.4f}")
    -2.0000
    """
    result: ArrayT = mutual_information(
        "normalized_mutual_information_loss_2d",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=2,
        normalized=True,
    )
    return result


def normalized_mutual_information_loss_3d(
    input: ArrayT,
    target: ArrayT,
    input_mask: Array | None = None,
    target_mask: Array | None = None,
    kernel_function: Kernel = MIKernel.xu,
    num_bins: int = 64,
    window_radius: float = 1.0,
    *,
    reduction: Reduction = "none",
) -> ArrayT:
    r"""Negative normalized mutual information of volumes.

    It is :func:`normalized_mutual_information_loss` of their voxels.

    Parameters
    ----------
    input, target
        Signals of one shape (\*, D, H, W), of any real dtype: one loss for each
        leading index.
    input_mask, target_mask
        Boolean (or uint8) masks (D, H, W), common to all leading indices, or None: a
        signal is scaled to the bins by its range within its own mask, and a sample
        counts where both hold.
    kernel_function, num_bins, window_radius
        See :func:`mutual_information_loss`.
    reduction
        ``"none"``, ``"mean"`` or ``"sum"``, of the values of the leading indices.

    Returns
    -------
    array
        In [-2, -1]. For ``"none"`` (\*,), otherwise a scalar.

    Raises
    ------
    TypeError
        If an argument is of the wrong type: a list, a float as `num_bins`.
    ValueError
        If shapes, devices, dtypes or options do not fit: fewer than two bins, an
        unknown kernel, a mask that is not of the shape of one signal.

    References
    ----------
    Studholme, Hill and Hawkes, "An overlap invariant entropy measure of 3D medical
    image alignment", Pattern Recognition 1999, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 2, 2)
    >>> print(f"{normalized_mutual_information_loss_3d(x, -x, num_bins=8):.4f}")
    -2.0000
    """
    result: ArrayT = mutual_information(
        "normalized_mutual_information_loss_3d",
        {"input": input, "target": target},
        {"input_mask": input_mask, "target_mask": target_mask},
        kernel_function,
        num_bins,
        window_radius,
        reduction,
        spatial=3,
        normalized=True,
    )
    return result


@dataclass(frozen=True, eq=False)
class _FromReference:
    """A criterion of one signal: the reference and the options come first."""

    reference_signal: Any
    mask: Any = None
    kernel_function: Kernel = MIKernel.xu
    num_bins: int = 64
    window_radius: float = 1.0
    _: KW_ONLY
    reduction: Reduction = "none"

    spatial: ClassVar[int]
    normalized: ClassVar[bool]

    def __call__(self, other_signal: ArrayT, other_mask: Array | None = None) -> ArrayT:
        """Return the loss of a signal, counted where both masks hold."""
        result: ArrayT = mutual_information(
            type(self).__name__,
            {"other_signal": other_signal, "reference_signal": self.reference_signal},
            {"other_mask": other_mask, "mask": self.mask},
            self.kernel_function,
            self.num_bins,
            self.window_radius,
            self.reduction,
            spatial=self.spatial,
            normalized=self.normalized,
        )
        return result


@dataclass(frozen=True, eq=False)
class MILossFromRef(_FromReference):
    """Criterion of :func:`mutual_information_loss`."""

    spatial = 1
    normalized = False


@dataclass(frozen=True, eq=False)
class MILossFromRef2D(_FromReference):
    """Criterion of :func:`mutual_information_loss_2d`."""

    spatial = 2
    normalized = False


@dataclass(frozen=True, eq=False)
class MILossFromRef3D(_FromReference):
    """Criterion of :func:`mutual_information_loss_3d`."""

    spatial = 3
    normalized = False


@dataclass(frozen=True, eq=False)
class NMILossFromRef(_FromReference):
    """Criterion of :func:`normalized_mutual_information_loss`."""

    spatial = 1
    normalized = True


@dataclass(frozen=True, eq=False)
class NMILossFromRef2D(_FromReference):
    """Criterion of :func:`normalized_mutual_information_loss_2d`."""

    spatial = 2
    normalized = True


@dataclass(frozen=True, eq=False)
class NMILossFromRef3D(_FromReference):
    """Criterion of :func:`normalized_mutual_information_loss_3d`."""

    spatial = 3
    normalized = True
