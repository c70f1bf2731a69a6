"""Refusals: each has a reason and leaves a record, and none tells who is known here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment
from privet.errors import (
    AccessDenied,
    ConsentMissing,
    Erased,
    InvalidInput,
    PrivetError,
    UnknownSubject,
)
from privet.gate import forget, grounds
from privet.principals import Principal
from privet.testing import agrees


def records(shop: Deployment, after: int = -1, **wanted: object) -> list[dict[str, Any]]:
    """Bodies of the log after a position that say all of this."""
    leaves = shop._parts.log.leaves(after + 1, 10_000)
    return [b for _, b in leaves if all(b.get(k) == v for k, v in wanted.items())]


def sno_of(shop: Deployment, subject: str) -> int:
    (sno,) = shop._parts.subjects.find([subject])
    assert sno is not None
    return sno


def denials(shop: Deployment, subject: str) -> int:
    return sum(r["kind"] == "denial" for r in shop._parts.log.history(sno_of(shop, subject)))


def test_a_denied_write_is_recorded_with_the_person(shop: Deployment) -> None:
    agrees(shop, "ada", "orders", "recommendations")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    with pytest.raises(AccessDenied) as refusal:
        web.record("ada", "purchase", item="kettle", order="1", quantity=1, value="2.00")
    assert refusal.value.reason == "field.refused"
    assert denials(shop, "ada") == 1
    assert records(shop, kind="denial")[0]["reason"] == refusal.value.reason


def test_a_denied_read_is_recorded_with_the_person(shop: Deployment) -> None:
    agrees(shop, "ada", "orders")
    loader = shop.principal("loader", roles=["operator"]).purpose("orders")
    with pytest.raises(AccessDenied):
        loader.profile("ada", "email")
    assert denials(shop, "ada") == 1


def test_a_missing_ground_is_recorded_without_the_person(shop: Deployment) -> None:
    agrees(shop, "ada", "orders")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    with pytest.raises(ConsentMissing):
        web.record("ada", "view", event_id="1", item="kettle")
    (denial,) = records(shop, kind="denial")
    assert denial["reason"] == "ground.missing"
    assert denials(shop, "ada") == 0


DESKS: dict[str, Callable[[Principal, str], object]] = {
    "plan": lambda p, who: p.rights.plan(who),
    "erase": lambda p, who: p.rights.erase(who),
    "access": lambda p, who: p.rights.access(who),
    "export": lambda p, who: p.rights.export(who, "/nowhere/file.json"),
    "link": lambda p, who: p.rights.link(who, "other"),
    "history": lambda p, who: p.audit.history(who),
    "state": lambda p, who: p.consent.state(who),
    "withdraw": lambda p, who: p.consent.withdraw(who, "recommendations", evidence="letter"),
    "restrict": lambda p, who: p.consent.restrict(who, reason="letter"),
    "on behalf": lambda p, who: p.consent.on_behalf(
        who, {"recommendations": True}, notice="n", channel="c", evidence="e"
    ),
}


@pytest.mark.parametrize("act", DESKS.values(), ids=DESKS)
def test_whoever_may_not_act_does_not_learn_who_is_known(
    shop: Deployment, act: Callable[[Principal, str], object]
) -> None:
    agrees(shop, "ada", "orders")
    outsider = shop.principal("nightly", roles=["trainer"])
    answers = []
    for who in ("ada", "nobody"):
        with pytest.raises(AccessDenied) as refusal:
            act(outsider, who)
        answers.append((refusal.value.reason, str(refusal.value)))
    assert answers[0] == answers[1]
    assert denials(shop, "ada") == 1
    assert len(records(shop, kind="denial")) == 2
    assert shop._parts.subjects.find(["nobody"]) == [None]


@pytest.mark.parametrize("act", [DESKS[n] for n in ("plan", "erase", "access", "state")])
def test_whoever_may_act_is_told_that_nobody_is_known(
    shop: Deployment, act: Callable[[Principal, str], object]
) -> None:
    with pytest.raises(UnknownSubject):
        act(shop.principal("desk", roles=["privacy-desk"]), "nobody")


FAILING: dict[str, Callable[[Deployment], object]] = {
    "an unknown purpose answered": lambda d: d.subject("new", proof="p").consent.answer(
        {"recomendations": True}, notice="n", how="web"
    ),
    "a built-in purpose answered": lambda d: d.subject("new", proof="p").consent.answer(
        {"privet:consent": True}, notice="n", how="web"
    ),
    "an unknown purpose objected to": lambda d: d.subject("new", proof="p").consent.object("x"),
    "a load of times that are text": lambda d: load_answers(d, ["2026-01-01"]),
    "a consent begun": lambda d: d.principal("w", roles=["storefront"]).consent.begin(
        "new", "recommendations"
    ),
    "a built-in purpose begun": lambda d: d.principal("w", roles=["storefront"]).consent.begin(
        "new", "privet:rights"
    ),
    "a future answer": lambda d: d.principal("p", roles=["privacy-desk"]).consent.on_behalf(
        "new",
        {"recommendations": True},
        notice="n",
        channel="c",
        evidence="e",
        at=d._parts.clock.now() + timedelta(days=1),
    ),
    "a naive answer": lambda d: d.principal("p", roles=["privacy-desk"]).consent.on_behalf(
        "new",
        {"recommendations": True},
        notice="n",
        channel="c",
        evidence="e",
        at=datetime(2026, 1, 1),
    ),
    "evidence that is no text": lambda d: d.principal(
        "p", roles=["privacy-desk"]
    ).consent.on_behalf(
        "new",
        {"recommendations": True},
        notice="n",
        channel="c",
        evidence=b"letter",  # type: ignore[arg-type]
    ),
    "a notice of half a character": lambda d: d.subject("new", proof="p").consent.answer(
        {"recommendations": True}, notice="\ud800", how="web"
    ),
    "a load with a future row": lambda d: load_answers(d, [d._parts.clock.now() + timedelta(1)]),
    "a load with a naive row": lambda d: load_answers(d, [datetime(2026, 1, 1)]),
    "a load without a time": lambda d: load_answers(d, [pd.NaT]),
    "a load of a kind that does not fit": lambda d: load_answers(
        d, [d._parts.clock.now()], kind="begun"
    ),
}


def load_answers(shop: Deployment, at: list[Any], kind: str = "yes") -> int:
    frame = pd.DataFrame(
        {"subject": "new", "purpose": "recommendations", "kind": kind, "at": pd.Series(at)}
    )
    desk = shop.principal("web", roles=["privacy-desk", "storefront"]).consent
    return desk.load(frame, notice="n", channel="c", evidence="e")


@pytest.mark.parametrize("act", FAILING.values(), ids=FAILING)
def test_what_is_refused_enrols_nobody(
    shop: Deployment, act: Callable[[Deployment], object]
) -> None:
    with pytest.raises(PrivetError) as refusal:
        act(shop)
    assert isinstance(refusal.value, AccessDenied | InvalidInput)
    assert shop._parts.subjects.find(["new"]) == [None]
    assert records(shop, kind="ground") == []


@pytest.mark.parametrize("purpose", ["privet:rights", "nothing"])
def test_eligibility_is_of_the_policys_own_purposes(shop: Deployment, purpose: str) -> None:
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    with pytest.raises(AccessDenied) as refusal:
        desk.eligible(["ada"], purpose)
    assert refusal.value.reason == "purpose.unknown"


def test_an_erased_person_among_others_keeps_them_out_of_nothing(shop: Deployment) -> None:
    """A refused enrolment must leave nobody half enrolled."""
    ada = agrees(shop, "ada", "recommendations")
    ada.rights.erase()
    parts, caller = shop._parts, shop.principal("ops", roles=["operator"])._caller
    with pytest.raises(Erased):
        grounds.enrol(parts, caller, ["bob", "ada"])
    assert parts.subjects.find(["bob"]) == [None]


def test_an_enrolment_that_was_interrupted_is_finished(shop: Deployment) -> None:
    shop._parts.subjects.enrol(["ada"])  # and then the process died
    ada = agrees(shop, "ada", "recommendations")
    assert ada.rights.access()["ids"] == ["ada"]
    assert [r["ground"]["change"] for r in records(shop, kind="ground")] == ["known", "yes"]


def test_nobody_answers_while_her_erasure_is_under_way(shop: Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations")
    parts, sno = shop._parts, sno_of(shop, "ada")
    with parts.home.data.write() as tx:
        parts.ledger.fence(tx, sno, "r", parts.log.size() - 1)
    with pytest.raises(Erased) as refusal:
        ada.consent.answer({"recommendations": True}, notice="n", how="web")
    assert refusal.value.reason == "subject.fenced"


def test_ending_a_contract_takes_her_out_of_its_models(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = []
    monkeypatch.setattr("privet.desks.settle", lambda *args: settled.append(args[3]) or [])
    agrees(shop, "ada", "orders")
    clerk = shop.principal("web", roles=["storefront"]).consent
    clerk.end("ada", "orders")
    assert settled == ["orders"]
    assert forget.unsettled(shop._parts) == []
