import struct
import zipfile
from pathlib import Path

import pytest
from data_samples import Make, pack

from plusx.data import open_data
from plusx.errors import InputError


def test_a_cut_archive(make: Make, tmp_path: Path) -> None:
    whole = pack(make("pets", {"cat": 5, "dog": 5}), tmp_path / "pets.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.zip is no whole zip archive"):
        open_data(str(tmp_path / "cut.zip"))
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(InputError, match=r"text\.zip is no whole zip archive"):
        open_data(str(tmp_path / "text.zip"))


def test_damage_inside_an_archive_is_a_broken_file(make: Make, tmp_path: Path) -> None:
    packed = pack(make("pets", {"cat": 20, "dog": 20}), tmp_path / "pets.zip")
    content = bytearray(packed.read_bytes())
    at = content.find(b"IDAT") + 100  # in the first image
    content[at] ^= 0xFF
    packed.write_bytes(content)
    assert [file.name for file in open_data(str(packed)).broken] == ["cat/000.png"]


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "/etc/evil.jpg", "cat/../../evil.jpg", "..\\evil.jpg", "C:\\evil.jpg"]
)
def test_names_outside_the_archive(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(InputError, match="points outside the archive"):
        open_data(str(tmp_path / "x.zip"))


def test_a_bomb_in_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.bmp", bytes(65 << 20))
    with pytest.raises(InputError, match=r"would unpack cat/1\.bmp from"):
        open_data(str(tmp_path / "x.zip"))


def test_a_bomb_in_many_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(40):
            archive.writestr(f"cat/{at}.bmp", bytes(1 << 20))
    # the sizes that the directory claims are made 32 times as large: 1.25 GiB in all
    content = (tmp_path / "x.zip").read_bytes()
    claimed = content.replace(struct.pack("<L", 1 << 20), struct.pack("<L", 32 << 20))
    (tmp_path / "x.zip").write_bytes(claimed)
    with pytest.raises(InputError, match="would unpack all its files from"):
        open_data(str(tmp_path / "x.zip"))


def test_an_encrypted_archive(make: Make, tmp_path: Path) -> None:
    packed = pack(make("pets", {"cat": 3, "dog": 3}), tmp_path / "pets.zip")
    content = bytearray(packed.read_bytes())
    content[content.find(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(content)
    with pytest.raises(InputError, match="is encrypted"):
        open_data(str(packed))
