"""Where what is found out about a network is written."""

from pathlib import Path

__all__ = ["folder_for"]


def folder_for(what: str, network: str, name: str) -> Path:
    """Return RUN/what for a run folder; what/NAME here for every other network."""
    from plusx.report.png import plain

    path = Path(network).expanduser()
    return path / what if (path / "model").is_dir() else Path(what) / plain(name)
