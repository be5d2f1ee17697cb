"""Memory that a call needs beyond its inputs, in bytes."""

import multiprocessing
import tracemalloc
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import xloss
from benchmarks import devices, modes
from benchmarks.modes import Inputs, Loss

MIB = 2**20


def numpy_peak(call: Callable[..., Any], *arrays: Any) -> int:
    """Return the largest extra memory of a NumPy call, without its results.

    NumPy registers the memory of arrays with tracemalloc, CuPy with a hook.
    """
    arrays = tuple(devices.as_numpy(arrays))
    call(*arrays)  # what is allocated once and kept is not the call's
    if devices.on_cuda():
        return _cupy_peak(call, *arrays)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = call(*arrays)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return max(0, peak - before - _bytes(result))


def _cupy_peak(call: Callable[..., Any], *arrays: Any) -> int:
    hook: Any = import_module("cupy.cuda").MemoryHook

    class Watch(hook):  # type: ignore[misc]
        name = "peak"
        now = peak = 0

        def malloc_postprocess(self, **facts: Any) -> None:
            self.now += facts["mem_size"]
            self.peak = max(self.peak, self.now)

        def free_postprocess(self, **facts: Any) -> None:
            self.now -= facts["mem_size"]

    with Watch() as watch:
        result = call(*arrays)
    return max(0, int(watch.peak) - _bytes(result))


def _bytes(result: Any) -> int:
    results = result if isinstance(result, tuple) else (result,)
    return sum(int(getattr(x, "nbytes", 0)) for x in results)


def extra_on_numpy(loss: Loss, inputs: Inputs) -> float:
    """Return the largest extra memory of a NumPy call, in first inputs."""
    return numpy_peak(loss, *inputs) / float(inputs[0].nbytes)


def extra_mib_on_numpy(loss: Loss, inputs: Inputs) -> float:
    """Return the largest extra memory of a NumPy call, in MiB."""
    return numpy_peak(loss, *inputs) / MIB


def gradient_mib_on_numpy(loss: Loss, inputs: Inputs) -> float:
    """Return the largest memory of value and gradient beside the gradient, in MiB."""
    return numpy_peak(xloss.value_and_grad(loss), *inputs) / MIB


def gradient_mib_on_torch(loss: Loss, inputs: Inputs) -> float:
    """Return the same of torch."""
    peak = torch_peak(modes.torch_gradient(loss, inputs))
    return (peak - int(inputs[0].nbytes)) / MIB


def kept_for_backward(loss: Loss, inputs: Inputs) -> float:
    """Return what autograd keeps to differentiate by the first input, in its sizes."""
    tensors = devices.as_torch(inputs)
    tensors[0].requires_grad_()
    return torch_saved(loss, *tensors) / float(inputs[0].nbytes)


def extra_with_backward(loss: Loss, inputs: Inputs) -> float:
    """Return the largest memory of forward and backward, in first inputs."""
    return torch_peak(modes.torch_gradient(loss, inputs)) / float(inputs[0].nbytes)


def resident_with_backward(loss: Loss, inputs: Inputs) -> float:
    """Return the largest memory of a new process that does both, libraries included.

    In MiB. Counts what operators use inside as well.
    """
    if devices.on_cuda():
        raise devices.UnavailableError("the memory of a process is the host's")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_largest_resident, (loss, inputs))


def _largest_resident(loss: Loss, inputs: Inputs) -> float:
    modes.torch_gradient(loss, inputs)()
    # Linux; the resource module's number would include the process that started this
    status = Path("/proc/self/status").read_text()
    kib = status.partition("VmHWM:")[2].split()[0]
    return int(kib) / 1024


def torch_saved(call: Callable[..., Any], *tensors: Any) -> int:
    """Return what autograd keeps for the backward pass, beside the inputs."""
    import torch

    inputs = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    saved: dict[int, Any] = {}  # holds them, so that no address is used twice

    def pack(tensor: Any) -> Any:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = call(*tensors)
    sizes = {
        address: tensor.untyped_storage().nbytes()
        for address, tensor in saved.items()
        if address not in inputs
    }
    del result
    return sum(sizes.values())


def torch_peak(run: Callable[[], Any]) -> int:
    """Return the largest memory of all tensors alive at once that `run` makes.

    Counts what operators return, views of its inputs aside; what they use inside is
    theirs to know, but on a device, whose allocator counts everything.
    """
    if devices.on_cuda():
        return _cuda_peak(run)
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            alive.exclude(args)
            result = func(*args, **(kwargs or {}))
            alive.add(result)
            return result

    alive = _Alive()
    with Watch():  # type: ignore[no-untyped-call]
        run()
    return alive.peak


def _cuda_peak(run: Callable[[], Any]) -> int:
    from torch import cuda

    before = int(cuda.memory_allocated())
    cuda.reset_peak_memory_stats()
    run()
    return int(cuda.max_memory_allocated()) - before


class _Alive:
    """Storages of the tensors that exist now, by address, and their largest sum."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._inputs: set[int] = set()
        self._total = 0
        self.peak = 0

    def exclude(self, args: Any) -> None:
        """Leave out what an operator is given that none has made."""
        self._inputs |= {storage._cdata for storage in _storages(args)} - self._known

    def add(self, result: Any) -> None:
        for storage in _storages(result):
            self._add(storage)

    def _add(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known or key in self._inputs:
            return
        self._known.add(key)
        self._total += size
        self.peak = max(self.peak, self._total)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._total -= size


def _storages(tree: Any) -> list[Any]:
    import torch

    leaves = torch.utils._pytree.tree_leaves(tree)
    return [x.untyped_storage() for x in leaves if isinstance(x, torch.Tensor)]
