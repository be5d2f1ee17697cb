"""The demo: its pictures, its tables and what it says to a wrong option."""

import numpy as np
import pytest

from xloss.__main__ import main
from xloss.demo import backends, figure, pictures, progress, scenes, table
from xloss.demo.errors import DemoError
from xloss.demo.rows import ROWS

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.random((3, 48, 40))


@pytest.fixture
def image(tmp_path):
    """A small picture, so that the demo is quick."""
    path = tmp_path / "picture.npy"
    np.save(path, RANDOM.integers(0, 256, (48, 40, 3), dtype=np.uint8))
    return path


def _saved(tmp_path, pixels):
    path = tmp_path / "picture.npy"
    np.save(path, pixels)
    return str(path)


def _nothing_installed(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setattr(module, "find_spec", lambda name: None)


# Pictures


@pytest.mark.parametrize(
    ("pixels", "top"),
    [
        (RANDOM.integers(0, 256, (20, 30), dtype=np.uint8), 255),
        (RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8), 255),
        (RANDOM.integers(0, 256, (20, 30, 4), dtype=np.uint8), 255),
        (RANDOM.integers(0, 65536, (20, 30, 1), dtype=np.uint16), 65535),
        (RANDOM.random((20, 30, 3)).astype(np.float32), 1),
        (RANDOM.random((20, 30)) < 0.5, 1),
    ],
    ids=["grey", "colour", "opacity", "uint16", "float32", "bool"],
)
def test_arrays_become_channels_in_unit_range(tmp_path, pixels, top):
    loaded = pictures.load(_saved(tmp_path, pixels)).pixels
    expected = pixels.reshape(20, 30, -1)[:, :, :3] / top
    assert loaded.shape == (expected.shape[2], 20, 30)
    assert loaded.dtype == np.float64
    # One division, so within a unit of the last place of float64.
    np.testing.assert_allclose(np.moveaxis(loaded, 0, 2), expected, rtol=3e-16)


