"""Recorded requests under a candidate policy: what would be decided otherwise, for how many.

What a record does not tell is not guessed: a rule of the candidate that depends on it refuses,
and such requests are told apart from those that are refused for what is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pyroaring import BitMap64

from privet.policy import Circumstances
from privet.policy.when import UNKNOWN, WHY_NOT
from privet.review import words
from privet.review.recorded import Key, Request, key_of, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from privet.policy import Ask, Decision, Policy

    Members = Callable[[int], Iterable[int]]
    """Index of a record to the ordinals of whom it is about."""
    Past = Callable[[str], Policy | None]
    """First digits of a hash, as a record names it, to that version; None where it is not kept."""

Outcome = Literal["refused", "untold", "otherwise", "perhaps"]
Verdict = tuple[Outcome, str]
"""An outcome with its reason."""
ORDER: tuple[Outcome, ...] = ("refused", "untold", "otherwise", "perhaps")
_TOLD = frozenset({"at", "people"})
_MINUTE_US = 60_000_000
_CACHED = 4096
_UNTOLD = frozenset(reason for reason in WHY_NOT if not reason.endswith(".refused"))


@dataclass(frozen=True, slots=True)
class Changed:
    """Requests that are alike and would be decided otherwise.

    Attributes:
        outcome: ``"refused"``, was allowed and would not be; ``"untold"``, would be refused since
            no record tells what a rule depends on; ``"otherwise"``, allowed, yet with another
            minimization, cohort or ground; ``"perhaps"``, was refused, and what was refused of
            it would be allowed.
        ask: the request, as far as records tell it.
        reason: the candidate's, or what is otherwise.
        requests: how many.
        people: how many different people they were about.
    """

    outcome: Outcome
    ask: Ask
    reason: str
    requests: int
    people: int

    @property
    def sentence(self) -> str:
        """The same in words."""
        ask = self.ask
        fields = f" {', '.join(sorted(ask.fields))}" if ask.fields else ""
        who = words.who(ask.roles) if ask.roles else "nobody"
        what = f"{who}, {ask.action}{fields} for {ask.purpose}{f' to {ask.to}' if ask.to else ''}"
        would = {
            "refused": f"would be refused ({self.reason})",
            "untold": f"would be refused, since no record tells what a rule asks ({self.reason})",
            "otherwise": f"would be allowed otherwise ({self.reason})",
            "perhaps": "were refused, and what was refused would be allowed",
        }[self.outcome]
        return f"{what}: {self.requests} requests about {self.people} people {would}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a period would have been under a candidate.

    Attributes:
        requests: how many were replayed.
        same: how many of them would be decided the same.
        changes: the others, the worst first.
        compared: of those allowed, how many could be compared in how they are minimized: the
            version that decided them is kept.
        not_replayed: why records are no part of it, to how many.
    """

    requests: int
    same: int
    changes: tuple[Changed, ...]
    compared: int
    not_replayed: Mapping[str, int]


@dataclass(slots=True)
class _Group:
    """Requests that records tell alike.

    Attributes:
        request: what they are.
        before: the policy that decided them; the home's where it is not kept.
        each: whether the answer depends on the record's own time or number of people.
        verdict: what becomes of all of them; None for nothing new.
        weight: how many so far.
        known: verdicts by minute and number of people: no rule tells more of them apart.
        told: by verdict how many, and the people.
    """

    request: Request
    before: Policy
    each: bool
    verdict: Verdict | None
    weight: int = 0
    known: dict[tuple[int, int | None], Verdict | None] = field(default_factory=dict)
    told: dict[Verdict, tuple[int, BitMap64]] = field(default_factory=dict)


def replay(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    before: Policy,
    candidate: Policy,
    members: Members | None = None,
    past: Past | None = None,
) -> Replayed:
    """Decide recorded requests again.

    Args:
        records: index and decoded body, as the audit log has them.
        before: the policy that the home is under.
        candidate: the policy to try.
        members: whom a record with a large set is about; without it such people are not counted.
        past: the versions that decided them then; without it only ``before`` is known.
    """
    groups: dict[Key, _Group] = {}
    unreadable = 0
    for seq, body in records:
        try:
            key = key_of(body)
            group = groups.get(key)
        except (KeyError, TypeError):
            unreadable += 1
            continue
        if group is None:
            then = (past(key[-1]) if past else None) or before
            group = groups[key] = _group(request_of(key, then), then, candidate)
        weight = body.get("n", 1)
        group.weight += weight
        verdict = group.verdict
        if group.each:
            verdict = _each(group, candidate, body)
        if verdict is not None:
            _count(group, verdict, weight, seq, body, members)
    return _together(groups.values(), unreadable)


