"""Copies: a backup taken, a home brought back, checkpoints carried elsewhere."""

from __future__ import annotations

import shutil

from tests.siege.crash.place import PEOPLE, Place, by_hand
from tests.siege.crash.registry import scenario

import privet
from privet.errors import StoreUnavailable


@scenario("backup")
def _backup(place: Place) -> None:
    copy = place.root / "copies" / "new"
    shutil.rmtree(copy, ignore_errors=True)  # half a copy is none, and says so
    place.shop.maintenance.backup(copy)


def _lost(place: Place) -> None:
    """A backup; then one withdraws and one is erased; the log alone is copied again."""
    copies = place.root / "copies"
    place.shop.maintenance.backup(copies / "old")
    place.withdraw(PEOPLE[2])
    place.erase(PEOPLE[3])
    place.shop.maintenance.backup(copies / "newest")


def _bring_back(place: Place) -> None:
    old, newest = place.root / "copies" / "old", place.root / "copies" / "newest"
    privet.restore(
        place.where,
        data=old / "data",
        keys=old / "keys",
        audit=newest / "audit",
        keyring=f"file:{place.root / 'keyring'}",
        clock=place.clock,
        sync=place.sync,
    )


def _again(place: Place) -> None:
    """What an operator does: open it; where that is refused, restore again."""
    if not (place.root / "copies" / "lost").exists():
        return _restore(place)
    try:
        assert place.shop.policy
    except StoreUnavailable:
        _bring_back(place)
    return None


@scenario("restore", prepare=_lost, finish=_again, opens=False, databases=("sqlite",))
def _restore(place: Place) -> None:
    with by_hand():
        (place.root / "home").rename(place.root / "copies" / "lost")
    _bring_back(place)


@scenario("restore in place", opens=False)
def _in_place(place: Place) -> None:
    place.close()
    keyring = f"file:{place.root / 'keyring'}"
    privet.restore(place.where, in_place=True, keyring=keyring, clock=place.clock, sync=place.sync)


def _with_anchor(place: Place) -> None:
    place.anchor.mkdir()


@scenario("anchoring", prepare=_with_anchor)
def _anchoring(place: Place) -> None:
    for n, who in enumerate(PEOPLE[:2]):
        place.view(who, f"anchored{n}")
        place.shop.maintenance.anchor()
