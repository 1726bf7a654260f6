import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_samples import idx, images, labels, mnist

from plusx.data import InMemory, open_data
from plusx.errors import InputError


def medmnist(path: Path, **changes: Any) -> Path:
    arrays = {
        "train_images": images(30, 12, 12),
        "train_labels": labels(30)[:, None].astype(np.uint8),
        "val_images": images(6, 12, 12),
        "val_labels": labels(6)[:, None],
        "test_images": images(9, 12, 12),
        "test_labels": labels(9),
    }
    kept = {key: value for key, value in (arrays | changes).items() if value is not None}
    np.savez_compressed(path, **kept)
    return path


def test_digits() -> None:
    data = open_data("digits")
    assert data.name == "digits"
    assert data.input.classes == tuple("0123456789")
    assert (data.input.channels, data.input.size) == (1, 8)
    assert len(data.train) + len(data.val) + len(data.test) == 1797
    assert isinstance(data.train.images, InMemory)
    assert data.train.images.pixels.max() == 255
    assert not data.policy.flip
    assert data.train.names[0].startswith("train/0")


def test_npz(tmp_path: Path) -> None:
    data = open_data(str(medmnist(tmp_path / "blood.npz")))
    assert data.name == "blood"
    assert data.input.classes == ("label 0", "label 1", "label 2")
    assert [len(split) for split in (data.train, data.val, data.test)] == [30, 6, 9]
    assert data.val.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.test.names[3] == "test/00003"
    assert data.policy.flip
    with np.load(tmp_path / "blood.npz") as file:
        assert (data.test.images.read(4)[0].numpy() == file["test_images"][4]).all()


def test_npz_in_colour_resized_and_split(tmp_path: Path) -> None:
    colour = images(30, 12, 16, 3)
    gone = dict.fromkeys(("val_images", "val_labels", "test_images", "test_labels"))
    path = medmnist(tmp_path / "x.npz", train_images=colour, **gone)
    data = open_data(str(path))
    assert (data.input.channels, data.input.size) == (3, 16)
    assert data.train.images.read(0).shape == (3, 16, 16)
    assert len(data.train) + len(data.val) + len(data.test) == 30
    assert open_data(str(path), size=10).train.images.read(0).shape == (3, 10, 10)
    same = colour[:, :, 2:14]
    path = medmnist(tmp_path / "y.npz", train_images=same, **gone)
    at = int(open_data(str(path)).train.names[0].split("/")[1])
    assert (open_data(str(path)).train.images.read(0).permute(1, 2, 0).numpy() == same[at]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": labels(29)}, "train has 30 images and 29 labels"),
        ({"val_labels": labels(5)}, "val has 6 images and 5 labels"),
        ({"train_labels": labels(30) - 1}, "train has the label -1"),
        ({"train_labels": labels(30) * 2}, "labels up to 4 but none is 1"),
        ({"test_labels": labels(9) + 1}, "test has the label 3, expected 0 to 2"),
        ({"val_labels": labels(6) - 1}, "val has the label -1"),
        ({"train_labels": labels(30).astype(float)}, "train_labels is float64"),
        ({"train_labels": np.zeros((30, 14), int)}, "14 labels for each image"),
        (
            {
                f"{part}_labels": np.zeros(n, int)
                for part, n in (("train", 30), ("val", 6), ("test", 9))
            },
            r"one class only \('label 0'\)",
        ),
        ({"train_labels": np.array([{}] * 30)}, "train_labels cannot be read"),
        ({"train_images": images(30, 12, 12).astype(float)}, "train_images is float64"),
        ({"train_images": images(30, 12, 12, 4)}, "expected uint8 of"),
        ({"train_images": images(30, 0, 12)}, "30 x 1 x 0 x 12"),
        ({"val_images": images(6, 12, 12, 3)}, "different shapes"),
        ({"test_images": images(0, 12, 12), "test_labels": labels(0)}, "at least one image"),
        ({"train_images": None}, "expected train_images and train_labels"),
        ({"val_labels": None}, "expected val_images and val_labels"),
    ],
)
def test_npz_that_does_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_data(str(medmnist(tmp_path / "x.npz", **changes)))


def test_npz_damaged(tmp_path: Path) -> None:
    whole = medmnist(tmp_path / "x.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:1000])
    with pytest.raises(InputError, match="no whole zip archive"):
        open_data(str(tmp_path / "cut.npz"))
    content = bytearray(whole)
    content[200:240] = bytes(40)
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(InputError, match="train_images cannot be read"):
        open_data(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize("packed", [True, False])
def test_idx(tmp_path: Path, packed: bool) -> None:
    data = open_data(str(mnist(tmp_path / "numbers", packed=packed)))
    assert data.input.classes == tuple("0123456789")
    assert (data.input.channels, data.input.size, len(data.test)) == (1, 10, 20)
    assert len(data.train) + len(data.val) == 200
    data = open_data(str(mnist(tmp_path / "untested", packed=packed, tested=False)))
    assert len(data.train) + len(data.val) + len(data.test) == 200


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte.gz", lambda old: old[: len(old) // 2], "no whole IDX file"),
        ("train-labels-idx1-ubyte.gz", lambda old: b"", "no whole IDX file"),
        ("t10k-images-idx3-ubyte.gz", lambda old: b"hello there", "no whole IDX file"),
        (
            "train-images-idx3-ubyte.gz",
            lambda old: gzip.compress(gzip.decompress(old)[:-5]),
            "fewer bytes than",
        ),
        (
            "train-images-idx3-ubyte.gz",
            lambda old: gzip.compress(gzip.decompress(old) + b"x"),
            "more bytes than",
        ),
        (
            "train-images-idx3-ubyte.gz",
            lambda old: gzip.compress(idx(labels(200))),
            "begins with 00 00 08 01, expected 00 00 08 03",
        ),
        (
            "train-images-idx3-ubyte.gz",
            lambda old: gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**31)),
            "too short for",
        ),
        ("t10k-labels-idx1-ubyte.gz", None, "has no t10k-labels file"),
        (
            "train-labels-idx1-ubyte.gz",
            lambda old: gzip.compress(idx(labels(199, 10))),
            "200 images and 199 labels",
        ),
    ],
)
def test_idx_damaged(tmp_path: Path, name: str, change: Any, message: str) -> None:
    path = mnist(tmp_path / "numbers") / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        open_data(str(tmp_path / "numbers"))
