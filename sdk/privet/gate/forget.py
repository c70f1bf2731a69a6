"""Forgetting: withdrawal and erasure, resumable at every step. GDPR Art. 7(3), 17.

An erasure goes: registered → intent in the log, which fences (nothing of hers is
released from there on) → subtracted from every model → keys destroyed, rows deleted,
references dropped → write-ahead logs emptied → looked through once more → done in the
log → certificate. Each step finds its own work in the stores, so that beginning again
after a crash does what is left and nothing twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from pyroaring import BitMap

from privet.clock import iso
from privet.consent import ABSOLUTE, Standing
from privet.db import Store, Tx
from privet.errors import AccessDenied, IntegrityError, InvalidInput
from privet.gate import certificate, membership, moving
from privet.gate.catchup import ANSWER_WITHIN_US, catch_up
from privet.gate.held import kept_out_until, remains
from privet.gate.minimize import NULL
from privet.gate.parts import IDENTITY, Caller, Parts
from privet.gate.record import decide, entry
from privet.gate.removal import Removed, destroy_gone, removals, remove
from privet.gate.subject import ids_of
from privet.policy import COLUMN, HELD, Hold, ended_with, fates
from privet.types import FORGETTING, RIGHTS, Events, Warrant
from privet.vault import Fetched, Plan, twice

# A process that read a model's epoch must release its list within this time, or drop it.
RELEASE_WITHIN_US = 1_000_000
CONCLUDED = ("done", "held")
UNTOUCHED = frozenset({"active", "elsewhere"})
"""Where a ground stands without her word against it: nothing is destroyed for it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a law keeps after an erasure.

    Attributes:
        fields: the held fields.
        law: the law of the person's place, in words; of an unknown one the first to end.
        until: until when, RFC 3339.
        period: how long it keeps each event.
    """

    fields: tuple[str, ...]
    law: str
    until: str
    period: str = ""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of an erasure's dry run.

    Attributes:
        what: ``"data"``, ``"column"`` (of the app's own tables), ``"model"``, ``"grounds"`` or
            ``"log"``.
        name: domain, or purpose, or purpose and model.
        rows: sealed events or cells of hers in it.
        fate: ``"destroyed"``, ``"subtracted"``, ``"held"`` or ``"kept"``.
        law: which law holds it, or the ground on which it is kept.
        until: until when, RFC 3339; empty for as long as the log.
    """

    what: str
    name: str
    rows: int
    fate: str
    law: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Where an erasure stands.

    Attributes:
        receipt: its random number: what the certificate names.
        state: ``"pending"`` (a store was busy; maintenance goes on), ``"done"`` or ``"held"``.
        held: what is held, by whose law, until when.
        certificate: the signed certificate, empty until done or held.
    """

    receipt: str
    state: str
    held: tuple[Held, ...] = ()
    certificate: bytes = field(default=b"", repr=False)


def plan(parts: Parts, caller: Caller, sno: int) -> list[PlanLine]:
    """What an erasure would destroy, subtract and hold; nothing is changed."""
    decide(parts, caller, RIGHTS, "erase", (), about=(sno,))
    _own(caller, sno)
    _record(parts, caller, sno, "access", task="plan")
    holds = _holds(parts, caller, sno)
    with parts.home.data.read() as tx:
        holdings = parts.vault.holdings(tx, sno)
        sealed = sorted(parts.vault.domains_of(tx, sno))
        grounds = len(parts.ledger.entries(tx, sno))
    if holds:  # whose invoice it is stays with it, as long as the longest hold
        holds = {**holds, IDENTITY: max(holds.values(), key=lambda held: held.until)}
    lines = [_line(f"{h.domain}/{h.event}", h.rows, holds.get(h.domain)) for h in holdings]
    columns = [name.removesuffix(COLUMN) for name in sealed if name.endswith(COLUMN)]
    lines += [PlanLine("column", name, 1, "destroyed") for name in columns]
    lines += models_of(parts, sno)
    lines.append(PlanLine("grounds", "ledger", grounds, "destroyed"))
    for left in remains(parts, kept_out_until(parts)):
        lines.append(PlanLine("log", left["what"], 1, "kept", left["ground"], left["until"] or ""))
    return lines


def models_of(parts: Parts, sno: int) -> list[PlanLine]:
    """The models that she is part of."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT DISTINCT l.purpose, l.name FROM contribution c "
            "JOIN model_live l ON l.model = c.model WHERE c.sno = ?",
            (sno,),
        )
    return [PlanLine("model", f"{p}/{n}", 1, "subtracted") for p, n in sorted(rows)]


