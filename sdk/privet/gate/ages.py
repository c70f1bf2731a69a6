"""How old people are, as far as their profiles tell it: for rules that depend on it.

Read under a record of its own, and kept no longer than the decision: only bounds leave.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyroaring import BitMap

from privet.gate.record import authorise
from privet.policy.when import parse_age
from privet.vault import Plan, twice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.gate.parts import Caller, Parts
    from privet.policy import Ask
    from privet.types import Events, Warrant

Age = tuple[int, int | None]

_CHUNK = 512
_YEAR_US = 365 * 86_400_000_000  # the shortest: nobody is taken for younger than she may be


def ages(parts: Parts, caller: Caller, ask: Ask, snos: BitMap) -> dict[int, Age]:
    """The youngest and the oldest that people may be by now, in years.

    Args:
        parts: the open deployment.
        caller: who asks.
        ask: what for.
        snos: the people; all of them have a ground for it.

    Returns:
        Nobody whose profile does not tell it; nothing where the data document names no
        field that does (``subject: {age: profile.FIELD}``).

    Raises:
        AuditUnavailable: the record did not become durable; nothing was opened.
    """
    name = parts.policy.subject.age
    if not name or not snos:
        return {}
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=ask.purpose,
        action=ask.action,
        subjects=snos,
        fields=[name],
        task="age",
    )
    event, _, bare = name.partition(".")
    plan = Plan(event, (bare,), *_where(parts, event, bare))
    found: dict[int, Age] = {}
    for part in _parts(snos):
        profiles = twice(partial(_profiles, parts, warrant, plan, part))
        for sno, at, value in zip(
            profiles.subjects, profiles.at, profiles.columns[bare], strict=True
        ):
            age = _bounds(value, parts.now - int(at))
            if age is not None:
                found[int(sno)] = age
    return found


def _profiles(parts: Parts, warrant: Warrant, plan: Plan, snos: BitMap) -> Events:
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        cells = parts.vault.fetch(tx, plan, snos)
    return parts.vault.profiles(warrant, cells)


def _where(parts: Parts, event: str, bare: str) -> tuple[tuple[str, ...], int]:
    """The domains where purposes keep it, and the strictest retention of these purposes."""
    policy = parts.policy
    collecting = sorted(
        {
            permit.purpose
            for permit in policy.permits.values()
            if permit.purpose in policy.purposes
            and "collect" in permit.actions
            and f"{event}.{bare}" in permit.fields
        }
    )
    domains = {policy.domain_of(purpose, event, bare) for purpose in collecting}
    earliest = [policy.purposes[purpose].retention.before(parts.now) for purpose in collecting]
    return tuple(sorted(domains)), max(earliest, default=parts.now)


def _parts(snos: BitMap) -> Iterator[BitMap]:
    listed = list(snos)
    return (BitMap(listed[i : i + _CHUNK]) for i in range(0, len(listed), _CHUNK))


def _bounds(value: object, since: int) -> Age | None:
    """What a value that was told so long ago says of the age now; None for nothing."""
    try:
        low, high = parse_age(str(value))
    except ValueError:  # nothing told, or no age
        return None
    years = -(-max(since, 0) // _YEAR_US)
    return low, None if high is None else high + years
