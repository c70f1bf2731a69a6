"""What embedders test with: the real stores, a clock, people who agreed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from privet.errors import AccessDenied, InvalidInput
from privet.testing import FakeClock, agrees, deployment

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_a_clock_stands_until_it_is_moved() -> None:
    clock = FakeClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(timedelta(days=-1))
    assert clock.now() == START - timedelta(days=1)
    clock.set(START)
    assert clock.now() == START


@pytest.mark.parametrize("act", [FakeClock, FakeClock(START).set])
def test_a_clock_refuses_a_naive_time(act: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        act(datetime(2026, 3, 2))  # type: ignore[operator]
    assert refusal.value.reason == "time.naive"


def test_people_agree_to_consents_and_contracts(tmp_path: Path) -> None:
    with deployment(tmp_path, clock=FakeClock(START)) as d:
        ada = agrees(d, "ada-lovelace", "orders", "recommendations")
        assert ada.consent.state() == {
            "orders": "active",
            "recommendations": "active",
            "newsletter": "none",
        }
        till = d.principal("till", roles=["storefront"]).purpose("orders")
        assert till.record("ada-lovelace", "purchase", item="a", order="1", quantity=1, value=2).new


def test_a_consent_lapses_on_the_fake_clock(tmp_path: Path) -> None:
    clock = FakeClock(START)
    with deployment(tmp_path, clock=clock) as d:
        ada = agrees(d, 4711, "recommendations")
        clock.advance(timedelta(days=366))
        assert ada.consent.state()["recommendations"] == "lapsed"


def test_a_deployment_is_found_again(tmp_path: Path) -> None:
    with deployment(tmp_path) as d:
        agrees(d, "ada-lovelace", "orders")
    with deployment(tmp_path) as d:
        assert d.subject("ada-lovelace", proof="x").consent.state()["orders"] == "active"


def test_the_environment_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVET_KEYRING", "file:/nowhere/at/all")
    monkeypatch.setenv("PRIVET_HOME", "/nowhere/at/all")
    with deployment(tmp_path) as d:
        assert d.home == str(tmp_path / "home")


def test_nobody_agrees_to_a_legitimate_interest(tmp_path: Path) -> None:
    with deployment(tmp_path, "pack:grocery") as d:
        with pytest.raises(InvalidInput) as refusal:
            agrees(d, "ada-lovelace", "recommendations", "analytics")
        assert refusal.value.reason == "ground.kind"
        with pytest.raises(AccessDenied):
            agrees(d, "ada-lovelace", "profiling")
        assert d.subject("ada-lovelace", proof="x").consent.state()["recommendations"] == "none"
