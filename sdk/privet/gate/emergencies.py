"""Break-glass: asked by one person, confirmed by another, loud, short, and over by itself.

GDPR Art. 5(2), 32(1)(b): whoever must reach data that nobody may reach day by day does it with
a reason, with a second pair of eyes and with a trail. Every step is a record before anything is
opened; every read under it names its number.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast

from privet import crypto
from privet.clock import instant
from privet.errors import AccessDenied, InvalidInput, PrivetError
from privet.gate import breakglass
from privet.gate.breakglass import KIND, Row
from privet.gate.catchup import catch_up
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.log import get_logger
from privet.policy import Permit
from privet.types import ACCOUNTABILITY, check_text, check_type

State = Literal["asked", "open", "lapsed", "over", "ended"]

_log = get_logger("gate")
_MOST_REASON = 1000
_WORDS = re.compile(r"[^\s,;:!?()\[\]{}\"'<>]+")


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency that somebody asked for.

    Attributes:
        number: its number: the index of its first record in the log.
        permit: id of the permit that it opens.
        purpose: what for.
        state: ``"asked"`` (waits for the second person), ``"open"``, ``"lapsed"`` (nobody
            confirmed in time), ``"over"`` (its time has passed) or ``"ended"`` (before that).
        asked: when it was asked for.
        asked_by: pseudonym of who asked.
        confirmed_by: pseudonym of who confirmed; empty for nobody.
        until: when it ends by itself; until it is confirmed, when it lapses.
        reason: why, in words; empty where it was not to be opened here.
    """

    number: int
    permit: str
    purpose: str
    state: State
    asked: datetime
    asked_by: str
    confirmed_by: str
    until: datetime
    reason: str = field(default="", repr=False)


def ask(parts: Parts, caller: Caller, permit: str, reason: str) -> Emergency:
    """Ask for a permit for an emergency; nothing is open until another person confirms.

    Args:
        parts: the open deployment.
        caller: who asks; her roles must hold the permit's.
        permit: its id.
        reason: why, in words that name nobody. Sealed; the log holds a commitment to it.

    Raises:
        AccessDenied: no such permit for these roles (``emergency.permit``), recorded.
        InvalidInput: no reason, or one that holds an id or an address (``emergency.reason``).
    """
    parts.check_current()
    check_type(permit, str, "a permit", "Name a permit of the policy.")
    found = parts.policy.permits.get(permit)
    if found is None or found.break_glass is None or found.role not in caller.roles:
        raise _refused(parts, caller, "emergency.permit", "these roles have no such permit")
    _check_reason(parts, reason)
    told = json.dumps({"reason": reason, "salt": os.urandom(16).hex()}, ensure_ascii=False)
    leaf = {
        "is": "asked",
        "permit": found.id,
        "policy": parts.policy.hash,
        "minutes": found.break_glass.minutes,
        "commitment": crypto.sha256(told.encode()).hex(),
    }
    seq = _append(parts, caller, found, leaf)
    with parts.home.data.write() as tx:
        tx.run("UPDATE emergency SET reason = ? WHERE seq = ?", (_seal(parts, seq, told), seq))
    _log.warning("emergency.asked", seq=seq, rule=found.id, purpose=found.purpose)
    return _plain(parts, _row(parts, seq), reason)


def confirm(parts: Parts, caller: Caller, number: int) -> Emergency:
    """Confirm what somebody else asked for: from now on it is open to her who asked.

    Raises:
        AccessDenied: who confirms is who asked, or has none of the roles that may
            (``emergency.second``); recorded.
        InvalidInput: no such emergency (``emergency.unknown``), it was confirmed already
            (``emergency.confirmed``), is over, or was asked under another policy
            (``emergency.over``), or its reason is lost (``emergency.reason``).
    """
    parts.check_current()
    row = _row(parts, number)
    permit = _permit_of(parts, row)
    if caller.pseudonym == row.who or not _may_confirm(caller, permit):
        why = "it takes another person than who asked, with a role that may confirm"
        raise _refused(parts, caller, "emergency.second", why)
    _require_waiting(parts, row)
    reason = _reason(parts, row)
    if not reason:
        raise InvalidInput(
            "this emergency cannot be confirmed",
            why="its reason is not here: a crash or an older copy lost it",
            remedy="Ask for it again.",
            reason="emergency.reason",
        )
    seq = _append(parts, caller, permit, {"is": "confirmed", "of": row.seq})
    after = _row(parts, number)
    if after.confirmed != seq:  # somebody was sooner, or it ended or lapsed meanwhile
        _require_waiting(parts, after)
        raise _over()
    _log.error("emergency.open", seq=number, rule=permit.id, purpose=permit.purpose)
    return _plain(parts, after, reason)


