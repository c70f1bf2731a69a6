"""Break-glass at the gate: two people, a short time, a loud record; closed in every other case."""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, IntegrityError, InvalidInput, Objected, PrivetError
from privet.gate import emergencies
from privet.gate.read import read
from privet.policy import load

SAFETY = """\
  safety:
    text: Warn you of what may harm you.
    basis: {vital-interests: Warning of what may kill}
    reuses: {orders: {assessment: CA-9}}
    retention: 2y
  aid:
    text: Help you with a lost parcel.
    basis: consent
    reuses: {orders: {assessment: CA-9}}
    retention: 2y

roles:
  support: {}
"""
PERMITS = """\
permits:
  - {id: warn, role: support, for: safety, may: [read, derive], fields: [profile.email, purchase.*], break_glass: {minutes: 30, second: [privacy-desk]}}
  - {id: help, role: support, for: aid, may: [read], fields: [profile.email], break_glass: {minutes: 60, second: [privacy-desk]}}
  - {id: look, role: storefront, for: safety, may: [read], fields: [profile.email], break_glass: {minutes: 30, second: [privacy-desk]}}
"""  # noqa: E501
APART = "separate: [[support, privacy-desk], [storefront, privacy-desk]]\n"
WHY = "A recall: the kettle may burn."
LOUD = "privet"


def documents() -> dict[str, str]:
    texts = dict(load("pack:shop").documents)
    policy = texts["policy"]
    for old, new in (
        ("\nroles:\n", f"\n{SAFETY}"),
        ("permits:\n", f"{APART}{PERMITS}"),
        (
            "assessments:\n",
            "assessments:\n  CA-9: {is: compatibility, text: A life is at stake.}\n",
        ),
    ):
        assert old in policy
        policy = policy.replace(old, new, 1)
    return {**texts, "policy": policy}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "policy"
    place.mkdir()
    for name, text in documents().items():
        (place / f"{name}.yaml").write_text(text)
    return place


