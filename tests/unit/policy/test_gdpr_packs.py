# ruff: noqa: E501 (documents stand as an author would write them)
"""The packs of the GDPR and the UK GDPR: what they ask of whoever imports them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from privet.errors import PolicyError
from privet.policy import Ask, Circumstances, Policy, compile_documents, load, pin, run_tests
from privet.policy.children import AGES, STRICTEST
from privet.policy.places import GROUPS
from privet.policy.problems import Problems
from privet.policy.reading import read
from privet.review import diff

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: Europe/Berlin
categories: {contact: {}}
profile:
  email: {type: text, category: contact, optional: true}
  age: {type: int, category: contact, optional: true}
"""

SHOP = """\
privet: policy/1
name: shop
data: data.yaml
imports: [IMPORTS]
controller: {name: Example, contact: privacy@example.com}
recipients:
  mailer: {is: processor, country: IE, contract: DPA-1, receives: [profile.email]}
purposes:
  offers: {text: Send offers., basis: consent, retention: 6mo, direct_marketing: true, recipients: [mailer]}
  credit: {text: Decide on credit., basis: consent, retention: 6mo, automated_decision: significant, human_step: A clerk decides.}
roles: {clerk: {}}
permits:
  - {id: ask, role: clerk, for: offers, may: [collect], fields: ["*"]}
  - {id: offer, role: clerk, for: offers, may: [export], fields: [profile.email], to: [mailer]}
  - {id: decide, role: clerk, for: credit, may: [collect, derive], fields: [profile.email, profile.age]}
"""


def shop(*edits: tuple[str, str], packs: tuple[str, ...] = ("gdpr",)) -> Policy:
    text = SHOP.replace("IMPORTS", ", ".join(map(pin, packs)))
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return compile_documents({"policy": text, "data": DATA})


def the_fault(*edits: tuple[str, str], packs: tuple[str, ...] = ("gdpr",)) -> dict[str, Any]:
    with pytest.raises(PolicyError) as caught:
        shop(*edits, packs=packs)
    (fault,) = caught.value.problems
    return dict(fault)


BOTH = pytest.mark.parametrize(("pack", "law"), [("gdpr", "gdpr"), ("uk-gdpr", "uk")])


@BOTH
def test_marketing_is_no_duty(pack: str, law: str) -> None:
    a_duty = ("offers., basis: consent", "offers., basis: {legal-obligation: None known}")
    fault = the_fault(a_duty, packs=(pack,))
    assert fault["what"] == f"`offers` rests on another ground (`{law}-marketing`)"
    assert "Art. 6(1)" in fault["why"]
    weighed = ("offers., basis: consent", "offers., basis: {legitimate-interest: LIA-1}")
    written = (
        "purposes:",
        "assessments:\n  LIA-1: {is: legitimate-interest, text: Weighed.}\npurposes:",
    )
    assert shop(weighed, written, packs=(pack,)).purposes["offers"].basis == "legitimate-interest"


@BOTH
def test_data_leaves_for_a_place_that_protects_it_or_with_a_safeguard(pack: str, law: str) -> None:
    fault = the_fault(("country: IE", "country: IN"), packs=(pack,))
    assert (
        fault["what"]
        == f"`mailer` sits where nothing is known to protect the data (`{law}-transfers`)"
    )
    assert "safeguard" in fault["fix"]
    named = ("country: IE", "country: IN, safeguard: Standard contractual clauses")
    assert shop(named, packs=(pack,)).recipients["mailer"].safeguard
    assert shop(("country: IE", "country: CH"), packs=(pack,))


def test_frameworks_for_some_companies_are_no_decision_on_a_country() -> None:
    for country in ("US", "CA"):
        assert "gdpr-transfers" in the_fault(("country: IE", f"country: {country}"))["what"]


def test_brazil_is_adequate_for_the_union_and_not_for_the_united_kingdom() -> None:
    to_brazil = ("country: IE", "country: BR")
    assert shop(to_brazil)
    assert "uk-transfers" in the_fault(to_brazil, packs=("uk-gdpr",))["what"]


def decided(policy: Policy, **known: Any) -> tuple[bool, str | None]:
    ask = Ask(frozenset({"clerk"}), "credit", "derive", frozenset({"profile.age"}))
    decision = policy.decide(ask, Circumstances(**known))
    return decision.allowed, decision.deny


def test_machines_decide_nothing_about_children_in_the_union() -> None:
    policy = shop()
    assert decided(policy, jurisdiction="FR", age=(17, 17)) == (False, "gdpr-children")
    assert decided(policy, jurisdiction="FR") == (False, "gdpr-children")
    assert decided(policy, age=(17, 17)) == (False, "gdpr-children")
    assert decided(policy, age=(18, None)) == (True, None)
    assert decided(policy, jurisdiction="US", age=(17, 17)) == (True, None)


def test_both_laws_compose_and_protect_their_own_people() -> None:
    both = shop(packs=("gdpr", "uk-gdpr"))
    assert {pack.name for pack in both.imports} == {"gdpr", "uk-gdpr"}
    assert len(both.permits) == 9  # what both say alike is one rule
    looks = ("roles: {clerk: {}}", "roles: {clerk: {}, head: {inherits: [auditor, clerk]}}")
    policy = shop(looks, packs=("gdpr", "uk-gdpr"))
    ask = Ask(frozenset({"head"}), "offers", "collect", frozenset({"profile.age"}))
    for place, deny in (("DE", "gdpr-auditor"), ("GB", "uk-auditor"), ("US", None)):
        assert policy.decide(ask, Circumstances(jurisdiction=place)).deny == deny
    assert policy.decide(ask).deny == "gdpr-auditor"


def test_ages_of_own_consent_are_those_that_the_gate_asks_for() -> None:
    found: dict[str, int] = {}
    for pack in ("gdpr", "uk-gdpr"):
        document = read(load(f"pack:{pack}").documents["policy"], pack, Problems())
        assert document is not None
        for rule in document.data["requires"]:
            found |= rule.get("own_consent", {})
    assert set(found) == GROUPS["EEA"] | {"GB"}
    assert found == {place: AGES.get(place, STRICTEST).years for place in found}
    assert not load("pack:gdpr").own_consent  # nothing beyond the law's own ages


@pytest.mark.parametrize("pack", ["grocery", "shop"])
def test_importing_the_gdpr_changes_nothing_but_what_it_rightly_adds(pack: str) -> None:
    """Beside the same policy without the pack's denies: an auditor who does other work as well."""
    policy = load(f"pack:{pack}")
    (told,) = policy.imports
    assert (told.name, told.overridden) == ("gdpr", ())
    bare = replace(policy, hash="bare", denies=())
    changes = diff(bare, policy).changes
    assert {change.kind for change in changes} == {"lost"}
    assert all("auditor" in change.sentence for change in changes)
    assert all(result.passed for result in run_tests(policy))
