"""The desk of whoever keeps the keys: where they stand, and what begins them anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from privet.errors import InvalidInput
from privet.gate import keylife
from privet.gate.keylife import KeyStatus
from privet.gate.parts import Caller, Parts
from privet.rights import answering
from privet.types import ADMINISTRATION, Id

What = Literal["kek", "index", "signing"]
Progress = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""


def _unseen(_step: str, _done: int, _of: int) -> None:
    """Progress that nobody looks at."""


class KeyDesk:
    """Keys and their epochs, for who administers. All of it is recorded, and resumable."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def status(self) -> KeyStatus:
        """Where the keys stand, with every date; changes nothing."""
        keylife.permitted(self._parts, self._caller)
        return keylife.status(self._parts)

    def terms(self, *, every_days: int | None = None, backup_days: int | None = None) -> KeyStatus:
        """Say how long an epoch lasts, and how long copies of the keyring are kept.

        A date that certificates named is kept: a longer epoch begins with the next one.

        Args:
            every_days: from the end of one epoch to the end of the next, at least 1.
            backup_days: for how long a copy of a secret may live on after it was destroyed,
                such as in a backup of the machine that the keyring is on.

        Raises:
            InvalidInput: a number of days that is none (``keys.days``).
        """
        keylife.permitted(self._parts, self._caller)
        keylife.set_terms(self._parts, self._caller, every_days, backup_days)
        return keylife.status(self._parts)

    def end_epoch(self, progress: Progress = _unseen) -> int:
        """End the epoch now, and the index with it; the new epoch's number.

        From the destruction on, no copy of any store made before opens what was erased, or
        leads from an id to an ordinal.

        Raises:
            KeyUnavailable: the keyring did not give or destroy a secret; call it again.
            AuditUnavailable: it could not be recorded; nothing was changed.
        """
        keylife.permitted(self._parts, self._caller)
        return keylife.end_epoch(self._parts, self._caller, progress)

    def rotate(self, what: What, progress: Progress = _unseen) -> None:
        """Begin one kind of keys anew, while reads and writes go on.

        Args:
            what: ``"kek"``: all keys are wrapped anew under a new epoch's; ``"index"``: new
                tags lead from ids to ordinals; ``"signing"``: a new key signs the audit log.
            progress: is told how far it is.

        Raises:
            InvalidInput: there is no such kind (``keys.what``).
            KeyUnavailable, AuditUnavailable: as ``end_epoch``.
        """
        keylife.permitted(self._parts, self._caller)
        if what == "kek":
            keylife.rotate_keys(self._parts, self._caller, progress)
        elif what == "index":
            keylife.rotate_index(self._parts, self._caller, progress)
        elif what == "signing":
            keylife.rotate_signing(self._parts, self._caller)
        else:
            raise InvalidInput(
                "this kind of keys is unknown",
                remedy="Name kek, index or signing; one person's keys have a method of their own.",
                reason="keys.what",
            )

    def rotate_subject(self, subject: Id, progress: Progress = _unseen) -> int:
        """Give one person fresh keys and seal her data anew; in how many domains.

        Args:
            subject: the app's own id of her.
            progress: is told how far it is.

        Raises:
            UnknownSubject: nobody is known under this id.
            Erased: her erasure has begun (``subject.fenced``).
        """
        parts, caller = self._parts, self._caller
        sno = answering.known(parts, caller, subject, ADMINISTRATION, "administer")
        return keylife.rotate_subject(parts, caller, sno, progress)