@pytest.fixture
def shop(where: str, directory: Path, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        where, policy=directory, keyring=keyring, clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        till = opened.principal("till", roles=["storefront"])
        for person in ("ada", "bob"):
            till.consent.begin(person, "orders")
            till.purpose("orders").describe(person, email=f"{person}@example.com")
            till.purpose("orders").record(
                person, "purchase", order=f"{person}-1", item="kettle", quantity=1, value="9.99"
            )
        yield opened


def anna(shop: Deployment) -> Any:
    return shop.principal("anna", roles=["support"])


def desk(shop: Deployment, name: str = "dora") -> Any:
    return shop.principal(name, roles=["privacy-desk"])


def opened(shop: Deployment, permit: str = "warn") -> Any:
    """Anna under an emergency that Dora confirmed."""
    asked = anna(shop).emergencies.ask(permit, reason=WHY)
    desk(shop).emergencies.confirm(asked.number)
    return anna(shop).break_glass(asked.number)


def email(principal: Any, person: str = "ada", purpose: str = "safety") -> str:
    return str(principal.purpose(purpose).profile(person, "email")["email"])


def refused(reason: str, call: Any) -> None:
    with pytest.raises(PrivetError) as caught:
        call()
    assert caught.value.reason == reason


def records(shop: Deployment) -> list[dict[str, Any]]:
    return [body for _, body in shop._parts.log.leaves(0, 10_000)]


def test_two_people_open_it_and_every_read_names_it(shop: Deployment) -> None:
    refused("emergency.refused", lambda: email(anna(shop)))
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    assert (asked.state, asked.permit, asked.purpose) == ("asked", "warn", "safety")
    refused("emergency.closed", lambda: anna(shop).break_glass(asked.number))
    done = desk(shop).emergencies.confirm(asked.number)
    assert (done.state, done.reason) == ("open", WHY)
    under = anna(shop).break_glass(asked.number)
    assert email(under) == "ada@example.com"
    refused("emergency.refused", lambda: email(anna(shop)))  # not by the way, only under it
    history = desk_history(shop)
    (named,) = [r for r in history if r.get("emergency") == asked.number and r["kind"] == "access"]
    assert named["permits"] == ["warn"]
    hers = shop.subject("ada", proof="t").rights.access()["reads"]
    assert [r for r in hers if r.get("emergency") == asked.number]


def desk_history(shop: Deployment, person: str = "ada") -> list[dict[str, Any]]:
    history: list[dict[str, Any]] = shop.principal("rev", roles=["auditor"]).audit.history(person)
    return history


def test_confirmation_stands_in_the_log_before_anything_is_opened(shop: Deployment) -> None:
    email(opened(shop))
    kinds = [
        (body["kind"], body.get("step", {}).get("is", ""))
        for body in records(shop)
        if body["kind"] == "emergency" or body.get("emergency")
    ]
    assert kinds == [("emergency", "asked"), ("emergency", "confirmed"), ("access", "")]
    steps = [body for body in records(shop) if body["kind"] == "emergency"]
    assert steps[0]["who"] != steps[1]["who"]


def test_nobody_confirms_her_own(shop: Deployment) -> None:
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    for roles in (["privacy-desk"], ["support"], ["auditor"], ["operator"]):
        herself = shop.principal("anna", roles=roles)
        refused("emergency.second", lambda who=herself: who.emergencies.confirm(asked.number))
    for roles in (["support"], ["auditor"], ["operator"], ["storefront"], ["trainer"]):
        other = shop.principal("eve", roles=roles)
        refused("emergency.second", lambda who=other: who.emergencies.confirm(asked.number))
    with pytest.raises(AccessDenied):  # kept apart
        shop.principal("eve", roles=["support", "privacy-desk"])
    denials = [b for b in records(shop) if b.get("reason") == "emergency.second"]
    assert len(denials) == 9
    refused("emergency.closed", lambda: anna(shop).break_glass(asked.number))


def test_it_is_hers_alone_and_of_its_role_alone(shop: Deployment) -> None:
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    desk(shop).emergencies.confirm(asked.number)
    eve = shop.principal("eve", roles=["support"])
    refused("emergency.closed", lambda: eve.break_glass(asked.number))
    forged = shop.principal("eve", roles=["support"])
    forged._caller = replace(forged._caller, emergency=asked.number)
    refused("emergency.refused", lambda: email(forged))
    elsewhere = shop.principal("anna", roles=["storefront"]).break_glass(asked.number)
    refused("emergency.refused", lambda: email(elsewhere))
    for number in (0, -1, 10**9, "1", None, True, 1.5):
        refused("emergency.closed", lambda n=number: anna(shop).break_glass(n))
    refused("emergency.permit", lambda: anna(shop).emergencies.ask("look", reason=WHY))
    refused("emergency.permit", lambda: anna(shop).emergencies.ask("take-orders", reason=WHY))
    refused("emergency.permit", lambda: anna(shop).emergencies.ask("none", reason=WHY))


def test_it_opens_what_its_permit_lists(shop: Deployment) -> None:
    under = opened(shop, "help")
    shop.subject("ada", proof="t").consent.answer({"aid": True}, notice="n", how="web")
    assert email(under, purpose="aid") == "ada@example.com"
    refused("emergency.refused", lambda: email(under))  # the other permit is still closed


def test_it_ends_by_itself_and_a_clock_set_back_prolongs_nothing(
    shop: Deployment, clock: Any
) -> None:
    under = opened(shop)
    clock.advance(timedelta(minutes=29, seconds=59))
    assert email(under)
    clock.advance(timedelta(seconds=1))
    refused("emergency.refused", lambda: email(under))
    clock.advance(timedelta(minutes=-4))  # within what clocks may differ
    refused("emergency.refused", lambda: email(under))
    clock.advance(timedelta(hours=-2))
    with pytest.raises(PrivetError):
        email(under)


def test_a_request_waits_no_longer_than_it_would_be_open(shop: Deployment, clock: Any) -> None:
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    clock.advance(timedelta(minutes=30))
    refused("emergency.over", lambda: desk(shop).emergencies.confirm(asked.number))
    (told,) = anna(shop).emergencies.list()
    assert told.state == "lapsed"


def test_a_confirmation_counts_once(shop: Deployment, clock: Any) -> None:
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    first = desk(shop).emergencies.confirm(asked.number)
    clock.advance(timedelta(minutes=20))
    refused("emergency.confirmed", lambda: desk(shop).emergencies.confirm(asked.number))
    refused("emergency.confirmed", lambda: desk(shop, "finn").emergencies.confirm(asked.number))
    (told,) = desk(shop).emergencies.list()
    assert told.until == first.until
    # A record of it that was appended again all the same changes nothing.
    permit = shop._parts.policy.permits["warn"]
    leaf = {"is": "confirmed", "of": asked.number}
    emergencies._append(shop._parts, desk(shop, "finn")._caller, permit, leaf)
    (again,) = desk(shop).emergencies.list()
    assert (again.until, again.confirmed_by) == (first.until, told.confirmed_by)
    clock.advance(timedelta(minutes=10))
    refused("emergency.confirmed", lambda: desk(shop).emergencies.confirm(asked.number))
    refused("emergency.closed", lambda: anna(shop).break_glass(asked.number))


def test_it_can_be_ended_and_that_holds_at_the_next_chunk(shop: Deployment) -> None:
    under = opened(shop)
    number = under._caller.emergency
    snos = [int(s) for s in shop._parts.subjects.find(["ada", "bob"])]
    reading = read(shop._parts, under._caller, "safety", "derive", ["purchase.item"], snos)
    from pyroaring import BitMap

    assert len(reading.open(BitMap(snos[:1])).events["purchase"].subjects) == 1
    desk(shop).emergencies.end(number)
    with_two = reading.open(BitMap(snos)).events["purchase"]
    assert len(with_two.subjects) == 0
    assert not reading.left()
    refused("emergency.refused", lambda: email(under))
    refused("emergency.over", lambda: desk(shop).emergencies.end(number))
    refused("emergency.confirmed", lambda: desk(shop).emergencies.confirm(number))


def test_a_request_is_refused_by_whoever_may_confirm_it(shop: Deployment) -> None:
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    eve = shop.principal("eve", roles=["support"])
    refused("emergency.second", lambda: eve.emergencies.end(asked.number))
    assert desk(shop).emergencies.end(asked.number).state == "ended"
    refused("emergency.over", lambda: desk(shop).emergencies.confirm(asked.number))


def test_a_person_who_said_no_is_not_read_but_on_vital_interests(shop: Deployment) -> None:
    helping, warning = opened(shop, "help"), opened(shop)
    own = shop.subject("ada", proof="t").consent
    refused("ground.missing", lambda: email(helping, purpose="aid"))
    own.answer({"aid": True}, notice="n", how="web")
    assert email(helping, purpose="aid")
    own.withdraw("aid")
    refused("ground.withdrawn", lambda: email(helping, purpose="aid"))
    assert email(warning)  # Art. 6(1)(d) needs no consent
    desk(shop).consent.restrict("ada", reason="accuracy")
    with pytest.raises(Objected):
        email(warning)
    desk(shop).consent.lift("ada", reason="settled")
    desk(shop).rights.erase("ada")
    with pytest.raises(PrivetError):
        email(warning)


BAD_REASONS = (
    "", " ", "x", "urgent", "because of bob", "ada bought it", "mail to someone@example.com now",
    "a line\nbreak", "x" * 1001, "a b" * 500, None, 7,
)  # fmt: skip


def test_a_reason_says_something_and_names_nobody(shop: Deployment) -> None:
    for reason in BAD_REASONS:
        with pytest.raises(InvalidInput):
            anna(shop).emergencies.ask("warn", reason=reason)  # type: ignore[arg-type]
    assert not [b for b in records(shop) if b["kind"] == "emergency"]


def test_the_reason_is_sealed_and_shown_to_those_concerned(
    shop: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "Zanzibar kettle recall"
    with caplog.at_level(logging.DEBUG, logger="privet"):
        asked = anna(shop).emergencies.ask("warn", reason=canary)
        desk(shop).emergencies.confirm(asked.number)
    everything = json.dumps([str(body) for body in records(shop)]) + caplog.text
    with shop._parts.home.data.read() as tx:
        everything += str(tx.all("SELECT * FROM emergency"))
    assert "Zanzibar" not in everything
    assert "Zanzibar" not in repr(asked)
    assert [e.reason for e in desk(shop).emergencies.list()] == [canary]
    auditor = shop.principal("rev", roles=["auditor"])
    assert [e.reason for e in auditor.audit.emergencies()] == [canary]
    assert shop.principal("eve", roles=["support"]).emergencies.list() == []
    with pytest.raises(AccessDenied):
        anna(shop).audit.emergencies()


def test_it_is_loud(shop: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger=LOUD):
        under = opened(shop)
        refused("emergency.second", lambda: anna(shop).emergencies.confirm(under._caller.emergency))
    told = [(r.levelname, json.loads(r.message)["event"]) for r in caplog.records]
    assert told == [
        ("WARNING", "emergency.asked"),
        ("ERROR", "emergency.open"),
        ("WARNING", "emergency.refused"),
    ]
    assert finding(shop).state == "warn"
    desk(shop).emergencies.end(under._caller.emergency)
    assert (finding(shop).state, finding(shop).what) == ("ok", "none is open; 1 were")


def finding(shop: Deployment) -> Any:
    (found,) = [f for f in shop.maintenance.examine() if f.check == "emergencies"]
    return found


FORGED = (
    "UPDATE emergency SET until = until + 3600000000",
    "UPDATE emergency SET ended = 0, second = 'p-0', confirmed = 9, until = asked + 999999999999",
    "UPDATE emergency SET minutes = 480",
    "UPDATE emergency SET permit = 'help'",
    "UPDATE emergency SET who = second, second = who",
    "UPDATE emergency SET seq = seq + 1",
    "UPDATE emergency SET mac = {empty}",
)


def test_a_forged_row_opens_nothing(shop: Deployment) -> None:
    for forged in FORGED:
        under = opened(shop)
        empty = "''" if shop._parts.home.data.dialect == "sqlite" else "'\\x00'"
        with shop._parts.home.data.write() as tx:
            tx.run(forged.format(empty=empty))
        with pytest.raises((IntegrityError, AccessDenied)):
            email(under)
        if "seq" not in forged:
            assert finding(shop).state == "fail"
        with shop._parts.home.data.write() as tx:
            tx.run("DELETE FROM emergency")


def test_a_row_that_was_deleted_is_closed(shop: Deployment) -> None:
    under = opened(shop)
    with shop._parts.home.data.write() as tx:
        tx.run("DELETE FROM emergency")
    refused("emergency.refused", lambda: email(under))


def test_a_crash_between_the_log_and_the_store_is_made_good(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> int:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(emergencies, "catch_up", crash)
        with pytest.raises(RuntimeError):
            anna(shop).emergencies.ask("warn", reason=WHY)
    shop.subject("bob", proof="t").consent.answer({"aid": True}, notice="n", how="web")
    (told,) = anna(shop).emergencies.list()  # caught up; the reason is gone, so it stays closed
    assert (told.state, told.reason) == ("asked", "")
    refused("emergency.reason", lambda: desk(shop).emergencies.confirm(told.number))
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    with monkeypatch.context() as patched:
        patched.setattr(emergencies, "catch_up", crash)
        with pytest.raises(RuntimeError):
            desk(shop).emergencies.confirm(asked.number)
    refused("emergency.closed", lambda: anna(shop).break_glass(asked.number))
    shop.subject("bob", proof="t").consent.withdraw("aid")
    assert email(anna(shop).break_glass(asked.number))


def test_another_policy_closes_it(
    shop: Deployment, directory: Path, where: str, tmp_path: Path, clock: Any
) -> None:
    under = opened(shop)
    text = (directory / "policy.yaml").read_text()
    (directory / "policy.yaml").write_text(text.replace("minutes: 30", "minutes: 31"))
    shop.principal("ops", roles=["operator"]).admin.activate(directory)
    refused("policy.replaced", lambda: email(under))
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(where, keyring=keyring, clock=clock, sync="OFF") as other:
        number = under._caller.emergency
        refused("emergency.closed", lambda: anna(other).break_glass(number))
        forged = anna(other)
        forged._caller = replace(forged._caller, emergency=number)
        refused("emergency.refused", lambda: email(forged))
        refused("emergency.over", lambda: desk(other).emergencies.end(number))


def test_another_process_opens_and_ends_it(
    where: str, shop: Deployment, tmp_path: Path, directory: Path
) -> None:
    if shop._parts.home.data.dialect != "sqlite":
        pytest.skip("the same path; one database is enough for the cost")
    asked = anna(shop).emergencies.ask("warn", reason=WHY)
    context = multiprocessing.get_context("spawn")
    for work in ("confirm", "end"):
        told = context.Queue()
        one = context.Process(
            target=_elsewhere, args=(told, where, str(tmp_path / "k"), work, asked.number)
        )
        one.start()
        assert told.get(timeout=60) == {"confirm": "open", "end": "ended"}[work]
        one.join()
        if work == "confirm":
            under = anna(shop).break_glass(asked.number)
            assert email(under)
    refused("emergency.refused", lambda: email(under))


def _elsewhere(told: Any, where: str, keys: str, work: str, number: int) -> None:
    from datetime import UTC, datetime

    from privet.testing import FakeClock

    clock = FakeClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    with open_deployment(where, keyring=f"file:{keys}", clock=clock, sync="OFF") as shop:
        done = getattr(desk(shop).emergencies, work)(number)
        told.put(done.state)


def test_two_who_confirm_at_once_open_it_once(shop: Deployment) -> None:
    from concurrent.futures import ThreadPoolExecutor

    asked = anna(shop).emergencies.ask("warn", reason=WHY)

    def confirm(name: str) -> str:
        try:
            return desk(shop, name).emergencies.confirm(asked.number).state
        except InvalidInput as error:
            return error.reason

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(confirm, [f"d{n}" for n in range(6)]))
    assert outcomes == ["emergency.confirmed"] * 5 + ["open"]


def test_the_log_is_replayed_with_what_was_open(
    shop: Deployment, directory: Path, clock: Any
) -> None:
    since = clock.now()
    email(opened(shop))
    clock.advance(timedelta(days=1))
    auditor = shop.principal("rev", roles=["auditor"]).audit
    assert auditor.replay(directory, since=since).changes == ()
    assert not {"warn", "help", "look"} & set(auditor.unused(2).permits)  # meant to be unused
    text = (directory / "policy.yaml").read_text()
    other = directory.parent / "candidate"
    other.mkdir()
    (other / "data.yaml").write_text((directory / "data.yaml").read_text())
    (other / "policy.yaml").write_text(text.replace("{id: warn,", "{id: alarm,"))
    (change,) = auditor.replay(other, since=since).changes
    assert (change.outcome, change.reason) == ("refused", "emergency.refused")
