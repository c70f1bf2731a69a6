"""No core files: the memory of a process that has opened a deployment holds keys."""

from __future__ import annotations


def forbid() -> None:
    """Set the soft limit of core files of this process, and of its children to come, to 0.

    A host that wants them sets the limit back, and keeps the files as it keeps its keyring.
    Where the kernel hands cores to a program (a ``core_pattern`` that begins with a pipe) the
    limit is that program's to heed (core(5)).
    """
    try:
        import resource
    except ImportError:  # no POSIX, no core files
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if soft:
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
