"""The life of keys, as the gate lets it be led: on record, step by step, resumable.

With an epoch everything ends that could open what was deleted in it: the key that wrapped
the keys of people, and the index that leads from ids to ordinals. So a copy of any store is
dead for whoever was erased from one date on, and the certificate of her erasure names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from privet.clock import DAY_US
from privet.crypto import Signer
from privet.errors import InvalidInput
from privet.gate import indexing, rekeying
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.types import ADMINISTRATION
from privet.vault import EpochState, Renewing, Terms

Progress = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""
MOST_DAYS = 3660


def _unseen(*_: object) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Where the keys of a deployment stand. Times are UTC microseconds.

    Attributes:
        epochs: every epoch there was, the first first.
        terms: how long epochs last, and when this one is to end.
        unwrapped: keys that still hang on an epoch that was left.
        index: numbers of the live versions of the index: two while it is renewed.
        unrenewed: people whom the second version does not know yet.
        marks_until: until when an earlier index stays for marks that were made from its tags.
        renewals: people whose own keys are being renewed.
        vkey: the verifier key of the audit log.
        opens_until: the date from which no backup opens who is erased now; None: none stated.
    """

    epochs: tuple[EpochState, ...]
    terms: Terms
    unwrapped: int
    index: tuple[int, ...]
    unrenewed: int
    marks_until: int | None
    renewals: int
    vkey: str
    opens_until: int | None

    @property
    def under_way(self) -> bool:
        """Whether a rotation was begun and is not finished: maintenance goes on with it."""
        left = {epoch.state for epoch in self.epochs} - {"active", "destroyed"}
        return bool(left or len(self.index) > 1 or self.renewals)


def permitted(parts: Parts, caller: Caller) -> None:
    """Refuse who may not administer; a refusal is recorded.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())


def status(parts: Parts) -> KeyStatus:
    """Where the keys stand. Changes nothing."""
    renewing = Renewing(parts.keys, parts.clock)
    return KeyStatus(
        epochs=tuple(parts.keys.epochs()),
        terms=parts.keys.terms(),
        unwrapped=parts.keys.unwrapped(),
        index=tuple(version.number for version in renewing.live()),
        unrenewed=renewing.left(),
        marks_until=renewing.kept_for_marks(),
        renewals=len({sno for sno, _ in parts.keys.renewals()}),
        vkey=parts.log.vkey,
        opens_until=opens_until(parts),
    )


def opens_until(parts: Parts) -> int | None:
    """The date from which no backup opens who is erased now, UTC µs; None: none can be stated.

    The latest of: the end of the epoch and of the index with it, plus the time that the
    keyring takes to destroy a secret, plus as long as copies of the keyring are kept; and the
    end of marks that an earlier index is kept for.
    """
    within = parts.keys.destroys_within()
    if within is None:
        return None
    terms = parts.keys.terms()
    date = max(terms.due, parts.now) + within + terms.backup_days * DAY_US
    return max(date, Renewing(parts.keys, parts.clock).kept_for_marks() or 0)


def set_terms(
    parts: Parts, caller: Caller, every_days: int | None, backup_days: int | None
) -> Terms:
    """Say how long epochs last, and how long copies of the keyring are kept.

    Raises:
        InvalidInput: a number of days that is none (``keys.days``).
        AuditUnavailable: it could not be recorded; nothing was changed.
    """
    for days, least in ((every_days, 1), (backup_days, 0)):
        if days is not None and (type(days) is not int or not least <= days <= MOST_DAYS):
            raise InvalidInput(
                "this is no number of days",
                remedy=f"Give a whole number of days, at most {MOST_DAYS}.",
                reason="keys.days",
            )
    new = parts.keys.terms().changed(parts.now, every_days, backup_days)
    told = {"every": new.every_days, "backups": new.backup_days}
    record(parts, caller, "key-terms", **told)
    parts.keys.set_terms(new)
    return new


def is_due(parts: Parts) -> bool:
    """Whether the epoch has lasted its time: certificates name that date."""
    return parts.now >= parts.keys.terms().due


def when_due(parts: Parts, caller: Caller, progress: Progress = _unseen) -> int:
    """Go on with what was begun, and end the epoch where it has lasted its time; what was done."""
    done = go_on(parts, caller, progress)
    if is_due(parts):
        end_epoch(parts, caller, progress)
        done += 1
    return done


def end_epoch(parts: Parts, caller: Caller, progress: Progress = _unseen) -> int:
    """End the epoch: a new one begins, the index is renewed, the old secret is destroyed.

    What an interruption leaves is gone on with here, or by maintenance.

    Returns:
        The new epoch's number.

    Raises:
        AuditUnavailable: it could not be recorded; nothing was changed.
        KeyUnavailable: the keyring did not give or destroy a secret; call it again.
    """
    go_on(parts, caller, progress)
    # Before: from the destruction on no backup opens, which must not happen without a trace.
    record(parts, caller, "rotation")
    number = parts.keys.begin_epoch()
    indexing.begin(parts)
    go_on(parts, caller, progress)
    return number


def go_on(parts: Parts, caller: Caller, progress: Progress = _unseen) -> int:
    """Go on with whatever was begun; how many rotations were finished. Safe to repeat.

    The index comes before the re-wrapping: its old key then never hangs on the new epoch.
    """
    done = _finish_signing(parts, caller)
    done += rekeying.go_on(parts, caller, lambda *n: progress("data", *n))
    if len(Renewing(parts.keys, parts.clock).live()) > 1:
        done += indexing.go_on(parts, caller, lambda *n: progress("index", *n))
    else:  # a sweep may have been broken off
        Renewing(parts.keys, parts.clock).tidy()
    ended = parts.keys.finish_epochs(lambda *n: progress("keys", *n))
    if ended:
        _set_due(parts)
    return done + ended


def _set_due(parts: Parts) -> None:
    """Let the next date count from when the epoch *and* the index began anew."""
    terms, live = parts.keys.terms(), Renewing(parts.keys, parts.clock).live()
    began = parts.keys.epoch_began()
    if live[-1].since is not None and live[-1].since >= began:
        parts.keys.set_terms(terms.begun(began))


def rotate_keys(parts: Parts, caller: Caller, progress: Progress = _unseen) -> int:
    """Wrap all keys anew under a new epoch's; the index stays as it is, and so does its date."""
    record(parts, caller, "rewrapping")
    return parts.keys.rotate(lambda *n: progress("keys", *n))


