"""Small data sets in every form, written where a test asks for them."""

import gzip
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Make = Callable[..., Path]
_RNG = np.random.default_rng(0)


def draw(path: Path, *, size: tuple[int, int] = (16, 16), mode: str = "RGB", seed: int = 0) -> None:
    """Write an image of noise, in the form that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def pack(folder: Path, target: Path, *, below: str = "") -> Path:
    """Zip a folder's files, under a top folder `below` if there is one."""
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{below}{file.relative_to(folder).as_posix()}")
    return target


def images(count: int, *shape: int) -> np.ndarray:
    return _RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(count: int, classes: int = 3) -> np.ndarray:
    return np.arange(count) % classes


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def mnist(folder: Path, *, packed: bool = True, tested: bool = True) -> Path:
    folder.mkdir()
    for split, count in (("train", 200), *([("t10k", 20)] if tested else [])):
        for what, array in (
            ("images-idx3", images(count, 10, 10)),
            ("labels-idx1", labels(count, 10)),
        ):
            content = idx(array)
            name = f"{split}-{what}-ubyte{'.gz' if packed else ''}"
            (folder / name).write_bytes(gzip.compress(content) if packed else content)
    return folder


def python2(value: object) -> bytes:
    """Pickle as Python 2 and the NumPy of its time did: strings as bytes, the old names."""
    text = pickle.dumps(value, protocol=2)
    return text.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def batch(count: int, classes: int, key: str) -> dict[str, object]:
    return {
        "data": images(count, 3072),
        key: [at % classes for at in range(count)],
    }


def cifar10(folder: Path) -> Path:
    folder.mkdir(parents=True)
    names = ["airplane", "automobile", "bird"]
    (folder / "batches.meta").write_bytes(python2({"label_names": names}))
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(python2(batch(12, 3, "labels")))
    return folder


def cifar100(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "meta").write_bytes(
        pickle.dumps({b"fine_label_names": [b"apple", b"bear"], b"coarse_label_names": [b"x"]})
    )
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(batch(40, 2, "fine_labels"), protocol=5))
    return folder
