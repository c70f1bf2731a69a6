"""The read, in five steps.

R1 decide (pure). R2 narrow the subjects by their grounds, in a short snapshot.
R3 append the record, durable: it returns the warrant. R4 in a new short snapshot,
narrow again and fetch rows. R5 take the keys in their own later snapshot, open,
drop what is past retention, minimize, release.

No transaction is open during R3, none outlives a chunk, and none is open while
anything is decrypted or yielded. A read takes effect at R4: what was acknowledged
before it, holds. One subject and a million pass through the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from privet.consent import position_of
from privet.db import Tx
from privet.errors import AccessDenied
from privet.gate import moving, watching
from privet.gate.conditions import Conditions, conditions
from privet.gate.minimize import minimize, scaled, window
from privet.gate.parts import MOVING, Caller, Parts
from privet.gate.record import (
    authorise,
    decide,
    deny,
    explained,
    ground_error,
    perform,
    refuse,
    too_few,
)
from privet.gate.retention import bounds, retained
from privet.gate.sensitive import item_fields, unseen, without
from privet.policy import Ask, Decision, Minimize, Policy, apart
from privet.types import BUILT_IN_PURPOSES, Action, Events, Warrant
from privet.vault import Plan, twice

if TYPE_CHECKING:
    import numpy as np

Snapshot = Tx
"""What ``Reading.open`` lets its caller inspect beside the cells."""

CHUNK = 512  # subjects opened at once: bounds memory, and how long a withdrawal can be overtaken


@dataclass(frozen=True, slots=True)
class Released:
    """What one chunk let out.

    Attributes:
        events: event type (or ``"profile"``) to its minimized rows.
        inspected: what the caller's ``inspect`` read in the same snapshot as the cells.
    """

    events: Mapping[str, Events]
    inspected: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """An authorised read whose record is durable; nothing has been opened yet."""

    parts: Parts
    decision: Decision
    warrant: Warrant
    plans: tuple[Plan, ...]
    minimizing: Minimize
    since: int | None
    until: int | None
    hidden: np.ndarray | None
    conditions: Conditions | None = None
    sources: tuple[str, ...] = ()

    @property
    def record(self) -> int:
        """Index of the audit record."""
        return self.warrant.seq

    def chunks(self) -> Iterator[Released]:
        """R4 and R5, some hundred subjects at a time, in ascending order of ordinals.

        Whoever has taken the last one learns, too, of a policy activated while she worked on it.
        """
        for snos in self.slices():
            yield self.open(snos)
        with self.parts.home.data.read() as tx:
            self.check(tx)

    def check(self, tx: Tx) -> None:
        """Refuse to go on where another policy was activated that does not let this finish.

        Raises:
            AccessDenied: reason ``policy.replaced``.
        """
        self.parts.check_policy(tx, running=True)

    def slices(self) -> Iterator[BitMap]:
        """The authorised subjects, some hundred at a time."""
        snos = sorted(self.warrant.subjects)
        return (BitMap(snos[i : i + CHUNK]) for i in range(0, len(snos), CHUNK))

    @property
    def in_pieces(self) -> bool:
        """Whether it takes several chunks: what is made of it is not of one moment."""
        return len(self.warrant.subjects) > CHUNK

    def left(self) -> BitMap:
        """Those whose grounds hold at the end of a job: what it made is theirs alone.

        A chunk is of the moment at which it was read. Whoever left since would be in what
        is released after all (Art. 7(3), 18, 21).
        """
        now = self.again()
        with self.parts.home.data.read() as tx:
            return now.still(tx, BitMap(self.warrant.subjects))

    def again(self) -> Reading:
        """The same with ages as they are told by now, where a rule depends on them.

        Before what was made of it is released; not inside of a transaction.
        """
        if self.conditions is None:
            return self
        people = BitMap(self.warrant.subjects)
        return replace(self, conditions=self.conditions.aged(self.parts, people))

    def still(self, tx: Tx, snos: BitMap) -> BitMap:
        """Those of the authorised subjects whose grounds hold in this snapshot.

        And for whom the policy still allows it, where that depends on circumstances.

        Raises:
            AccessDenied: another policy was activated that does not let this finish.
        """
        self.check(tx)
        still = self.parts.ledger.eligible(tx, self.decision.grounds, self.parts.now, snos)
        return self._holding(tx, still)

    def refuse_all(self, tx: Tx, snos: BitMap) -> None:
        """Refuse where a condition leaves none of these people, of whom there are some.

        Raises:
            AccessDenied: with the reason of the condition.
        """
        self._holding(tx, snos, alone=bool(snos))

    def _holding(self, tx: Tx, snos: BitMap, *, alone: bool = False) -> BitMap:
        if self.conditions is None:
            return snos
        people = len(self.warrant.subjects)
        left = self.conditions.holding(tx, self.parts, self.decision, snos, people)
        if alone and not left:
            self.conditions.decided(tx, self.parts, snos)[0].raise_if_denied()
        return left

    def open(self, snos: BitMap, inspect: Callable[[Tx], Any] | None = None) -> Released:
        """R4 and R5 for some of the authorised subjects.

        Args:
            snos: which of them.
            inspect: reads what must be of the same snapshot as the cells.

        Raises:
            ConsentMissing, Objected, Erased: the ground of the only one asked for ended
                after R2. In a bulk read whoever has none any more is left out.
        """
        return twice(lambda: self._open(snos, inspect))

    def _open(self, snos: BitMap, inspect: Callable[[Tx], Any] | None) -> Released:
        parts = self.parts
        with parts.home.data.read() as tx:
            self.check(tx)
            alone = len(self.warrant.subjects) == 1
            still = narrow(tx, parts, self.decision, snos, alone=alone)
            still = self._holding(tx, still, alone=alone)
            inspected = inspect(tx) if inspect else None
            fetched = [parts.vault.fetch(tx, plan, still) for plan in self.plans]
            earliest = bounds(tx, parts, self.sources, still)
        released: dict[str, Events] = {}
        for plan, cells in zip(self.plans, fetched, strict=True):
            if plan.event == "profile":
                opened = parts.vault.profiles(self.warrant, cells)
            else:
                opened = window(parts.vault.open(self.warrant, cells), self.since, self.until)
                if self.hidden is not None:
                    names = item_fields(parts.policy, plan.event)
                    opened = without(opened, names, self.hidden)
            if earliest is not None:
                opened = retained(opened, earliest)
            released[plan.event] = minimize(opened, plan.event, self.minimizing, parts.zone)
        return Released(released, inspected)


def read(
    parts: Parts,
    caller: Caller,
    purpose: str,
    action: Action,
    fields: Iterable[str],
    subjects: Iterable[int] | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
    to: str | None = None,
    counted: bool = False,
    look: Callable[[Tx, Mapping[str, bytes]], None] | None = None,
) -> Reading:
    """R1 to R3: decide, narrow, record.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: why.
        action: what she does with it.
        fields: full names (``"purchase.item"``), no more than the work needs.
        subjects: ordinals, or None for all who are eligible.
        since: release only rows after this instant (UTC microseconds).
        until: release only rows up to this instant.
        to: recipient, for an export.
        counted: a missing ground is not recorded: the caller counts its fallbacks.
        look: is given the snapshot of R2 and its ``Parts.marks``; what it raises ends the read
            before anything is recorded.

    Raises:
        AccessDenied: the policy does not permit it (recorded).
        ConsentMissing: a single subject without a ground (recorded without her).
        Erased: a single subject whose erasure has begun.
        AuditUnavailable: the record did not become durable; nothing was opened.
    """
    watching.check(parts, purpose)
    wanted = frozenset(fields)
    about = tuple(subjects) if subjects is not None else ()
    ask = Ask(caller.roles, purpose, action, wanted, to)
    depends = conditions(parts, caller, ask, _reach(parts, purpose, since))
    if depends is None:
        decision = decide(parts, caller, purpose, action, wanted, to, about=about)
    else:  # on whom it is about: decided when they are known
        decision = parts.policy.decide(ask, depends.known(parts))
        if not decision.grounds:
            deny(parts, caller, ask, decision, about)
    asked = None if subjects is None else BitMap(about)
    if caller.bound and (asked is None or not all(caller.may_touch(s) for s in asked)):
        raise AccessDenied("only your own data can be named here", reason="self.only")
    with parts.home.data.read() as tx:
        marks = parts.marks(tx)
        if look is not None:
            look(tx, marks)
        eligible, reason = _eligible(tx, parts, decision, asked)
    if depends is not None and reason is None:
        depends = depends.aged(parts, eligible)
        with parts.home.data.read() as tx:
            parts.check_policy(tx)
            decision, eligible = depends.decided(tx, parts, eligible)
    if reason is not None:
        if counted:
            raise ground_error(purpose, reason)
        raise refuse(parts, caller, purpose, action, reason)
    if not decision.allowed:
        deny(parts, caller, ask, decision, about)
    if len(eligible) < decision.least:
        raise too_few(parts, caller, purpose, action, decision.least)
    perform(parts, caller, purpose, action, eligible)
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=purpose,
        action=action,
        subjects=eligible,
        fields=sorted(wanted),
        position=position_of(marks),
        **explained(decision, to),
    )
    return Reading(
        parts,
        decision,
        warrant,
        tuple(plans(parts, purpose, action, wanted, marks)),
        scaled(decision.minimize, parts.scales),
        since,
        until,
        unseen(parts, purpose, action, marks),
        depends,
        parts.policy.sources(purpose) if purpose in parts.policy.purposes else (),
    )


def _reach(parts: Parts, purpose: str, since: int | None) -> int:
    """How far back a read of a purpose's own and reused data reaches, UTC microseconds."""
    if purpose not in parts.policy.purposes:
        return 0
    earliest = not_before(parts, purpose, parts.policy.sources(purpose))
    return earliest if since is None else max(since, earliest)


