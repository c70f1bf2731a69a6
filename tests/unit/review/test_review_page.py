"""The matrix of a policy says what decisions say, on one page without network or script."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from privet.policy import Ask, load, packs
from privet.review.matrix import matrix
from privet.review.page import page


class Reader(HTMLParser):
    """Collects tags with their attributes, and checks that they nest."""

    VOID = ("meta", "br", "link", "img", "input")

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("pack", packs())
def test_a_page_is_whole_silent_and_needs_nothing(pack):
    text = page(load(f"pack:{pack}"))
    tags = read(text).tags
    names = [name for name, _ in tags]
    assert text.startswith("<!DOCTYPE html>")
    assert dict(tags)["html"] == {"lang": "en"}
    assert not {"script", "link", "img", "iframe", "object"} & set(names)
    assert not any(key.startswith("on") or key in {"src", "href"} for _, a in tags for key in a)
    assert "url(" not in text
    assert "@import" not in text
    assert names.count("h1") == 1


def test_tables_can_be_read_aloud_and_scrolled_by_keyboard(grocery):
    tags = read(page(grocery)).tags
    heads = [attrs for name, attrs in tags if name == "th"]
    assert {head["scope"] for head in heads} == {"col", "row"}
    ids = {attrs["id"] for name, attrs in tags if name == "caption"}
    regions = [attrs for _, attrs in tags if attrs.get("role") == "region"]
    assert {region["aria-labelledby"] for region in regions} == ids
    assert all(region["tabindex"] == "0" for region in regions)


def test_a_cell_says_what_decisions_say(grocery):
    found = matrix(grocery)
    (line,) = found.cells["marketer", "analytics"]
    assert (line.actions, line.fields) == (("derive",), "purchase.store and purchase.value")
    assert line.how == "times to the hour, at least 20 people"
    for role in found.roles:
        for purpose in found.purposes:
            told = {a for line in found.cells.get((role, purpose), ()) for a in line.actions}
            for action in ("read", "collect", "train", "derive", "answer", "prove"):
                asked = Ask(frozenset({role}), purpose, action)
                assert grocery.decide(asked).allowed == (action in told), asked


def test_what_a_deny_takes_and_a_condition_limits_is_worked_in(edited):
    deny = "denies:\n  - {id: no-stores, text: Not <b>these</b>., for: [analytics], fields: [purchase.store], when: {jurisdiction: [DE]}}\n"  # noqa: E501
    policy = edited(("tests:\n", f"{deny}tests:\n"))
    lines = matrix(policy).cells["analyst", "analytics"]
    (limited,) = [line for line in lines if line.fields == "purchase.store"]
    assert limited.where == "elsewhere or in the EEA without DE"
    text = page(policy)
    assert "no-stores: Not &lt;b&gt;these&lt;/b&gt;." in text
    assert "only elsewhere" in text
    read(text)


def test_a_role_that_may_nothing_has_a_row_of_nothing(edited):
    found = matrix(edited(("  trainer: {}", "  trainer: {}\n  guest: {}")))
    assert "guest" in found.roles
    assert not any(role == "guest" for role, _ in found.cells)
