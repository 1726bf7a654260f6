from pathlib import Path

import pytest
from data_samples import Make, draw


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the caches of whoever runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make an image folder: make("pets", {"cat": 20, "dog": 20}) gives its path."""

    def folder(name: str, counts: dict[str, int], *, mode: str = "RGB", side: int = 16) -> Path:
        for group, count in counts.items():
            for at in range(count):
                draw(tmp_path / name / group / f"{at:03d}.png", mode=mode, size=(side, side))
        return tmp_path / name

    return folder