def _group(request: Request, before: Policy, candidate: Policy) -> _Group:
    if request.told in {"ground", "other"}:
        return _Group(request, before, each=False, verdict=None)
    if _TOLD & (candidate.needs(request.ask) | before.needs(request.ask)):
        return _Group(request, before, each=True, verdict=None)
    verdict = _verdict(request, before, candidate, UNKNOWN)
    return _Group(request, before, each=False, verdict=verdict)


def _each(group: _Group, candidate: Policy, body: Mapping[str, Any]) -> Verdict | None:
    about = body.get("set")
    people = about.get("n") if isinstance(about, dict) else None
    minute = body["ts"] // _MINUTE_US
    key = (minute, people)
    if key not in group.known:
        if len(group.known) >= _CACHED:
            group.known.clear()
        known = Circumstances(at=minute * _MINUTE_US, people=people)
        group.known[key] = _verdict(group.request, group.before, candidate, known)
    return group.known[key]


def _verdict(
    request: Request, before: Policy, candidate: Policy, known: Circumstances
) -> Verdict | None:
    """What becomes of a request; None where that is nothing new."""
    known = replace(known, emergencies=_opened(request, before))
    decision = candidate.decide(request.ask, known)
    if request.told == "denied":
        # Fields that were not refused are not recorded: whether all would be allowed is open.
        return ("perhaps", "") if decision.allowed else None
    if not decision.allowed:
        return ("untold" if decision.reason in _UNTOLD else "refused"), decision.reason
    if request.told == "bare" or not _by(request, before):
        return None
    was = before.decide(request.ask, known)
    return _otherwise(was, decision) if was.allowed else None


def _opened(request: Request, before: Policy) -> frozenset[str]:
    """The emergencies that were open, as the permits tell that were recorded."""
    found = (before.permits.get(name) for name in request.permits)
    return frozenset(p.id for p in found if p is not None and p.break_glass is not None)


def _by(request: Request, policy: Policy) -> bool:
    """Whether it was this policy that decided; another one's minimization is not known."""
    return request.policy == policy.hash[: len(request.policy)]


def _otherwise(was: Decision, now: Decision) -> Verdict | None:
    parts = []
    if was.minimize != now.minimize or was.granted != now.granted:
        parts.append("minimization")
    if was.least != now.least:
        parts.append("least people")
    if set(was.grounds) != set(now.grounds):
        parts.append("grounds")
    return ("otherwise", words.listed(parts)) if parts else None


def _count(
    group: _Group,
    verdict: Verdict,
    weight: int,
    seq: int,
    body: Mapping[str, Any],
    members: Members | None,
) -> None:
    requests, people = group.told.get(verdict) or (0, BitMap64())
    about = body.get("set") or {}
    if "snos" in about:
        people.update(about["snos"])
    elif about and members is not None:
        people.update(members(seq))
    group.told[verdict] = (requests + weight, people)


def _together(groups: Iterable[_Group], unreadable: int) -> Replayed:
    """Groups that differ only in what was recorded beside, as one."""
    total = changed = compared = 0
    left: dict[str, int] = {"unreadable": unreadable}
    merged: dict[tuple[Outcome, str, Ask], tuple[int, BitMap64]] = {}
    for group in groups:
        request = group.request
        if request.told in {"ground", "other"}:
            left[request.told] = left.get(request.told, 0) + group.weight
            continue
        total += group.weight
        if request.told == "whole" and _by(request, group.before):
            compared += group.weight
        for (outcome, reason), (requests, people) in group.told.items():
            changed += requests
            had, whom = merged.get((outcome, reason, request.ask), (0, BitMap64()))
            merged[outcome, reason, request.ask] = (had + requests, whom | people)
    changes = [
        Changed(outcome, ask, reason, requests, len(people))
        for (outcome, reason, ask), (requests, people) in merged.items()
    ]
    changes.sort(key=lambda c: (ORDER.index(c.outcome), -c.people, -c.requests, c.sentence))
    told = {why: n for why, n in left.items() if n}
    return Replayed(total, total - changed, tuple(changes), compared, told)
