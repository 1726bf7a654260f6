"""A file from its publisher: checked against its digest or length before it takes its place."""

import http.client
import urllib.error
import urllib.request
from hashlib import md5
from pathlib import Path
from typing import BinaryIO

from plusx.data.progress import Progress
from plusx.errors import InputError
from plusx.files import write_with

__all__ = ["download"]

_TIMEOUT = 30.0  # seconds without a byte
_BLOCK = 1 << 18


def download(url: str, path: Path, *, digest: str | None, progress: Progress) -> None:
    """Fetch `url` into `path`; `digest` is the publisher's MD5, against damage on the way.

    Without a digest, the length that the server announced is checked.
    Raises OSError where the publisher cannot be reached and InputError where the file is not
    the published one; in both cases there is no file at `path`.
    """
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            with progress(f"Downloading {path.name}", total) as advance:

                def fetch(file: BinaryIO) -> None:
                    found = md5(usedforsecurity=False)
                    while block := answer.read(_BLOCK):
                        found.update(block)
                        file.write(block)
                        advance(len(block))
                    if digest is None and total is not None and file.tell() != total:
                        raise OSError(f"{file.tell()} of {total} bytes came")
                    if digest is not None and found.hexdigest() != digest:
                        raise InputError(
                            f"{url} sent a file with the MD5 digest {found.hexdigest()}, expected "
                            f"{digest}; the download was damaged or the file was changed, try again"
                        )

                write_with(path, fetch)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    except http.client.HTTPException as error:
        raise OSError(f"the answer broke off ({error!r})") from error
