"""Tar shards in the layout of WebDataset: files of one key are one sample."""

import json
import re
import tarfile
from pathlib import Path

from plusx.data.layout import EXTENSIONS
from plusx.data.shards.index import Index
from plusx.errors import InputError

__all__ = ["index_tar"]

_LABELS = ("cls", "class", "label")
_FIELDS = ("label", "cls", "class", "target")  # of a .json file
_MOST = 1 << 20  # bytes of a label's file


def index_tar(path: Path) -> Index:
    """Find the images and labels of a tar file; its images are passed over, not read.

    key.jpg (.png, ...) is an image, key.cls its label (a number or a name; also key.class,
    key.label, or the field label, cls, class or target of key.json); other files are ignored.
    Raises InputError where the file is no whole tar archive.
    """
    from webdataset.tariterators import base_plus_ext

    images: dict[str, tuple[int, int]] = {}
    labels: dict[str, str] = {}
    faults: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else all headers are kept
                key, extension = base_plus_ext(member.name)
                if key is None or not member.isreg() or member.issparse():
                    continue
                extension = extension.lower()
                if f".{extension}" in EXTENSIONS:
                    if key in images:
                        faults[key] = "more than one image has this key"
                    images[key] = (member.offset_data, member.size)
                elif extension in _LABELS or (extension == "json" and key not in labels):
                    file = archive.extractfile(member)
                    content = file.read(_MOST) if file is not None else b""
                    found = _label(content, as_json=extension == "json")
                    if found is not None:
                        labels[key] = found
            _check_end(path, archive.offset)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"{path} is no whole tar archive ({error}), expected one that is not compressed; it "
            "may be cut off, so copy or download it again"
        ) from error
    for key in images.keys() - labels.keys():
        faults.setdefault(key, f"it has no label (.{', .'.join(_LABELS)} or .json)")
    good = [key for key in images if key not in faults]
    return Index(
        keys=good,
        labels=[labels[key] for key in good],
        first=[images[key][0] for key in good],
        second=[images[key][1] for key in good],
        broken=sorted(faults.items()),
        size=path.stat().st_size,
    )


def _check_end(path: Path, end: int) -> None:
    """Raise ReadError where no mark of the end follows: what is cut between files has none."""
    with path.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends without the mark of its end")


def _label(content: bytes, *, as_json: bool) -> str | None:
    """Return a label as text, or None where there is none."""
    try:
        text = content.decode()
        if as_json:
            fields = json.loads(text)
            found = next((fields[name] for name in _FIELDS if name in fields), None)
            if isinstance(found, bool) or not isinstance(found, int | str):
                return None
            text = str(found)
    except (ValueError, TypeError):
        return None
    return re.sub(r"\s+", " ", text).strip() or None
