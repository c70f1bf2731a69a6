# ruff: noqa: E501 (edits stand as an author would write them)
"""Why a request is allowed or refused, and what would allow it; a deny is never lifted."""

from __future__ import annotations

import pytest

from privet.policy import Ask
from privet.policy.trials import Given
from privet.policy.when import UNKNOWN, Circumstances
from privet.review import explain


def ask(role, purpose, action, *fields, to=None) -> Ask:
    roles = role.split("+") if role else []
    return Ask(frozenset(roles), purpose, action, frozenset(fields), to)


TRAIN = ("recommendations", "train")
STORE = ("analyst", "analytics", "derive", "purchase.store")


@pytest.mark.parametrize(
    ("asked", "kind", "line"),
    [
        (ask("trainer", *TRAIN, "purchase.item", "purchase.value"), "permit", "add `purchase.value` to the permit `learn`"),
        (ask("analyst", *TRAIN, "purchase.item"), "role", "give the role `trainer`"),
        (ask("marketer", *TRAIN, "purchase.item"), "role", "let somebody with the role `trainer` do it; nobody may hold it together with `marketer`"),
        (ask("trainer", "recommendations", "derive", "purchase.item"), "permit", "add `derive` to the permit `learn`"),
        (ask("analist", *STORE[1:]), "ask", "ask as `analyst` instead of `analist`"),
        (ask("analyst", "analytic", "derive", "purchase.stor"), "ask", "ask for `analytics` instead of `analytic` and for the field `purchase.store` instead of `purchase.stor`"),
        (ask("marketer", "newsletter", "export", "profile.email"), "ask", "name the recipient: `mailer`"),
        (ask("analyst", "analytics", "derive", "purchase.store", to="mailer"), "ask", "name no recipient"),
        (ask("privacy-desk+auditor", "privet:accountability", "prove"), "ask", "ask as `auditor` alone"),
        (ask("", *STORE[1:]), "role", "give the role `analyst`"),
        (ask("analyst", "analytics", "derive", "view.item"), "permit", "add `view.item` to the permit `store-hours`, and let `analytics` reuse `recommendations` with a written assessment (Art. 6(4))"),
        (ask("storefront", "privet:consent", "restrict"), "permit", "add `restrict` to the permit `begin-contract`"),
        (ask("analist", *TRAIN, "purchase.item"), "role", "ask as `analyst` instead of `analist`, and give the role `trainer`"),
    ],
)  # fmt: skip
def test_the_smallest_change_is_one_line(grocery, asked, kind, line):
    found = explain(grocery, asked)
    assert not found.allowed
    assert (found.remedies[0].kind, found.remedies[0].line) == (kind, line)


def test_nothing_near_is_nothing_to_suggest(grocery):
    assert explain(grocery, ask("zzz", "zzz", "zzz")).remedies == ()


def test_a_refusal_is_one_sentence(grocery):
    found = explain(grocery, ask("trainer", *TRAIN, "purchase.item", "purchase.value"))
    assert found.sentence == (
        "trainer may not train purchase.item and purchase.value for recommendations, "
        "because no permit covers every field asked for: purchase.value"
    )


def test_of_two_equally_short_changes_the_one_that_allows_less_comes_first(grocery):
    found = explain(grocery, ask("storefront", *TRAIN, "purchase.item")).remedies
    assert [r.line for r in found[:2]] == [
        "add `train` to the permit `suggest`",
        "give the role `trainer`",
    ]
    assert found[0].size == found[1].size
    assert found[0].beside < found[1].beside


DENY = (
    "tests:\n",
    "denies:\n  - {id: no-stores, text: Stores are nobody's business., for: [analytics], fields: [purchase.store]}\ntests:\n",
)


