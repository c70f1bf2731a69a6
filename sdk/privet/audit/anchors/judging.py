"""The log as its store has it, compared with the checkpoints that an anchor holds.

A checkpoint of ``n`` records agrees where the store still has them and their root is the
one that was signed. What it agrees with bounds what is bad: the first bad record lies
behind the largest checkpoint that agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from privet.audit import treestore
from privet.audit.anchors.base import REMEDY, Kept
from privet.audit.checkpoint import Checkpoint, Verifier, unverified
from privet.audit.head import LOG
from privet.audit.record import decode
from privet.audit.succession import NEW_KEY, NEW_ORIGIN
from privet.clock import iso
from privet.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Tx

PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Loss:
    """What an anchor knows and the log does not have.

    Attributes:
        kind: the end was cut off, or the history is another one.
        first: index of the first record that can be bad.
        before: the first bad record has a lower index than this.
        anchored: records that the anchor knows of.
        since: time of the last record that agrees, UTC microseconds; None where none does.
        at: when the anchor took the checkpoint, if it says so.
    """

    kind: Literal["cut", "forked"]
    first: int
    before: int
    anchored: int
    since: int | None
    at: int | None

    def error(self) -> IntegrityError:
        """The loss as an error that names the first bad record and what is lost."""
        after = "from the beginning" if self.since is None else f"since {iso(self.since)}"
        taken = "" if self.at is None else f" (anchored at {iso(self.at)})"
        last = self.anchored - 1
        if self.kind == "cut":
            return IntegrityError(
                "the audit log went back behind its anchor",
                why=f"record {self.first} is the first bad one: records {self.first} to {last} "
                f"were anchored and are gone, which is what was recorded {after}{taken}",
                remedy=REMEDY,
                reason="anchor.ahead",
            )
        one = f"is one of {self.first} to {self.before - 1}"
        return IntegrityError(
            "the audit log is not the one that was anchored",
            why=f"its history was rewritten: the first bad record "
            f"{one if self.before - self.first > 1 else f'is {self.first}'}, and nothing that "
            f"was recorded {after}, up to record {last}, is vouched for{taken}",
            remedy=REMEDY,
            reason="anchor.forked",
        )


def find(tx: Tx, size: int, kept: Sequence[Kept], key: Verifier) -> Loss | None:
    """What these checkpoints show to be lost.

    Args:
        tx: a read of the audit store.
        size: records that the log has.
        kept: what the anchor holds, oldest first.
        key: the log's own name and key.

    Returns:
        The loss, or None where the log grew from every one of them.

    Raises:
        IntegrityError: a checkpoint is of another deployment (``anchor.foreign``), or signed by
            no key of this log.
    """
    newest: dict[str, list[Kept]] = {}
    for one in kept:
        newest.setdefault(unverified(one.note).origin, []).append(one)
    if any(_deployment(origin) != _deployment(key.name) for origin in newest):
        raise _foreign("it holds checkpoints of another deployment")
    for origin, mine in newest.items():
        loss = _of_origin(tx, size, mine, _keys(tx, origin, mine, key))
        if loss is not None and not (origin != key.name and _accepted(tx, origin, loss)):
            return loss
    return None


def _of_origin(tx: Tx, size: int, kept: Sequence[Kept], keys: Sequence[Verifier]) -> Loss | None:
    heads = [unverified(one.note) for one in kept]
    newest, last = heads[-1], kept[-1]
    _check_signed(last, keys)
    if newest.size <= size and _agrees(tx, newest):
        return None
    within = sorted((h for h in heads[:-1] if 0 < h.size <= size), key=lambda h: h.size)
    within += [newest] if newest.size <= size else []
    low, high = 0, len(within)  # those that agree come first: halving finds the border
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _agrees(tx, within[middle]) else (low, middle)
    sound = within[low - 1].size if low else 0
    if low < len(within):
        bad = within[low].size
        return Loss("forked", sound, bad, newest.size, _time(tx, sound - 1), last.at)
    return Loss("cut", size, size + 1, newest.size, _time(tx, size - 1), last.at)


def _agrees(tx: Tx, head: Checkpoint) -> bool:
    return treestore.root_at(tx, head.size) == head.root


def _accepted(tx: Tx, origin: str, loss: Loss) -> bool:
    """Whether a restore wrote down the loss of an older origin's records."""
    for body in _handovers(tx):
        if body.get("kind") == NEW_ORIGIN and str(body.get("previous")).startswith(f"{origin}+"):
            named = unverified(str(body.get("checkpoint")).encode())
            return named.origin == origin and named.size >= loss.anchored
    return False


def _keys(tx: Tx, origin: str, kept: Sequence[Kept], key: Verifier) -> list[Verifier]:
    """The keys that may have signed: today's; those before it only where they are needed."""
    if origin == key.name:
        try:
            key.open(kept[-1].note)
        except IntegrityError:
            pass
        else:
            return [key]
    found = []
    for body in _handovers(tx):
        try:
            found.append(Verifier.parse(str(body.get("previous"))))
        except InvalidInput:
            continue
    return [one for one in found if one.name == origin]


def _check_signed(kept: Kept, keys: Sequence[Verifier]) -> None:
    for key in keys:
        try:
            key.open(kept.note)
        except IntegrityError:
            continue
        return
    raise _foreign("its newest checkpoint is signed by no key of this log")


def _handovers(tx: Tx) -> list[dict[str, Any]]:
    """The records by which one signing key, or one origin, followed another."""
    row = tx.one("SELECT COALESCE(MAX(seq), -1) FROM record WHERE log = ?", (LOG,))
    marks = (f'"kind":"{NEW_KEY}"'.encode(), f'"kind":"{NEW_ORIGIN}"'.encode())
    found = []
    for start in range(0, (int(row[0]) if row else -1) + 1, PAGE):
        rows = tx.all(
            "SELECT body FROM record WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq",
            (LOG, start, start + PAGE),
        )
        bodies = (bytes(body) for (body,) in rows)
        found += [decode(body) for body in bodies if any(mark in body for mark in marks)]
    return found


def _time(tx: Tx, seq: int) -> int | None:
    row = tx.one("SELECT ts FROM record WHERE log = ? AND seq = ?", (LOG, seq))
    return None if row is None else int(row[0])


def _deployment(origin: str) -> str:
    """An origin without the mark that a restore adds to it."""
    return "/".join(origin.split("/")[:2])


def _foreign(why: str) -> IntegrityError:
    return IntegrityError(
        "an anchor is not this log's",
        why=why,
        remedy="Give each deployment an anchor of its own, and keep what this one holds.",
        reason="anchor.foreign",
    )
