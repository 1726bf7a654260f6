"""Parquet files with a column of encoded images and one of labels."""

import json
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

from plusx.data.decode import BrokenImage
from plusx.data.shards.index import Index
from plusx.data.shards.store import Store
from plusx.errors import InputError

__all__ = ["RowGroups", "index_parquet"]

_IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes")
_LABELS = ("label", "labels", "cls", "class", "target", "fine_label", "y")


def index_parquet(path: Path) -> Index:
    """Read the labels of a Parquet file; its images are not read.

    The image is a column of bytes, or a struct of bytes and path as Hugging Face's datasets
    write it, which also name the classes. Raises InputError where there is no such column, or
    the file is no Parquet file.
    """
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            column, label = _columns(file.schema_arrow, path)
            found = file.read(columns=[label], use_threads=False)[label].to_pylist()
            groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            classes = _classes(file.schema_arrow, label)
    except (ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a Parquet file ({error}), expected a whole one; copy or "
            "download it again"
        ) from error
    places = [(group, row) for group, count in enumerate(groups) for row in range(count)]
    good = [at for at, value in enumerate(found) if value is not None]
    return Index(
        keys=[f"{at:06d}" for at in good],
        labels=[str(found[at]) for at in good],
        first=[places[at][0] for at in good],
        second=[places[at][1] for at in good],
        broken=[(f"{at:06d}", "it has no label") for at, v in enumerate(found) if v is None],
        size=path.stat().st_size,
        classes=classes,
        column=column,
    )


class RowGroups:
    """Images out of row groups, of which each process keeps the last read, up to `room` bytes.

    A row group is read whole: Parquet has no way to one row of a compressed page.
    """

    def __init__(self, store: Store, column: str, *, room: int) -> None:
        self.store = store
        self.column = column
        self.room = room
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": OrderedDict()}

    def read(self, number: int, group: int, row: int) -> bytes:
        """Return the encoded image of a row; raises BrokenImage where there is none."""
        value = self._group(number, group)[row].as_py()
        if isinstance(value, dict):
            value = value.get("bytes")
        if not value:
            raise BrokenImage("its row holds no bytes")
        found: bytes = value
        return found

    def _group(self, number: int, group: int) -> Any:
        kept, key = self._kept, (number, group)
        if key not in kept:
            kept[key] = self.store.using(number, partial(_read_group, group, self.column))
            while len(kept) > 1 and sum(column.nbytes for column in kept.values()) > self.room:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def _read_group(group: int, column: str, path: Path) -> Any:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.read_row_group(group, columns=[column], use_threads=False).column(0)


def _columns(schema: Any, path: Path) -> tuple[str, str]:
    """Return where images and labels are: by the usual names, or the only column of the kind."""
    from pyarrow import types

    def holds_bytes(kind: Any) -> bool:
        if types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0 and holds_bytes(kind.field("bytes").type)
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def names(kind: Any) -> bool:
        return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))

    images = [field.name for field in schema if holds_bytes(field.type)]
    labels = [field.name for field in schema if names(field.type)]
    column = next(
        (name for name in _IMAGES if name in images), images[0] if len(images) == 1 else ""
    )
    label = next(
        (name for name in _LABELS if name in labels), labels[0] if len(labels) == 1 else ""
    )
    if not column or not label:
        there = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise InputError(
            f"{path} has the columns {there}, expected one of bytes (image) and one of whole "
            "numbers or texts (label); rename the columns"
        )
    return column, label


def _classes(schema: Any, label: str) -> list[str] | None:
    """Return the names that Hugging Face's datasets keep for a column of class numbers."""
    try:
        info = json.loads(schema.metadata[b"huggingface"])
        names = info["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None