def end(parts: Parts, caller: Caller, number: int) -> Emergency:
    """End it before its time, or refuse what waits: by who asked or any who may confirm.

    Raises:
        AccessDenied: neither of them (``emergency.second``); recorded.
        InvalidInput: there is none, or it has ended already.
    """
    parts.check_current()
    row = _row(parts, number)
    permit = _permit_of(parts, row)
    if caller.pseudonym != row.who and not _may_confirm(caller, permit):
        why = "who asked for it ends it, or who may confirm it"
        raise _refused(parts, caller, "emergency.second", why)
    if row.state(parts.now) not in {"asked", "open"}:
        raise _over()
    _append(parts, caller, permit, {"is": "ended", "of": row.seq})
    _log.warning("emergency.ended", seq=number, rule=permit.id, purpose=permit.purpose)
    return _plain(parts, _row(parts, number), "")


def under(parts: Parts, caller: Caller, number: int) -> None:
    """Refuse to act under an emergency that is not the caller's own and open now.

    Raises:
        AccessDenied: ``emergency.closed``; recorded.
    """
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        row = breakglass.read(tx, parts, number) if type(number) is int else None
    open_now = row is not None and row.state(parts.now) == "open"
    if row is None or row.who != caller.pseudonym or not open_now or not _current(parts, row):
        why = "it is not open, or somebody else asked for it"
        raise _refused(parts, caller, "emergency.closed", why)


def mine(parts: Parts, caller: Caller) -> list[Emergency]:
    """Those that the caller asked for or may confirm, oldest first, with their reasons."""
    found = [
        row
        for row in _all(parts)
        if row.who == caller.pseudonym
        or ((permit := _current(parts, row)) is not None and _may_confirm(caller, permit))
    ]
    return _looked(parts, caller, found)


def everything(parts: Parts, caller: Caller) -> list[Emergency]:
    """All of them, for who answers for the log.

    Raises:
        AccessDenied: no permit to prove under ``privet:accountability``.
    """
    decide(parts, caller, ACCOUNTABILITY, "prove", ())
    return _looked(parts, caller, _all(parts))


def counts(parts: Parts) -> dict[str, int]:
    """How many there are in each state."""
    found: dict[str, int] = {}
    for row in _all(parts):
        state = row.state(parts.now)
        found[state] = found.get(state, 0) + 1
    return found


def _looked(parts: Parts, caller: Caller, rows: list[Row]) -> list[Emergency]:
    told = entry(
        parts, caller, "access", purpose=ACCOUNTABILITY, action="prove", task="emergencies"
    )
    parts.log.append([told])
    return [_plain(parts, row, _reason(parts, row)) for row in rows]


def _append(parts: Parts, caller: Caller, permit: Permit, leaf: dict[str, object]) -> int:
    record = entry(
        parts,
        caller,
        KIND,
        purpose=permit.purpose,
        action="break-glass",
        redo=True,
        step=leaf,
    )
    seq = parts.log.append([record])[0]
    catch_up(parts, seq)
    return seq


def _all(parts: Parts) -> list[Row]:
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        return breakglass.every(tx, parts)


def _row(parts: Parts, number: int) -> Row:
    with parts.home.data.read() as tx:
        row = breakglass.read(tx, parts, number) if type(number) is int else None
    if row is None:
        raise InvalidInput("there is no such emergency", reason="emergency.unknown")
    return row


