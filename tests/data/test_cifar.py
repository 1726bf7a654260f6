import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from data_samples import batch, cifar10, cifar100, python2

from plusx.data import open_data
from plusx.data.pickles import load_pickled
from plusx.errors import InputError


def test_folder_parent_and_archive(tmp_path: Path) -> None:
    folder = cifar10(tmp_path / "data" / "cifar-10-batches-py")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, "cifar-10-batches-py")
    opened = [open_data(str(path)) for path in (folder, folder.parent, archive)]
    for data in opened:
        assert data.input.classes == ("airplane", "automobile", "bird")
        assert (data.input.channels, data.input.size, len(data.test)) == (3, 32, 12)
        assert len(data.train) + len(data.val) == 60
        assert data.input == opened[0].input
        assert data.policy.flip
    stored = load_pickled((folder / "test_batch").read_bytes(), where="x")
    red = np.asarray(stored[b"data" if b"data" in stored else "data"])[7].reshape(3, 32, 32)
    assert (opened[0].test.images.read(7).numpy() == red).all()
    assert opened[2].name == "cifar-10-python"


def test_the_fine_labels_of_cifar100(tmp_path: Path) -> None:
    data = open_data(str(cifar100(tmp_path / "cifar-100-python")))
    assert data.input.classes == ("apple", "bear")
    assert len(data.test) == 40


def test_two_sets_in_one_folder(tmp_path: Path) -> None:
    cifar10(tmp_path / "cifar-10-batches-py")
    cifar100(tmp_path / "cifar-100-python")
    with pytest.raises(InputError, match="give the path of one of them"):
        open_data(str(tmp_path))


def test_what_python_2_wrote() -> None:
    """By hand, opcode for opcode: NumPy's state in byte strings, flags as 0 and 1."""
    pixels = bytes(range(256)) * 24
    content = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        b"U\x01b\x87R(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x18\x00\x00" + pixels + b"tb"
        b"U\x06labels](K\x00K\x01eu."
    )
    found = load_pickled(content, where="x")
    assert found[b"labels"] == [0, 1]
    assert found[b"data"].tobytes() == pixels
    assert found[b"data"].shape == (2, 3072)


class Evil:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> object:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_does_not_run(tmp_path: Path, protocol: int) -> None:
    folder = cifar10(tmp_path / "cifar-10-batches-py")
    evil = Evil(os.system, f"touch {tmp_path / 'ran'}")
    (folder / "data_batch_3").write_bytes(pickle.dumps({"data": evil}, protocol))
    with pytest.raises(InputError, match=r"data_batch_3 asks for (posix|nt|os)\.system"):
        open_data(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.fromfile])
def test_other_functions_are_refused(function: object) -> None:
    with pytest.raises(InputError, match="asks for"):
        load_pickled(pickle.dumps(Evil(function, "1")), where="x")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_bytes_and_numbers_pass(protocol: int) -> None:
    value = {"a": np.arange(6).reshape(2, 3), "b": [b"\xff\x00", 1.5, -3, None, True], "c": (1,)}
    found = load_pickled(pickle.dumps(value, protocol), where="x")
    found = {key.decode() if isinstance(key, bytes) else key: held for key, held in found.items()}
    assert (found["a"] == value["a"]).all()
    assert found["b"] == value["b"]
    assert found["c"] == (1,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no whole pickle"),
        (b"hello", "no whole pickle"),
        (python2(batch(5, 3, "labels"))[:200], "no whole pickle"),
        (python2([1, 2]), "something else than a dictionary"),
        (python2({"labels": [1]}), "data that are not rows of 3072"),
        (python2({"data": np.zeros((2, 3), np.uint8), "labels": [0, 1]}), "not rows of 3072"),
        (python2({"data": np.zeros((2, 3072), np.uint8)}), "no list of labels"),
        (python2({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]}), "has the label 9"),
        (python2({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}), "images and"),
        (None, "has no data_batch_2"),
    ],
)
def test_damaged_batches(tmp_path: Path, content: bytes | None, message: str) -> None:
    folder = cifar10(tmp_path / "cifar-10-batches-py")
    if content is None:
        (folder / "data_batch_2").unlink()
    else:
        (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_data(str(folder))


def test_a_cut_archive_and_another(tmp_path: Path) -> None:
    folder = cifar10(tmp_path / "cifar-10-batches-py")
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, "cifar-10-batches-py")
    archive.write_bytes(archive.read_bytes()[:30000])
    with pytest.raises(InputError, match=r"no whole tar\.gz"):
        open_data(str(archive))
    archive.write_text("hello")
    with pytest.raises(InputError, match=r"no whole tar\.gz"):
        open_data(str(archive))
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, "something-else")
    with pytest.raises(InputError, match=r"has no batches\.meta"):
        open_data(str(archive))
    (folder / "batches.meta").write_bytes(python2({"names": []}))
    with pytest.raises(InputError, match="no label_names"):
        open_data(str(folder))
