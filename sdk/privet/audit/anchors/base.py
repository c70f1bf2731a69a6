"""What an anchor is: somewhere the log's keeper cannot reach, which remembers checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from privet.audit.checkpoint import Checkpoint
from privet.errors import IntegrityError, StoreUnavailable

REMEDY = "Stop the workers, copy the stores and the anchor, and follow docs/guide/anchors.md."


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint on its way to an anchor.

    Attributes:
        note: the signed checkpoint.
        checkpoint: what it says.
        prove: the consistency proof from an older size to this one (RFC 6962 section 2.1.2).
        root: the root that this log has over so many of its first records.
        known: the size that the anchor took last, as far as this log knows; 0 for none.
        at: UTC microseconds.
    """

    note: bytes
    checkpoint: Checkpoint
    prove: Callable[[int], Sequence[bytes]]
    root: Callable[[int], bytes]
    known: int
    at: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that an anchor holds.

    Attributes:
        note: the signed checkpoint.
        at: when it was taken, UTC microseconds; None where the anchor does not say.
    """

    note: bytes
    at: int | None = None


@runtime_checkable
class Anchor(Protocol):
    """Where checkpoints are kept so that the log cannot go back behind them."""

    @property
    def name(self) -> str:
        """Which one, for people and for the store; free of secrets."""

    def add(self, submission: Submission) -> bytes:
        """Keep a checkpoint, durably, if it grew from the one that is kept.

        Returns:
            Signature lines that the anchor adds to the checkpoint; empty where it adds none.

        Raises:
            IntegrityError: the anchor knows more records (``anchor.ahead``) or other ones
                (``anchor.forked``).
            StoreUnavailable: it cannot be reached, or takes nothing from this log.
        """

    def kept(self) -> Iterable[Kept]:
        """What it holds, oldest first, where that can be read at once; else nothing.

        Raises:
            IntegrityError: what it holds cannot be read as checkpoints.
            StoreUnavailable: it cannot be reached.
        """


def ahead(size: int, kept: int) -> IntegrityError:
    """The anchor knows records that the log no longer has."""
    return IntegrityError(
        "the audit log went back behind its anchor",
        why=f"record {size} is the first bad one: records {size} to {kept - 1} were anchored "
        "and are gone",
        remedy=REMEDY,
        reason="anchor.ahead",
    )


def forked(kept: int) -> IntegrityError:
    """The anchor knows other records than the log has."""
    return IntegrityError(
        "the audit log is not the one that was anchored",
        why=f"its first {kept} records are not those of the anchor: the first bad one is among "
        "them",
        remedy=REMEDY,
        reason="anchor.forked",
    )


def unreachable(why: str) -> StoreUnavailable:
    """An anchor that gave no answer."""
    return StoreUnavailable(
        "an anchor of the audit log cannot be reached",
        why=why,
        remedy="Mend the way to it and run `privet audit anchor`.",
        reason="anchor.unreachable",
    )


def refused(why: str, remedy: str) -> StoreUnavailable:
    """An anchor that answered, and took nothing."""
    return StoreUnavailable(
        "an anchor refused the audit log's checkpoint",
        why=why,
        remedy=remedy,
        reason="anchor.refused",
    )