def _line(name: str, rows: int, held: Held | None) -> PlanLine:
    if held is None:
        return PlanLine("data", name, rows, "destroyed")
    return PlanLine("data", name, rows, "held", held.law, held.until)


def erase(parts: Parts, caller: Caller, sno: int, reference: str = "") -> Erasure:
    """Erase one subject; returns when it is done, held, or pending on a busy store.

    Args:
        parts: the open deployment.
        caller: the desk, or the subject herself.
        sno: her ordinal.
        reference: the host's own number of the request; kept as a keyed hash only.

    Raises:
        AccessDenied: the policy does not let this caller erase.
        AuditUnavailable: the intent could not be recorded; nothing has changed.
    """
    decide(parts, caller, RIGHTS, "erase", (), about=(sno,))
    _own(caller, sno)
    receipt = _open_request(parts, sno)
    if receipt is None:
        receipt = os.urandom(16).hex()
        with parts.home.data.write() as tx:
            tx.run(
                "INSERT INTO request (id, kind, sno, received, due, state, held_until, detail, "
                "certificate) VALUES (?, 'erasure', ?, ?, ?, 'received', NULL, ?, NULL)",
                (
                    receipt,
                    sno,
                    parts.now,
                    parts.now + ANSWER_WITHIN_US,
                    json.dumps({"reference": certificate.hashed(parts, reference)}),
                ),
            )
    return resume(parts, caller, receipt)


def resume(parts: Parts, caller: Caller, receipt: str) -> Erasure:
    """Go on with an erasure from wherever it stands."""
    request = _request(parts, receipt)
    if request["state"] in CONCLUDED:
        return _outcome(request)
    sno = request["sno"]
    if request["state"] == "received":
        _fence(parts, caller, sno, receipt)
    removed = _subtract(parts, caller, sno, receipt)
    holds = _destroy(parts, caller, sno, receipt, request)
    if not _emptied(parts):
        return Erasure(receipt, "pending", tuple(holds.values()))
    _look_through(parts, sno, _kept_by(holds))
    return _conclude(parts, caller, sno, receipt, removed, holds)


def pending(parts: Parts) -> list[str]:
    """Receipts of erasures that are not yet concluded, oldest first."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT id FROM request WHERE kind = 'erasure' AND state NOT IN ('done', 'held') "
            "ORDER BY received"
        )
    return [str(r[0]) for r in rows]


def release_holds(parts: Parts, caller: Caller) -> int:
    """Destroy what was held where its hold has lapsed; final certificates replace the first."""
    return sum(_release(parts, caller, sno, receipt) for receipt, sno in ended_holds(parts))


def ended_holds(parts: Parts) -> list[tuple[str, int]]:
    """Receipt and ordinal of each erasure of which a law held something until now."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT id, sno FROM request WHERE state = 'held' AND held_until <= ?", (parts.now,)
        )
    return [(str(receipt), int(sno)) for receipt, sno in rows]


def _release(parts: Parts, caller: Caller, sno: int, receipt: str) -> bool:
    """End one hold; False where a log is busy: it stays held, and is tried again."""
    _record(parts, caller, sno, "erase.hold")
    parts.vault.shred(sno)
    parts.subjects.drop_refs(sno, held=False)
    if not _emptied(parts):
        return False
    _look_through(parts, sno, set())
    told = _request(parts, receipt)["detail"]["models"]
    _conclude(parts, caller, sno, receipt, [Removed(**m) for m in told], {})
    return True


