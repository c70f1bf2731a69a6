"""What a policy says beside its permits, as one flat mapping: two that mean the same are equal.

What is inherited or follows is spelt out (``builds_on`` of what it builds on), names that stand
for a text are replaced by it, lists without an order are sets, and ``24mo`` is ``2y``. Left out is
what binds nobody: ids and texts of permits and denies, tests, reasons in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from privet.policy import Period
from privet.policy.places import within
from privet.review.circumstances import spoken
from privet.review.space import may_be_held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Policy, PurposeSpec

Key = tuple[str, ...]
Value = str | frozenset[str]
Facts = Mapping[Key, Value]


def facts(policy: Policy) -> dict[Key, Value]:
    """Key to value: of what kind, its name, what is said of it.

    Kinds are ``purpose``, ``recipient``, ``role``, ``pair`` (of roles that nobody may hold both
    of), ``duty`` (roles of which nobody uses two), ``emergency`` (what a permit for one opens),
    ``field``, ``event``, ``reveals`` and the ``policy`` itself.
    """
    return dict(_walk(policy))


def _walk(policy: Policy) -> Iterator[tuple[Key, Value]]:
    of_itself = {
        "controller": policy.controller,
        "subject": policy.subject,
        "timezone": policy.timezone,
        "catalogue": frozenset(policy.items.fields),
        "running": policy.life.running,
        "changed_file": policy.life.changed_file,
        "approvals": policy.life.needed,
        "approvers": policy.life.approvers,
        "after_erasure": policy.after_erasure,
        "own_consent": {place: str(age) for place, age in policy.own_consent.items()},
    }
    yield from _flat(("policy", ""), of_itself)
    for name, spec in policy.purposes.items():
        yield from _purpose(policy, name, spec)
    for name, recipient in policy.recipients.items():
        yield from _flat(("recipient", name), _plain(recipient))
    for name in policy.roles:
        yield ("role", name, "declared"), "yes"
    for one, other in _kept_apart(policy):
        yield ("pair", f"{one} and {other}", "held"), "no"
    for duty in policy.duties:
        for one, other in combinations(sorted(duty.roles), 2):  # however they are grouped
            yield ("duty", f"{one} and {other} within: {duty.within}", "declared"), "yes"
    yield from _emergencies(policy)
    for name, field in policy.fields.items():
        yield from _flat(("field", name), {**_plain(field), "values": " ".join(field.values)})
    for name, event in policy.events.items():
        yield ("event", name, "unique"), frozenset(event.unique)
    yield from _reveals(policy)


def _emergencies(policy: Policy) -> Iterator[tuple[Key, Value]]:
    """Who opens what for how long; named by what it opens, since ids bind nobody."""
    for permit in policy.permits.values():
        if permit.break_glass is None:
            continue
        opens = ", ".join([*sorted(permit.actions), *sorted(permit.fields), *sorted(permit.to)])
        key = ("emergency", f"of {permit.role} for {permit.purpose} ({opens})")
        yield (*key, "minutes"), str(permit.break_glass.minutes)
        yield (*key, "second"), permit.break_glass.second


def _kept_apart(policy: Policy) -> list[tuple[str, str]]:
    """Pairs of roles of which nobody may hold both; only a group can keep them apart."""
    found: set[tuple[str, str]] = set()
    for group in policy.separate:
        near = sorted(n for n, held in policy.roles.items() if not group.isdisjoint(held))
        found |= {pair for pair in combinations(near, 2) if not may_be_held(policy, pair)}
    return sorted(found)


def _purpose(policy: Policy, name: str, spec: PurposeSpec) -> Iterator[tuple[Key, Value]]:
    said = _plain(spec)
    reference = said.pop("reference")
    said["basis"] = " ".join([spec.basis, _written(policy, reference)]).strip()
    said["builds_on"] = _follows(policy, name)
    said["special"] = frozenset(
        f"{g.reveals} by {g.ground} {g.law}".strip() for g in said.pop("special")
    )
    said["jurisdictions"] = _stricter(spec)
    named = dict(zip(spec.reuses, said.pop("assessments"), strict=True))
    said["assessment"] = {source: _written(policy, ref) for source, ref in named.items()}
    yield from _flat(("purpose", name), said)


def _stricter(spec: PurposeSpec) -> frozenset[str]:
    """What is stricter in places: those alike together, however the document groups them."""
    alike: dict[frozenset[str], list[str]] = {}
    for code in sorted(frozenset[str]().union(*(rules.places for rules in spec.jurisdictions))):
        here = [r for r in spec.jurisdictions if within(code, r.places)]
        told = {f"kept for {r.retention}" for r in here if r.retention is not None}
        told |= {f"asked again after {r.renew}" for r in here if r.renew is not None}
        told |= {f"held for {r.held.period} by {r.held.law}" for r in here if r.held is not None}
        alike.setdefault(frozenset(told), []).append(code)
    return frozenset(
        f"in {spoken(codes)} {', '.join(sorted(told))}" for told, codes in alike.items()
    )


def _follows(policy: Policy, purpose: str) -> frozenset[str]:
    found = list(policy.purposes[purpose].builds_on)
    for name in found:
        found += [n for n in policy.purposes[name].builds_on if n not in found]
    return frozenset(found) - {purpose}


def _written(policy: Policy, reference: str) -> str:
    """A reference with what is written under it."""
    found = policy.assessments.get(reference)
    return reference if found is None else f"{reference} ({found.text})"


def _reveals(policy: Policy) -> Iterator[tuple[Key, Value]]:
    for name, rule in policy.items.reveals.items():
        key = ("reveals", name)
        never = name in policy.items.never
        yield from _flat(key, {"special": rule.special, "min_age": rule.min_age, "never": never})
        for field, values in rule.values.items():
            yield (*key, "values", field), frozenset(values)


def _plain(value: Any) -> dict[str, Any]:
    """The attributes of a specification without the names that its key has already."""
    return {
        f.name: getattr(value, f.name)
        for f in dataclasses.fields(value)
        if f.name not in {"name", "event", "bare"}
    }


def _flat(key: Key, value: Any) -> Iterator[tuple[Key, Value]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, Period):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat((*key, name), inner)
    elif isinstance(value, frozenset | tuple | list):
        yield key, frozenset(map(str, value))
    elif isinstance(value, bool):
        yield key, "yes" if value else "no"
    elif value is not None:  # what is not said has no key
        yield key, str(value)
