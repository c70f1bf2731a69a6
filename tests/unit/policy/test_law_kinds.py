# ruff: noqa: E501 (documents stand as an author would write them)
"""Rules of laws that name purposes by what they are: several kinds at once, parts, requirements."""

from __future__ import annotations

import pytest

from privet.errors import PolicyError
from privet.policy import Ask, Circumstances, Policy, compile_documents, load

DATA = """\
privet: data/1
subject: {is: account, id: account}
timezone: America/Los_Angeles
categories: {transaction: {}}
events:
  purchase:
    unique: [order]
    fields: {order: {type: id, category: transaction}, item: {type: item, category: transaction}}
"""

POLICY = """\
privet: policy/1
name: law
data: data.yaml
protects: [US-CA]
controller: {name: Example, contact: privacy@example.com}
recipients:
  mailer: {is: processor, country: US, contract: S-1, receives: [purchase.item]}
  partner: {is: controller, country: US, contract: T-1, receives: [purchase.item]}
  ally: {is: joint-controller, country: US, contract: T-2, receives: [purchase.item]}
assessments:
  L-1: {is: legitimate-interest, text: It was weighed.}
  C-1: {is: compatibility, text: It was compared.}
purposes:
  orders: {text: Take orders., basis: {contract: account}, retention: 1y}
  told: {text: Tell partners., basis: {legitimate-interest: L-1}, recipients: [partner, mailer], retention: 1y, reuses: {orders: {assessment: C-1}}}
  kept: {text: Tell nobody., basis: {legitimate-interest: L-1}, recipients: [mailer], retention: 1y, reuses: {orders: {assessment: C-1}}}
  allied: {text: Tell allies., basis: {legitimate-interest: L-1}, recipients: [ally], retention: 1y, reuses: {orders: {assessment: C-1}}}
  asked: {text: Tell partners., basis: consent, recipients: [partner], retention: 1y, reuses: {orders: {assessment: C-1}}}
  shared: {text: Share., basis: {opt-out: A law, where: [WHERE]}, retention: 1y, reuses: {orders: {assessment: C-1}}}
  shared-asked: {parent: shared, basis: consent, reuses: {orders: {assessment: C-1}}}
  marketing: {text: Send offers., basis: consent, direct_marketing: true, retention: 1y, reuses: {orders: {assessment: C-1}}}
  letters: {parent: marketing, basis: consent, reuses: {orders: {assessment: C-1}}}
roles: {clerk: {}}
permits:
  - {id: take, role: clerk, for: orders, may: [collect, read], fields: [purchase.*]}
  - {id: tell, role: clerk, for: told, may: [read], fields: [purchase.item]}
  - {id: keep, role: clerk, for: kept, may: [read], fields: [purchase.item]}
  - {id: ally, role: clerk, for: allied, may: [read], fields: [purchase.item]}
  - {id: ask, role: clerk, for: asked, may: [read], fields: [purchase.item]}
  - {id: share, role: clerk, for: shared, may: [read], fields: [purchase.item]}
  - {id: share-asked, role: clerk, for: shared-asked, may: [read], fields: [purchase.item]}
  - {id: market, role: clerk, for: marketing, may: [read], fields: [purchase.item]}
  - {id: write, role: clerk, for: letters, may: [read], fields: [purchase.item]}
denies:
  - {id: law-deny, text: The law says no., KINDS}
REQUIRES
"""


def compiled(
    kinds: str = "roles: [clerk], for: [orders]", requires: str = "", where: str = "US-CA"
) -> Policy:
    text = POLICY.replace("KINDS", kinds).replace("REQUIRES", requires).replace("WHERE", where)
    return compile_documents({"policy": text, "data": DATA})


def refused(policy: Policy) -> set[str]:
    """The purposes for which a Californian's purchases may not be read."""
    known = Circumstances(jurisdiction="US-CA")
    asks = {
        name: Ask(frozenset({"clerk"}), name, "read", frozenset({"purchase.item"}))
        for name in policy.purposes
    }
    return {name for name, ask in asks.items() if not policy.decide(ask, known).allowed}


def why(requires: str, where: str = "US-CA") -> list[str]:
    with pytest.raises(PolicyError) as caught:
        compiled(requires=f"requires: [{requires}]", where=where)
    return [str(problem["what"]) for problem in caught.value.problems]


