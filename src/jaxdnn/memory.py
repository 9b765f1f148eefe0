"""``jaxdnn.keep_memory``: what XLA's CPU programs free and ask for again in every call stays with the process."""

from __future__ import annotations

import ctypes

_LARGEST = 2**31 - 1
_SETTINGS = {-3: _LARGEST, -1: _LARGEST, -8: 1}
"""``M_MMAP_THRESHOLD``, ``M_TRIM_THRESHOLD`` and ``M_ARENA_MAX``, as glibc's malloc.h numbers what ``mallopt`` sets."""


def keep_memory() -> bool:
    """Let this process keep freed memory instead of giving it back to the system. Call it before the first net.

    In each call an XLA program allocates what it computes in between, and frees it. glibc maps blocks above 32 MiB
    anew each time, and the system fills every page with zeros: at a batch of 8 that is a fifth of MobileNet's time.
    Heaps of threads go back whatever the thresholds are, so all threads use the process' own. The setting is one of the
    whole process, whose memory does not shrink any more.

    Returns:
        whether the C library is glibc and has taken the setting; elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018  (others have a mallopt of other parameters)
    except (AttributeError, OSError, TypeError):  # Windows takes no None
        return False
    return all(mallopt(parameter, value) for parameter, value in _SETTINGS.items())
