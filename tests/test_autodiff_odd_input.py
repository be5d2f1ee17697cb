"""What users write and a tape could get wrong: keys, casts, scalars, options."""

import dask.array
import numpy as np
import pytest
import torch

import xloss
from xloss import grad, value_and_grad

X = np.asarray([1.5, 2.5])


def namespace(x):
    return x.__array_namespace__()


def refused(kind, function, message):
    return pytest.raises(kind, match=f"{function}: .*{message}")


class TestGradients:
    """Each against what the derivative is."""

    def test_casts_to_integers_and_masks_are_constants(self):
        def floors(x):
            xp = namespace(x)
            whole = xp.astype(xp.astype(x, xp.int32), x.dtype)
            return xp.sum(xp.where(xp.astype(x, xp.bool), x * whole, 5.0 * x))

        np.testing.assert_array_equal(grad(floors)(np.asarray([1.5, 0.0])), [1.0, 5.0])

    def test_an_array_without_axes_in_several_places(self):
        x = np.arange(3.0)

        def used(s):
            return namespace(s).sum(x * s[None]) + s * s * s[()]

        gradient = grad(used)(np.asarray(2.0))
        assert gradient.shape == ()
        assert gradient == 3.0 + 12.0

    def test_numpy_integers_as_keys(self):
        cubes = grad(lambda c: sum(c[k] ** 3 for k in np.arange(2)))(X)
        np.testing.assert_allclose(cubes, 3 * X**2)

    @pytest.mark.parametrize("key", [[0, 0], (slice(None), [1]), np.asarray([0, 0])])
    def test_keys_that_may_repeat(self, key):
        with refused(NotImplementedError, "value_and_grad", "use take"):
            grad(lambda x: namespace(x).sum(x[key]))(np.ones((2, 2)))

    def test_the_power_0(self):
        def polynomial(x, powers):
            return namespace(x).sum(x**0 + x**powers)

        slopes = grad(polynomial, (0, 1))(np.asarray([0.0, 0.0]), np.asarray([0.0, 2]))
        np.testing.assert_array_equal(slopes, np.zeros((2, 2)))

    def test_the_deviation_of_equal_numbers(self):
        slopes = grad(lambda x: namespace(x).std(x))(np.ones(3))
        np.testing.assert_array_equal(slopes, np.zeros(3))

    def test_alpha_near_2_far_out(self):
        x, zero = np.asarray([1e17], np.float32), np.zeros(1, np.float32)
        for alpha in (1.999999, np.asarray(1.999999, np.float32)):
            loss = xloss.GeneralRobustLoss(alpha, reduction="sum")
            # x (1 + x²/1e-6)^-5e-7, by logarithms
            expected = 1e17 * np.exp(-5e-7 * (34 * np.log(10) + 6 * np.log(10)))
            np.testing.assert_allclose(grad(loss)(x, zero), expected, rtol=3e-6)
            flat = xloss.curvature(loss, "majorizer")(x, zero)
            np.testing.assert_allclose(flat, expected / 1e17, rtol=3e-6)


class TestArguments:
    """What comes beside the arrays."""

    def test_numpy_scalars_are_options(self):
        images = np.random.default_rng(0).random((2, 1, 1, 9, 9))
        value, _ = value_and_grad(xloss.ssim_loss)(*images, np.int64(5))
        assert value == xloss.ssim_loss(*images, 5)
        tensors = torch.ones(3), torch.zeros(3)
        value, _ = value_and_grad(xloss.huber_loss)(*tensors, "sum", np.float64(0.5))
        assert value == 3 * 0.5 * 0.75

    def test_containers_of_other_classes(self):
        class Options(dict):
            @property
            def factor(self):
                return self["factor"]

        def scaled(x, options, log):
            log.append(1)
            return options.factor * namespace(x).sum(x)

        log = []
        gradient = grad(scaled)(X, Options(factor=3.0), log)
        np.testing.assert_array_equal(gradient, [3.0, 3.0])
        assert log == [1]
        (found,) = grad(lambda o: o.factor * 2.0)(
            Options(factor=np.asarray(1.0))
        ).items()
        assert found == ("factor", 2.0)

    def test_scalars_come_back_as_a_loss_gives_them(self):
        x = np.asarray(3.0)
        value, gradient = value_and_grad(lambda x: x)(x)
        assert isinstance(value, np.float64)
        assert gradient == 1.0
        weights = np.ones(2)

        def weighted(weights, x):
            return xloss.mse_loss(x, x + 1.0, sample_weight=weights)

        assert isinstance(value_and_grad(weighted)(weights, X)[0], np.float64)

    def test_memory_maps(self, tmp_path):
        mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2,))
        assert type(grad(xloss.mse_loss)(mapped, X)) is np.ndarray
        assert type(grad(lambda x: namespace(x).sum(x))(mapped)) is np.ndarray


class TestRefusals:
    """Each says what is not possible."""

    def test_one_call_within_another(self):
        def inner(x):
            return namespace(x).sum(grad(lambda y: namespace(y).sum(y**3))(x))

        with refused(ValueError, "value_and_grad", "within another.*curvature"):
            grad(inner)(X)

    def test_an_array_of_an_earlier_call(self):
        kept = []

        def keep(x):
            kept.append(namespace(x).sum(x))
            return kept[0]

        grad(keep)(X)
        with refused(ValueError, "value_and_grad", "do not mix"):
            grad(keep)(X)

    def test_complex_numbers(self):
        with refused(NotImplementedError, "value_and_grad", "complex"):
            grad(lambda x: namespace(x).sum(namespace(x).abs(x * 1j)))(X)

    def test_the_same_place_twice(self):
        with refused(ValueError, "value_and_grad", "different places"):
            grad(xloss.mse_loss, (0, -2))(X, X)

    def test_methods(self):
        message = "value_and_grad: a traced array has no sum.*__array_namespace__"
        with pytest.raises(AttributeError, match=message):
            grad(lambda x: x.sum())(X)

    def test_dask_without_take_along_axis(self):
        logits, labels = dask.array.ones((1, 2, 4)), dask.array.ones((1, 4), dtype=int)
        with refused(NotImplementedError, "lovasz_softmax_loss", "take_along_axis"):
            grad(xloss.lovasz_softmax_loss)(logits, labels)

    @pytest.mark.parametrize(
        "function",
        [
            lambda a, b: xloss.mse_loss(a, a),
            lambda a, b: xloss.mse_loss(b, a),
            lambda a, b: xloss.mse_loss(a, X),
            lambda a, b: xloss.mse_loss(a, b, sample_weight=a),
        ],
    )
    def test_curvature_of_other_arguments(self, function):
        with refused(ValueError, "curvature", "as they are"):
            xloss.curvature(function)(X, X)


def test_curvature_compiles():
    x, zero = torch.tensor([0.5, 2.0]), torch.zeros(2)
    for loss in (xloss.CauchyLoss(), xloss.GeneralRobustLoss(0.5), xloss.HuberLoss()):
        curved = xloss.curvature(loss)
        compiled = torch.compile(curved, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x, zero), curved(x, zero))


def test_curvature_far_out():
    far = np.asarray([1e20], np.float32)
    for loss in (xloss.CauchyLoss(), xloss.GemanMcclureLoss(), xloss.WelschLoss()):
        hessian = xloss.curvature(loss)(far, np.zeros_like(far))
        assert abs(hessian[0]) < 1e-35
