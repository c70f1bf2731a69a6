"""What somebody asks of the log in her own words, as what records have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from privet.audit import Selection
from privet.clock import micros
from privet.errors import InvalidInput
from privet.gate.parts import Parts
from privet.types import check_text, check_type

ENGINE: Final = frozenset({"self", "privet"})
"""Who acts without a name: a person for herself, and maintenance."""
_PSEUDONYM = re.compile(r"p-[0-9a-f]{16}")
_WORDS: Final[Mapping[str, str]] = {
    "purpose": "a purpose",
    "role": "a role",
    "action": "an action",
    "kind": "a kind of record",
}


def pseudonym(parts: Parts, principal: str) -> str:
    """What the log calls a principal; a pseudonym stays what it is."""
    check_text(principal, "a principal")
    if principal in ENGINE or _PSEUDONYM.fullmatch(principal):
        return principal
    return parts.pseudonym(principal)


def chosen(
    parts: Parts,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    principal: str | None = None,
    subject: int | None = None,
    decision: str | None = None,
    **named: str | None,
) -> Selection:
    """The records that are meant.

    Args:
        parts: the open deployment.
        since: the first instant.
        until: the first instant that no longer counts.
        principal: a name, or the pseudonym that the log has for one.
        subject: a person's ordinal.
        decision: ``"permit"`` or ``"deny"``.
        named: ``purpose``, ``role``, ``action``, ``kind``.

    Raises:
        InvalidInput: something has another form, or the period is none (``export.period``).
    """
    if decision not in {None, "permit", "deny"}:
        raise InvalidInput(
            "this decision is unknown", remedy="Give permit or deny.", reason="export.decision"
        )
    for name, value in named.items():
        if value is not None:
            check_text(value, _WORDS[name])
    begin = None if since is None else _micros(since)
    end = None if until is None else _micros(until)
    if begin is not None and end is not None and end < begin:
        raise InvalidInput(
            "the period ends before it begins", remedy="Swap the two.", reason="export.period"
        )
    who = None if principal is None else pseudonym(parts, principal)
    told: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    return Selection(since=begin, until=end, who=who, subject=subject, decision=decision, **told)  # type: ignore[arg-type]


def _micros(at: datetime) -> int:
    check_type(at, datetime, "an instant", "Give an aware datetime.")
    return micros(at)
