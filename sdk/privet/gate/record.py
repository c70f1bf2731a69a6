"""Audit records of the gate, and the denials that leave one too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from privet.audit import Entry
from privet.errors import (
    AccessDenied,
    ConsentMissing,
    Erased,
    Objected,
    PolicyError,
    PrivetError,
)
from privet.gate import duty
from privet.gate.circumstances import known
from privet.gate.parts import Caller, Parts
from privet.policy import Ask, Decision, Policy
from privet.types import (
    ADMINISTRATION,
    BUILT_IN_PURPOSES,
    CONSENT,
    FORGETTING,
    Action,
    Warrant,
)

MINUTE_US = 60_000_000
WHY = {
    "ground.missing": "no ground of this subject covers the purpose",
    "ground.lapsed": "the ground has lapsed and was not renewed",
    "ground.withdrawn": "the ground was withdrawn or refused",
    "ground.objected": "the subject objected",
    "ground.opted-out": "the subject opted out",
    "ground.place": "the ground holds only in places of which the subject's is none, or not known",
    "ground.restricted": "the subject's data is restricted",
    "subject.fenced": "the subject's erasure has begun",
}


def entry(
    parts: Parts,
    caller: Caller,
    kind: str,
    *,
    purpose: str,
    action: str,
    subjects: Iterable[int] = (),
    redo: bool = False,
    **more: Any,
) -> Entry:
    """An audit entry with what every record of the gate says. Codes and counts only."""
    body: dict[str, Any] = {
        "kind": kind,
        "who": caller.pseudonym,
        "roles": sorted(caller.roles),
        "purpose": purpose,
        "action": action,
        "policy": parts.policy.hash[:16],
        **more,
    }
    if caller.emergency is not None:
        body["emergency"] = caller.emergency
    return Entry(body, frozenset(subjects), purpose, redo)


def authorise(
    parts: Parts,
    caller: Caller,
    kind: str,
    *,
    purpose: str,
    action: str,
    subjects: Iterable[int] = (),
    **more: Any,
) -> Warrant:
    """The warrant of an ``entry``, once it is durable.

    Raises:
        AuditUnavailable: it did not become durable; there is no warrant.
    """
    return parts.log.authorise(
        entry(parts, caller, kind, purpose=purpose, action=action, subjects=subjects, **more)
    )


def housekeeping(
    parts: Parts, caller: Caller, task: str, subjects: Iterable[int], **more: Any
) -> Warrant:
    """The warrant for a task of housekeeping on these people's cells."""
    return authorise(
        parts,
        caller,
        "access",
        purpose=ADMINISTRATION,
        action="administer",
        subjects=subjects,
        task=task,
        **more,
    )


def forgetting(
    parts: Parts, caller: Caller, kind: str, *, subjects: Iterable[int] = (), **more: Any
) -> Entry:
    """The record of a step by which people are forgotten. GDPR Art. 17."""
    return entry(parts, caller, kind, purpose=FORGETTING, action="erase", subjects=subjects, **more)


def decide(
    parts: Parts,
    caller: Caller,
    purpose: str,
    action: Action,
    fields: Iterable[str],
    to: str | None = None,
    about: Iterable[int] = (),
    *,
    at_all: bool = False,
) -> Decision:
    """R1: ask the policy; a denial is recorded, with the subjects it was about, and raised.

    ``at_all``: what is opened of people afterwards goes through a read that decides each of
    them; here it is only asked whether it could be allowed for somebody.

    Raises:
        AccessDenied: default deny, a deny rule, something unknown, or a policy that was
            replaced.
        AuditUnavailable: not even the denial could be recorded.
    """
    # Neither a desk nor what is about nobody need read what R2 would notice it by.
    if at_all or purpose in BUILT_IN_PURPOSES:
        parts.check_current()
    ask = Ask(caller.roles, purpose, action, frozenset(fields), to)
    decision = (parts.policy.decide_at_all if at_all else parts.policy.decide)(
        ask, known(parts, caller, parts.policy.needs(ask))
    )
    if not decision.allowed:
        deny(parts, caller, ask, decision, about)
    perform(parts, caller, purpose, action, about)
    return decision


def perform(
    parts: Parts,
    caller: Caller,
    purpose: str,
    action: str,
    about: Iterable[int] = (),
    version: str = "",
) -> None:
    """Note an act in a role that the policy keeps apart from others; refuse one that is barred.

    Raises:
        AccessDenied: who acts did so in another of these roles before (``role.duty``), recorded.
    """
    if all(group.roles.isdisjoint(caller.roles) for group in parts.policy.duties):
        return
    people = frozenset(about)
    why = duty.perform(parts, caller, people, version)
    if why is not None:
        told = purpose if purpose in parts.policy.purposes else "unknown"
        record = entry(
            parts, caller, "denial", purpose=told, action=action, reason=duty.REASON,
            subjects=people,
        )  # fmt: skip
        parts.log.append([record])
        raise duty.denied(why)


