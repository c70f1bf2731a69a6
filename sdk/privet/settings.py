"""Where the settings of a deployment come from, the same for an app and the command line.

What is passed in comes first, then the environment (``PRIVET_HOME``,
``PRIVET_KEYRING``), then ``privet.toml`` in the current directory:

    home = "var/shop"
    keyring = "file:/etc/shop/keyring"
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privet.errors import InvalidInput, KeyUnavailable, StoreUnavailable

HOME = "PRIVET_HOME"
KEYRING = "PRIVET_KEYRING"
FILE = "privet.toml"
KEYS = ("home", "keyring")
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a deployment lives and who holds its keys.

    Attributes:
        home: a directory, or a ``postgresql://`` URL; kept out of any repr, since a URL
            holds a password.
        keyring: ``"file:<directory>"``; None for ``keyring`` in the home's directory.
    """

    home: str = field(repr=False)
    keyring: str | None

    @property
    def place(self) -> str:
        """The home as it may be shown."""
        return "postgresql" if "://" in self.home else self.home


def resolve(
    home: str | os.PathLike[str] | None = None,
    keyring: str | None = None,
    *,
    directory: str | os.PathLike[str] = ".",
) -> Settings:
    """The settings that count.

    The file's keyring belongs to the file's home: it is not used for another one, whose
    keys it does not hold.

    Args:
        home: comes before the environment and the file.
        keyring: likewise.
        directory: where ``privet.toml`` is looked for.

    Raises:
        InvalidInput: the file is not TOML, or has a key or a value that is not taken.
        StoreUnavailable: no home is named anywhere (reason ``home.missing``).
    """
    named = _named(home) if home is not None else os.environ.get(HOME) or None
    written = _written(Path(directory) / FILE)
    place = named or written.get("home")
    if place is None:
        raise StoreUnavailable(
            "no home was given",
            remedy=f"Pass a directory or a postgresql:// URL, set {HOME}, or write {FILE}.",
            reason="home.missing",
        )
    if keyring is not None and not isinstance(keyring, str):
        raise KeyUnavailable(
            "this kind of keyring is unknown",
            remedy="Name one as file:PATH.",
            reason="keyring.kind",
        )
    spec = keyring or os.environ.get(KEYRING) or None
    if spec is None and written.get("home") in (None, place):
        spec = written.get("keyring")
    return Settings(place, spec)


def _named(home: Any) -> str:
    try:
        named = os.fspath(home)
    except TypeError:
        named = None
    if not isinstance(named, str):
        raise InvalidInput(
            "this kind of home is unknown",
            remedy="Give a directory, or a postgresql:// URL.",
            reason="home.kind",
        )
    return named


def _written(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError:
        raise _refused("cannot be read", "Make it a readable file, or remove it.") from None
    return _checked(_parsed(raw))


def _parsed(raw: bytes) -> dict[str, Any]:
    import tomllib

    if len(raw) > MAX_BYTES:
        raise _refused("is longer than 64 KiB", "Keep only `home` and `keyring`.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise _refused("is not TOML", 'Write lines such as `home = "var/shop"`.') from None


def _checked(found: dict[str, Any]) -> dict[str, str]:
    if not found.keys() <= set(KEYS):
        raise _refused("has a key that is unknown", f"Known are: {', '.join(KEYS)}.")
    if not all(isinstance(value, str) and value for value in found.values()):
        raise _refused("has a value that is not text", 'Write lines such as `home = "var/shop"`.')
    return found


def _refused(what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{FILE} {what}", remedy=remedy, reason="settings.file")
