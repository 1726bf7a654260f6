import pytest

from plusx.data.layout import Layout, lay_out
from plusx.errors import InputError


def laid(*names: str) -> Layout:
    return lay_out(names, "here")


def named(layout: Layout) -> dict[str, list[str]]:
    return {part: [entry.name for entry in some] for part, some in layout.parts.items()}


def test_class_folders() -> None:
    layout = laid("dog/1.JPG", "cat/1.png", "cat/deep/2.webp")
    assert layout.classes == ("cat", "dog")
    assert [entry.label for entry in layout.parts["train"]] == [1, 0, 0]
    assert [entry.key for entry in layout.parts["train"]] == ["1.JPG", "1.png", "deep/2.webp"]
    assert layout.notes == ()


@pytest.mark.parametrize("word", ["val", "valid", "validation", "Val"])
def test_splits(word: str) -> None:
    layout = laid("train/cat/1.jpg", "train/dog/1.jpg", f"{word}/cat/2.jpg", "test/dog/3.jpg")
    assert named(layout) == {
        "train": ["train/cat/1.jpg", "train/dog/1.jpg"],
        "val": [f"{word}/cat/2.jpg"],
        "test": ["test/dog/3.jpg"],
    }


def test_train_alone_is_a_split() -> None:
    assert laid("train/cat/1.jpg", "train/dog/1.jpg").classes == ("cat", "dog")


def test_a_class_may_be_called_train() -> None:
    assert laid("train/1.jpg", "plane/1.jpg").classes == ("plane", "train")
    assert laid("test/1.jpg", "plane/1.jpg").classes == ("plane", "test")


def test_one_folder_around_is_looked_through() -> None:
    layout = laid("top/cat/1.jpg", "top/dog/1.jpg", "__MACOSX/top/cat/._1.jpg")
    assert layout.classes == ("cat", "dog")
    assert layout.notes == ("Looked through the single folder top.",)
    layout = laid("top/train/cat/1.jpg", "top/train/dog/1.jpg", "top/val/dog/1.jpg")
    assert set(layout.parts) == {"train", "val"}
    assert layout.parts["val"][0].key == "1.jpg"


def test_what_is_ignored_is_told() -> None:
    layout = laid(
        "cat/1.jpg", "dog/1.jpg", "cat/.hidden.jpg", "cat/Thumbs.db", "notes.txt", "x.jpg", "README"
    )
    assert layout.notes == (
        "Ignored 2 file(s) that are no images (.txt, no extension).",
        "Ignored 1 image(s) that lie in no class folder.",
    )


def test_a_split_without_classes_is_not_used() -> None:
    layout = laid("train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg", "extra/cat/1.jpg")
    assert set(layout.parts) == {"train"}
    assert layout.notes == ("Ignored 2 image(s) outside the splits' class folders.",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no images"),
        (["cat/1.txt", "a.csv"], r"holds no images \(2 other file"),
        (["1.jpg", "2.jpg"], r"2 image\(s\) directly in it and no class folders"),
        (["test/cat/1.jpg", "val/cat/1.jpg"], "test, val but no train"),
        (["train/cat/1.jpg", "val/cat/1.jpg", "valid/cat/1.jpg"], "merge those"),
        (["train/cat/1.jpg", "test/dog/1.jpg"], "test has the class.*'dog', which train has not"),
    ],
)
def test_names_that_tell_nothing(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        laid(*names)
