"""What keeps a home in order: erasure, retention, compaction, policies, keys, checkpoints."""

from __future__ import annotations

from datetime import timedelta

from tests.siege.crash.place import BOUGHT, PEOPLE, QUIET, Place
from tests.siege.crash.registry import scenario


def _erase(place: Place, who: str) -> None:
    if place.sno(who) is not None:
        place.erase(who)


@scenario("erasure")
def _erasure(place: Place) -> None:
    _erase(place, PEOPLE[3])


@scenario("erasure with a hold")
def _held(place: Place) -> None:
    _erase(place, BOUGHT)


@scenario("end of a hold", prepare=_held, later=timedelta(days=8 * 365))
def _released(place: Place) -> None:
    for who in [*PEOPLE, QUIET]:
        place.tell("begins", to="lapse", who=who)
    place.shop.maintenance.run()


@scenario("retention", later=timedelta(days=500))
def _retention(place: Place) -> None:
    for who in PEOPLE:
        place.tell("begins", to="lapse", who=who)
    place.shop.maintenance.run()


def _many_cells(place: Place) -> None:
    for who in PEOPLE[:2]:
        for n in range(20):
            place.view(who, f"small{n}")


@scenario("compaction", prepare=_many_cells)
def _compaction(place: Place) -> None:
    place.shop.maintenance.run()


@scenario("rotation")
def _rotation(place: Place) -> None:
    place.shop.maintenance.rotate()


@scenario("policy and re-sealing")
def _policy(place: Place) -> None:
    narrow = place.root.parent / "narrow"
    place.as_("operator").admin.activate(narrow)
    place.close()


def _nearly_a_tile(place: Place) -> None:
    desk = place.as_("privacy-desk").consent
    while place.shop._parts.log.size() % 256 < 250:
        desk.state(PEOPLE[0])


@scenario("checkpoints", prepare=_nearly_a_tile)
def _checkpoints(place: Place) -> None:
    for n in range(4):
        place.view(PEOPLE[n], f"later{n}")
        place.clock.advance(timedelta(seconds=61))
    place.clock.advance(timedelta(seconds=-4 * 61))
