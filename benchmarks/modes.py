"""Ways to run a loss: each turns it and NumPy inputs into a call without arguments.

The first input is the one to differentiate by. A call is a partial of its arrays, made
on the device, and returns the value, or the value and the gradient, so that two
contenders can be held to the same answer.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import xloss
from benchmarks import devices
from benchmarks.timing import Contender

Loss = Callable[..., Any]
Inputs = Sequence[Any]


def numpy_forward(loss: Loss, inputs: Inputs) -> Contender:
    return partial(loss, *devices.as_numpy(inputs))


def numpy_gradient(loss: Loss, inputs: Inputs) -> Contender:
    return partial(xloss.value_and_grad(loss), *devices.as_numpy(inputs))


def autograd_gradient(loss: Loss, inputs: Inputs) -> Contender:
    """NumPy again, by the functions of the package `autograd`."""
    return partial(import_module("autograd").value_and_grad(loss), *inputs)


def torch_forward(loss: Loss, inputs: Inputs) -> Contender:
    return partial(loss, *devices.as_torch(inputs))


def torch_gradient(loss: Loss, inputs: Inputs, wanted: int = 1) -> Contender:
    """Forward and backward to as many of the first inputs as `wanted`."""

    def run(*tensors: Any) -> tuple[Any, ...]:
        variables = tensors[:wanted]
        for variable in variables:
            variable.grad = None  # a sum with the last gradient would be extra work
        value = loss(*tensors)
        value.backward()
        return value.detach(), *(variable.grad for variable in variables)

    # Tensors of their own: one contender's gradient must not reach another.
    tensors = devices.as_torch(inputs)
    for tensor in tensors[:wanted]:
        tensor.requires_grad_()
    return partial(run, *tensors)


def torch_and_back(loss: Loss, inputs: Inputs) -> Contender:
    """Value and gradient of NumPy arrays by way of torch, which shares their memory."""

    def run(*arrays: Any) -> tuple[Any, Any]:
        value, gradient = torch_gradient(loss, arrays)()
        return devices.from_torch(value), devices.from_torch(gradient)

    return partial(run, *devices.as_numpy(inputs))


def torch_compiled(loss: Loss, inputs: Inputs) -> Contender:
    """Forward and backward of one graph without a break."""
    import torch

    return torch_gradient(torch.compile(loss, fullgraph=True), inputs)


def jax_forward(loss: Loss, inputs: Inputs) -> Contender:
    import jax

    return _ready(jax.jit(loss), inputs)


def jax_gradient(loss: Loss, inputs: Inputs) -> Contender:
    import jax

    return _ready(jax.jit(jax.value_and_grad(loss)), inputs)


def _ready(call: Loss, inputs: Inputs) -> Contender:
    """JAX returns before it has computed: wait for the result."""
    import jax

    wait: Callable[[Any], Any] = jax.block_until_ready

    def run(*arrays: Any) -> Any:
        return wait(call(*arrays))

    return partial(run, *devices.as_jax(inputs))


def forget_compiled() -> None:
    """Drop what torch compiled so far.

    torch counts recompilations by code object, which wrapped functions share: after
    eight of them it would refuse the ninth.
    """
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.reset()