def may(parts: Parts, caller: Caller, ask: Ask) -> bool:
    """Whether it could be allowed for somebody now; nothing is recorded."""
    return parts.policy.decide_at_all(ask, known(parts, caller, parts.policy.needs(ask))).allowed


def deny(
    parts: Parts, caller: Caller, ask: Ask, decision: Decision, about: Iterable[int] = ()
) -> None:
    """Record a denial, with the subjects it was about, and raise it.

    Raises:
        AccessDenied: always, with the decision's reason.
    """
    parts.log.append(
        [
            entry(
                parts,
                caller,
                "denial",
                purpose=ask.purpose if ask.purpose in parts.policy.purposes else "unknown",
                action=ask.action,
                reason=decision.reason,
                subjects=about,
                refused=sorted(f for f in decision.refused if f in parts.policy.fields),
            )
        ]
    )
    decision.raise_if_denied()


def refuse(
    parts: Parts, caller: Caller, purpose: str, action: str, reason: str
) -> AccessDenied | Erased:
    """Record a refusal for a missing ground, without the subject, and return its error.

    The log must not track those who said no: only that it happened stays.
    """
    parts.log.append(
        [entry(parts, caller, "denial", purpose=purpose, action=action, reason=reason)]
    )
    return ground_error(purpose, reason)


def refused_policy(parts: Parts, caller: Caller, error: PolicyError) -> PolicyError:
    """Record that a policy was offered and does not hold up, and return its error.

    Raises:
        AccessDenied: no permit for ``privet:administration``: then that is recorded.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    deny_policy(parts, caller, error.reason)
    return error


def deny_policy(parts: Parts, caller: Caller, reason: str, policy: Policy | None = None) -> None:
    """Record that a policy was offered and why it was not activated."""
    offered: dict[str, Any] = {} if policy is None else {"subject": "policy", "hash": policy.hash}
    denial = entry(
        parts,
        caller,
        "denial",
        purpose=ADMINISTRATION,
        action="administer",
        reason=reason,
        **offered,
    )
    parts.log.append([denial])


def refused_child(parts: Parts, caller: Caller, rule: str) -> AccessDenied:
    """Record the refusal of a child's own consent, without her, and return its error."""
    reason = "consent.child"
    parts.log.append(
        [entry(parts, caller, "denial", purpose=CONSENT, action="answer", reason=reason)]
    )
    return AccessDenied(
        "a child's consent was refused",
        why=f"{rule}, who holds parental responsibility gives it; or her last one was theirs "
        "and her age was not told",
        remedy="Record the parent's: on_behalf(..., actor='parent'), or pass her age.",
        reason=reason,
    )


def too_few(parts: Parts, caller: Caller, purpose: str, action: str, least: int) -> AccessDenied:
    """Record a refusal because fewer people than the policy's ``least`` would be released."""
    reason = "cohort.small"
    parts.log.append(
        [entry(parts, caller, "denial", purpose=purpose, action=action, reason=reason)]
    )
    return AccessDenied(
        f"nothing was released for {purpose!r}",
        why=f"fewer people have a ground than the {least} that the policy asks for",
        remedy="Ask for a larger group.",
        reason=reason,
    )


def count(parts: Parts, caller: Caller, purpose: str, action: str, n: int = 1) -> None:
    """Count answers that opened nothing; a minute's count becomes one record."""
    with parts.counting:
        key = (caller, purpose, action)
        parts.counts[key] = parts.counts.get(key, 0) + n
        due = parts.now - parts.counted >= MINUTE_US
    if due:
        flush_counts(parts)


def flush_counts(parts: Parts) -> None:
    """Record what was counted so far."""
    with parts.counting:
        if not parts.counts:
            return
        counts, parts.counts, parts.counted = parts.counts, {}, parts.now
    try:
        parts.log.append(
            [
                entry(parts, caller, "counted", purpose=purpose, action=action, n=n)
                for (caller, purpose, action), n in counts.items()
            ]
        )
    except PrivetError:
        with parts.counting:  # they are recorded with the next
            for key, n in counts.items():
                parts.counts[key] = parts.counts.get(key, 0) + n
        raise


def ground_error(purpose: str, reason: str) -> AccessDenied | Erased:
    """The typed error of a reason why a subject is not eligible."""
    what = f"nothing was released for {purpose!r}"
    why = WHY.get(reason, "the ground does not hold")
    if reason == "subject.fenced":
        return Erased(what, why=why, reason=reason)
    if reason in {"ground.objected", "ground.opted-out", "ground.restricted"}:
        return Objected(what, why=why, reason=reason)
    return ConsentMissing(what, why=why, reason=reason)


def explained(decision: Decision, to: str | None = None) -> Mapping[str, Any]:
    """What a permit was given for, and to whom an export goes, for the record."""
    told = {"decision": "permit", "permits": list(decision.permits)}
    return told if to is None else {**told, "to": to}
