"""What xloss runs against: the best known implementation on each backend."""

from functools import partial
from importlib import import_module

from benchmarks.groups.pointwise import textbook
from benchmarks.groups.pointwise.textbook import DELTA, Q
from benchmarks.modes import Loss
from benchmarks.peers import keras, sklearn, torchmetrics
from benchmarks.rows import Peer

KORNIA = ("charbonnier", "cauchy", "welsch", "geman_mcclure")

_NATIVE_OPTIONS = {
    "mse": {},
    "l1": {},
    "smooth_l1": {"beta": DELTA},
    "huber": {"delta": DELTA},
}


def on_numpy(loss: str) -> Peer:
    return Peer("textbook", (), partial(textbook.mean, loss, "numpy"))


def unreduced_on_numpy(loss: str) -> Peer:
    return Peer("textbook", (), partial(textbook.unreduced, loss, "numpy"))


def in_scipy() -> dict[str, Peer]:
    """Return the losses that SciPy has."""
    return {
        "huber": Peer("scipy huber", ("scipy",), _scipy_huber),
        "charbonnier": Peer("scipy pseudo_huber", ("scipy",), _scipy_pseudo_huber),
    }


def in_sklearn() -> dict[str, Peer]:
    """Return the losses that scikit-learn has."""
    return {
        name: sklearn(partial(_sklearn, name)) for name in ("mse", "l1", "quantile")
    }


def in_skimage() -> dict[str, Peer]:
    """Return the loss that scikit-image has."""
    return {"mse": Peer("scikit-image", ("skimage",), _skimage)}


def in_torchmetrics() -> dict[str, Peer]:
    """Return the losses that torchmetrics has."""
    names = "mse", "l1", "log_cosh"
    return {name: torchmetrics(partial(_torchmetrics, name)) for name in names}


def in_keras(library: str) -> dict[str, Peer]:
    """Return the losses that keras has, on torch or jax."""
    names = "mse", "l1", "huber", "log_cosh"
    return {name: keras(library, partial(_keras, name)) for name in names}


def in_dm_pix() -> dict[str, Peer]:
    """Return the losses that dm-pix has."""
    needs = "jax", "dm_pix"
    return {
        name: Peer("dm-pix", needs, partial(_dm_pix, name)) for name in ("mse", "l1")
    }


def on_torch(loss: str) -> Peer:
    if loss in KORNIA:
        return Peer("kornia", ("torch", "kornia"), partial(_kornia, loss))
    if loss in _NATIVE_OPTIONS:
        return Peer(f"F.{loss}_loss", ("torch",), partial(_native, loss))
    return Peer("textbook", ("torch",), partial(textbook.mean, loss, "torch"))


def on_jax(loss: str) -> Peer:
    if loss in ("huber", "log_cosh", "mse"):
        return Peer("optax", ("jax", "optax"), partial(_optax, loss))
    return Peer("textbook", ("jax",), partial(textbook.mean, loss, "jax.numpy"))


def _scipy_huber() -> Loss:
    huber = import_module("scipy.special").huber
    return lambda pred, target: huber(DELTA, pred - target).mean()


def _scipy_pseudo_huber() -> Loss:
    pseudo_huber = import_module("scipy.special").pseudo_huber
    return lambda pred, target: pseudo_huber(1.0, pred - target).mean()


def _sklearn(loss: str) -> Loss:
    metrics = import_module("sklearn.metrics")
    function = {
        "mse": metrics.mean_squared_error,
        "l1": metrics.mean_absolute_error,
        "quantile": partial(metrics.mean_pinball_loss, alpha=Q),
    }[loss]
    return lambda pred, target: function(target, pred)


def _skimage() -> Loss:
    loss: Loss = import_module("skimage.metrics").mean_squared_error
    return loss


def _torchmetrics(loss: str) -> Loss:
    metrics = import_module("torchmetrics.functional.regression")
    functions: dict[str, Loss] = {
        "mse": metrics.mean_squared_error,
        "l1": metrics.mean_absolute_error,
        "log_cosh": metrics.log_cosh_error,
    }
    return functions[loss]


def _keras(loss: str) -> Loss:
    """It averages over the last axis, here the only one."""
    losses = import_module("keras").losses
    function = {
        "mse": losses.mean_squared_error,
        "l1": losses.mean_absolute_error,
        "huber": partial(losses.huber, delta=DELTA),
        "log_cosh": losses.log_cosh,
    }[loss]
    return lambda pred, target: function(target, pred)


def _dm_pix(loss: str) -> Loss:
    """It averages over the last three axes."""
    function = getattr(import_module("dm_pix"), {"mse": "mse", "l1": "mae"}[loss])
    return lambda pred, target: function(pred[:, None, None], target[:, None, None])


def _kornia(loss: str) -> Loss:
    function = getattr(import_module("kornia.losses"), f"{loss}_loss")
    return partial(function, reduction="mean")


def _native(loss: str) -> Loss:
    function = getattr(import_module("torch.nn.functional"), f"{loss}_loss")
    return partial(function, **_NATIVE_OPTIONS[loss])


def _optax(loss: str) -> Loss:
    optax = import_module("optax")
    function = {
        "huber": partial(optax.huber_loss, delta=DELTA),
        "log_cosh": optax.log_cosh,
        "mse": optax.squared_error,
    }[loss]
    return lambda pred, target: function(pred, target).mean()
