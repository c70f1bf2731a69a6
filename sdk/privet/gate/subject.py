"""What is known about how a person stands here: her ids, her grounds, who read her data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pyroaring import BitMap

from privet import crypto
from privet.clock import iso
from privet.consent import Change, Standing
from privet.errors import AccessDenied, Erased, InvalidInput
from privet.gate import policies, provenance
from privet.gate.activation import ledger_of
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.private import seal_private
from privet.gate.record import WHY, authorise, decide, entry
from privet.types import CONSENT, RIGHTS, Events, Warrant, check_type
from privet.vault import Plan, twice

UNKNOWN = -1  # nobody has this ordinal
_REFUSED = frozenset({"declined", "withdrawn", "opted-out"})


def external_ids(parts: Parts, caller: Caller, sno: int) -> list[str | int]:
    """The app's own ids of one person, opened from where they are sealed."""
    return list(dict.fromkeys(_private(parts, caller, sno, IDENTITY_EVENT, IDENTITY, "id")))


def ids_of(
    parts: Parts, caller: Caller, snos: Sequence[int], purpose: str, action: str, **more: Any
) -> dict[int, list[str | int]]:
    """The app's own ids of several people, under one record about all of them.

    Those whose ids are gone are left out.
    """
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=purpose,
        action=action,
        subjects=snos,
        fields=[f"{IDENTITY_EVENT}.id"],
        **more,
    )
    return ids_under(parts, warrant, snos)


def ids_under(parts: Parts, warrant: Warrant, snos: Sequence[int]) -> dict[int, list[str | int]]:
    """The same under a record that was made already, and names these people."""
    opened = _opened(parts, warrant, Plan(IDENTITY_EVENT, ("id",), (IDENTITY,), None), snos)
    texts = opened.columns.get("id", ())
    found: dict[int, list[str | int]] = {}
    for place, sno in enumerate(opened.subjects):
        mine = texts[opened.starts[place] : opened.starts[place + 1]]
        if len(mine):
            found[int(sno)] = [json.loads(text) for text in dict.fromkeys(mine)]
    return found


def evidence_of(parts: Parts, caller: Caller, sno: int) -> list[dict[str, str]]:
    """How changes of her grounds can be shown, each with the salt of its commitment.

    Of what was imported for many, it is what is told of the import.
    """
    own = _private(parts, caller, sno, EVIDENCE, EVIDENCE, "details")
    with parts.home.data.read() as tx:
        said = parts.ledger.entries(tx, sno)
    brought = dict.fromkeys(one.commitment for _, one in said if one.imported and one.commitment)
    return [*own, *map(json.loads, provenance.told(parts, brought).values())]


def details_of(parts: Parts, caller: Caller, sno: int, commitment: str) -> str:
    """The sealed details that a record commits to, as the text that was hashed; empty: none."""
    for details in evidence_of(parts, caller, sno) if commitment else ():
        text = json.dumps(details, sort_keys=True, ensure_ascii=False)
        if crypto.sha256(text.encode()).hex() == commitment:
            return text
    return ""


def _private(
    parts: Parts, caller: Caller, sno: int, event: str, domain: str, name: str
) -> list[Any]:
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=RIGHTS,
        action="read",
        subjects=(sno,),
        fields=[f"{event}.{name}"],
    )
    opened = _opened(parts, warrant, Plan(event, (name,), (domain,), None), [sno])
    return [json.loads(text) for text in opened.columns.get(name, ())]


def _opened(parts: Parts, warrant: Warrant, plan: Plan, snos: Sequence[int]) -> Events:
    def work() -> Events:
        with parts.home.data.read() as tx:
            cells = parts.vault.fetch(tx, plan, snos)
        return parts.vault.open(warrant, cells)

    return twice(work)


def link(parts: Parts, caller: Caller, sno: int, handle: str | int) -> int:
    """Let a further id lead to this subject; the index of its record.

    Raises:
        InvalidInput: the id leads to somebody else (reason ``subject.taken``).
        Erased: the id belongs to an erased person.
    """
    decide(parts, caller, RIGHTS, "correct", (), about=(sno,))
    _refuse_fenced(parts, sno)
    record = parts.log.append(
        [entry(parts, caller, "write", purpose=RIGHTS, action="correct", subjects=(sno,))]
    )[0]
    parts.subjects.alias(handle, sno)
    try:
        _refuse_fenced(parts, sno)
    except Erased:  # the erasure may have dropped her ids before this one came
        parts.subjects.drop(handle)
        raise
    text = json.dumps(handle, ensure_ascii=False)
    seal_private(parts, caller, IDENTITY_EVENT, IDENTITY, "id", [(sno, text)])
    return record


def _refuse_fenced(parts: Parts, sno: int) -> None:
    with parts.home.data.read() as tx:
        fenced = tx.one("SELECT 1 FROM fence WHERE sno = ?", (sno,)) is not None
    if fenced:
        raise Erased("nothing was linked", why=WHY["subject.fenced"], reason="subject.fenced")