def _emptied(parts: Parts) -> bool:
    """Rewrite what held keys, so that no deleted byte is left; False where a log is busy."""
    # Every log is tried, also where one is busy.
    if not all([store.truncate_log() for store in _stores(parts)]):  # noqa: C419
        return False
    parts.home.keys.vacuum()
    parts.home.keys.truncate_log()
    return True


def settle(parts: Parts, caller: Caller, sno: int, purpose: str) -> list[Removed]:
    """After a withdrawal: subtract her from the purpose's models, shred what only it covered.

    What was collected for another purpose, or is held by a law, stays.
    """
    spec = parts.policy.purposes[purpose]
    moving.move_hers(parts, caller, sno)
    removed: list[Removed] = []
    for affected in _resting_on(parts, purpose):
        removed += remove(parts, caller, f"withdrawal-{purpose}-{sno}", [sno], affected)
    with parts.home.data.read() as tx:
        status = parts.ledger.standing(tx, sno, purpose, parts.now).status
    # An objection that was upheld ends the purpose for her, and what it collected (Art. 17(1)(c)).
    if spec.basis in ABSOLUTE or status == "upheld":
        domains = ended_with(purpose)
        with parts.home.data.read() as tx:
            sealed = set(domains).intersection(parts.vault.domains_of(tx, sno))
        keyed = set(domains).intersection(parts.vault.keyed_domains([sno]).get(sno, ()))
        # A restriction alone destroys nothing (Art. 18); half a destruction is finished.
        if sealed - keyed or (status not in UNTOUCHED and keyed):
            _record(parts, caller, sno, "erase.domain")
            parts.vault.shred(sno, domains)
        for store in _stores(parts):
            store.truncate_log()
    return removed


def _record(parts: Parts, caller: Caller, sno: int, kind: str, **more: Any) -> None:
    """Record what is about to be done: by a clock that the log refuses nothing is destroyed."""
    parts.log.append(
        [entry(parts, caller, kind, purpose=FORGETTING, action="erase", subjects=(sno,), **more)]
    )


def unsettled(parts: Parts) -> list[tuple[int, str]]:
    """Subjects of whom a purpose still holds something though its ground has ended or lapsed."""
    with parts.home.data.read() as tx:
        return [
            (sno, purpose)
            for purpose in parts.policy.purposes
            for sno in _left(tx, parts, purpose) | _covered_no_more(tx, parts, purpose)
        ]


def _covered_no_more(tx: Tx, parts: Parts, purpose: str) -> BitMap:
    """Whose data, collected under this consent alone, outlived it: a withdrawal was cut off."""
    if parts.policy.purposes[purpose].basis not in ABSOLUTE:
        return BitMap()
    holders = {domain: parts.vault.holders(tx, domain) for domain in ended_with(purpose)}
    people = BitMap().union(*holders.values())
    without = people - parts.ledger.eligible(tx, (purpose,), parts.now, people)
    ended = BitMap(
        sno
        for sno in without
        if parts.ledger.standing(tx, sno, purpose, parts.now).status not in UNTOUCHED
    )
    # Whoever agreed again before it was taken up could not be written of any more.
    return ended.union(*(parts.vault.half_shredded(d, held) for d, held in holders.items()))


def quarantined(parts: Parts, purpose: str) -> bool:
    """Whether somebody stands in a model of this purpose past the policy's deadline.

    Removal is overdue then, and no model of the purpose may serve until it is done.
    """
    spec = parts.policy.purposes[purpose]
    with parts.home.data.read() as tx:
        for sno in _left(tx, parts, purpose):
            ends = [
                _ended(tx, sno, standing)
                for name in (purpose, *spec.builds_on)
                if not (standing := parts.ledger.standing(tx, sno, name, parts.now)).active
            ]
            if ends and spec.models.deadline.after(min(ends)) <= parts.now:
                return True
    return False


def _ended(tx: Tx, sno: int, standing: Standing) -> int:
    """When her place in a model lost its ground: with the ground itself, or her request."""
    if standing.status != "active":
        return standing.since or 0
    row = tx.one("SELECT MAX(received) FROM request WHERE sno = ?", (sno,))
    return int(row[0]) if row and row[0] is not None else 0


