"""target("resnet20"), target("runs/digits"), target("timm:resnet50"): what a word stands for."""

from pathlib import Path

from plusx.catalog import family_of
from plusx.doctor.target.asked import Asked, Target
from plusx.doctor.target.called import called
from plusx.doctor.target.library import LIBRARIES, of_library
from plusx.doctor.target.named import named
from plusx.doctor.target.saved import saved
from plusx.errors import InputError
from plusx.train.setup import Reporter, Silent

__all__ = ["KINDS", "Asked", "Target", "target"]

KINDS = (
    "a network of `plusx models`, a run folder or saved model, torchvision:NAME, timm:NAME, "
    "path/to/file.py:factory or package.module:factory"
)


def target(words: str, asked: Asked | None = None, *, reporter: Reporter | None = None) -> Target:
    """Make what `examine` takes of a word; a folder goes before a name.

    Code of others is run for `file.py:factory` and `module:factory` alone, and of the two libraries
    their own. Raises `InputError` for a word that stands for nothing.
    """
    asked, reporter = asked or Asked(), reporter or Silent()
    before, colon, _ = words.partition(":")
    if colon and before in LIBRARIES:
        return of_library(words, asked)
    path = Path(words).expanduser()
    if path.is_dir():
        return saved(path, asked, reporter)
    if colon:
        return called(words, asked)
    if path.suffix == ".py":
        raise InputError(f"{words} names no factory, expected {words}:NAME")
    if path.exists() or "/" in words:
        raise InputError(f"{words} is no folder, expected {KINDS}")
    try:
        family_of(words)
    except InputError as error:
        raise InputError(f"{error}. Expected {KINDS}") from error
    return named(words, asked, reporter)