def test_a_third_party_is_whoever_is_no_processor() -> None:
    assert refused(compiled("kinds: [third-party]")) == {"told", "allied", "asked"}


def test_kinds_name_what_is_all_of_them() -> None:
    assert refused(compiled("kinds: [third-party, legitimate-interest]")) == {"told", "allied"}
    assert refused(compiled("kinds: [consent, contract]")) == set()
    both = "kinds: [third-party, legitimate-interest], for: [allied, asked, kept]"
    assert refused(compiled(both)) == {"allied"}


def test_a_part_has_a_ground_of_its_own() -> None:
    assert refused(compiled("kinds: [opt-out]")) == {"shared"}
    assert refused(compiled("for: [shared]")) == {"shared", "shared-asked"}
    assert refused(compiled("for: [shared], kinds: [consent]")) == {"shared-asked"}


def test_a_part_of_marketing_is_marketing() -> None:
    assert refused(compiled("kinds: [direct-marketing]")) == {"marketing", "letters"}


def test_a_requirement_is_for_what_is_all_of_its_kinds() -> None:
    rule = "{id: law-r, text: So the law., kinds: [third-party, legitimate-interest], basis: [consent]}"
    assert why(rule) == [
        "`told` rests on another ground (`law-r`)",
        "`allied` rests on another ground (`law-r`)",
    ]


GROUNDS = "{id: law-g, text: So the law., basis: [consent, contract, legitimate-interest]}"


@pytest.mark.parametrize("where", ["US-CA", "US", "BR, US-CA"])
def test_what_stands_until_people_opt_out_is_judged_where_it_stands(where: str) -> None:
    assert why(GROUNDS, where) == ["`shared` rests on another ground (`law-g`)"]


@pytest.mark.parametrize("where", ["BR", "US-NY"])
def test_and_not_elsewhere(where: str) -> None:
    assert compiled(requires=f"requires: [{GROUNDS}]", where=where).purposes["shared"].where


def test_whoever_receives_data_is_bound_by_a_contract() -> None:
    rule = "{id: law-c, text: So the law., contracts: true}"
    assert compiled(requires=f"requires: [{rule}]").recipients["partner"].contract == "T-1"
    loose = POLICY.replace(", contract: T-1", "")
    with pytest.raises(PolicyError) as caught:
        compile_documents(
            {
                "policy": loose.replace("KINDS", "for: [orders]")
                .replace("REQUIRES", f"requires: [{rule}]")
                .replace("WHERE", "US-CA"),
                "data": DATA,
            }
        )
    (problem,) = caught.value.problems
    assert problem["what"] == "`partner` is bound by no contract (`law-c`)"
    assert problem["fix"] == "Add `contract`."


def faults_of(pack: str, old: str, new: str) -> list[str]:
    """What is wrong with a pack's own policy once something of it is changed."""
    texts = load(f"pack:{pack}").documents
    assert old in texts["policy"]
    with pytest.raises(PolicyError) as caught:
        compile_documents({"policy": texts["policy"].replace(old, new), "data": texts["data"]})
    return [str(problem["what"]) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("pack", "officer", "rule"),
    [
        ("lgpd", ", officer: encarregado@example.com", "lgpd-officer"),
        ("pipeda", ", officer: privacy.officer@example.com", "pipeda-officer"),
    ],
)
def test_an_officer_must_be_named(pack: str, officer: str, rule: str) -> None:
    assert faults_of(pack, officer, "") == [f"no data protection officer is named (`{rule}`)"]


def test_abroad_needs_a_safeguard() -> None:
    safeguard = 'safeguard: "Standard clauses of Resolução CD/ANPD 19/2024", '
    (what,) = faults_of("lgpd", safeguard, "")
    assert what.startswith("`printer` sits where nothing is known to protect the data")


def test_a_third_party_in_california_has_an_agreement() -> None:
    (what,) = faults_of("ccpa-cpra", ", contract: TPA-1", "")
    assert what == "`partner` is bound by no contract (`ccpa-agreements`)"


def test_silence_is_no_ground_in_brazil() -> None:
    silent = "basis: {opt-out: No law, where: [BR]}"
    told = faults_of("lgpd", "basis: {legitimate-interest: LIA-1}", silent)
    assert "`demand` rests on another ground (`lgpd-grounds`)" in told