def test_a_deny_is_named_with_its_reason_and_never_lifted(edited):
    policy = edited(DENY)
    found = explain(policy, ask(*STORE))
    assert [r.kind for r in found.remedies] == ["deny"]
    assert found.remedies[0].line == (
        "the deny `no-stores` forbids this (Stores are nobody's business): "
        "ask whoever answers for the policy"
    )
    both = explain(policy, ask(*STORE, "purchase.value")).remedies
    assert [r.kind for r in both] == ["ask", "deny"]
    assert both[0].line == "leave out `purchase.store`: the rest is allowed"


@pytest.mark.parametrize("role", ["trainer", "storefront"])
def test_who_would_meet_the_deny_is_not_sent_to_edit_a_permit(edited, role):
    """No permit is what refuses it, but with one the deny would: that is what is said."""
    found = explain(edited(DENY), ask(role, *STORE[1:]))
    assert found.decision.deny is None
    assert [r.kind for r in found.remedies] == ["deny"]
    assert "`no-stores`" in found.remedies[0].line


def conditioned(edited, when: str, *, deny: bool = False):
    if deny:
        line = f"denies:\n  - {{id: minors, text: No children., for: [analytics], when: {when}}}\n"
        return edited(("tests:\n", f"{line}tests:\n"))
    old = "    fields: [purchase.value, purchase.store]\n"
    return edited((old, f"{old}    when: {when}\n"))


@pytest.mark.parametrize("deny", [False, True])
def test_circumstances_that_are_not_known_are_to_be_told(edited, deny):
    when = "{age_under: 16}" if deny else "{age_from: 16}"
    policy = conditioned(edited, when, deny=deny)
    found = explain(policy, ask(*STORE))
    assert found.remedies[0].kind == "tell"
    assert found.remedies[0].line == "it is allowed aged 16 or more: tell what is known of that"
    assert explain(policy, ask(*STORE), Circumstances(age=(30, 30))).allowed
    assert not explain(policy, ask(*STORE), Circumstances(age=(12, 12))).allowed


def person(**more) -> Given:
    usual = {"contract": (), "agreed": (), "withdrawn": (), "objected": ()}
    sets = {k: frozenset(more.get(k, v)) for k, v in usual.items()}
    return Given(**sets, restricted=more.get("restricted", False))


SEND = ask("marketer", "newsletter", "export", "profile.email", to="mailer")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (person(agreed=["newsletter"]), "the person must consent to `segmentation`"),
        (person(), "the person must consent to `newsletter` and the person must consent to `segmentation`"),
        (person(agreed=["newsletter", "segmentation"], withdrawn=["newsletter"]), "the person must consent to `newsletter`"),
        (person(agreed=["newsletter", "segmentation"], objected=["newsletter"]), "she objected to `newsletter`, and that is absolute (Art. 21(3))"),
        (person(agreed=["newsletter", "segmentation"], restricted=True), "her data is restricted (Art. 18): the restriction must be lifted first"),
    ],
)  # fmt: skip
def test_what_a_person_lacks_is_what_she_must_say(grocery, given, line):
    found = explain(grocery, SEND, UNKNOWN, given)
    assert not found.allowed
    assert [r.line for r in found.remedies] == [line]


def test_an_objection_to_an_interest_waits_for_its_decision(grocery):
    found = explain(grocery, ask(*STORE), UNKNOWN, person(objected=["analytics"]))
    assert found.remedies[0].line == (
        "she objected to `analytics`: it waits until that is decided (Art. 21(1))"
    )


def test_a_person_with_her_grounds_is_allowed_and_needs_are_told(grocery):
    found = explain(grocery, SEND, UNKNOWN, person(agreed=["newsletter", "segmentation"]))
    assert found.allowed
    assert found.remedies == ()
    assert found.needs == (
        "the person must consent to `newsletter`",
        "the person must consent to `segmentation`",
    )


def test_an_explanation_is_plain_data(grocery):
    told = explain(grocery, ask("trainer", *TRAIN, "purchase.value")).to_dict()
    assert {"allowed", "reason", "sentence", "needs", "changes", "permits"} <= told.keys()
    assert told["changes"][0].keys() == {"kind", "line", "size", "beside"}
