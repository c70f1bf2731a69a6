"""Where the settings of a deployment come from, the same for an app and the command line.

What is passed in comes first, then the environment (``PRIVET_HOME``,
``PRIVET_KEYRING``), then ``privet.toml`` in the current directory:

    home = "var/shop"
    keyring = "file:/etc/shop/keyring"  # docs/guide/keyrings.md lists the kinds
    anchors = ["file:/mnt/anchors/shop.anchor"]
    anchor_minutes = 60
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privet.errors import InvalidInput, KeyUnavailable, StoreUnavailable

HOME = "PRIVET_HOME"
KEYRING = "PRIVET_KEYRING"
FORMER_KEYRING = "PRIVET_FORMER_KEYRING"
FILE = "privet.toml"
TEXTS = ("home", "keyring", "former_keyring")
LISTS = ("anchors",)
NUMBERS = ("anchor_minutes",)
KEYS = (*TEXTS, *LISTS, *NUMBERS)
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a deployment lives and who holds its keys.

    Attributes:
        home: a directory, or a ``postgresql://`` URL; kept out of any repr, since a URL
            holds a password.
        keyring: ``"file:<directory>"`` or another kind; None for ``keyring`` in the home's
            directory.
        anchors: where checkpoints of the audit log are kept, such as ``"file:PATH"``.
        anchor_minutes: within which every record must be at every anchor; None for no limit.
        former_keyring: the one before, while keys move from one kind of keyring to another.
    """

    home: str = field(repr=False)
    keyring: str | None
    anchors: tuple[str, ...] = ()
    anchor_minutes: int | None = None
    former_keyring: str | None = None

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

    The file's keyring and anchors belong to the file's home: they are not used for another
    one, whose keys and log they do not hold.

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
            remedy="Name one as a text, such as file:DIRECTORY.",
            reason="keyring.kind",
        )
    own = written if written.get("home") in (None, place) else {}
    spec = keyring or os.environ.get(KEYRING) or own.get("keyring")
    former = os.environ.get(FORMER_KEYRING) or own.get("former_keyring")
    anchors = tuple(own.get("anchors", ()))
    return Settings(place, spec, anchors, own.get("anchor_minutes"), former)


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


def _written(path: Path) -> dict[str, Any]:
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
        raise _refused("is longer than 64 KiB", f"Keep only {', '.join(KEYS)}.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise _refused("is not TOML", 'Write lines such as `home = "var/shop"`.') from None


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    if not found.keys() <= set(KEYS):
        raise _refused("has a key that is unknown", f"Known are: {', '.join(KEYS)}.")
    if not all(_text(found[key]) for key in TEXTS if key in found):
        raise _refused("has a value that is not text", 'Write lines such as `home = "var/shop"`.')
    lists = [found[key] for key in LISTS if key in found]
    if not all(isinstance(one, list) and all(map(_text, one)) for one in lists):
        raise _refused("has a value that is no list of texts", 'Write `["file:PATH"]`.')
    numbers = [found[key] for key in NUMBERS if key in found]
    if not all(type(one) is int and one > 0 for one in numbers):
        raise _refused("has a value that is no number above 0", "Write `anchor_minutes = 60`.")
    return found


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _refused(what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{FILE} {what}", remedy=remedy, reason="settings.file")
