"""``privet emergency``: two names open a permit, one process after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from privet.policy import load

SUPPORT = ("--role", "support", "--as", "anna")
DESK = ("--role", "privacy-desk", "--as", "dora")
WARN = (
    "permits:\n  - {id: warn, role: support, for: orders, may: [read], fields: [profile.email], "
    "break_glass: {minutes: 30, second: [privacy-desk]}}\n"
)


@pytest.fixture
def burning(cli, monkeypatch):
    texts = load("pack:shop").documents
    policy = (
        texts["policy"]
        .replace("permits:\n", WARN, 1)
        .replace("roles:\n", "roles:\n  support: {}\n")
    )
    policy = policy.replace("roles:\n", "separate: [[support, privacy-desk]]\nroles:\n", 1)
    for name, text in (("policy", policy), ("data", texts["data"])):
        Path(f"{name}.yaml").write_text(text)
    ended = cli("init", "--policy", "policy.yaml", "--home", "home")
    assert ended.code == 0, ended.err
    monkeypatch.setenv("PRIVET_HOME", "home")
    return cli


def test_it_is_asked_confirmed_listed_and_ended(burning):
    asked = burning("emergency", "ask", "warn", "--reason", "A lost parcel", *SUPPORT, "--json")
    assert (asked.code, asked.json["state"]) == (0, "asked"), asked.err
    number = str(asked.json["number"])
    assert burning("emergency", "confirm", number, *SUPPORT).code == 3
    assert (
        burning("emergency", "confirm", number, "--role", "privacy-desk", "--as", "anna").code == 3
    )
    listed = burning("emergency", "list", *DESK, "--json").json
    assert [(one["state"], one["reason"]) for one in listed] == [("asked", "A lost parcel")]
    assert "is open" in burning("emergency", "confirm", number, *DESK).out
    assert burning("emergency", "confirm", number, *DESK).code == 2
    assert burning("doctor", "--json").json["ok"]
    assert "1 open" in burning("doctor").out
    assert "is ended" in burning("emergency", "end", number, *DESK).out
    assert burning("emergency", "list", "--all", *SUPPORT).code == 3
    everything = burning("emergency", "list", "--all", "--role", "auditor", "--as", "rev")
    assert "A lost parcel" in everything.out


def test_who_acts_must_be_said(burning):
    assert burning("emergency", "ask", "warn", "--reason", "A lost parcel").code == 2
    assert burning("emergency", "ask", "warn", "--reason", "bob", *SUPPORT).code == 2
    assert (
        burning("emergency", "ask", "take-orders", "--reason", "A lost parcel", *SUPPORT).code == 3
    )


def test_the_policy_shows_what_is_for_an_emergency(burning):
    shown = burning("policy", "show", "policy.yaml").out
    assert "warn only in an emergency: 30 minutes, once privacy-desk confirmed" in shown
    told = burning("policy", "show", "policy.yaml", "--json").json
    (warn,) = [p for p in told["permits"] if p["id"] == "warn"]
    assert warn["break_glass"] == {"minutes": 30, "second": ["privacy-desk"]}