def standing_of(
    parts: Parts,
    caller: Caller,
    sno: int | None,
    purposes: Sequence[str] | None = None,
    at: int | None = None,
) -> dict[str, str]:
    """Where purposes of the policy stand for one person, now or at a past instant.

    A ground that holds by itself reads ``restricted`` or ``fenced`` where it is of no
    use then: processing is restricted (Art. 18), or her erasure has begun. A past instant
    is told from the entries that had been recorded by then, by the policy that was active.

    Raises:
        AccessDenied: the policy, of now or of that instant, does not have such a purpose.
        InvalidInput: the instant is in the future.
    """
    if at is not None and at > parts.now:
        raise InvalidInput(
            "nobody knows where a ground will stand",
            why="the instant is in the future",
            remedy="Give an instant up to now.",
            reason="time.future",
        )
    policy = parts.policy if at is None else policies.as_of(parts, at)
    names = list(policy.purposes if purposes is None else purposes)
    if not policy.purposes.keys() >= set(names):
        raise AccessDenied("the policy has no such purpose", reason="purpose.unknown")
    if sno is not None:
        _record_look(parts, caller, (sno,))
    asked = UNKNOWN if sno is None else sno
    if at is None:
        with parts.home.data.read() as tx:
            parts.check_policy(tx)
            return {n: _word(parts.ledger.standing(tx, asked, n, parts.now)) for n in names}
    ledger = ledger_of(parts.home.data, parts.keys.secret("mac"), policy)
    position = parts.log.newest_by(at)
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        return {n: _word(ledger.standing_at(tx, asked, n, position, at)) for n in names}


def refused(parts: Parts, caller: Caller, sno: int, purposes: Sequence[str]) -> dict[str, int]:
    """Since when, in UTC microseconds, her word is no, of each of these to which it is."""
    _record_look(parts, caller, (sno,))
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        found = {n: parts.ledger.standing(tx, sno, n, parts.now) for n in purposes}
    return {n: s.since for n, s in found.items() if s.status in _REFUSED and s.since is not None}


def _record_look(parts: Parts, caller: Caller, snos: Iterable[int], **more: Any) -> None:
    """What somebody agreed to is personal too: it does not leave without a record."""
    about = frozenset(snos)
    parts.log.append(
        [entry(parts, caller, "access", purpose=CONSENT, action="read", subjects=about, **more)]
    )


def _word(standing: Standing) -> str:
    if standing.active or standing.status != "active":
        return standing.status
    return "restricted" if standing.restricted else "fenced"


def was_child(parts: Parts, sno: int) -> bool:
    """Whether a parent consented for her, and she never by herself since."""
    with parts.home.data.read() as tx:
        kinds = [change.effect for _, change in parts.ledger.entries(tx, sno)]
    given = [kind for kind in kinds if kind in {"yes", "authorised"}]
    return bool(given) and given[-1] == "authorised"


def grounds_of(parts: Parts, sno: int) -> list[dict[str, Any]]:
    """The history of her grounds, oldest first: when each was said, and when it was recorded."""
    with parts.home.data.read() as tx:
        entries = parts.ledger.entries(tx, sno)
    # After them: the record of each is in the log before it is in the ledger.
    times = {int(record["seq"]): int(record["ts"]) for record in parts.log.history(sno)}
    return [_plain(seq, change, times[seq]) for seq, change in entries]


def _plain(seq: int, change: Change, recorded: int) -> dict[str, Any]:
    return {
        "position": seq,
        "recorded": iso(recorded),
        "purpose": change.purpose,
        "kind": change.kind,
        "notice": change.notice,
        "jurisdiction": change.jurisdiction,
        "commitment": change.commitment,
        "at": iso(change.at),
        "expires": None if change.expires is None else iso(change.expires),
    }


def reads_of(parts: Parts, sno: int) -> list[dict[str, Any]]:
    """When her data was read, in which role and why; not by whom."""
    return [
        {
            "at": iso(int(record["ts"])),
            "kind": record.get("kind", ""),
            "purpose": record.get("purpose", ""),
            "action": record.get("action", ""),
            "roles": record.get("roles", []),
            "fields": record.get("fields", []),
            **{key: record[key] for key in ("to", "emergency") if key in record},
        }
        for record in parts.log.history(sno)
    ]


def holding(parts: Parts, caller: Caller, ids: Sequence[str | int], purpose: str) -> list[bool]:
    """Whether the grounds of a purpose hold now, for each id; unknown ids have none.

    Raises:
        AccessDenied: the purpose is not one of the policy's own.
    """
    check_type(purpose, str, "a purpose", "Name a purpose of the policy.")
    spec = parts.policy.purposes.get(purpose)
    if spec is None:
        raise AccessDenied("the policy has no such purpose", reason="purpose.unknown")
    snos = parts.subjects.find(ids)
    grounds = (purpose, *spec.builds_on)
    known = BitMap([s for s in snos if s is not None])
    if known:
        _record_look(parts, caller, known, asked=purpose)
    with parts.home.data.read() as tx:
        eligible = parts.ledger.eligible(tx, grounds, parts.now, known)
    return [s is not None and s in eligible for s in snos]


def position(parts: Parts) -> int:
    """The ledger position that a person sees now: what she sends back as ``seen``.

    Where there is nothing to see yet, that of the log's first leaf, which is of no ground: -1
    would say that nobody can tell what she saw, and a copy of her answer would be believed.
    """
    with parts.home.data.read() as tx:
        return max(parts.ledger.position(tx), 0)
