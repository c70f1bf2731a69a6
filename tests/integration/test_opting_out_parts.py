"""Whoever opts out of a purpose is out of its parts, whatever she said before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import InvalidInput, StaleAnswer
from privet.policy import load as load_policy
from privet.subject import OwnConsent, Subject

PURPOSES = """  sharing:
    text: Share what you bought with partners who advertise to you.
    basis: {opt-out: Cal. Civ. Code 1798.120, where: [US-CA]}
    reuses: {orders: {assessment: CA-1}}
    recipients: [mailer]
    retention: 13mo
  sharing-agreed:
    parent: sharing
    basis: consent
    reuses: {orders: {assessment: CA-1}}
    recipients: [mailer]
  sharing-abroad:
    parent: sharing-agreed
    basis: consent
    reuses: {orders: {assessment: CA-1}}
    recipients: [mailer]
"""
PERMITS = "".join(
    f"  - {{id: {name}-out, role: operator, for: {name}, may: [export], "
    "fields: [purchase.item], to: [mailer]}\n"
    for name in ("sharing", "sharing-agreed", "sharing-abroad")
)
WHOLE, PART, DEEP = "sharing", "sharing-agreed", "sharing-abroad"


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A directory for a home; a database on PostgreSQL for a test that says so."""
    if getattr(request, "param", "") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / "home")


@pytest.fixture
def shop(place: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    texts = load_policy("pack:shop").documents
    policy = texts["policy"].replace("\nroles:", f"\n{PURPOSES}\nroles:", 1)
    policy = policy.replace("\ntests:\n", f"{PERMITS}\ntests:\n", 1)
    policy = policy.replace("receives: [profile.email]", "receives: [profile.email, purchase.item]")
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "data.yaml").write_text(texts["data"])
    (folder / "policy.yaml").write_text(policy)
    with open_deployment(
        place, policy=folder, keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        yield opened


@pytest.fixture
def ann(shop: Deployment) -> Subject:
    her = shop.subject("ann", proof="session")
    yes = dict.fromkeys((PART, DEEP, "recommendations"), True)
    her.consent.answer(yes, notice="n-1", how="web", country="US-CA")
    assert states(her) == ("active", "active", "active")
    return her


def states(her: Subject) -> tuple[str, ...]:
    return tuple(her.consent.state(name)[name] for name in (WHOLE, PART, DEEP))


def opt_out(consent: OwnConsent) -> None:
    consent.opt_out(WHOLE, how="gpc")


def withdraw(consent: OwnConsent) -> None:
    consent.withdraw(WHOLE)


def say_no(consent: OwnConsent) -> None:
    consent.answer({WHOLE: False}, notice="", how="web")


@pytest.mark.parametrize("way", [opt_out, withdraw, say_no])
def test_opting_out_of_the_whole_ends_a_yes_to_its_parts(
    ann: Subject, way: Callable[[OwnConsent], None]
) -> None:
    way(ann.consent)
    assert states(ann) == ("opted-out", "withdrawn", "withdrawn")
    assert ann.consent.state("recommendations") == {"recommendations": "active"}


def test_a_desk_that_opts_her_out_does_so_too(shop: Deployment, ann: Subject) -> None:
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    desk.opt_out("ann", WHOLE, channel="letter", evidence="letter 7")
    assert states(ann) == ("opted-out", "withdrawn", "withdrawn")


def test_taking_back_a_yes_to_a_part_leaves_the_whole(ann: Subject) -> None:
    ann.consent.withdraw(PART)
    assert states(ann) == ("active", "withdrawn", "active")


def test_only_a_yes_that_saw_that_she_was_out_gives_a_part_again(ann: Subject) -> None:
    (before,) = ann.consent.ask([PART])
    ann.consent.opt_out(WHOLE, how="gpc")
    with pytest.raises(StaleAnswer):
        ann.consent.answer({PART: True}, notice="n-1", how="web", seen=before["seen"])
    (later,) = ann.consent.ask([PART])
    ann.consent.answer({PART: True}, notice="n-1", how="web", seen=later["seen"])
    assert states(ann) == ("opted-out", "active", "withdrawn")


def test_a_no_and_a_yes_in_one_breath_are_refused_and_nothing_is_kept(ann: Subject) -> None:
    for answers in ({WHOLE: False, DEEP: True}, {DEEP: True, WHOLE: False}):
        with pytest.raises(InvalidInput) as refusal:
            ann.consent.answer(answers, notice="n-1", how="web")
        assert refusal.value.reason == "consent.answer"
    assert states(ann) == ("active", "active", "active")


def test_two_signals_in_one_second_are_one_opt_out(ann: Subject) -> None:
    for _ in range(2):
        ann.consent.opt_out(WHOLE, how="gpc")
    assert states(ann) == ("opted-out", "withdrawn", "withdrawn")


def test_whoever_said_no_to_a_part_is_not_asked_for_a_year(ann: Subject, clock: Any) -> None:
    """Cal. Civ. Code 1798.135(c)(5): below sixteen, she who did not consent is left alone."""
    ann.consent.answer({PART: False, "recommendations": False}, notice="n-1", how="web")
    clock.advance(timedelta(days=364))
    by_name = {one["purpose"]: one for one in ann.consent.ask([PART, DEEP, "recommendations"])}
    assert by_name[PART]["not_before"] is not None
    assert by_name[DEEP]["not_before"] is None  # she never said no to it
    assert by_name["recommendations"]["not_before"] is None  # no part of what people opt out of
    clock.advance(timedelta(days=2))
    assert ann.consent.ask([PART])[0]["not_before"] is None


def test_an_objection_to_the_whole_ends_a_yes_to_its_parts(shop: Deployment, ann: Subject) -> None:
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    desk.object("ann", WHOLE, channel="letter", evidence="letter 8")
    assert states(ann) == ("objected", "withdrawn", "withdrawn")
    ann.consent.object("recommendations")  # a consent of its own: nothing is a part of it
    assert states(ann) == ("objected", "withdrawn", "withdrawn")


def load(shop: Deployment, *rows: tuple[str, str, str]) -> int:
    """Bring in what bob said elsewhere: purpose, kind and day."""
    frame = pd.DataFrame(rows, columns=["purpose", "kind", "at"]).assign(subject="bob")
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    said = {"notice": "n-1", "channel": "old shop", "evidence": "table 3", "country": "US-CA"}
    return desk.load(frame, **said)


def test_an_opt_out_that_is_brought_in_ends_them_too(shop: Deployment) -> None:
    rows = [(PART, "yes", "2026-01-01"), (WHOLE, "opted-out", "2026-02-01")]
    assert load(shop, *rows, (DEEP, "yes", "2026-02-02")) == 5
    bob = shop.subject("bob", proof="session")
    assert states(bob) == ("opted-out", "withdrawn", "active")  # the last yes came after
    with pytest.raises(InvalidInput) as refusal:
        load(shop, *rows)
    assert refusal.value.reason == "import.repeated"


def test_of_what_is_brought_in_of_one_instant_the_opt_out_holds(shop: Deployment) -> None:
    load(shop, (WHOLE, "opted-out", "2026-02-01"), (PART, "yes", "2026-02-01"))
    assert states(shop.subject("bob", proof="session"))[:2] == ("opted-out", "withdrawn")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_on_postgresql_too(ann: Subject) -> None:
    ann.consent.opt_out(WHOLE, how="gpc")
    assert states(ann) == ("opted-out", "withdrawn", "withdrawn")
