"""Where a passphrase, a PIN or a token comes from: never from the text that names a keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from privet.errors import KeyUnavailable
from privet.vault.keyring import refusals

Source = Callable[[], str]
"""Gives the secret anew for each call, so that one that was changed counts at once."""

MAX_BYTES = 4096
FORMS = "env:NAME or file:PATH"


def source(text: str) -> Source:
    """The source that ``text`` names: ``env:NAME``, or ``file:PATH``.

    Raises:
        KeyUnavailable: it names neither (``keyring.kind``).
    """
    kind, _, place = text.partition(":")
    if kind == "env" and place:
        return lambda: _of_environment(place)
    if kind == "file" and place:
        return lambda: _of_file(Path(place).expanduser())
    raise refusals.misspelt(f"Name where the secret comes from as {FORMS}.")


def _of_environment(name: str) -> str:
    found = os.environ.get(name)
    if not found:
        raise _absent("the environment variable that should hold it is not set")
    return found


def _of_file(path: Path) -> str:
    """The first line of a file that nobody else may read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise _absent("the file that should hold it cannot be opened") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise _absent("what should hold it is not a regular file")
        if not _private(found):
            raise refusals.readable(
                "the file of a keyring's passphrase, PIN or token",
                "Give it to privet's user or to root, with no rights for others.",
            )
        content = os.read(fd, MAX_BYTES + 1)
    finally:
        os.close(fd)
    line, _, rest = content.partition(b"\n")
    try:
        told = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise _absent("its file is not text") from None
    if not told or rest or len(content) > MAX_BYTES:
        raise _absent("its file does not hold exactly one line")
    return told


def _private(found: os.stat_result) -> bool:
    """Whether only privet's user and root may read it.

    A file that root owns may be read by its group as well: that is how a container gets it.
    """
    rights = stat.S_IMODE(found.st_mode)
    if found.st_uid == 0 != os.geteuid():
        return not rights & 0o037
    return found.st_uid == os.geteuid() and not rights & 0o077


def _absent(why: str) -> KeyUnavailable:
    return KeyUnavailable(
        "the keyring's passphrase, PIN or token is not there",
        why=why,
        remedy=f"Give it as {FORMS}; docs/guide/keyrings.md says where.",
        reason="keyring.passphrase",
    )