def test_large_pictures_are_averaged_down(tmp_path):
    grid = np.arange(2 * pictures.LONGEST_SIDE) % 4  # 0 1 | 2 3 | 0 1 ...
    pixels = np.broadcast_to(grid / 4, (40, grid.size))
    loaded = pictures.load(_saved(tmp_path, pixels))
    assert loaded.pixels.shape == (1, 20, pictures.LONGEST_SIDE)
    assert set(loaded.pixels.ravel()) == {0.125, 0.625}
    assert "reduced 2 times" in loaded.source


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((2, 20, 20, 3)), r"\(2, 20, 20, 3\)"),
        (np.zeros((20, 20, 2)), r"\(20, 20, 2\)"),
        (np.zeros((20, 15)), "15 × 20"),
        (np.full((20, 20), 1.5), "outside"),
        (np.full((20, 20), np.nan), "outside"),
        (np.zeros((20, 20), dtype=np.int64), "int64"),
        (np.zeros((20, 20), dtype=complex), "complex128"),
        (np.zeros((16, 4096)), "narrow"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(tmp_path, pixels, said):
    with pytest.raises(DemoError, match=said):
        pictures.load(_saved(tmp_path, pixels))


@pytest.mark.parametrize("name", ["broken.npy", "broken.png", "objects.npy"])
def test_unreadable_files_are_refused(tmp_path, name):
    path = tmp_path / name
    if name == "objects.npy":  # would need pickle, which runs code
        np.save(path, np.array([{}]), allow_pickle=True)
    else:
        path.write_bytes(b"no picture")
        pytest.importorskip("PIL")
    with pytest.raises(DemoError, match=name):
        pictures.load(str(path))


def test_image_files_are_read(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = RANDOM.integers(0, 256, (20, 24, 4), dtype=np.uint8)
    path = tmp_path / "picture.png"
    image.fromarray(pixels).save(path)
    loaded = pictures.load(str(path)).pixels
    np.testing.assert_allclose(loaded, pixels[:, :, :3].transpose(2, 0, 1) / 255)


def test_a_shipped_photograph_is_the_default():
    pytest.importorskip("skimage")
    picture = pictures.load(None)
    assert picture.is_photograph
    assert "scikit-image" in picture.source
    assert picture.pixels.shape == (3, 512, 512)


def test_without_a_photograph_a_picture_is_drawn_and_said_to_be(monkeypatch, capsys):
    _nothing_installed(monkeypatch, pictures)
    assert main(["demo", "--backend", "numpy"]) == 0
    printed = capsys.readouterr().out
    assert "synthetic" in printed
    assert "pip install scikit-image" in printed


def test_the_drawn_picture_uses_the_whole_range():
    pixels = pictures.synthetic()
    assert pixels.shape == (3, 256, 256)
    assert 0 <= pixels.min() < 0.2
    assert 0.8 < pixels.max() <= 1


# Backends


def test_backend_option_is_split_once_each():
    assert backends.parse("torch, numpy,torch") == ["torch", "numpy"]


def test_unknown_backend_is_refused():
    with pytest.raises(DemoError, match=r"'tensorflow'.*numpy, torch"):
        backends.parse("numpy,tensorflow")


def test_missing_backends_are_remarked_upon_or_refused(monkeypatch):
    monkeypatch.setattr(
        backends, "find_spec", lambda name: None if name == "torch" else object()
    )
    monkeypatch.setattr(backends, "_START", {"numpy": backends._numpy, "torch": None})
    monkeypatch.setattr(backends, "NAMES", ("numpy", "torch"))
    started, remarks = backends.start(None)
    assert [backend.name for backend in started] == ["numpy"]
    assert remarks == ["torch is not installed: pip install 'xloss[torch]'"]
    with pytest.raises(DemoError, match="torch is not installed"):
        backends.start(["numpy", "torch"])


def test_backend_that_does_not_start_says_why(monkeypatch):
    def start():
        raise RuntimeError("no driver\nmore")

    monkeypatch.setattr(backends, "_START", {"numpy": start})
    with pytest.raises(DemoError, match=r"numpy .* RuntimeError: no driver$"):
        backends.start(["numpy"])


def test_what_a_backend_lacks_is_said_beside_the_others():
    def lacking(call):
        def run(*arrays):
            raise NotImplementedError("no take_along_axis")

        return run

    with_all = backends.Backend("whole", "1", np.asarray, lambda call: call)
    with_less = backends.Backend("partial", "1", np.asarray, lacking)
    row = next(row for row in ROWS if row.name == "mse")
    scene = scenes.degrade(PIXELS)
    result = table.measure(row, scene, [with_all, with_less])
    # Neither float32 residuals nor their mean are wrong by more than a few units.
    assert result.disagreement < 1e-6
    values = table.backend_table([result], [with_all, with_less]).splitlines()[-1]
    assert values.split()[2] == "-"
    said = table.refusals([result], [with_all, with_less])
    assert said == ["partial: no take_along_axis"]


# Options


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "no/such/picture.png"], "no/such/picture.png"),
        (["--backend", "tensorflow"], "tensorflow"),
        (["--backend", ""], "unknown backend ''"),
        (["--figure", "picture.txt"], "picture.txt"),
        (["--figure", "no/such/folder/picture.png"], "no/such/folder"),
    ],
)
def test_wrong_options_say_what_came(arguments, said, capsys):
    if "--figure" in arguments:
        pytest.importorskip("matplotlib")
    assert main(["demo", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("xloss demo: ")
    assert said in captured.err
    assert captured.out == ""


def test_figure_without_matplotlib_says_what_to_install(monkeypatch, capsys):
    _nothing_installed(monkeypatch, figure)
    assert main(["demo", "--figure", "picture.png"]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["no_such_command"]])
def test_a_command_is_needed(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_registration_is_printed(image, capsys):
    assert main(["demo", "--image", str(image), "--backend", "numpy"]) == 0
    printed = capsys.readouterr().out.partition("Registration")[2]
    assert "moved by 5 pixels" in printed
    assert "from -10 to 10" in printed
    found = {line.split()[0]: line.split()[1:] for line in printed.splitlines()[-4:]}
    assert found["mutual_information"] == ["5", "5", "5"]


def test_figure_is_saved(tmp_path, image, capsys):
    image_module = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    path = tmp_path / "figure.png"
    arguments = ["demo", "--image", str(image), "--backend", "numpy"]
    assert main([*arguments, "--figure", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    with image_module.open(path) as drawn:
        assert min(drawn.size) > 1000
        assert len(drawn.convert("RGB").getcolors(1 << 24)) > 100


# Progress


@pytest.mark.parametrize("is_slow", [True, False])
def test_only_slow_steps_are_announced(monkeypatch, capsys, is_slow):
    class FakeTimer:
        def __init__(self, seconds, announce):
            self.announce = announce

        def start(self):
            if is_slow:
                self.announce()

        def cancel(self):
            pass

    monkeypatch.setattr(progress, "Timer", FakeTimer)
    with progress.step("importing torch"):
        pass
    captured = capsys.readouterr()
    assert ("importing torch ..." in captured.err) is is_slow
    assert captured.out == ""
