import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from data_samples import Make, draw, pack
from PIL import Image

from plusx.data import InMemory, open_data
from plusx.errors import InputError


def test_a_folder_without_splits(make: Make) -> None:
    folder = make("pets", {"dog": 40, "cat": 40})
    data = open_data(str(folder))
    assert data.name == "pets"
    assert data.input.classes == ("cat", "dog")
    assert (data.input.channels, data.input.size, data.input.stored) == (3, 16, 16)
    assert len(data.train) + len(data.val) + len(data.test) == 80
    assert data.workers == 0
    assert not data.broken
    assert all(name.startswith(("cat/", "dog/")) for name in data.train.names)
    pixels = data.train.images.read(0)
    with Image.open(folder / data.train.names[0]) as image:
        assert pixels[:, 3, 5].tolist() == list(image.getpixel((5, 3)))
    assert isinstance(data.train.images, InMemory)
    values = data.train.images.pixels.double() / 255
    assert data.input.mean == pytest.approx(values.mean(dim=(0, 2, 3)).tolist())
    assert data.input.std == pytest.approx(values.std(dim=(0, 2, 3), correction=0).tolist())
    again = open_data(folder, seed=1)
    assert again.test.names != data.test.names


def test_splits_and_grey(make: Make) -> None:
    folder = make(
        "digits2", {"train/0": 5, "train/1": 5, "valid/0": 2, "test/0": 2, "test/1": 1}, mode="L"
    )
    data = open_data(str(folder))
    assert data.input.channels == 1
    assert not data.policy.flip
    assert data.val.names == ("valid/0/000.png", "valid/0/001.png")
    assert data.test.labels.tolist() == [0, 0, 1]
    assert "Splits: 10 train, 2 val, 3 test (as given)." in data.notes


def test_grey_among_colour_and_sizes(make: Make, tmp_path: Path) -> None:
    folder = make("pets", {"cat": 10, "dog": 10})
    draw(folder / "cat/grey.png", mode="L", size=(20, 12))
    data = open_data(str(folder))
    assert (data.input.channels, data.input.size) == (3, 16)
    assert "1 grey image(s) among 21 are used as colour images." in data.notes
    assert any("16 to 20 pixels" in note for note in data.notes)
    assert {size: count for size, (count, _) in data.sizes.items()} == {(16, 16): 20, (20, 12): 1}
    assert data.sizes[20, 12][1] == "cat/grey.png"
    draw(folder / "cat/large.png", size=(100, 80))
    data = open_data(str(folder))
    assert (data.input.size, data.input.stored, data.policy.padding) == (224, 256, 0)
    data = open_data(str(folder), size=96)
    assert (data.input.size, data.input.stored) == (96, 110)
    assert any("96x96, as asked" in note for note in data.notes)


@pytest.mark.parametrize("below", ["", "top/"])
def test_a_zip_is_its_folder(make: Make, tmp_path: Path, below: str) -> None:
    folder = make("pets", {"cat": 20, "dog": 20})
    draw(folder / "dog/big.bmp", size=(400, 300))  # large enough to be read as a stream
    options = {"size": 16}
    plain = open_data(str(folder), **options)
    packed = open_data(str(pack(folder, tmp_path / "pets.zip", below=below)), **options)
    assert packed.name == "pets"
    assert packed.input == plain.input
    assert [name.removeprefix(below) for name in packed.train.names] == list(plain.train.names)
    for at in range(len(plain.train)):
        assert packed.train.images.read(at).equal(plain.train.images.read(at))


def test_workers_give_the_same(make: Make, tmp_path: Path) -> None:
    folder = make("pets", {"cat": 30, "dog": 30})
    packed = pack(folder, tmp_path / "pets.zip")
    alone, helped = open_data(str(packed), workers=0), open_data(str(packed), workers=2)
    for one, other in ((alone.train, helped.train), (alone.test, helped.test)):
        assert isinstance(one.images, InMemory)
        assert isinstance(other.images, InMemory)
        assert one.images.pixels.equal(other.images.pixels)
    disk = open_data(str(packed), workers=2, memory_limit=0)
    assert disk.workers == 2
    assert disk.input == alone.input
    assert any("from disk" in note and "2 worker" in note for note in disk.notes)


@pytest.mark.parametrize("limit", [0, None])
def test_broken_files_are_named_skipped_and_counted(make: Make, limit: int | None) -> None:
    folder = make("pets", {"cat": 50, "dog": 50})
    (folder / "cat/text.jpg").write_text("hello")
    (folder / "cat/empty.png").write_bytes(b"")
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(whole, "PNG")
    (folder / "dog/cut.png").write_bytes(whole.getvalue()[:2000])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = open_data(str(folder), size=16, memory_limit=limit)
    found = {file.name: file.reason for file in data.broken}
    # from disk, the cut file's header is all that was read so far
    seen = {"cat/text.jpg", "cat/empty.png"} | ({"dog/cut.png"} if limit is None else set())
    assert set(found) == seen
    assert "not in an image format" in found["cat/text.jpg"]
    assert f"Left out {len(seen)} file(s) that cannot be read." in data.notes
    names = {*data.train.names, *data.val.names, *data.test.names}
    assert not names & seen


def test_too_many_broken_files(make: Make) -> None:
    folder = make("pets", {"cat": 20, "dog": 20})
    for at in range(4):
        (folder / f"cat/x{at}.jpg").write_text("hello")
    with pytest.raises(
        InputError, match=r"4 of 44 images \(9%\).*cat/x0.jpg \(not in an.*, \.\.\."
    ):
        open_data(str(folder))


def test_too_many_found_broken_when_decoded(make: Make) -> None:
    folder = make("pets", {"cat": 10, "dog": 10})
    for file in sorted((folder / "cat").iterdir())[:3]:
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"3 of 20 images \(15%\)"):
        open_data(str(folder))


def test_a_file_without_permission_is_broken(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("pets", {"cat": 20, "dog": 20})
    real = Path.open

    def refusing(path: Path, *args: str, **named: object) -> object:
        if path.name == "003.png" and path.parent.name == "cat":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **named)

    monkeypatch.setattr(Path, "open", refusing)
    data = open_data(str(folder))
    assert [(file.name, file.reason) for file in data.broken] == [
        ("cat/003.png", "Permission denied")
    ]


def test_a_loop_of_links_ends(make: Make) -> None:
    folder = make("pets", {"cat": 10, "dog": 10})
    (folder / "cat/again").symlink_to(folder, target_is_directory=True)
    data = open_data(str(folder))
    assert len(data.train) + len(data.val) + len(data.test) == 20


def test_progress_counts_every_file(make: Make) -> None:
    seen: dict[str, tuple[int | None, int]] = {}

    @contextmanager
    def progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
        steps: list[int] = []
        yield steps.append
        seen[description] = (total, sum(steps))

    open_data(str(make("pets", {"cat": 20, "dog": 20})), progress=progress)
    assert seen == {"Looking at the images": (40, 40), "Decoding the images": (40, 40)}
