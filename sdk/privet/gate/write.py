"""The write: collection needs a permit and a ground too, and happens once.

Decide, find the subjects, narrow, record, then seal outside of any transaction and
commit in a short one that narrows again: what was withdrawn meanwhile is not stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap

from privet.clock import DAY_US
from privet.db import Tx
from privet.errors import StoreUnavailable
from privet.gate import catalogue, watching
from privet.gate.conditions import Conditions, conditions
from privet.gate.parts import Caller, Parts
from privet.gate.read import narrow
from privet.gate.record import authorise, decide, deny, explained, perform, refuse
from privet.gate.sensitive import item_fields, revealing
from privet.policy import Ask, Decision, Hold, Period, apart, is_held
from privet.vault import Rows
from privet.vault.batch import REFUSED

ATTEMPTS = 20
FOREVER = 2**62


@dataclass(frozen=True, slots=True, repr=False)
class Incoming:
    """Validated rows of one event type, as columns.

    Attributes:
        event: event type, or ``"profile"``.
        ids: distinct external ids, in order of first appearance.
        who: index into ``ids`` of each row, shape (R,), int64.
        at: instants, UTC microseconds, shape (R,).
        columns: bare field name to values, each shape (R,).
        extra: item ids that the catalogue does not know, by field.
        keys: the app's own key of each row, or None where the event has none.
    """

    event: str
    ids: Sequence[str | int]
    who: np.ndarray
    at: np.ndarray
    columns: Mapping[str, np.ndarray]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Sequence[bytes] | None = None

    def __len__(self) -> int:
        return len(self.at)

    def __repr__(self) -> str:
        return f"Incoming({self.event!r}, rows={len(self)})"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch.

    Attributes:
        record: index of the audit record; -1 where nothing had a ground.
        sealed: rows newly sealed.
        repeated: rows that were there already.
        refused: row numbers that were refused, shape (F,), int64.
        reasons: why, one code for each of them.
    """

    record: int
    sealed: int
    repeated: int
    refused: np.ndarray
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Of whom something may be collected, before it is recorded.

    Attributes:
        decision: what the policy says.
        eligible: the people whose ground holds.
        reasons: why it does not, of the others who are known.
        position: of the grounds that it was decided by.
        depends: what the decision depends on besides; None for nothing.
    """

    decision: Decision
    eligible: BitMap
    reasons: Mapping[int, str | None]
    position: int
    depends: Conditions | None

    def held(self, tx: Tx, parts: Parts, *, tells_age: bool = False) -> BitMap:
        """Those of whom it may still be collected; nobody's ground ends before the commit.

        Args:
            tx: the writing transaction that collects.
            parts: the open deployment.
            tells_age: ages are among what is written.

        Raises:
            AccessDenied: another policy was activated.
        """
        parts.check_policy(tx, lock=True)
        if tells_age:  # what depends on it waits, or begins again
            parts.ledger.aged(tx)
        for ground in sorted(self.decision.grounds):  # holds a withdrawal back until we commit
            parts.ledger.epoch(tx, ground, lock=True)
        still = narrow(tx, parts, self.decision, self.eligible)
        if self.depends is not None:
            still = self.depends.holding(tx, parts, self.decision, still, len(self.eligible))
        return still


def admit(
    parts: Parts,
    caller: Caller,
    purpose: str,
    fields: frozenset[str],
    known: BitMap,
    earliest: int,
) -> Admitted:
    """R1 and R2 of a collection: decide, and narrow to whose ground holds.

    Args:
        parts: the open deployment.
        caller: who collects.
        purpose: what for.
        fields: full names.
        known: the people, those who are known here.
        earliest: the oldest instant of what is collected, UTC microseconds.

    Raises:
        AccessDenied: the policy does not permit the collection (recorded).
    """
    watching.check(parts, purpose)
    ask = Ask(caller.roles, purpose, "collect", fields)
    depends = conditions(parts, caller, ask, earliest)
    if depends is None:
        decision = decide(parts, caller, purpose, "collect", fields, about=known)
    else:  # on whom it is about: decided when they are known
        decision = parts.policy.decide(ask, depends.known(parts))
        if not decision.grounds:
            deny(parts, caller, ask, decision, known)
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        position = parts.ledger.position(tx)
        eligible = parts.ledger.eligible(tx, decision.grounds, parts.now, known)
        reasons = {
            int(s): parts.ledger.why_not(tx, decision.grounds, int(s), parts.now)
            for s in known - eligible
        }
    if depends is not None and eligible:
        depends, asked = depends.aged(parts, eligible), eligible
        with parts.home.data.read() as tx:
            parts.check_policy(tx)
            decision, eligible = depends.decided(tx, parts, asked)
            if eligible:
                reasons |= depends.reasons(tx, parts, asked - eligible)
        if not eligible:
            deny(parts, caller, ask, decision, known)
    return Admitted(decision, eligible, reasons, position, depends)


def write(
    parts: Parts,
    caller: Caller,
    purpose: str,
    rows: Incoming,
) -> Written:
    """Seal rows collected for one purpose.

    Args:
        parts: the open deployment.
        caller: who collects.
        purpose: what for; it needs a ground of each subject.
        rows: what is to be sealed.

    Raises:
        AccessDenied: the policy does not permit the collection (recorded).
        AuditUnavailable: the record did not become durable; nothing was stored.
        StoreUnavailable: the store refused, or others kept writing the same subjects.
    """
    fields = frozenset(f"{rows.event}.{name}" for name in rows.columns)
    snos = np.array([-1 if s is None else s for s in parts.subjects.find(rows.ids)], np.int64)
    known = BitMap(snos[snos >= 0].tolist())
    earliest = int(rows.at.min()) if len(rows) else parts.now
    admitted = admit(parts, caller, purpose, fields, known, earliest)
    eligible, reasons = admitted.eligible, admitted.reasons
    allowed = np.isin(snos, np.fromiter(eligible, np.int64, len(eligible)))[rows.who]
    refused = np.flatnonzero(~allowed)
    why = [reasons.get(int(snos[w])) or "ground.missing" for w in rows.who[refused]]
    if not allowed.any():
        if len(rows):
            refuse(parts, caller, purpose, "collect", _of_all(why))
        return Written(-1, 0, 0, refused, why)
    perform(parts, caller, purpose, "collect", eligible)
    kept = _kept(parts, purpose, rows, snos[rows.who], allowed)
    warrant = authorise(
        parts,
        caller,
        "write",
        purpose=purpose,
        action="collect",
        subjects=eligible,
        fields=sorted(fields),
        rows=len(kept.at),
        refused=len(refused),
        position=admitted.position,
        **explained(admitted.decision),
    )
    for _ in range(ATTEMPTS):
        prepared = parts.vault.prepare(warrant, kept)
        with parts.home.data.write() as tx:
            still = admitted.held(tx, parts, tells_age=_tells_age(parts, fields))
            done = parts.vault.commit(tx, prepared, still)
            if done is not None:
                late = np.flatnonzero(allowed)[done.outcome == REFUSED]
                return Written(
                    warrant.seq,
                    done.sealed,
                    done.repeated,
                    np.concatenate((refused, late)),
                    why + ["ground.withdrawn"] * len(late),
                )
    raise StoreUnavailable(
        "the same subjects were written by others each time",
        remedy="Try again; write one subject's events from one place at a time.",
        reason="store.contended",
    )


def _of_all(why: Sequence[str]) -> str:
    """The reason that all of them share, or the general one."""
    return why[0] if len(set(why)) == 1 else "ground.missing"


def _tells_age(parts: Parts, fields: frozenset[str]) -> bool:
    return parts.policy.subject.age in fields


def _kept(
    parts: Parts, purpose: str, rows: Incoming, snos: np.ndarray, allowed: np.ndarray
) -> Rows:
    at = rows.at[allowed]
    domains = {b: parts.policy.domain_of(purpose, rows.event, b) for b in rows.columns}
    sensitive = _sensitive(parts, rows)
    if sensitive is not None:
        sensitive = sensitive[allowed]
    beside: dict[str, str] = {}
    if sensitive is not None and sensitive.any():
        beside = {bare: apart(domain) for bare, domain in domains.items()}
    else:
        sensitive = None
    keys = rows.keys
    if keys is not None and not allowed.all():
        keys = [key for key, keep in zip(keys, allowed, strict=True) if keep]
    return Rows(
        event=rows.event,
        dom_of=domains,
        snos=snos[allowed],
        at=at,
        columns={name: values[allowed] for name, values in rows.columns.items()},
        extra=rows.extra,
        keys=keys,
        lapses={
            d: lapses(parts, purpose, d, at, snos[allowed])
            for d in sorted({*domains.values(), *beside.values()})
        },
        apart=sensitive,
        apart_of=beside,
    )


def _sensitive(parts: Parts, rows: Incoming) -> np.ndarray | None:
    """Rows whose item reveals what not every purpose may use; None where nothing can.

    An item that the catalogue does not know yet is in no list, reason or feature anyway.
    """
    if not parts.policy.items.kept_apart:
        return None
    names = item_fields(parts.policy, rows.event) & rows.columns.keys()
    if not names:
        return None
    hidden = catalogue.items(parts).hidden
    found = np.zeros(len(rows.at), np.bool_)
    for name in names:
        found |= revealing(hidden, rows.columns[name])
    return found


def lapses(parts: Parts, purpose: str, domain: str, at: np.ndarray, snos: np.ndarray) -> np.ndarray:
    """When each row passes the retention of its domain, UTC microseconds, to the day.

    Args:
        parts: the open deployment.
        purpose: what it was collected for.
        domain: where it is sealed.
        at: the rows' instants, UTC microseconds.
        snos: whose they are.
    """
    spec = parts.policy.purposes[purpose]
    used = _after(spec.retention, at)
    if not is_held(domain):
        return used
    if not any(rules.held for rules in spec.jurisdictions):
        later: np.ndarray = np.maximum(used, _held(spec.holds(""), at))
        return later
    with parts.home.data.read() as tx:
        places = parts.ledger.places(tx, BitMap(snos.tolist()))
    for code, who in places.items():
        hers = np.isin(snos, np.fromiter(who, np.int64, len(who)))
        used[hers] = np.maximum(used[hers], _held(spec.holds(code), at[hers]))
    return used


def _held(holds: list[Hold], at: np.ndarray) -> np.ndarray:
    """When the first of several holds ends for each row."""
    ends: np.ndarray = np.minimum.reduce([_after(hold.period, at) for hold in holds])
    return ends


def _after(period: Period, at: np.ndarray) -> np.ndarray:
    days, where = np.unique(at // DAY_US, return_inverse=True)
    return np.array([period.after(int(d) * DAY_US) for d in days], np.int64)[where]
