"""How much memory images may take."""

import os
from pathlib import Path

__all__ = ["default_limit", "free_memory"]

_MOST = 8 << 30
_UNKNOWN = 4 << 30


def default_limit() -> int:
    """Return a quarter of the free memory, 8 GiB at most, in bytes."""
    return min(_MOST, free_memory() // 4)


def free_memory(root: Path = Path("/")) -> int:
    """Return the free memory in bytes, that of the container where there is a limit."""
    found = [size for size in (_machine(root), _container(root)) if size is not None]
    return min(found, default=_UNKNOWN)


def _machine(root: Path) -> int | None:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    if "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _container(root: Path) -> int | None:
    """Return what a control group (version 2) leaves free, or None where it sets no limit."""
    folder = root / "sys/fs/cgroup"
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = (folder / "memory.current").read_text().strip()
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdigit() else None