def _left(tx: Tx, parts: Parts, purpose: str) -> BitMap:
    """Who contributed to a model of this purpose and has no ground for it now."""
    rows = tx.all(
        "SELECT DISTINCT c.sno FROM contribution c JOIN model_live l "
        "ON l.model = c.model WHERE l.purpose = ?",
        (purpose,),
    )
    people = BitMap([int(r[0]) for r in rows])
    grounds = (purpose, *parts.policy.purposes[purpose].builds_on)
    return people - parts.ledger.eligible(tx, grounds, parts.now, people)


def _resting_on(parts: Parts, purpose: str) -> list[str]:
    builders = [n for n, p in parts.policy.purposes.items() if purpose in p.builds_on]
    return [purpose, *builders]


def _own(caller: Caller, sno: int) -> None:
    if not caller.may_touch(sno):
        raise AccessDenied("only your own data can be named here", reason="self.only")


def _open_request(parts: Parts, sno: int) -> str | None:
    with parts.home.data.read() as tx:
        row = tx.one(
            "SELECT id FROM request WHERE sno = ? AND kind = 'erasure' AND state <> 'done' "
            "ORDER BY received",
            (sno,),
        )
    return str(row[0]) if row else None


def _request(parts: Parts, receipt: str) -> dict[str, Any]:
    with parts.home.data.read() as tx:
        row = tx.one(
            "SELECT sno, state, received, held_until, detail, certificate "
            "FROM request WHERE id = ?",
            (receipt,),
        )
    if row is None:
        raise InvalidInput("no request has this receipt", reason="request.unknown")
    return {
        "receipt": receipt,
        "sno": int(row[0]),
        "state": str(row[1]),
        "received": int(row[2]),
        "held_until": row[3],
        "detail": json.loads(row[4]),
        "certificate": bytes(row[5] or b""),
    }


def _outcome(request: Mapping[str, Any]) -> Erasure:
    held = [_held(h) for h in request["detail"].get("held", [])]
    return Erasure(request["receipt"], request["state"], tuple(held), request["certificate"])


def _fence(parts: Parts, caller: Caller, sno: int, receipt: str) -> None:
    seq = parts.log.append(
        [
            entry(
                parts,
                caller,
                "erase.intent",
                purpose=FORGETTING,
                action="erase",
                subjects=(sno,),
                redo=True,
                sno=sno,
                request=receipt,
            )
        ]
    )[0]
    catch_up(parts, seq)
    _mark(parts, receipt, "fenced", {"fenced": parts.now})


def _subtract(parts: Parts, caller: Caller, sno: int, receipt: str) -> list[Removed]:
    remove(parts, caller, receipt, [sno])
    destroy_gone(parts)
    # Of now, since a version was served until its removal was committed, not until it began.
    removed = [replace(m, at=parts.now) for m in removals(parts, receipt)]
    _mark(parts, receipt, "subtracted", {"models": [asdict(m) for m in removed]})
    return removed


def foresee(parts: Parts, caller: Caller, receipt: str) -> None:
    """Decide what a law holds of an erasure that a restore carries out again.

    Before the log's word to forget her grounds is applied: they say whose law it is.
    """
    request = _request(parts, receipt)
    if request["state"] not in CONCLUDED:
        _decided(parts, caller, request["sno"], receipt, request)


def _destroy(
    parts: Parts, caller: Caller, sno: int, receipt: str, request: Mapping[str, Any]
) -> dict[str, Held]:
    decided = _decided(parts, caller, sno, receipt, request)
    holds = {d: _held(h) for d, h in decided["holds"].items()}
    if not parts.subjects.marked(receipt):
        parts.subjects.suppress(sno, decided["suppressed"], receipt, _ids(parts, caller, sno))
    parts.vault.shred(sno, sorted(_domains(parts, sno) - _kept_by(holds)) if holds else None)
    parts.subjects.drop_refs(sno, held=bool(holds))
    with parts.home.data.write() as tx:
        tx.run("DELETE FROM contribution WHERE sno = ?", (sno,))
        membership.drop(tx, [sno])
    return holds


