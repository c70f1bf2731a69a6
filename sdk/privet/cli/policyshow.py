"""A policy as a lawyer reads it: a record of processing activities (GDPR Art. 30)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privet.cli.screen import Screen
from privet.review import words

if TYPE_CHECKING:
    from privet.policy import Minimize, Permit, Policy, PurposeSpec, Reveal


def data(policy: Policy) -> dict[str, Any]:
    """The policy as plain data."""
    return {
        "name": policy.name,
        "hash": policy.hash,
        "timezone": policy.timezone,
        "imports": list(policy.imports),
        "controller": policy.controller,
        "purposes": [_purpose(p) for p in policy.purposes.values()],
        "recipients": [
            {**_fields_sorted(r.receives), "name": r.name, "is": r.role, "country": r.country}
            for r in policy.recipients.values()
        ],
        "roles": {name: sorted(closure - {name}) for name, closure in policy.roles.items()},
        "separate": [sorted(group) for group in policy.separate],
        "duties": [{"roles": sorted(d.roles), "within": d.within} for d in policy.duties],
        "permits": [_permit(p) for p in policy.permits.values()],
        "denies": [_deny(d) for d in policy.denies],
        "after_erasure": {
            "records": policy.after_erasure.records,
            "kept": None if policy.after_erasure.kept is None else str(policy.after_erasure.kept),
            "suppression": {
                "for": str(policy.after_erasure.period),
                "ground": policy.after_erasure.suppression,
            },
        },
        "never": list(policy.items.never),
        "reveals": [_reveal(n, r) for n, r in policy.items.reveals.items()],
    }


def _fields_sorted(fields: frozenset[str]) -> dict[str, list[str]]:
    return {"fields": sorted(fields)}


def _purpose(spec: PurposeSpec) -> dict[str, Any]:
    hold = spec.hold
    return {
        "name": spec.name,
        "text": spec.text,
        "ground": spec.basis,
        "reference": spec.reference,
        "retention": str(spec.retention),
        "renew": None if spec.renew is None else str(spec.renew),
        "reuses": list(spec.reuses),
        "builds_on": list(spec.builds_on),
        "direct_marketing": spec.direct_marketing,
        "special": [{"reveals": g.reveals, "ground": g.ground, "law": g.law} for g in spec.special],
        "recipients": list(spec.recipients),
        "hold": None
        if hold is None
        else {
            **_fields_sorted(hold.fields),
            "for": str(hold.period),
            "law": hold.law,
            "places": [
                {"places": sorted(r.places), "for": str(r.held.period), "law": r.held.law}
                for r in spec.jurisdictions
                if r.held is not None
            ],
        },
    }


def _reveal(name: str, rule: Reveal) -> dict[str, Any]:
    return {
        "name": name,
        "special": rule.special,
        "min_age": rule.min_age,
        "values": sum(map(len, rule.values.values())),
        "because": [
            {"why": b.why, "values": {field: list(v) for field, v in b.values.items()}}
            for b in rule.because
        ],
    }


def _permit(permit: Permit) -> dict[str, Any]:
    return {
        "id": permit.id,
        "role": permit.role,
        "for": permit.purpose,
        "may": sorted(permit.actions),
        **_fields_sorted(permit.fields),
        "minimize": permit.minimize.to_dict(),
        "least": permit.least,
        "to": sorted(permit.to),
        "break_glass": None
        if permit.break_glass is None
        else {
            "minutes": permit.break_glass.minutes,
            "second": sorted(permit.break_glass.second),
        },
    }


def _deny(deny: Any) -> dict[str, Any]:
    return {
        "id": deny.id,
        "text": deny.text,
        "roles": None if deny.roles is None else sorted(deny.roles),
        "purposes": sorted(deny.purposes),
        "actions": None if deny.actions is None else sorted(deny.actions),
        "fields": None if deny.fields is None else sorted(deny.fields),
    }


def show(screen: Screen, policy: Policy) -> None:
    """Tables, the purposes first."""
    controller = policy.controller
    screen.say(f"policy {policy.name}, hash {policy.hash}, times in {policy.timezone}")
    screen.say(f"controller {controller.name}, {controller.contact}")
    for line in words.imported(policy):
        screen.say(line)
    _purposes(screen, policy)
    _holds(screen, policy)
    _recipients(screen, policy)
    _permits(screen, policy)
    _reveals(screen, policy)
    _limits(screen, policy)


def _purposes(screen: Screen, policy: Policy) -> None:
    screen.say()
    screen.table(
        ("purpose", "ground", "kept for", "asked again", "reads also", "needs also", "told as"),
        [
            (
                p.name,
                f"{p.basis} {p.reference}".strip(),
                str(p.retention),
                None if p.renew is None else f"after {p.renew}",
                p.reuses,
                p.builds_on,
                p.text,
            )
            for p in policy.purposes.values()
        ],
    )


def _holds(screen: Screen, policy: Policy) -> None:
    rows = [
        (p.name, where, str(hold.period), hold.law, sorted(hold.fields))
        for p in policy.purposes.values()
        for where, hold in [
            ("elsewhere" if any(r.held for r in p.jurisdictions) else "everywhere", p.hold),
            *((" ".join(sorted(r.places)), r.held) for r in p.jurisdictions),
        ]
        if hold is not None and hold.law
    ]
    if rows:
        screen.say()
        screen.table(("held past erasure", "where", "for", "by", "fields"), rows)


def _recipients(screen: Screen, policy: Policy) -> None:
    rows = [
        (r.name, r.role, r.country, r.contract, sorted(r.receives))
        for r in policy.recipients.values()
    ]
    if rows:
        screen.say()
        screen.table(("recipient", "is", "country", "contract", "receives"), rows)


def _permits(screen: Screen, policy: Policy) -> None:
    screen.say()
    every = frozenset(policy.fields)
    screen.table(
        ("role", "for", "may", "fields", "minimized", "permit"),
        [
            (
                p.role,
                p.purpose,
                sorted(p.actions),
                "all" if p.fields == every else sorted(p.fields),
                _minimized(p.minimize, p.least),
                p.id,
            )
            for p in policy.permits.values()
        ],
    )


def _minimized(how: Minimize, least: int) -> str:
    parts = [f"without {name}" for name in sorted(how.drop)]
    parts += [f"last {how.last} events"] if how.last is not None else []
    parts += [f"times to the {how.time}"] if how.time is not None else []
    parts += [f"{name} {operation}({width})" for name, operation, width in how.rules]
    parts += [f"at least {least} people"] if least > 1 else []
    return ", ".join(parts)


def _reveals(screen: Screen, policy: Policy) -> None:
    never, rows = policy.items.never, []
    grounds = [(p.name, g) for p in policy.purposes.values() for g in p.special]
    for name, rule in policy.items.reveals.items():
        used = [f"{purpose} by {g.ground}" for purpose, g in grounds if g.reveals == name]
        age = [] if rule.min_age is None else [f"from {rule.min_age} years on"]
        may = ["never used"] if name in never else used + age
        rows += [(name, may, sum(map(len, b.values.values())), b.why) for b in rule.because]
    if rows:
        screen.say()
        screen.table(("an item reveals", "used", "values", "why"), rows)


def _limits(screen: Screen, policy: Policy) -> None:
    screen.say()
    for deny in policy.denies:
        screen.say(f"denied whatever a permit says: {deny.id}, {deny.text}")
    for permit in policy.permits.values():
        if permit.break_glass is not None:
            by = ", ".join(sorted(permit.break_glass.second))
            spent = f"{permit.break_glass.minutes} minutes, once {by} confirmed"
            screen.say(f"{permit.id} only in an emergency: {spent}")
    for group in policy.separate:
        screen.say(f"nobody holds two of: {', '.join(sorted(group))}")
    for duty in policy.duties:
        screen.say(f"nobody uses two within {duty.within} of: {', '.join(sorted(duty.roles))}")
