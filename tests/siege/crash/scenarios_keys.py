"""Rotations of keys, each killed at its writes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.siege.crash.place import PEOPLE, Place
from tests.siege.crash.registry import scenario

from privet.keydesk import KeyDesk


def _one_key_left(place: Place, finished: bool) -> Iterator[str]:
    """What must be true once a rotation is finished, whatever was killed."""
    if not finished:
        return
    parts = place.shop._parts
    status = place.shop.principal("ops", roles=["operator"]).keys.status()
    if status.under_way or status.unwrapped or status.unrenewed:
        yield "a rotation is not finished"
    with parts.home.keys.read() as tx:
        (rows,) = tx.all("SELECT COUNT(*), COUNT(DISTINCT kek_id) FROM subject_key")
        if rows[0] and rows[1] != 1:
            yield "keys hang on two epochs"
        if tx.one("SELECT 1 FROM former_key") is not None:
            yield "a former key is left"
    if parts.subjects.find(PEOPLE[:2]) == [None, None]:
        yield "people are not found"


def _desk(place: Place) -> KeyDesk:
    return place.shop.principal("ops", roles=["operator"]).keys


@scenario("wrapping keys anew", check=_one_key_left)
def _(place: Place) -> None:
    _desk(place).rotate("kek")


@scenario("renewal of the index", check=_one_key_left)
def _(place: Place) -> None:
    _desk(place).rotate("index")


@scenario("rotation of the signing key", check=_one_key_left)
def _(place: Place) -> None:
    _desk(place).rotate("signing")


@scenario("renewal of a person's keys", check=_one_key_left)
def _(place: Place) -> None:
    _desk(place).rotate_subject(PEOPLE[1])
