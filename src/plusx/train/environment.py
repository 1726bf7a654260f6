"""The machine and the versions that a run was made with."""

import os
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

import plusx

__all__ = ["environment", "peak_memory"]


def environment(device: str, precision: str) -> dict[str, Any]:
    """Return machine, versions, device and precision; no host or user name."""
    packages = ("numpy", "pillow", "lightning-fabric", "torchvision", "timm")
    installed = {d.name.lower(): d.version for d in distributions()}
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "plusx": plusx.__version__,
        "torch": torch.__version__,
        **{package: installed[package] for package in packages if package in installed},
    }


def peak_memory(device: str) -> int:
    """Return the most bytes held so far: of the device's memory, or of this process.

    Windows does not tell a process its peak without a further library: 0 there.
    """
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
