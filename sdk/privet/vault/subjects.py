"""From the app's ids to ordinals, through a keyed blind index that is the only link.

Ids are exact, never folded: a text and a number are different people, and so are two
texts that merely look alike. Several ids (a cookie, a login) may lead to one subject.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from privet.clock import Clock, SystemClock, micros
from privet.errors import Erased, InvalidInput, KeyUnavailable, StoreUnavailable
from privet.vault.rows import by_subject
from privet.vault.tags import (
    FIRST,
    INSERT_REF,
    TWIN_REF,
    Id,
    encode_id,
    lookup,
    mark_of_id,
    mark_of_tag,
    tags_of,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.db import Store, Tx
    from privet.vault.keys import Keys


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of the index with its key."""

    number: int
    key: bytes = field(repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


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
        self._hint: Live = (FIRST,)

    def find(self, ids: Sequence[Id]) -> list[int | None]:
        """The ordinal of each id, None where nobody is known under it.

        Raises:
            InvalidInput: an id that is not exact text or a whole number.
        """
        encoded = [encode_id(identifier) for identifier in ids]
        live = self._warm()
        if len(encoded) == 1:  # one statement: a snapshot without a transaction around it
            tags = tags_of(live[0].key, encoded)
            known = lookup(self._store, "sno", "subject_ref", tags)
            if known:  # a tag that is there leads to her, whatever versions live now
                return [known[tags[0]]]
        while True:
            tags = tags_of(live[0].key, encoded)
            with self._store.read() as tx:
                known = lookup(tx, "sno", "subject_ref", tags)
                current = self._living(tx) == _numbers(live)
            if current:
                return [known.get(tag) for tag in tags]
            live = self._warm()

    def enrol(self, ids: Sequence[Id]) -> tuple[list[int | None], list[int]]:
        """Ordinals of these ids, new ones for those unknown.

        While the index is renewed, who comes by is renewed on the way.

        Returns:
            One ordinal per id, None where the person was erased and is kept out; and the
            ordinals that are new.
        """
        encoded = [encode_id(identifier) for identifier in ids]
        while True:
            live = self._warm()
            tags = [tags_of(version.key, encoded) for version in live]
            with self._store.read() as tx:
                known = [lookup(tx, "sno", "subject_ref", mine) for mine in tags]
                kept_out = self._kept_out(tx, encoded)
                current = self._living(tx) == _numbers(live)
            first, new = known[0], list[int]()
            if current and not all(
                one in kept_out or all(t in k for t, k in zip(its, known, strict=True))
                for one, *its in zip(encoded, *tags, strict=True)
            ):
                with self._store.write() as tx:
                    current = self._held(tx) == _numbers(live)
                    if current:
                        new, first, kept_out = self._add(tx, encoded, _numbers(live), tags)
            if current:
                pairs = zip(encoded, tags[0], strict=True)
                return [None if e in kept_out else first[t] for e, t in pairs], new

    def secure(self, people: Mapping[int, Id]) -> None:
        """Make sure that ids still lead to these new people, before anything is known of them.

        An index that was renewed since they were enrolled may have passed over whoever
        nothing was known of.

        Raises:
            StoreUnavailable: one of them was enrolled anew in between (``store.contended``).
        """
        encoded = [encode_id(identifier) for identifier in people.values()]
        live = self._warm()
        tags = [tags_of(version.key, encoded) for version in live]
        with self._store.read() as tx:
            found = [lookup(tx, "sno", "subject_ref", mine) for mine in tags]
            current = self._living(tx) == _numbers(live)
        if current and all(sorted(known.values()) == sorted(people) for known in found):
            return
        self._warm()
        with self._store.write() as tx:
            for ver in self._held(tx):
                rows = zip(self._tags(encoded, ver), people, strict=True)
                tx.many(INSERT_REF, sorted((tag, ver, sno) for tag, sno in rows))
                now = lookup(tx, "sno", "subject_ref", self._tags(encoded, ver))
                if sorted(now.values()) != sorted(people):
                    raise StoreUnavailable(
                        "somebody was enrolled twice at the same time",
                        why="the index was renewed in between",
                        remedy="Try again.",
                        reason="store.contended",
                    )

    def suppressed(self, ids: Sequence[Id]) -> list[bool]:
        """Whether each id belongs to an erased person who is kept out."""
        encoded = [encode_id(identifier) for identifier in ids]
        self._warm()
        with self._store.read() as tx:
            out = self._kept_out(tx, encoded)
        return [one in out for one in encoded]

    def alias(self, handle: Id, sno: int) -> None:
        """Let a further id lead to a known subject; nothing where it does already.

        Raises:
            Erased: the id belongs to an erased person (reason ``subject.suppressed``).
            InvalidInput: the id leads to somebody else (reason ``subject.taken``).
        """
        encoded = [encode_id(handle)]
        self._warm()
        with self._store.write() as tx:
            live = self._held(tx)
            if self._kept_out(tx, encoded):
                raise Erased("this person was erased", reason="subject.suppressed")
            for ver in live:
                tx.run(INSERT_REF, (*self._tags(encoded, ver), ver, sno))
            tags = self._tags(encoded, live[0])
            row = tx.one("SELECT sno FROM subject_ref WHERE tag = ?", tags)
        if row is None or row[0] != sno:
            raise InvalidInput(
                "this id already leads to another subject",
                remedy="Join the two subjects at the rights desk.",
                reason="subject.taken",
            )

    def suppress(self, sno: int, until: int, request: str, ids: Sequence[Id] = ()) -> int:
        """Keep every id of a subject out until ``until`` (UTC µs); how many ids that are.

        Args:
            sno: whom.
            until: until when.
            request: the erasure's receipt.
            ids: her ids as far as they are known: their marks do not depend on the index. Of
                an id that is not known any more the mark is made from its tag, and the
                version of the index that the tag is of stays until the mark has run out.
        """
        self.warm()
        with self._store.write() as tx:
            return self.keep_out(tx, sno, until, request, ids)

    def warm(self) -> None:
        """Ask for the keys of the index, so that no transaction has to wait for a keyring."""
        self._warm()
        self._keys.secret("suppress")

    def keep_out(self, tx: Tx, sno: int, until: int, request: str, ids: Sequence[Id] = ()) -> int:
        """``suppress`` within a writer's transaction, of one who called ``warm`` before it."""
        encoded = [encode_id(identifier) for identifier in ids]
        key = self._keys.secret("suppress")
        told = {tag for ver in self._held(tx) for tag in self._tags(encoded, ver)}
        rows = tx.all("SELECT tag, ver FROM subject_ref WHERE sno = ?", (sno,))
        marks = [(mark_of_id(key, one), until, request, 0) for one in encoded]
        marks += [
            (mark_of_tag(key, bytes(tag)), until, request, ver)
            for tag, ver in rows
            if bytes(tag) not in told
        ]
        tx.many(_SUPPRESS, marks)
        return len(marks)

    def marked(self, request: str) -> bool:
        """Whether somebody is kept out since this erasure."""
        with self._store.read() as tx:
            return tx.one("SELECT 1 FROM suppressed WHERE request = ?", (request,)) is not None

    def lift(self, handle: Id) -> bool:
        """Let an erased person back in, as somebody new; whether she was kept out.

        What a law still holds of her stays with her old ordinal.
        """
        encoded = [encode_id(handle)]
        self._warm()
        with self._store.read() as tx:
            (marks,) = self._marks(tx, encoded).values()
            if not lookup(tx, "until", "suppressed", marks):
                return False
        with self._store.write() as tx:
            for ver in self._held(tx):
                tags = self._tags(encoded, ver)
                tx.run("DELETE FROM subject_ref WHERE tag = ? AND held = 1", tags)
            return tx.many("DELETE FROM suppressed WHERE tag = ?", [(m,) for m in marks]) > 0

    def drop(self, handle: Id) -> None:
        """Cut the link of one id alone."""
        encoded = [encode_id(handle)]
        self._warm()
        with self._store.write() as tx:
            for ver in self._held(tx):
                tx.run("DELETE FROM subject_ref WHERE tag = ?", self._tags(encoded, ver))

    def drop_refs(self, sno: int, *, held: bool) -> None:
        """Cut the link to a subject, or mark it where a law still holds some of her data."""
        with self._store.write() as tx:
            self.cut(tx, sno, held=held)

    def cut(self, tx: Tx, sno: int, *, held: bool) -> None:
        """``drop_refs`` within a writer's transaction."""
        self._held(tx)
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

    def _warm(self) -> list[_Version]:
        """The versions last seen, with their keys: asked for before any transaction begins."""
        while True:
            hint = self._hint
            try:
                return [_Version(ver, self._keys.secret("ref", ver)) for ver in hint]
            except KeyUnavailable:
                with self._store.read() as tx:
                    if self._living(tx) == hint:
                        raise

    def _tags(self, encoded: Sequence[bytes], ver: int) -> list[bytes]:
        return tags_of(self._keys.secret("ref", ver), encoded)

    def _living(self, tx: Tx) -> Live:
        """The versions that live; everybody has a tag of the first."""
        self._hint = live = tuple(version.number for version in versions(tx))
        return live

    def _held(self, tx: Tx) -> Live:
        """The same, and nobody else writes a tag until the transaction ends.

        Everybody who writes tags begins so: whoever erases finds every tag there is, and
        two who enrol the same person write the same tags.
        """
        tx.one(f"SELECT value FROM meta WHERE key = 'next_sno'{tx.for_update}")
        return self._living(tx)

    def _kept_out(self, tx: Tx, encoded: Sequence[bytes]) -> set[bytes]:
        if tx.one("SELECT 1 FROM suppressed") is None:
            return set()
        now = micros(self._clock.now())
        marks = self._marks(tx, encoded)
        until = lookup(tx, "until", "suppressed", [m for mine in marks.values() for m in mine])
        return {one for one, mine in marks.items() if any(until.get(m, now) > now for m in mine)}

    def _marks(self, tx: Tx, encoded: Sequence[bytes]) -> dict[bytes, list[bytes]]:
        """Every mark that may keep each of these ids out."""
        key = self._keys.secret("suppress")
        marks = {one: [mark_of_id(key, one)] for one in encoded}
        for ver in self._keys.own.versions("ref", tx):
            try:
                tags = self._tags(encoded, ver)
            except KeyUnavailable:
                if ver in self._keys.own.versions("ref"):
                    raise
                continue  # gone since this snapshot, as is every mark that was made with it
            for one, tag in zip(encoded, tags, strict=True):
                marks[one].append(mark_of_tag(key, tag))
        return marks

    def _add(
        self, tx: Tx, encoded: Sequence[bytes], live: Live, tags: Sequence[Sequence[bytes]]
    ) -> tuple[list[int], dict[bytes, int], set[bytes]]:
        """Give ordinals to unknown ids, under every live version at once; the index is held."""
        row = tx.one("SELECT value FROM meta WHERE key = 'next_sno'")
        start = int(bytes(row[0])) if row else 1
        known = lookup(tx, "sno", "subject_ref", tags[0])
        kept_out = self._kept_out(tx, encoded)
        pairs = zip(encoded, tags[0], strict=True)
        unknown = list(dict.fromkeys(t for e, t in pairs if t not in known and e not in kept_out))
        new = list(range(start, start + len(unknown)))
        known.update(zip(unknown, new, strict=True))
        # In their own order: tags fall anywhere, and each would touch another page.
        tx.many(INSERT_REF, [(tag, live[0], known[tag]) for tag in sorted(unknown)])
        for ver, mine in zip(live[1:], tags[1:], strict=True):
            twins = zip(mine, tags[0], strict=True)
            tx.many(TWIN_REF, sorted((n, ver, t, known[t]) for n, t in twins if t in known))
        tx.run(
            "UPDATE meta SET value = ? WHERE key = 'next_sno'", (b"%d" % (start + len(unknown)),)
        )
        return new, known, kept_out


def _numbers(live: Sequence[_Version]) -> Live:
    return tuple(version.number for version in live)


Live = tuple[int, ...]
_SUPPRESS: Final = (
    "INSERT INTO suppressed (tag, until, request, ver) VALUES (?, ?, ?, ?) ON CONFLICT (tag) "
    "DO UPDATE SET until = excluded.until, request = excluded.request, ver = excluded.ver"
)
