"""Renewing the blind index: a second version lives beside the first, then takes its place.

1. ``begin``: from its commit on whoever is enrolled gets a tag of both versions.
2. ``renew``: people of the first alone get one of the second, some hundred at a time. A tag
   can only be made from the id, so that who calls opens it from where it is sealed.
3. ``complete``: the second becomes the first; the key of the other is deleted, and with its
   epoch's secret it is gone from every copy.
4. ``sweep``: tags that nothing looks up any more are deleted.

Each step finds its own work; a look-up finds a person at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from privet.clock import Clock, micros
from privet.errors import KeyUnavailable
from privet.vault.tags import TWIN_REF, Id, Version, encode_id, set_versions, tags_of, versions

if TYPE_CHECKING:
    from privet.crypto import Aead
    from privet.db import Tx
    from privet.vault.keys import Keys

CHUNK: Final = 2000
IdsOf = Callable[[Sequence[int]], Mapping[int, Sequence[Id]]]
"""Opens the ids of some people; who has none sealed is left out."""
Told = Callable[[int], None]
"""Is told how many people were renewed further."""


@dataclass(slots=True)
class Unrenewed:
    """Who lacks a tag of the second version after everybody was visited.

    Attributes:
        unknown: people of whom no id could be opened.
        partly: people who have one by an id of theirs; a further tag has no id sealed, since
            the link that made it was broken off.
    """

    unknown: list[int] = field(default_factory=list)
    partly: list[int] = field(default_factory=list)


class Renewing:
    """Renews the index of one deployment.

    Args:
        keys: the deployment's keys.
        clock: dates versions, and tells whether a mark has run out.
    """

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._store = keys.store
        self._clock = clock

    def live(self) -> list[Version]:
        """The versions that live: one, or two while the index is renewed."""
        with self._store.read() as tx:
            return versions(tx)

    def begin(self) -> bool:
        """Let a new version live beside the present one; False where one does already."""

        def add(tx: Tx, kek_id: int, kek: Aead) -> bool:
            _hold(tx)
            live = versions(tx)
            if len(live) > 1:
                return False
            number = max(self._keys.own.versions("ref", tx)) + 1
            self._keys.own.put(tx, kek_id, kek, "ref", number)
            set_versions(tx, [*live, Version(number, micros(self._clock.now()))])
            return True

        return self._keys.wraps.under_active(1, add)

    def left(self) -> int:
        """How many people have no tag of the second version; 0 where none lives."""
        live = self.live()
        if len(live) < 2:
            return 0
        with self._store.read() as tx:
            row = tx.one(f"SELECT COUNT(*) FROM ({_LACKING}) AS lacking", _numbers(live, -1))
        return 0 if row is None else int(row[0])

    def renew(self, ids_of: IdsOf, told: Told) -> Unrenewed:
        """Give everybody a tag of the second version; who could not be given one.

        Args:
            ids_of: opens ids.
            told: is told of each chunk.
        """
        live, after, without = self.live(), -1, Unrenewed()
        if len(live) < 2:
            return without
        while True:
            with self._store.read() as tx:
                rows = tx.all(f"{_LACKING} ORDER BY sno LIMIT ?", (*_numbers(live, after), CHUNK))
            if not rows or self.live() != live:  # done, or done by somebody else
                return without
            snos = [int(row[0]) for row in rows]
            ids = ids_of(snos)
            for sno in self._renew(live, snos, ids):
                (without.partly if sno in ids else without.unknown).append(sno)
            told(len(snos))
            after = snos[-1]

    def _renew(
        self, live: Sequence[Version], snos: Sequence[int], ids: Mapping[int, Sequence[Id]]
    ) -> list[int]:
        try:
            old, new = (self._keys.secret("ref", version.number) for version in live)
        except KeyUnavailable:
            if self.live() != list(live):  # somebody else completed it
                return []
            raise
        pairs = [(sno, encode_id(i)) for sno, mine in ids.items() for i in mine]
        encoded = [one for _, one in pairs]
        twins = [
            (fresh, live[1].number, tag, sno)
            for (sno, _), fresh, tag in zip(
                pairs, tags_of(new, encoded), tags_of(old, encoded), strict=True
            )
        ]
        with self._store.write() as tx:
            _hold(tx)
            if versions(tx) != list(live):  # somebody else completed it
                return []
            tx.many(TWIN_REF, sorted(twins))
            after, *numbers = _numbers(live, snos[0] - 1)
            rows = tx.all(_LACKING_UPTO, (after, snos[-1], *numbers))
            lacking = {int(row[0]) for row in rows}
        return [sno for sno in snos if sno in lacking]

    def complete(self, forsaken: Collection[int] = ()) -> bool:
        """Let the second version take the first one's place, if everybody has its tag.

        Args:
            forsaken: people who need none, since nothing is known of them.

        Returns:
            Whether one version is left.
        """
        with self._store.write() as tx:
            _hold(tx)
            live = versions(tx)
            if len(live) > 1:
                rows = tx.all(_LACKING, _numbers(live, -1))
                if not {int(row[0]) for row in rows} <= set(forsaken):
                    return False
                set_versions(tx, live[1:])
            self._drop_keys(tx, live[-1].number)
        return True

    def _drop_keys(self, tx: Tx, number: int) -> None:
        """Delete the keys of versions that nothing is looked up by, but for living marks."""
        now = micros(self._clock.now())
        tx.run("DELETE FROM suppressed WHERE ver BETWEEN 1 AND ? AND until <= ?", (number - 1, now))
        for ver in self._keys.own.versions("ref", tx):
            if ver < number and tx.one("SELECT 1 FROM suppressed WHERE ver = ?", (ver,)) is None:
                self._keys.own.drop(tx, "ref", ver)

    def tidy(self) -> None:
        """Delete what an interrupted renewal left: tags and keys that nothing looks up by."""
        live = self.live()
        with self._store.read() as tx:
            least = min(self._keys.own.versions("ref", tx))
            stale = tx.one("SELECT 1 FROM subject_ref WHERE ver < ?", (live[0].number,))
        if least < live[0].number or stale is not None:
            self.complete()
            self.sweep()

    def sweep(self) -> int:
        """Delete the tags of versions that do not live any more; how many."""
        least, after, gone = self.live()[0].number, b"", 0
        while True:
            with self._store.read() as tx:
                rows = tx.all(_STALE, (after, least, CHUNK))
            if not rows:
                return gone
            with self._store.write() as tx:
                gone += tx.many(
                    "DELETE FROM subject_ref WHERE tag = ? AND ver < ?",
                    [(bytes(row[0]), least) for row in rows],
                )
            after = bytes(rows[-1][0])

    def kept_for_marks(self) -> int | None:
        """Until when (UTC µs) the key of an earlier version stays for marks made of tags."""
        with self._store.read() as tx:
            live = versions(tx)
            row = tx.one(
                "SELECT MAX(until) FROM suppressed WHERE ver BETWEEN 1 AND ?",
                (live[0].number - 1,),
            )
        return None if row is None or row[0] is None else int(row[0])


def _hold(tx: Tx) -> None:
    tx.one(f"SELECT value FROM meta WHERE key = 'next_sno'{tx.for_update}")


def _numbers(live: Sequence[Version], after: int) -> tuple[int, int, int]:
    """Parameters of ``_LACKING``."""
    return after, live[0].number, live[-1].number


_ONE_OF: Final = "SUM(CASE WHEN ver = ? THEN 1 ELSE 0 END)"
_LACKING: Final = (
    f"SELECT sno FROM subject_ref WHERE sno > ? GROUP BY sno HAVING {_ONE_OF} > {_ONE_OF}"
)
_LACKING_UPTO: Final = (
    "SELECT sno FROM subject_ref WHERE sno > ? AND sno <= ? "
    f"GROUP BY sno HAVING {_ONE_OF} > {_ONE_OF}"
)
_STALE: Final = "SELECT tag FROM subject_ref WHERE tag > ? AND ver < ? ORDER BY tag LIMIT ?"
