"""Small shards, written where a test asks for them, and a server that hands files out."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, *, side: int = 16, mode: str = "RGB", form: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form)
    return file.getvalue()


def write_tar(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def tar_shard(path: Path, start: int, count: int, *, classes: int = 3, mode: str = "RGB") -> Path:
    files = []
    for at in range(start, start + count):
        files.append((f"{at:05d}.png", picture(at, mode=mode)))
        files.append((f"{at:05d}.cls", str(at % classes).encode()))
    return write_tar(path, files)


def tar_shards(folder: Path, counts: Sequence[int], *, stem: str = "shard", **more: object) -> Path:
    start = 0
    for number, count in enumerate(counts):
        tar_shard(folder / f"{stem}-{number:03d}.tar", start, count, **more)
        start += count
    return folder


def parquet_file(
    path: Path,
    start: int,
    count: int,
    *,
    classes: int = 3,
    group: int = 10,
    struct: bool = True,
    names: Sequence[str] | None = None,
) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    pictures = [picture(at) for at in range(start, start + count)]
    images = [{"bytes": p, "path": "x.png"} for p in pictures] if struct else pictures
    table = pa.table(
        {"image": images, "label": [at % classes for at in range(start, start + count)]}
    )
    if names:
        info = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=group)
    return path


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path.lstrip("/"))
        super().do_GET()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder from this machine; gives its URL and the list of what was asked for."""
    asked: list[str] = []
    handler = type("Handler", (_Quiet,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