def _ids(parts: Parts, caller: Caller, sno: int) -> list[str | int]:
    """Her ids, to keep her out by; none where they do not open any more."""
    try:
        found = twice(lambda: ids_of(parts, caller, [sno], FORGETTING, "erase"))
    except IntegrityError:
        return []
    return found.get(sno, [])


def _decided(
    parts: Parts, caller: Caller, sno: int, receipt: str, request: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What is held and what is destroyed, decided once: what decides it may be gone later."""
    if "holds" in request["detail"]:
        return {"suppressed": kept_out_until(parts), **request["detail"]}
    moving.move_hers(parts, caller, sno)  # what a law holds now must not go with the rest
    holds = _holds(parts, caller, sno)
    decided: dict[str, Any] = {
        "holds": {d: asdict(h) for d, h in holds.items()},
        "held_until": _held_until(parts, caller, sno) if holds else None,
        "destroyed": sorted(_domains(parts, sno) - _kept_by(holds)),
        "suppressed": kept_out_until(parts),
    }
    _mark(parts, receipt, "destroying", decided)
    return decided


def _domains(parts: Parts, sno: int) -> set[str]:
    """Domains in which something of hers is sealed: cells, or what models keep of her."""
    with parts.home.data.read() as tx:
        sealed = parts.vault.domains_of(tx, sno)
    return {*sealed, *parts.vault.keyed_domains([sno]).get(sno, ())}


def _kept_by(holds: Mapping[str, Held]) -> set[str]:
    # The identity of a held invoice stays with it: a tax record names its customer.
    return {*holds, IDENTITY} if holds else set()


def _holds(parts: Parts, caller: Caller, sno: int) -> dict[str, Held]:
    """Domains of hers that a law keeps now, with its name and the last date."""
    found: dict[str, Held] = {}
    for domain, hold, latest in _held_events(parts, caller, sno):
        until = hold.period.after(latest)
        if until > parts.now:
            fields = tuple(sorted(hold.fields))
            found[domain] = Held(fields, hold.law, iso(until), str(hold.period))
    return found


def _held_until(parts: Parts, caller: Caller, sno: int) -> int:
    return max(hold.period.after(at) for _, hold, at in _held_events(parts, caller, sno))


def _held_events(parts: Parts, caller: Caller, sno: int) -> list[tuple[str, Hold, int]]:
    found: list[tuple[str, Hold, int]] = []
    for name, spec in parts.policy.purposes.items():
        if spec.hold is None:
            continue
        domains = fates(name + HELD)
        fields = sorted(spec.hold.fields)
        warrant = parts.log.authorise(
            entry(
                parts,
                caller,
                "access",
                purpose=FORGETTING,
                action="erase",
                subjects=(sno,),
                fields=fields,
            )
        )
        with parts.home.data.read() as tx:
            places = parts.ledger.places(tx, BitMap([sno]))
        laws = spec.holds(next(code for code, who in places.items() if sno in who))
        for domain in domains:
            times = twice(partial(_times, parts, warrant, domain, fields))
            latest = max(times, default=NULL)
            if latest != NULL:  # a person without a profile has an empty one
                # Of several laws that may bind, the first to end: hers until it is shown.
                hold = min(laws, key=lambda hold: hold.period.after(latest))
                found.append((domain, hold, latest))
    return found


def _times(parts: Parts, warrant: Warrant, domain: str, fields: Sequence[str]) -> list[int]:
    """When each row happened that one domain holds of these fields, of the warrant's subject."""
    with parts.home.data.read() as tx:
        snos = sorted(warrant.subjects)
        cells = [parts.vault.fetch(tx, plan, snos) for plan in _plans(domain, fields)]
    return [int(at) for cell in cells for at in _open(parts, warrant, cell).at]


def _plans(domain: str, fields: Sequence[str]) -> Iterator[Plan]:
    """What of one domain holds these fields, event by event."""
    for event in sorted({f.partition(".")[0] for f in fields}):
        bare = tuple(f.partition(".")[2] for f in fields if f.startswith(f"{event}."))
        yield Plan(event, bare, (domain,), None)


def _open(parts: Parts, warrant: Warrant, found: Fetched) -> Events:
    opening = parts.vault.profiles if found.plan.event == "profile" else parts.vault.open
    return opening(warrant, found)


def _look_through(parts: Parts, sno: int, allowed: set[str]) -> None:
    """No key, cell or contribution of hers is left but what is held."""
    stray = parts.vault.keyed_domains([sno]).get(sno, set()) - allowed
    if stray:  # made by a writer that was under way; what it sealed was not let in
        parts.vault.shred(sno, sorted(stray))
    with parts.home.data.read() as tx:
        left = set(parts.vault.domains_of(tx, sno)) - allowed
        kept = tx.one(
            "SELECT 1 FROM contribution WHERE sno = ? "
            "UNION ALL SELECT 1 FROM segment_member WHERE sno = ?",
            (sno, sno),
        )
    if left or kept is not None:
        raise IntegrityError(
            "an erasure left something behind",
            why="rows or keys were found after their destruction",
            remedy="Run `privet maintain`, which takes it up again.",
            reason="erasure.incomplete",
        )


def _conclude(
    parts: Parts,
    caller: Caller,
    sno: int,
    receipt: str,
    removed: list[Removed],
    holds: Mapping[str, Held],
) -> Erasure:
    request = _request(parts, receipt)
    if request["state"] == "done" or (holds and request["state"] == "held"):
        return _outcome(request)  # by another process, which went on with it as well
    body = certificate.body(parts, request, removed, list(holds.values()), RELEASE_WITHIN_US)
    # Two records: the one that the certificate proves must not name her number.
    forgotten, seq = parts.log.append(
        [
            entry(
                parts,
                caller,
                "erase.forget",
                purpose=FORGETTING,
                action="erase",
                subjects=(sno,),
                redo=True,
                sno=sno,
            ),
            entry(
                parts,
                caller,
                "erase.held" if holds else "erase.done",
                purpose=FORGETTING,
                action="erase",
                receipt=receipt,
                certificate=certificate.fingerprint(body),
            ),
        ]
    )
    catch_up(parts, forgotten)
    signed = certificate.sign(parts, body, seq)
    detail = {**request["detail"], "held": [asdict(h) for h in holds.values()]}
    with parts.home.data.write() as tx:
        concluded = tx.run(
            # Done: the request no longer says who it was about.
            "UPDATE request SET state = ?, certificate = ?, sno = ?, held_until = ?, detail = ? "
            "WHERE id = ? AND state <> 'done'",
            (
                "held" if holds else "done",
                signed,
                sno if holds else -1,
                detail["held_until"],
                json.dumps(detail, sort_keys=True),
                receipt,
            ),
        )
    for store in _stores(parts):
        store.truncate_log()
    if not concluded:
        return _outcome(_request(parts, receipt))
    return Erasure(receipt, "held" if holds else "done", tuple(holds.values()), signed)


def _held(told: Mapping[str, Any]) -> Held:
    # Decided by an older version, it says no period.
    return Held(tuple(told["fields"]), told["law"], told["until"], told.get("period", ""))


def _mark(parts: Parts, receipt: str, state: str, detail: Mapping[str, Any]) -> None:
    """Note how far an erasure is; what another process concluded meanwhile stays concluded."""
    with parts.home.data.write() as tx:
        row = tx.one("SELECT state, detail FROM request WHERE id = ?" + tx.for_update, (receipt,))
        if row is None or str(row[0]) in CONCLUDED:
            return
        tx.run(
            "UPDATE request SET state = ?, detail = ? WHERE id = ?",
            (state, json.dumps({**json.loads(row[1]), **detail}, sort_keys=True), receipt),
        )


def _stores(parts: Parts) -> tuple[Store, Store, Store]:
    return parts.home.data, parts.home.keys, parts.home.audit
