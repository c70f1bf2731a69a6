"""Who must be asked again: whose consent lapsed or will, by time or by a material notice.

How many is for whoever may read consents; who, for whoever may export under
``privet:rights``, since a list of people leaves privet. People whose data is restricted
or whose erasure has begun are in neither (Art. 18: they are not to be contacted).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from privet.clock import instant
from privet.consent import told
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.gate.subject import ids_of
from privet.types import CONSENT, RIGHTS

SLICE = 1000


@dataclass(frozen=True, slots=True)
class Renewal:
    """Who must be asked again for one purpose; counts alone.

    Attributes:
        purpose: the purpose; it rests on consent.
        notices: labels of the live notices to ask with; none where none is kept.
        lapsed: people whose consent has lapsed and who said nothing since.
        lapsing: people whose consent lapses before the end of the window.
        material: of both, those whom a material notice asks again.
        weeks: first day (Monday, UTC) of each coming week to the lapses in it.
    """

    purpose: str
    notices: tuple[str, ...]
    lapsed: int
    lapsing: int
    material: int
    weeks: Mapping[str, int]


def count(parts: Parts, caller: Caller, purposes: Sequence[str], until: int) -> list[Renewal]:
    """How many must be asked again for each purpose, as of an instant (UTC microseconds).

    Raises:
        AccessDenied: no permit to read under ``privet:consent``.
    """
    decide(parts, caller, CONSENT, "read", ())
    parts.log.append(
        [entry(parts, caller, "access", purpose=CONSENT, action="read", task="renewal")]
    )
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        known = parts.ledger.notices(tx)
        found = {purpose: parts.ledger.lapsing(tx, purpose, until) for purpose in purposes}
    now = parts.now
    return [_counted(purpose, found[purpose], known, now) for purpose in purposes]


def _counted(
    purpose: str, found: Sequence[tuple[int, int]], known: Sequence[told.Told], now: int
) -> Renewal:
    ends = {floor.lapses for floor in told.floors(known).get(purpose, ())}
    coming = [expires for _, expires in found if expires > now]
    return Renewal(
        purpose=purpose,
        notices=tuple(one.label for one in told.live(known, purpose, now)),
        lapsed=len(found) - len(coming),
        lapsing=len(coming),
        material=sum(expires in ends for _, expires in found),
        weeks=dict(sorted(Counter(map(_monday, coming)).items())),
    )


def _monday(us: int) -> str:
    day = instant(us).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def people(parts: Parts, caller: Caller, purpose: str, until: int) -> list[str | int]:
    """The app's own ids of those who must be asked again for one purpose.

    Raises:
        AccessDenied: no permit to export under ``privet:rights``.
    """
    decide(parts, caller, RIGHTS, "export", ())
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        snos = sorted(sno for sno, _ in parts.ledger.lapsing(tx, purpose, until))
    found: list[str | int] = []
    for start in range(0, len(snos), SLICE):
        part = snos[start : start + SLICE]
        names = ids_of(parts, caller, part, RIGHTS, "export", task="renewal", asked=purpose)
        with parts.home.data.read() as tx:  # who answered or left since is not on the list
            still = {sno for sno, _ in parts.ledger.lapsing(tx, purpose, until)}
        found += [name for sno in part if sno in still for name in names.get(sno, ())]
    return found
