"""``privet consent object|objections|uphold|overrule``."""

from __future__ import annotations

import pytest

GIVEN = ("--channel", "letter", "--evidence", "scan")


@pytest.fixture
def grocer(cli, monkeypatch):
    assert cli("init", "--policy", "pack:grocery", "--home", "home").code == 0
    monkeypatch.setenv("PRIVET_HOME", "home")
    assert cli("consent", "begin", "ada", "orders").code == 0
    return cli


def test_an_objection_is_recorded_listed_and_decided(grocer):
    ended = grocer("consent", "object", "ada", "analytics", *GIVEN, "--reason", "I work there")
    assert ended.code == 0, ended.err
    listed = grocer("consent", "objections", "--json")
    assert listed.code == 0
    (one,) = listed.json["objections"]
    assert (one["subject"], one["purpose"], one["overdue"]) == (["ada"], "analytics", False)
    assert listed.json["overdue"] == 0
    assert "1 wait, 0 of them overdue" in grocer("consent", "objections").out
    assert grocer("consent", "uphold", "ada", "analytics", "--reason", " ").code == 2
    assert grocer("consent", "overrule", "ada", "analytics", "--reason", "compelling").code == 0
    assert grocer("consent", "objections", "--json").json["objections"] == []
    assert grocer("consent", "show", "ada", "--json").json["purposes"]["analytics"] == "active"


def test_only_who_may_restrict_decides(grocer):
    grocer("consent", "object", "ada", "analytics", *GIVEN)
    for command in (("uphold", "ada", "analytics", "--reason", "x"), ("objections",)):
        assert grocer("consent", *command, "--role", "storefront").code == 3
