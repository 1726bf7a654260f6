import subprocess
import sys
from pathlib import Path

import pytest
from data_samples import Make, draw

from plusx.data import open_data
from plusx.errors import InputError


def test_import_is_light() -> None:
    code = (
        "import sys, plusx.data\n"
        "heavy = {'PIL', 'sklearn', 'pandas', 'lightning_fabric', 'matplotlib'}\n"
        "heavy |= {'webdataset', 'pyarrow', 'filelock'}\n"
        "print(*heavy & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []


def test_nothing_there_suggests_the_nearest(make: Make) -> None:
    folder = make("pets", {"cat": 1})
    with pytest.raises(InputError, match="does not exist; did you mean 'pets'"):
        open_data(str(folder.parent / "petz"))
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        open_data("cifar11")
    for nothing in ("", "a\0b"):
        with pytest.raises(InputError, match="is given as"):
            open_data(nothing)
    with pytest.raises(InputError, match="cannot be read"):
        open_data("x" * 5000)


def test_a_path_goes_before_a_name(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("digits", {"cat": 5, "dog": 5})
    monkeypatch.chdir(folder.parent)
    data = open_data("digits")
    assert data.input.classes == ("cat", "dog")
    assert "Took the path digits" in data.notes[0]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty, expected a folder with"):
        open_data(str(tmp_path))


def test_images_without_class_folders(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"1 image\(s\) directly in it"):
        open_data(str(tmp_path))


def test_one_class_only(make: Make) -> None:
    with pytest.raises(InputError, match=r"one class only \('cat'\)"):
        open_data(str(make("pets", {"cat": 9})))


def test_a_class_too_small(make: Make) -> None:
    with pytest.raises(InputError, match=r"class 'dog' has 2 image\(s\)"):
        open_data(str(make("pets", {"cat": 9, "dog": 2})))


def test_a_given_split_with_nothing_readable(make: Make) -> None:
    folder = make("pets", {"train/cat": 30, "train/dog": 30})
    (folder / "val/cat").mkdir(parents=True)
    (folder / "val/cat/1.png").write_text("hello")
    with pytest.raises(InputError, match="val has no readable image"):
        open_data(str(folder))


def test_one_image_and_other_files(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"1\.png is one file"):
        open_data(str(tmp_path / "1.png"))
    (tmp_path / "x.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"x\.csv is no data set that is known.*MedMNIST.*IDX"):
        open_data(str(tmp_path / "x.csv"))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK")

    def refusing(path: Path, *args: str) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refusing)
        with pytest.raises(InputError, match=r"x\.zip cannot be read \(Permission denied\)"):
            open_data(str(tmp_path / "x.zip"))
    monkeypatch.setattr(Path, "iterdir", refusing)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
        open_data(str(tmp_path))


@pytest.mark.parametrize(
    ("option", "value"), [("size", 4), ("workers", -1), ("memory_limit", -1), ("cache_limit", -1)]
)
def test_numbers_out_of_range(option: str, value: int) -> None:
    with pytest.raises(InputError, match=f"{option} is {value}, expected"):
        open_data("digits", **{option: value})
