"""Memory that was freed is kept for the next step, not handed back to the system."""

import ctypes
import platform

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc, malloc.h
_MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, for the rest of this process; say whether it will.

    By default glibc returns every block above 32 MB, and the top of its heap, as soon as they are
    free, and takes them again, page by page, for the next activations: a fifth of the time of a
    forward pass of resnet50 at 224 pixels (LOG.md). Elsewhere than on Linux with glibc nothing is
    done. Numbers do not depend on it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, 2**30) and mallopt(_TRIM_THRESHOLD, _MOST))
