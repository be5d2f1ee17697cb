"""The definitions of the segmentation losses, against what is known of them."""

from itertools import pairwise

import jax
import kornia.losses as kornia
import numpy as np
import optax
import pytest
import torch
from mpmath import mp, mpf
from torch.nn import functional

from conformance.case import Case, dyadic
from conformance.cases import all_losses
from conformance.lovasz import extension, slopes_of
from conformance.samples import softmax
from conformance.segmentation import (
    elements,
    labels,
    logits,
    probabilities,
    scene,
    weights,
)

SHAPE = (2, 3, 4, 5)


def value(name, arrays, **options):
    case = Case("one", arrays, options, gradient=False)
    return all_losses()[name].reference(case).value


def tensors(arrays):
    return [torch.tensor(array) for array in arrays.values()]


# The definitions against values from the literature


def test_lovasz_hinge_has_the_value_of_the_contract():
    arrays = {
        "pred": np.asarray([[[[2.0, -1.0], [0.0, 3.0]]]]),
        "target": np.asarray([[[1, 0], [0, 1]]]),
    }
    assert value("lovasz_hinge_loss", arrays) == pytest.approx(1 / 3, rel=1e-15)


def test_lovasz_softmax_has_the_values_of_the_contract():
    p = np.asarray([[0.6, 0.21, 0.12], [0.29, 0.68, 0.19], [0.11, 0.11, 0.69]])
    arrays = {"pred": np.log(p)[np.newaxis], "target": np.asarray([[0, 1, 2]])}
    for c, expected in enumerate((0.4, 0.32, 0.31)):
        alone = {"weight": np.eye(3)[c]}
        found = value("lovasz_softmax_loss", arrays | alone)
        assert found == pytest.approx(expected / 3, rel=1e-14)
    found = value("lovasz_softmax_loss", arrays)
    assert found == pytest.approx(1.03 / 3, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # Lin et al.: at p = 0.9 and γ = 2 the loss is 100 times less than without γ.
        ("focal_loss", {"alpha": None}, -(0.1**2) * np.log(0.9) / 2),
        ("focal_loss", {"alpha": 0.25, "gamma": 0.0}, -0.75 * np.log(0.9) / 2),
        ("cross_entropy_loss", {}, -np.log(0.9)),
        ("dice_loss", {"eps": 0.0}, 0.1),
        ("jaccard_loss", {"eps": 0.0}, 1 - 0.9 / 1.1),
        ("dice_loss", {"average": "macro", "eps": 0.0}, 1 - 1.8 / 1.9),
        ("jaccard_loss", {"average": "macro", "eps": 0.0}, 0.1),
        # The absent class weighs as much as the other.
        ("generalized_dice_loss", {"eps": 0.0}, 0.1),
        ("tversky_loss", {"alpha": 1.0, "beta": 1.0, "eps": 0.0}, 0.1),
        (
            "focal_tversky_loss",
            {"alpha": 0.5, "beta": 0.25, "gamma": 0.75, "eps": 0.0},
            (1 - 0.9 / 0.925) ** 0.75,
        ),
        ("lovasz_softmax_loss", {}, 0.1),
    ],
)
def test_definition_has_the_value_of_the_formula(name, options, expected):
    first = "input" if name.startswith("cross") else "pred"
    arrays = {first: np.log([[[0.9], [0.1]]]), "target": np.asarray([[0]])}
    if name == "focal_loss":
        options = options | {"reduction": "mean"}
    assert value(name, arrays, **options) == pytest.approx(expected, rel=1e-14)


def test_generalized_dice_weighs_by_the_inverse_square_of_the_size():
    arrays = scene(1, SHAPE)
    p = np.exp(arrays["pred"])
    p /= p.sum(axis=1, keepdims=True)
    expected = []
    for own, target in zip(p, arrays["target"], strict=True):
        intersection = both = 0.0
        for c in range(3):
            there = target == c
            weight = 1 / there.sum() ** 2
            intersection += weight * own[c][there].sum()
            both += weight * (own[c].sum() + there.sum())
        expected.append(1 - 2 * intersection / both)
    found = value("generalized_dice_loss", arrays, eps=0.0, reduction="none")
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_overlap_of_certain_predictions_is_that_of_sets():
    found, target = labels(2, SHAPE, 2), labels(3, SHAPE, 2)
    pred = np.where(np.stack([found == 0, found == 1], axis=1), 0.0, -np.inf)
    arrays = {"pred": pred, "target": target}
    of_sets = []
    for own, right in zip(found, target, strict=True):
        classes = [(own == c, right == c) for c in range(2)]
        of_sets.append([1 - (a & b).sum() / (a | b).sum() for a, b in classes])
    expected = np.mean(of_sets, axis=1)
    options = {"average": "macro", "eps": 0.0, "reduction": "none"}
    loss = value("jaccard_loss", arrays, **options)
    np.testing.assert_allclose(loss, expected, rtol=1e-14)
    # The extension is the Jaccard loss itself where every error is 0 or 1.
    lovasz = value("lovasz_softmax_loss", arrays, reduction="none")
    np.testing.assert_allclose(lovasz, expected, rtol=1e-14)


