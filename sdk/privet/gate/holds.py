"""What laws keep of people who are to be erased. GDPR Art. 17(3)(b)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pyroaring import BitMap

from privet.clock import iso
from privet.gate.minimize import NULL
from privet.gate.parts import IDENTITY, Caller, Parts
from privet.gate.record import forgetting
from privet.gate.register import Held
from privet.policy import HELD, Hold, fates
from privet.types import Events, Warrant
from privet.vault import Fetched, Plan, twice


def look(
    parts: Parts, caller: Caller, snos: Iterable[int], beside: Iterable[str] = (), **more: Any
) -> Warrant:
    """The warrant to look at what laws hold of people, and at fields ``beside`` that."""
    holds = [spec.hold for spec in parts.policy.purposes.values() if spec.hold is not None]
    fields = sorted({*beside, *(name for hold in holds for name in hold.fields)})
    record = forgetting(parts, caller, "access", subjects=snos, fields=fields, **more)
    return parts.log.authorise(record)


def holds_of(
    parts: Parts, warrant: Warrant, snos: Sequence[int]
) -> dict[int, tuple[dict[str, Held], int | None]]:
    """Of each person the domains that a law keeps now, and until when the last is kept.

    Args:
        parts: the open deployment.
        warrant: names them all.
        snos: their ordinals.
    """
    with parts.home.data.read() as tx:
        places = parts.ledger.places(tx, BitMap(snos))
    found: dict[int, tuple[dict[str, Held], int | None]] = {}
    latest = _latest(parts, warrant, snos)
    for sno in snos:
        place = next(code for code, people in places.items() if sno in people)
        found[sno] = _of_one(parts, place, latest[sno])
    return found


def kept_by(holds: Mapping[str, Held]) -> set[str]:
    """The domains that stay: the identity of a held invoice stays with it."""
    return {*holds, IDENTITY} if holds else set()


def _of_one(
    parts: Parts, place: str, latest: Mapping[tuple[str, str], int]
) -> tuple[dict[str, Held], int | None]:
    held: dict[str, Held] = {}
    ends = []
    for (purpose, domain), at in latest.items():
        # Of several laws that may bind, the first to end: hers until it is shown.
        hold = min(parts.policy.purposes[purpose].holds(place), key=lambda h: h.period.after(at))
        until = hold.period.after(at)
        if until > parts.now:
            ends.append(until)
            held[domain] = _held(hold, until)
    return held, max(ends, default=None)


def _held(hold: Hold, until: int) -> Held:
    return Held(tuple(sorted(hold.fields)), hold.law, iso(until), str(hold.period))


def _latest(
    parts: Parts, warrant: Warrant, snos: Sequence[int]
) -> dict[int, dict[tuple[str, str], int]]:
    """Of each person the last instant of what each purpose and domain holds for a law."""
    found: dict[int, dict[tuple[str, str], int]] = {sno: {} for sno in snos}
    for name, spec in parts.policy.purposes.items():
        if spec.hold is None:
            continue
        fields = sorted(spec.hold.fields)
        for domain in fates(name + HELD):
            for opened in twice(partial(_opened, parts, warrant, domain, fields, snos)):
                for place, sno in enumerate(opened.subjects):
                    at = opened.at[opened.starts[place] : opened.starts[place + 1]]
                    newest = max((int(a) for a in at), default=NULL)
                    if newest != NULL:  # a person without a profile has an empty one
                        mine, key = found[int(sno)], (name, domain)
                        mine[key] = max(newest, mine.get(key, newest))
    return found


def _opened(
    parts: Parts, warrant: Warrant, domain: str, fields: Sequence[str], snos: Sequence[int]
) -> list[Events]:
    """The rows of these people that one domain holds of these fields, event by event."""
    with parts.home.data.read() as tx:
        cells = [parts.vault.fetch(tx, plan, sorted(snos)) for plan in _plans(domain, fields)]
    return [_open(parts, warrant, cell) for cell in cells]


def _plans(domain: str, fields: Sequence[str]) -> Iterator[Plan]:
    for event in sorted({f.partition(".")[0] for f in fields}):
        bare = tuple(f.partition(".")[2] for f in fields if f.startswith(f"{event}."))
        yield Plan(event, bare, (domain,), None)


def _open(parts: Parts, warrant: Warrant, found: Fetched) -> Events:
    opening = parts.vault.profiles if found.plan.event == "profile" else parts.vault.open
    return opening(warrant, found)
