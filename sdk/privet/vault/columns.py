"""Values that an app keeps in tables of its own, sealed under a key of their person.

Each purpose has a domain of its own for them, with a head like any other that lists no cell:
what destroys the domain's key (a withdrawal, an erasure) ends every value in every copy of the
app's database. The head is written by whoever seals the first value, while the ground is held;
no key is made later, so that nothing is sealed under a key that an ended ground did not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.errors import Erased, IntegrityError
from privet.vault.cells import HEADER
from privet.vault.pen import Change, open_pen, put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyroaring import BitMap

    from privet.db import Tx
    from privet.vault.keys import Pair
    from privet.vault.reading import Room

Value = tuple[int, bytes, bytes]
"""Whose it is, what it is bound to, and the value: plain or sealed."""


@dataclass(frozen=True, slots=True, repr=False)
class Founded:
    """Heads and keys for those who have none in a domain; holds no key."""

    changes: list[Change]
    made: Mapping[Pair, bytes]


def found(room: Room, dom: int, snos: Sequence[int]) -> Founded:
    """Make keys and seal heads for those of these people who have none; outside transactions."""
    pen = open_pen(room, snos, {(sno, dom) for sno in snos}, [dom], [])
    fresh = [pair for pair in sorted(pen.manifests) if pair not in pen.vers]
    changes = [
        pen.close(pair, pen.manifests[pair].next_seq, pen.manifests[pair].next_row)
        for pair in fresh
    ]
    return Founded(changes, pen.made)


def commit(room: Room, tx: Tx, founded: Founded, allowed: BitMap) -> bool:
    """Write the heads of those allowed; False, and nothing was, where others were faster."""
    return put(room, tx, [c for c in founded.changes if c.sno in allowed], founded.made)


def seal(room: Room, dom: int, values: Sequence[Value]) -> list[bytes]:
    """Seal values under keys that exist.

    Raises:
        Erased: somebody's key is destroyed, or was never made (``sealed.destroyed``).
    """
    keys = room.keys.of_subjects(sorted({sno for sno, _, _ in values}), (dom,))
    sealed = []
    for sno, label, plain in values:
        key = keys.get((sno, dom))
        if key is None:
            raise destroyed()
        sealed.append(room.sealer.seal_value(key, sno, dom, label, plain))
    return sealed


def opened(room: Room, dom: int, values: Sequence[Value]) -> list[bytes | Erased | IntegrityError]:
    """Each value opened, or the reason why it does not open.

    ``Erased`` where its key is destroyed, or is not the one that it was sealed under: then
    another one was made since, when she came back.
    """
    keys = room.keys.of_subjects(sorted({sno for sno, _, _ in values}), (dom,))
    found: list[bytes | Erased | IntegrityError] = []
    for sno, label, ct in values:
        key = keys.get((sno, dom))
        if key is None or len(ct) < HEADER.size or HEADER.unpack_from(ct)[2] != key.gen:
            found.append(destroyed())
            continue
        try:
            found.append(room.sealer.open_value(key, sno, dom, label, ct))
        except IntegrityError:
            found.append(misplaced())
    return found


def destroyed() -> Erased:
    """The error of a value whose key is gone."""
    return Erased(
        "a sealed value opens never again",
        why="the key that it was sealed under was destroyed, by an erasure or a withdrawal, or "
        "is another person's",
        remedy="Delete the value from the app's table.",
        reason="sealed.destroyed",
    )


def misplaced() -> IntegrityError:
    """The error of a value that was changed, or stands where it was not sealed for."""
    return IntegrityError(
        "a sealed value is not the one that was sealed for this row and column",
        why="its bytes were changed, or it was moved between rows, columns or people",
        remedy="Find out who wrote to the app's table; restore the row from a trusted copy.",
        reason="sealed.place",
    )
