"""The daily life of a shop: what comes in, what is said, what is learnt and what leaves."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from tests.siege.crash.place import BOUGHT, HERS, ITEMS, PEOPLE, PURPOSE, START, Place, by_hand
from tests.siege.crash.registry import scenario


@scenario("record")
def _record(place: Place) -> None:
    for n, who in enumerate(PEOPLE[:3]):
        place.view(who, f"new{n}", day=n)
    place.buy(PEOPLE[1], "o2")


@scenario("load")
def _load(place: Place) -> None:
    rows = [
        {"subject": who, "at": START - timedelta(hours=n), "item": ITEMS[n], "event_id": f"load{n}"}
        for who in PEOPLE
        for n in range(4)
    ]
    for row in rows:
        place.tell("begins", to="view", who=row["subject"], key=row["event_id"])
    columns = {name: name for name in ("subject", "at", "item", "event_id")}
    place.as_("storefront").purpose(PURPOSE).load("view", pd.DataFrame(rows), columns=columns)
    for row in rows:
        place.tell("did", to="view", who=row["subject"], key=row["event_id"])


@scenario("answer")
def _answer(place: Place) -> None:
    place.agree("newcomer")
    place.view("newcomer", "first")


@scenario("import of answers")
def _import(place: Place) -> None:
    people = [f"brought-{n}" for n in range(8)]
    frame = pd.DataFrame(
        [
            {"subject": who, "purpose": PURPOSE, "kind": kind, "at": START - timedelta(days=days)}
            for who in people
            for kind, days in (("no", 9), ("yes", 5))
        ]
    )
    desk = place.as_("privacy-desk").consent
    for who in people:
        place.tell("begins", to="agree", who=who)
    if desk.eligible(people, PURPOSE) == dict.fromkeys(people, True):
        return  # an import of nothing new is refused
    desk.load(frame, notice="n", channel="letter", evidence="file")
    for who in people:
        place.tell("did", to="agree", who=who)


@scenario("profile")
def _profile(place: Place) -> None:
    place.as_("storefront").purpose("orders").describe(PEOPLE[0], email="new@mail.example")


@scenario("withdrawal")
def _withdrawal(place: Place) -> None:
    place.withdraw(PEOPLE[2])


@scenario("objection and restriction")
def _restriction(place: Place) -> None:
    desk = place.as_("privacy-desk").consent
    place.tell("begins", to="object", who=PEOPLE[1])
    place.tell("begins", to="restrict", who=PEOPLE[0])
    place.shop.subject(PEOPLE[1], proof="t").consent.object(PURPOSE)
    desk.restrict(PEOPLE[0], reason="disputed")
    desk.lift(PEOPLE[0], reason="settled")


@scenario("training and publishing")
def _training(place: Place) -> None:
    place.view(PEOPLE[0], "late")
    place.train()


@scenario("release")
def _release(place: Place) -> None:
    for who in PEOPLE[:3]:
        place.recommend(who)
    place.as_("storefront").purpose(PURPOSE).recommend_many(PEOPLE, k=2)


@scenario("catalogue")
def _catalogue(place: Place) -> None:
    rows = [{"item": i, "title": "t", "text": "t"} for i in (*ITEMS, "item-9")]
    place.as_("operator").admin.load_items(rows)


@scenario("access and export")
def _export(place: Place) -> None:
    path = place.root / "out" / HERS
    with by_hand():
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
    place.as_("privacy-desk").rights.export(BOUGHT, path)
    with by_hand():
        path.unlink()
    place.as_("auditor").audit.export(place.root / "out" / "log")
