"""The benchmarks count bytes, wait for devices, and say what a device lacks."""

import json
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from benchmarks import bandwidth, devices, groups, memory, modes, timing
from benchmarks.__main__ import main
from benchmarks.rows import Result, Row, Settings, timed

ON_CUDA = Settings(size=1, rounds=1, device="cuda")
MANY = 1000
PAIR = np.ones(MANY, np.float32), np.ones(MANY, np.float32)


def _product(x, y):
    return (x * y).sum()


class _Device:
    """A clock, and a device that computes when it is waited for."""

    def __init__(self, monkeypatch):
        self.now, self.queued, self.waits = 0.0, 0.0, 0
        monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=self.read))
        monkeypatch.setattr(devices, "wait", self.wait)

    def read(self):
        return self.now

    def contender(self, launch, compute):
        def run():
            self.now += launch
            self.queued += compute

        return run

    def wait(self, result):
        self.waits += 1
        self.now += self.queued
        self.queued = 0.0


def test_a_sample_ends_when_the_device_has_computed(monkeypatch):
    device = _Device(monkeypatch)
    assert timing.seconds(device.contender(1.0, 4.0), calls=3) == 5.0
    assert device.waits == 1  # once for all calls


def test_a_race_leaves_nothing_of_one_contender_to_the_other(monkeypatch):
    device = _Device(monkeypatch)
    ours, theirs = device.contender(1.0, 4.0), device.contender(1.0, 9.0)
    times = timing.race(ours, theirs, rounds=3)
    assert times == (5.0, 10.0, 2.0, 2.0, 2.0)


def _moved(monkeypatch, contender):
    """Return the bytes of a call that takes a second, in a library that copies 1."""
    monkeypatch.setattr(bandwidth, "of_copy", lambda library, device: 1.0)
    return bandwidth.share_of_copy(contender, contender(), 1.0)


def test_inputs_and_the_value_are_counted(monkeypatch):
    forward = modes.numpy_forward(_product, PAIR)
    assert _moved(monkeypatch, forward) == 2 * 4 * MANY + 4


def test_the_result_is_counted_element_by_element(monkeypatch):
    contender = modes.numpy_forward(lambda x, y: x + y, PAIR)
    assert _moved(monkeypatch, contender) == 3 * 4 * MANY


def test_the_gradient_is_counted_once(monkeypatch):
    pytest.importorskip("torch")
    gradient = modes.torch_gradient(_product, PAIR)
    assert _moved(monkeypatch, gradient) == 3 * 4 * MANY + 4
    both = modes.torch_gradient(_product, PAIR, wanted=2)
    assert _moved(monkeypatch, both) == 4 * 4 * MANY + 4


def test_labels_are_counted_as_the_library_keeps_them(monkeypatch):
    pytest.importorskip("jax")
    labels = np.ones(MANY, np.int64)  # 32 bits in jax
    gradient = modes.jax_gradient(_product, (PAIR[0], labels))
    assert _moved(monkeypatch, gradient) == 3 * 4 * MANY + 4


def test_a_contender_without_arrays_has_no_share():
    assert bandwidth.share_of_copy(lambda: np.float32(1), np.float32(1), 1.0) is None


def test_the_share_is_that_of_the_librarys_copy(monkeypatch):
    rates = {("numpy", "cpu"): 2000.0, ("torch", "cpu"): 500.0}
    monkeypatch.setattr(bandwidth, "of_copy", lambda *of: rates[of])
    call = partial(np.negative, np.ones(125))  # 1000 bytes in, 1000 out
    assert bandwidth.share_of_copy(call, call(), 4.0) == 0.25


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_a_copy_is_read_and_written(monkeypatch, library):
    pytest.importorskip(library)
    monkeypatch.setattr(bandwidth, "COPIED", 4 * MANY)
    contenders = []

    def seconds(contender, calls):
        contenders.append(contender)
        return 4.0

    monkeypatch.setattr(timing, "seconds", seconds)
    assert bandwidth.of_copy.__wrapped__(library, "cpu") == 2 * 4 * MANY / 4.0
    assert len(contenders) == bandwidth.ROUNDS
    copied = contenders[0]()
    assert devices.library_of(copied) == library
    np.testing.assert_array_equal(devices.to_numpy(copied), np.ones(MANY, np.float32))


def test_a_race_reports_the_share_of_our_call(monkeypatch):
    call = partial(np.negative, np.ones(125))
    monkeypatch.setattr(bandwidth, "of_copy", lambda library, device: 1e3)
    times = timing.Times(ours=8.0, theirs=16.0, ratio=2.0, low=2.0, high=2.0)
    monkeypatch.setattr("benchmarks.rows.race", lambda *_: times)
    result = timed(lambda size: (call, call))(Settings(size=1, rounds=1))
    assert result.of_copy == 0.25
    few = timed(lambda size: (call, call), size=16)(Settings(size=1, rounds=1))
    assert few.of_copy is None


def _row(measure, needs=()):
    return Row("NumPy, mean", "loss", "peer", needs, measure)


def _device(settings):
    return Result(remark=devices.current())


def test_a_row_runs_on_the_device_of_the_settings():
    assert _row(_device).run(ON_CUDA).remark == "cuda"
    assert _row(_device).run(Settings(size=1, rounds=1)).remark == "cpu"
    assert devices.current() == "cpu"


