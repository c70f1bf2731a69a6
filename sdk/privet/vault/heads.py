"""The head: a sealed list of the live cells of one subject and domain.

It makes a missing, foreign or replayed cell visible, and hands out what is never used
twice: the number of the next cell and the identity of the next row. Row identities begin
at a random place, so that those of a domain that was shredded and begun anew never meet
rows that a held domain still keeps.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from struct import Struct, error
from typing import TYPE_CHECKING, Final

from privet.errors import IntegrityError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_SEQ: Final = 2**30
_FIXED: Final = Struct("<Iq")
_RECORD: Final = Struct("<IHI")

Record = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Next cell number, next row identity, and (seq, grp, n) of every live cell, ascending."""

    next_seq: int
    next_row: int
    records: bytes

    @classmethod
    def first(cls) -> Manifest:
        """The manifest of a subject and domain that has no cell yet."""
        return cls(1, secrets.randbits(61), b"")

    @classmethod
    def parse(cls, plaintext: bytes) -> Manifest:
        """Read a manifest back; IntegrityError where its bytes do not add up."""
        records = plaintext[_FIXED.size :]
        try:
            next_seq, next_row = _FIXED.unpack_from(plaintext)
        except error:
            raise _broken() from None
        if len(records) % _RECORD.size:
            raise _broken()
        return cls(next_seq, next_row, records)

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed."""
        return _FIXED.pack(self.next_seq, self.next_row) + self.records

    def cells(self) -> list[Record]:
        """The live cells."""
        return list(_RECORD.iter_unpack(self.records))

    def grown(self, added: Sequence[Record], next_seq: int, next_row: int) -> Manifest:
        """With further cells, under numbers above all others.

        Raises:
            StoreUnavailable: the numbers of this subject and domain are used up.
        """
        if next_seq > MAX_SEQ:
            raise StoreUnavailable(
                "a subject's domain has used up its cell numbers",
                why="a number is never used twice under one key",
                remedy="Re-key the subject: export, erase and seal her data anew.",
                reason="vault.exhausted",
            )
        records = self.records + b"".join([_RECORD.pack(*cell) for cell in added])
        return Manifest(next_seq, next_row, records)

    def without(self, gone: Collection[tuple[int, int]]) -> Manifest:
        """Without the cells named by (seq, grp)."""
        kept = [_RECORD.pack(*c) for c in self.cells() if (c[0], c[1]) not in gone]
        return Manifest(self.next_seq, self.next_row, b"".join(kept))


def _broken() -> IntegrityError:
    return IntegrityError("a head does not have the shape of a head", why="its sizes differ")
