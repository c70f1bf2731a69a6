"""The ledger under attack: each attempt is refused, leaves a record, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.gate import publication
from privet.recommend import Popularity

RECS = "recommendations"
WEB = {"notice": "n", "how": "web"}


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        yield opened


def own(shop: Deployment, name: str = "ada") -> Any:
    return shop.subject(name, proof="s").consent


def denials(shop: Deployment) -> list[str]:
    """The reasons of all refusals in the log; none of them names anybody."""
    found = [b for _, b in shop._parts.log.leaves(0, 10_000) if b["kind"] == "denial"]
    assert all(not body.get("subjects") for body in found)
    return [str(body["reason"]) for body in found]


def refused(attempt: Callable[[], object], shop: Deployment, reason: str) -> None:
    """It is refused for this reason, which is recorded, and no ground changes."""
    parts = shop._parts
    with parts.home.data.read() as tx:
        before = tx.all("SELECT * FROM ground ORDER BY sno"), len(denials(shop))
    with pytest.raises(privet.PrivetError) as refusal:
        attempt()
    assert refusal.value.reason == reason
    assert "ada" not in str(refusal.value)
    with parts.home.data.read() as tx:
        after = tx.all("SELECT * FROM ground ORDER BY sno"), denials(shop)
    assert [tuple(map(plain, row)) for row in after[0]] == [
        tuple(map(plain, row)) for row in before[0]
    ]
    assert after[1][before[1] :] == [reason]


def plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def listed(shop: Deployment) -> Any:
    web = shop.principal("web", roles=["storefront"]).purpose(RECS)
    return web.record("ada", "view", event_id="late", item="kettle")


def test_an_expired_answer_is_not_revived_by_a_clock_that_goes_back(
    shop: Deployment, clock: Any
) -> None:
    own(shop).answer({RECS: True}, **WEB)
    clock.advance(timedelta(days=370))
    refused(lambda: listed(shop), shop, "ground.lapsed")
    clock.advance(timedelta(seconds=-100))  # as far as machines differ
    refused(lambda: listed(shop), shop, "ground.lapsed")
    clock.advance(timedelta(days=-300))
    size = shop._parts.log.size()
    for attempt in (lambda: listed(shop), lambda: own(shop).answer({RECS: True}, **WEB)):
        with pytest.raises(privet.PrivetError) as refusal:
            attempt()
        assert refusal.value.reason == "clock.backwards"
    assert shop._parts.log.size() == size  # nothing is written by a clock that cannot be right
    clock.advance(timedelta(days=301))
    refused(lambda: listed(shop), shop, "ground.lapsed")


def test_a_child_without_a_parent(shop: Deployment) -> None:
    yes = {**WEB, "age": 12, "country": "DE"}
    refused(lambda: own(shop).answer({RECS: True}, **yes), shop, "consent.child")
    assert shop._parts.subjects.find(["ada"]) == [None]


def test_a_replayed_yes_revives_nothing(shop: Deployment, clock: Any) -> None:
    seen = own(shop).ask([RECS])[0]["seen"]
    own(shop).answer({RECS: True}, **WEB, event_id="e-1", seen=seen)
    clock.advance(timedelta(seconds=1))
    own(shop).withdraw(RECS)
    assert not own(shop).answer({RECS: True}, **WEB, event_id="e-1", seen=seen).new
    for event in ("e-2", ""):
        again = {**WEB, "event_id": event, "seen": seen}
        refused(lambda sent=again: own(shop).answer({RECS: True}, **sent), shop, "ground.stale")
    assert own(shop).state(RECS) == {RECS: "withdrawn"}


@pytest.mark.parametrize("first", [True, False])
def test_of_two_answers_in_one_second_the_refusal_stands(shop: Deployment, *, first: bool) -> None:
    seen = own(shop).ask([RECS])[0]["seen"]
    own(shop).answer({RECS: first}, **WEB, seen=seen)
    other = {**WEB, "seen": seen}
    if first:
        own(shop).answer({RECS: False}, **other)
    else:
        refused(lambda: own(shop).answer({RECS: True}, **other), shop, "ground.stale")
    assert own(shop).state(RECS) == {RECS: "declined"}


def test_answers_from_elsewhere_of_one_second_are_refused_whole(
    shop: Deployment, clock: Any
) -> None:
    frame = pd.DataFrame(
        {
            "subject": ["bob", "ada", "ada"],
            "purpose": RECS,
            "kind": ["yes", "no", "yes"],
            "at": clock.now() - timedelta(days=1),
        }
    )
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    with pytest.raises(privet.InvalidInput) as refusal:
        desk.load(frame, notice="n", channel="c", evidence="e")
    assert refusal.value.reason == "import.contradiction"
    assert shop._parts.subjects.find(["ada", "bob"]) == [None, None]


def test_nothing_begins_again_after_an_objection_to_marketing(shop: Deployment) -> None:
    """The basis of the pack's newsletter is her consent: only her own yes that saw it counts."""
    own(shop).object("newsletter")
    refused(lambda: own(shop).answer({"newsletter": True}, **WEB), shop, "ground.stale")


def test_a_receipt_with_one_byte_changed(shop: Deployment) -> None:
    document = own(shop).answer({RECS: True}, **WEB).document
    assert verify_receipt(document).ok
    for at in range(0, len(document), 97):
        for changed in (bytes([document[at] ^ 1]), b"", b" "):
            forged = document[:at] + changed + document[at + 1 :]
            if forged != document:
                assert not verify_receipt(forged).ok, at


def test_a_withdrawal_while_a_model_trains(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(RECS)
    for number in range(24):
        own(shop, f"p{number}").answer({RECS: True}, **WEB)
        web.record(f"p{number}", "view", event_id=f"v{number}", item="kettle")
    published = publication.publish

    def publish(*args: Any, **more: Any) -> Any:
        own(shop, "p3").withdraw(RECS)
        return published(*args, **more)

    models = shop.principal("n", roles=["trainer"]).purpose(RECS).models
    method = Popularity(event="view", by="item")
    with monkeypatch.context() as patched:
        patched.setattr(publication, "publish", publish)
        raced = models.train("popular", method)
    assert raced.subjects == 23
    assert raced.digest == models.train("popular", method).digest
    (record,) = [
        b
        for _, b in shop._parts.log.leaves(0, 10_000)
        if b["kind"] == "model"
        and b["digest"] == raced.digest.hex()
        and b["version"] == raced.version
    ]
    assert record["contributors"] == 23