def test_a_peer_of_the_host_does_not_run_on_a_device():
    pytest.importorskip("scipy")
    row = _row(_device, needs=("numpy", "scipy"))
    assert row.run(ON_CUDA) == Result(remark="on the host alone: scipy")
    assert row.run(Settings(size=1, rounds=1)).remark == "cpu"


@pytest.fixture
def _no_device(monkeypatch):
    for library in devices.ON_CUDA:
        monkeypatch.setitem(devices._SEES_CUDA, library, lambda: False)


@pytest.mark.usefixtures("_no_device")
@pytest.mark.parametrize(
    ("make", "library"),
    [(modes.torch_forward, "torch"), (modes.jax_forward, "jax")],
)
def test_a_library_without_a_device_is_named(make, library):
    pytest.importorskip(library)
    row = _row(timed(lambda size: (make(_product, PAIR),) * 2))
    result = row.run(ON_CUDA)
    assert result == Result(remark=f"{library} sees no CUDA device")


@pytest.mark.usefixtures("_no_device")
def test_without_any_device_the_command_says_what_is_missing(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["pointwise", "--device", "cuda"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "--device cuda: torch " in said
    assert "jax " in said
    assert "cupy " in said


class _Array(np.ndarray):
    """Stands for CuPy's array."""

    def get(self):
        return np.asarray(self)


@pytest.fixture
def cupy(monkeypatch):
    """Install a CuPy whose arrays are NumPy's, and whose allocator tells its hook."""
    module = ModuleType("cupy")
    module.__spec__ = SimpleNamespace()
    module.asarray = lambda array: np.asarray(array).view(_Array)
    module.ndarray = _Array
    module.is_available = lambda: True
    module.cuda = ModuleType("cupy.cuda")
    module.cuda.MemoryHook = _Hook
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setitem(sys.modules, "cupy.cuda", module.cuda)
    monkeypatch.setattr(devices, "is_cupy_array", lambda x: isinstance(x, _Array))
    with devices.use("cuda"):
        yield module


class _Hook:
    def __enter__(self):
        _Hook.active = self
        return self

    def __exit__(self, *_):
        _Hook.active = None


def test_on_a_device_cupy_takes_the_place_of_numpy(cupy):
    assert devices.module("numpy") is cupy
    (array,) = modes.numpy_forward(np.negative, PAIR[:1]).args
    assert devices.library_of(array) == "cupy"
    assert type(devices.to_numpy(array)) is np.ndarray
    assert devices.title("NumPy, mean", "cuda") == "CuPy, mean"
    assert devices.title("NumPy, mean", "cpu") == "NumPy, mean"


def test_the_largest_memory_of_cupy_is_without_the_result(cupy):
    def call(x):
        if hook := _Hook.active:
            hook.malloc_postprocess(size=4000, mem_size=4096)
            hook.malloc_postprocess(size=900, mem_size=1024)
            hook.free_postprocess(mem_size=4096)
            hook.malloc_postprocess(size=4000, mem_size=4000)
        return x + x  # 4000 bytes

    _Hook.active = None
    assert memory.numpy_peak(call, PAIR[0]) == 4096 + 1024 - 4000


def test_the_largest_memory_on_a_device_is_that_of_its_allocator(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 100)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 1100)
    with devices.use("cuda"):
        assert memory.torch_peak(lambda: None) == 1000


def test_tensors_are_made_on_the_device_and_waited_for(monkeypatch):
    torch = pytest.importorskip("torch")
    places, waits = [], []

    def as_tensor(array, device):
        places.append(device)
        return torch.from_numpy(array)

    monkeypatch.setitem(devices._SEES_CUDA, "torch", lambda: True)
    monkeypatch.setattr(torch, "as_tensor", as_tensor)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(True))
    contender = modes.torch_gradient(_product, PAIR)
    assert (places, waits) == ([], [])  # the host
    with devices.use("cuda"):
        contender = modes.torch_gradient(_product, PAIR)
        timing.seconds(contender, calls=3)
    assert places == ["cuda", "cuda"]
    assert len(waits) == 1


def test_the_command_reports_what_it_ran_on(cupy, monkeypatch, tmp_path, capsys):
    def getDeviceProperties(number):  # noqa: N802
        return {"name": b"A device"}

    cupy.cuda.runtime = SimpleNamespace(getDeviceProperties=getDeviceProperties)
    for library in ("torch", "jax"):
        monkeypatch.setitem(devices._SEES_CUDA, library, lambda: False)
    row = _row(lambda _: Result("ms", 1, 2, 2, 2, 2, of_copy=0.755))
    monkeypatch.setattr(groups, "rows", lambda group: [row])
    arguments = ["pointwise", "--device", "cuda", "--json", str(tmp_path)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "A device, " in printed
    assert "CuPy, mean" in printed
    assert "76% of a copy" in printed
    assert "Targets" not in printed  # those are the host's
    content = json.loads((tmp_path / "pointwise.json").read_text())
    assert content["settings"]["device"] == "cuda"
    assert content["machine"]["device"] == "A device"
    assert "cupy-cuda13x" in content["machine"]["versions"]


def test_the_memory_of_a_process_is_not_that_of_a_device():
    row = _row(lambda _: memory.resident_with_backward(_product, PAIR))
    assert row.run(ON_CUDA).remark == "the memory of a process is the host's"
