"""Is an export of the log enough to let bodies go that it holds?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.audit import head as heads
from privet.audit import treestore
from privet.audit.tiles import WIDTH, Tile
from privet.audit.verifier import verify_directory
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from privet.db import Store


def check(store: Store, directory: Path, vkey: str, first: int, upto: int) -> None:
    """Refuse an export that is broken, not of this log, or without one of these bodies.

    The stand-alone verifier judges it: what a stranger would not accept is not enough here.

    Args:
        store: the audit store.
        directory: the export, as tiles.
        vkey: the log's verifier key.
        first: index of the first record of the range, of a whole tile.
        upto: index after its last.

    Raises:
        IntegrityError: reason ``shard.export``.
    """
    verdict = verify_directory(directory, vkey=vkey)
    if not verdict.ok:
        found = verdict.problems[0] if verdict.problems else None
        raise _refused(f"the verifier found: {found.what}" if found else "it cannot be verified")
    if verdict.size < upto:
        raise _refused("it ends before the shard does")
    with store.read() as tx:
        head = heads.read(tx)
        for index in range(first // WIDTH, upto // WIDTH):
            name = Tile(0, index)
            if (directory / name.path).read_bytes() != treestore.stored(tx, 0, index):
                raise _refused("it is an export of another log")
    if head is None or verdict.size > head.size:
        raise _refused("it is longer than this log")
    for index in range(first // WIDTH, upto // WIDTH):
        if _lacks_one((directory / Tile(0, index).entries_path).read_bytes()):
            raise _refused("it lacks a record of the shard")


def _lacks_one(bundle: bytes) -> bool:
    """Whether a body in a bundle is empty: it was dropped before this export."""
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        if not length:
            return True
        at += 2 + length
    return False


def _refused(why: str) -> IntegrityError:
    return IntegrityError(
        "nothing was dropped",
        why=f"the export is not enough: {why}",
        remedy="Export the log anew with `privet audit export` and give that directory.",
        reason="shard.export",
    )
