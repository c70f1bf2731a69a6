"""From the app's ids to ordinals, through a keyed blind index that is the only link.

Ids are exact, never folded: a text and a number are different people, and so are two
texts that merely look alike. Several ids (a cookie, a login) may lead to one subject.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.clock import Clock, SystemClock, micros
from privet.crypto import mac
from privet.errors import Erased, InvalidInput
from privet.types import check_text
from privet.vault.rows import by_subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Store, Tx
    from privet.vault.keys import Keys

_REF_LABEL, _SUPPRESS_LABEL = b"privet-ref-v1", b"privet-suppress-v1"
_CHUNK: Final = 500
_VER: Final = 1
Id = str | int


class Subjects:
    """The blind index of one deployment.

    Args:
        store: the keys store.
        keys: gives the index's and the suppression's keys.
        clock: tells whether a suppression has run out.
    """

    def __init__(self, store: Store, keys: Keys, clock: Clock | None = None) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock or SystemClock()

    def find(self, ids: Sequence[Id]) -> list[int | None]:
        """The ordinal of each id, None where nobody is known under it.

        Raises:
            InvalidInput: an id that is not exact text or a whole number.
        """
        tags = self._tags(ids)
        if len(tags) == 1:  # one statement: a snapshot without a transaction around it
            known = _lookup(self._store, "sno", "subject_ref", tags)
        else:
            with self._store.read() as tx:
                known = _lookup(tx, "sno", "subject_ref", tags)
        return [known.get(tag) for tag in tags]

    def enrol(self, ids: Sequence[Id]) -> tuple[list[int | None], list[int]]:
        """Ordinals of these ids, new ones for those unknown.

        Returns:
            One ordinal per id, None where the person was erased and is kept out; and the
            ordinals that are new.
        """
        tags = self._tags(ids)
        with self._store.read() as tx:
            known = _lookup(tx, "sno", "subject_ref", tags)
            kept_out = self._suppressed(tx, tags)
        if any(tag not in known and tag not in kept_out for tag in tags):
            with self._store.write() as tx:
                new, known, kept_out = self._add(tx, tags)
        else:
            new = []
        return [None if t in kept_out else known[t] for t in tags], new

    def suppressed(self, ids: Sequence[Id]) -> list[bool]:
        """Whether each id belongs to an erased person who is kept out."""
        tags = self._tags(ids)
        with self._store.read() as tx:
            out = self._suppressed(tx, tags)
        return [tag in out for tag in tags]

    def alias(self, handle: Id, sno: int) -> None:
        """Let a further id lead to a known subject; nothing where it does already.

        Raises:
            Erased: the id belongs to an erased person (reason ``subject.suppressed``).
            InvalidInput: the id leads to somebody else (reason ``subject.taken``).
        """
        (tag,) = self._tags([handle])
        with self._store.write() as tx:
            if self._suppressed(tx, [tag]):
                raise Erased("this person was erased", reason="subject.suppressed")
            tx.run(_INSERT_REF, (tag, _VER, sno))
            row = tx.one("SELECT sno FROM subject_ref WHERE tag = ?", (tag,))
        if row is None or row[0] != sno:
            raise InvalidInput(
                "this id already leads to another subject",
                remedy="Join the two subjects at the rights desk.",
                reason="subject.taken",
            )

    def suppress(self, sno: int, until: int, request: str) -> int:
        """Keep every id of a subject out until ``until`` (UTC µs); how many ids that are."""
        key = self._keys.secret("suppress")
        with self._store.write() as tx:
            tags = [
                bytes(row[0]) for row in tx.all("SELECT tag FROM subject_ref WHERE sno = ?", (sno,))
            ]
            tx.many(
                "INSERT INTO suppressed (tag, until, request, ver) VALUES (?, ?, ?, 1) ON CONFLICT (tag) "
                "DO UPDATE SET until = excluded.until, request = excluded.request",
                [(_blind(key, tag), until, request) for tag in tags],
            )
        return len(tags)

    def lift(self, handle: Id) -> bool:
        """Let an erased person back in, as somebody new; whether she was kept out.

        What a law still holds of her stays with her old ordinal.
        """
        (tag,) = self._tags([handle])
        blind = _blind(self._keys.secret("suppress"), tag)
        with self._store.read() as tx:
            if tx.one("SELECT 1 FROM suppressed WHERE tag = ?", (blind,)) is None:
                return False
        with self._store.write() as tx:
            tx.run("DELETE FROM subject_ref WHERE tag = ? AND held = 1", (tag,))
            return tx.run("DELETE FROM suppressed WHERE tag = ?", (blind,)) > 0

    def drop(self, handle: Id) -> None:
        """Cut the link of one id alone."""
        (tag,) = self._tags([handle])
        with self._store.write() as tx:
            tx.run("DELETE FROM subject_ref WHERE tag = ?", (tag,))

    def drop_refs(self, sno: int, *, held: bool) -> None:
        """Cut the link to a subject, or mark it where a law still holds some of her data."""
        with self._store.write() as tx:
            if held:
                tx.run("UPDATE subject_ref SET held = 1 WHERE sno = ?", (sno,))
            else:
                tx.run("DELETE FROM subject_ref WHERE sno = ?", (sno,))

    def linked(self, snos: Sequence[int]) -> set[int]:
        """Those of these subjects that an id still leads to, other than for a hold."""
        with self._store.read() as tx:
            rows = by_subject(tx, "SELECT sno FROM subject_ref", snos, "sno", held=(0,))
        return {int(row[0]) for row in rows}

    def high_water(self) -> int:
        """The highest ordinal ever given."""
        with self._store.read() as tx:
            row = tx.one("SELECT value FROM meta WHERE key = 'next_sno'")
        return int(bytes(row[0])) - 1 if row else 0

    def _tags(self, ids: Sequence[Id]) -> list[bytes]:
        key = self._keys.secret("ref")
        return [mac(key, _REF_LABEL + _encoded(identifier)) for identifier in ids]

    def _suppressed(self, tx: Tx, tags: Sequence[bytes]) -> set[bytes]:
        if tx.one("SELECT 1 FROM suppressed") is None:
            return set()
        key, now = self._keys.secret("suppress"), micros(self._clock.now())
        blinds = [_blind(key, tag) for tag in tags]
        until = _lookup(tx, "until", "suppressed", blinds)
        return {tag for tag, b in zip(tags, blinds, strict=True) if until.get(b, now) > now}

    def _add(self, tx: Tx, tags: Sequence[bytes]) -> tuple[list[int], dict[bytes, int], set[bytes]]:
        """Give ordinals to unknown tags under the counter's lock."""
        row = tx.one(f"SELECT value FROM meta WHERE key = 'next_sno'{tx.for_update}")
        first = int(bytes(row[0])) if row else 1
        known, kept_out = _lookup(tx, "sno", "subject_ref", tags), self._suppressed(tx, tags)
        unknown = [t for t in dict.fromkeys(tags) if t not in known and t not in kept_out]
        new = list(range(first, first + len(unknown)))
        known.update(zip(unknown, new, strict=True))
        # In their own order: tags fall anywhere, and each would touch another page.
        tx.many(_INSERT_REF, [(tag, _VER, known[tag]) for tag in sorted(unknown)])
        tx.run(
            "UPDATE meta SET value = ? WHERE key = 'next_sno'", (b"%d" % (first + len(unknown)),)
        )
        return new, known, kept_out


_INSERT_REF: Final = (
    "INSERT INTO subject_ref (tag, ver, sno, held) VALUES (?, ?, ?, 0) ON CONFLICT (tag) DO NOTHING"
)


def _encoded(identifier: object) -> bytes:
    """Type byte ‖ u16 length ‖ bytes: no two ids share an encoding."""
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


def _blind(key: bytes, tag: bytes) -> bytes:
    return mac(key, _SUPPRESS_LABEL + tag)


def _lookup(tx: Tx | Store, column: str, table: str, tags: Sequence[bytes]) -> dict[bytes, int]:
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
