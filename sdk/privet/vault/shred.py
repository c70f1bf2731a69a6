"""Crypto-shredding: the key's row goes first, and with it every copy of what it sealed.

Safe to repeat; an interruption between keys and rows leaves ciphertext without a key, which
reads skip and writes refuse until it was run to its end. (GDPR Art. 17.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.vault.keyroom import models, people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Tx
    from privet.vault.reading import Room
    from privet.vault.subjects import Subjects
    from privet.vault.tags import Id

_TABLES = ("cell", "head")


@dataclass(frozen=True, slots=True)
class Ending:
    """What of one person ends with her erasure.

    Attributes:
        sno: her ordinal.
        domains: those whose keys are destroyed; None: all.
        request: the erasure's receipt; empty where she is kept out already.
        until: until when she is kept out, UTC microseconds.
        ids: her ids, as far as they are known.
        held: whether a law holds something of hers, so that her ids still lead to it.
    """

    sno: int
    domains: Sequence[str] | None
    request: str
    until: int
    ids: tuple[Id, ...] = field(default=(), repr=False)
    held: bool = False


def shred(room: Room, sno: int, domains: Sequence[str] | None = None) -> list[int]:
    """Destroy one subject's keys in some domains (None: all), then delete what they sealed.

    Returns:
        Numbers of the domains whose key was destroyed now.
    """
    doms = _numbers(room, domains)
    gone = room.keys.destroy_subject(sno, doms)
    with room.data.write() as tx:
        _clear(tx, sno, doms)
    return gone


def end(
    room: Room,
    subjects: Subjects,
    endings: Sequence[Ending],
    versions: Sequence[tuple[int, int]],
) -> None:
    """In one transaction: keep people out, destroy their keys, cut their references.

    Args:
        room: the vault's.
        subjects: the index.
        endings: what of whom.
        versions: (model, version) of models whose keys are destroyed with theirs.
    """
    subjects.warm()
    with room.keys.store.write() as tx:
        for one in endings:
            if one.request:
                subjects.keep_out(tx, one.sno, one.until, one.request, one.ids)
            people.destroy(tx, one.sno, _numbers(room, one.domains))
            subjects.cut(tx, one.sno, held=one.held)
        models.destroy(tx, versions)


def clear(room: Room, tx: Tx, endings: Sequence[Ending]) -> None:
    """Delete what was sealed under keys that ``end`` destroyed."""
    for one in endings:
        _clear(tx, one.sno, _numbers(room, one.domains))


def _numbers(room: Room, domains: Sequence[str] | None) -> list[int] | None:
    return None if domains is None else [room.layouts.dom(name) for name in domains]


def _clear(tx: Tx, sno: int, doms: Sequence[int] | None) -> None:
    for table in _TABLES:
        if doms is None:
            tx.run(f"DELETE FROM {table} WHERE sno = ?", (sno,))
        else:
            tx.many(f"DELETE FROM {table} WHERE sno = ? AND dom = ?", [(sno, d) for d in doms])
