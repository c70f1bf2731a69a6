# ruff: noqa: E501 (documents stand as an author would write them)
"""All law packs in one policy: each holds for the people of its place, all where nobody knows."""

from __future__ import annotations

import pytest

from privet.errors import PolicyError
from privet.policy import Ask, Circumstances, Policy, compile_documents, load, packs, pin, run_tests
from privet.policy.children import own_consent
from privet.review import coverage, diff, lint

LAWS = [name for name in packs() if load(f"pack:{name}").protects]

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: UTC
categories: {transaction: {}, demographic: {}, health: {special: true}}
profile:
  age: {type: int, category: demographic, optional: true}
  allergy: {type: text, category: health, optional: true}
events:
  purchase:
    unique: [order]
    fields: {order: {type: id, category: transaction}, item: {type: item, category: transaction}}
"""

POLICY = """\
privet: policy/1
name: everywhere
data: data.yaml
imports: [IMPORTS]
controller: {name: Example Shop, contact: privacy@example.com, officer: officer@example.com}
recipients:
  partner: {is: controller, country: US, contract: T-1, safeguard: Standard contractual clauses, receives: [purchase.item, profile.allergy]}
assessments:
  C-1: {is: compatibility, text: It was compared.}
  L-1: {is: legitimate-interest, text: It was weighed.}
purposes:
  orders: {text: Take your orders., basis: {contract: account}, retention: 1y}
  counts: {text: Count what sells., basis: {legitimate-interest: L-1}, retention: 1y, reuses: {orders: {assessment: C-1}}, recipients: [partner]}
  sharing:
    text: Share what you bought with partners.
    basis: {opt-out: Cal. Civ. Code 1798.120, where: [US-CA]}
    reuses: {orders: {assessment: C-1}}
    recipients: [partner]
    retention: 1y
  sharing-agreed: {parent: sharing, basis: consent, reuses: {orders: {assessment: C-1}}, recipients: [partner]}
  care: {text: Remember allergies and tell partners., basis: consent, retention: 1y, recipients: [partner]}
roles: {clerk: {}}
permits:
  - {id: take, role: clerk, for: orders, may: [collect, read], fields: [purchase.*, profile.age]}
  - {id: count, role: clerk, for: counts, may: [derive], fields: [purchase.item]}
  - {id: tell, role: clerk, for: counts, may: [export], fields: [purchase.item], to: [partner]}
  - {id: share, role: clerk, for: sharing, may: [export], fields: [purchase.item], to: [partner]}
  - {id: share-agreed, role: clerk, for: sharing-agreed, may: [export], fields: [purchase.item], to: [partner]}
  - {id: keep-care, role: clerk, for: care, may: [collect, read], fields: [profile.allergy]}
  - {id: tell-care, role: clerk, for: care, may: [export], fields: [profile.allergy], to: [partner]}
tests:
  - {name: orders need a contract, as: clerk, for: orders, may: read, fields: [purchase.*], then: ConsentMissing}
  - {name: counts in the Union, given: {jurisdiction: DE}, as: clerk, for: counts, may: derive, fields: [purchase.item], then: allow}
  - {name: told in the Union, given: {jurisdiction: DE}, as: clerk, for: counts, may: export, fields: [purchase.item], to: partner, then: allow}
  - {name: shared in California, given: {jurisdiction: US-CA, age: 16}, as: clerk, for: sharing, may: export, fields: [purchase.item], to: partner, then: allow}
  - {name: asked elsewhere, as: clerk, for: sharing-agreed, may: export, fields: [purchase.item], to: partner, then: ConsentMissing}
  - {name: allergies, given: {agreed: [care]}, as: clerk, for: care, may: read, fields: [profile.allergy], then: allow}
  - {name: allergies told, given: {agreed: [care], jurisdiction: US}, as: clerk, for: care, may: export, fields: [profile.allergy], to: partner, then: allow}
