import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from data_samples import cifar10, draw, mnist

from plusx.data import open_data, published
from plusx.errors import InputError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a small Fashion-MNIST, and nothing else, from this machine."""
    folder = mnist(tmp_path / "served")
    files = tuple(
        (name, md5((folder / name).read_bytes()).hexdigest())
        for name, _ in published.PUBLISHED["fashion-mnist"].files
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known = replace(
        published.PUBLISHED["fashion-mnist"],
        base=f"http://127.0.0.1:{server.server_port}/",
        files=files,
    )
    monkeypatch.setitem(published.PUBLISHED, "fashion-mnist", known)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PLUSX_DATA", raising=False)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_downloaded_once(publisher: Path, tmp_path: Path) -> None:
    data = open_data("fashion-mnist")
    assert data.name == "fashion-mnist"
    assert len(data.test) == 20
    kept = sorted(file.name for file in (tmp_path / "cache/plusx/fashion-mnist").iterdir())
    assert kept == sorted(file.name for file in publisher.iterdir())
    for file in publisher.iterdir():
        file.unlink()
    assert open_data("fashion-mnist").input == data.input


def test_a_damaged_download_leaves_nothing(publisher: Path, tmp_path: Path) -> None:
    file = publisher / "train-labels-idx1-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"?")
    with pytest.raises(InputError, match=r"train-labels.* sent a file with the MD5 digest"):
        open_data("fashion-mnist")
    kept = [file.name for file in (tmp_path / "cache/plusx/fashion-mnist").iterdir()]
    assert kept == ["train-images-idx3-ubyte.gz"]
    file.write_bytes(whole)  # and the next call goes on from there
    assert len(open_data("fashion-mnist").test) == 20


def test_a_file_that_is_not_there(publisher: Path) -> None:
    (publisher / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"cannot be downloaded .*404"):
        open_data("fashion-mnist")


def test_no_network(publisher: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = replace(published.PUBLISHED["fashion-mnist"], base="http://127.0.0.1:1/")
    monkeypatch.setitem(published.PUBLISHED, "fashion-mnist", known)
    monkeypatch.setenv("PLUSX_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"cannot be downloaded .* put train-images") as caught:
        open_data("fashion-mnist")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert str(tmp_path / "cache/plusx") in str(caught.value)


def test_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_DATA", str(tmp_path))
    cifar10(tmp_path / "cifar-10-batches-py")
    mnist(tmp_path / "fashion-mnist")
    assert open_data("cifar10").name == "cifar10"
    assert len(open_data("fashion-mnist").test) == 20


def test_an_image_folder_may_stand_for_cifar10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "dog"):
        for at in range(5):
            draw(tmp_path / "cifar10" / name / f"{at}.png")
    monkeypatch.setenv("PLUSX_DATA", str(tmp_path))
    assert open_data("cifar10").input.classes == ("cat", "dog")


def test_the_digests_are_digests() -> None:
    for known in published.PUBLISHED.values():
        for _, digest in known.files:
            assert len(digest) == 32
            assert int(digest, 16) >= 0
