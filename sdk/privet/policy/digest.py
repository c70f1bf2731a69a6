"""Content hashes of a policy: one for the whole, one for what bears on a purpose."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privet.policy.knowledge import ItemSpec
    from privet.policy.policy import Policy

_LATER = frozenset(
    {"when", "parent", "human_step", "jurisdictions", "emergency", "break_glass", "where", "held"}
)
"""Attributes that rules did not always have: left out where they say nothing, so that what
is bound to an older slice stays bound."""
_ORDERED = frozenset({"values", "unique", "fields_in_order"})
"""Keys of lists whose order means something; every other list is a set."""


def canonical(value: Any, key: str = "") -> Any:
    """A form that is equal for documents that mean the same.

    Mappings are written with sorted keys; lists whose order means nothing are sorted.
    """
    if isinstance(value, str):  # most are
        return value
    if isinstance(value, Mapping):
        return {str(k): canonical(v, str(k)) for k, v in sorted(value.items())}
    if isinstance(value, set | frozenset):
        return _as_set([canonical(v) for v in value])
    if isinstance(value, list | tuple):
        members = [canonical(v) for v in value]
        return members if key in _ORDERED else _as_set(members)
    return value


def _as_set(members: list[Any]) -> list[Any]:
    if all(type(member) is str for member in members):  # the same order, sooner
        return sorted(members, key=encode_basestring_ascii)
    return sorted(members, key=_text)


def digest(label: str, value: Any) -> str:
    """SHA-256 over a label and the canonical JSON of a value, 64 hex digits."""
    return hashlib.sha256(f"{label}\n{_text(canonical(value))}".encode()).hexdigest()


def slice_digest(policy: Policy, purpose: str) -> str:
    """Digest of everything that bears on what a purpose may learn."""
    permits = [p for p in policy.permits.values() if p.purpose == purpose]
    fields = frozenset[str]().union(*(p.fields for p in permits))
    events = {policy.fields[name].event for name in fields}
    return digest(
        "privet-slice-v1",
        {
            "purposes": [_plain(policy.purposes[name]) for name in _kin(policy, purpose)],
            "permits": [_plain(p) for p in permits],
            "denies": [_plain(d) for d in policy.denies if purpose in d.purposes],
            "fields": [_plain(policy.fields[name]) for name in fields],
            "events": [_plain(e) for e in policy.events.values() if e.name in events],
            "items": _items(policy.items),
            "timezone": policy.timezone,
        },
    )


def _items(items: ItemSpec) -> Any:
    """The catalogue's rules without the words that explain them."""
    plain = _plain(items)
    for rule in plain["reveals"].values():
        del rule["because"]
    return plain


def _kin(policy: Policy, purpose: str) -> list[str]:
    """The purpose, what it reuses and, transitively, what it builds on."""
    found = [purpose]
    for name in found:
        found += [n for n in policy.purposes[name].builds_on if n not in found]
    return [*found, *(n for n in policy.purposes[purpose].reuses if n not in found)]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        plain = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {k: v for k, v in plain.items() if v or k not in _LATER}
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
