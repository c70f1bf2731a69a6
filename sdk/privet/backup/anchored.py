"""Checkpoints that were kept outside the stores: how far the log had come, as far as known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from privet.audit.anchors import FileAnchor
from privet.audit.anchors.base import Kept
from privet.audit.anchors.judging import find
from privet.audit.checkpoint import unverified
from privet.errors import IntegrityError, InvalidInput, PrivetError, StoreUnavailable

if TYPE_CHECKING:
    from privet.audit.checkpoint import Verifier
    from privet.db import Tx

MAX_BYTES = 65_536
CHECKPOINT = "checkpoint"


def kept_in(place: Path) -> list[Kept]:
    """The checkpoints in an anchor's file, in a file with one signed checkpoint, or in an export.

    Raises:
        InvalidInput: it holds none (``restore.anchor``).
        IntegrityError: an anchor's file is damaged (``anchor.damaged``).
    """
    file = place / CHECKPOINT if place.is_dir() else place
    try:
        with file.open("rb") as opened:
            begin = opened.read(MAX_BYTES + 1)
    except OSError:
        raise _none("it cannot be read") from None
    try:
        unverified(begin)
    except PrivetError:
        pass
    else:
        return [Kept(begin)]
    found = list(FileAnchor(file).kept())
    if not found:
        raise _none("no checkpoint is in it")
    return found


def lost(tx: Tx, size: int, kept: Sequence[Kept], key: Verifier) -> Kept | None:
    """The newest checkpoint that is ahead of the log; None where the log has come as far.

    Args:
        tx: a snapshot of the audit store.
        size: records that the log has.
        kept: what was kept of it, oldest first.
        key: the log's name and key.

    Raises:
        IntegrityError: a checkpoint is of another deployment or key (``anchor.foreign``), or of
            another history (``anchor.forked``).
    """
    loss = find(tx, size, kept, key)
    if loss is None:
        return None
    if loss.kind == "forked":
        raise loss.error()
    return next(one for one in reversed(kept) if unverified(one.note).size == loss.anchored)


def behind(records: int) -> StoreUnavailable:
    """The error for a backup that ends before what the anchor knows of."""
    return StoreUnavailable(
        "this backup ends before the newest checkpoint that is known",
        why=f"{records} records were made after it: among them may be withdrawals and erasures",
        remedy="Give a newer log with --audit. Where there is none: do again what people asked for "
        'since, and accept the loss in words: --accept-loss "who decided it, and why".',
        reason="restore.behind",
    )


def _none(why: str) -> InvalidInput:
    return InvalidInput(
        "this anchor cannot be used",
        why=why,
        remedy="Give an anchor's file, a signed checkpoint, or the directory of an export.",
        reason="restore.anchor",
    )


def forged() -> IntegrityError:
    """The error for a log that none of the deployment's keys signed."""
    return IntegrityError(
        "this log is not the deployment's own",
        why="its newest checkpoint is signed by no key that the keys store holds or vouches for",
        remedy="Restore the log and the keys of one deployment.",
        reason="restore.forged",
    )
