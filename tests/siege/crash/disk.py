"""The shim in shim.c from Python: compiled once, preloaded into the process that forks."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


class Kind(IntEnum):
    """What befalls the process at the chosen call; the values are those of shim.c."""

    COUNT = 1
    KILL = 2  # SIGKILL before the call
    TORN = 3  # half of the write, then SIGKILL
    POWER = 4  # nothing that was not synced has reached the disk, then SIGKILL
    POWER_TORN = 5  # some of it has, in any order, some of that by half, then SIGKILL
    NOSPACE = 6  # ENOSPC, once
    FULL = 7  # ENOSPC from here on
    BROKEN = 8  # EIO, once
    DEAD = 9  # EIO from here on
    SHORT = 10  # half of the write is taken, which is no error
    UNREADABLE = 11  # EIO of a read, once


KILLS = (Kind.KILL, Kind.TORN, Kind.POWER, Kind.POWER_TORN)
ERRORS = (Kind.NOSPACE, Kind.FULL, Kind.BROKEN, Kind.DEAD, Kind.SHORT, Kind.UNREADABLE)


def compiler() -> str | None:
    """A C compiler on the path, or None: then only statements can be numbered."""
    return shutil.which("cc") or shutil.which("gcc")


def library() -> Path:
    """The compiled shim, made once for each state of its source."""
    found = compiler()
    assert found is not None, "no C compiler on the path"
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"privet-faults-{os.getuid()}-{name}.so"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        command = [found, "-O1", "-fPIC", "-shared", "-o", str(draft), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        draft.rename(path)
    return path


class Disk:
    """The shim of this process; ``loaded`` says whether it was preloaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self.loaded = hasattr(self._library, "fault_arm")
        if self.loaded:
            arguments = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_ulong]
            self._library.fault_arm.argtypes = arguments
            for name in ("fault_number", "fault_fired"):
                getattr(self._library, name).restype = ctypes.c_long

    def arm(self, place: Path, kind: Kind, at: int = 0, seed: int = 0) -> None:
        """Number the calls that change files under ``place``; ``kind`` befalls call ``at``."""
        self._library.fault_arm(os.fsencode(place), int(kind), at, seed)

    def disarm(self) -> None:
        """Let all calls through again."""
        if self.loaded:
            self._library.fault_disarm()

    @property
    def number(self) -> int:
        """How many calls there were since it was armed."""
        return int(self._library.fault_number())

    @property
    def fired(self) -> bool:
        """Whether the chosen call was reached."""
        return bool(self._library.fault_fired())
