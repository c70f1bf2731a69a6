"""The log under a candidate policy, and what of the policy nobody used: for who answers for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from privet.clock import DAY_US, micros
from privet.errors import InvalidInput
from privet.gate import choosing, evidence, incidents, policies
from privet.rights.activating import named
from privet.types import check_type

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from privet.gate.parts import Caller, Parts
    from privet.policy import Policy
    from privet.review.reach import Scope
    from privet.review.replay import Replayed
    from privet.review.tallies import Acted, Stats
    from privet.review.unused import Unused

MOST_DAYS = 36_500


def replayed(
    parts: Parts,
    caller: Caller,
    candidate: str | Path | Policy,
    since: datetime,
    until: datetime | None,
) -> Replayed:
    """Recorded requests of a period under a candidate; see ``privet.review.replay``.

    Raises:
        AccessDenied: no permit to export the log.
        PolicyError: the candidate is none.
    """
    from privet.review.replay import replay  # tools of a reviewer: no open pays for them

    policy = named(parts, candidate)
    end = parts.now + 1 if until is None else micros(until)
    found = evidence.records(parts, caller, micros(since), end)
    members, past = partial(evidence.members, parts), partial(policies.kept, parts)
    return replay(found, parts.policy, policy, members, past)


def stats(parts: Parts, caller: Caller, since: datetime, until: datetime | None) -> Stats:
    """A period in numbers; see ``privet.review.tallies``."""
    from privet.review import tallies

    found = choosing.chosen(parts, since=since, until=until)
    return tallies.stats(evidence.chosen(parts, caller, "stats", found), parts.zone)


def principals(
    parts: Parts, caller: Caller, since: datetime, until: datetime | None
) -> tuple[Acted, ...]:
    """Who acted in which roles; see ``privet.review.tallies``."""
    from privet.review import tallies

    found = choosing.chosen(parts, since=since, until=until)
    return tallies.acted(evidence.chosen(parts, caller, "principals", found))


def scope(
    parts: Parts,
    caller: Caller,
    since: datetime,
    until: datetime | None,
    principal: str | None,
    role: str | None,
) -> Scope:
    """What a credential reached, and could have reached; see ``privet.review.reach``.

    Raises:
        InvalidInput: whose it is was not told (``scope.whose``).
    """
    if principal is None and role is None:
        raise InvalidInput(
            "nothing was counted",
            why="it was not told whose credential it is",
            remedy="Give a principal, or a role.",
            reason="scope.whose",
        )
    # Whoever holds a credential may act in any of its roles: of a principal all of it counts.
    named = None if principal is not None else role
    found = choosing.chosen(parts, since=since, until=until, principal=principal, role=named)
    roles = frozenset() if role is None else frozenset({role})
    return incidents.of_credential(parts, caller, found, roles)


def not_used(parts: Parts, caller: Caller, days: int) -> Unused:
    """Permits and fields that no request used in so many days up to now.

    Raises:
        AccessDenied: no permit to export the log.
        InvalidInput: days are no whole number from 1 on.
    """
    from privet.review.unused import unused

    check_type(days, int, "days", "Give a whole number of days.")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(
            "the days are out of range",
            remedy=f"Give 1 to {MOST_DAYS} days.",
            reason="days.range",
        )
    found = evidence.records(parts, caller, parts.now - days * DAY_US, parts.now + 1)
    return unused(found, parts.policy)
