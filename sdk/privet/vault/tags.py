"""Tags and marks: what stands for an id in the keys store, and which versions of it live.

A tag leads from an id to an ordinal and is made with a key that is renewed. While two
versions live, every id has both tags: of the first version everybody has one, so that it
is looked up; the second is being made. A mark keeps an erased person out. It is made from
her id, so that it outlives the index; of an id that is not known any more, from its tag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.crypto import mac
from privet.errors import InvalidInput
from privet.types import check_text

if TYPE_CHECKING:
    from privet.db import Store, Tx

FIRST: Final = 1
VERSIONS: Final = "ref_versions"
"""Key under which the keys store keeps which versions of the index live, since when."""
_REF_LABEL = b"privet-ref-v1"
_TAG_MARK_LABEL, _ID_MARK_LABEL = b"privet-suppress-v1", b"privet-suppress-v2"
_CHUNK: Final = 500
Id = str | int

INSERT_REF: Final = (
    "INSERT INTO subject_ref (tag, ver, sno, held) VALUES (?, ?, ?, 0) ON CONFLICT (tag) DO NOTHING"
)
TWIN_REF: Final = (
    "INSERT INTO subject_ref (tag, ver, sno, held) SELECT ?, ?, sno, held FROM subject_ref "
    "WHERE tag = ? AND sno = ? ON CONFLICT (tag) DO NOTHING"
)
"""A tag of the second version beside that of the first, where that still leads to her."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the blind index.

    Attributes:
        number: its number.
        since: when it began, UTC microseconds; None for one that is as old as the store.
    """

    number: int
    since: int | None


def versions(tx: Tx) -> list[Version]:
    """The live versions of the index, that in which everybody has a tag first."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (VERSIONS,))
    told: list[tuple[int, int | None]]
    told = [(FIRST, None)] if row is None else json.loads(bytes(row[0]))
    return [Version(number, since) for number, since in told]


def set_versions(tx: Tx, live: Sequence[Version]) -> None:
    """Write which versions live."""
    value = json.dumps([[version.number, version.since] for version in live]).encode()
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (VERSIONS, value),
    )


def tags_of(key: bytes, encoded: Sequence[bytes]) -> list[bytes]:
    """The tag of each id under one version's key."""
    return [mac(key, _REF_LABEL + one) for one in encoded]


def mark_of_id(key: bytes, encoded: bytes) -> bytes:
    """What keeps an id out whatever becomes of the index."""
    return mac(key, _ID_MARK_LABEL + encoded)


def mark_of_tag(key: bytes, tag: bytes) -> bytes:
    """What keeps out the id of a tag, made without knowing the id."""
    return mac(key, _TAG_MARK_LABEL + tag)


def encode_id(identifier: object) -> bytes:
    """Type byte ‖ u16 length ‖ bytes: no two ids share an encoding.

    Raises:
        InvalidInput: it is not exact text or a whole number (reasons ``id.range``, ``id.type``).
    """
    if isinstance(identifier, str):
        kind, data = b"t", check_text(identifier, "a subject's id").encode()
    elif isinstance(identifier, (int, np.integer)) and not isinstance(identifier, bool):
        number = int(identifier)
        if not -(2**63) <= number < 2**63:
            raise InvalidInput("a subject's id is out of range", reason="id.range")
        kind, data = b"i", number.to_bytes(8, "big", signed=True)
    else:
        raise InvalidInput(
            "a subject's id is neither text nor a whole number",
            remedy="Give the app's own id as str or int.",
            reason="id.type",
        )
    return kind + len(data).to_bytes(2, "big") + data


def lookup(tx: Tx | Store, column: str, table: str, tags: Sequence[bytes]) -> dict[bytes, int]:
    """One column of the rows that have one of these tags."""
    found: dict[bytes, int] = {}
    for start in range(0, len(tags), _CHUNK):
        part = tags[start : start + _CHUNK]
        rows = tx.all(_select(column, table, len(part)), part)
        found.update((bytes(tag), value) for tag, value in rows)
    return found


@lru_cache(maxsize=64)
def _select(column: str, table: str, count: int) -> str:
    marks = ", ".join("?" * count)
    return f"SELECT tag, {column} FROM {table} WHERE tag IN ({marks})"
