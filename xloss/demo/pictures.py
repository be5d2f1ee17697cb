"""The photograph that the demo shows the losses: read, or drawn when there is none."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xloss.demo.errors import DemoError

LONGEST_SIDE = 1024  # pixels: larger pictures only make the demo slow
SHORTEST_SIDE = 16

# Shipped inside the wheels, so that reading them needs no network.
_PHOTOGRAPHS = (
    ("skimage", "scikit-image", "data/astronaut.png"),
    ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
)


class Picture(NamedTuple):
    """Pixels of shape (channels, height, width) in [0, 1], and where they are from."""

    pixels: NDArray[np.float64]
    source: str
    is_photograph: bool = True


def load(path: str | None) -> Picture:
    """Read the picture at `path`, else a photograph that a dependency ships."""
    if path is not None:
        return _prepared(_read(Path(path)), path)
    if find_spec("PIL") is not None:
        for module, distribution, name in _PHOTOGRAPHS:
            file = _inside(module, name)
            if file is not None:
                source = f"{file.name}, shipped with {distribution}"
                return _prepared(_read(file), source)
    source = "synthetic, drawn with NumPy, as no photograph is installed"
    return Picture(synthetic(), source, is_photograph=False)


def _inside(module: str, name: str) -> Path | None:
    spec = find_spec(module)
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder, name)
        if file.is_file():
            return file
    return None


def _read(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise DemoError(f"--image: there is no file {str(path)!r}; pass a picture")
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DemoError(
            f"--image: reading {str(path)!r} needs Pillow: pip install pillow, "
            "or pass a .npy file"
        ) from None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except (OSError, ValueError, UnidentifiedImageError) as error:
        raise DemoError(
            f"--image: {str(path)!r} cannot be read as a picture ({error}); "
            "pass a PNG, JPEG, TIFF or .npy file"
        ) from None


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        pixels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DemoError(
            f"--image: {str(path)!r} cannot be read as a .npy file ({error})"
        ) from None
    if not isinstance(pixels, np.ndarray):  # an .npz archive under another name
        raise DemoError(f"--image: {str(path)!r} holds no single array; use np.save")
    return pixels


def _prepared(pixels: NDArray[Any], source: str) -> Picture:
    """Bring an image array to (channels, height, width) in [0, 1]."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise DemoError(
            f"--image: {source!r} has shape {pixels.shape}; "
            "expected (height, width) or (height, width, 1, 3 or 4 channels)"
        )
    if min(pixels.shape[:2]) < SHORTEST_SIDE:
        raise DemoError(
            f"--image: {source!r} is {pixels.shape[1]} × {pixels.shape[0]} pixels; "
            f"expected at least {SHORTEST_SIDE} × {SHORTEST_SIDE}"
        )
    channels = pixels[:, :, :3].transpose(2, 0, 1)  # without opacity
    return _shrunk(_unit_range(channels, source), source)


def _unit_range(pixels: NDArray[Any], source: str) -> NDArray[np.float64]:
    if pixels.dtype.kind in "bu":
        top = 1 if pixels.dtype.kind == "b" else np.iinfo(pixels.dtype).max
        return pixels.astype(np.float64) / top
    if pixels.dtype.kind == "f":
        # The comparison is false for NaN, so this refuses it too.
        if np.all((pixels >= 0) & (pixels <= 1)):
            return pixels.astype(np.float64)
        raise DemoError(f"--image: {source!r} has floating values outside [0, 1]")
    raise DemoError(
        f"--image: {source!r} has dtype {pixels.dtype}; "
        "expected unsigned integers, bool, or floating values in [0, 1]"
    )


def _shrunk(pixels: NDArray[np.float64], source: str) -> Picture:
    """Average blocks of pixels until the longest side fits."""
    channels, height, width = pixels.shape
    factor = -(-max(height, width) // LONGEST_SIDE)
    if factor == 1:
        return Picture(pixels, source)
    height, width = height // factor, width // factor
    if min(height, width) < SHORTEST_SIDE:
        raise DemoError(f"--image: {source!r} is too long and narrow; crop it")
    blocks = pixels[:, : height * factor, : width * factor].reshape(
        channels, height, factor, width, factor
    )
    return Picture(blocks.mean(axis=(2, 4)), f"{source}, reduced {factor} times")


def synthetic(side: int = 256) -> NDArray[np.float64]:
    """Draw a picture with what a photograph has: shading, edges and texture."""
    row, column = np.mgrid[0:side, 0:side] / side
    shading = 0.25 + 0.5 * row
    texture = 0.08 * np.sin(40 * column) * np.sin(25 * row + 8 * column)
    disc = (row - 0.4) ** 2 + (column - 0.45) ** 2 < 0.06
    bar = np.abs(row - column - 0.35) < 0.05
    grey = np.where(disc, 0.9 - 0.6 * row, shading) + texture
    tint = np.array([0.05, 0.0, -0.08])[:, np.newaxis, np.newaxis]
    drawn: NDArray[np.float64] = np.clip(np.where(bar, 0.15, grey) + tint, 0.0, 1.0)
    return drawn
