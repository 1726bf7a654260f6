"""Weights from the hub, through huggingface_hub; from its cache where there is no network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plusx.errors import InputError

__all__ = ["HUB", "fetched"]

HUB = "hub:"
FILES = ("model.safetensors", "pytorch_model.bin")
PATIENCE = 2.0  # seconds that the hub has for its first answer


def fetched(name: str) -> Path:
    """Fetch `owner/name` or `owner/name@revision`; `ValueError`, soon, where it cannot be had."""
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError as error:
        raise InputError(
            f"{HUB}{name} needs huggingface_hub: pip install 'plusx[hub]', or give a file"
        ) from error
    repository, _, revision = name.partition("@")
    try:
        with _quietly():
            online = _answers(repository, revision or None)
            for file in FILES:
                try:
                    path = hf_hub_download(
                        repository, file, revision=revision or None, local_files_only=not online
                    )
                    return Path(path)
                except LocalEntryNotFoundError:
                    online = False
                except EntryNotFoundError:
                    continue
    except ValueError as error:
        raise InputError(f"{HUB}{name} is no 'hub:owner/name': {error}") from error
    except OSError as error:
        raise InputError(f"{HUB}{name} cannot be fetched: {_first_line(error)}") from error
    if online:
        raise InputError(f"{HUB}{name} has none of {', '.join(FILES)}")
    raise InputError(
        f"{HUB}{name} is not in the cache, and the hub cannot be reached; try again with a "
        "network, or give a file"
    )


def _answers(repository: str, revision: str | None) -> bool:
    """Ask the hub once: downloads would try for half a minute where there is no network."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(repository, FILES[0], revision=revision)
    try:
        get_hf_file_metadata(url, timeout=PATIENCE)
    except HfHubHTTPError:
        return True  # an answer, if only that there is no such thing: the download says what
    except Exception:  # the errors of whichever client of HTTP the library has
        return False
    return True


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the library's warnings for itself: our own line says what matters."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
