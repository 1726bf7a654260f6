"""Where what is found out about a network is written, and what of an earlier time goes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from plusx.errors import InputError

__all__ = ["folder_for", "write_together"]


def folder_for(what: str, network: str, name: str, out: Path | None) -> Path:
    """Return `out`, or RUN/what for a run folder, or what/NAME here for every other network.

    Writes nothing. Raises `InputError` for a file, and for a folder that holds other things than
    what an earlier `plusx WHAT` wrote: nobody wants pictures strewn among their own.
    """
    from plusx.report.png import plain

    path = Path(network).expanduser()
    usual = path / what if (path / "model").is_dir() else Path(what) / plain(name)
    folder = out.expanduser() if out else usual
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        raise InputError(f"{there} is a file, expected a folder to write to; give another --out")
    held = {each.name for each in folder.iterdir()} if there == folder else set()
    if held and not held & {_list(what), f"{what}.html"}:
        raise InputError(
            f"{folder} holds other files, expected a new or empty folder, or one that `plusx "
            f"{what}` wrote; give another --out"
        )
    return folder


def write_together(what: str, folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their names; of those that an earlier `plusx WHAT` wrote the rest goes.

    Their list stays in the folder, so that no file is removed that was not written by us. It is
    written before them, so that what is interrupted is known for ours the next time, too.
    """
    from plusx.files import write_bytes, write_text

    path = folder / _list(what)
    before = path.read_text().splitlines() if path.is_file() else []
    write_text(path, _lines({*before, *files}))
    for name, content in files.items():
        write_bytes(folder / name, content)
    for name in before:
        if name not in files and name == Path(name).name:
            (folder / name).unlink(missing_ok=True)
    write_text(path, _lines(files))


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in sorted(names))


def _list(what: str) -> str:
    return f".plusx-{what}"
