from pathlib import Path

from plusx.data.memory import default_limit, free_memory


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_smaller_of_machine_and_container(tmp_path: Path) -> None:
    _write(tmp_path, "proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 4000 kB\n")
    assert free_memory(tmp_path) == 4000 * 1024
    _write(tmp_path, "sys/fs/cgroup/memory.max", "3000000\n")
    _write(tmp_path, "sys/fs/cgroup/memory.current", "1000000\n")
    assert free_memory(tmp_path) == 2000000
    _write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    assert free_memory(tmp_path) == 4000 * 1024


def test_this_machine() -> None:
    assert 0 < default_limit() <= 8 << 30