"""


def everywhere(*laws: str, edit: tuple[str, str] = ("", "")) -> Policy:
    pins = ", ".join(pin(name) for name in laws)
    policy = (
        POLICY.replace("IMPORTS", pins).replace(*edit)
        if edit[0]
        else POLICY.replace("IMPORTS", pins)
    )
    return compile_documents({"policy": policy, "data": DATA})


@pytest.fixture(scope="module")
def policy() -> Policy:
    return everywhere(*LAWS)


def may(policy: Policy, purpose: str, action: str, **known: object) -> bool:
    field = "profile.allergy" if purpose == "care" else "purchase.item"
    to = "partner" if action == "export" else None
    ask = Ask(frozenset({"clerk"}), purpose, action, frozenset({field}), to)
    return policy.decide(ask, Circumstances(**known)).allowed  # type: ignore[arg-type]


def test_all_of_them_compose_and_pass_their_tests(policy: Policy) -> None:
    assert {"ccpa-cpra", "gdpr", "lgpd", "pipeda"} <= {pack.name for pack in policy.imports}
    assert all(result.passed for result in run_tests(policy))
    assert coverage(policy).untouched == {"permits": [], "denies": [], "purposes": []}
    assert lint(policy) == ()


def test_what_they_say_alike_is_one_rule(policy: Policy) -> None:
    built_in = [name for name, permit in policy.permits.items() if ":" in permit.purpose]
    assert sorted(built_in) == [
        "desk-consent",
        "desk-rights",
        "operate",
        "own-consent",
        "own-rights",
        "prove",
    ]


@pytest.mark.parametrize(
    ("place", "counts", "told", "care"),
    [
        ("DE", True, True, True),
        ("US-CA", True, False, True),
        ("US-NY", True, True, True),
        ("US", True, False, True),  # she may be a Californian
        ("BR", True, False, False),
        ("CA", False, False, True),
        ("CA-QC", False, False, True),
        ("JP", True, True, True),
        (None, False, False, False),
    ],
)
def test_each_law_holds_for_its_people(
    policy: Policy, place: str | None, counts: bool, told: bool, care: bool
) -> None:
    assert may(policy, "counts", "derive", jurisdiction=place) is counts
    assert may(policy, "counts", "export", jurisdiction=place) is told
    assert may(policy, "care", "export", jurisdiction=place) is care


def test_ages_count_where_a_law_looks_at_them(policy: Policy) -> None:
    def shared(place: str | None, age: int) -> bool:
        return may(policy, "sharing", "export", jurisdiction=place, age=(age, age))

    assert [shared("US-CA", age) for age in (12, 15, 16, 40)] == [False, False, True, True]
    assert shared("DE", 15)  # no rule of California; that it stands nowhere else, the ledger says
    assert [shared(None, age) for age in (15, 16)] == [False, True]
    told = [may(policy, "counts", "export", jurisdiction="BR", age=(age, age)) for age in (11, 12)]
    assert told == [False, True]


def test_the_age_of_an_own_consent_is_that_of_the_place(policy: Policy) -> None:
    ages = [own_consent(code, policy.own_consent).years for code in ("US-CA", "BR", "CA", "DE", "")]
    assert ages == [13, 12, 16, 16, 16]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (", officer: officer@example.com", "", "lgpd-officer"),
        (", contract: T-1", "", "ccpa-agreements"),
        (", safeguard: Standard contractual clauses", "", "lgpd-transfers"),
        ("where: [US-CA]", "where: [US-CA, BR]", "lgpd-grounds"),
    ],
)
def test_the_strictest_of_all_requirements_holds(old: str, new: str, rule: str) -> None:
    with pytest.raises(PolicyError) as caught:
        everywhere(*LAWS, edit=(old, new))
    assert any(f"`{rule}`" in str(problem["what"]) for problem in caught.value.problems)


def test_a_rule_of_a_law_is_overridden_by_name_and_told() -> None:
    own = "denies:\n  - {id: ccpa-minors, text: We know that all are grown up., kinds: [opt-out], when: {age_under: 13}}\ntests:"
    with pytest.raises(PolicyError) as caught:
        everywhere("ccpa-cpra", edit=("tests:", own))
    (problem,) = caught.value.problems
    assert problem["what"] == "the pack `ccpa-cpra` has a deny `ccpa-minors` already"
    listed = everywhere("ccpa-cpra", edit=("tests:", f"overrides: [ccpa-minors]\n{own}"))
    assert may(listed, "sharing", "export", jurisdiction="US-CA", age=(14, 14))
    assert [warning["what"] for warning in listed.warnings] == [
        "`ccpa-minors` denies less than the pack `ccpa-cpra`"
    ]


def test_what_a_law_changes_is_told_in_a_sentence() -> None:
    texts = load("pack:grocery").documents
    line = f"  - {pin('gdpr')}\n"
    assert line in texts["policy"]
    more = "".join(f"  - {pin(name)}\n" for name in ("ccpa-cpra", "lgpd", "pipeda"))
    policy = texts["policy"].replace(line, line + more)
    wider = compile_documents({**texts, "policy": policy})
    told = diff(load("pack:grocery"), wider)
    (change,) = told.changes
    assert change.sentence == (
        "analyst and marketer may no longer derive purchase.store and purchase.value for analytics"
        " (in CA or in an unknown place)"
    )
