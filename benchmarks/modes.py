"""Ways to run a loss: each turns it and NumPy inputs into a call without arguments.

The first input is the one to differentiate by. A call returns the value, or the value
and the gradient, so that two contenders can be held to the same answer.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import xloss
from benchmarks.timing import Contender

Loss = Callable[..., Any]
Inputs = Sequence[Any]


def numpy_forward(loss: Loss, inputs: Inputs) -> Contender:
    return lambda: loss(*inputs)


def numpy_gradient(loss: Loss, inputs: Inputs) -> Contender:
    call = xloss.value_and_grad(loss)
    return lambda: call(*inputs)


def autograd_gradient(loss: Loss, inputs: Inputs) -> Contender:
    """NumPy again, by the functions of the package `autograd`."""
    call = import_module("autograd").value_and_grad(loss)
    return lambda: call(*inputs)


def torch_forward(loss: Loss, inputs: Inputs) -> Contender:
    tensors = torch_tensors(inputs)
    return lambda: loss(*tensors)


def torch_gradient(loss: Loss, inputs: Inputs, wanted: int = 1) -> Contender:
    """Forward and backward to as many of the first inputs as `wanted`."""
    tensors = torch_tensors(inputs)
    variables = [tensor.requires_grad_() for tensor in tensors[:wanted]]

    def run() -> tuple[Any, ...]:
        for variable in variables:
            variable.grad = None  # a sum with the last gradient would be extra work
        value = loss(*tensors)
        value.backward()
        return value.detach(), *(variable.grad for variable in variables)

    return run


def torch_and_back(loss: Loss, inputs: Inputs) -> Contender:
    """Value and gradient of NumPy arrays by way of torch, which shares their memory."""

    def run() -> tuple[Any, Any]:
        value, gradient = torch_gradient(loss, inputs)()
        return value.numpy(), gradient.numpy()

    return run


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

    arrays = [jax.numpy.asarray(array) for array in inputs]
    wait: Callable[[Any], Any] = jax.block_until_ready
    return lambda: wait(call(*arrays))


def forget_compiled() -> None:
    """Drop what torch compiled so far.

    torch counts recompilations by code object, which wrapped functions share: after
    eight of them it would refuse the ninth.
    """
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.reset()


def torch_tensors(inputs: Inputs) -> list[Any]:
    import torch

    # A view of its own each time: one contender's gradient must not reach another.
    return [torch.from_numpy(array) for array in inputs]