def test_tversky_has_dice_and_jaccard_as_special_cases():
    arrays = scene(4, SHAPE)
    macro = {"average": "macro"}
    half = value("tversky_loss", arrays, alpha=0.5, beta=0.5, eps=1.0)
    # Twice the denominator, and so twice the eps.
    assert half == pytest.approx(
        value("dice_loss", arrays, **macro, eps=2.0), rel=1e-15
    )
    one = value("tversky_loss", arrays, alpha=1.0, beta=1.0, eps=1.0)
    assert one == pytest.approx(value("jaccard_loss", arrays, **macro, eps=1.0))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dice_loss", {}),
        ("dice_loss", {"average": "macro"}),
        ("jaccard_loss", {}),
        ("generalized_dice_loss", {}),
        ("tversky_loss", {"alpha": 0.25, "beta": 0.75}),
        ("focal_tversky_loss", {"alpha": 0.25, "beta": 0.75, "gamma": 1.5}),
    ],
)
def test_probabilities_as_target(name, options):
    target = probabilities(5, SHAPE)
    at_target = {"pred": np.log(target), "target": target}
    # What the logarithm and the exponential of the target leave.
    assert value(name, at_target, **options, eps=0.0) == pytest.approx(0, abs=1e-15)
    hard = scene(6, SHAPE)
    soft = hard | {"target": np.moveaxis(np.eye(3)[hard["target"]], -1, 1)}
    assert value(name, soft, **options) == value(name, hard, **options)


# The definitions against other libraries, in float64


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_losses_agree_with_kornia(reduction, alpha, gamma):
    options = {"alpha": alpha, "gamma": gamma, "reduction": reduction}
    weight, pos_weight = weights(7, (3,)), weights(8, (3,))
    arrays = scene(7, SHAPE)
    theirs = kornia.focal_loss(*tensors(arrays), **options, weight=torch.tensor(weight))
    found = value("focal_loss", arrays | {"weight": weight}, **options)
    np.testing.assert_allclose(found, theirs, rtol=1e-9)
    arrays = elements(8, SHAPE)
    own = {"weight": weight, "pos_weight": pos_weight}
    theirs = kornia.binary_focal_loss_with_logits(
        *tensors(arrays), **options, **dict(zip(own, tensors(own), strict=True))
    )
    found = value("binary_focal_loss_with_logits", arrays | own, **options)
    np.testing.assert_allclose(found, theirs, rtol=1e-12)


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("num_classes", [2, 3])  # with two, the third is absent
def test_dice_agrees_with_kornia(average, num_classes):
    arrays = scene(9, SHAPE, num_classes)
    arrays["target"][0, 1] = -100
    weight = weights(9, (3,))
    for eps in (1e-8, 1.0):
        options = {"average": average, "eps": eps}
        theirs = kornia.dice_loss(
            *tensors(arrays), **options, weight=torch.tensor(weight)
        )
        found = value("dice_loss", arrays | {"weight": weight}, **options)
        assert found == pytest.approx(theirs.item(), rel=1e-13)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_tversky_agrees_with_kornia(num_classes):
    arrays = scene(10, SHAPE, num_classes)
    arrays["target"][0, 1] = -100
    options = {"alpha": 0.25, "beta": 0.75, "eps": 0.5}
    theirs = kornia.tversky_loss(*tensors(arrays), **options)
    found = value("tversky_loss", arrays, **options)
    assert found == pytest.approx(theirs.item(), rel=1e-13)


def test_lovasz_losses_agree_with_kornia():
    arrays = scene(11, SHAPE, 2)  # one class is absent
    weight = weights(11, (3,))
    theirs = kornia.lovasz_softmax_loss(*tensors(arrays), torch.tensor(weight))
    found = value("lovasz_softmax_loss", arrays | {"weight": weight})
    assert found == pytest.approx(theirs.item(), rel=1e-13)
    arrays = scene(12, (2, 1, 4, 5), 2)
    theirs = kornia.lovasz_hinge_loss(*tensors(arrays))
    found = value("lovasz_hinge_loss", arrays)
    assert found == pytest.approx(theirs.item(), rel=1e-13)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.125])
