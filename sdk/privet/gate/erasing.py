"""Erasing people, many in as few commits as one, resumable at every step. GDPR Art. 17.

An erasure goes: registered → intent in the log, which fences (nothing of hers is
released from there on) → subtracted from every model → what a law holds is decided →
keys of hers and of older models destroyed, references dropped → rows deleted →
write-ahead logs emptied → looked through once more → done in the log → certificate.
Each step finds its own work in the stores, so that beginning again after a crash does
what is left and nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from privet.audit import Entry
from privet.db import Store
from privet.errors import AccessDenied, IntegrityError
from privet.gate import certificate, membership, moving, register
from privet.gate.catchup import catch_up
from privet.gate.held import kept_out_until
from privet.gate.holds import holds_of, kept_by, look
from privet.gate.parts import IDENTITY_EVENT, Caller, Parts
from privet.gate.record import decide, forgetting
from privet.gate.register import Erasure, Held, Request, held_of
from privet.gate.removal import Removed, removals, subtract
from privet.gate.subject import ids_under
from privet.types import RIGHTS, Id, Warrant
from privet.vault import Ending, twice

# A process that read a model's epoch must release its list within this time, or drop it.
RELEASE_WITHIN_US: Final = 1_000_000
AT_ONCE: Final = 100
"""People of whom one batch is made: bounds how long a lock is held."""


def erase(parts: Parts, caller: Caller, snos: Sequence[int], reference: str = "") -> list[Erasure]:
    """Erase people; returns when each is done, held, or pending on a busy store.

    Args:
        parts: the open deployment.
        caller: the desk, or the subject herself.
        snos: their ordinals.
        reference: the host's own number of the request; kept as a keyed hash only.

    Raises:
        AccessDenied: the policy does not let this caller erase.
        AuditUnavailable: the intent could not be recorded; nothing has changed.
    """
    decide(parts, caller, RIGHTS, "erase", (), about=snos)
    if not all(caller.may_touch(sno) for sno in snos):
        raise AccessDenied("only your own data can be named here", reason="self.only")
    detail = {"reference": certificate.hashed(parts, reference)}
    people = list(dict.fromkeys(snos))
    done: dict[int, Erasure] = {}
    for first in range(0, len(people), AT_ONCE):
        some = people[first : first + AT_ONCE]
        receipts = register.enter(parts, some, detail)
        done |= zip(some, resume(parts, caller, receipts), strict=True)
    return [done[sno] for sno in snos]


def resume(parts: Parts, caller: Caller, receipts: Sequence[str]) -> list[Erasure]:
    """Go on with erasures from wherever each stands; what came of them, in the same order.

    Raises:
        IntegrityError: something of one of them was found after its destruction, or does not
            open. Each by itself, the others go on.
    """
    requests = register.look_up(parts, receipts)
    waiting = [request for request in requests if not request.concluded]
    results = {request.receipt: request.outcome for request in requests if request.concluded}
    if waiting:
        results |= _go_on(parts, caller, waiting)
    return [results[receipt] for receipt in receipts]


def _go_on(parts: Parts, caller: Caller, waiting: Sequence[Request]) -> dict[str, Erasure]:
    _fence(parts, caller, [one for one in waiting if one.state == "received"])
    records = subtract(parts, caller, {one.sno: one.receipt for one in waiting})
    # Of now, since a version was served until its removal was committed, not until it began.
    removed = {
        one.receipt: [replace(m, at=parts.now) for m in removals(parts, one.receipt)]
        for one in waiting
    }
    fenced = register.look_up(parts, [one.receipt for one in waiting])
    unmarked = [one for one in fenced if not parts.subjects.marked(one.receipt)]
    decided, warrant = _decided(parts, caller, fenced, unmarked)
    holds = {one.receipt: _holds(one) for one in decided}
    ids = {} if warrant is None else _ids(parts, warrant, [one.sno for one in unmarked])
    _destroy(parts, decided, holds, {one.receipt for one in unmarked}, ids)
    if not emptied(parts):
        return {
            one.receipt: Erasure(one.receipt, "pending", tuple(holds[one.receipt].values()))
            for one in decided
        }
    for one in decided:
        _look_through(parts, one.sno, kept_by(holds[one.receipt]))
    return _conclude(parts, caller, decided, removed, holds, records)


def foresee(parts: Parts, caller: Caller, receipt: str) -> None:
    """Decide what a law holds of an erasure that a restore carries out again.

    Before the log's word to forget her grounds is applied: they say whose law it is.
    """
    (request,) = register.look_up(parts, [receipt])
    if not request.concluded:
        _decided(parts, caller, [request], [])


def release_holds(parts: Parts, caller: Caller) -> int:
    """Destroy what was held where its hold has lapsed; final certificates replace the first."""
    return sum(
        _release(parts, caller, request)
        for request in register.look_up(parts, register.ended_holds(parts))
    )


def _release(parts: Parts, caller: Caller, request: Request) -> bool:
    """End one hold; False where a log is busy: it stays held, and is tried again."""
    # By a clock that the log refuses nothing is destroyed.
    told = forgetting(
        parts,
        caller,
        "erase.hold",
        subjects=(request.sno,),
    )
    parts.log.append([told])
    parts.vault.shred(request.sno)
    parts.subjects.drop_refs(request.sno, held=False)
    if not emptied(parts):
        return False
    _look_through(parts, request.sno, set())
    removed = {request.receipt: [Removed(**m) for m in request.detail["models"]]}
    _conclude(parts, caller, [request], removed, {request.receipt: {}}, [])
    return True


def emptied(parts: Parts) -> bool:
    """Rewrite what held keys, so that no deleted byte is left; False where a log is busy."""
    # Every log is tried, also where one is busy.
    if not all([store.truncate_log() for store in stores(parts)]):  # noqa: C419
        return False
    parts.home.keys.vacuum()
    parts.home.keys.truncate_log()
    return True


def stores(parts: Parts) -> tuple[Store, Store, Store]:
    """All three."""
    return parts.home.data, parts.home.keys, parts.home.audit


def _fence(parts: Parts, caller: Caller, requests: Sequence[Request]) -> None:
    """Record the intents; the ledger fences and the register says so as it follows the log."""
    if not requests:
        return
    seqs = parts.log.append(
        [
            forgetting(
                parts,
                caller,
                "erase.intent",
                subjects=(request.sno,),
                redo=True,
                sno=request.sno,
                request=request.receipt,
            )
            for request in requests
        ]
    )
    catch_up(parts, seqs[-1])


def _decided(
    parts: Parts, caller: Caller, requests: Sequence[Request], unmarked: Sequence[Request]
) -> tuple[list[Request], Warrant | None]:
    """The requests with what is held, decided once: what decides it may be gone later.

    Returns:
        With them the warrant under which it was looked at, which names those as well whose
        ids are to be ``unmarked`` no longer; None where nobody is to be looked at.
    """
    fresh = [one for one in requests if "holds" not in one.detail]
    people = sorted({one.sno for one in (*fresh, *unmarked)})
    if not people:
        return list(requests), None
    for one in fresh:
        moving.move_hers(parts, caller, one.sno)  # what a law holds must not go with the rest
    warrant = look(parts, caller, people, beside=[f"{IDENTITY_EVENT}.id"])
    snos = [one.sno for one in fresh]
    found = holds_of(parts, warrant, snos) if snos else {}
    told: dict[str, dict[str, Any]] = {}
    for one in fresh:
        holds, until = found.get(one.sno, ({}, None))
        told[one.receipt] = {
            "holds": register.plain(holds),
            "held_until": until,
            "destroyed": sorted(_domains(parts, one.sno) - kept_by(holds)),
            "suppressed": kept_out_until(parts),
        }
    if told:
        register.note(parts, told)
    # A request that an older version decided may not say how long she is kept out.
    default = {"suppressed": kept_out_until(parts)}
    full = [
        replace(one, detail={**default, **one.detail, **told.get(one.receipt, {})})
        for one in requests
    ]
    return full, warrant


def _holds(request: Request) -> dict[str, Held]:
    return {domain: held_of(told) for domain, told in request.detail["holds"].items()}


def _domains(parts: Parts, sno: int) -> set[str]:
    """Domains in which something of hers is sealed: cells, or what models keep of her."""
    with parts.home.data.read() as tx:
        sealed = parts.vault.domains_of(tx, sno)
    return {*sealed, *parts.vault.keyed_domains([sno]).get(sno, ())}


def _ids(parts: Parts, warrant: Warrant, snos: Sequence[int]) -> dict[int, list[Id]]:
    """Their ids, to keep them out by; of whom they do not open any more, none."""
    try:
        return twice(lambda: ids_under(parts, warrant, snos)) if snos else {}
    except IntegrityError:
        if len(snos) == 1:
            return {}
    return {sno: ids for one in snos for sno, ids in _ids(parts, warrant, [one]).items()}


def _destroy(
    parts: Parts,
    requests: Sequence[Request],
    holds: Mapping[str, Mapping[str, Held]],
    unmarked: Collection[str],
    ids: Mapping[int, list[Id]],
) -> None:
    """Keys, references and marks in one transaction, with the keys of older versions of models.

    Then, in another, all that they sealed.
    """
    endings = []
    for one in requests:
        kept = kept_by(holds[one.receipt])
        gone = sorted(_domains(parts, one.sno) - kept) if kept else None
        until = one.detail["suppressed"]
        request = one.receipt if one.receipt in unmarked else ""
        mine = tuple(ids.get(one.sno, ()))
        endings.append(Ending(one.sno, gone, request, until, mine, held=bool(kept)))
    with parts.home.data.read() as tx:
        versions = [(int(m), int(v)) for m, v in tx.all("SELECT model, version FROM model_gone")]
    parts.vault.end(endings, versions)
    people = [one.sno for one in requests]
    with parts.home.data.write() as tx:
        parts.vault.clear(tx, endings)
        tx.many("DELETE FROM contribution WHERE sno = ?", [(sno,) for sno in people])
        membership.drop(tx, people)
        tx.many("DELETE FROM model_gone WHERE model = ? AND version = ?", versions)


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
    requests: Sequence[Request],
    removed: Mapping[str, Sequence[Removed]],
    holds: Mapping[str, Mapping[str, Held]],
    records: Sequence[Entry],
) -> dict[str, Erasure]:
    """Record that it is done, forget their grounds, and sign the certificates."""
    results: dict[str, Erasure] = {}
    last: dict[str, Request] = {}
    for one in register.look_up(parts, [request.receipt for request in requests]):
        if one.state == "done" or (one.concluded and holds[one.receipt]):
            results[one.receipt] = one.outcome  # by another process, which went on as well
            continue
        models = [asdict(m) for m in removed[one.receipt]]
        held = [asdict(h) for h in holds[one.receipt].values()]
        last[one.receipt] = replace(one, detail={**one.detail, "models": models, "held": held})
    if not last:
        return results
    bodies = {
        receipt: certificate.body(
            parts, one, removed[receipt], list(holds[receipt].values()), RELEASE_WITHIN_US
        )
        for receipt, one in last.items()
    }
    told = [*records, *(e for r in last.values() for e in _ends(parts, caller, r, bodies))]
    seqs = parts.log.append(told)[len(records) :]
    catch_up(parts, seqs[-1])
    signed = {
        receipt: certificate.sign(parts, bodies[receipt], seq)
        for receipt, seq in zip(last, seqs[1::2], strict=True)
    }
    fresh = register.conclude(parts, signed, last)
    for store in stores(parts):
        store.truncate_log()
    for receipt, one in last.items():
        if receipt in fresh:
            state = "held" if holds[receipt] else "done"
            held_now = tuple(holds[receipt].values())
            results[receipt] = Erasure(receipt, state, held_now, signed[receipt])
        else:
            results[receipt] = register.look_up(parts, [one.receipt])[0].outcome
    return results


def _ends(
    parts: Parts, caller: Caller, request: Request, bodies: Mapping[str, Mapping[str, Any]]
) -> list[Entry]:
    """Two records: the one that the certificate proves must not name her number."""
    return [
        forgetting(
            parts,
            caller,
            "erase.forget",
            subjects=(request.sno,),
            redo=True,
            sno=request.sno,
        ),
        forgetting(
            parts,
            caller,
            "erase.held" if request.detail["held"] else "erase.done",
            receipt=request.receipt,
            certificate=certificate.fingerprint(bodies[request.receipt]),
        ),
    ]
