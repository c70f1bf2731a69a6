"""What is freed goes back to the system, so that it is not counted as used."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return freed memory: glibc and pyarrow keep what they may need again.

    Elsewhere than on glibc nothing but pyarrow's part happens.
    """
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