@pytest.mark.parametrize("shape", [SHAPE, (4, 3), (3,)])
def test_cross_entropy_agrees_with_torch(reduction, label_smoothing, shape):
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    pixels = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    hard = np.asarray(labels(13, (1, 3, int(np.prod(pixels))))).reshape(pixels)
    if len(shape) == 4:
        hard[0, 1] = -100
    soft = probabilities(14, shape if len(shape) > 1 else (1, 3))
    weight = weights(14, (3,))
    for target in (hard, soft.reshape(shape)):
        arrays = {"input": logits(13, shape), "target": target}
        theirs = functional.cross_entropy(
            *tensors(arrays), weight=torch.tensor(weight), **options
        )
        found = value("cross_entropy_loss", arrays | {"weight": weight}, **options)
        np.testing.assert_allclose(found, theirs, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_binary_cross_entropy_agrees_with_torch(reduction):
    pred, target = elements(15, SHAPE).values()
    arrays = {"input": pred, "target": target}
    own = {"weight": weights(15, (3, 1, 1)), "pos_weight": weights(16, (5,))}
    theirs = functional.binary_cross_entropy_with_logits(
        *tensors(arrays),
        **dict(zip(own, tensors(own), strict=True)),
        reduction=reduction,
    )
    found = value("binary_cross_entropy_with_logits", arrays | own, reduction=reduction)
    np.testing.assert_allclose(found, theirs, rtol=1e-12)


def test_binary_focal_agrees_with_optax():
    arrays = elements(17, SHAPE, "int64")
    with jax.enable_x64(True):
        theirs = optax.losses.sigmoid_focal_loss(*arrays.values(), alpha=0.25)
    found = value("binary_focal_loss_with_logits", arrays)
    np.testing.assert_allclose(found, theirs, rtol=1e-12)


# The parts of the definitions against each other, and against finite differences


SLOPES = {
    "focal_loss": "ignored_and_weighted_mean where_by_class_mean gamma_0.5",
    "binary_focal_loss_with_logits": "class_weights_mean integer_ignored_mean",
    "cross_entropy_loss": "ignored_and_weighted_mean smoothed_and_weighted_mean "
    "soft_smoothed_and_weighted_mean soft_where_sample_weight_mean",
    "binary_cross_entropy_with_logits": "broadcast_weights_mean where_none",
    "dice_loss": "micro_weights_mean macro_soft_weights_sum",
    "jaccard_loss": "macro_weights_absent_class",
    "generalized_dice_loss": "rare_class_mean soft_mean",
    "tversky_loss": "some_ignored_mean",
    "focal_tversky_loss": "gamma_0.5_soft",
    "lovasz_softmax_loss": "ignored_and_weighted_mean one_class_present",
}


@pytest.mark.parametrize(
    ("name", "case_id"),
    [(name, case_id) for name, cases in SLOPES.items() for case_id in cases.split()],
)
def test_reference_gradient_is_the_slope_of_the_reference_value(name, case_id):
    loss = all_losses()[name]
    case = next(case for case in loss.cases if case.id == case_id)
    gradient = loss.reference(case).gradient
    for argument in case.floating:
        _check_slope(name, case, argument, gradient[argument])


def test_gradient_of_the_hinge_is_the_slope_of_its_value():
    # No two errors are equal, which sixteenths would be.
    pred = np.sin(np.arange(16.0)).reshape(2, 1, 8)
    case = Case("one", {"pred": pred, "target": labels(18, (2, 1, 8), 2)})
    gradient = all_losses()["lovasz_hinge_loss"].reference(case).gradient
    _check_slope("lovasz_hinge_loss", case, "pred", gradient["pred"])


def _check_slope(name, case, argument, gradient, step=2.0**-14):
    array = case.arrays[argument]
    direction = dyadic(19, array.shape) / 8
    moved = [
        value(name, {**case.arrays, argument: changed}, **case.options).sum()
        for changed in (array + step * direction, array - step * direction)
    ]
    slope = (moved[0] - moved[1]) / (2 * step)
    # The square of the step times a third derivative.
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-6)


def test_lovasz_extension_is_the_sum_over_its_slopes():
    foreground = [True, False, True, True, False, False]
    with mp.workdps(50):
        errors = [mpf(e) / 7 for e in (3, 5, 5, 1, 0, 5)]
        counted = {}
        for pair in zip(errors, foreground, strict=True):
            counted[pair] = counted.get(pair, 0) + 1
        steps = slopes_of(errors, foreground)
        total = mp.fdot(errors, steps)
        assert abs(total - extension(counted)) < mpf("1e-45")
        # Of equal errors the first goes first: n = 3, then J = 1/4, 2/4 and 3/5.
        expected = {1: mpf(1) / 4, 2: mpf(1) / 4, 5: mpf(1) / 10}
        assert all(abs(steps[i] - e) < mpf("1e-45") for i, e in expected.items())


def test_no_slope_of_a_lovasz_case_hangs_on_the_last_place():
    for case in all_losses()["lovasz_softmax_loss"].cases:
        if not case.gradient or "right" in case.id or case.gradient_scale:
            continue
        samples = (case.arrays[name] for name in ("pred", "target"))
        for sample, target in zip(*samples, strict=True):
            _check_order(case, sample.reshape(len(sample), -1), target.ravel())


def _check_order(case, sample, target):
    """Errors of a class are equal for equal pixels alone, or for exact halves."""
    pixels = [
        (tuple(own), int(label))
        for own, label in zip(sample.T.tolist(), target.tolist(), strict=True)
        if label != case.options.get("ignore_index", -100)
    ]
    for c in range(len(sample)):
        found = sorted(
            (float(abs((label == c) - softmax(own)[c])), own) for own, label in pixels
        )
        for (less, first), (more, second) in pairwise(found):
            apart = more - less > 4e-6 or less in (0.0, 0.5)
            assert apart or first == second, (case.id, less, more)
