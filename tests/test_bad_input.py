"""Every error names the function, the argument, what came and what to do."""

import re

import array_api_strict
import dask.array as da
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

import xloss

from .problems import every_loss

X = np.zeros((2, 3))


@every_loss
@pytest.mark.parametrize("bad", [[0.0, 1.0], 1.0, None, "x", object(), range(3)])
def test_not_an_array(loss, bad):
    name = loss.function.__name__
    for args in ((bad, X), (X, bad)):
        with pytest.raises(TypeError, match=rf"{name}: \w+ must be an array.*asarray"):
            loss(*args)


@every_loss
@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (np.ma.masked_array(X), TypeError, "plain array.*where=~mask"),
        (np.matrix(X), TypeError, "plain array.*asarray"),
        (X.astype(complex), ValueError, "real floating.*complex128"),
        (X.astype(object), ValueError, "real floating.*object"),
        (X.astype("U3"), ValueError, "real floating"),
        (X.astype("M8[s]"), ValueError, "real floating.*datetime64"),
        (X.astype(ml_dtypes.bfloat16), ValueError, "real floating.*bfloat16"),
        (X[:1], ValueError, r"shapes must be equal.*\(2, 3\).*\(1, 3\).*broadcast"),
        (torch.zeros(2, 3), TypeError, "one library.*ndarray.*torch"),
        (jnp.zeros((2, 3)), TypeError, "one library"),
        (da.zeros((2, 3)), TypeError, "one library.*dask"),
    ],
    ids=lambda x: None if isinstance(x, np.ndarray) else str(x)[:20],
)
def test_wrong_array(loss, bad, kind, message):
    with pytest.raises(kind, match=rf"{loss.function.__name__}: .*{message}"):
        loss(X, bad)


def test_devices():
    a, b = torch.zeros(3), torch.zeros(3, device="meta")
    with pytest.raises(ValueError, match=r"l1_loss: .*one device.*cpu.*meta"):
        xloss.l1_loss(a, b)
    other = array_api_strict.Device("device1")
    a, b = array_api_strict.zeros(3), array_api_strict.zeros(3, device=other)
    with pytest.raises(ValueError, match=r"l1_loss: .*one device.*device1"):
        xloss.l1_loss(a, b)


def test_eight_bit_floats_are_storage():
    a = torch.zeros(3, dtype=torch.float8_e4m3fn)
    with pytest.raises(ValueError, match="mse_loss: input must have a real floating"):
        xloss.mse_loss(a, a)
    b = jnp.zeros(3, jnp.float8_e4m3fn)
    with pytest.raises(ValueError, match="mse_loss: input must have a real floating"):
        xloss.mse_loss(b, b)


@every_loss
@pytest.mark.parametrize(("bad", "kind"), [("max", ValueError), (1, TypeError)])
def test_unknown_reduction(loss, bad, kind):
    message = f"{loss.function.__name__}: reduction must be 'none', 'mean' or 'sum'"
    with pytest.raises(kind, match=message):
        loss(X, X, reduction=bad)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss"])
@pytest.mark.parametrize("bad", [None, True, False])
def test_size_average_is_not_taken(name, bad):
    with pytest.raises(TypeError, match=f"{name}: .*size_average"):
        getattr(xloss, name)(X, X, bad)


@every_loss
@pytest.mark.parametrize(
    ("kwargs", "kind", "message"),
    [
        ({"where": X}, ValueError, "where must be a boolean mask.*float64"),
        ({"where": [True]}, TypeError, "where must be an array"),
        ({"where": np.ones(4, bool)}, ValueError, r"where must broadcast.*\(4,\)"),
        ({"where": np.ones((1, 2, 3), bool)}, ValueError, "where must broadcast"),
        ({"sample_weight": 2.0}, TypeError, "sample_weight must be an array"),
        ({"sample_weight": np.ones(2)}, ValueError, "sample_weight must broadcast"),
        ({"sample_weight": 1j * X}, ValueError, "sample_weight must have a real"),
        ({"sample_weight": torch.ones(3)}, TypeError, "one library"),
    ],
)
def test_wrong_weights(loss, kwargs, kind, message):
    with pytest.raises(kind, match=rf"{loss.function.__name__}: .*{message}"):
        loss(X, X, **kwargs)


OPTIONS = [
    ("huber_loss", {"delta": 0}, ValueError, "delta must be positive, got 0"),
    ("huber_loss", {"delta": -1.0}, ValueError, "delta must be positive, got -1.0"),
    ("huber_loss", {"delta": float("nan")}, ValueError, "delta must be pos.* got nan"),
    ("huber_loss", {"delta": np.float32("nan")}, ValueError, "delta .*got nan"),
    ("huber_loss", {"delta": "1"}, TypeError, "delta must be a number.*got str"),
    ("huber_loss", {"delta": None}, TypeError, "delta must be a number.*NoneType"),
    ("huber_loss", {"delta": True}, TypeError, "delta must be a number.*bool"),
    ("huber_loss", {"delta": 1j}, TypeError, "delta must be a number.*complex"),
    ("huber_loss", {"delta": np.complex64(1)}, ValueError, "delta must have a real"),
    ("huber_loss", {"delta": np.ones(3)}, ValueError, r"delta must be one number.*3"),
    ("huber_loss", {"weight": np.ones(3)}, ValueError, "shapes must be equal.*weight"),
    ("mse_loss", {"weight": np.ones((2, 1))}, ValueError, "shapes must be equal"),
    ("smooth_l1_loss", {"beta": -0.5}, ValueError, "beta must be at least 0"),
    ("smooth_l1_loss", {"beta": float("nan")}, ValueError, "beta must be at least 0"),
    ("quantile_loss", {"q": 1.5}, ValueError, r"q must be in \[0, 1\], got 1.5"),
    ("quantile_loss", {"q": np.asarray([0.1, 0.2, -1])}, ValueError, "q .*got -1.0"),
    ("quantile_loss", {"q": np.full(3, np.nan)}, ValueError, "q must be .*got nan"),
    ("quantile_loss", {"q": np.zeros(2)}, ValueError, "q must broadcast"),
    (
        "quantile_loss",
        {"q": [0.1, 0.2, 0.3]},
        TypeError,
        "q must be a number or an arr",
    ),
    ("quantile_loss", {"q": torch.zeros(())}, TypeError, "one library.*q: torch"),
    ("charbonnier_loss", {"scale": 0.0}, ValueError, "scale must be positive"),
    ("welsch_loss", {"scale": np.ones(3)}, ValueError, "scale must be one number"),
    ("general_robust_loss", {"alpha": float("nan")}, ValueError, "alpha .*got nan"),
    ("general_robust_loss", {"alpha": "2"}, TypeError, "alpha must be a number"),
    ("general_robust_loss", {"alpha": 1, "scale": -X - 1}, ValueError, "scale .*-1.0"),
]


@pytest.mark.parametrize(("name", "options", "kind", "message"), OPTIONS)
def test_wrong_option(name, options, kind, message):
    with pytest.raises(kind, match=f"{name}: .*{message}"):
        getattr(xloss, name)(X, X, **options)


def test_messages_end_with_what_to_do():
    with pytest.raises(ValueError, match=re.escape("(B, 1, 1, 1)")):
        xloss.l1_loss(X, X, sample_weight=np.ones(2))
