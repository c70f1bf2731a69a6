"""Crypto-shredding: the key's row goes first, and with it every copy of what it sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.vault.reading import Room

_TABLES = ("cell", "head")


def shred(room: Room, sno: int, domains: Sequence[str] | None = None) -> list[int]:
    """Destroy one subject's keys in some domains (None: all), then delete what they sealed.

    Safe to repeat; an interruption between the two leaves ciphertext without a key, which
    reads skip and writes refuse until this has run to its end. (GDPR Art. 17.)

    Returns:
        Numbers of the domains whose key was destroyed now.
    """
    doms = None if domains is None else [room.layouts.dom(name) for name in domains]
    gone = room.keys.destroy_subject(sno, doms)
    with room.data.write() as tx:
        for table in _TABLES:
            if doms is None:
                tx.run(f"DELETE FROM {table} WHERE sno = ?", (sno,))
            else:
                tx.many(f"DELETE FROM {table} WHERE sno = ? AND dom = ?", [(sno, d) for d in doms])
    return gone