def narrow(
    tx: Tx, parts: Parts, decision: Decision, snos: BitMap, *, alone: bool = False
) -> BitMap:
    """Those of ``snos`` whose grounds hold in this snapshot.

    Args:
        tx: the snapshot.
        parts: the open deployment.
        decision: whose grounds must hold.
        snos: the subjects.
        alone: they are one person, and nobody else was asked for: she gets a reason.

    Raises:
        ConsentMissing, Objected, Erased: the only one asked for has no ground any more.
    """
    if not decision.grounds or not snos:
        return snos
    if not alone:
        return parts.ledger.eligible(tx, decision.grounds, parts.now, snos)
    reason = parts.ledger.why_not(tx, decision.grounds, snos[0], parts.now)
    if reason is not None:
        raise ground_error(",".join(decision.grounds), reason)
    return snos


def _eligible(
    tx: Tx, parts: Parts, decision: Decision, asked: BitMap | None
) -> tuple[BitMap, str | None]:
    if not decision.grounds:  # a built-in purpose: the law is the ground
        return (BitMap() if asked is None else asked), None
    if asked is not None and not asked:
        return asked, "ground.missing"
    if asked is not None and len(asked) == 1:
        reason = parts.ledger.why_not(tx, decision.grounds, asked[0], parts.now)
        return (asked, None) if reason is None else (BitMap(), reason)
    return parts.ledger.eligible(tx, decision.grounds, parts.now, asked), None


