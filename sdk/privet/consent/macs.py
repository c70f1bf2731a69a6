"""Keyed MACs over the rows of the projection: a flipped bit must never be a consent.

Every message is unambiguous: a label, fixed-width numbers, then texts each behind its
length. A row binds the basis it was computed under as well, so that rows from before
a purpose changed its basis do not pass for rows from after it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from privet import crypto
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NO_EXPIRY = -(2**63)
_ENTRY = struct.Struct(">16sqq")
_GROUNDS = struct.Struct(">16sqq")
_DELTA = struct.Struct(">16sqqqq")
_CHUNK = struct.Struct(">16sqqqq")
_NOTICE = struct.Struct(">16sqqq")
_SHORT = struct.Struct(">H")


class Macs:
    """Makes and checks the MACs of one deployment; hides its key."""

    __slots__ = ("_mac",)

    def __init__(self, key: bytes) -> None:
        self._mac = crypto.Mac(key)

    def __repr__(self) -> str:
        return "Macs(<key hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    def entry(self, seq: int, sno: int, body: bytes) -> bytes:
        """MAC of a row of ``ledger``."""
        return self._mac(_ENTRY.pack(b"privet-entry-v2", seq, sno) + body)

    def grounds(self, bases: bytes, sno: int, pending: int, body: bytes) -> bytes:
        """MAC of a row of ``ground``; ``bases``: the tag of all bases that it goes by."""
        return self._mac(_GROUNDS.pack(b"privet-ground-v2", sno, pending) + bases + body)

    def delta(
        self, basis: str, purpose: str, seq: int, sno: int, active: int, expires: int | None
    ) -> bytes:
        """MAC of a row of ``ground_delta``."""
        numbers = _DELTA.pack(
            b"privet-delta-v1", seq, sno, active, _NO_EXPIRY if expires is None else expires
        )
        return self._mac(numbers + _texts(basis, purpose))

    def chunk(
        self, basis: str, purpose: str, chunk: int, upto: int, due: int | None, bits: bytes
    ) -> bytes:
        """MAC of a row of ``ground_set``."""
        numbers = _CHUNK.pack(
            b"privet-chunk-v1", chunk, upto, _NO_EXPIRY if due is None else due, len(bits)
        )
        return self._mac(numbers + _texts(basis, purpose) + bits)

    def notice(self, row: Sequence[Any]) -> bytes:
        """MAC of a row of ``notice``: position, texts, instant of adding, instant of lapse."""
        seq, *texts, at, lapses = row
        numbers = _NOTICE.pack(
            b"privet-notice-v1", seq, at, _NO_EXPIRY if lapses is None else lapses
        )
        return self._mac(numbers + _texts(*texts))

    def bases(self, bases: Mapping[str, str]) -> bytes:
        """A tag of the purposes and their bases, which all rows were computed under."""
        texts = [text for purpose in sorted(bases) for text in (purpose, bases[purpose])]
        return self._mac(b"privet-bases-v1\0" + _texts(*texts))


def check(made: bytes, stored: bytes | memoryview, what: str) -> None:
    """Raise IntegrityError unless the stored MAC is the one made from the row."""
    if not crypto.same(made, bytes(stored)):
        raise IntegrityError(
            f"{what} did not pass its check",
            why="it was changed outside privet, or belongs to another deployment or basis",
            remedy="Stop writing; find the cause, then rebuild the grounds from the log.",
            reason="ground.mac",
        )


@lru_cache(maxsize=256)  # names of purposes and hashes of notices: few, and asked for again
def _texts(*texts: str) -> bytes:
    parts = []
    for text in texts:
        raw = text.encode()
        parts.append(_SHORT.pack(len(raw)))
        parts.append(raw)
    return b"".join(parts)