def _current(parts: Parts, row: Row) -> Permit | None:
    permit = parts.policy.permits.get(row.permit)
    bound = row.policy == parts.policy.hash
    return permit if bound and permit is not None and permit.break_glass is not None else None


def _permit_of(parts: Parts, row: Row) -> Permit:
    permit = _current(parts, row)
    if permit is None:
        raise _over()
    return permit


def _may_confirm(caller: Caller, permit: Permit) -> bool:
    return permit.break_glass is not None and not permit.break_glass.second.isdisjoint(caller.roles)


def _require_waiting(parts: Parts, row: Row) -> None:
    if row.second:
        raise InvalidInput(
            "this emergency was confirmed already",
            remedy="Another one takes another request, and another confirmation.",
            reason="emergency.confirmed",
        )
    if row.state(parts.now) != "asked":
        raise _over()


def _over() -> InvalidInput:
    return InvalidInput(
        "this emergency is over",
        why="its time has passed, it was ended, or another policy is active",
        remedy="Ask for it again; a second person must confirm that too.",
        reason="emergency.over",
    )


def _refused(parts: Parts, caller: Caller, reason: str, why: str) -> AccessDenied:
    """Record an attempt that was refused, say it aloud, and return its error."""
    record = entry(parts, caller, "denial", purpose="unknown", action="break-glass", reason=reason)
    parts.log.append([record])
    _log.warning("emergency.refused", reason=reason)
    return AccessDenied("no emergency was opened", why=why, reason=reason)


def _check_reason(parts: Parts, reason: str) -> None:
    check_text(reason, "the reason", _MOST_REASON)
    words = _WORDS.findall(reason)
    if len(words) < 2 or any("@" in word for word in words) or any(_known(parts, words)):
        raise InvalidInput(
            "this reason cannot be kept",
            why="it says too little, or it holds an address or somebody's id: it is kept "
            "longer than an erasure of hers may wait",
            remedy="Say what happened in some words, and name nobody.",
            reason="emergency.reason",
        )


def _known(parts: Parts, words: list[str]) -> list[bool]:
    """Which of the words are ids of people, as texts or as numbers."""
    texts: list[str | int] = []
    for word in (w.strip(".") for w in words):
        if word and len(word.encode()) <= _MOST_REASON:
            texts.append(word)
        if word.isdecimal() and word.isascii() and len(word) < 19:
            texts.append(int(word))
    try:
        return [sno is not None for sno in parts.subjects.find(texts)] if texts else [True]
    except PrivetError:  # no id is of this form, nor is it a word
        return [True]


def _key(parts: Parts) -> crypto.Aead:
    return crypto.Aead(crypto.derive(parts.keys.secret("details"), b"privet-emergency-reason-v1"))


def _bound(parts: Parts, seq: int) -> bytes:
    return b"privet-emergency-reason-v1" + parts.home.deployment + seq.to_bytes(8, "big")


def _seal(parts: Parts, seq: int, told: str) -> bytes:
    return _key(parts).seal(told.encode(), _bound(parts, seq))


def _reason(parts: Parts, row: Row) -> str:
    """The reason in words; empty where it is not here, or is not what was committed to."""
    with parts.home.data.read() as tx:
        found = tx.one("SELECT reason FROM emergency WHERE seq = ?", (row.seq,))
    if found is None or found[0] is None:
        return ""
    told = _key(parts).open(bytes(found[0]), _bound(parts, row.seq))
    if crypto.sha256(told).hex() != row.commitment:
        return ""
    return str(json.loads(told)["reason"])


def _plain(parts: Parts, row: Row, reason: str) -> Emergency:
    permit = parts.policy.permits.get(row.permit)
    return Emergency(
        number=row.seq,
        permit=row.permit,
        purpose="" if permit is None else permit.purpose,
        state=cast("State", row.state(parts.now)),
        asked=instant(row.asked),
        asked_by=row.who,
        confirmed_by=row.second,
        until=instant(row.until or row.lapses),
        reason=reason,
    )
