"""Records of a period in numbers: per day and purpose, and per principal and roles.

People are counted here in no way: whoever has no ground is in no record by her ordinal, only as
a number of refusals.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from privet.clock import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Records = Iterable[tuple[int, Mapping[str, Any]]]
    """Index and decoded body, as the audit log has them."""

REFUSED = "denial"
UNGROUNDED = ("ground.", "subject.", "cohort.")
"""Reasons that are a person's, or of how few there are: no rule decided them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Records that are alike in what was decided on a day.

    Attributes:
        day: of the deployment's zone, ISO.
        purpose: why.
        kind: of the records.
        decision: ``"permit"`` or ``"deny"``.
        reason: of a refusal; empty otherwise.
        requests: how many; of a record that counts answers, as many as it counts.
    """

    day: str
    purpose: str
    kind: str
    decision: str
    reason: str
    requests: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A period in numbers.

    Attributes:
        records: how many were gone through.
        refused: how many of the requests were refused.
        without_ground: how many of those for want of a ground: counted, and nobody named.
        unanswered: answers that opened nothing, which are recorded as counts alone.
        figures: by day, purpose, kind, decision and reason.
        first: UTC microseconds of the first record; None for none.
        last: of the last.
    """

    records: int
    refused: int
    without_ground: int
    unanswered: int
    figures: tuple[Figure, ...]
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Acted:
    """What one principal did in the same roles.

    Attributes:
        who: the log's pseudonym of her name; ``"self"`` for people who act for themselves,
            ``"privet"`` for maintenance.
        roles: acted in, with all that they inherit.
        requests: how many.
        refused: how many of them were refused.
        purposes: for which, sorted.
        first: UTC microseconds of the first.
        last: of the last.
    """

    who: str
    roles: tuple[str, ...]
    requests: int
    refused: int
    purposes: tuple[str, ...]
    first: int
    last: int


def stats(records: Records, zone: tzinfo) -> Stats:
    """Count records by day, purpose, kind, decision and reason."""
    found: Counter[tuple[str, str, str, str, str]] = Counter()
    minute, day = -1, ""
    total, first, last = 0, None, None
    for _, body in records:
        ts = int(body["ts"])
        total, first, last = total + 1, ts if first is None else first, ts
        if ts // 60_000_000 != minute:
            minute, day = ts // 60_000_000, instant(ts).astimezone(zone).date().isoformat()
        kind, reason = str(body.get("kind", "")), str(body.get("reason", ""))
        decision = "deny" if kind == REFUSED else "permit"
        found[day, str(body.get("purpose", "")), kind, decision, reason] += weight(body)
    figures = tuple(Figure(*key, requests) for key, requests in sorted(found.items()))
    refused = [f for f in figures if f.decision == "deny"]
    return Stats(
        total,
        sum(f.requests for f in refused),
        sum(f.requests for f in refused if f.reason.startswith(UNGROUNDED)),
        sum(f.requests for f in figures if f.kind == "counted"),
        figures,
        first,
        last,
    )


def acted(records: Records) -> tuple[Acted, ...]:
    """Who acted in which roles, the busiest first."""
    found: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
    for _, body in records:
        key = str(body.get("who", "")), tuple(body.get("roles", ()))
        ts, n = int(body["ts"]), weight(body)
        one = found.setdefault(key, [0, 0, set(), ts, ts])
        one[0] += n
        one[1] += n if body.get("kind") == REFUSED else 0
        one[2].add(str(body.get("purpose", "")))
        one[4] = ts
    rows = [
        Acted(who, roles, n, refused, tuple(sorted(purposes)), first, last)
        for (who, roles), (n, refused, purposes, first, last) in found.items()
    ]
    return tuple(sorted(rows, key=lambda a: (-a.requests, a.who, a.roles)))


def weight(body: Mapping[str, Any]) -> int:
    """For how many requests a record stands."""
    n = body.get("n", 1)
    return n if body.get("kind") == "counted" and isinstance(n, int) else 1
