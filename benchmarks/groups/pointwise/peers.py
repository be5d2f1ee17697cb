"""What xloss runs against: the best known implementation on each backend."""

from functools import partial
from importlib import import_module

from benchmarks.groups.pointwise import textbook
from benchmarks.groups.pointwise.textbook import DELTA
from benchmarks.modes import Loss
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