def plans(
    parts: Parts,
    purpose: str,
    action: Action,
    fields: frozenset[str],
    marks: Mapping[str, bytes],
) -> Iterator[Plan]:
    """Which cells hold these fields for this purpose, and how far back it may look."""
    built_in = purpose in BUILT_IN_PURPOSES
    sources = tuple(parts.policy.purposes) if built_in else parts.policy.sources(purpose)
    earliest = None if built_in else not_before(parts, purpose, sources)
    both = parts.policy.opens_apart(purpose, action)
    for event, bare, domains in _places(parts.policy, sources, fields, both=both):
        if MOVING in marks:  # some of it may lie where it belonged before
            before = moving.also(marks, event, bare, domains)
            domains = tuple(sorted({*domains, *before}))  # noqa: PLW2901
        yield Plan(event, bare, domains, earliest)


@lru_cache(maxsize=64)
def _places(
    policy: Policy, sources: tuple[str, ...], fields: frozenset[str], *, both: bool
) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Event, its bare fields and the domains they lie in, of each event named.

    ``both``: what is sealed apart as sensitive too. Where that is left out, a read asks for
    neither its cells nor its keys.
    """
    found = []
    for event in sorted({f.partition(".")[0] for f in fields}):
        bare = tuple(sorted(f.partition(".")[2] for f in fields if f.startswith(f"{event}.")))
        domains = {policy.domain_of(s, event, b) for s in sources for b in bare}
        if both and item_fields(policy, event):
            domains |= {apart(domain) for domain in domains}
        found.append((event, bare, tuple(sorted(domains))))
    return tuple(found)


def not_before(parts: Parts, purpose: str, sources: tuple[str, ...]) -> int:
    """The strictest retention of the purpose and of those it reads from. GDPR Art. 5(1)(e)."""
    periods = [parts.policy.purposes[name].retention for name in {purpose, *sources}]
    return max(period.before(parts.now) for period in periods)