def rotate_index(parts: Parts, caller: Caller, progress: Progress = _unseen) -> bool:
    """Renew the index of people; whether all of them are renewed.

    Raises:
        AuditUnavailable: it could not be recorded; nothing was changed.
    """
    if len(Renewing(parts.keys, parts.clock).live()) > 1:  # an earlier one was broken off
        indexing.go_on(parts, caller, lambda *n: progress("index", *n))
    record(parts, caller, "index")
    indexing.begin(parts)
    return indexing.go_on(parts, caller, lambda *n: progress("index", *n))


def rotate_signing(parts: Parts, caller: Caller) -> str:
    """Let a new key sign the audit log; its verifier key, to be given to whoever verifies.

    The old one vouches for it in a record, and is destroyed once that is durable.

    Raises:
        AuditUnavailable: it could not be recorded; the old key signs on.
    """
    _finish_signing(parts, caller)
    parts.keys.add_secret("signing")
    _finish_signing(parts, caller)
    return parts.log.vkey


def _finish_signing(parts: Parts, caller: Caller) -> int:
    """Put the newest signing key in force and destroy those before it; 1 where there were any."""
    numbers = parts.keys.own.versions("signing")
    if len(numbers) < 2:
        return 0
    told = entry(
        parts, caller, "admin", purpose=ADMINISTRATION, action="administer", subject="keys"
    )
    parts.keys.secret("signing")  # the keyring is asked before the log is held
    parts.log.succeed(lambda: Signer(_newest_signing(parts)), dict(told.body))
    parts.keys.drop_secrets("signing", numbers[-1])
    return 1


def _newest_signing(parts: Parts) -> bytes:
    return parts.keys.secrets("signing")[-1]


def rotate_subject(parts: Parts, caller: Caller, sno: int, progress: Progress = _unseen) -> int:
    """Give one person fresh keys and seal anew what was sealed under hers; in how many domains."""
    return rekeying.renew(parts, caller, sno, lambda *n: progress("data", *n))


def record(parts: Parts, caller: Caller, task: str, **more: Any) -> None:
    """Record what is about to be done with the keys."""
    told = entry(
        parts,
        caller,
        "admin",
        purpose=ADMINISTRATION,
        action="administer",
        subject="keys",
        task=task,
        **more,
    )
    parts.log.append([told])
